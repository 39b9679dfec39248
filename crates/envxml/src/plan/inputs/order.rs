//! The order in which HPCC's property tree keeps the children of an element.
//!
//! The tree keeps children by tag in an open hash table, so tags come in an order of their own, and only
//! children of one tag keep the order of the file. The order decides which component's files are
//! generated first on a machine. Table size, growth and hash are those of `system/jlib`.

use std::collections::HashMap;

use super::deploy::Deployed;
use crate::tree::Element;

/// Tags in the order of a table that got them one after the other.
fn table<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<&'t str> {
    let mut table: Vec<Option<&str>> = vec![None; 4];
    let mut count = 0;
    for tag in tags {
        let slot = find(&table, tag);
        if table[slot].is_some() {
            continue;
        }
        if count >= table.len() * 3 / 4 {
            let mut larger = vec![None; table.len() * 2];
            for tag in table.into_iter().flatten() {
                let slot = find(&larger, tag);
                larger[slot] = Some(tag);
            }
            table = larger;
        }
        count += 1;
        let slot = find(&table, tag);
        table[slot] = Some(tag);
    }
    table.into_iter().flatten().collect()
}

/// Where a tag is, or the free place where it goes.
fn find(table: &[Option<&str>], tag: &str) -> usize {
    let mut slot = hash(tag) as usize & (table.len() - 1);
    while table[slot].is_some_and(|known| known != tag) {
        slot = (slot + 1) & (table.len() - 1);
    }
    slot
}

/// The hash of Fowler, Noll and Vo with a start of 0.
fn hash(tag: &str) -> u32 {
    tag.bytes().fold(0, |hash: u32, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte))
}

/// The order of tags after the file was read, written and read again, as configgen does before it looks.
fn twice<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<&'t str> {
    table(table(tags))
}

/// The children of an element in the order in which they are transformed.
pub(super) fn children(element: &Element) -> Vec<&Element> {
    let mut by_tag: HashMap<&str, Vec<&Element>> = HashMap::new();
    for child in element.elements() {
        by_tag.entry(child.name()).or_default().push(child);
    }
    let tags = twice(element.elements().map(Element::name));
    tags.into_iter().flat_map(|tag| by_tag.remove(tag).unwrap_or_default()).collect()
}

/// Remembers the order for each set of tags: most machines carry the same few components.
#[derive(Default)]
pub(super) struct Orders<'d> {
    known: HashMap<Vec<&'d str>, HashMap<&'d str, usize>>,
}

impl<'d> Orders<'d> {
    /// Sorts what is deployed on a machine, given in the order of [`children`] of `Software`, into the
    /// order in which its files are generated.
    pub(super) fn sort(&mut self, deployed: &mut [Deployed<'d>]) {
        let mut tags: Vec<&str> = deployed.iter().map(|one| one.component.name()).collect();
        tags.dedup();
        let ranks = self.known.entry(tags).or_insert_with_key(|tags| {
            table(tags.iter().copied()).into_iter().enumerate().map(|(i, tag)| (tag, i)).collect()
        });
        deployed.sort_by_key(|one| ranks.get(one.component.name()).copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_kept_once_and_all() {
        let tags = ["a", "b", "a", "c", "d", "e", "f", "g", "h", "i", "j"];
        let mut kept = table(tags);
        assert_eq!(kept.len(), 10);
        assert_eq!(table(kept.clone()).len(), 10);
        kept.sort_unstable();
        assert_eq!(kept.concat(), "abcdefghij");
    }
}
