//! Which components run on which machine.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use super::order;
use super::source::{Source, value};
use crate::tree::Element;

/// A component's instance on a machine.
#[derive(Debug)]
pub(super) struct Deployed<'d> {
    pub(super) address: String,
    pub(super) component: &'d Element,
    pub(super) name: &'d str,
    pub(super) build_set: &'d str,
    /// The child of the component that puts it on the machine.
    pub(super) instance: &'d Element,
}

/// Components of these build sets run only when the topology names them.
const NEED_TOPOLOGY: [&str; 6] =
    ["thor", "roxie", "eclserver", "eclagent", "eclccserver", "eclscheduler"];

/// The addresses of the machines that carry a component of HPCC. Of several computers with one address
/// only the first one counts.
pub(super) fn machines(source: &Source<'_>) -> BTreeSet<String> {
    let mut used: HashSet<Cow<'_, str>> = HashSet::new();
    for component in source.software() {
        if !matches!(component.name(), "LDAPServerProcess" | "MySQLProcess") {
            collect_computers(component, &mut used);
        }
    }
    let mut seen = HashSet::new();
    let mut machines = BTreeSet::new();
    for computer in source.root().children("Hardware").flat_map(|h| h.children("Computer")) {
        let address = value(computer, "netAddress");
        if seen.insert(address.clone()) && used.contains(&value(computer, "name")) {
            machines.insert(address.into_owned());
        }
    }
    machines
}

fn collect_computers<'e>(element: &'e Element, used: &mut HashSet<Cow<'e, str>>) {
    if let Some(computer) = element.get("computer") {
        used.insert(computer);
    }
    for child in element.elements() {
        collect_computers(child, used);
    }
}

/// All instances that run, in the order of `Software`'s children; of several on one machine and for one
/// component the last one is last.
pub(super) fn all<'d>(source: &Source<'d>) -> Vec<Deployed<'d>> {
    let named: HashSet<Cow<'_, str>> = source
        .topologies()
        .flat_map(Element::elements)
        .flat_map(Element::elements)
        .filter(|process| {
            matches!(
                process.name(),
                "RoxieCluster"
                    | "ThorCluster"
                    | "EclServerProcess"
                    | "EclAgentProcess"
                    | "EclCCServerProcess"
                    | "EclSchedulerProcess"
            )
        })
        .map(|process| value(process, "process"))
        .collect();
    let undeployable = undeployable(source);
    let mut found = Vec::new();
    for software in source.root().children("Software") {
        for component in order::children(software) {
            let (Some(name), Some(build_set)) =
                (plain(component, "name"), plain(component, "buildSet"))
            else {
                continue;
            };
            let build = value(component, "build").into_owned();
            let skipped = matches!(component.name(), "Topology" | "Directories")
                || (NEED_TOPOLOGY.contains(&build_set) && !named.contains(name))
                || undeployable.contains(&(build, build_set.to_owned()));
            if !skipped {
                instances(source, component, name, build_set, &mut found);
            }
        }
    }
    found
}

/// Builds and build sets that are never deployed.
fn undeployable(source: &Source<'_>) -> HashSet<(String, String)> {
    let mut sets = HashSet::new();
    for build in source.root().children("Programs").flat_map(|p| p.children("Build")) {
        for set in build.children("BuildSet") {
            if matches!(&*value(set, "deployable"), "no" | "false" | "0") {
                sets.insert((value(build, "name").into_owned(), value(set, "name").into_owned()));
            }
        }
    }
    sets
}

/// An attribute that needs no unescaping; names and build sets have no entities in them.
fn plain<'e>(element: &'e Element, name: &str) -> Option<&'e str> {
    match element.get(name) {
        Some(Cow::Borrowed(value)) => Some(value),
        _ => None,
    }
}

fn instances<'d>(
    source: &Source<'d>,
    component: &'d Element,
    name: &'d str,
    build_set: &'d str,
    found: &mut Vec<Deployed<'d>>,
) {
    let mut children: Vec<&Element> = component
        .elements()
        .filter(|child| !value(child, "computer").is_empty() && child.name() != "Notes")
        .collect();
    children.sort_by_key(|child| child.name().to_ascii_lowercase());
    for instance in children {
        // Only thor asks the machine for its address; all others say it themselves.
        let address = if build_set == "thor" {
            source.address_of(instance)
        } else {
            value(instance, "netAddress")
        };
        if !address.is_empty() {
            let address = address.into_owned();
            found.push(Deployed { address, component, name, build_set, instance });
        }
    }
}
