//! Making and changing objects.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::Kind;
use crate::failure::Failure;
use crate::store::{Place, Store, uid};

/// What the server alone says about an object.
const SERVERS: [&str; 8] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "name",
    "namespace",
];

/// How an object is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    /// Whether only the status is meant.
    pub(crate) is_status: bool,
    /// Whether it came of a patch of what there is.
    pub(crate) is_patch: bool,
    pub(crate) dry_run: bool,
}

pub(crate) fn now() -> Value {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

/// An object's key.
pub(crate) fn key(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

impl Store {
    /// Makes an object. Answers it.
    pub(crate) fn create(
        &mut self,
        kind: usize,
        namespace: Option<&str>,
        mut object: Value,
        dry_run: bool,
    ) -> Result<Arc<Value>, Failure> {
        let about = self.kinds[kind];
        check_head(&about, namespace, &mut object)?;
        let meta = &mut object["metadata"];
        if text(meta, "resourceVersion").is_some() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::new(500, "", message));
        }
        let name = match (text(meta, "name"), text(meta, "generateName")) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => prefix.to_owned() + &self.next_suffix(),
            (None, None) => String::new(),
        };
        if let Some(namespace) = namespace {
            self.check_namespace(&about, namespace, &name)?;
        }
        if name.is_empty() {
            let message = "Required value: name or generateName is required";
            return Err(Failure::invalid(&about, "", "metadata.name", message));
        }
        if !is_name(&name) {
            let message = format!(
                "Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
            );
            return Err(Failure::invalid(&about, &name, "metadata.name", &message));
        }
        let place = (kind, key(namespace, &name));
        if self.get(&place).is_some() {
            return Err(Failure::exists(&about, &name));
        }
        for field in SERVERS {
            remove(meta, field);
        }
        meta["name"] = name.into();
        if let Some(namespace) = namespace {
            meta["namespace"] = namespace.into();
        }
        meta["uid"] = self.next_uid().into();
        meta["creationTimestamp"] = now();
        if about.has_generation {
            meta["generation"] = 1.into();
        }
        if let Some(status) = about.status {
            object["status"] = status();
        }
        complete(&about, &mut object);
        Ok(if dry_run { Arc::new(object) } else { self.put(place, object) })
    }

    fn check_namespace(&self, kind: &Kind, namespace: &str, name: &str) -> Result<(), Failure> {
        let Some(place) = self.namespace_place(namespace) else { return Ok(()) };
        match self.get(&place) {
            None => Err(Failure::not_found(&self.kind(&place), namespace)),
            Some(found) if is_deleted(&found) => Err(Failure::terminating(kind, name, namespace)),
            Some(_) => Ok(()),
        }
    }

    /// Where a namespace is, if namespaces are among the kinds.
    pub(crate) fn namespace_place(&self, namespace: &str) -> Option<Place> {
        let is = |kind: &Kind| kind.plural == "namespaces" && kind.group.is_empty();
        Some((self.kinds.iter().position(is)?, namespace.to_owned()))
    }

    /// Changes an object to what it is to be. Answers it as it is then.
    pub(crate) fn update(
        &mut self,
        place: &Place,
        namespace: Option<&str>,
        mut new: Value,
        how: Update,
    ) -> Result<Arc<Value>, Failure> {
        let kind = self.kind(place);
        let name = place.1.rsplit('/').next().unwrap_or_default();
        check_head(&kind, namespace, &mut new)?;
        let sent = text(&new["metadata"], "name").unwrap_or_default();
        if sent != name {
            return Err(Failure::bad_request(format!(
                "the name of the object ({sent}) does not match the name on the URL ({name})"
            )));
        }
        let Some(old) = self.get(place) else {
            if kind.put_creates && !how.is_patch {
                return self.create(place.0, namespace, new, how.dry_run);
            }
            return Err(Failure::not_found(&kind, name));
        };
        check_identity(&kind, name, &old, &new, how)?;

        // Each path changes its part only.
        if how.is_status {
            let status = new["status"].take();
            new = Value::clone(&old);
            new["status"] = status;
        } else if kind.status.is_some() {
            new["status"] = old["status"].clone();
        }
        for field in SERVERS {
            match old["metadata"].get(field) {
                Some(value) => new["metadata"][field] = value.clone(),
                None => remove(&mut new["metadata"], field),
            }
        }
        complete(&kind, &mut new);
        if is_deleted(&old) {
            check_finalizers(&kind, name, &old, &new)?;
        }
        if kind.has_generation && without_status(&new) != without_status(&old) {
            let generation = old["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
            new["metadata"]["generation"] = generation.into();
        }
        if new == *old {
            return Ok(old);
        }
        if how.dry_run {
            return Ok(Arc::new(new));
        }
        if is_deleted(&new) && is_free(&new) {
            // Nobody sees it without its finalizers, as with Kubernetes, but the one who took them.
            self.remove(place);
            return Ok(Arc::new(new));
        }
        Ok(self.put(place.clone(), new))
    }
}

