//! Where a machine can be reached: an IP address or a host name.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// An IPv4 address, an IPv6 address, or a host name of RFC 1123.
///
/// Addresses are ordered as numbers (IPv4 before IPv6), names after them as text. Host names are kept in
/// lower case, because they are compared without case.
///
/// ```
/// use topology::Address;
///
/// let mut addresses: Vec<Address> = ["thor-0.svc-thor.hpcc.svc.cluster.local", "10.0.0.10", "10.0.0.9", "fd00::1"]
///     .iter()
///     .map(|text| text.parse())
///     .collect::<Result<_, _>>()?;
/// addresses.sort();
/// let sorted: Vec<String> = addresses.iter().map(Address::to_string).collect();
/// assert_eq!(sorted, ["10.0.0.9", "10.0.0.10", "fd00::1", "thor-0.svc-thor.hpcc.svc.cluster.local"]);
/// assert!("10.0.0.256".parse::<Address>().is_err());
/// # Ok::<(), topology::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address(Kind);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Ip(IpAddr),
    Name(Box<str>),
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing is there.
    #[error("an address is missing")]
    Empty,
    /// Only digits and dots, but not four numbers up to 255.
    #[error("`{0}` is no IPv4 address: four numbers from 0 to 255 are expected")]
    Ipv4(String),
    /// Colons, but not the form of an IPv6 address.
    #[error("`{0}` is no IPv6 address")]
    Ipv6(String),
    /// Neither an address nor a host name.
    #[error("`{0}` is no host name: {1}")]
    HostName(String, &'static str),
}

impl Address {
    /// The IP address, unless this is a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.0 {
            Kind::Ip(ip) => Some(ip),
            Kind::Name(_) => None,
        }
    }

    /// The host name, unless this is an IP address.
    #[must_use]
    pub fn host_name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Ip(_) => None,
            Kind::Name(name) => Some(name),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self(Kind::Ip(ip))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(Kind::Ip(ip)));
        }
        if text.contains(':') {
            return Err(AddressError::Ipv6(text.to_owned()));
        }
        // What looks like a dotted number is meant as one: `10.0.0.256` is no name of a host.
        if text.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(AddressError::Ipv4(text.to_owned()));
        }
        match host_name_fault(text) {
            Some(fault) => Err(AddressError::HostName(text.to_owned(), fault)),
            None => Ok(Self(Kind::Name(text.to_ascii_lowercase().into()))),
        }
    }
}

/// What is wrong with a host name by RFC 1123.
fn host_name_fault(text: &str) -> Option<&'static str> {
    if text.len() > 253 {
        return Some("it is longer than 253 characters");
    }
    text.split('.').find_map(|label| {
        if label.is_empty() {
            Some("a part between dots is empty")
        } else if label.len() > 63 {
            Some("a part between dots is longer than 63 characters")
        } else if label.starts_with('-') || label.ends_with('-') {
            Some("a part between dots starts or ends with `-`")
        } else if !label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            Some("only letters, digits, `-` and `.` are allowed")
        } else {
            None
        }
    })
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Ip(ip) => ip.fmt(f),
            Kind::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_shown_in_its_short_form() {
        let address: Address = "FD00:0:0::000a".parse().unwrap();
        assert_eq!(address.to_string(), "fd00::a");
    }

    #[test]
    fn every_fault_is_named() {
        let fault = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert_eq!(fault(""), "an address is missing");
        assert_eq!(
            fault("10.1.1.999"),
            "`10.1.1.999` is no IPv4 address: four numbers from 0 to 255 are expected"
        );
        assert_eq!(fault("fd00::g"), "`fd00::g` is no IPv6 address");
        assert_eq!(
            fault("node_1"),
            "`node_1` is no host name: only letters, digits, `-` and `.` are allowed"
        );
        assert_eq!(fault("a..b"), "`a..b` is no host name: a part between dots is empty");
        assert_eq!(
            fault("-a"),
            "`-a` is no host name: a part between dots starts or ends with `-`"
        );
        let long = "a".repeat(64);
        assert!(fault(&long).ends_with("is longer than 63 characters"));
    }

    #[test]
    fn names_are_compared_without_case() {
        assert_eq!("Thor-0.Svc".parse::<Address>(), "thor-0.svc".parse());
    }
}
