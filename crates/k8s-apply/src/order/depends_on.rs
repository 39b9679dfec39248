//! Edges: those that follow from what objects are, and those that their authors name.

use std::collections::HashMap;
use std::fmt;

use diagnostics::{DataPath, Problem, nearest};

use super::{Edge, EdgeKind, Fault};
use crate::builtin::{Scope, scope};
use crate::object::{GroupKind, Object, ObjectKey};

/// The annotation that names what an object depends on, separated by commas.
///
/// Source: the documentation of `kpt` and `cli-utils` of Kubernetes SIG CLI, whose syntax this is.
pub const DEPENDS_ON: &str = "config.kubernetes.io/depends-on";

/// One object that an annotation names: `GROUP/namespaces/NAMESPACE/KIND/NAME`, or `GROUP/KIND/NAME` where there is no
/// namespace. The core group is empty: `/namespaces/web/Service/api`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(pub ObjectKey);

impl Reference {
    /// Reads one reference.
    ///
    /// # Errors
    /// If it has another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim().split('/').collect();
        let (group, namespace, kind, name) = match *parts.as_slice() {
            [group, "namespaces", namespace, kind, name] if !namespace.is_empty() => {
                (group, Some(namespace), kind, name)
            }
            [group, kind, name] => (group, None, kind, name),
            _ => return Err(format!("`{}` names no object", text.trim().escape_debug())),
        };
        if kind.is_empty() || name.is_empty() {
            return Err(format!("`{}` lacks a kind or a name", text.trim().escape_debug()));
        }
        Ok(Self(ObjectKey {
            group_kind: GroupKind::new(group, kind),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectKey { group_kind: GroupKind { group, kind }, namespace, name } = &self.0;
        match namespace {
            Some(namespace) => write!(f, "{group}/namespaces/{namespace}/{kind}/{name}"),
            None => write!(f, "{group}/{kind}/{name}"),
        }
    }
}

/// All edges, sorted and each once, and what is wrong with the annotations.
pub(super) fn edges(objects: &[&Object], default_namespace: &str) -> (Vec<Edge>, Vec<Fault>) {
    let keys: Vec<ObjectKey> =
        objects.iter().map(|object| placed_key(object, default_namespace)).collect();
    let by_key: HashMap<&ObjectKey, usize> =
        keys.iter().enumerate().rev().map(|(index, key)| (key, index)).collect();
    let mut edges = Vec::new();
    let mut faults = Vec::new();
    let definitions: HashMap<GroupKind, usize> = objects
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(index, object)| Some((defined(object)?, index)))
        .collect();
    let mut namespace = ObjectKey {
        group_kind: GroupKind::new("", "Namespace"),
        namespace: None,
        name: String::new(),
    };
    for (after, key) in keys.iter().enumerate() {
        if let Some(name) = &key.namespace {
            namespace.name.clone_from(name);
            if let Some(&before) = by_key.get(&namespace) {
                edges.push(Edge { before, after, kind: EdgeKind::Namespace });
            }
        }
        if let Some(&before) = definitions.get(&key.group_kind) {
            edges.push(Edge { before, after, kind: EdgeKind::Definition });
        }
        let Some(annotation) = objects[after].annotation(DEPENDS_ON) else { continue };
        for text in annotation.split(',') {
            match target(text, after, &keys, &by_key, default_namespace) {
                Ok(before) => edges.push(Edge { before, after, kind: EdgeKind::DependsOn }),
                Err(problem) => faults.push((after, problem.at(annotation_path()))),
            }
        }
    }
    edges.retain(|edge| edge.before != edge.after);
    edges.sort_unstable();
    edges.dedup();
    (edges, faults)
}

/// The path of the annotation in an object.
pub(super) fn annotation_path() -> DataPath {
    ["metadata", "annotations", DEPENDS_ON].into()
}

/// The key with the namespace that the object will have.
fn placed_key(object: &Object, default_namespace: &str) -> ObjectKey {
    let mut key = object.key();
    if scope(&key.group_kind.group, &key.group_kind.kind) == Some(Scope::Cluster) {
        key.namespace = None;
    } else if key.namespace.is_none()
        && scope(&key.group_kind.group, &key.group_kind.kind).is_some()
    {
        key.namespace = Some(default_namespace.to_owned());
    }
    key
}

/// What an object defines, if it is a custom resource definition.
fn defined(object: &Object) -> Option<GroupKind> {
    object.is("apiextensions.k8s.io", "CustomResourceDefinition").then_some(())?;
    Some(GroupKind::new(object.text("/spec/group")?, object.text("/spec/names/kind")?))
}

/// The object that a reference of an object means.
fn target(
    text: &str,
    from: usize,
    keys: &[ObjectKey],
    by_key: &HashMap<&ObjectKey, usize>,
    default_namespace: &str,
) -> Result<usize, Box<Problem>> {
    let reference = Reference::parse(text).map_err(|message| {
        Box::new(Problem::error("depends-on", message).help(
            "write GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME; the core group is empty",
        ))
    })?;
    let mut found = by_key.get(&reference.0);
    let GroupKind { group, kind } = &reference.0.group_kind;
    if found.is_none()
        && reference.0.namespace.as_deref() == Some(default_namespace)
        && scope(group, kind).is_none()
    {
        // A custom resource that leaves its namespace to be filled in.
        found = by_key.get(&ObjectKey { namespace: None, ..reference.0.clone() });
    }
    match found {
        Some(&index) if index == from => {
            let message = format!("{} depends on itself", keys[from]);
            Err(Box::new(Problem::error("depends-on", message).help("leave it out")))
        }
        Some(&index) => Ok(index),
        None => Err(Box::new(unknown(&reference, keys))),
    }
}

fn unknown(reference: &Reference, keys: &[ObjectKey]) -> Problem {
    let message = format!("`{reference}` is not among the objects that are applied");
    let problem = Problem::error("depends-on", message);
    // Right but for namespace or group, else the nearest text.
    let wanted = &reference.0;
    let same = keys.iter().find(|key| {
        key.name == wanted.name
            && key.group_kind.kind == wanted.group_kind.kind
            && (key.group_kind.group == wanted.group_kind.group
                || key.namespace == wanted.namespace)
    });
    let near = same.map(|key| Reference(key.clone()).to_string()).or_else(|| {
        // Only names are compared: what comes before them is so long that every other one would be near.
        let alike = || {
            keys.iter().filter(|key| {
                key.group_kind == wanted.group_kind && key.namespace == wanted.namespace
            })
        };
        let name = nearest(&wanted.name, alike().map(|key| key.name.as_str()))?;
        alike().find(|key| key.name == name).map(|key| Reference(key.clone()).to_string())
    });
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("add it to the set, or leave the dependency out"),
    }
}
