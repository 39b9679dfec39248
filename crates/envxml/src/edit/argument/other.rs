//! Arguments of the other options: bindings, topologies, directories, overrides, paths.

use super::super::syntax::{Fault, Piece, assignments, child, selector, word};
use super::super::{Assignment, Category, Child, Cluster, Edit, Selector, Subject};
use super::Action;
use crate::tree::XPath;

/// `ESP@name=B^service=S`, `ESP:BINDING@port=8050`, `ESP:BINDING`.
pub(super) fn binding(piece: Piece<'_>, action: Action) -> Result<Edit, Fault> {
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
pub(super) fn topology(piece: Piece<'_>, action: Action) -> Result<Edit, Fault> {
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
pub(super) fn name_cluster(cluster: &mut Cluster, head: Piece<'_>) -> Result<(), Fault> {
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

pub(super) fn cluster_edit(cluster: Cluster, action: Action) -> Edit {
    match action {
        Action::Add => Edit::AddCluster(cluster),
        Action::Modify => Edit::ModifyCluster(cluster),
        Action::Remove => Edit::RemoveCluster(cluster),
    }
}

/// `log=/folder/[NAME]/[INST]`.
pub(super) fn directory(piece: Piece<'_>) -> Result<Edit, Fault> {
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
pub(super) fn override_(piece: Piece<'_>) -> Result<Edit, Fault> {
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

pub(super) fn path(piece: Piece<'_>) -> Result<XPath, Fault> {
    let path: XPath = piece.text.parse().map_err(|error: crate::tree::XPathError| Fault {
        at: piece.at + error.at - 1,
        message: error.message,
    })?;
    if path.attribute.is_some() {
        return Err(piece.fault("expected a path of elements, without an attribute"));
    }
    Ok(path)
}

pub(super) fn set_path(values: &[&str]) -> Result<Edit, (usize, Fault)> {
    let text = values[0].trim_end_matches('/');
    let path = path(Piece::new(text)).map_err(|fault| (0, fault))?;
    let attribute = Piece::new(values[1]);
    let name = values[1].strip_prefix('@').unwrap_or(values[1]);
    let attribute = word(Piece { text: name, at: attribute.at }, "an attribute's name")
        .map_err(|fault| (1, fault))?;
    Ok(Edit::SetPath { path, attribute, value: values[2].to_owned() })
}

/// `none`, or `aws`: no multicast, and addresses as the browser sees them.
pub(super) fn cloud(piece: Piece<'_>) -> Result<Vec<Edit>, Fault> {
    match piece.text {
        "none" => Ok(Vec::new()),
        "aws" => {
            let all = ["espsmc,@enableSystemUseRewrite,true", "roxie,@roxieMulticastEnabled,false"];
            all.iter().map(|text| override_(Piece::new(text))).collect()
        }
        _ => Err(piece.fault("expected none or aws")),
    }
}
