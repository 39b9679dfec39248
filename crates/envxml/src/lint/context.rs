//! What the rules share: which machines there are and what runs where.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::LintOptions;
use crate::address;
use crate::tree::Element;
use crate::view::{Component, Environment, Instance};

/// An environment with its machines resolved.
pub(super) struct Context<'e, 'd> {
    pub(super) environment: &'e Environment<'d>,
    pub(super) options: &'e LintOptions,
    /// All computers with the element around them.
    pub(super) computers: Vec<(&'d Element, usize)>,
    /// The machines: computers with one address are one machine.
    pub(super) machines: Vec<Machine<'d>>,
    /// All components with their instances.
    pub(super) components: Vec<Placed<'e, 'd>>,
    /// The machines of drop zones.
    pub(super) drop_zones: HashSet<usize>,
    by_address: HashMap<Cow<'d, str>, usize>,
}

/// A machine.
pub(super) struct Machine<'d> {
    /// The name of its first computer.
    pub(super) name: Cow<'d, str>,
    /// Its address as it is written.
    pub(super) address: Cow<'d, str>,
    /// The first computer with the element around it.
    pub(super) chain: [&'d Element; 2],
    /// What runs there, as indexes of components and their instances.
    pub(super) runs: Vec<(usize, usize)>,
}

/// A component with the places of its instances.
pub(super) struct Placed<'e, 'd> {
    pub(super) component: &'e Component<'d>,
    /// The `Software` around it.
    pub(super) software: &'d Element,
    /// The machine of each instance.
    pub(super) machines: Vec<Option<usize>>,
}

impl<'e, 'd> Placed<'e, 'd> {
    pub(super) fn chain(&self) -> [&'d Element; 2] {
        [self.software, self.component.element]
    }

    pub(super) fn below(&self, child: &'d Element) -> [&'d Element; 3] {
        [self.software, self.component.element, child]
    }

    /// All instances with their machines.
    pub(super) fn instances(&self) -> impl Iterator<Item = (&'e Instance<'d>, Option<usize>)> {
        self.component.instances.iter().zip(self.machines.iter().copied())
    }

    /// `ThorCluster mythor`.
    pub(super) fn title(&self) -> String {
        title(self.component)
    }

    pub(super) fn is(&self, process: &str) -> bool {
        self.component.process == process
    }
}

/// `ThorCluster mythor`.
pub(super) fn title(component: &Component<'_>) -> String {
    if component.name.is_empty() {
        format!("{} without a name", component.process)
    } else {
        format!("{} {}", component.process, component.name)
    }
}

impl Machine<'_> {
    /// `node1 (10.0.0.1)`.
    pub(super) fn title(&self) -> String {
        match (&*self.name, &*self.address) {
            ("", address) => address.to_owned(),
            (name, "") => name.to_owned(),
            (name, address) => format!("{name} ({address})"),
        }
    }
}

impl<'e, 'd> Context<'e, 'd> {
    pub(super) fn new(environment: &'e Environment<'d>, options: &'e LintOptions) -> Self {
        let hardware = environment.root.children("Hardware");
        let around =
            hardware.flat_map(|hardware| hardware.children("Computer").map(move |_| hardware));
        let mut context = Self {
            environment,
            options,
            computers: Vec::new(),
            machines: Vec::new(),
            components: Vec::new(),
            drop_zones: HashSet::new(),
            by_address: HashMap::new(),
        };
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for (computer, hardware) in environment.computers.iter().zip(around) {
            let address = normal(&computer.address);
            let new = context.machines.len();
            let machine = match context.by_address.get(&address) {
                Some(machine) if !address.is_empty() => *machine,
                _ => {
                    context.by_address.insert(address, new);
                    context.machines.push(Machine {
                        name: computer.name.clone(),
                        address: computer.address.clone(),
                        chain: [hardware, computer.element],
                        runs: Vec::new(),
                    });
                    new
                }
            };
            by_name.entry(&computer.name).or_insert(machine);
            context.computers.push((hardware, machine));
        }
        let softwares = environment.root.children("Software").flat_map(|software| {
            let components = software.elements();
            let components = components.filter(|e| !matches!(e.name(), "Directories" | "Topology"));
            components.map(move |_| software)
        });
        for (component, software) in environment.components.iter().zip(softwares) {
            let index = context.components.len();
            let machines: Vec<Option<usize>> = component
                .instances
                .iter()
                .map(|instance| {
                    let named = instance.computer.as_ref().and_then(|name| by_name.get(&**name));
                    named.copied().or_else(|| context.machine(instance.address.as_deref()?))
                })
                .collect();
            for (instance, machine) in machines.iter().enumerate() {
                if let Some(machine) = machine {
                    context.machines[*machine].runs.push((index, instance));
                }
            }
            context.components.push(Placed { component, software, machines });
        }
        context.drop_zones = context.drop_zones();
        context
    }

