//! How new components and their nodes look: by the catalogue of the environment's version, else like what
//! is there.

use std::borrow::Cow;

use super::kind::Kind;
use super::work::Work;
use super::{Problem, Style, naming};
use crate::catalogue::{Attributes, Catalogue, ComponentKind, Rule};
use crate::generate::service;
use crate::tree::Element;

/// The folder of instances where nothing in the environment says another.
const RUN_FOLDER: &str = "/var/lib/HPCCSystems";

/// What a new node is to be.
pub(super) struct Node<'n> {
    pub(super) kind: &'n Kind,
    pub(super) tag: &'static str,
    pub(super) computer: &'n str,
    pub(super) address: &'n str,
    pub(super) name: &'n str,
}

/// The catalogue of an environment's version; the newest when it does not say its version.
pub(super) fn catalogue(root: &Element) -> &'static Catalogue {
    let build = root.child("Programs").and_then(|programs| programs.child("Build"));
    let version = build.and_then(|build| build.get("name"));
    let found = version.and_then(|version| Catalogue::for_version(&version));
    found.map_or_else(Catalogue::newest, |found| found.catalogue)
}

/// What the catalogue knows of a kind.
pub(super) fn known(root: &Element, kind: &Kind) -> Option<&'static ComponentKind> {
    catalogue(root).component(&kind.tag, kind.build_set.as_deref())
}

impl Node<'_> {
    /// The node's element.
    pub(super) fn element(&self, work: &Work, component: &[usize]) -> Result<Element, Problem> {
        let owner = work.at(component)?;
        if work.options.style == Style::Envgen2 {
            return Ok(self.as_envgen2_does(work, owner));
        }
        let sibling = owner.children(self.tag).next_back();
        let mut node = match sibling {
            Some(sibling) => attributes_of(sibling),
            None => self.plain(work, owner),
        };
        let wanted = |node: &Element, name: &str, default: bool| {
            node.get(name).is_some() || (default && sibling.is_none())
        };
        let by_address = self.tag == "ServerList";
        for (name, value, default) in [
            ("computer", self.computer, !by_address),
            ("name", self.name, !by_address),
            ("netAddress", self.address, !by_address && self.kind.tag != "ThorCluster"),
            ("server", self.address, by_address),
        ] {
            if wanted(&node, name, default) {
                node.set(name, value);
            }
        }
        // What is one machine's own is not its sibling's.
        if node.get("FQDN").is_some() {
            node.set("FQDN", "");
        }
        Ok(node)
    }

    /// The first node of a component: with what the catalogue says, else like one of another component of its kind.
    fn plain(&self, work: &Work, owner: &Element) -> Element {
        let mut node = Element::new(self.tag);
        if self.tag != "Instance" {
            return node;
        }
        let folder = run_folder(work, owner, self.kind);
        if let Some(attributes) = known(work.root(), self.kind).and_then(|k| k.instance.as_ref()) {
            for (name, attribute) in attributes {
                let value = match &attribute.generate {
                    None => continue,
                    Some(Rule::InstanceName) => self.name,
                    Some(Rule::Computer) => self.computer,
                    Some(Rule::Address) => self.address,
                    Some(Rule::RunFolder) => &folder,
                    Some(_) => attribute.default.as_deref().unwrap_or_default(),
                };
                node.set(name, value);
            }
            return node;
        }
        let others = work.root().children("Software").flat_map(Element::elements);
        let other = others
            .filter(|other| other.name() == owner.name())
            .find_map(|other| other.children(self.tag).next());
        if let Some(other) = other {
            node = attributes_of(other);
        }
        for (name, value) in
            [("computer", self.computer), ("directory", &folder), ("name", self.name)]
        {
            node.set(name, value);
        }
        node
    }

    fn as_envgen2_does(&self, work: &Work, owner: &Element) -> Element {
        let mut node = Element::new(self.tag);
        if self.tag == "ServerList" {
            return node.with("name", self.name).with("server", self.address);
        }
        node.set("computer", self.computer);
        node.set("name", self.name);
        if self.kind.tag == "ThorCluster" {
            return node;
        }
        node.set("netAddress", self.address);
        if self.tag != "Instance" {
            return node;
        }
        let kind = known(work.root(), self.kind);
        if let Some(attributes) = kind.and_then(|kind| kind.instance.as_ref()) {
            for (name, attribute) in attributes {
                match (name.as_str(), &attribute.default) {
                    ("directory", _) => {
                        let owner = owner.get("name").unwrap_or_default();
                        node.set("directory", &format!("{}/{owner}", runtime(work)));
                    }
                    (name, Some(default)) if node.get(name).is_none() => node.set(name, default),
                    _ => {}
                }
            }
        }
        node
    }
}

