//! `envgen2`'s arguments read into edits.

use thiserror::Error;

use super::address::addresses;
use super::syntax::{Fault, Piece, assignments, child, selector, word};
use super::{Assignment, Category, Child, Cluster, Edit, NodePart, Nodes, Selector, Subject};
use crate::tree::XPath;

/// Why an argument is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{option}: {message}, at character {at} of {text:?}")]
pub struct ArgumentError {
    /// The index of the argument.
    pub argument: usize,
    /// The option that it belongs to.
    pub option: String,
    /// The argument.
    pub text: String,
    /// Which character of it, from 1.
    pub at: usize,
    /// What was expected.
    pub message: String,
}

/// Gives the text of a file that an argument names, or why it cannot be read.
pub type Files<'f> = dyn Fn(&str) -> Result<String, String> + 'f;

/// What an option does to what its argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Add,
    Modify,
    Remove,
}

/// An option: what it does, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Plain(Action),
    Node(Action),
    Binding(Action),
    Service(Action),
    Topology(Action),
    Directory,
    Override,
    SetPath,
    AddContent,
    RemoveContent,
    Cloud,
}

impl Operation {
    fn of(option: &str) -> Option<Self> {
        let name = option.strip_prefix('-')?;
        let name = name.strip_prefix('-').unwrap_or(name).to_ascii_lowercase().replace('_', "-");
        let plain = match name.as_str() {
            "o" => Self::Directory,
            "override" => Self::Override,
            "set-xpath-attrib-value" => Self::SetPath,
            "add-content" => Self::AddContent,
            "rmv-content" => Self::RemoveContent,
            "cloud" => Self::Cloud,
            _ => {
                let (action, what) = name.split_once('-').unwrap_or((&name, ""));
                let action = match action {
                    "add" => Action::Add,
                    "mod" => Action::Modify,
                    "rmv" => Action::Remove,
                    _ => return None,
                };
                match what {
                    "" => Self::Plain(action),
                    "node" => Self::Node(action),
                    "binding" => Self::Binding(action),
                    "service" => Self::Service(action),
                    "topology" => Self::Topology(action),
                    _ => return None,
                }
            }
        };
        Some(plain)
    }

    fn values(self) -> usize {
        match self {
            Self::SetPath => 3,
            Self::AddContent => 2,
            _ => 1,
        }
    }
}

/// How many values an option takes; `None` when it is not one of an edit.
#[must_use]
pub fn values_of(option: &str) -> Option<usize> {
    Operation::of(option).map(Operation::values)
}

/// Reads options and their values: `-add-node`, `roxie#myroxie@ip=10.1.1.9`, ...
///
/// The options are `-add`, `-mod` and `-rmv`, each also with `-node`, `-binding`, `-service` and
/// `-topology` after it; `-o`, `-override`, `-set-xpath-attrib-value`, `-add-content`, `-cloud`; and
/// `-rmv-content XPATH`, which takes back what `-add-content` did. `files` gives the files of `ipfile=` and
/// `-add-content`.
///
/// # Errors
///
/// Every argument that is not understood, with the place in it and what was expected there.
pub fn parse(
    arguments: &[impl AsRef<str>],
    files: &Files<'_>,
) -> Result<Vec<Edit>, Vec<ArgumentError>> {
    let mut edits = Vec::new();
    let mut errors = Vec::new();
    let mut index = 0;
    while let Some(option) = arguments.get(index).map(AsRef::as_ref) {
        let mut fail = |argument: usize, text: &str, fault: Fault| {
            let Fault { at, message } = fault;
            let (option, text) = (option.to_owned(), text.to_owned());
            errors.push(ArgumentError { argument, option, text, at, message });
        };
        let Some(operation) = Operation::of(option) else {
            let message = "expected an option such as -add-node, -mod or -add-topology";
            fail(index, option, Fault { at: 1, message: message.to_owned() });
            index += 1;
            continue;
        };
        let first = index + 1;
        index = first + operation.values();
        let values: Vec<&str> =
            arguments.iter().skip(first).take(operation.values()).map(AsRef::as_ref).collect();
        if values.len() < operation.values() {
            let message = format!("expected {} value(s) after it", operation.values());
            fail(first - 1, option, Fault { at: option.chars().count() + 1, message });
            continue;
        }
        match operation.read(&values, files) {
            Ok(some) => edits.extend(some),
            Err((value, fault)) => fail(first + value, values[value], fault),
        }
    }
    if errors.is_empty() { Ok(edits) } else { Err(errors) }
}

