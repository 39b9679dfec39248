//! Machines by role, as they were found among pods.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use diagnostics::{DataPath, Problem};
use topology::spec::{MasterPlace, RoxieSpec, ThorSpec};
use topology::{Address, ClusterName, ClusterSpec, Machine, Placement, Role, RoleKey};

use super::{Placed, Result};
use crate::catalogue::{Catalogue, ComponentKind};
use crate::generate::{
    Blueprint, ComponentPlan, ComputerNames, Deployment, Machine as Computer, TopologyCluster,
};

/// Components that should not share a machine while there is another.
const APART: [(Role, Role); 2] = [(Role::Dali, Role::EclAgent), (Role::Dali, Role::Sasha)];

/// Places every component on the machines of its role; what has none of its own goes to the support machines, spread
/// evenly over them.
///
/// Clusters are called as in the placement; the one without a name is `mythor`, `myroxie`, `myesp` as `envgen` has it.
/// The caller has checked both arguments ([`Placement::validate`], [`ClusterSpec::validate`]).
///
/// # Errors
///
/// What has no machine at all, and names of `hpcc.yaml` that no machine belongs to. Codes: `no-machine`,
/// `unknown-cluster`.
pub fn from_roles(placement: &Placement, spec: &ClusterSpec, catalogue: &Catalogue) -> Result {
    let mut placer = Placer::new(placement, spec);
    let components = placer.components(catalogue);
    let topology = placer.topology(catalogue, &components);
    let mut directories = catalogue.directories.categories.clone();
    for (name, dir) in &spec.directories {
        match directories.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1.clone_from(dir),
            None => directories.push((name.clone(), dir.clone())),
        }
    }
    if !placer.problems.is_empty() {
        return Err(placer.problems);
    }
    let has = |build_set: &str| components.iter().any(|one| one.build_set == build_set);
    for (key, machines) in placement.iter() {
        if let Some(build_set) = key.role().build_set().filter(|name| !has(name)) {
            let names: Vec<String> = machines.iter().map(Machine::label).collect();
            placer.notes.push(format!(
                "{} ({key}): no {build_set} is generated for HPCC {}; an edit can add one",
                names.join(", "),
                catalogue.version
            ));
        }
    }
    let blueprint = Blueprint { machines: placer.computers, components, directories, topology };
    Ok(Placed { blueprint, notes: placer.notes })
}

/// How far apart the ports of thor clusters on one machine are: room for 45 slaves on it.
const PORTS_OF_A_THOR: u16 = 1000;

