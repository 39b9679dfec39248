//! Which element of the old environment is which of the new one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::tree::{Element, canonical};

/// Elements of both sides that belong together, and those that do not.
pub(super) struct Matched<'e> {
    pub(super) pairs: Vec<(&'e Element, &'e Element)>,
    pub(super) removed: Vec<&'e Element>,
    pub(super) added: Vec<&'e Element>,
}

/// Matches siblings by a key. Those with one key are matched equal ones first, then in the order of their
/// text, so that the order of siblings does not matter.
pub(super) fn by_key<'e>(
    old: impl Iterator<Item = &'e Element>,
    new: impl Iterator<Item = &'e Element>,
    old_key: impl Fn(&Element) -> String,
    new_key: impl Fn(&Element) -> String,
) -> Matched<'e> {
    let mut groups: BTreeMap<String, (Vec<&Element>, Vec<&Element>)> = BTreeMap::new();
    for element in old {
        groups.entry(old_key(element)).or_default().0.push(element);
    }
    for element in new {
        groups.entry(new_key(element)).or_default().1.push(element);
    }
    let mut matched = Matched { pairs: Vec::new(), removed: Vec::new(), added: Vec::new() };
    for (old, new) in groups.into_values() {
        match (old.as_slice(), new.as_slice()) {
            ([], _) => matched.added.extend(new),
            (_, []) => matched.removed.extend(old),
            ([one], [other]) => matched.pairs.push((one, other)),
            _ => alike(old, new, &mut matched),
        }
    }
    matched
}

/// Several with one key: equal ones first.
fn alike<'e>(old: Vec<&'e Element>, new: Vec<&'e Element>, matched: &mut Matched<'e>) {
    let mut by_text: HashMap<String, Vec<&Element>> = HashMap::new();
    for element in new {
        by_text.entry(canonical(element)).or_default().push(element);
    }
    let mut left: Vec<(String, &Element)> = Vec::new();
    for element in old {
        let text = canonical(element);
        match by_text.get_mut(&text).and_then(Vec::pop) {
            Some(equal) => matched.pairs.push((element, equal)),
            None => left.push((text, element)),
        }
    }
    left.sort_by(|a, b| a.0.cmp(&b.0));
    let mut right: Vec<(String, &Element)> = by_text
        .into_iter()
        .flat_map(|(text, elements)| elements.into_iter().map(move |e| (text.clone(), e)))
        .collect();
    right.sort_by(|a, b| a.0.cmp(&b.0));
    let both = left.len().min(right.len());
    matched.removed.extend(left.drain(both..).map(|(_, element)| element));
    matched.added.extend(right.drain(both..).map(|(_, element)| element));
    let pairs = left.into_iter().zip(right).map(|((_, one), (_, other))| (one, other));
    matched.pairs.extend(pairs);
}

/// What identifies an element among its siblings.
pub(super) fn key(element: &Element) -> String {
    let step = element.step();
    if step.len() > element.name().len() {
        return step;
    }
    // Rights of a binding have no name: what they are about tells them apart.
    for name in ["path", "id", "service", "ip"] {
        if let Some(value) = element.get(name).filter(|value| !value.is_empty()) {
            return format!("{step}[@{name}='{value}']");
        }
    }
    step
}

/// The value of an attribute, empty when it is not there.
pub(super) fn value<'e>(element: &'e Element, name: &str) -> Cow<'e, str> {
    element.get(name).unwrap_or_default()
}
