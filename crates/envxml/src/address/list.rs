//! Lists of addresses as HPCC's tools take them.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use thiserror::Error;

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an IP address, a range of them or a host name")]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// Where it begins in the list: the character, from 1.
    pub at: usize,
}

/// Reads a list: addresses and host names, each followed by `;` or a line break; `10.1.1.1-9` is a range of
/// the last number. One that comes again counts once. `#` begins a comment line.
///
/// # Errors
///
/// All entries that are none of these.
pub fn addresses(list: &str) -> Result<Vec<String>, Vec<AddressError>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut errors = Vec::new();
    let mut at = 1;
    for line in list.split('\n') {
        let mut here = at;
        at += line.chars().count() + 1;
        if line.trim_start().starts_with('#') {
            continue;
        }
        for entry in line.split(';') {
            let start = here + entry.chars().take_while(|c| c.is_whitespace()).count();
            here += entry.chars().count() + 1;
            let text = entry.trim();
            if text.is_empty() {
                continue;
            }
            match expand(text) {
                Some(some) => found.extend(some.into_iter().filter(|a| seen.insert(a.clone()))),
                None => errors.push(AddressError { text: text.to_owned(), at: start }),
            }
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

fn expand(text: &str) -> Option<Vec<String>> {
    if text == "." || text.parse::<IpAddr>().is_ok() {
        return Some(vec![text.to_owned()]);
    }
    if let Some((first, last)) = text.split_once('-')
        && let (Ok(first), Ok(last)) = (first.trim().parse::<Ipv4Addr>(), last.trim().parse::<u8>())
    {
        let [a, b, c, start] = first.octets();
        let (low, high) = (start.min(last), start.max(last));
        return Some((low..=high).map(|d| Ipv4Addr::new(a, b, c, d).to_string()).collect());
    }
    super::is_host_name(text).then(|| vec![text.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_ranges_and_names_are_read_once_each() {
        assert_eq!(
            addresses("10.1.1.3-2; 10.1.1.2\n# no\n roxie-0.svc;\n::1;.").unwrap(),
            ["10.1.1.2", "10.1.1.3", "roxie-0.svc", "::1", "."]
        );
        assert!(addresses("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_address_is_told_with_its_place() {
        let errors = addresses("10.1.1.1; 10.1.1.999\n10.1.1;a b").unwrap_err();
        let places: Vec<_> = errors.iter().map(|e| (e.text.as_str(), e.at)).collect();
        assert_eq!(places, [("10.1.1.999", 11), ("10.1.1", 22), ("a b", 29)]);
    }
}
