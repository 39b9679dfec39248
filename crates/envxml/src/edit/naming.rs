//! Names for new instances, farms and machines.

use super::Style;
use crate::tree::Element;

/// The next name for an instance.
///
/// `existing` are the names of its like in their order with the computers they run on; `letter` is `s` or
/// `m`, or empty for one that is named by its machine. With no like, the names of the whole file decide between
/// `s1` and `s`.
pub(super) fn instance(
    style: Style,
    existing: &[(String, String)],
    letter: &str,
    computer: &str,
    root: &Element,
) -> String {
    let names: Vec<&str> = existing.iter().map(|(name, _)| name.as_str()).collect();
    match style {
        Style::Envgen2 => underscored(&names, if letter.is_empty() { "s" } else { letter }),
        Style::Envgen if letter.is_empty() => unique(&names, computer),
        Style::Envgen => numbered(&names, letter),
        Style::File => match existing.last() {
            Some((name, on)) if name == on => unique(&names, computer),
            Some((last, _)) => {
                if let Some(prefix) = names.iter().rev().find_map(|name| number_of(name)) {
                    numbered(&names, prefix.0)
                } else {
                    underscored(&names, last.rsplit_once('_').map_or(last, |(prefix, _)| prefix))
                }
            }
            None if is_envgen2(root) => {
                underscored(&names, if letter.is_empty() { "s" } else { letter })
            }
            None if letter.is_empty() => computer.to_owned(),
            None => numbered(&names, letter),
        },
    }
}

/// Whether a file's instances are named `s`, `s_2` and not `s1`, `s2`.
pub(super) fn is_envgen2(root: &Element) -> bool {
    let mut balance = 0i32;
    for component in root.children("Software").flat_map(Element::elements) {
        for instance in component.elements() {
            match instance.get("name").as_deref() {
                Some("s" | "m") => balance += 1,
                Some("s1" | "m1") => balance -= 1,
                _ => {}
            }
        }
    }
    balance > 0
}

/// The names of Roxie's two farms.
pub(super) fn farms(style: Style, root: &Element) -> [&'static str; 2] {
    match style {
        Style::Envgen2 => ["farm", "farm_2"],
        Style::File if is_envgen2(root) => ["farm", "farm_2"],
        Style::File | Style::Envgen => ["farm1", "farm2"],
    }
}

/// Prefix and number of `s12`; a number after `_` does not count.
fn number_of(name: &str) -> Option<(&str, u64)> {
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if prefix.is_empty() || prefix.ends_with('_') {
        return None;
    }
    name[prefix.len()..].parse().ok().map(|number| (prefix, number))
}

fn numbered(names: &[&str], prefix: &str) -> String {
    let numbers = names.iter().filter_map(|name| number_of(name));
    let highest = numbers.filter(|(own, _)| *own == prefix).map(|(_, number)| number).max();
    let next = highest.unwrap_or(0).saturating_add(1);
    unique(names, &format!("{prefix}{next}"))
}

fn underscored(names: &[&str], prefix: &str) -> String {
    unique(names, prefix)
}

/// The name, or with `_2`, `_3`, ... after it when it is taken.
pub(super) fn unique(names: &[&str], name: &str) -> String {
    if !names.contains(&name) {
        return name.to_owned();
    }
    // One more candidate than there are names: one of them is free.
    (2..names.len() + 3)
        .map(|number| format!("{name}_{number}"))
        .find(|candidate| !names.contains(&candidate.as_str()))
        .unwrap_or_default()
}

/// A computer's name for an address: `node` and the last two numbers of an IPv4 address with three digits each;
/// the first label of a host name; else `node000000`.
pub(super) fn computer(address: &str, taken: &[&str]) -> String {
    if let Ok(ip) = address.parse::<std::net::Ipv4Addr>() {
        let [_, _, third, fourth] = ip.octets();
        return unique(taken, &crate::generate::octets_name(third, fourth));
    }
    if address == "." {
        return unique(taken, "localhost");
    }
    if address.contains(':') {
        return unique(taken, "node000000");
    }
    unique(taken, address.split('.').next().unwrap_or(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(style: Style, names: &[&str], computer: &str) -> String {
        let existing: Vec<_> =
            names.iter().map(|name| ((*name).to_owned(), "node001001".to_owned())).collect();
        instance(style, &existing, "s", computer, &Element::new("Environment"))
    }

    #[test]
    fn names_go_on_as_they_began() {
        assert_eq!(next(Style::File, &["s1", "s2", "s7"], "c"), "s8");
        assert_eq!(next(Style::File, &["s", "s_2"], "c"), "s_3");
        assert_eq!(next(Style::File, &["s1", "s"], "c"), "s2");
        assert_eq!(next(Style::File, &["node001001"], "node001009"), "node001009");
        assert_eq!(next(Style::File, &["slave-a"], "c"), "slave-a_2");
        assert_eq!(next(Style::File, &[], "c"), "s1");
    }

    #[test]
    fn other_styles_have_their_own_names() {
        assert_eq!(next(Style::Envgen2, &["s1", "s2"], "c"), "s");
        assert_eq!(next(Style::Envgen2, &["s1", "s", "s_2"], "c"), "s_3");
        assert_eq!(next(Style::Envgen, &["s", "s_2"], "c"), "s1");
    }

    #[test]
    fn machines_are_named_by_their_address() {
        assert_eq!(computer("10.1.2.3", &["node002003"]), "node002003_2");
        assert_eq!(computer("roxie-0.svc.local", &[]), "roxie-0");
        assert_eq!(computer("fe80::1", &["node000000"]), "node000000_2");
    }
}