    fn drop_zones(&self) -> HashSet<usize> {
        let mut machines = HashSet::new();
        for zone in self.of("DropZone").map(|placed| placed.component.element) {
            let servers = zone.children("ServerList").filter_map(|server| server.get("server"));
            machines.extend(servers.filter_map(|address| self.machine(&address)));
            let computer = zone.get("computer");
            let computer = computer.and_then(|name| self.environment.computer(&name));
            machines.extend(computer.and_then(|computer| self.machine(&computer.address)));
        }
        machines
    }

    /// Which machines run nothing but `dafilesrv` and `ftslave` and have no drop zone.
    pub(super) fn idle(&self) -> Vec<usize> {
        let file_service =
            |placed: &Placed<'_, '_>| placed.is("DafilesrvProcess") || placed.is("FTSlaveProcess");
        let idle = |machine: &usize| {
            !self.drop_zones.contains(machine)
                && self.on(*machine).all(|(placed, _)| file_service(placed))
        };
        (0..self.machines.len()).filter(idle).collect()
    }

    /// The machine with an address.
    pub(super) fn machine(&self, address: &str) -> Option<usize> {
        if address.is_empty() {
            return None;
        }
        self.by_address.get(&*address::normal(address)).copied()
    }

    /// All components with a tag.
    pub(super) fn of(&self, process: &str) -> impl Iterator<Item = &Placed<'e, 'd>> {
        self.components.iter().filter(move |placed| placed.is(process))
    }

    /// What runs on a machine.
    pub(super) fn on(
        &self,
        machine: usize,
    ) -> impl Iterator<Item = (&Placed<'e, 'd>, &'e Instance<'d>)> {
        self.machines[machine].runs.iter().map(|(component, instance)| {
            let placed = &self.components[*component];
            (placed, &placed.component.instances[*instance])
        })
    }

    /// Whether roles can be on machines of their own.
    pub(super) fn several_machines(&self) -> bool {
        self.machines.len() > 1
    }

    /// All `Software` elements with one of their children of a tag.
    pub(super) fn in_software(&self, tag: &str) -> impl Iterator<Item = [&'d Element; 2]> {
        let root: &'d Element = self.environment.root;
        let tag = tag.to_owned();
        root.children("Software").flat_map(move |software| {
            let children: Vec<_> = software.children(&tag).collect();
            children.into_iter().map(move |child| [software, child])
        })
    }
}

fn normal<'d>(address: &Cow<'d, str>) -> Cow<'d, str> {
    match address {
        Cow::Borrowed(address) => address::normal(address),
        Cow::Owned(address) => Cow::Owned(address::normal(address).into_owned()),
    }
}

/// A text of a finding for a list of things, cut where it gets long.
pub(super) fn listed(items: &[String]) -> String {
    const SHOWN: usize = 3;
    match items.len() {
        0..=SHOWN => items.join(", "),
        count => format!("{}, and {} more", items[..SHOWN].join(", "), count - SHOWN),
    }
}
