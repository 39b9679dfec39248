//! An environment from a blueprint: which machines there are, and which component runs where.
//!
//! Placement is somebody else's: [`crate::compat`] places as `envgen` does, [`crate::place`] by role.
//! Both give a [`Blueprint`], and this module writes it down with the attributes of a [`Catalogue`].

use std::collections::{HashMap, HashSet};

use crate::catalogue::Catalogue;
use crate::tree::{Document, Element};

mod component;
pub(crate) mod service;

/// What an environment is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blueprint {
    /// All machines, in the order of the file.
    pub machines: Vec<Machine>,
    /// The components, in the order of the catalogue's build sets.
    pub components: Vec<ComponentPlan>,
    /// The directory categories; empty means those of the catalogue.
    pub directories: Vec<(String, String)>,
    /// The clusters of the topology.
    pub topology: Vec<TopologyCluster>,
}

/// A machine of a blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `Computer/@name`, unique.
    pub name: String,
    /// `Computer/@netAddress`.
    pub address: String,
}

/// A component of a blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentPlan {
    /// The build set: `thor`.
    pub build_set: String,
    /// The component's name: `mythor`. A name that the catalogue fixes wins.
    pub name: String,
    /// Where it runs.
    pub deployment: Deployment,
}

/// Where a component runs. Machines are indexes into [`Blueprint::machines`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployment {
    /// Nowhere, as services and plug-ins.
    None,
    /// As instances with names.
    Instances(Vec<(usize, String)>),
    /// As a drop zone with one server: an address, or nothing.
    DropZone(String),
    /// As a thor cluster.
    Thor {
        /// The master's machine.
        master: Option<usize>,
        /// The slaves' machines, in the order of their parts.
        slaves: Vec<usize>,
        /// Slaves on each machine.
        slaves_per_node: u32,
        /// Channels of each slave.
        channels_per_slave: u32,
        /// What is added to its ports, so that it can share machines with another cluster.
        port_offset: u16,
        /// How many machines count for attributes that depend on it.
        nodes: usize,
    },
    /// As a roxie cluster.
    Roxie {
        /// The servers' machines.
        servers: Vec<usize>,
        /// The ports of its farms.
        ports: Vec<u16>,
        /// Channels of each server; `envgen` writes negative numbers as they are typed.
        channels_per_slave: i64,
        /// How many machines count for attributes that depend on it.
        nodes: usize,
    },
}

/// A cluster of the topology: a name that queries are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyCluster {
    /// The name, which is the prefix too.
    pub name: String,
    /// Tags and names of the components that serve it.
    pub processes: Vec<(String, String)>,
}

impl Blueprint {
    /// The index of the machine with an address; the first of several.
    #[must_use]
    pub fn machine(&self, address: &str) -> Option<usize> {
        self.machines.iter().position(|machine| machine.address == address)
    }

    /// The component of a build set that comes first.
    #[must_use]
    pub fn component(&self, build_set: &str) -> Option<&ComponentPlan> {
        self.components.iter().find(|component| component.build_set == build_set)
    }

    /// The environment, with a comment that says on which host it was generated.
    #[must_use]
    pub fn document(&self, catalogue: &Catalogue, host_label: &str) -> Document {
        let mut root = Element::new("Environment");
        root.push(settings(catalogue));
        root.push(self.hardware());
        root.push(programs(catalogue));
        root.push(self.software(catalogue));
        let mut document = Document::new(root);
        document.push_comment(&format!("Generated with envgen on ip {host_label}"));
        document
    }

    fn hardware(&self) -> Element {
        let mut hardware = Element::new("Hardware");
        for machine in &self.machines {
            hardware.push(
                Element::new("Computer")
                    .with("computerType", "linuxmachine")
                    .with("domain", "localdomain")
                    .with("name", &machine.name)
                    .with("netAddress", &machine.address),
            );
        }
        hardware.push(
            Element::new("ComputerType")
                .with("computerType", "linuxmachine")
                .with("manufacturer", "unknown")
                .with("name", "linuxmachine")
                .with("nicSpeed", "1000")
                .with("opSys", "linux"),
        );
        hardware.push(Element::new("Domain").with("name", "localdomain"));
        hardware.push(Element::new("Switch").with("name", "Switch"));
        hardware
    }

    fn software(&self, catalogue: &Catalogue) -> Element {
        let mut software = Element::new("Software");
        let mut directories = Element::new("Directories").with("name", &catalogue.directories.name);
        for (name, dir) in self.categories(catalogue) {
            directories.push(Element::new("Category").with("dir", dir).with("name", name));
        }
        software.push(directories);
        for plan in &self.components {
            if let Some(element) = self.component_element(catalogue, plan) {
                software.push(element);
            }
        }
        software
    }

    /// The directory categories in force.
    fn categories<'b>(&'b self, catalogue: &'b Catalogue) -> &'b [(String, String)] {
        if self.directories.is_empty() {
            &catalogue.directories.categories
        } else {
            &self.directories
        }
    }

    fn topology_clusters(&self) -> impl Iterator<Item = Element> {
        self.topology.iter().map(|cluster| {
            let mut element = Element::new("Cluster")
                .with("alias", "")
                .with("name", &cluster.name)
                .with("prefix", &cluster.name);
            for (tag, process) in &cluster.processes {
                element.push(Element::new(tag.as_str()).with("process", process));
            }
            element
        })
    }
}

/// The name of a computer by the last two octets of its address: `node002001`.
#[must_use]
pub fn octets_name(third: u8, fourth: u8) -> String {
    format!("node{third:03}{fourth:03}")
}

/// The names given to computers so far.
#[derive(Debug, Default)]
pub struct ComputerNames {
    taken: HashSet<String>,
    /// The next suffix of a name that was wanted more than once.
    next: HashMap<String, u32>,
}

impl ComputerNames {
    /// The name that `envgen` gives to a computer: two octets, and a suffix where that is taken.
    pub fn of_octets(&mut self, third: u8, fourth: u8) -> String {
        self.unique(&octets_name(third, fourth))
    }

    /// A name, with a suffix where it is taken: `a`, `a_2`, `a_3`.
    pub fn unique(&mut self, plain: &str) -> String {
        let mut name = plain.to_owned();
        while !self.taken.insert(name.clone()) {
            let suffix = self.next.entry(plain.to_owned()).or_insert(1);
            *suffix += 1;
            name = format!("{plain}_{suffix}");
        }
        name
    }
}

fn settings(catalogue: &Catalogue) -> Element {
    let mut settings = Element::new("EnvSettings");
    for (name, value) in &catalogue.settings {
        let mut setting = Element::new(name.as_str());
        setting.push_text(value);
        settings.push(setting);
    }
    settings
}

fn programs(catalogue: &Catalogue) -> Element {
    let mut build =
        Element::new("Build").with("name", &catalogue.build.name).with("url", &catalogue.build.url);
    for set in &catalogue.build_sets {
        let mut element = Element::new("BuildSet");
        for (name, value) in &set.attributes {
            element.set(name, value);
        }
        if let Some(properties) = &set.properties {
            element.push(service::element_of(properties));
        }
        build.push(element);
    }
    if !catalogue.stray_text.is_empty() {
        build.push_text(&catalogue.stray_text);
    }
    let mut programs = Element::new("Programs");
    programs.push(build);
    programs
}