impl Operation {
    /// Reads the values of one option; a fault comes with the index of its value.
    fn read(self, values: &[&str], files: &Files<'_>) -> Result<Vec<Edit>, (usize, Fault)> {
        let piece = Piece::new(values[0]);
        let read = match self {
            Self::Plain(action) => plain(piece, action, files),
            Self::Service(action) => in_software(piece, action, files),
            Self::Node(action) => node(piece, action, files),
            Self::Binding(action) => binding(piece, action).map(|edit| vec![edit]),
            Self::Topology(action) => topology(piece, action).map(|edit| vec![edit]),
            Self::Directory => directory(piece).map(|edit| vec![edit]),
            Self::Override => override_(piece).map(|edit| vec![edit]),
            Self::Cloud => cloud(piece),
            Self::RemoveContent => path(piece).map(|path| vec![Edit::RemoveContent { path }]),
            Self::SetPath => {
                return set_path(values).map(|edit| vec![edit]);
            }
            Self::AddContent => {
                let path = path(piece).map_err(|fault| (0, fault))?;
                let content = files(values[1])
                    .map_err(|message| (1, Piece::new(values[1]).fault(message)))?;
                return Ok(vec![Edit::AddContent { path, content }]);
            }
        };
        read.map_err(|fault| (0, fault))
    }
}

/// `category:component...`.
fn plain(piece: Piece<'_>, action: Action, files: &Files<'_>) -> Result<Vec<Edit>, Fault> {
    let expected = "expected a category (hd, sw or pg) and : in front of the component";
    let Some((category, rest)) = piece.split_once(':') else { return Err(piece.fault(expected)) };
    match category.text {
        "sw" | "" => in_software(rest, action, files),
        "hd" => whole(rest, Category::Hardware, action).map(|edit| vec![edit]),
        "pg" => whole(rest, Category::Programs, action).map(|edit| vec![edit]),
        _ => Err(category.fault(expected)),
    }
}

/// What stands before the first `@` or `:` of a component's argument.
struct Named {
    component: String,
    name: Option<String>,
    like: Option<String>,
    /// Whether `%attribute` asks for attributes to be removed.
    only_attributes: bool,
}

/// `component#name|like%target`.
fn named(piece: Piece<'_>) -> Result<Named, Fault> {
    let (head, target) = piece.cut('%');
    let only_attributes = match target.map(|target| (target, target.text.to_ascii_lowercase())) {
        Some((_, text)) if text == "attribute" => true,
        Some((target, text)) if text != "node" => {
            return Err(target.fault("expected attribute or node after %"));
        }
        _ => false,
    };
    let (component, name) = head.cut('#');
    let component = word(component, "a component")?;
    let (mut own, mut like) = (None, None);
    if let Some(name) = name {
        let (before, after) = name.cut('|');
        let text = before.text.strip_suffix('\\').unwrap_or(before.text);
        own = Some(word(Piece { text, at: before.at }, "a component's name after #")?);
        like = after.map(|like| word(like, "a component's name after |")).transpose()?;
    }
    Ok(Named { component, name: own, like, only_attributes })
}

/// `a=v^b=v`; where attributes are to be removed, `a^b` will do.
fn attribute_list(
    piece: Option<Piece<'_>>,
    only_attributes: bool,
) -> Result<Vec<Assignment>, Fault> {
    let Some(piece) = piece else { return Ok(Vec::new()) };
    if !only_attributes {
        return assignments(piece);
    }
    let one = |piece: Piece<'_>| {
        let name = word(piece.cut('=').0, "an attribute's name")?;
        Ok(Assignment { name, value: String::new(), old: None })
    };
    piece.split('^').into_iter().map(one).collect()
}

