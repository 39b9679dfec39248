//! What data may be lost by a change.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::groups::{GroupChange, GroupKind, address};
use super::inputs::Source;

/// The machines that keep their disks: with a claim of their own, or real ones.
#[derive(Debug, Clone, Default)]
pub struct StableStorage {
    everywhere: bool,
    machines: BTreeSet<String>,
}

impl StableStorage {
    /// No machine keeps its disks when its address changes.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every machine keeps its disks.
    #[must_use]
    pub fn everywhere() -> Self {
        Self { everywhere: true, machines: BTreeSet::new() }
    }

    /// These machines keep their disks: addresses, host names or names of computers.
    pub fn of<I: IntoIterator<Item: Into<String>>>(machines: I) -> Self {
        Self { everywhere: false, machines: machines.into_iter().map(Into::into).collect() }
    }

    fn has(&self, names: &[&str]) -> bool {
        self.everywhere || names.iter().any(|name| self.machines.contains(*name))
    }
}

/// A warning about data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "warning")]
pub enum DataLoss {
    /// A thor has fewer slaves: parts of published files are on machines that are not in its group.
    ThorShrinks {
        /// The cluster.
        cluster: String,
        /// How many slaves there were.
        old: usize,
        /// How many there will be.
        new: usize,
        /// The addresses that leave the group.
        leaving: Vec<String>,
    },
    /// Parts of published files are looked for at other places than where they are.
    PartsMisplaced {
        /// The cluster.
        cluster: String,
        /// What happens to its group.
        change: GroupKind,
    },
    /// A thor or roxie is no longer there: its files have no group.
    ClusterDropped {
        /// The cluster.
        cluster: String,
        /// Its tag.
        process: String,
    },
    /// An address with data is gone and its storage is not known to stay.
    AddressLost {
        /// The address.
        address: String,
        /// The machine's name.
        computer: String,
        /// The address that the machine has now, if it is still there.
        now: Option<String>,
        /// What had data there.
        holders: Vec<String>,
    },
    /// Dali moves: all metadata (files, workunits, queues) is on the old machine.
    DaliMoves {
        /// The dali.
        component: String,
        /// The old addresses.
        old: Vec<String>,
        /// The new addresses.
        new: Vec<String>,
    },
    /// A process with files of its own moves: archived workunits, files of a landing zone, compiled queries.
    FilesStayBehind {
        /// The component.
        component: String,
        /// Its tag.
        process: String,
        /// The addresses that it leaves.
        old: Vec<String>,
    },
    /// A directory of data has another path: what is in the old one is not found.
    DirectoryMoves {
        /// The category.
        category: String,
        /// The old path.
        old: String,
        /// The new path.
        new: String,
    },
}

/// Categories of directories that hold data.
const DATA: [&str; 8] = ["data", "data2", "data3", "mirror", "query", "run", "dali", "dropzone"];

pub(super) fn warnings(
    old: &Source<'_>,
    new: &Source<'_>,
    groups: &[GroupChange],
    stable: &StableStorage,
) -> Vec<DataLoss> {
    let mut warnings = BTreeSet::new();
    for change in groups {
        group(change, &mut warnings);
    }
    lost_addresses(old, new, stable, &mut warnings);
    moved(old, new, stable, &mut warnings);
    directories(old, new, &mut warnings);
    warnings.into_iter().collect()
}

fn group(change: &GroupChange, warnings: &mut BTreeSet<DataLoss>) {
    let thor = change.process == "ThorCluster";
    let cluster = change.cluster.clone();
    if change.kind == GroupKind::Dropped {
        let process = change.process.clone();
        warnings.insert(DataLoss::ClusterDropped { cluster, process });
        return;
    }
    if !thor {
        return;
    }
    let parts = |members: &[String], each: usize| members.len() * each;
    let old = parts(&change.old, change.old_parts_per_member);
    let count = parts(&change.new, change.parts_per_member);
    if count < old {
        let stay: BTreeSet<&String> = change.new.iter().collect();
        let leaving = change.old.iter().filter(|member| !stay.contains(member)).cloned().collect();
        let cluster = cluster.clone();
        warnings.insert(DataLoss::ThorShrinks { cluster, old, new: count, leaving });
    }
    if change.kind.moves_parts() && change.kind != GroupKind::Shrunk {
        warnings.insert(DataLoss::PartsMisplaced { cluster, change: change.kind });
    }
}

