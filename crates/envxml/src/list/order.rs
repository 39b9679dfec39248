//! The order in which HPCC's own programs walk the children of an element.
//!
//! They keep children in a hash table by tag, so the order of components in `configgen`'s lists is that
//! of the table's slots and not that of the file. The table is an open one with linear probing whose
//! size is a power of two (jlib's `SuperHashTable`); the hash is FNV-1 over 32 bits, started with 0.

/// Slots of a new table.
const SLOTS: usize = 4;

/// One tag and what has it, in the order of the file.
pub(super) type Group<'t, T> = (&'t str, Vec<T>);

/// Puts items into groups by tag, in the order of the hash table.
pub(super) fn by_tag<'t, T>(items: impl IntoIterator<Item = (&'t str, T)>) -> Vec<Group<'t, T>> {
    let mut slots: Vec<Option<Group<'t, T>>> = Vec::new();
    slots.resize_with(SLOTS, || None);
    let mut used = 0;
    for (tag, item) in items {
        let mut slot = slot_of(&slots, tag);
        if let Some((_, group)) = &mut slots[slot] {
            group.push(item);
            continue;
        }
        if used >= slots.len() * 3 / 4 {
            slots = grown(slots);
            slot = slot_of(&slots, tag);
        }
        slots[slot] = Some((tag, vec![item]));
        used += 1;
    }
    slots.into_iter().flatten().collect()
}

/// The slot that holds a tag or, when none does, the free one for it. There is always a free one.
fn slot_of<T>(slots: &[Option<Group<'_, T>>], tag: &str) -> usize {
    let mask = slots.len() - 1;
    let mut slot = hash(tag) as usize & mask;
    while slots[slot].as_ref().is_some_and(|(other, _)| *other != tag) {
        slot = (slot + 1) & mask;
    }
    slot
}

fn grown<'t, T>(slots: Vec<Option<Group<'t, T>>>) -> Vec<Option<Group<'t, T>>> {
    let mut larger: Vec<Option<Group<'t, T>>> = Vec::new();
    larger.resize_with(slots.len() * 2, || None);
    for group in slots.into_iter().flatten() {
        let slot = slot_of(&larger, group.0);
        larger[slot] = Some(group);
    }
    larger
}

/// FNV-1 (public domain; <http://www.isthe.com/chongo/tech/comp/fnv/>) with 0 in place of its offset.
fn hash(tag: &str) -> u32 {
    tag.bytes().fold(0, |hash: u32, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_comes_out_once_in_its_group() {
        let tags: Vec<String> = (0..500).map(|n| format!("Tag{}", n % 170)).collect();
        let groups = by_tag(tags.iter().enumerate().map(|(index, tag)| (tag.as_str(), index)));
        assert_eq!(groups.len(), 170);
        let mut all: Vec<usize> = Vec::new();
        for (tag, group) in &groups {
            assert!(group.is_sorted());
            assert!(group.iter().all(|index| tags[*index] == *tag));
            all.extend(group);
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..500));
    }
}