/// A component as a whole: `component#name@a=v`.
fn whole(piece: Piece<'_>, category: Category, action: Action) -> Result<Edit, Fault> {
    let (head, attributes) = piece.cut('@');
    let Named { component, name, like, only_attributes } = named(head)?;
    let attributes = attribute_list(attributes, only_attributes)?;
    let subject = Subject { category, component, name };
    Ok(match action {
        Action::Add => Edit::Add { subject, like, attributes },
        Action::Modify => Edit::Modify { subject, selector: None, attributes },
        Action::Remove => remove(subject, None, attributes, only_attributes),
    })
}

fn remove(
    subject: Subject,
    selector: Option<Selector>,
    attributes: Vec<Assignment>,
    only_attributes: bool,
) -> Edit {
    if only_attributes {
        let names = attributes.into_iter().map(|attribute| attribute.name).collect();
        return Edit::RemoveAttributes { subject, selector, names };
    }
    Edit::Remove { subject, selector, conditions: attributes }
}

/// A component below `Software`, or elements inside it.
fn in_software(piece: Piece<'_>, action: Action, files: &Files<'_>) -> Result<Vec<Edit>, Fault> {
    let parts = piece.parts();
    let [first, inner, rest @ ..] = parts.as_slice() else {
        let edit = whole(piece, Category::Software, action)?;
        if is_directories(piece.cut('@').0.text) {
            return Err(piece.fault("expected dirs:category@CATEGORY=FOLDER"));
        }
        return Ok(vec![edit]);
    };
    if let Some((_, attributes)) = first.split_once('@') {
        return Err(attributes.fault("attributes of the component itself end the argument"));
    }
    let Named { component, name, like, only_attributes } = named(*first)?;
    let (head, attributes) = inner.cut('@');
    let selector = selector(head)?;
    let children: Result<Vec<Child>, Fault> = rest.iter().map(|piece| child(*piece)).collect();
    let children = children?;
    let attributes = attribute_list(attributes, only_attributes)?;
    if is_directories(&component) {
        return directories(&selector, attributes, head);
    }
    let step = selector.path[0].to_ascii_lowercase();
    if is_topology(&component) && step == "cluster" && !only_attributes {
        let mut cluster = Cluster {
            topology: name.unwrap_or_else(|| "topology".to_owned()),
            name: selector.key.unwrap_or_default(),
            attributes,
            processes: children,
        };
        name_cluster(&mut cluster, head)?;
        return Ok(vec![cluster_edit(cluster, action)]);
    }
    let part = match step.as_str() {
        "instance" => Some(None),
        "instance-master" => Some(Some(NodePart::Master)),
        "instance-slave" => Some(Some(NodePart::Slave)),
        _ => None,
    };
    if let Some(part) = part
        && !only_attributes
        && attributes.iter().any(is_address)
    {
        let Some(name) = name else {
            return Err(first.fault_at_end("expected # and the component's name"));
        };
        let nodes = Nodes { component, name, like, part, addresses: Vec::new(), attributes };
        return node_edits(nodes, action, *inner, files);
    }
    let subject = Subject { category: Category::Software, component, name };
    Ok(vec![match action {
        Action::Add => Edit::AddElement { subject, selector, attributes, children },
        Action::Modify => Edit::Modify { subject, selector: Some(selector), attributes },
        Action::Remove => remove(subject, Some(selector), attributes, only_attributes),
    }])
}

fn is_directories(component: &str) -> bool {
    component.eq_ignore_ascii_case("dirs") || component.eq_ignore_ascii_case("directories")
}

fn is_topology(component: &str) -> bool {
    component.eq_ignore_ascii_case("topology") || component.eq_ignore_ascii_case("topo")
}

fn is_address(attribute: &Assignment) -> bool {
    attribute.name == "ip" || attribute.name == "ipfile"
}

