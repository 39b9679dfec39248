//! Which machines carry which role.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{DataPath, Problem};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::machine::Machine;
use crate::name::ClusterName;
use crate::role::{Role, RoleKey};
use crate::spec::ClusterSpec;

/// For each role, and cluster of it, the machines that carry it.
///
/// A placement is made from sets of machines by role. There is no list from which one role takes what another
/// left over, so the machines of a role are exactly those that were given for it. The order in which they
/// were given does not matter: machines are ordered by ordinal, name and address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Placement {
    #[serde(deserialize_with = "sorted")]
    roles: BTreeMap<RoleKey, Vec<Machine>>,
}

/// Reads the sets of a placement and puts them into order.
fn sorted<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<RoleKey, Vec<Machine>>, D::Error> {
    let mut roles = BTreeMap::<RoleKey, Vec<Machine>>::deserialize(deserializer)?;
    roles.retain(|_, machines| !machines.is_empty());
    for machines in roles.values_mut() {
        machines.sort();
        machines.dedup();
    }
    Ok(roles)
}

impl Placement {
    /// A placement without machines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a machine to a role. A machine that the role already has is not added twice.
    pub fn insert(&mut self, key: RoleKey, machine: Machine) {
        let machines = self.roles.entry(key).or_default();
        if let Err(at) = machines.binary_search(&machine) {
            machines.insert(at, machine);
        }
    }

    /// Whether there are no machines at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// The machines of a role, in their order. What has none of its own gives nothing here; see
    /// [`Placement::candidates`].
    #[must_use]
    pub fn machines(&self, key: &RoleKey) -> &[Machine] {
        self.roles.get(key).map_or(&[], Vec::as_slice)
    }

    /// The machines for every single-instance component that has none of its own.
    #[must_use]
    pub fn support(&self) -> &[Machine] {
        self.machines(&RoleKey::single(Role::Support))
    }

    /// The machines that carry everything.
    #[must_use]
    pub fn nodes(&self) -> &[Machine] {
        self.machines(&RoleKey::single(Role::Node))
    }

    /// The machines that may carry a role: its own; else those of support, if the role falls to them; else
    /// those that carry everything.
    #[must_use]
    pub fn candidates(&self, key: &RoleKey) -> &[Machine] {
        let own = self.machines(key);
        if !own.is_empty() {
            return own;
        }
        if key.role().falls_to_support() && !self.support().is_empty() {
            return self.support();
        }
        self.nodes()
    }

    /// All roles that have machines, in order, with their machines.
    pub fn iter(&self) -> impl Iterator<Item = (&RoleKey, &[Machine])> {
        self.roles.iter().map(|(key, machines)| (key, machines.as_slice()))
    }

    /// The keys of one role, in order: first the cluster without a name, then the named ones.
    pub fn keys(&self, role: Role) -> impl Iterator<Item = &RoleKey> {
        self.roles.keys().filter(move |key| key.role() == role)
    }

    /// The clusters that have machines in a role, in order; `None` is the one without a name.
    #[must_use]
    pub fn clusters(&self, role: Role) -> Vec<Option<&ClusterName>> {
        self.keys(role).map(RoleKey::cluster).collect()
    }

    /// The thor clusters: those that have slaves, and those that have a master.
    #[must_use]
    pub fn thor_clusters(&self) -> Vec<Option<&ClusterName>> {
        let found: BTreeSet<_> = [Role::ThorMaster, Role::ThorSlave]
            .into_iter()
            .flat_map(|r| self.clusters(r))
            .collect();
        found.into_iter().collect()
    }

    /// All machines that are part of the cluster, each once, in the order of their addresses. Those that
    /// only look after it ([`Role::Admin`]) are left out.
    #[must_use]
    pub fn all_machines(&self) -> Vec<&Machine> {
        let mut found: BTreeMap<&Address, &Machine> = BTreeMap::new();
        for (key, machines) in &self.roles {
            if key.role() != Role::Admin {
                for machine in machines {
                    found.entry(&machine.address).or_insert(machine);
                }
            }
        }
        found.into_values().collect()
    }

