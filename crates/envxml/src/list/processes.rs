//! Components and their instances: `-listall`, `-listall2`, `-list`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use super::{ListError, RUNTIME_DIRECTORY, Row, elements, localised, order, value};
use crate::tree::{Document, Element};

/// Thor's base port, where a cluster names none.
const THOR_BASE_PORT: &str = "20000";

/// Buildsets whose components only count when the topology names them.
const IN_TOPOLOGY: [&str; 6] =
    ["thor", "roxie", "eclserver", "eclagent", "eclccserver", "eclscheduler"];

/// The elements of a topology's cluster that name a component.
const TOPOLOGY_TAGS: [&str; 6] = [
    "RoxieCluster",
    "ThorCluster",
    "EclServerProcess",
    "EclAgentProcess",
    "EclCCServerProcess",
    "EclSchedulerProcess",
];

/// Attributes that may hold a component's log folder, in the order in which they are tried.
const LOG_DIRECTORIES: [&str; 4] = ["logDir", "LogDir", "dfuLogDir", "eclLogDir"];

/// One instance: a row of `configgen -listall2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process<'d> {
    /// The component's tag; for parts of Thor and Roxie clusters that of the part.
    pub process: Cow<'d, str>,
    /// The component's name.
    pub component: Cow<'d, str>,
    /// The address of its machine.
    pub address: Cow<'d, str>,
    /// The port, empty when the instance has none of its own.
    pub port: Cow<'d, str>,
    /// Slaves on this machine, for a Thor slave.
    pub slaves_per_node: Option<Cow<'d, str>>,
    /// Where it runs.
    pub runtime_directory: String,
    /// The component's log folder: its `@logDir`, or else `@LogDir`, `@dfuLogDir` or `@eclLogDir`.
    pub log_directory: Cow<'d, str>,
}

impl Process<'_> {
    /// Whether only `-listall2` shows it: Thor's slaves and spares.
    #[must_use]
    pub fn is_thor_worker(&self) -> bool {
        matches!(&*self.process, "ThorSlaveProcess" | "ThorSpareProcess")
    }
}

impl Row for Process<'_> {
    const HEADER: &'static [&'static str] = &[
        "PROCESS",
        "COMPONENT",
        "ADDRESS",
        "PORT",
        "SLAVES",
        "RUNTIME DIRECTORY",
        "LOG DIRECTORY",
    ];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let Self { process, component, address, port, .. } = self;
        let slaves = self.slaves_per_node.as_deref().unwrap_or_default();
        vec![
            process.as_ref().into(),
            component.as_ref().into(),
            address.as_ref().into(),
            port.as_ref().into(),
            slaves.into(),
            self.runtime_directory.as_str().into(),
            self.log_directory.as_ref().into(),
        ]
    }
}

impl fmt::Display for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{},", self.process, self.component, self.address, self.port)?;
        if let Some(slaves) = &self.slaves_per_node {
            write!(f, "{slaves},")?;
        }
        write!(f, "{},{}", self.runtime_directory, self.log_directory)
    }
}

/// One component of a machine: a row of `configgen -list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Local<'d> {
    /// The component's name.
    pub component: Cow<'d, str>,
    /// Its buildset.
    pub build_set: Cow<'d, str>,
    /// Where its configuration goes.
    pub directory: String,
    /// Whether it is a Thor master or a Roxie server.
    pub master: bool,
}

impl Row for Local<'_> {
    const HEADER: &'static [&'static str] = &["COMPONENT", "BUILDSET", "DIRECTORY", "PART"];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let part = if self.master { "master" } else { "" };
        vec![
            self.component.as_ref().into(),
            self.build_set.as_ref().into(),
            self.directory.as_str().into(),
            part.into(),
        ]
    }
}

impl fmt::Display for Local<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let master = if self.master { ";master" } else { "" };
        write!(f, "{}={};{}{master}", self.component, self.build_set, self.directory)
    }
}

/// All instances: `configgen -listall2`. Without those that are
/// [`Process::is_thor_worker`] it is `-listall`.
///
/// # Errors
///
/// When a Thor cluster names a computer that is not there, or something that must be there once is
/// there more than once.
pub fn processes<'d>(document: &'d Document, local: &str) -> Result<Vec<Process<'d>>, ListError> {
    let selected = selected(&document.root, local, None)?;
    Ok(selected.iter().flat_map(Selected::rows).collect())
}