/// `dirs:category@log=/folder` and `dirs:category#log@dir=/folder`.
fn directories(
    selector: &Selector,
    attributes: Vec<Assignment>,
    head: Piece<'_>,
) -> Result<Vec<Edit>, Fault> {
    if attributes.is_empty() {
        return Err(head.fault_at_end("expected @CATEGORY=FOLDER"));
    }
    let edit = |attribute: Assignment| Edit::SetDirectory {
        category: selector.key.clone().unwrap_or(attribute.name),
        folder: attribute.value,
    };
    Ok(attributes.into_iter().map(edit).collect())
}

/// `esp#NAME@ipfile=F`, `thor#NAME:master@ip=M:slave@ipfile=F`, `computer#NAME@ip=A`.
fn node(piece: Piece<'_>, action: Action, files: &Files<'_>) -> Result<Vec<Edit>, Fault> {
    if piece.text.starts_with("computer") {
        return whole(piece, Category::Hardware, action).map(|edit| vec![edit]);
    }
    let parts = piece.parts();
    let (head, attributes) = parts[0].cut('@');
    let Named { component, name, like, .. } = named(head)?;
    let Some(name) = name else {
        return Err(head.fault_at_end("expected # and the component's name"));
    };
    let nodes = |part, attributes| Nodes {
        component: component.clone(),
        name: name.clone(),
        like: like.clone(),
        part,
        addresses: Vec::new(),
        attributes,
    };
    let mut edits = Vec::new();
    if component.starts_with("spark") && action == Action::Add {
        let subject = Subject {
            category: Category::Programs,
            component: "buildset".to_owned(),
            name: Some("sparkthor".to_owned()),
        };
        edits.push(Edit::Add { subject, like: None, attributes: Vec::new() });
    }
    if component.to_ascii_lowercase().starts_with("thor") {
        if let Some(attributes) = attributes {
            return Err(Fault {
                at: attributes.at - 1,
                message: "expected :master@ip= or :slave@ip=".to_owned(),
            });
        }
        if parts.len() == 1 {
            return Err(head.fault_at_end("expected :master@ip= or :slave@ip="));
        }
        for inner in &parts[1..] {
            let (tag, attributes) = inner.cut('@');
            let part = match tag.text.to_ascii_lowercase().as_str() {
                "master" => NodePart::Master,
                "slave" => NodePart::Slave,
                _ => return Err(tag.fault("expected master or slave")),
            };
            let Some(attributes) = attributes else {
                return Err(tag.fault_at_end("expected @ip= or @ipfile="));
            };
            let nodes = nodes(Some(part), assignments(attributes)?);
            edits.extend(node_edits(nodes, action, attributes, files)?);
        }
        return Ok(edits);
    }
    if let Some(inner) = parts.get(1) {
        return Err(inner.fault("only a Thor cluster has parts (master and slave)"));
    }
    let Some(attributes) = attributes else {
        return Err(head.fault_at_end("expected @ip= or @ipfile="));
    };
    let nodes = nodes(None, assignments(attributes)?);
    edits.extend(node_edits(nodes, action, attributes, files)?);
    Ok(edits)
}

/// Edits of nodes; their addresses are still among the attributes.
fn node_edits(
    mut nodes: Nodes,
    action: Action,
    piece: Piece<'_>,
    files: &Files<'_>,
) -> Result<Vec<Edit>, Fault> {
    let (given, attributes): (Vec<_>, Vec<_>) =
        std::mem::take(&mut nodes.attributes).into_iter().partition(is_address);
    nodes.attributes = attributes;
    if given.is_empty() {
        return Err(piece.fault("expected ip= or ipfile="));
    }
    let mut edits = Vec::new();
    for given in given {
        let read = |text: &str| {
            let list = if given.name == "ipfile" {
                files(text).map_err(|message| piece.fault(message))?
            } else {
                text.to_owned()
            };
            addresses(&list).map_err(|errors| {
                let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                piece.fault(all.join("; "))
            })
        };
        let list = read(&given.value)?;
        if action != Action::Modify {
            nodes.addresses.extend(list);
            continue;
        }
        let from = given.old.as_deref().map(read).transpose()?.unwrap_or_default();
        let ([to], true) = (list.as_slice(), from.len() < 2) else {
            return Err(piece.fault("expected ip=NEW or ip=NEW|OLD with one address each"));
        };
        edits.push(Edit::MoveNode {
            component: nodes.component.clone(),
            name: nodes.name.clone(),
            part: nodes.part,
            to: to.clone(),
            from: from.into_iter().next(),
        });
    }
    match action {
        Action::Add => edits.push(Edit::AddNodes(nodes)),
        Action::Remove => edits.push(Edit::RemoveNodes(nodes)),
        Action::Modify if nodes.attributes.is_empty() => {}
        Action::Modify => {
            return Err(piece.fault("expected ip= only: set other attributes with -mod"));
        }
    }
    Ok(edits)
}

