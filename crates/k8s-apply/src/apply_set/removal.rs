//! Deleting members of a set, or other objects, in order and with care.

mod spared;

use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use kube::api::PropagationPolicy;
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) use spared::spare_definitions;

use super::{PART_OF, Parent, Reach};
use crate::cluster::{CallError, Cluster, Deleting, Kind, Kinds, PatchCall};
use crate::object::{Object, ObjectKey};
use crate::order;
use crate::wait::{self, Goal, Target, WaitOptions, Waited};

/// How often an object that changes meanwhile is looked at anew before it is deleted.
const TRIES: usize = 4;

/// From how many objects on a prune counts as large.
const MANY: usize = 5;

/// An object that may be deleted.
#[derive(Debug, Clone)]
pub struct Member {
    /// The object, as the cluster has it.
    pub object: Object,
    /// Its kind.
    pub kind: Kind,
}

/// What becomes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fate", content = "because")]
pub enum Fate {
    /// It is deleted.
    Delete,
    /// It stays, and is a member no more, because an annotation asks for that.
    Detach(String),
    /// It stays a member.
    Keep(String),
}

/// What becomes of an object, and which one.
#[derive(Debug, Clone, Serialize)]
pub struct Removal {
    /// The object.
    pub key: ObjectKey,
    /// What becomes of it.
    #[serde(flatten)]
    pub fate: Fate,
    /// The object, as it was seen.
    #[serde(skip)]
    pub member: Member,
}

/// What may be removed.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Kinds whose deletion loses what nobody can bring back, and that may be pruned nevertheless: `Namespace`,
    /// `CustomResourceDefinition`, `PersistentVolume`, `PersistentVolumeClaim`. The case does not count.
    pub allow: Vec<String>,
    /// Whether most of a set may go at once.
    pub many: bool,
}

/// Reads the members of a set, of all kinds and namespaces that its parent and the given reach name.
///
/// # Errors
/// If one of them cannot be listed: then nothing should be pruned, because something would be missed.
pub async fn members(
    cluster: &Cluster,
    kinds: &Kinds,
    parent: &Parent,
    more: &Reach,
) -> Result<Vec<Member>, CallError> {
    let reach = parent.reach.with(more);
    let mut namespaces: BTreeSet<&str> = reach.namespaces.iter().map(String::as_str).collect();
    namespaces.insert(&parent.set.namespace);
    let mut lists = Vec::new();
    for group_kind in &reach.kinds {
        // An extension that does not answer hides its objects: then nobody knows what would be missed.
        let group = format!("{}/", group_kind.group);
        if let Some(stale) = kinds.stale().iter().find(|one| one.starts_with(&group)) {
            return Err(CallError::Broken {
                what: format!("list the members of {}", parent.set),
                fault: format!("the extension that serves {stale} does not answer"),
            });
        }
        // A kind that is served no more has no objects.
        let Some(kind) = kinds.preferred(group_kind).filter(|kind| !kind.from_set) else {
            continue;
        };
        if kind.namespaced {
            lists.extend(namespaces.iter().map(|namespace| (kind, Some(*namespace))));
        } else {
            lists.push((kind, None));
        }
    }
    let selector = parent.set.selector();
    let found: Vec<Vec<Member>> = stream::iter(lists)
        .map(|(kind, namespace)| {
            let selector = &selector;
            async move {
                let objects = cluster.list(kind, namespace, Some(selector)).await?;
                let own = objects.into_iter().filter(|object| !spared::is_derived(object));
                let member = |object| Member { object, kind: kind.clone() };
                Ok::<_, CallError>(own.map(member).collect())
            }
        })
        .buffer_unordered(cluster.limits().concurrency.max(1))
        .try_collect()
        .await?;
    let mut members: Vec<Member> = found.into_iter().flatten().collect();
    members.sort_by_key(|member| member.object.key());
    Ok(members)
}

/// What becomes of the members of a set that are not in it any more.
#[must_use]
pub fn prune(members: &[Member], wanted: &BTreeSet<ObjectKey>, rules: &Rules) -> Vec<Removal> {
    let used: HashSet<&str> = wanted.iter().filter_map(|key| key.namespace.as_deref()).collect();
    let mut removals: Vec<Removal> = members
        .iter()
        .filter(|member| !wanted.contains(&member.object.key()))
        .map(|member| Removal {
            key: member.object.key(),
            fate: fate(&member.object, &used, rules),
            member: member.clone(),
        })
        .collect();
    spare_homes(&mut removals);
    removals
}

/// Keeps the namespaces of what stays: it would go with them.
pub fn spare_homes(removals: &mut [Removal]) {
    let homes: HashSet<String> = removals
        .iter()
        .filter(|one| one.fate != Fate::Delete)
        .filter_map(|one| one.key.namespace.clone())
        .collect();
    for one in removals.iter_mut().filter(|one| one.fate == Fate::Delete) {
        if one.key.group_kind.is("", "Namespace") && homes.contains(&one.key.name) {
            one.fate = Fate::Keep("something in it stays".into());
        }
    }
}