/// An element with the attributes of another, without its children.
fn attributes_of(element: &Element) -> Element {
    let mut copy = Element::new(element.name());
    for attribute in element.attributes() {
        copy.set(attribute.name(), &attribute.value());
    }
    copy
}

/// `runtime` of the settings.
fn runtime(work: &Work) -> String {
    let settings = work.root().child("EnvSettings").and_then(|all| all.child("runtime"));
    settings
        .map(Element::text)
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| RUN_FOLDER.to_owned())
}

/// The folder that a component's instances run in: the category `run`.
fn run_folder(work: &Work, owner: &Element, kind: &Kind) -> String {
    let name = owner.get("name").unwrap_or_default();
    let directories = work.root().child("Software").and_then(|all| all.child("Directories"));
    let run = directories.and_then(|all| {
        all.children("Category").find(|one| one.get("name").as_deref() == Some("run"))
    });
    let Some(folder) = run.and_then(|run| run.get("dir")) else {
        return format!("{}/{name}", runtime(work));
    };
    let system =
        directories.and_then(|all| all.get("name")).unwrap_or(Cow::Borrowed("HPCCSystems"));
    let component = kind.build_set.as_deref().unwrap_or(&kind.tag);
    folder.replace("[NAME]", &system).replace("[INST]", &name).replace("[COMPONENT]", component)
}

/// A component like another one, without its nodes.
pub(super) fn like(source: &Element, kind: &Kind, name: &str) -> Element {
    let mut copy = without_nodes(source, kind);
    let old = source.get("name").unwrap_or_default();
    if !old.is_empty() {
        // The two values that a generator makes of the name.
        if let Some(folder) =
            copy.get("directory").and_then(|v| v.strip_suffix(&*old).map(str::to_owned))
            && folder.ends_with('/')
        {
            copy.set("directory", &format!("{folder}{name}"));
        }
        if copy.get("wuQueueName").as_deref() == Some(&format!("{old}_queue")) {
            copy.set("wuQueueName", &format!("{name}_queue"));
        }
    }
    copy.set("name", name);
    if copy.get("computer").is_some() {
        copy.set("computer", "");
    }
    copy
}

fn without_nodes(source: &Element, kind: &Kind) -> Element {
    let mut copy = attributes_of(source);
    for child in source.elements().filter(|child| !kind.node_tags().contains(&child.name())) {
        copy.push(child.clone());
    }
    copy
}

/// A new component.
pub(super) fn component(work: &Work, kind: &Kind, name: &str) -> Result<Element, Problem> {
    let root = work.root();
    let catalogue = catalogue(root);
    let Some(known) = known(root, kind) else {
        // Nothing is known: like the first one that is there.
        let software = root.children("Software").flat_map(Element::elements);
        let source = { software }.find(|element| kind.fits(element));
        let source = source.ok_or_else(|| Problem::NoPattern { tag: kind.tag.clone() })?;
        return Ok(like(source, kind, name));
    };
    let build_set = kind.build_set.clone().unwrap_or_else(|| {
        let of_tag = |set: &&crate::catalogue::BuildSet| {
            set.component.as_ref().is_some_and(|one| one.tag == kind.tag)
        };
        catalogue
            .build_sets
            .iter()
            .find(of_tag)
            .map(|set| set.name().to_owned())
            .unwrap_or_default()
    });
    let values = Values { root, catalogue, name, build_set: &build_set };
    let all = if work.options.style == Style::Envgen2 {
        Fill::Everything
    } else if known.attributes.values().any(|attribute| attribute.generate.is_some()) {
        Fill::Generated
    } else {
        Fill::Defaults
    };
    let mut element = Element::new(kind.tag.as_str());
    values.fill(&mut element, &known.attributes, all);
    element.set("build", &values.build());
    element.set("buildSet", &build_set);
    element.set("name", name);
    for child in &known.children {
        let nodes = kind.node_tags().contains(&child.tag.as_str());
        // Which cluster a backup node saves is said by an edit of its own.
        if child.generate && !nodes && child.tag != "NodeGroup" {
            let mut inner = Element::new(child.tag.as_str());
            values.fill(&mut inner, &child.attributes, all);
            element.push(inner);
        }
    }
    if kind.tag == "RoxieCluster" {
        for (farm, port) in naming::farms(work.options.style, root).into_iter().zip(["9876", "0"]) {
            element.push(
                Element::new("RoxieFarmProcess")
                    .with("aclName", "")
                    .with("listenQueue", "200")
                    .with("name", farm)
                    .with("numThreads", "30")
                    .with("port", port)
                    .with("requestArrayThreads", "5"),
            );
        }
    }
    if let Some(properties) = properties(root, &build_set) {
        element.push(properties);
    }
    Ok(element)
}