/// `ESP@name=B^service=S`, `ESP:BINDING@port=8050`, `ESP:BINDING`.
fn binding(piece: Piece<'_>, action: Action) -> Result<Edit, Fault> {
    let (head, attributes) = piece.cut('@');
    let (esp, binding) = head.cut(':');
    let esp_name = word(esp, "an ESP's name")?;
    let key = binding.map(|binding| word(binding, "a binding's name")).transpose()?;
    let mut attributes = attributes.map_or(Ok(Vec::new()), assignments)?;
    let subject =
        Subject { category: Category::Software, component: "esp".to_owned(), name: Some(esp_name) };
    let path = vec!["EspBinding".to_owned()];
    let (missing, expected) = match action {
        Action::Add => (attributes.is_empty(), "expected @name=BINDING^service=SERVICE"),
        Action::Modify => (key.is_none() || attributes.is_empty(), "expected :BINDING@ATTRIBUTE="),
        Action::Remove => (key.is_none(), "expected : and the binding's name"),
    };
    if missing {
        return Err(piece.fault_at_end(expected));
    }
    Ok(match action {
        Action::Add => {
            if let Some(value) = key {
                attributes.insert(0, Assignment { name: "name".to_owned(), value, old: None });
            }
            let selector = Selector { path, key: None };
            Edit::AddElement { subject, selector, attributes, children: Vec::new() }
        }
        Action::Modify => {
            Edit::Modify { subject, selector: Some(Selector { path, key }), attributes }
        }
        Action::Remove => {
            Edit::Remove { subject, selector: Some(Selector { path, key }), conditions: attributes }
        }
    })
}

/// `default`, `TOPOLOGY:cluster@name=C:roxie@process=R:eclcc@process=E`, `TOPOLOGY:C:eclagent@process=A`.
fn topology(piece: Piece<'_>, action: Action) -> Result<Edit, Fault> {
    if action == Action::Add && piece.text.eq_ignore_ascii_case("default") {
        return Ok(Edit::AddDefaultTopology);
    }
    let parts = piece.parts();
    let (topology, attributes) = parts[0].cut('@');
    let topology = word(topology, "a topology's name")?;
    let Some(inner) = parts.get(1) else {
        let subject = Subject {
            category: Category::Software,
            component: "topology".to_owned(),
            name: Some(topology),
        };
        let attributes = attributes.map_or(Ok(Vec::new()), assignments)?;
        return Ok(match action {
            Action::Add => Edit::Add { subject, like: None, attributes },
            Action::Modify => Edit::Modify { subject, selector: None, attributes },
            Action::Remove => Edit::Remove { subject, selector: None, conditions: attributes },
        });
    };
    let (head, attributes) = inner.cut('@');
    let selector = selector(head)?;
    // `cluster#NAME`, `cluster@name=NAME`, or the name alone.
    let is_tag = selector.path.len() == 1 && selector.path[0].eq_ignore_ascii_case("cluster");
    let name = match (is_tag, selector.key) {
        (true, key) => key.unwrap_or_default(),
        (false, None) => word(head, "cluster or a cluster's name")?,
        (false, Some(_)) => return Err(head.fault("expected cluster#NAME")),
    };
    let processes: Result<Vec<Child>, Fault> = parts[2..].iter().map(|p| child(*p)).collect();
    let mut cluster = Cluster {
        topology,
        name,
        attributes: attributes.map_or(Ok(Vec::new()), assignments)?,
        processes: processes?,
    };
    name_cluster(&mut cluster, head)?;
    Ok(cluster_edit(cluster, action))
}

