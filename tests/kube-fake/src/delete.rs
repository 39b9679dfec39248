//! Deleting: preconditions, finalizers, grace, and what becomes of dependents.
//!
//! What garbage collector and namespace controller do in a real cluster a moment later is done at once.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::Kind;
use crate::failure::{Failure, details};
use crate::store::{Place, Store, owners, uid};
use crate::write::{finalizers, is_deleted, is_free, now, remove};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// `DeleteOptions`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub(crate) uid: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) propagation: Option<String>,
    pub(crate) grace_seconds: Option<u64>,
    pub(crate) dry_run: bool,
}

impl Store {
    /// Deletes an object, or begins to. Answers it, or that it is done.
    pub(crate) fn delete(&mut self, place: &Place, how: &Deletion) -> Result<Value, Failure> {
        let kind = self.kind(place);
        let name = place.1.rsplit('/').next().unwrap_or_default().to_owned();
        let Some(old) = self.get(place) else { return Err(Failure::not_found(&kind, &name)) };
        check(&kind, &name, &old, how)?;
        let marked = marked(&kind, &old, how);
        let is_namespace = kind.plural == "namespaces";
        let goes_now = is_free(&marked) && !is_namespace;
        if !how.dry_run {
            if goes_now {
                self.remove(place);
            } else if marked != *old {
                self.put(place.clone(), marked.clone());
                self.proceed(place);
            }
        }
        if goes_now && !kind.is_graceful {
            let mut details = details(&kind, &name, kind.plural);
            details["uid"] = uid(&old).into();
            let head = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}});
            let mut status = head;
            status["status"] = "Success".into();
            status["details"] = details;
            return Ok(status);
        }
        // As it was marked, whatever came of it since.
        let now = self.get(place).filter(|now| uid(now) == uid(&old));
        Ok(now.map_or(marked, |now| Value::clone(&now)))
    }

    /// Takes an object away, and does what follows from that.
    pub(crate) fn remove(&mut self, place: &Place) {
        let Some(old) = self.take(place) else { return };
        for dependent in self.dependents(uid(&old)) {
            self.leave(&dependent, uid(&old), false);
        }
        // Those that waited for it.
        for owner in owners(&old) {
            if let Some(owner) = self.owner(owner).cloned() {
                self.proceed(&owner);
            }
        }
        if let Some(namespace) = old["metadata"]["namespace"].as_str()
            && let Some(place) = self.namespace_place(namespace)
        {
            self.proceed(&place);
        }
    }

    /// An owner of this is gone, or gives it free.
    fn leave(&mut self, dependent: &Place, owner: &str, is_orphaned: bool) {
        let Some(object) = self.get(dependent) else { return };
        let has_others = owners(&object).any(|other| other != owner && self.owner(other).is_some());
        if !is_orphaned && !has_others {
            let how = Deletion { propagation: Some("Background".into()), ..Deletion::default() };
            // It is there.
            let _ = self.delete(dependent, &how);
            return;
        }
        let mut object = Value::clone(&object);
        if let Some(Value::Array(references)) = object["metadata"].get_mut("ownerReferences") {
            references.retain(|reference| reference["uid"] != owner);
            if references.is_empty() {
                remove(&mut object["metadata"], "ownerReferences");
            }
        }
        self.put(dependent.clone(), object);
    }

    /// Goes on with an object that is being deleted, as far as that is the server's to do.
    fn proceed(&mut self, place: &Place) {
        let Some(object) = self.get(place).filter(|object| is_deleted(object)) else { return };
        let dependents = self.dependents(uid(&object));
        let is = |finalizer| finalizers(&object).contains(&finalizer);
        if is(ORPHAN) {
            for dependent in &dependents {
                self.leave(dependent, uid(&object), true);
            }
            self.finish(place, ORPHAN);
        } else if is(FOREGROUND) {
            for dependent in &dependents {
                if self.get(dependent).is_some_and(|dependent| !is_deleted(&dependent)) {
                    let how =
                        Deletion { propagation: Some("Foreground".into()), ..Deletion::default() };
                    let _ = self.delete(dependent, &how);
                }
            }
            if self.dependents(uid(&object)).is_empty() {
                self.finish(place, FOREGROUND);
            }
        } else if Some(place) == self.namespace_place(&place.1).as_ref() {
            self.empty_namespace(place);
        }
    }

    fn empty_namespace(&mut self, place: &Place) {
        let prefix = format!("{}/", place.1);
        let inside = |store: &Self| -> Vec<Place> {
            let kinds = (0..store.kinds.len()).filter(|kind| store.kinds[*kind].is_namespaced);
            kinds
                .flat_map(|kind| {
                    store.range(kind, &prefix).into_iter().map(move |(key, _)| (kind, key))
                })
                .collect()
        };
        for object in inside(self) {
            if self.get(&object).is_some_and(|object| !is_deleted(&object)) {
                let how =
                    Deletion { propagation: Some("Background".into()), ..Deletion::default() };
                let _ = self.delete(&object, &how);
            }
        }
        if inside(self).is_empty() && self.get(place).is_some_and(|object| is_free(&object)) {
            self.take(place);
        }
    }

    /// Takes a finalizer of the server's own away.
    fn finish(&mut self, place: &Place, finalizer: &str) {
        let Some(object) = self.get(place) else { return };
        let mut object = Value::clone(&object);
        if let Some(Value::Array(all)) = object["metadata"].get_mut("finalizers") {
            all.retain(|one| one != finalizer);
        }
        if is_free(&object) {
            self.remove(place);
        } else {
            self.put(place.clone(), object);
        }
    }
}

fn check(kind: &Kind, name: &str, old: &Arc<Value>, how: &Deletion) -> Result<(), Failure> {
    let version = old["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let why = if let Some(wanted) = how.uid.as_ref().filter(|wanted| *wanted != uid(old)) {
        format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            uid(old)
        )
    } else if let Some(wanted) = how.version.as_ref().filter(|wanted| *wanted != version) {
        format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        )
    } else {
        return Ok(());
    };
    Err(Failure::precondition(kind, name, &why))
}

/// The object as one that is being deleted.
fn marked(kind: &Kind, old: &Arc<Value>, how: &Deletion) -> Value {
    let mut object = Value::clone(old);
    let grace = grace_seconds(kind, old, how);
    if is_deleted(old) {
        // Only the grace can become shorter.
        let left = old["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
        if kind.is_graceful && grace < left {
            object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        }
        return object;
    }
    let meta = &mut object["metadata"];
    meta["deletionTimestamp"] = now();
    meta["deletionGracePeriodSeconds"] = grace.into();
    if let Some(generation) = meta["generation"].as_u64() {
        meta["generation"] = (generation + 1).into();
    }
    let finalizer = match how.propagation.as_deref() {
        Some("Foreground") => Some(FOREGROUND),
        Some("Orphan") => Some(ORPHAN),
        Some(_) => None,
        None => kind.orphans.then_some(ORPHAN),
    };
    if let Some(finalizer) = finalizer {
        match &mut meta["finalizers"] {
            Value::Array(all) => all.push(finalizer.into()),
            none => *none = json!([finalizer]),
        }
    }
    if kind.plural == "namespaces" {
        object["status"]["phase"] = "Terminating".into();
    }
    object
}

/// A pod that runs is ended by its kubelet; nobody else is waited for.
fn grace_seconds(kind: &Kind, object: &Value, how: &Deletion) -> u64 {
    let is_placed = object["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    let has_ended = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if !kind.is_graceful || !is_placed || has_ended {
        return 0;
    }
    how.grace_seconds
        .or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_u64())
        .unwrap_or(30)
}
