//! Which component `envgen` puts on which machine (deployment/deployutils/wizardInputs.cpp).
//!
//! Numbers that it keeps unsigned stay so: -1 nodes are very many.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::addresses::{Lists, numeric};
use super::{CompatError, EnvgenArgs, Resolver, hash};
use crate::catalogue::Catalogue;
use crate::generate::{
    Blueprint, ComponentPlan, ComputerNames, Deployment, Machine, TopologyCluster,
};

/// A machine with this many components gets more only when all have as many.
const COMPONENTS_ON_A_MACHINE: usize = 4;
/// Components that should not share a machine.
const APART: [(&str, &str); 2] = [("dali", "eclagent"), ("dali", "sasha")];
/// Components that run on every machine.
const EVERYWHERE: [&str; 2] = ["dafilesrv", "ftslave"];
/// What serves a cluster of the topology, by its name.
const TOPOLOGY: [(&str, &[&str]); 4] = [
    ("thor", &["eclagent", "eclccserver", "eclscheduler"]),
    ("hthor", &["eclagent", "eclccserver", "eclscheduler"]),
    ("roxie", &["eclccserver", "eclscheduler"]),
    ("thor_roxie", &["eclccserver", "eclscheduler", "thor", "roxie"]),
];

pub(crate) fn blueprint(
    request: &EnvgenArgs,
    lists: &Lists,
    catalogue: &Catalogue,
    resolver: Resolver<'_>,
    reading: Reading,
) -> Result<Blueprint, CompatError> {
    let mut wizard = Wizard::new(request, lists, reading);
    let mut blueprint = Blueprint { machines: machines(&wizard, resolver), ..Blueprint::default() };
    blueprint.directories = directories(request, catalogue);
    // esp comes first, so that it has the first choice.
    let (esp, others): (Vec<_>, Vec<_>) =
        catalogue.build_sets.iter().partition(|set| set.name() == "esp");
    let mut drop_zones = Vec::new();
    for set in esp.into_iter().chain(others) {
        let name = set.name();
        let without = (name == "roxie" && wizard.roxie_nodes == 0)
            || (name == "thor" && wizard.thor_nodes == 0);
        if without || !set.component.as_ref().is_some_and(|kind| kind.generate) {
            continue;
        }
        let deployment = if EVERYWHERE.contains(&name) {
            wizard.everywhere(&blueprint)
        } else if set.is_deployable() && wizard.wants_any() {
            wizard.deploy(name, request, &blueprint)?
        } else {
            Deployment::None
        };
        if name == "DropZone" {
            drop_zones.push(blueprint.components.len());
        }
        blueprint.components.push(ComponentPlan {
            build_set: name.to_owned(),
            name: if name == "topology" {
                name.to_owned()
            } else {
                format!("my{}", name.to_lowercase())
            },
            deployment,
        });
    }
    // Drop zones choose last.
    for index in drop_zones {
        let server = if wizard.wants_any() { wizard.assign("DropZone", 1)? } else { None };
        let server = server.and_then(|list| list.into_iter().next()).unwrap_or_default();
        blueprint.components[index].deployment = Deployment::DropZone(server);
    }
    blueprint.topology = topology(catalogue, &wizard);
    Ok(blueprint)
}

/// How a list of addresses without roles is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As `envgen` does, with its faults.
    Envgen,
    /// Support, roxie, thor one after the other; nobody takes a machine of another role.
    InOrder,
}

/// The choices made so far.
pub(crate) struct Wizard<'l> {
    reading: Reading,
    /// Addresses for support components; empty when there are too few addresses.
    support: Vec<String>,
    /// The other addresses.
    general: Vec<String>,
    assigned: &'l [(String, Vec<String>)],
    support_nodes: u32,
    roxie_nodes: u32,
    thor_nodes: u32,
    esp_nodes: u32,
    /// Build sets and the addresses that they got.
    placed: Vec<(String, Vec<String>)>,
}

impl<'l> Wizard<'l> {
    pub(crate) fn new(request: &EnvgenArgs, lists: &'l Lists, reading: Reading) -> Self {
        let mut general = lists.general.clone();
        let mut support_nodes = request.support_nodes.cast_unsigned();
        let mut support = Vec::new();
        if general.len() > support_nodes as usize {
            support = general.drain(..support_nodes as usize).collect();
        } else {
            support_nodes = 0;
        }
        Self {
            reading,
            support,
            general,
            assigned: &lists.assigned,
            support_nodes,
            roxie_nodes: request.roxie_nodes.cast_unsigned(),
            thor_nodes: request.thor_nodes.cast_unsigned(),
            esp_nodes: request.esp_nodes.cast_unsigned(),
            placed: Vec::new(),
        }
    }