/// The components of one machine: `configgen -list -ip ADDRESS`.
///
/// An `address` of `.` is the local machine. Host names are compared as they are written.
///
/// # Errors
///
/// As [`processes`].
pub fn local_components<'d>(
    document: &'d Document,
    local: &str,
    address: &str,
) -> Result<Vec<Local<'d>>, ListError> {
    let address = if address == "." { local } else { address };
    let mut rows = Vec::new();
    for component in selected(&document.root, local, Some(address))? {
        let row = |master| Local {
            component: component.name.clone(),
            build_set: component.build_set.clone(),
            directory: format!("{RUNTIME_DIRECTORY}/{}", component.name),
            master,
        };
        if matches!(&*component.build_set, "roxie" | "thor") {
            let masters = component.parts.iter().filter(|part| {
                part.tag == "ThorMasterProcess" || part.tag.starts_with("RoxieServerProcess")
            });
            rows.extend(masters.map(|_| row(true)));
        } else {
            rows.push(row(false));
        }
    }
    Ok(rows)
}

/// Whether two spellings are one address.
pub(super) fn same_address(left: &str, right: &str) -> bool {
    match (left.parse::<IpAddr>(), right.parse::<IpAddr>()) {
        (Ok(left), Ok(right)) => left.to_canonical() == right.to_canonical(),
        _ => !left.is_empty() && left == right,
    }
}

/// A component that runs somewhere, as `configgen` sees it.
struct Selected<'d> {
    process: &'d str,
    name: Cow<'d, str>,
    build_set: Cow<'d, str>,
    log_directory: Cow<'d, str>,
    parts: Vec<Part<'d>>,
}

struct Part<'d> {
    tag: &'d str,
    address: Cow<'d, str>,
    port: Cow<'d, str>,
    slaves_per_node: Option<Cow<'d, str>>,
}

impl<'d> Selected<'d> {
    fn rows(&self) -> Vec<Process<'d>> {
        let row = |process: &'d str| Process {
            process: process.into(),
            component: self.name.clone(),
            address: Cow::default(),
            port: Cow::default(),
            slaves_per_node: None,
            runtime_directory: format!("{RUNTIME_DIRECTORY}/{}", self.name),
            log_directory: self.log_directory.clone(),
        };
        if self.parts.is_empty() {
            return vec![row(self.process)];
        }
        let cluster = matches!(self.process, "ThorCluster" | "RoxieCluster");
        let rows = self.parts.iter().map(|part| Process {
            address: part.address.clone(),
            port: part.port.clone(),
            // Only the row's tag decides whether it has the column.
            slaves_per_node: part.slaves_per_node.clone().filter(|_| cluster),
            ..row(if cluster { part.tag } else { self.process })
        });
        rows.collect()
    }
}

/// All components with the instances that run at `on`, or anywhere.
fn selected<'d>(
    root: &'d Element,
    local: &str,
    on: Option<&str>,
) -> Result<Vec<Selected<'d>>, ListError> {
    let topology = topology_names(root);
    let builds = BuildSets::new(root);
    let computers = Computers::new(root, local);
    let mut found = Vec::new();
    for software in root.children("Software") {
        // `configgen` reads the file, writes it in its order, and reads that.
        let first = order::by_tag(software.elements().map(|element| (element.name(), element)));
        let second = order::by_tag(
            first.into_iter().flat_map(|(tag, group)| group.into_iter().map(move |e| (tag, e))),
        );
        for component in second.into_iter().flat_map(|(_, group)| group) {
            let tag = component.name();
            if tag.eq_ignore_ascii_case("Topology") || tag.eq_ignore_ascii_case("Directories") {
                continue;
            }
            let (Some(name), Some(build_set)) = (component.get("name"), component.get("buildSet"))
            else {
                continue;
            };
            if IN_TOPOLOGY.contains(&&*build_set) && !topology.contains(&*name) {
                continue;
            }
            if !builds.deployable(component, &build_set)? {
                continue;
            }
            let parts = parts(component, &build_set, &computers, local, on)?;
            let Some(parts) = parts else { continue };
            let log_directory =
                LOG_DIRECTORIES.iter().find_map(|name| component.get(name)).unwrap_or_default();
            found.push((tag, Selected { process: tag, name, build_set, log_directory, parts }));
        }
    }
    Ok(order::by_tag(found).into_iter().flat_map(|(_, group)| group).collect())
}

