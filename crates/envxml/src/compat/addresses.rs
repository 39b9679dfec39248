//! Address lists as `envgen` reads them.
//!
//! Separators are `;` and line breaks. `A.B.C.D-E` is a range of the last octet. Anything else is an address or a
//! host name. Duplicates are dropped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CompatError, Resolver};

/// All lists of a command line, checked.
pub(crate) struct Lists {
    /// The addresses of `-ip` and `-ipfile`.
    pub(crate) general: Vec<String>,
    /// Build sets and their own addresses, in the order of the command line.
    pub(crate) assigned: Vec<(String, Vec<String>)>,
}

impl Lists {
    pub(super) fn new(
        general: &str,
        typed: &[(String, String)],
        resolver: Resolver<'_>,
    ) -> Result<Self, CompatError> {
        let general = checked(general, resolver)?;
        let mut assigned = Vec::new();
        for (build_set, list) in typed {
            assigned.push((build_set.clone(), checked(list, resolver)?));
        }
        Ok(Self { general, assigned })
    }
}

fn checked(text: &str, resolver: Resolver<'_>) -> Result<Vec<String>, CompatError> {
    if text.is_empty() {
        return Err(CompatError::new("List of IP Addresses cannot be empty"));
    }
    let list = expand(text);
    if list.is_empty() {
        return Err(CompatError::new("List for IP Addresses cannot be empty"));
    }
    for address in &list {
        if numeric(address, resolver).is_none_or(|ip| ip.is_unspecified()) {
            return Err(CompatError::new(format!("Invalid ip address: {address}")));
        }
    }
    Ok(list)
}

/// The single addresses of a list.
#[must_use]
pub fn expand(text: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut add = |address: String| {
        if seen.insert(address.clone()) {
            list.push(address);
        }
    };
    for item in text.split([';', '\n']).map(str::trim).filter(|item| !item.is_empty()) {
        match range(item) {
            // A range with more than two ends gives nothing at all.
            Some(_) if item.matches('-').count() > 1 => {}
            Some((network, from, to)) => {
                for octet in from..=to {
                    add(format!("{network}.{octet}"));
                }
            }
            None => add(item.to_owned()),
        }
    }
    list
}

/// Network and bounds of `A.B.C.D-E` when it means more than one address.
fn range(item: &str) -> Option<(&str, u32, u32)> {
    let (first, last) = item.split_once('-')?;
    let _: Ipv4Addr = first.parse().ok()?;
    let (network, first) = first.rsplit_once('.')?;
    let (first, last) = (first.parse().ok()?, c_integer(last));
    (u32::try_from(last).is_ok_and(|last| last > first)).then(|| {
        // More than what fits one octet is refused when the addresses are checked.
        (network, first, u32::try_from(last).unwrap_or(first).min(1 << 16))
    })
}

/// The leading integer of a text, as C's `atoi` finds it.
fn c_integer(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<i64>().map_or(0, |number| sign * number)
}

/// The address that a text stands for.
pub(crate) fn numeric(text: &str, resolver: Resolver<'_>) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if inner.contains(':') {
        return inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(address));
    }
    if text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ':') && text != "." {
        return None;
    }
    resolver(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_expanded_and_made_unique() {
        let cases: &[(&str, &[&str])] = &[
            ("10.1.0.1", &["10.1.0.1"]),
            ("10.1.0.1;", &["10.1.0.1"]),
            ("10.1.0.1;\n10.1.0.2 ;;a", &["10.1.0.1", "10.1.0.2", "a"]),
            ("10.1.0.1-3;10.1.0.2", &["10.1.0.1", "10.1.0.2", "10.1.0.3"]),
            // These are no ranges for envgen, and no addresses either.
            ("10.1.0.7-3", &["10.1.0.7-3"]),
            ("10.1.0.3-3", &["10.1.0.3-3"]),
            ("node-1", &["node-1"]),
            ("fd00::1", &["fd00::1"]),
            ("10.1.0.1-2-3;a", &["a"]),
            ("10.1.0.254-256", &["10.1.0.254", "10.1.0.255", "10.1.0.256"]),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_envgens_words() {
        let refuse = |text: &str| checked(text, &|_| None).unwrap_err().to_string();
        assert_eq!(refuse("10.1.0.999"), "Exception: -1:\nInvalid ip address: 10.1.0.999");
        assert_eq!(
            refuse("10.1.0.1,10.1.1.1"),
            "Exception: -1:\nInvalid ip address: 10.1.0.1,10.1.1.1"
        );
        assert_eq!(refuse(";"), "Exception: -1:\nList for IP Addresses cannot be empty");
        assert_eq!(refuse("0.0.0.0"), "Exception: -1:\nInvalid ip address: 0.0.0.0");
        let local = |_: &str| Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(checked("a-1;b", &local).unwrap(), ["a-1", "b"]);
    }
}
