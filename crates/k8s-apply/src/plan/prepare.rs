//! A set whose kinds are known, and whose objects are where they belong.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diagnostics::{DataPath, Problem};

use super::Options;
use crate::apply_set::PART_OF;
use crate::cluster::{Kind, Kinds};
use crate::convert;
use crate::manifest::Manifest;
use crate::object::{Object, ObjectKey};

/// An object that is to be applied.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its manifest, with its namespace and the label of its set.
    pub object: Object,
    /// What identifies it.
    pub key: ObjectKey,
    /// Its kind.
    pub kind: Kind,
    /// Its place among the manifests.
    pub manifest: usize,
}

/// A set whose kinds are known.
#[derive(Debug, Clone)]
pub struct Prepared<'m> {
    /// The manifests that it was made of.
    pub manifests: &'m [Manifest],
    /// The objects, in the order of the manifests.
    pub items: Vec<Item>,
    /// The kinds that the cluster serves, and those that the set adds.
    pub kinds: Kinds,
    /// What is wrong with manifests that are not among the items: kinds that the cluster does not serve, a namespace where
    /// there can be none, what stands twice. The set must not be applied then.
    pub problems: Vec<Problem>,
    /// The namespaces that are in the set, and which item they are.
    pub(crate) namespaces: HashMap<String, usize>,
    /// The definitions of kinds that are in the set, and which item they are.
    pub(crate) definitions: HashMap<(String, String), usize>,
}

impl Prepared<'_> {
    /// The namespaces that its objects are in.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.items.iter().filter_map(|item| item.key.namespace.clone()).collect()
    }

    /// Gives a problem of an item its place in the file.
    #[must_use]
    pub fn settle(&self, item: usize, problem: Problem) -> Problem {
        self.manifests[self.items[item].manifest].origin.settle(problem)
    }
}

/// Finds the kinds of a set's objects, and puts those without a namespace into the default one.
#[must_use]
pub fn prepare<'m>(manifests: &'m [Manifest], mut kinds: Kinds, options: &Options) -> Prepared<'m> {
    let mut problems = Vec::new();
    let mut definitions = HashMap::new();
    for (at, Manifest { object, .. }) in manifests.iter().enumerate() {
        if object.is("apiextensions.k8s.io", "CustomResourceDefinition") {
            kinds.add_definition(object);
            let text = |pointer| object.text(pointer).unwrap_or_default().to_owned();
            definitions.insert((text("/spec/group"), text("/spec/names/kind")), at);
        }
    }
    let mut items: Vec<Item> = Vec::with_capacity(manifests.len());
    let mut seen: BTreeMap<ObjectKey, usize> = BTreeMap::new();
    for (at, manifest) in manifests.iter().enumerate() {
        let mut object = manifest.object.clone();
        let mut fault = |path: DataPath, problem: Problem| {
            problems.push(manifest.origin.settle(problem.at(path)));
        };
        let metadata = DataPath::root().join("metadata");
        let Some(kind) = kinds.get(&object.gvk()) else {
            let removed = convert::lint(manifest, None);
            if !removed.is_empty() {
                problems.extend(removed);
                continue;
            }
            fault(DataPath::root().join("kind"), unknown(&object, &kinds));
            continue;
        };
        match (kind.namespaced, object.namespace()) {
            (true, None) => object.set_namespace(&options.default_namespace),
            (false, Some(namespace)) => fault(
                metadata.join("namespace"),
                Problem::error(
                    "namespace-of-none",
                    format!("a {} is in no namespace, not in {namespace}", kind.gvk.kind),
                )
                .help("remove metadata.namespace"),
            ),
            _ => {}
        }
        if object.label(PART_OF).is_some() {
            fault(
                metadata.join("labels").join(PART_OF),
                Problem::error(
                    "part-of-a-set",
                    format!("the label {PART_OF} is set by the set that an object is applied with"),
                )
                .help("remove the label from the manifest"),
            );
        }
        if let Some((key, value)) = &options.label {
            object.set_label(key, value);
        }
        let key = object.key();
        if let Some(&first) = seen.get(&key) {
            let place = manifests[first].origin.place();
            fault(
                metadata.join("name"),
                Problem::error("twice", format!("{key} stands in the set twice, first at {place}"))
                    .help("keep one of the two"),
            );
            continue;
        }
        seen.insert(key.clone(), at);
        items.push(Item { key, kind: kind.clone(), object, manifest: at });
    }
    let namespaces = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.key.group_kind.is("", "Namespace"))
        .map(|(at, item)| (item.key.name.clone(), at))
        .collect();
    Prepared { manifests, items, kinds, problems, namespaces, definitions }
}

/// A kind that the cluster does not serve.
fn unknown(object: &Object, kinds: &Kinds) -> Problem {
    let gvk = object.gvk();
    let problem = Problem::error("unknown-kind", format!("this cluster serves no {gvk}"));
    let versions = kinds.versions(&gvk.group_kind());
    if !versions.is_empty() {
        let group = if gvk.group.is_empty() { String::new() } else { format!("{}/", gvk.group) };
        let versions: Vec<String> = versions.iter().map(|one| format!("{group}{one}")).collect();
        return problem.help(format!("it serves {} as {}", gvk.kind, versions.join(", ")));
    }
    let elsewhere = kinds.all().find(|kind| kind.gvk.kind == gvk.kind);
    if let Some(kind) = elsewhere {
        return problem.help(format!("there is a {} in {}", gvk.kind, kind.gvk.api_version()));
    }
    if let Some(stale) =
        kinds.stale().iter().find(|one| one.starts_with(&format!("{}/", gvk.group)))
    {
        return problem
            .help(format!("the extension that serves {stale} does not answer at the moment"));
    }
    let known: Vec<&str> = kinds.all().map(|kind| kind.gvk.kind.as_str()).collect();
    match diagnostics::nearest(&gvk.kind, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean {near}?")),
        None => {
            problem.help("add its CustomResourceDefinition to the set, or install what defines it")
        }
    }
}