    fn wants_any(&self) -> bool {
        self.support_nodes > 0 || self.esp_nodes > 0 || self.roxie_nodes > 0 || self.thor_nodes > 0
    }

    fn is_assigned(&self, build_set: &str) -> bool {
        self.assigned.iter().any(|(name, _)| name == build_set)
    }

    /// The addresses that a build set chooses from. Here, and only here, case does not matter.
    fn list_for(&self, build_set: &str) -> &[String] {
        let own = self.assigned.iter().find(|(name, _)| name.eq_ignore_ascii_case(build_set));
        match own {
            Some((_, list)) => list,
            None if self.support_nodes == 0 || matches!(build_set, "roxie" | "thor") => {
                &self.general
            }
            None => &self.support,
        }
    }

    fn placed(&self, build_set: &str) -> Option<&Vec<String>> {
        self.placed.iter().find(|(name, _)| name == build_set).map(|(_, list)| list)
    }

    fn place(&mut self, build_set: &str, address: String) {
        match self.placed.iter_mut().find(|(name, _)| name == build_set) {
            Some((_, list)) => list.push(address),
            None => self.placed.push((build_set.to_owned(), vec![address])),
        }
    }

    fn put(&mut self, build_set: &str, address: String) -> Vec<String> {
        self.placed.retain(|(name, _)| name != build_set);
        self.placed.push((build_set.to_owned(), vec![address.clone()]));
        vec![address]
    }

    /// How many addresses are taken: roxie and thor share one counter, all others another.
    fn taken(&self, build_set: &str) -> usize {
        let cluster = |name: &str| matches!(name, "roxie" | "thor");
        let same = cluster(build_set);
        self.placed
            .iter()
            .filter(|(name, _)| cluster(name) == same)
            .map(|(_, list)| list.len())
            .sum()
    }

    /// Which address of its list a component takes next, after `reached` others.
    fn next(&self, build_set: &str, reached: usize) -> usize {
        if self.reading == Reading::Envgen || !matches!(build_set, "roxie" | "thor") {
            return self.taken(build_set);
        }
        if build_set == "roxie" {
            return reached;
        }
        let roxie = self.placed("roxie").filter(|_| !self.is_assigned("roxie")).map_or(0, Vec::len);
        if self.support_nodes == 0 || reached == 0 {
            return roxie + reached;
        }
        // The master has a support machine, yet envgen counts it as one of this list. Where there are machines to spare
        // its slaves stand apart from roxie by one, and stay there: moving them would move their data.
        let spare = self.general.len() > roxie + self.thor_nodes as usize;
        roxie + usize::from(spare) + reached - 1
    }

    /// Chooses addresses for a component; `None` when it runs nowhere.
    fn assign(&mut self, build_set: &str, wanted: u32) -> Result<Option<Vec<String>>, CompatError> {
        let assigned = self.is_assigned(build_set);
        let cluster = matches!(build_set, "roxie" | "thor");
        let mut chosen = assigned.then(|| self.list_for(build_set).to_vec());
        if build_set == "backupnode" {
            if !assigned {
                return Ok(None);
            }
        } else if !assigned && self.general.len() + self.support_nodes as usize == 1 {
            let address = self.general[0].clone();
            return Ok(Some(self.put(build_set, address)));
        } else if !assigned && self.support_nodes == 1 && !cluster {
            let address = self.support[0].clone();
            return Ok(Some(self.put(build_set, address)));
        }
        let mut reached = 0;
        while reached < wanted {
            let master = reached == 0 && self.support_nodes > 0 && build_set == "thor";
            let from_support = !assigned && master;
            let list = if from_support { &self.support } else { self.list_for(build_set) };
            let index =
                if assigned { reached as usize } else { self.next(build_set, reached as usize) };
            let address = match list.get(index) {
                Some(address) => Some(address.clone()),
                None => self.overlap(build_set, index, list),
            };
            let Some(address) = address else { break };
            self.place(build_set, address);
            reached += 1;
        }
        if let Some(list) = self.placed(build_set) {
            if list.len() != wanted as usize {
                return Err(self.too_few(build_set, wanted, reached));
            }
            chosen = Some(list.clone());
        }
        Ok(chosen)
    }

