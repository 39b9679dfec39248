//! Arguments that name a component: `-add`, `-mod`, `-rmv` and their `-node` and `-service` forms.

use super::super::syntax::{Fault, Piece, assignments, child, selector, word};
use super::super::{
    Assignment, Category, Child, Cluster, Edit, NodePart, Nodes, Selector, Subject,
};
use super::other::{cluster_edit, name_cluster};
use super::{Action, Files};
use crate::address::addresses;

/// `category:component...`.
pub(super) fn plain(
    piece: Piece<'_>,
    action: Action,
    files: &Files<'_>,
) -> Result<Vec<Edit>, Fault> {
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
pub(super) fn in_software(
    piece: Piece<'_>,
    action: Action,
    files: &Files<'_>,
) -> Result<Vec<Edit>, Fault> {
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
pub(super) fn node(
    piece: Piece<'_>,
    action: Action,
    files: &Files<'_>,
) -> Result<Vec<Edit>, Fault> {
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