/// The parts of a component that run at `on`, or `None` when it does not run there at all.
fn parts<'d>(
    component: &'d Element,
    build_set: &str,
    computers: &Computers<'d>,
    local: &str,
    on: Option<&str>,
) -> Result<Option<Vec<Part<'d>>>, ListError> {
    let mut groups = order::by_tag(component.elements().map(|element| (element.name(), element)));
    groups.sort_by_key(|(tag, _)| tag.to_ascii_lowercase());
    let mut runs = false;
    let mut parts = Vec::new();
    for instance in groups.into_iter().flat_map(|(_, group)| group) {
        let tag = instance.name();
        let Some(computer) = instance.get("computer").filter(|name| !name.is_empty()) else {
            continue;
        };
        if tag == "Notes" {
            continue;
        }
        let thor = build_set == "thor";
        let address = if thor {
            computers.address(component, instance, &computer)?
        } else {
            localised(value(instance, "netAddress"), local)
        };
        if address.is_empty() || on.is_some_and(|on| !same_address(&address, on)) {
            continue;
        }
        runs = true;
        if !thor && !matches!(tag, "Instance" | "RoxieServerProcess") {
            continue;
        }
        let port = match tag {
            "ThorMasterProcess" => {
                let port = if thor { value(component, "masterport") } else { Cow::default() };
                if port.is_empty() { THOR_BASE_PORT.into() } else { port }
            }
            _ if thor => Cow::default(),
            _ => value(instance, "port"),
        };
        let slave = tag == "ThorSlaveProcess";
        let port = if slave { value(component, "slaveport") } else { port };
        let slaves_per_node = slave.then(|| value(component, "slavesPerNode"));
        parts.push((tag, Part { tag, address, port, slaves_per_node }));
    }
    let parts = order::by_tag(parts).into_iter().flat_map(|(_, group)| group).collect();
    Ok(runs.then_some(parts))
}

/// The names of the components that any topology uses.
fn topology_names(root: &Element) -> HashSet<Cow<'_, str>> {
    let topologies = elements(root, &["Software", "Topology"]);
    let clusters = topologies.into_iter().flat_map(Element::elements);
    let entries = clusters.flat_map(Element::elements);
    let entries = entries.filter(|entry| TOPOLOGY_TAGS.contains(&entry.name()));
    entries.filter_map(|entry| entry.get("process")).collect()
}

/// Which buildsets are deployable.
struct BuildSets<'d> {
    /// By the names of build and buildset.
    known: HashMap<Cow<'d, str>, HashMap<Cow<'d, str>, BuildSet<'d>>>,
}

struct BuildSet<'d> {
    /// How many there are with its name.
    count: usize,
    /// `@deployable` of the first.
    deployable: Option<Cow<'d, str>>,
}

impl<'d> BuildSets<'d> {
    fn new(root: &'d Element) -> Self {
        let mut known: HashMap<_, HashMap<_, _>> = HashMap::new();
        for build in elements(root, &["Programs", "Build"]) {
            let sets = known.entry(value(build, "name")).or_default();
            for set in build.children("BuildSet") {
                let first = || BuildSet { count: 0, deployable: set.get("deployable") };
                sets.entry(value(set, "name")).or_insert_with(first).count += 1;
            }
        }
        Self { known }
    }

    fn deployable(&self, component: &Element, set: &str) -> Result<bool, ListError> {
        let build = value(component, "build");
        let Some(known) = self.known.get(&build).and_then(|sets| sets.get(set)) else {
            return Ok(true);
        };
        if known.count > 1 {
            let path = format!("Programs/Build[@name='{build}']/BuildSet[@name='{set}']");
            return Err(ListError::Ambiguous { path, count: known.count });
        }
        Ok(!matches!(known.deployable.as_deref(), Some("no" | "false" | "0")))
    }
}

/// Computers by name.
struct Computers<'d> {
    /// How many have the name, and the address of the first.
    known: HashMap<Cow<'d, str>, (usize, Cow<'d, str>)>,
}

impl<'d> Computers<'d> {
    fn new(root: &'d Element, local: &str) -> Self {
        let mut known = HashMap::new();
        for computer in elements(root, &["Hardware", "Computer"]) {
            let address = || (0, localised(value(computer, "netAddress"), local));
            known.entry(value(computer, "name")).or_insert_with(address).0 += 1;
        }
        Self { known }
    }

    fn address(
        &self,
        component: &Element,
        instance: &Element,
        name: &str,
    ) -> Result<Cow<'d, str>, ListError> {
        let path = || format!("Hardware/Computer[@name='{name}']");
        match self.known.get(name) {
            None => {
                let instance = format!("Software/{}/{}", component.step(), instance.step());
                Err(ListError::NoComputer { path: path(), instance })
            }
            Some((count, _)) if *count > 1 => {
                Err(ListError::Ambiguous { path: path(), count: *count })
            }
            Some((_, address)) => Ok(address.clone()),
        }
    }
}
