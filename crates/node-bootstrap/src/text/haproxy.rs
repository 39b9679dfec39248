//! haproxy.cfg: one address for several API servers.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use crate::spec::Haproxy;

/// What all such files have. `httpchk` is spoken within TLS, so that a server that is not ready gets no connections. Watches
/// may be silent for long: the API server ends each after an hour at most, so four hours cut none. What is dead is found
/// by the kernel's keep-alive, and by the checks. How many connections it takes is left to haproxy: what the limit of open files allows. A
/// number above that would keep it from starting, and no check of the file tells.
const HEAD: &str = "\
# Written by node-prep; it is replaced as a whole.
global
    log /dev/log local0
    user haproxy
    group haproxy

defaults
    log global
    mode tcp
    option tcplog
    option dontlognull
    option redispatch
    option clitcpka
    option srvtcpka
    retries 3
    timeout connect 5s
    timeout check 5s
    timeout queue 30s
    timeout client 4h
    timeout server 4h
    timeout tunnel 4h
    timeout client-fin 30s
    timeout server-fin 30s

";

/// The file.
#[must_use]
pub fn render(wish: &Haproxy) -> String {
    let v6 = |address: &str| address.trim_matches(['[', ']']).parse::<Ipv6Addr>().ok();
    let bind = if wish.servers.iter().any(|server| v6(&server.address).is_some()) {
        format!("[::]:{} v4v6", wish.bind)
    } else {
        format!("*:{}", wish.bind)
    };
    let checks = &wish.checks;
    let mut out = HEAD.to_owned();
    let _ = write!(
        out,
        "frontend kubernetes\n    bind {bind}\n    default_backend control-planes\n\n\
         backend control-planes\n    balance leastconn\n    option httpchk GET /readyz\n    http-check expect status 200\n    \
         default-server check check-ssl verify none inter {}s fall {} rise {} on-marked-down shutdown-sessions\n",
        checks.interval_seconds, checks.fall, checks.rise
    );
    for server in &wish.servers {
        let address = match v6(&server.address) {
            Some(address) => format!("[{address}]"),
            None => server.address.clone(),
        };
        let _ = write!(out, "    server {} {address}:{}", server.name, server.port);
        // One name that is not known would keep all of haproxy from starting.
        if server.address.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
            out.push_str(" init-addr last,libc,none");
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::HaproxyServer;

    fn server(name: &str, address: &str, port: u16) -> HaproxyServer {
        HaproxyServer { name: name.to_owned(), address: address.to_owned(), port }
    }

    #[test]
    fn servers_stand_in_the_order_of_the_list() {
        let servers = vec![server("b", "10.0.0.2", 6443), server("a", "a.example.org", 7443)];
        let text = render(&Haproxy { servers, ..Haproxy::default() });
        insta::assert_snapshot!(text.strip_prefix(HEAD).unwrap(), @r"
        frontend kubernetes
            bind *:6443
            default_backend control-planes

        backend control-planes
            balance leastconn
            option httpchk GET /readyz
            http-check expect status 200
            default-server check check-ssl verify none inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
            server b 10.0.0.2:6443
            server a a.example.org:7443 init-addr last,libc,none
        ");
    }

    #[test]
    fn addresses_of_ip_version_6_are_listened_at_as_well() {
        let servers = vec![server("a", "fd00::1", 6443), server("b", "[fd00::2]", 6443)];
        let text = render(&Haproxy { servers, bind: 8443, ..Haproxy::default() });
        assert!(text.contains("bind [::]:8443 v4v6\n"), "{text}");
        assert!(text.contains("server a [fd00::1]:6443\n    server b [fd00::2]:6443\n"), "{text}");
    }

    #[test]
    fn a_real_haproxy_takes_the_file() {
        let servers = vec![
            server("a", "10.0.0.1", 6443),
            server("b", "fd00::2", 6443),
            server("c", "none.invalid", 6443),
        ];
        let text = render(&Haproxy { servers, ..Haproxy::default() });
        // A user of this name is not on every machine.
        let text: String = text
            .lines()
            .filter(|line| !line.ends_with(" haproxy"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, &text).unwrap();
        let Ok(said) =
            std::process::Command::new("haproxy").arg("-c").arg("-f").arg(&file).output()
        else {
            println!("skipped: haproxy is not installed here");
            return;
        };
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        // A name that is not known disables its server, and no other.
        let unknown = |line: &&str| !line.contains("could not resolve address 'none.invalid'");
        let warned =
            words.lines().filter(|line| line.contains("[WARNING]")).any(|line| unknown(&line));
        assert!(said.status.success() && !warned, "{words}\n{text}");
    }
}
