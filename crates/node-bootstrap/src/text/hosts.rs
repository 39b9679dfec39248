//! `/etc/hosts`: our entries in a block, the rest of the file respected.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Serialize;

use super::{COMMENTED, TextError, block, split_ending};

/// An address with its names, the canonical one first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The address.
    pub address: IpAddr,
    /// Its names.
    pub names: Vec<String>,
}

impl Entry {
    /// Reads a line; `None` for comments and what is no entry.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        let names: Vec<_> = words.map(str::to_owned).collect();
        (!names.is_empty()).then_some(Self { address, names })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    fn render(&self) -> String {
        format!("{} {}", self.address, self.names.join(" "))
    }
}

/// All entries with their lines, from 1; those of our block too.
pub fn entries(text: &str) -> impl Iterator<Item = (usize, Entry)> {
    text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, Entry::parse(line)?)))
}

/// The addresses of a name, in the order of the file.
#[must_use]
pub fn addresses(text: &str, name: &str) -> Vec<IpAddr> {
    entries(text).filter(|(_, entry)| entry.has(name)).map(|(_, entry)| entry.address).collect()
}

/// A managed name that stands with another address outside of our block, before or after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The name.
    pub name: String,
    /// The address there.
    pub address: IpAddr,
    /// The line in the new text, from 1.
    pub line: usize,
}

/// A changed `/etc/hosts`, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// The new text.
    pub text: String,
    /// Wishes that stand elsewhere in the file already; the block does not repeat them.
    pub elsewhere: Vec<Entry>,
    /// Managed names with another address; they are left as they are.
    pub conflicts: Vec<Conflict>,
}

/// Whether this is Debian's entry for the host's own name.
fn is_own_name(entry: &Entry) -> bool {
    entry.address == IpAddr::from([127, 0, 1, 1])
}

/// Writes `wishes` into our block. A line `127.0.1.1 NAME` stays unless NAME is among the wishes: then it becomes
/// a comment with [`COMMENTED`], and its other names move into the block.
///
/// ```
/// use node_bootstrap::text::hosts::{self, Entry};
///
/// let wish = Entry::parse("10.0.0.1 n1.example n1").unwrap();
/// let new = hosts::manage("127.0.0.1 localhost\n127.0.1.1 n1 other\n", &[wish])?;
/// assert_eq!(
///     new.text,
///     "127.0.0.1 localhost\n#node-prep: 127.0.1.1 n1 other\n# BEGIN node-prep\n\
///      127.0.1.1 other\n10.0.0.1 n1.example n1\n# END node-prep\n"
/// );
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the markers of the block do not fit each other, or a name has other characters than a host name.
pub fn manage(text: &str, wishes: &[Entry]) -> Result<Managed, TextError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    for name in wishes.iter().flat_map(|wish| &wish.names) {
        if name.is_empty() || !name.chars().all(fits) {
            return Err(TextError::Unfit { what: "a name of /etc/hosts", value: name.clone() });
        }
    }
    let wishes = &join(wishes);
    let managed = |name: &String| wishes.iter().any(|wish| wish.has(name) && !is_own_name(wish));
    let mut left_over = BTreeSet::new();
    let mut hide = |part: &str| -> String {
        part.split_inclusive('\n')
            .map(|line| {
                let hidden = line.strip_prefix(COMMENTED);
                let entry = Entry::parse(hidden.unwrap_or(line)).filter(is_own_name);
                match entry {
                    Some(entry) if entry.names.iter().any(managed) => {
                        left_over.extend(entry.names.into_iter().filter(|name| !managed(name)));
                        format!("{COMMENTED}{}", hidden.unwrap_or(line))
                    }
                    // No longer managed: it counts again.
                    Some(_) => hidden.unwrap_or(line).to_owned(),
                    None => line.to_owned(),
                }
            })
            .collect()
    };
    let (before, after) = block::around(text)?;
    let (before, after) = (hide(before), hide(after));
    let outside: Vec<Entry> =
        entries(&before).chain(entries(&after)).map(|(_, entry)| entry).collect();
    let stands = |wish: &Entry| {
        outside.iter().any(|entry| {
            entry.address == wish.address && wish.names.iter().all(|name| entry.has(name))
        })
    };
    let (elsewhere, missing): (Vec<Entry>, Vec<Entry>) = wishes.iter().cloned().partition(stands);
    let mut body = String::new();
    let own = (!left_over.is_empty()).then(|| Entry {
        address: IpAddr::from([127, 0, 1, 1]),
        names: left_over.into_iter().collect(),
    });
    for entry in own.iter().chain(&missing) {
        body.push_str(&entry.render());
        body.push('\n');
    }
    let had_block = block::find(text)?.is_some();
    let text = match (had_block, body.is_empty()) {
        (_, true) => before + &after,
        (false, _) => block::upsert(&(before + &after), &body)?,
        (true, _) => {
            // The block stays where it stands.
            let holder = format!("{}\n{}\n", block::BEGIN, block::END);
            block::upsert(&[before.as_str(), &holder, &after].concat(), &body)?
        }
    };
    let inside = block_lines(&text);
    let conflicts = entries(&text)
        .filter(|(line, _)| !inside.contains(line))
        .flat_map(|(line, entry)| {
            entry.names.into_iter().map(move |name| (line, entry.address, name))
        })
        .filter(|(_, address, name)| {
            let wish = wishes.iter().filter(|wish| wish.has(name));
            let same_family: Vec<_> =
                wish.filter(|wish| wish.address.is_ipv4() == address.is_ipv4()).collect();
            !same_family.is_empty() && same_family.iter().all(|wish| wish.address != *address)
        })
        .map(|(line, address, name)| Conflict { name, address, line })
        .collect();
    Ok(Managed { text, elsewhere, conflicts })
}