    /// Gives a cluster without a name the one that the user wants, if exactly one of its kind is wanted and no
    /// machine says that it belongs to it. The manifests of 2016 name no clusters. Answers which keys became which.
    pub fn adopt_names(&mut self, spec: &ClusterSpec) -> BTreeMap<RoleKey, RoleKey> {
        let is_taken = |key: &RoleKey| match key.role() {
            Role::ThorMaster | Role::ThorSlave => [Role::ThorMaster, Role::ThorSlave]
                .into_iter()
                .any(|role| self.roles.contains_key(&key.with_role(role))),
            _ => self.roles.contains_key(key),
        };
        let renamed: BTreeMap<RoleKey, RoleKey> = self
            .roles
            .keys()
            .filter(|key| key.cluster().is_none())
            .filter_map(|key| Some((key, RoleKey::of(key.role(), spec.only_cluster(key.role())?))))
            .filter(|(_, name)| !is_taken(name))
            .map(|(key, name)| (key.clone(), name))
            .collect();
        for (key, name) in &renamed {
            if let Some(machines) = self.roles.remove(key) {
                self.roles.insert(name.clone(), machines);
            }
        }
        renamed
    }

    /// Everything that cannot be right about this placement, whatever the user wants.
    ///
    /// Codes: `no-machines`, `shared-address`, `two-addresses`, `more-than-one`.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.all_machines().is_empty() {
            problems.push(
                Problem::error("no-machines", "there is no machine in any role")
                    .help("give at least one machine for `support` or `node`"),
            );
        }
        self.identities(&mut problems);
        for (key, machines) in &self.roles {
            if key.role().is_single() && machines.len() > 1 {
                let names: Vec<String> = machines.iter().map(Machine::label).collect();
                problems.push(
                    Problem::error(
                        "more-than-one",
                        format!("{key} can have one machine, but has {}", names.join(", ")),
                    )
                    .at(path(key))
                    .help("leave one of them, or give the others another role"),
                );
            }
        }
        problems
    }

    /// Machines that cannot be told apart by name or address.
    fn identities(&self, problems: &mut Vec<Problem>) {
        let mut names: BTreeMap<&Address, (BTreeSet<&str>, &RoleKey)> = BTreeMap::new();
        let mut addresses: BTreeMap<&str, (BTreeSet<&Address>, &RoleKey)> = BTreeMap::new();
        for (key, machines) in self.roles.iter().filter(|(key, _)| key.role() != Role::Admin) {
            for machine in machines {
                if let Some(name) = &machine.name {
                    let known =
                        names.entry(&machine.address).or_insert_with(|| (BTreeSet::new(), key));
                    known.0.insert(name);
                    let known = addresses.entry(name).or_insert_with(|| (BTreeSet::new(), key));
                    known.0.insert(&machine.address);
                }
            }
        }
        for (address, (names, key)) in names {
            if names.len() > 1 {
                let names: Vec<&str> = names.into_iter().collect();
                problems.push(
                    Problem::error(
                        "shared-address",
                        format!("{} have the same address {address}", names.join(", ")),
                    )
                    .at(path(key))
                    .help("HPCC knows a machine by its address: pods on the network of their host cannot share it"),
                );
            }
        }
        for (name, (addresses, key)) in addresses {
            if addresses.len() > 1 {
                let list: Vec<String> = addresses.into_iter().map(Address::to_string).collect();
                problems.push(
                    Problem::error(
                        "two-addresses",
                        format!("{name} has the addresses {}", list.join(", ")),
                    )
                    .at(path(key))
                    .help("use the same address of a machine in all its roles"),
                );
            }
        }
    }
}

/// Where the machines of a role are in the placement as data.
fn path(key: &RoleKey) -> DataPath {
    DataPath::root().join(key.to_string())
}

impl FromIterator<(RoleKey, Machine)> for Placement {
    fn from_iter<I: IntoIterator<Item = (RoleKey, Machine)>>(machines: I) -> Self {
        let mut placement = Self::new();
        for (key, machine) in machines {
            placement.insert(key, machine);
        }
        placement
    }
}
