//! Where the API is reached: a host and a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::address::Address;

/// A host and a port: `10.10.0.30:6443`, `cluster.example.org:6443`, `[fd00::30]:6443`. Without a port it is 6443.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Address,
    port: u16,
}

/// A text that is no host and port.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no host and port; give one such as 10.10.0.30:6443 or [fd00::30]:6443")]
pub struct EndpointError(String);

impl Endpoint {
    /// The port of API servers.
    pub const API_PORT: u16 = 6443;

    /// A host and a port.
    #[must_use]
    pub fn new(host: Address, port: u16) -> Self {
        Self { host, port }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Address {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.escape_debug().to_string());
        let (host, port) = if text.parse::<Ipv6Addr>().is_ok() {
            (text, None)
        } else {
            match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            None => Self::API_PORT,
            Some(port) => port
                .parse::<u16>()
                .ok()
                .filter(|number| *number > 0 && digits(port))
                .ok_or_else(wrong)?,
        };
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) => {
                inside.parse::<Ipv6Addr>().map(|ip| IpAddr::V6(ip).into()).map_err(|_| wrong())?
            }
            None => host.parse::<Address>().map_err(|_| wrong())?,
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.ip() {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_with_their_port() {
        for (text, shown) in [
            ("10.10.0.30", "10.10.0.30:6443"),
            ("10.10.0.30:8443", "10.10.0.30:8443"),
            ("fd00::30", "[fd00::30]:6443"),
            ("[fd00::30]:8443", "[fd00::30]:8443"),
            ("Cluster.example.org", "cluster.example.org:6443"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for bad in [
            "",
            ":6443",
            "10.10.0.30:0",
            "10.10.0.30:+1",
            "10.10.0.300",
            "a b",
            "[10.0.0.1]:1",
            "https://a:1",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