/// Whether so much of a set would go that somebody should say so first.
#[must_use]
pub fn is_large(removals: &[Removal], members: usize) -> bool {
    let gone = removals.iter().filter(|one| one.fate == Fate::Delete).count();
    gone > MANY && gone * 2 > members
}

fn fate(object: &Object, used: &HashSet<&str>, rules: &Rules) -> Fate {
    if let Some(asked) = asked_to_stay(object) {
        return Fate::Detach(asked);
    }
    let owners = object.at("/metadata/ownerReferences").and_then(Value::as_array);
    if owners.is_some_and(|owners| !owners.is_empty()) {
        return Fate::Keep("it belongs to another object, which deletes it in its time".into());
    }
    let group_kind = object.group_kind();
    if group_kind.is("", "Namespace") && used.contains(object.name()) {
        return Fate::Keep("objects of the set are in it".into());
    }
    let precious = group_kind.is("", "Namespace")
        || group_kind.is("", "PersistentVolume")
        || group_kind.is("", "PersistentVolumeClaim")
        || group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition");
    let allowed = rules.allow.iter().any(|kind| kind.eq_ignore_ascii_case(&group_kind.kind));
    if precious && !allowed {
        let kind = &group_kind.kind;
        return Fate::Keep(if object.at("/metadata/deletionTimestamp").is_some() {
            "it is being deleted already".into()
        } else {
            format!("what is in it would be lost; --prune-allow {kind} lets it go")
        });
    }
    Fate::Delete
}

/// The annotation by which an object asks not to be deleted with its set.
#[must_use]
pub fn asked_to_stay(object: &Object) -> Option<String> {
    const WORDS: [(&str, &str); 4] = [
        ("client.lifecycle.config.k8s.io/deletion", "detach"),
        ("cli-utils.sigs.k8s.io/on-remove", "keep"),
        ("helm.sh/resource-policy", "keep"),
        ("windlass.dev/on-remove", "keep"),
    ];
    WORDS
        .iter()
        .find(|(key, value)| object.annotation(key) == Some(value))
        .map(|(key, value)| format!("its annotation {key} says {value}"))
}

