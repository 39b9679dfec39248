//! Addresses: what is one, which are the same, and lists of them.

use std::borrow::Cow;
use std::net::IpAddr;

mod list;

pub use list::{AddressError, addresses};

/// Whether a text is an IP address, a host name (RFC 1123) or `.`.
pub(crate) fn is_address(text: &str) -> bool {
    text == "." || ip(text).is_some() || is_host_name(text)
}

/// The IP address that a text is; IPv6 may stand in brackets.
pub(crate) fn ip(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// One spelling for one address.
pub(crate) fn normal(text: &str) -> Cow<'_, str> {
    match ip(text) {
        Some(ip) => ip.to_string().into(),
        None if text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            text.to_ascii_lowercase().into()
        }
        None => text.into(),
    }
}

/// Whether every machine takes the address for itself.
pub(crate) fn is_local(text: &str) -> bool {
    text == "."
        || text.eq_ignore_ascii_case("localhost")
        || ip(text).is_some_and(|ip| ip.is_loopback())
}

/// Whether it is a host name of RFC 1123 and not an IPv4 address with a mistake.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits only is a broken IPv4 address (RFC 1123, section 2.1).
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ip_addresses_host_names_and_the_dot() {
        for text in [".", "10.1.1.9", "fd00::1", "[fd00::1]", "node1", "a-0.svc.ns.example.org"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "10.1.1.999", "10.1.1", "1", "a_b", "-a", "a-", "a..b", "a b", ".:80"] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn one_address_has_one_normal_spelling() {
        assert_eq!(normal("FD00:0::1"), "fd00::1");
        assert_eq!(normal("::ffff:10.1.1.1"), "10.1.1.1");
        assert_eq!(normal("Node1.Example"), "node1.example");
    }
}