/// The element of a build set: the environment's own, else the catalogue's.
pub(super) fn build_set(root: &Element, name: &str) -> Option<Element> {
    let own = root
        .children("Programs")
        .flat_map(|programs| programs.children("Build"))
        .flat_map(|build| build.children("BuildSet"))
        .find(|set| set.get("name").as_deref() == Some(name));
    if let Some(own) = own {
        return Some(own.clone());
    }
    let set = catalogue(root).build_set(name)?;
    let mut element = Element::new("BuildSet");
    for (name, value) in &set.attributes {
        element.set(name, value);
    }
    if let Some(properties) = &set.properties {
        element.push(service::element_of(properties));
    }
    Some(element)
}

/// The `Properties` of a service's build set.
fn properties(root: &Element, name: &str) -> Option<Element> {
    build_set(root, name)?.child("Properties").cloned()
}

/// Which attributes of the catalogue a new component gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// Those that `envgen` generates.
    Generated,
    /// Those with a default, for a component that is never generated.
    Defaults,
    /// All that the schema has, as `envgen2` does.
    Everything,
}

/// What the rules of a new component's attributes ask for.
struct Values<'v> {
    root: &'v Element,
    catalogue: &'v Catalogue,
    name: &'v str,
    build_set: &'v str,
}

impl Values<'_> {
    fn fill(&self, element: &mut Element, attributes: &Attributes, which: Fill) {
        for (name, attribute) in attributes {
            let default = attribute.default.as_deref();
            let value = match (&attribute.generate, which) {
                (_, Fill::Everything) if attribute.kind.is_none() && default.is_none() => {
                    // Not in the schema: only a generator writes it.
                    match name.as_str() {
                        "computer" => String::new(),
                        _ => continue,
                    }
                }
                (Some(rule), which) => self.value(rule, default, which),
                (None, Fill::Everything) => default.unwrap_or_default().to_owned(),
                (None, Fill::Defaults) if default.is_some() => {
                    default.unwrap_or_default().to_owned()
                }
                (None, _) => continue,
            };
            element.set(name, &value);
        }
    }

    fn build(&self) -> String {
        let build = self.root.child("Programs").and_then(|all| all.child("Build"));
        let own = build.and_then(|build| build.get("name"));
        own.map_or_else(|| self.catalogue.build.name.clone(), Cow::into_owned)
    }

    fn value(&self, rule: &Rule, default: Option<&str>, which: Fill) -> String {
        let setting = |name: &str| {
            let own = self.root.child("EnvSettings").and_then(|all| all.child(name));
            let known = || {
                let known = self.catalogue.settings.iter().find(|(known, _)| known == name);
                known.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            own.map_or_else(known, Element::text)
        };
        let default = || default.unwrap_or_default().to_owned();
        match rule {
            Rule::Name => self.name.to_owned(),
            Rule::Build => self.build(),
            Rule::BuildSet => self.build_set.to_owned(),
            Rule::Dali => {
                let software = self.root.child("Software");
                let dali = software.and_then(|all| all.child("DaliServerProcess"));
                dali.and_then(|dali| dali.get("name")).unwrap_or_default().into_owned()
            }
            Rule::Value(_) | Rule::Nodes { .. } | Rule::Folder | Rule::Queue
                if which == Fill::Everything =>
            {
                default()
            }
            Rule::Value(value) => value.clone(),
            Rule::Nodes { many, .. } => many.clone(),
            Rule::EnvironmentFile => format!("{}/environment.xml", setting("configs")),
            Rule::ComponentsFolder => format!("{}/componentfiles", setting("path")),
            Rule::Queue => format!("{}_queue", self.name),
            Rule::Folder => format!("{RUN_FOLDER}/{}", self.name),
            Rule::LocalThor => "false".to_owned(),
            Rule::SlavesPerNode | Rule::ThorChannelsPerSlave | Rule::RoxieChannelsPerSlave => {
                if default().is_empty() {
                    "1".to_owned()
                } else {
                    default()
                }
            }
            _ => default(),
        }
    }
}