/// What happens while objects are removed.
#[derive(Debug)]
pub enum Event<'a> {
    /// The server was told to delete an object.
    Deleted(&'a ObjectKey),
    /// An object is a member no more.
    Detached(&'a ObjectKey),
    /// Objects are still there.
    Waiting(&'a wait::Progress),
}

/// What was removed, and what not.
#[derive(Debug, Default)]
pub struct Removed {
    /// What is gone.
    pub deleted: Vec<ObjectKey>,
    /// What stays and is a member no more.
    pub detached: Vec<ObjectKey>,
    /// What could not be removed, and why.
    pub failed: Vec<(ObjectKey, String)>,
    /// What is not gone yet.
    pub waiting: Option<Waited>,
    /// What was not begun because of that.
    pub not_begun: Vec<ObjectKey>,
}

impl Removed {
    /// Whether everything was removed that was to be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.waiting.is_none() && self.not_begun.is_empty()
    }
}

/// Removes objects, dependents first, and waits until they are gone. After a failure no further step begins.
pub async fn remove(
    cluster: &Cluster,
    manager: &str,
    removals: Vec<Removal>,
    waiting: &WaitOptions,
    events: &(dyn Fn(&Event<'_>) + Sync),
) -> Removed {
    let mut removed = Removed::default();
    let going: Vec<Removal> =
        removals.into_iter().filter(|one| !matches!(one.fate, Fate::Keep(_))).collect();
    let objects: Vec<&Object> = going.iter().map(|one| &one.member.object).collect();
    let schedule = order::plan_deletion(&objects, "default");
    let mut by_index: HashMap<usize, &Removal> = going.iter().enumerate().collect();
    for step in &schedule.steps {
        let members: Vec<&Removal> = step.iter().filter_map(|at| by_index.remove(at)).collect();
        if !removed.is_complete() {
            removed.not_begun.extend(members.iter().map(|one| one.key.clone()));
            continue;
        }
        let results: Vec<_> = stream::iter(members)
            .map(|one| async move { (one, remove_one(cluster, manager, one).await) })
            .buffer_unordered(cluster.limits().concurrency.max(1))
            .collect()
            .await;
        let mut targets = Vec::new();
        for (one, result) in results {
            match result {
                Ok(Outcome::Deleting(uid)) => {
                    events(&Event::Deleted(&one.key));
                    targets.push(Target {
                        key: one.key.clone(),
                        kind: one.member.kind.clone(),
                        object: Some(uid),
                    });
                    removed.deleted.push(one.key.clone());
                }
                Ok(Outcome::Gone) => removed.deleted.push(one.key.clone()),
                Ok(Outcome::Detached) => {
                    events(&Event::Detached(&one.key));
                    removed.detached.push(one.key.clone());
                }
                Err(error) => removed.failed.push((one.key.clone(), error.to_string())),
            }
        }
        let tell = |progress: &wait::Progress| events(&Event::Waiting(progress));
        let waited = wait::until(cluster, targets, Goal::Gone, waiting, &tell).await;
        if !waited.is_complete() {
            removed.waiting = Some(waited);
        }
    }
    removed
}

enum Outcome {
    Deleting(Object),
    Gone,
    Detached,
}

/// Removes one object: this very one, in the state that was judged.
async fn remove_one(
    cluster: &Cluster,
    manager: &str,
    removal: &Removal,
) -> Result<Outcome, CallError> {
    let Member { kind, object } = &removal.member;
    let mut object = object.clone();
    let was_member = object.label(PART_OF).map(str::to_owned);
    let mut tries = 0;
    loop {
        tries += 1;
        let result = match &removal.fate {
            Fate::Detach(_) => detach(cluster, manager, kind, &object).await,
            _ => delete(cluster, kind, &object).await,
        };
        match result {
            Err(error) if error.is_code(409) && tries < TRIES => {}
            other => return other,
        }
        // It changed meanwhile. Another object of that name, one that left the set, and one that asks to stay by
        // now are not what was to be removed.
        let now = cluster.get(kind, object.namespace(), object.name()).await?;
        let Some(now) = now.filter(|now| now.uid() == object.uid()) else {
            return Ok(Outcome::Gone);
        };
        let left = was_member.is_some() && now.label(PART_OF) != was_member.as_deref();
        if left && matches!(removal.fate, Fate::Detach(_)) {
            // It may well have been this call, the answer to which was lost.
            return Ok(Outcome::Detached);
        }
        if left || (removal.fate == Fate::Delete && asked_to_stay(&now).is_some()) {
            return Err(CallError::Broken {
                what: format!("delete {}", removal.key),
                fault: "it was changed meanwhile so that it must stay; run again".into(),
            });
        }
        object = now;
    }
}

async fn delete(cluster: &Cluster, kind: &Kind, object: &Object) -> Result<Outcome, CallError> {
    // Perhaps by a run that was cut short. It is waited for like the others.
    if object.at("/metadata/deletionTimestamp").is_some() {
        return Ok(Outcome::Deleting(object.clone()));
    }
    let target = Deleting {
        kind,
        namespace: object.namespace(),
        name: object.name(),
        uid: object.uid(),
        resource_version: object.resource_version(),
        propagation: propagation(kind),
        dry_run: false,
    };
    Ok(if cluster.delete(&target).await? {
        Outcome::Deleting(object.clone())
    } else {
        Outcome::Gone
    })
}

/// What becomes of the objects that an object of this kind owns. Pods go before their workload does, so that it is gone
/// with all that it made. The garbage collector learns of new kinds late, so custom resources do not wait for it.
fn propagation(kind: &Kind) -> PropagationPolicy {
    match (kind.gvk.group.as_str(), kind.gvk.kind.as_str()) {
        ("apps" | "batch", _) | ("", "ReplicationController") => PropagationPolicy::Foreground,
        _ => PropagationPolicy::Background,
    }
}

async fn detach(
    cluster: &Cluster,
    manager: &str,
    kind: &Kind,
    object: &Object,
) -> Result<Outcome, CallError> {
    if object.label(PART_OF).is_none() {
        return Ok(Outcome::Detached);
    }
    let body = json!({
        "metadata": {"resourceVersion": object.resource_version(), "labels": {PART_OF: Value::Null}},
    });
    let call = PatchCall { words: "detach", manager, subresource: None, body: &body };
    match cluster.patch(kind, object, &call).await {
        Ok(_) => Ok(Outcome::Detached),
        Err(error) if error.is_code(404) => Ok(Outcome::Gone),
        Err(error) => Err(error),
    }
}

/// Custom resources that would be lost with their definition and are not among what is deleted.
///
/// # Errors
/// If they cannot be listed.
pub async fn foreign_resources(
    cluster: &Cluster,
    kinds: &Kinds,
    removals: &[Removal],
) -> Result<Vec<(ObjectKey, Vec<ObjectKey>)>, CallError> {
    let going = removals.iter().filter(|one| one.fate == Fate::Delete);
    let going: HashSet<&ObjectKey> = going.map(|one| &one.key).collect();
    let mut found = Vec::new();
    for removal in removals.iter().filter(|one| one.fate == Fate::Delete) {
        let definition = &removal.member.object;
        if !definition.is("apiextensions.k8s.io", "CustomResourceDefinition") {
            continue;
        }
        let text = |pointer| definition.text(pointer).unwrap_or_default();
        let group_kind = crate::GroupKind::new(text("/spec/group"), text("/spec/names/kind"));
        let Some(kind) = kinds.preferred(&group_kind) else { continue };
        let resources = match cluster.list(kind, None, None).await {
            Ok(resources) => resources,
            Err(error) if error.is_code(404) => continue,
            Err(error) => return Err(error),
        };
        let foreign: Vec<ObjectKey> =
            resources.iter().map(Object::key).filter(|key| !going.contains(key)).collect();
        if !foreign.is_empty() {
            found.push((removal.key.clone(), foreign));
        }
    }
    Ok(found)
}
