//! What an environment says: machines, components and their instances.
//!
//! A view borrows from a [`Document`] and resolves its references once: which computer an instance
//! runs on, and at which address. It takes any environment, also one with faults: what does not
//! resolve is `None`.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::tree::{Document, Element};

/// The machines and components of a document.
#[derive(Debug)]
pub struct Environment<'d> {
    /// The document's root element.
    pub root: &'d Element,
    /// All `Hardware/Computer` elements in their order.
    pub computers: Vec<Computer<'d>>,
    /// All children of `Software`, in their order, except `Directories` and `Topology`.
    pub components: Vec<Component<'d>>,
    by_name: HashMap<Cow<'d, str>, usize>,
}

/// A machine.
#[derive(Debug)]
pub struct Computer<'d> {
    /// `@name`, empty when there is none.
    pub name: Cow<'d, str>,
    /// `@netAddress`, empty when there is none; `.` means the machine that reads the file.
    pub address: Cow<'d, str>,
    /// The element.
    pub element: &'d Element,
}

/// A child of `Software`: a process, a cluster, a service, a plug-in.
#[derive(Debug)]
pub struct Component<'d> {
    /// The tag: `ThorCluster`, `EspProcess`, ...
    pub process: &'d str,
    /// `@name`, empty when there is none.
    pub name: Cow<'d, str>,
    /// `@buildSet`.
    pub build_set: Option<Cow<'d, str>>,
    /// Where it runs, in the order of the file: masters, slaves and servers like plain instances.
    pub instances: Vec<Instance<'d>>,
    /// The element.
    pub element: &'d Element,
}

/// What an instance does for its component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `Instance`: the process itself.
    Process,
    /// `ThorMasterProcess`.
    ThorMaster,
    /// `ThorSlaveProcess`.
    ThorSlave,
    /// `ThorSpareProcess`.
    ThorSpare,
    /// `RoxieServerProcess`.
    RoxieServer,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 5] =
        [Self::Process, Self::ThorMaster, Self::ThorSlave, Self::ThorSpare, Self::RoxieServer];

    /// The tag of such an instance.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Process => "Instance",
            Self::ThorMaster => "ThorMasterProcess",
            Self::ThorSlave => "ThorSlaveProcess",
            Self::ThorSpare => "ThorSpareProcess",
            Self::RoxieServer => "RoxieServerProcess",
        }
    }

    fn of(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.tag() == tag)
    }
}

/// A component on a machine.
#[derive(Debug)]
pub struct Instance<'d> {
    /// What it does.
    pub part: Part,
    /// `@name`, empty when there is none.
    pub name: Cow<'d, str>,
    /// `@computer`.
    pub computer: Option<Cow<'d, str>>,
    /// The address of that computer; without such a computer its own `@netAddress`.
    pub address: Option<Cow<'d, str>>,
    /// The element.
    pub element: &'d Element,
}

impl<'d> Environment<'d> {
    /// Reads what a document says.
    #[must_use]
    pub fn new(document: &'d Document) -> Self {
        let root = &document.root;
        let mut environment =
            Self { root, computers: Vec::new(), components: Vec::new(), by_name: HashMap::new() };
        for element in root.children("Hardware").flat_map(|hardware| hardware.children("Computer"))
        {
            let name = element.get("name").unwrap_or_default();
            let address = element.get("netAddress").unwrap_or_default();
            // The first of two computers with one name is the one that HPCC finds.
            environment.by_name.entry(name.clone()).or_insert(environment.computers.len());
            environment.computers.push(Computer { name, address, element });
        }
        for element in root.children("Software").flat_map(Element::elements) {
            if !matches!(element.name(), "Directories" | "Topology") {
                let component = environment.component(element);
                environment.components.push(component);
            }
        }
        environment
    }

    fn component(&self, element: &'d Element) -> Component<'d> {
        let instances = element.elements().filter_map(|child| {
            let part = Part::of(child.name())?;
            let computer = child.get("computer");
            let known = computer.as_ref().and_then(|name| self.computer(name));
            let address = match known {
                Some(computer) => Some(computer.address.clone()),
                None => child.get("netAddress"),
            };
            let name = child.get("name").unwrap_or_default();
            Some(Instance { part, name, computer, address, element: child })
        });
        Component {
            process: element.name(),
            name: element.get("name").unwrap_or_default(),
            build_set: element.get("buildSet"),
            instances: instances.collect(),
            element,
        }
    }

    /// A computer by name.
    #[must_use]
    pub fn computer(&self, name: &str) -> Option<&Computer<'d>> {
        self.by_name.get(name).map(|index| &self.computers[*index])
    }

    /// All components with a tag.
    pub fn of_process<'e>(&'e self, process: &str) -> impl Iterator<Item = &'e Component<'d>> {
        self.components.iter().filter(move |component| component.process == process)
    }

    /// A component by tag and name.
    #[must_use]
    pub fn named(&self, process: &str, name: &str) -> Option<&Component<'d>> {
        self.components
            .iter()
            .find(|component| component.process == process && component.name == name)
    }

    /// The clusters of the topology (`Software/Topology/Cluster`), of all topologies.
    pub fn topology_clusters(&self) -> impl Iterator<Item = &'d Element> {
        let root = self.root;
        root.children("Software")
            .flat_map(|software| software.children("Topology"))
            .flat_map(|topology| topology.children("Cluster"))
    }

    /// `Software/Directories`.
    #[must_use]
    pub fn directories(&self) -> Option<&'d Element> {
        self.root.child("Software")?.child("Directories")
    }

    /// A value of `EnvSettings`.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        Some(self.root.child("EnvSettings")?.child(name)?.text())
    }

    /// The version of the first build: `7.2.20_1`.
    #[must_use]
    pub fn build(&self) -> Option<Cow<'d, str>> {
        self.root.child("Programs")?.child("Build")?.get("name")
    }
}

impl<'d> Component<'d> {
    /// Its instances that do one part.
    pub fn part(&self, part: Part) -> impl Iterator<Item = &Instance<'d>> {
        self.instances.iter().filter(move |instance| instance.part == part)
    }

    /// Its place as an XPath: `Software/ThorCluster[@name='mythor']`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("Software/{}", self.element.step())
    }
}
