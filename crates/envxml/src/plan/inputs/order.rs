//! The order in which elements are transformed: see [`crate::list::order`].

use std::collections::HashMap;

use super::deploy::Deployed;
use crate::list::order::by_tag;
use crate::tree::Element;

/// Tags in the order of a table that got them one after the other.
fn table<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<&'t str> {
    by_tag(tags.into_iter().map(|tag| (tag, ()))).into_iter().map(|(tag, _)| tag).collect()
}

/// The children of an element in the order in which they are transformed. Configgen reads the file,
/// writes it and reads it again before it looks, so they go through two tables.
pub(super) fn children(element: &Element) -> Vec<&Element> {
    let once = by_tag(element.elements().map(|child| (child.name(), child)));
    let again = once.into_iter().flat_map(|(tag, group)| group.into_iter().map(move |e| (tag, e)));
    by_tag(again).into_iter().flat_map(|(_, group)| group).collect()
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
