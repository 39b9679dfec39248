//! An environment as the transformations look things up in it: the first of a name, in document order.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::tree::{Document, Element};

/// An environment with its names looked up once.
#[derive(Debug)]
pub(crate) struct Source<'d> {
    root: &'d Element,
    /// Computers by name, with their places in the file.
    computers: HashMap<Cow<'d, str>, (usize, &'d Element)>,
    systems: HashMap<Cow<'d, str>, Cow<'d, str>>,
    by_tag: HashMap<&'d str, Vec<&'d Element>>,
}

impl<'d> Source<'d> {
    pub(crate) fn new(document: &'d Document) -> Self {
        let root = &document.root;
        let mut computers = HashMap::new();
        let mut systems = HashMap::new();
        for hardware in root.children("Hardware") {
            for computer in hardware.children("Computer") {
                let place = computers.len();
                computers.entry(value(computer, "name")).or_insert((place, computer));
            }
            for kind in hardware.children("ComputerType") {
                systems.entry(value(kind, "name")).or_insert_with(|| value(kind, "opSys"));
            }
        }
        let mut by_tag: HashMap<&str, Vec<&Element>> = HashMap::new();
        for element in root.children("Software").flat_map(Element::elements) {
            by_tag.entry(element.name()).or_default().push(element);
        }
        Self { root, computers, systems, by_tag }
    }

    pub(crate) fn root(&self) -> &'d Element {
        self.root
    }

    /// All children of `Software`.
    pub(crate) fn software(&self) -> impl Iterator<Item = &'d Element> {
        self.root.children("Software").flat_map(Element::elements)
    }

    /// The children of `Software` with a tag.
    pub(crate) fn tagged(&self, tag: &str) -> &[&'d Element] {
        self.by_tag.get(tag).map_or(&[], Vec::as_slice)
    }

    /// The first child of `Software` with a tag and a name.
    pub(crate) fn named(&self, tag: &str, name: &str) -> Option<&'d Element> {
        self.tagged(tag).iter().copied().find(|element| value(element, "name") == name)
    }

    pub(crate) fn directories(&self) -> impl Iterator<Item = &'d Element> {
        self.tagged("Directories").iter().copied()
    }

    pub(crate) fn topologies(&self) -> impl Iterator<Item = &'d Element> {
        self.tagged("Topology").iter().copied()
    }

    pub(crate) fn computer(&self, name: &str) -> Option<&'d Element> {
        self.computers.get(name).map(|(_, computer)| *computer)
    }

    /// The address of a computer; empty when it is unknown.
    pub(crate) fn address(&self, computer: &str) -> Cow<'d, str> {
        self.computer(computer).map_or(Cow::Borrowed(""), |element| value(element, "netAddress"))
    }

    /// The address of the computer that an instance names.
    pub(crate) fn address_of(&self, instance: &Element) -> Cow<'d, str> {
        self.address(&value(instance, "computer"))
    }

    /// The address of a thor's master. Of several masters it is the one whose computer comes first.
    pub(crate) fn master(&self, thor: &Element) -> Cow<'d, str> {
        let masters = thor.children("ThorMasterProcess");
        let known = masters.filter_map(|one| self.computers.get(&value(one, "computer")));
        let first = known.min_by_key(|(place, _)| *place);
        first.map(|(_, computer)| value(computer, "netAddress")).unwrap_or_default()
    }

    /// The computers that have an instance of any component with a tag.
    pub(crate) fn computers_of(&self, tag: &str) -> HashSet<Cow<'d, str>> {
        let instances =
            self.tagged(tag).iter().flat_map(|component| component.children("Instance"));
        instances.filter_map(|instance| instance.get("computer")).collect()
    }

    /// Whether the computer that an element names says that it runs Linux, itself or by its type.
    pub(crate) fn is_linux(&self, element: &Element) -> bool {
        let Some(computer) = self.computer(&value(element, "computer")) else { return false };
        let own = value(computer, "opSys");
        if !own.is_empty() {
            return own == "linux";
        }
        self.systems.get(&value(computer, "computerType")).is_some_and(|system| system == "linux")
    }

    /// The addresses and ports of a dali as clients get them.
    pub(crate) fn dali(&self, name: &str) -> String {
        let instances = self
            .tagged("DaliServerProcess")
            .iter()
            .filter(|dali| dali.attribute("name").is_some_and(|own| own.value() == name))
            .flat_map(|dali| dali.children("Instance"));
        let servers: Vec<String> = instances
            .map(|instance| {
                let (address, port) = (self.address_of(instance), value(instance, "port"));
                if port.is_empty() { address.into_owned() } else { format!("{address}:{port}") }
            })
            .collect();
        servers.join(", ")
    }
}

/// The value of an attribute, empty when it is not there.
pub(crate) fn value<'e>(element: &'e Element, name: &str) -> Cow<'e, str> {
    element.get(name).unwrap_or_default()
}