    /// An address that already carries something.
    fn overlap(&self, build_set: &str, start: usize, list: &[String]) -> Option<String> {
        let mut avoid: HashSet<&String> = HashSet::new();
        for (left, right) in APART {
            let partner = match build_set {
                name if name == left => right,
                name if name == right => left,
                _ => continue,
            };
            avoid.extend(self.placed(partner).into_iter().flatten());
        }
        avoid.extend(self.placed(build_set).into_iter().flatten());
        let position = start.checked_rem(list.len())?;
        let mut full = None;
        for index in position..position + list.len() {
            // Past the end this looks at the first address again and again.
            let address = list.get(index).unwrap_or(&list[0]);
            if avoid.contains(address) {
                continue;
            }
            let load = self.placed.iter().filter(|(_, all)| all.contains(address)).count();
            if load < COMPONENTS_ON_A_MACHINE {
                return Some(address.clone());
            }
            full = full.or_else(|| Some(address.clone()));
        }
        full
    }

    fn too_few(&self, build_set: &str, wanted: u32, reached: u32) -> CompatError {
        let signed = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        if self.is_assigned(build_set) {
            let missing = wanted.cast_signed().wrapping_sub(signed(self.taken(build_set)));
            return CompatError::new(format!(
                "Total nodes required: {}\nError: Unable to assign {missing} nodes, no more assigned ip nodes available \
                 for {build_set}",
                wanted.cast_signed()
            ));
        }
        let (what, kind, number) = match build_set {
            "thor" if self.support_nodes > 0 && reached == 0 => ("Thor Master", "support", 1),
            "thor" if self.support_nodes > 0 => {
                ("Thor Slaves", "non-support", wanted.cast_signed().wrapping_sub(1))
            }
            "roxie" | "backupnode" => (build_set, "non-support ", wanted.cast_signed()),
            _ => (build_set, "support", wanted.cast_signed()),
        };
        let (support, general) = (self.support.len(), self.general.len());
        CompatError::new(format!(
            "Total nodes: {} ({support} Support Nodes + {general} Non-support Nodes)\nError: Cannot assign {number} number \
             of nodes for {what} due to insufficient {kind} nodes available. Please enter different values",
            support + general
        ))
    }

    /// Instances on every machine. All are numbered again whenever one is added, and then the last one that was looked
    /// at gets the number of its address among all lists, repeated addresses counted.
    fn everywhere(&self, blueprint: &Blueprint) -> Deployment {
        let assigned = self.assigned.iter().flat_map(|(name, _)| self.list_for(name));
        let all: Vec<&String> = self.support.iter().chain(&self.general).chain(assigned).collect();
        let mut instances: Vec<(usize, String)> = (0..blueprint.machines.len())
            .map(|machine| (machine, format!("s{}", machine + 1)))
            .collect();
        if let Some(machine) = all.last().and_then(|address| blueprint.machine(address)) {
            instances[machine].1 = format!("s{}", all.len());
        }
        Deployment::Instances(instances)
    }

