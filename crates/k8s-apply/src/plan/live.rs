//! What the cluster has of a set.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::Prepared;
use crate::cluster::{CallError, Cluster, Filter, Kind};
use crate::object::{Object, ObjectKey};

/// From how many objects of a kind in a namespace on, they are listed instead of being read one by one.
const LISTED: usize = 6;
/// How many more objects a list may have than are wanted of it.
const EXCESS: u64 = 2000;

/// What the cluster has of a set.
#[derive(Debug, Default)]
pub(crate) struct Live {
    objects: HashMap<ObjectKey, Object>,
    /// Namespaces that objects of the set are in, and that are there.
    namespaces: HashSet<String>,
}

impl Live {
    /// Reads the objects of a set and the namespaces that they are in.
    pub(crate) async fn read(
        cluster: &Cluster,
        prepared: &Prepared<'_>,
    ) -> Result<Self, CallError> {
        let mut groups: BTreeMap<(String, Option<&str>), Group<'_>> = BTreeMap::new();
        for item in prepared.items.iter().filter(|item| !item.kind.from_set) {
            let namespace = item.key.namespace.as_deref();
            groups
                .entry((item.kind.gvk.to_string(), namespace))
                .or_insert_with(|| Group { kind: &item.kind, names: Vec::new() })
                .names
                .push(&item.key.name);
        }
        let namespace_kind = prepared.kinds.named("namespaces");
        let namespaces = prepared.namespaces();
        let mut missing: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        missing.retain(|name| !prepared.namespaces.contains_key(*name));
        if let Some(kind) = namespace_kind {
            groups
                .entry((kind.gvk.to_string(), None))
                .or_insert_with(|| Group { kind, names: Vec::new() })
                .names
                .extend(missing.iter().copied());
        }
        let found: Vec<Vec<Object>> = stream::iter(groups)
            .map(|((_, namespace), wanted)| read_group(cluster, wanted, namespace))
            .buffer_unordered(cluster.limits().concurrency.max(1))
            .try_collect()
            .await?;
        let mut live = Self::default();
        for object in found.into_iter().flatten() {
            if object.is("", "Namespace") && object.at("/metadata/deletionTimestamp").is_none() {
                live.namespaces.insert(object.name().to_owned());
            }
            live.objects.insert(object.key(), object);
        }
        // A namespace that may not be read may still be there: the dry run will tell.
        if namespace_kind.is_none() {
            live.namespaces.extend(namespaces);
        }
        Ok(live)
    }

    /// What the cluster has of an object.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.get(key)
    }

    /// Whether a namespace is there, and is to stay.
    pub(crate) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains(name)
    }
}

/// Objects of a kind, in one namespace, by their names.
struct Group<'a> {
    kind: &'a Kind,
    names: Vec<&'a str>,
}

async fn read_group(
    cluster: &Cluster,
    Group { kind, names }: Group<'_>,
    namespace: Option<&str>,
) -> Result<Vec<Object>, CallError> {
    if names.len() >= LISTED {
        // Who may read an object may not always list them.
        match list(cluster, kind, namespace, names.len() as u64).await {
            Ok(Some(objects)) => {
                let wanted: HashSet<&str> = names.into_iter().collect();
                return Ok(objects.into_iter().filter(|one| wanted.contains(one.name())).collect());
            }
            Ok(None) => {}
            Err(error) if error.is_code(403) => {}
            Err(error) => return Err(error),
        }
    }
    let found: Vec<Option<Object>> = stream::iter(names)
        .map(|name| async move {
            match cluster.get(kind, namespace, name).await {
                // Who may only write namespaced objects may not read their namespace: it is taken to be there.
                Err(error) if error.is_code(403) && kind.gvk.kind == "Namespace" => {
                    Ok(Object::try_from(serde_json::json!({
                        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
                    }))
                    .ok())
                }
                other => other,
            }
        })
        .buffer_unordered(cluster.limits().concurrency.max(1))
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// All objects of a kind in a namespace; none if there are far more than are wanted.
async fn list(
    cluster: &Cluster,
    kind: &Kind,
    namespace: Option<&str>,
    wanted: u64,
) -> Result<Option<Vec<Object>>, CallError> {
    let first = cluster.page(kind, namespace, &Filter::default(), None).await?;
    if first.remaining > wanted + EXCESS {
        return Ok(None);
    }
    if first.next.is_none() {
        return Ok(Some(first.objects));
    }
    let mut objects = first.objects;
    let mut next = first.next;
    while let Some(token) = next {
        match cluster.page(kind, namespace, &Filter::default(), Some(&token)).await {
            Ok(page) => {
                objects.extend(page.objects);
                next = page.next;
            }
            Err(error) if error.is_code(410) => {
                return cluster.list(kind, namespace, None).await.map(Some);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(objects))
}
