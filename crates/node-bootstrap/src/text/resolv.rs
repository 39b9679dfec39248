//! `/etc/resolv.conf`, as resolv.conf(5) describes it.

use std::net::IpAddr;

use serde::Serialize;

/// What a resolver is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResolvConf {
    /// Name servers, in the order of asking. What is no address is left out.
    pub nameservers: Vec<IpAddr>,
    /// Domains to try; the last `search` or `domain` line counts.
    pub search: Vec<String>,
    /// Options, such as `ndots:5`.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A zone (`fe80::1%eth0`) does not matter here.
                    let address: Option<IpAddr> =
                        words.next().and_then(|word| word.split('%').next()?.parse().ok());
                    out.nameservers.extend(address);
                }
                Some("search" | "domain") => out.search = words.map(str::to_owned).collect(),
                Some("options") => out.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        out
    }

    /// The name servers on the host itself. A pod cannot reach them, and a cluster DNS that forwards to one
    /// forwards to itself.
    pub fn loopback(&self) -> impl Iterator<Item = IpAddr> {
        self.nameservers.iter().copied().filter(is_loopback)
    }

    /// The name servers elsewhere.
    pub fn upstream(&self) -> impl Iterator<Item = IpAddr> {
        self.nameservers.iter().copied().filter(|address| !is_loopback(address))
    }
}

fn is_loopback(address: &IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_on_the_host_are_told_from_others() {
        let text = "# by hand\nnameserver 127.0.0.53\nnameserver  10.0.0.2\nnameserver fe80::1%eth0\n\
                    nameserver ::ffff:127.0.0.1\nnameserver ::1\nnameserver name\n#nameserver 8.8.8.8\n\
                    domain old.example\nsearch a.example b.example\noptions edns0 trust-ad\noptions ndots:5\n";
        let read = ResolvConf::parse(text);
        let texts = |list: Vec<IpAddr>| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(read.loopback().collect()), ["127.0.0.53", "::ffff:127.0.0.1", "::1"]);
        assert_eq!(texts(read.upstream().collect()), ["10.0.0.2", "fe80::1"]);
        assert_eq!(read.search, ["a.example", "b.example"]);
        assert_eq!(read.options, ["edns0", "trust-ad", "ndots:5"]);
    }

    #[test]
    fn an_empty_file_names_nobody() {
        assert_eq!(ResolvConf::parse(""), ResolvConf::default());
    }
}
