//! Versions of the API that clusters no longer serve: what replaces them, and objects rewritten for it.
//!
//! Nothing is lost without a word. Where both versions say the same in other words, [`convert`] rewrites; where a default
//! differs, the old one is written out; where something cannot be said any more, the object stays as it is and the
//! reason is told.
//!
//! ```
//! use k8s_apply::convert::{Version, convert, find};
//!
//! let object = serde_json::from_value(serde_json::json!({
//!     "apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "nightly"},
//! }))
//! .unwrap();
//! assert_eq!(find(&object).unwrap().removed, Version::new(1, 25));
//! assert_eq!(convert(&object).object.api_version(), "batch/v1");
//! ```

mod admission;
mod autoscaling;
mod definition;
mod ingress;
mod rest;
mod schema;
mod table;
mod version;
mod workload;

use std::fmt::Write as _;

use diagnostics::{DataPath, Problem};
use serde_json::Value;

use crate::manifest::Manifest;
use crate::object::Object;
pub use table::{Row, TABLE, find};
pub use version::Version;

/// The oldest version that this program is made for. What was removed before is an error whatever cluster there is.
pub const OLDEST: Version = Version::new(1, 33);

/// An object for the version that replaces its own.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The object: rewritten, or as it was if an error is among the losses or its version is not in the table.
    pub object: Object,
    /// What was changed, in the order in which it was done. Empty if nothing was.
    pub changes: Vec<String>,
    /// Errors: why it was not rewritten. Warnings: what means something else now. Paths are those of the old object.
    pub losses: Vec<Problem>,
}

impl Converted {
    /// Whether the object was rewritten.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }
}

/// What is wrong with the version that a manifest is written in, for a cluster of a version.
///
/// An error if the cluster does not serve it, a warning if it will not for long. Without a version of a cluster, what
/// [`OLDEST`] does not serve is an error, the rest a warning.
#[must_use]
pub fn lint(manifest: &Manifest, server: Option<Version>) -> Vec<Problem> {
    let object = &manifest.object;
    let Some(row) = find(object) else { return Vec::new() };
    let (kind, api) = (object.kind(), object.api_version());
    let is_removed = row.removed <= server.unwrap_or(OLDEST);
    let mut message = format!("{kind} of {api} ");
    if is_removed {
        let _ = write!(message, "is not served since Kubernetes {}", row.removed);
    } else if server.is_some_and(|server| server < row.deprecated) {
        return Vec::new();
    } else {
        let _ = write!(message, "is no longer served from Kubernetes {} on", row.removed);
    }
    let problem = if is_removed {
        Problem::error("removed-api", message)
    } else {
        Problem::warning("deprecated-api", message)
    };
    let help = match row.replacement {
        Some((api, since)) => match convert(object).losses.iter().find(|loss| loss.is_error()) {
            None => format!("use {api}, served since {since}; it can be converted"),
            Some(_) => format!("use {api}, served since {since}; it cannot be converted as it is"),
        },
        None => row.note.to_owned(),
    };
    vec![manifest.origin.settle(problem.at(["apiVersion"].into()).help(help))]
}

/// Rewrites an object for the version that replaces its own.
#[must_use]
pub fn convert(object: &Object) -> Converted {
    let unchanged = |losses| Converted { object: object.clone(), changes: Vec::new(), losses };
    let Some(row) = find(object) else { return unchanged(Vec::new()) };
    let cannot = |why: &str| {
        let message =
            format!("{} of {} cannot be converted: {why}", object.kind(), object.api_version());
        Problem::error("cannot-convert", message).at(["apiVersion"].into())
    };
    let (Some((api, _)), Some(rewrite)) = (row.replacement, row.rewrite) else {
        return unchanged(vec![cannot(row.note)]);
    };
    let mut work = Work::new(object.value().clone());
    rewrite(&mut work, object.api_version());
    if work.losses.iter().any(Problem::is_error) {
        return unchanged(work.losses);
    }
    let mut changes = vec![format!("apiVersion {} becomes {api}", object.api_version())];
    changes.append(&mut work.changes);
    work.value["apiVersion"] = api.into();
    match Object::try_from(work.value) {
        Ok(object) => Converted { object, changes, losses: work.losses },
        Err(error) => unchanged(vec![cannot(&error.to_string())]),
    }
}

/// Rewrites the object of a manifest. The losses have their places in its source.
#[must_use]
pub fn convert_manifest(manifest: &Manifest) -> (Manifest, Vec<String>, Vec<Problem>) {
    let Converted { object, changes, losses } = convert(&manifest.object);
    let losses = losses.into_iter().map(|loss| manifest.origin.settle(loss)).collect();
    (Manifest { object, origin: manifest.origin.clone() }, changes, losses)
}

/// An object while it is rewritten.
struct Work {
    value: Value,
    changes: Vec<String>,
    losses: Vec<Problem>,
}

impl Work {
    fn new(value: Value) -> Self {
        Self { value, changes: Vec::new(), losses: Vec::new() }
    }

    fn changed(&mut self, text: impl Into<String>) {
        self.changes.push(text.into());
    }

    /// That something stands in the way.
    fn lost(&mut self, path: DataPath, message: impl Into<String>, help: impl Into<String>) {
        self.losses.push(Problem::error("cannot-convert", message).at(path).help(help));
    }

    /// That something means something else from now on.
    fn noted(&mut self, path: DataPath, message: impl Into<String>, help: impl Into<String>) {
        self.losses.push(Problem::warning("converted", message).at(path).help(help));
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer)
    }

    /// Writes a default out where nothing stands.
    fn default(&mut self, pointer: &str, value: impl Into<Value>) {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        let Some(map) = make(&mut self.value, parent) else { return };
        if map.get(key).is_none_or(Value::is_null) {
            let value = value.into();
            let path = pointer.trim_start_matches('/').replace('/', ".");
            self.changes
                .push(format!("{path}: {value}, the default of the old version, is written out"));
            map.insert(key.to_owned(), value);
        }
    }

    /// Takes a field out.
    fn take(&mut self, parent: &str, key: &str) -> Option<Value> {
        self.value
            .pointer_mut(parent)?
            .as_object_mut()?
            .remove(key)
            .filter(|value| !value.is_null())
    }
}

/// The mapping at a pointer, made where there is none. Nothing if something else stands there.
fn make<'v>(value: &'v mut Value, pointer: &str) -> Option<&'v mut serde_json::Map<String, Value>> {
    let mut value = value;
    for key in pointer.split('/').skip(1) {
        let map = value.as_object_mut()?;
        let entry = map.entry(key).or_insert(Value::Null);
        if entry.is_null() {
            *entry = Value::Object(serde_json::Map::new());
        }
        value = entry;
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests;