/// Who keeps data at which address: thor slaves and roxie servers.
fn holders(source: &Source<'_>) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut holders: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for (process, part) in
        [("ThorCluster", "ThorSlaveProcess"), ("RoxieCluster", "RoxieServerProcess")]
    {
        for cluster in source.tagged(process) {
            let name = cluster.get("name").unwrap_or_default();
            for member in cluster.children(part) {
                let computer = member.get("computer").unwrap_or_default().into_owned();
                let entry = holders.entry(address(source, member)).or_default();
                entry.0 = computer;
                entry.1.insert(format!("{process} {name}"));
            }
        }
    }
    holders
}

fn lost_addresses(
    old: &Source<'_>,
    new: &Source<'_>,
    stable: &StableStorage,
    warnings: &mut BTreeSet<DataLoss>,
) {
    let there: BTreeSet<_> = new
        .root()
        .children("Hardware")
        .flat_map(|hardware| hardware.children("Computer"))
        .map(|computer| computer.get("netAddress").unwrap_or_default())
        .collect();
    for (address, (computer, clusters)) in holders(old) {
        if address.is_empty() || there.contains(address.as_str()) {
            continue;
        }
        let now = Some(new.address(&computer)).filter(|now| !now.is_empty());
        if stable.has(&[&address, &computer, now.as_deref().unwrap_or_default()]) {
            continue;
        }
        let (holders, now) = (clusters.into_iter().collect(), now.map(Into::into));
        warnings.insert(DataLoss::AddressLost { address, computer, now, holders });
    }
}

/// Addresses of the instances of all components with a tag, by name.
fn places(source: &Source<'_>, tag: &str) -> BTreeMap<String, Vec<String>> {
    let mut places = BTreeMap::new();
    for component in source.tagged(tag) {
        let name = component.get("name").unwrap_or_default().into_owned();
        let mut addresses: Vec<String> =
            component.children("Instance").map(|one| address(source, one)).collect();
        // A landing zone lists servers instead of instances.
        let servers = component.children("ServerList").filter_map(|one| one.get("server"));
        addresses.extend(servers.map(std::borrow::Cow::into_owned));
        addresses.sort();
        places.insert(name, addresses);
    }
    places
}

fn moved(
    old: &Source<'_>,
    new: &Source<'_>,
    stable: &StableStorage,
    warnings: &mut BTreeSet<DataLoss>,
) {
    for process in ["DaliServerProcess", "SashaServerProcess", "DropZone", "EclCCServerProcess"] {
        let now = places(new, process);
        for (component, then) in places(old, process) {
            let here = now.get(&component).cloned().unwrap_or_default();
            let left: Vec<String> = then
                .iter()
                .filter(|address| !here.contains(address) && !stable.has(&[address.as_str()]))
                .cloned()
                .collect();
            if left.is_empty() {
                continue;
            }
            warnings.insert(if process == "DaliServerProcess" {
                DataLoss::DaliMoves { component, old: then, new: here }
            } else {
                let process = process.to_owned();
                DataLoss::FilesStayBehind { component, process, old: left }
            });
        }
    }
}

fn directories(old: &Source<'_>, new: &Source<'_>, warnings: &mut BTreeSet<DataLoss>) {
    let paths = |source: &Source<'_>| -> BTreeMap<String, String> {
        source
            .directories()
            .flat_map(|directories| directories.children("Category"))
            .map(|one| {
                let of = |name: &str| one.get(name).unwrap_or_default().into_owned();
                (of("name"), of("dir"))
            })
            .collect()
    };
    let now = paths(new);
    for (category, old) in paths(old) {
        let new = now.get(&category).cloned().unwrap_or_default();
        if DATA.contains(&category.as_str()) && old != new {
            warnings.insert(DataLoss::DirectoryMoves { category, old, new });
        }
    }
}