/// What an object says about its kind and namespace must be what its path says. Fills in what it does not say.
fn check_head(kind: &Kind, namespace: Option<&str>, object: &mut Value) -> Result<(), Failure> {
    let api_version = kind.api_version();
    let fields = object.as_object_mut().ok_or_else(|| Failure::bad_request("no object"))?;
    let said = (fields.get("apiVersion").cloned(), fields.get("kind").cloned());
    let fits = said.0.as_ref().is_none_or(|said| *said == api_version.as_str())
        && said.1.as_ref().is_none_or(|said| *said == kind.kind);
    if !fits {
        let message = format!("{said:?} cannot be handled as a {}", kind.kind);
        return Err(Failure::bad_request(message));
    }
    fields.insert("apiVersion".to_owned(), api_version.into());
    fields.insert("kind".to_owned(), kind.kind.into());
    if !fields.get("metadata").is_some_and(Value::is_object) {
        fields.insert("metadata".to_owned(), json!({}));
    }
    if text(&object["metadata"], "namespace").is_some_and(|said| Some(said) != namespace) {
        let message =
            "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

/// The object that is meant must be the one that is there.
fn check_identity(
    kind: &Kind,
    name: &str,
    old: &Value,
    new: &Value,
    how: Update,
) -> Result<(), Failure> {
    if let Some(sent) = text(&new["metadata"], "uid").filter(|sent| *sent != uid(old)) {
        if how.is_patch {
            let message = format!("Invalid value: \"{sent}\": field is immutable");
            return Err(Failure::invalid(kind, name, "metadata.uid", &message));
        }
        let why = format!(
            "Precondition failed: UID in precondition: {sent}, UID in object meta: {}",
            uid(old)
        );
        return Err(Failure::conflict(kind, name, &why));
    }
    let version = |object: &Value| text(&object["metadata"], "resourceVersion").map(str::to_owned);
    if version(new).is_some_and(|sent| Some(sent) != version(old)) {
        return Err(Failure::modified(kind, name));
    }
    Ok(())
}

fn check_finalizers(kind: &Kind, name: &str, old: &Value, new: &Value) -> Result<(), Failure> {
    let had = finalizers(old);
    let added: Vec<&str> = finalizers(new).into_iter().filter(|one| !had.contains(one)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
    );
    Err(Failure::invalid(kind, name, "metadata.finalizers", &message))
}

/// Brings an object into the form in which it is kept.
fn complete(kind: &Kind, object: &mut Value) {
    drop_nulls(object);
    let meta = &mut object["metadata"];
    remove(meta, "managedFields");
    for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let is_empty = match &meta[field] {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(items) => items.is_empty(),
            other => other.is_null(),
        };
        if is_empty {
            remove(meta, field);
        }
    }
    if let Value::Object(fields) = object {
        (kind.complete)(fields);
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn without_status(object: &Value) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| *name != "metadata" && *name != "status");
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A text that is not empty.
fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field].as_str().filter(|text| !text.is_empty())
}

pub(crate) fn remove(value: &mut Value, field: &str) {
    if let Value::Object(fields) = value {
        fields.remove(field);
    }
}

pub(crate) fn is_deleted(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let all = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

/// Whether nothing holds an object that is being deleted.
pub(crate) fn is_free(object: &Value) -> bool {
    finalizers(object).is_empty()
        && object["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0) == 0
}

fn is_name(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|label| {
            label.starts_with(is_end)
                && label.ends_with(is_end)
                && label.chars().all(|c| is_end(c) || c == '-')
        })
}