/// Takes our block away and gives lines back that we made comments.
///
/// # Errors
/// If the markers of the block do not fit each other.
pub fn unmanage(text: &str) -> Result<String, TextError> {
    Ok(manage(text, &[])?.text)
}

/// One entry per address, names in their order, none twice.
fn join(wishes: &[Entry]) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::new();
    for wish in wishes {
        let known = joined.iter().position(|entry| entry.address == wish.address);
        let at = known.unwrap_or(joined.len());
        if known.is_none() {
            joined.push(Entry { address: wish.address, names: Vec::new() });
        }
        for name in &wish.names {
            if !joined[at].has(name) {
                joined[at].names.push(name.clone());
            }
        }
    }
    joined.retain(|entry| !entry.names.is_empty());
    joined
}

/// The numbers of the lines of the block.
fn block_lines(text: &str) -> std::ops::Range<usize> {
    let position =
        |marker: &str| text.lines().position(|line| split_ending(line).0.trim_end() == marker);
    match (position(block::BEGIN), position(block::END)) {
        (Some(begin), Some(end)) => begin + 1..end + 2,
        _ => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wishes(lines: &[&str]) -> Vec<Entry> {
        lines.iter().map(|line| Entry::parse(line).unwrap()).collect()
    }

    #[test]
    fn entries_that_stand_elsewhere_are_not_repeated_and_others_are_named() {
        let text =
            "127.0.0.1\tlocalhost\n10.0.0.2 n2 N2.example # by hand\n10.9.9.9 n3\nfd00::3 n3";
        let new = manage(text, &wishes(&["10.0.0.2 n2.example n2", "10.0.0.3 n3"])).unwrap();
        insta::assert_snapshot!(new.text, @r"
        127.0.0.1	localhost
        10.0.0.2 n2 N2.example # by hand
        10.9.9.9 n3
        fd00::3 n3
        # BEGIN node-prep
        10.0.0.3 n3
        # END node-prep
        ");
        assert_eq!(new.elsewhere, wishes(&["10.0.0.2 n2.example n2"]));
        let address = "10.9.9.9".parse().unwrap();
        assert_eq!(new.conflicts, [Conflict { name: "n3".to_owned(), address, line: 3 }]);
        assert_eq!(addresses(&new.text, "N3").len(), 3);
    }

    #[test]
    fn the_own_name_stays_at_127_0_1_1_unless_it_is_managed() {
        let text =
            "127.0.1.1 me.example me\n# BEGIN node-prep\n10.0.0.9 old\n# END node-prep\nlast\n";
        let other = manage(text, &wishes(&["10.0.0.2 n2"])).unwrap();
        assert_eq!(other.text, text.replace("10.0.0.9 old", "10.0.0.2 n2"));
        let mine = manage(&other.text, &wishes(&["10.0.0.1 me"])).unwrap();
        insta::assert_snapshot!(mine.text, @r"
        #node-prep: 127.0.1.1 me.example me
        # BEGIN node-prep
        127.0.1.1 me.example
        10.0.0.1 me
        # END node-prep
        last
        ");
        assert_eq!(unmanage(&mine.text).unwrap(), "127.0.1.1 me.example me\nlast\n");
    }

    #[test]
    fn a_wish_for_127_0_1_1_hides_nothing() {
        let new = manage("127.0.1.1 other\n", &wishes(&["127.0.1.1 me"])).unwrap();
        assert_eq!(new.text, "127.0.1.1 other\n# BEGIN node-prep\n127.0.1.1 me\n# END node-prep\n");
        assert_eq!(manage(&new.text, &wishes(&["127.0.1.1 me"])).unwrap().text, new.text);
    }

    #[test]
    fn names_that_would_break_the_file_are_refused() {
        let bad = Entry { address: [10, 0, 0, 1].into(), names: vec!["a\n10.0.0.2 b".to_owned()] };
        assert!(matches!(manage("", &[bad]), Err(TextError::Unfit { .. })));
    }

    proptest! {
        #[test]
        fn managing_again_changes_nothing_and_unmanaging_restores(
            text in "((127\\.0\\.1\\.1|127\\.0\\.0\\.1|10\\.0\\.0\\.[12]) [ab]( [abc])?\n|# x\n|\n){0,6}",
            names in prop::collection::vec(("[1-3]", "[abc]"), 0..4),
        ) {
            let list: Vec<_> = names
                .iter()
                .map(|(host, name)| Entry::parse(&format!("10.0.0.{host} {name}")).unwrap())
                .collect();
            let once = manage(&text, &list).unwrap();
            let again = manage(&once.text, &list).unwrap();
            prop_assert_eq!(&again.text, &once.text);
            prop_assert_eq!(again.conflicts, once.conflicts);
            for wish in &list {
                prop_assert!(addresses(&once.text, &wish.names[0]).contains(&wish.address));
            }
            prop_assert_eq!(unmanage(&once.text).unwrap(), text);
        }
    }
}