/// Takes the cluster's name out of its attributes where it stands there.
fn name_cluster(cluster: &mut Cluster, head: Piece<'_>) -> Result<(), Fault> {
    if cluster.name.is_empty()
        && let Some(index) = cluster.attributes.iter().position(|a| a.name == "name")
    {
        cluster.name = cluster.attributes.remove(index).value;
    }
    if cluster.name.is_empty() {
        return Err(head.fault_at_end("expected # or @name= and the cluster's name"));
    }
    Ok(())
}

fn cluster_edit(cluster: Cluster, action: Action) -> Edit {
    match action {
        Action::Add => Edit::AddCluster(cluster),
        Action::Modify => Edit::ModifyCluster(cluster),
        Action::Remove => Edit::RemoveCluster(cluster),
    }
}

/// `log=/folder/[NAME]/[INST]`.
fn directory(piece: Piece<'_>) -> Result<Edit, Fault> {
    let Some((category, folder)) = piece.split_once('=') else {
        return Err(piece.fault_at_end("expected = and a folder after the category"));
    };
    let category = word(category, "a category")?;
    let text = folder.text.trim();
    if !text.contains("[NAME]") || !(text.contains("[INST]") || text.contains("[COMPONENT]")) {
        return Err(folder.fault("the folder must hold [NAME] and [INST] or [COMPONENT]"));
    }
    Ok(Edit::SetDirectory { category, folder: text.to_owned() })
}

/// `BUILDSET,@ATTRIBUTE,VALUE` or `BUILDSET,PATH/@ATTRIBUTE,VALUE`.
fn override_(piece: Piece<'_>) -> Result<Edit, Fault> {
    let expected = "expected BUILDSET,@ATTRIBUTE,VALUE";
    let Some((build_set, rest)) = piece.split_once(',') else {
        return Err(piece.fault_at_end(expected));
    };
    let build_set = word(build_set, "a build set")?;
    let Some((target, value)) = rest.split_once(',') else {
        return Err(rest.fault_at_end(expected));
    };
    let Some(at) = target.text.rfind('@').filter(|at| !target.text[*at..].contains(']')) else {
        return Err(target.fault("expected @ and an attribute's name"));
    };
    let attribute = Piece { text: &target.text[at + 1..], at: target.at + at + 1 };
    let attribute = word(attribute, "an attribute's name")?;
    let inside = target.text[..at].trim_end_matches('/');
    let path = path(Piece { text: inside, at: target.at })?;
    Ok(Edit::Override { build_set, path, attribute, value: value.text.to_owned() })
}

fn path(piece: Piece<'_>) -> Result<XPath, Fault> {
    let path: XPath = piece.text.parse().map_err(|error: crate::tree::XPathError| Fault {
        at: piece.at + error.at - 1,
        message: error.message,
    })?;
    if path.attribute.is_some() {
        return Err(piece.fault("expected a path of elements, without an attribute"));
    }
    Ok(path)
}

fn set_path(values: &[&str]) -> Result<Edit, (usize, Fault)> {
    let text = values[0].trim_end_matches('/');
    let path = path(Piece::new(text)).map_err(|fault| (0, fault))?;
    let attribute = Piece::new(values[1]);
    let name = values[1].strip_prefix('@').unwrap_or(values[1]);
    let attribute = word(Piece { text: name, at: attribute.at }, "an attribute's name")
        .map_err(|fault| (1, fault))?;
    Ok(Edit::SetPath { path, attribute, value: values[2].to_owned() })
}

/// `none`, or `aws`: no multicast, and addresses as the browser sees them.
fn cloud(piece: Piece<'_>) -> Result<Vec<Edit>, Fault> {
    match piece.text {
        "none" => Ok(Vec::new()),
        "aws" => {
            let all = ["espsmc,@enableSystemUseRewrite,true", "roxie,@roxieMulticastEnabled,false"];
            all.iter().map(|text| override_(Piece::new(text))).collect()
        }
        _ => Err(piece.fault("expected none or aws")),
    }
}
