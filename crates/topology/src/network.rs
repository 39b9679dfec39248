//! Networks: an address and the length of its prefix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// A network, such as `10.254.0.0/16`.
///
/// ```
/// use topology::Network;
///
/// let services: Network = "10.254.0.0/16".parse()?;
/// assert!(services.contains("10.254.3.4".parse()?));
/// assert!("10.254/16".parse::<Network>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no network; give one such as 10.254.0.0/16")]
pub struct NetworkError(String);

impl Network {
    /// The network of an address; a prefix that is too long is that of one address.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        Self { address, prefix: prefix.min(Self::host(address).prefix) }
    }

    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.overlaps(&Self::host(address))
    }

    /// Whether it shares an address with another.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let bits = self.prefix.min(other.prefix);
        self.masked(bits) == other.masked(bits)
    }

    /// The same network with the bits after the prefix 0, as networks are written.
    #[must_use]
    pub fn network(&self) -> Self {
        Self { address: self.masked(self.prefix), prefix: self.prefix }
    }

    fn masked(&self, bits: u8) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
            let prefix: u8 = prefix.parse().ok().filter(|_| digits)?;
            (prefix <= Self::host(address).prefix).then_some(Self { address, prefix })
        };
        parse().ok_or_else(|| NetworkError(text.escape_debug().to_string()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn networks_overlap_when_one_is_in_the_other() {
        assert!(network("10.0.0.0/8").overlaps(&network("10.254.0.0/16")));
        assert!(!network("10.0.0.0/16").overlaps(&network("10.1.0.0/16")));
        assert!(network("0.0.0.0/0").overlaps(&network("10.1.0.0/16")));
        assert!(!network("0.0.0.0/0").contains("fd00::1".parse().unwrap()));
        assert!(network("fd00::/8").contains("fd12::1".parse().unwrap()));
        assert_eq!(network("10.254.3.4/16").network().to_string(), "10.254.0.0/16");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in
            ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0/8", "fd00::/129", "/8", "10.0.0.0/"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