    fn deploy(
        &mut self,
        build_set: &str,
        request: &EnvgenArgs,
        blueprint: &Blueprint,
    ) -> Result<Deployment, CompatError> {
        let wanted = match build_set {
            "roxie" => self.roxie_nodes,
            "thor" => self.thor_nodes.wrapping_add(1),
            "esp" => self.esp_nodes,
            _ => 1,
        };
        let chosen = self.assign(build_set, wanted)?;
        let nodes = self.placed(build_set).map_or(0, Vec::len);
        let index: HashMap<&str, usize> = blueprint
            .machines
            .iter()
            .enumerate()
            .map(|(index, machine)| (machine.address.as_str(), index))
            .collect();
        let machines = |list: &[String]| -> Vec<usize> {
            list.iter().filter_map(|address| index.get(address.as_str()).copied()).collect()
        };
        let at_least_one = |number: i32| u32::try_from(number).unwrap_or(1).max(1);
        Ok(match (build_set, chosen) {
            ("thor", chosen) => {
                let all = machines(&chosen.unwrap_or_default());
                let slaves =
                    if all.len() == 1 { &all[..] } else { all.get(1..).unwrap_or_default() };
                Deployment::Thor {
                    master: all.first().copied(),
                    slaves: slaves.to_vec(),
                    slaves_per_node: at_least_one(request.slaves_per_node),
                    channels_per_slave: at_least_one(request.thor_channels_per_slave),
                    port_offset: 0,
                    nodes,
                }
            }
            ("roxie", chosen) => Deployment::Roxie {
                servers: machines(&chosen.unwrap_or_default()),
                ports: if request.roxie_on_demand { vec![9876, 0] } else { vec![9876] },
                channels_per_slave: i64::from(match request.roxie_channels_per_slave {
                    0 => 1,
                    other => other,
                }),
                nodes,
            },
            (_, None) => Deployment::None,
            ("esp", Some(list)) => {
                // The last one keeps the name that it got when it was added.
                let all = machines(&list);
                let count = all.len();
                let name = |index: usize| {
                    if index + 1 == count { "s".to_owned() } else { format!("s{}", index + 1) }
                };
                let numbered = all.into_iter().enumerate();
                Deployment::Instances(numbered.map(|(index, one)| (one, name(index))).collect())
            }
            (_, Some(list)) => {
                let all = machines(&list);
                let count = all.len();
                let name = |index: usize| {
                    if index + 1 == count { "s1".to_owned() } else { format!("s{}", index + 1) }
                };
                let numbered = all.into_iter().enumerate();
                Deployment::Instances(numbered.map(|(index, one)| (one, name(index))).collect())
            }
        })
    }
}

/// All machines: support addresses, general ones, then those of single build sets.
fn machines(wizard: &Wizard<'_>, resolver: Resolver<'_>) -> Vec<Machine> {
    let mut names = ComputerNames::default();
    let mut seen = HashSet::new();
    // An address that is not IPv4 leaves the octets of the one before it.
    let mut octets = (0, 0);
    let assigned = wizard.assigned.iter().flat_map(|(name, _)| wizard.list_for(name));
    let all = wizard.support.iter().chain(&wizard.general).chain(assigned);
    let mut machines = Vec::new();
    for address in all {
        if !seen.insert(address) {
            continue;
        }
        if let Some(IpAddr::V4(ip)) = numeric(address, resolver) {
            let [_, _, third, fourth] = ip.octets();
            octets = (third, fourth);
        }
        let name = names.of_octets(octets.0, octets.1);
        machines.push(Machine { name, address: address.clone() });
    }
    machines
}

/// The catalogue's categories with those of `-o`; new ones come in the order of a hash table.
fn directories(request: &EnvgenArgs, catalogue: &Catalogue) -> Vec<(String, String)> {
    let mut categories = catalogue.directories.categories.clone();
    let order = hash::order(request.directories.iter().map(|(name, _)| name.as_str()));
    for name in order {
        let last = request.directories.iter().rev().find(|(other, _)| other == name);
        let Some((_, dir)) = last else { continue };
        match categories.iter_mut().find(|(other, _)| other == name) {
            Some(category) => category.1.clone_from(dir),
            None => categories.push((name.to_owned(), dir.clone())),
        }
    }
    categories
}

fn topology(catalogue: &Catalogue, wizard: &Wizard<'_>) -> Vec<TopologyCluster> {
    let has = |name: &str| match name {
        "thor" => wizard.thor_nodes > 0,
        "roxie" => wizard.roxie_nodes > 0,
        "thor_roxie" => wizard.thor_nodes > 0 && wizard.roxie_nodes > 0,
        _ => true,
    };
    let process = |build_set: &str| {
        let kind = catalogue.build_set(build_set)?.component.as_ref()?;
        Some((kind.tag.clone(), format!("my{build_set}")))
    };
    hash::order(TOPOLOGY.iter().map(|(name, _)| *name))
        .into_iter()
        .filter(|name| has(name))
        .filter_map(|name| {
            let (_, served) = TOPOLOGY.iter().find(|(other, _)| *other == name)?;
            let own = matches!(name, "thor" | "roxie").then_some(name);
            let processes = own.into_iter().chain(served.iter().copied()).filter_map(process);
            Some(TopologyCluster { name: name.to_owned(), processes: processes.collect() })
        })
        .collect()
}
