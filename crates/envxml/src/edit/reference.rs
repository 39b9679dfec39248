//! What refers to what in an environment, and what an edit would cut.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::tree::{Document, Element};

/// An attribute that names something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The element that has the attribute, as an XPath below the root.
    pub path: String,
    /// The attribute.
    pub attribute: String,
    /// The tag of what it names.
    pub tag: String,
    /// The name of what it names.
    pub name: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/@{}", self.path, self.attribute)
    }
}

/// Attributes of components and of what is inside them: the element, the attribute, what it names.
const NAMED: &[(&str, &str, &str)] = &[
    ("*", "daliServers", "DaliServerProcess"),
    ("EspBinding", "service", "EspService"),
    ("NodeGroup", "name", "ThorCluster"),
    ("Authentication", "ldapServer", "LDAPServerProcess"),
    ("SparkThorProcess", "ThorClusterName", "ThorCluster"),
];

/// All references below `Software`, in the order of the file.
pub(super) fn references(document: &Document) -> Vec<Reference> {
    let mut found = Vec::new();
    for software in document.root.children("Software") {
        for component in software.elements() {
            let path = format!("Software/{}", component.step());
            if component.name() == "Topology" {
                topology(component, &path, &mut found);
            } else {
                inside(component, &path, &mut found);
            }
        }
    }
    found
}

fn topology(topology: &Element, path: &str, found: &mut Vec<Reference>) {
    for cluster in topology.children("Cluster") {
        for process in cluster.elements() {
            if let Some(name) = process.get("process").filter(|name| !name.is_empty()) {
                found.push(Reference {
                    path: format!("{path}/{}/{}", cluster.step(), process.step()),
                    attribute: "process".to_owned(),
                    tag: process.name().to_owned(),
                    name: name.into_owned(),
                });
            }
        }
    }
}

fn inside(element: &Element, path: &str, found: &mut Vec<Reference>) {
    for (tag, attribute, names) in NAMED {
        if *tag != "*" && *tag != element.name() {
            continue;
        }
        let Some(value) = element.get(attribute) else { continue };
        for name in value.split([',', ';']).map(str::trim).filter(|name| !name.is_empty()) {
            found.push(Reference {
                path: path.to_owned(),
                attribute: (*attribute).to_owned(),
                tag: (*names).to_owned(),
                name: name.to_owned(),
            });
        }
    }
    if let Some(name) = element.get("computer").filter(|name| !name.is_empty()) {
        found.push(Reference {
            path: path.to_owned(),
            attribute: "computer".to_owned(),
            tag: "Computer".to_owned(),
            name: name.into_owned(),
        });
    }
    for child in element.elements() {
        inside(child, &format!("{path}/{}", child.step()), found);
    }
}

/// What can be referred to: tag and name, and whether it has nodes where it needs some.
fn targets(document: &Document) -> BTreeMap<(String, String), bool> {
    let mut targets = BTreeMap::new();
    let mut add = |element: &Element, works: bool| {
        if let Some(name) = element.get("name") {
            targets.insert((element.name().to_owned(), name.into_owned()), works);
        }
    };
    let root = &document.root;
    for computer in root.children("Hardware").flat_map(|hardware| hardware.children("Computer")) {
        add(computer, true);
    }
    for component in root.children("Software").flat_map(Element::elements) {
        let has_node = component.elements().any(|child| {
            matches!(child.name(), "Instance" | "ThorSlaveProcess" | "RoxieServerProcess")
        });
        add(component, has_node);
    }
    targets
}

/// What an edit took away although something refers to it.
pub(super) struct Lost {
    pub(super) path: String,
    /// Whether it is there, without nodes.
    pub(super) is_there: bool,
    pub(super) references: Vec<Reference>,
}

/// What was there with nodes before and is not now, with the references to it that are left.
pub(super) fn lost(before: &Document, after: &Document) -> Vec<Lost> {
    let (old, new) = (targets(before), targets(after));
    let mut found: BTreeMap<(String, String), Vec<Reference>> = BTreeMap::new();
    for reference in references(after) {
        let key = (reference.tag.clone(), reference.name.clone());
        let gone = match (old.get(&key), new.get(&key)) {
            (Some(_), None) => true,
            (Some(had), Some(has)) => *had && !*has,
            (None, _) => false,
        };
        if gone {
            found.entry(key).or_default().push(reference);
        }
    }
    let place = |tag: &str, name: &str| {
        let part = if tag == "Computer" { "Hardware" } else { "Software" };
        format!("{part}/{tag}[@name='{name}']")
    };
    let lost = found.into_iter().map(|(key, references)| Lost {
        path: place(&key.0, &key.1),
        is_there: new.contains_key(&key),
        references,
    });
    lost.collect()
}

/// References that name nothing.
pub(super) fn dangling(document: &Document) -> BTreeSet<Reference> {
    let targets = targets(document);
    references(document)
        .into_iter()
        .filter(|reference| !targets.contains_key(&(reference.tag.clone(), reference.name.clone())))
        .collect()
}
