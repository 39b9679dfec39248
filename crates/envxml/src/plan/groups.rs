//! The groups of thor and roxie clusters as Dali builds them from an environment.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

use super::inputs::Source;
use crate::tree::Element;

/// A group whose members are not the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GroupChange {
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's tag.
    pub process: String,
    /// The group's name in Dali.
    pub group: String,
    /// What happens to it.
    pub kind: GroupKind,
    /// The addresses of its old members, in their order: a file's parts follow it.
    pub old: Vec<String>,
    /// The addresses of its new members, in their order.
    pub new: Vec<String>,
    /// How many parts the old group has on each member.
    pub old_parts_per_member: usize,
    /// How many parts the new group has on each member.
    pub parts_per_member: usize,
    /// Members that were replaced by others at the same place.
    pub replaced: Vec<Replacement>,
}

/// Another machine at the same place of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Replacement {
    /// The place, from 1.
    pub place: usize,
    /// The old address.
    pub old: String,
    /// The new address.
    pub new: String,
}

/// What happens to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// There was none.
    Created,
    /// There will be none.
    Dropped,
    /// New members after the old ones, which keep their places.
    Grown,
    /// Members at the end are gone; the others keep their places.
    Shrunk,
    /// As many members, of which some are others.
    Swapped,
    /// The same members in another order.
    Reordered,
    /// The same members with another number of parts on each.
    Repartitioned,
    /// Members changed in more than one of these ways.
    Rebuilt,
}

impl GroupKind {
    /// Whether an old member's place is another one's now, or gone.
    #[must_use]
    pub fn moves_parts(self) -> bool {
        matches!(
            self,
            Self::Shrunk | Self::Swapped | Self::Reordered | Self::Repartitioned | Self::Rebuilt
        )
    }
}

/// A cluster's group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    members: Vec<String>,
    parts_per_member: usize,
}

/// The groups that change, by the names of their clusters.
pub(super) fn changes(old: &Source<'_>, new: &Source<'_>) -> Vec<GroupChange> {
    let (old, new) = (groups(old), groups(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        let none = || Group { name: String::new(), members: Vec::new(), parts_per_member: 1 };
        let then = old.get(key).cloned().unwrap_or_else(none);
        let now = new.get(key).cloned().unwrap_or_else(none);
        if then == now {
            continue;
        }
        let kind = kind(&then, &now);
        let replaced = if kind == GroupKind::Swapped {
            let places = then.members.iter().zip(&now.members).enumerate();
            places
                .filter(|(_, (old, new))| old != new)
                .map(|(place, (old, new))| Replacement {
                    place: place + 1,
                    old: old.clone(),
                    new: new.clone(),
                })
                .collect()
        } else {
            Vec::new()
        };
        changes.push(GroupChange {
            process: key.0.clone(),
            cluster: key.1.clone(),
            group: if now.members.is_empty() { then.name } else { now.name },
            kind,
            old: then.members,
            new: now.members,
            old_parts_per_member: then.parts_per_member,
            parts_per_member: now.parts_per_member,
            replaced,
        });
    }
    changes
}

fn kind(old: &Group, new: &Group) -> GroupKind {
    let parts = old.parts_per_member == new.parts_per_member;
    if old.members.is_empty() {
        return GroupKind::Created;
    }
    if new.members.is_empty() {
        return GroupKind::Dropped;
    }
    if old.members == new.members {
        return if parts { GroupKind::Rebuilt } else { GroupKind::Repartitioned };
    }
    if !parts {
        return GroupKind::Rebuilt;
    }
    if new.members.starts_with(&old.members) {
        return GroupKind::Grown;
    }
    if old.members.starts_with(&new.members) {
        return GroupKind::Shrunk;
    }
    let sorted = |group: &Group| {
        let mut members = group.members.clone();
        members.sort();
        members
    };
    if sorted(old) == sorted(new) {
        return GroupKind::Reordered;
    }
    if old.members.len() != new.members.len() {
        return GroupKind::Rebuilt;
    }
    // A swap replaces machines and leaves all others where they are.
    let stay: HashSet<&String> = new.members.iter().collect();
    let keeps_places =
        old.members.iter().zip(&new.members).all(|(then, now)| then == now || !stay.contains(then));
    if keeps_places { GroupKind::Swapped } else { GroupKind::Rebuilt }
}

fn groups(source: &Source<'_>) -> BTreeMap<(String, String), Group> {
    let mut groups = BTreeMap::new();
    for (process, part) in
        [("ThorCluster", "ThorSlaveProcess"), ("RoxieCluster", "RoxieServerProcess")]
    {
        for cluster in source.tagged(process) {
            let name = cluster.get("name").unwrap_or_default().into_owned();
            let thor = process == "ThorCluster";
            let group = cluster.get("nodeGroup").filter(|group| thor && !group.is_empty());
            let mut members: Vec<String> =
                cluster.children(part).map(|member| address(source, member)).collect();
            if !thor {
                // A server that is listed for several ports is one member.
                let mut seen = HashSet::new();
                members.retain(|member| seen.insert(member.clone()));
            }
            let number = |attribute: &str| {
                cluster.get(attribute).and_then(|text| text.parse::<usize>().ok()).unwrap_or(1)
            };
            let parts_per_member =
                if thor { number("slavesPerNode") * number("channelsPerSlave") } else { 1 };
            let group = group.map_or_else(|| name.clone(), std::borrow::Cow::into_owned);
            if !members.is_empty() {
                let group = Group { name: group, members, parts_per_member };
                groups.entry((process.to_owned(), name)).or_insert(group);
            }
        }
    }
    groups
}

/// The address of a member: that of its computer, else its own.
pub(super) fn address(source: &Source<'_>, member: &Element) -> String {
    let address = source.address_of(member);
    if address.is_empty() {
        member.get("netAddress").unwrap_or_default().into_owned()
    } else {
        address.into_owned()
    }
}