struct Placer<'p> {
    placement: &'p Placement,
    spec: &'p ClusterSpec,
    computers: Vec<Computer>,
    index: HashMap<&'p Address, usize>,
    /// How many components each support machine has got.
    load: BTreeMap<usize, usize>,
    /// Single-instance components and their machines.
    single: Vec<(Role, usize)>,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl<'p> Placer<'p> {
    fn new(placement: &'p Placement, spec: &'p ClusterSpec) -> Self {
        let mut names = ComputerNames::default();
        let mut index = HashMap::new();
        let mut computers = Vec::new();
        for (key, machines) in placement.iter() {
            for machine in machines.iter().filter(|_| key.role() != Role::Admin) {
                if !index.contains_key(&machine.address) {
                    index.insert(&machine.address, computers.len());
                    computers.push(Computer {
                        name: computer_name(machine, &mut names),
                        address: machine.address.to_string(),
                    });
                }
            }
        }
        Self {
            placement,
            spec,
            computers,
            index,
            load: BTreeMap::new(),
            single: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn machines(&self, machines: &[Machine]) -> Vec<usize> {
        machines.iter().filter_map(|machine| self.index.get(&machine.address).copied()).collect()
    }

    /// All components, in the order of the catalogue.
    fn components(&mut self, catalogue: &Catalogue) -> Vec<ComponentPlan> {
        let mut components = Vec::new();
        for set in &catalogue.build_sets {
            let Some(kind) = &set.component else { continue };
            let name = set.name();
            let role = Role::ALL.into_iter().find(|role| role.build_set() == Some(name));
            let mut add = |name: String, deployment: Deployment| {
                components.push(ComponentPlan {
                    build_set: set.name().to_owned(),
                    name,
                    deployment,
                });
            };
            let default = || {
                if name == "topology" {
                    name.to_owned()
                } else {
                    format!("my{}", name.to_lowercase())
                }
            };
            match role {
                Some(Role::ThorMaster | Role::ThorSlave) => {
                    for (cluster, deployment) in self.thors() {
                        add(named(cluster.as_ref(), default), deployment);
                    }
                }
                Some(Role::Roxie) => {
                    for (cluster, deployment) in self.roxies() {
                        add(named(cluster.as_ref(), default), deployment);
                    }
                }
                Some(Role::DafileSrv | Role::FtSlave) => {
                    let all = (0..self.computers.len()).map(|one| (one, format!("s{}", one + 1)));
                    add(default(), Deployment::Instances(all.collect()));
                }
                Some(Role::DropZone) => {
                    let chosen = self.one_each(Role::DropZone, kind.generate);
                    let server = chosen.first().and_then(|(_, all)| all.first());
                    let server = server.map(|one| self.computers[*one].address.clone());
                    if kind.generate || server.is_some() {
                        add(default(), Deployment::DropZone(server.unwrap_or_default()));
                    }
                }
                // envgen generates none, so it is not known what one consists of.
                Some(_) if !kind.generate && !is_described(kind) => {}
                Some(role) => {
                    let chosen = self.one_each(role, kind.generate && role.falls_to_support());
                    if chosen.is_empty() && kind.generate {
                        add(default(), Deployment::None);
                    }
                    for (cluster, machines) in chosen {
                        let numbered = machines.into_iter().enumerate();
                        let all = numbered.map(|(n, one)| (one, format!("s{}", n + 1))).collect();
                        add(named(cluster.as_ref(), default), Deployment::Instances(all));
                    }
                }
                None if kind.generate => add(default(), Deployment::None),
                None => {}
            }
        }
        components
    }

    /// The machines of a role, for each of its clusters. Without machines of its own, one of the support
    /// machines if `support`.
    fn one_each(&mut self, role: Role, support: bool) -> Vec<(Option<ClusterName>, Vec<usize>)> {
        let mut found: Vec<_> = self
            .placement
            .keys(role)
            .map(|key| (key.cluster().cloned(), self.machines(self.placement.machines(key))))
            .collect();
        if found.is_empty() && support {
            if role == Role::Esp {
                for name in self.spec.esp.keys() {
                    let machine = self.support(role);
                    found.extend(machine.map(|one| (Some(name.clone()), vec![one])));
                }
            }
            if found.is_empty() {
                found.extend(self.support(role).map(|one| (None, vec![one])));
            }
        }
        if role == Role::Esp {
            for name in self.spec.esp.keys() {
                if !found.iter().any(|(cluster, _)| cluster.as_ref() == Some(name)) {
                    self.unknown("esp", name);
                }
            }
        }
        for (_, machines) in &found {
            self.single.extend(machines.iter().map(|one| (role, *one)));
        }
        found
    }

    /// The support machine that has the fewest components and no component that should stand apart.
    fn support(&mut self, role: Role) -> Option<usize> {
        let all = self.machines(self.placement.candidates(&RoleKey::single(role)));
        let apart = |one: &usize| {
            APART.iter().any(|(left, right)| {
                let other = if role == *left { *right } else { *left };
                (role == *left || role == *right) && self.single.contains(&(other, *one))
            })
        };
        let best = all
            .iter()
            .copied()
            .min_by_key(|one| (apart(one), self.load.get(one).copied().unwrap_or(0), *one));
        match best {
            Some(one) => *self.load.entry(one).or_default() += 1,
            None => self.problems.push(
                Problem::error("no-machine", format!("there is no machine for {role}"))
                    .help("give a machine the role support, or one of its own"),
            ),
        }
        best
    }

    fn unknown(&mut self, part: &'static str, name: &ClusterName) {
        self.problems.push(
            Problem::error(
                "unknown-cluster",
                format!("no machine belongs to the {part} cluster {name}"),
            )
            .at(DataPath::root().join(part).join(name.to_string()))
            .help("label its machines with the name, or take the cluster out"),
        );
    }

    fn thors(&mut self) -> Vec<(Option<ClusterName>, Deployment)> {
        let placement = self.placement;
        let mut clusters: Vec<Option<ClusterName>> =
            placement.thor_clusters().into_iter().map(Option::<&ClusterName>::cloned).collect();
        if clusters.is_empty() && !placement.nodes().is_empty() {
            clusters.push(None);
        }
        for name in self.spec.thor.keys() {
            if !clusters.iter().any(|cluster| cluster.as_ref() == Some(name)) {
                self.unknown("thor", name);
            }
        }
        let default = ThorSpec::default();
        let mut found = Vec::new();
        let mut taken: Vec<(u16, usize)> = Vec::new();
        for cluster in clusters {
            let spec =
                cluster.as_ref().and_then(|name| self.spec.thor.get(name)).unwrap_or(&default);
            let key = |role| match &cluster {
                Some(name) => RoleKey::of(role, name),
                None => RoleKey::single(role),
            };
            let slaves = self.machines(placement.candidates(&key(Role::ThorSlave)));
            let own = self.machines(placement.machines(&key(Role::ThorMaster)));
            let label = cluster.as_ref().map_or("mythor", |name| name.as_str());
            let master = match own.first() {
                Some(own) if spec.master != MasterPlace::Support => Some(*own),
                _ if placement.support().is_empty() && placement.nodes().is_empty() => {
                    self.problems.push(
                        Problem::error(
                            "no-machine",
                            format!("thor {label} has no machine for its master"),
                        )
                        .help("give it a machine as thor-master, or the cluster one for support"),
                    );
                    None
                }
                _ => self.support(Role::ThorMaster),
            };
            if slaves.is_empty() {
                self.problems.push(
                    Problem::error(
                        "no-machine",
                        format!("thor {label} has no machine for its slaves"),
                    )
                    .help("give it at least one machine as thor-slave"),
                );
            }
            let mut members = slaves.clone();
            members.extend(master);
            members.sort_unstable();
            members.dedup();
            // Two clusters on one machine need ports of their own.
            let mut port_offset = 0;
            while taken
                .iter()
                .any(|(offset, machine)| *offset == port_offset && members.contains(machine))
            {
                port_offset += PORTS_OF_A_THOR;
            }
            taken.extend(members.iter().map(|machine| (port_offset, *machine)));
            found.push((
                cluster,
                Deployment::Thor {
                    master,
                    slaves,
                    slaves_per_node: spec.slaves_per_node,
                    channels_per_slave: spec.channels_per_slave,
                    port_offset,
                    nodes: members.len(),
                },
            ));
        }
        found
    }

    fn roxies(&mut self) -> Vec<(Option<ClusterName>, Deployment)> {
        let placement = self.placement;
        let mut clusters: Vec<Option<ClusterName>> = placement
            .clusters(Role::Roxie)
            .into_iter()
            .map(Option::<&ClusterName>::cloned)
            .collect();
        if clusters.is_empty() && !placement.nodes().is_empty() {
            clusters.push(None);
        }
        for name in self.spec.roxie.keys() {
            if !clusters.iter().any(|cluster| cluster.as_ref() == Some(name)) {
                self.unknown("roxie", name);
            }
        }
        let default = RoxieSpec::default();
        let mut found = Vec::new();
        for cluster in clusters {
            let spec =
                cluster.as_ref().and_then(|name| self.spec.roxie.get(name)).unwrap_or(&default);
            let key = match &cluster {
                Some(name) => RoleKey::of(Role::Roxie, name),
                None => RoleKey::single(Role::Roxie),
            };
            let servers = self.machines(placement.candidates(&key));
            let nodes = servers.len();
            found.push((
                cluster,
                Deployment::Roxie {
                    servers,
                    ports: if spec.on_demand { vec![9876, 0] } else { vec![9876] },
                    channels_per_slave: spec.channels_per_slave.into(),
                    nodes,
                },
            ));
        }
        found
    }

    /// The clusters that workunits can name: those of `hpcc.yaml`, or one for hthor and one for each cluster.
    fn topology(
        &mut self,
        catalogue: &Catalogue,
        components: &[ComponentPlan],
    ) -> Vec<TopologyCluster> {
        let tag = |build_set: &str| {
            let kind = catalogue.build_set(build_set).and_then(|set| set.component.as_ref());
            kind.map(|kind| kind.tag.clone()).unwrap_or_default()
        };
        let first = |build_set: &str| {
            components.iter().find(|one| one.build_set == build_set).map(|one| one.name.clone())
        };
        let entry = |build_set: &str, name: Option<&str>| {
            let name = name.map(str::to_owned).or_else(|| first(build_set))?;
            Some((tag(build_set), name))
        };
        let all = |build_set: &str| -> Vec<&ComponentPlan> {
            components.iter().filter(|one| one.build_set == build_set).collect()
        };
        let mut clusters = Vec::new();
        for (name, topology) in &self.spec.topologies {
            let agent = topology.roxie.is_empty() || topology.eclagent.is_some();
            let mut processes: Vec<_> = [
                agent.then(|| entry("eclagent", topology.eclagent.as_deref())).flatten(),
                entry("eclccserver", topology.eclccserver.as_deref()),
                entry("eclscheduler", topology.eclscheduler.as_deref()),
            ]
            .into_iter()
            .flatten()
            .collect();
            processes.extend(topology.roxie.iter().map(|one| (tag("roxie"), one.to_string())));
            processes.extend(topology.thor.iter().map(|one| (tag("thor"), one.to_string())));
            clusters.push(TopologyCluster { name: name.to_string(), processes });
        }
        if !clusters.is_empty() {
            return clusters;
        }
        // As envgen: `mythor` serves the cluster `thor`.
        let plain = |name: &str| name.strip_prefix("my").unwrap_or(name).to_owned();
        let helpers = |agent: bool| -> Vec<(String, String)> {
            let names: &[&str] = if agent {
                &["eclagent", "eclccserver", "eclscheduler"]
            } else {
                &["eclccserver", "eclscheduler"]
            };
            names.iter().filter_map(|name| entry(name, None)).collect()
        };
        clusters.push(TopologyCluster { name: "hthor".to_owned(), processes: helpers(true) });
        let (thors, roxies) = (all("thor"), all("roxie"));
        for (build_set, plans, agent) in [("thor", &thors, true), ("roxie", &roxies, false)] {
            for plan in plans {
                let mut processes = helpers(agent);
                processes.push((tag(build_set), plan.name.clone()));
                clusters.push(TopologyCluster { name: plain(&plan.name), processes });
            }
        }
        if let ([thor], [roxie]) = (thors.as_slice(), roxies.as_slice()) {
            let mut processes = helpers(false);
            processes.push((tag("roxie"), roxie.name.clone()));
            processes.push((tag("thor"), thor.name.clone()));
            let name = format!("{}_{}", plain(&thor.name), plain(&roxie.name));
            clusters.push(TopologyCluster { name, processes });
        }
        clusters
    }
}

/// Whether it is known how a component gets its name: without one HPCC does not start it.
fn is_described(kind: &ComponentKind) -> bool {
    kind.attributes.get("name").is_some_and(|name| name.generate.is_some())
}

fn named(cluster: Option<&ClusterName>, default: impl Fn() -> String) -> String {
    cluster.map_or_else(default, ClusterName::to_string)
}

/// The name of a computer: octets for IPv4 as `envgen` has them, the first label of a host name, the last groups of IPv6.
fn computer_name(machine: &Machine, names: &mut ComputerNames) -> String {
    let text = machine.address.to_string();
    match text.parse() {
        Ok(IpAddr::V4(ip)) => {
            let [_, _, third, fourth] = ip.octets();
            names.of_octets(third, fourth)
        }
        Ok(IpAddr::V6(ip)) => {
            let groups = ip.segments();
            names.unique(&format!("node{:04x}{:04x}", groups[6], groups[7]))
        }
        Err(_) => names.unique(text.split('.').next().unwrap_or(&text)),
    }
}
