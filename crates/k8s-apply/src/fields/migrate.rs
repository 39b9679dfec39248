//! Taking over from managers that wrote objects in other ways, so that fields which are dropped vanish.
//!
//! `kubectl apply` without `--server-side` owns its fields by an `Update`. Server-side apply by another name leaves
//! these fields with it for ever: what is dropped from the manifest stays in the object. So its sets become part of
//! ours first, and its annotation goes. client-go's `csaupgrade` does the same.

use serde_json::{Map, Value, json};

use super::{Entry, entries};
use crate::object::Object;

/// The annotation in which `kubectl apply` keeps what it applied.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The managers of `kubectl apply`, and of objects that are older than managed fields.
const CLIENT_SIDE: [&str; 2] = ["kubectl-client-side-apply", "before-first-apply"];

/// How an object passes from other managers to ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Migration {
    /// The managers whose fields become ours, sorted.
    pub from: Vec<String>,
    /// A JSON patch (RFC 6902) that tests the `resourceVersion` it was made for.
    pub patch: Value,
    /// Our set of fields afterwards.
    pub fields: Map<String, Value>,
}

/// What must be done to an object before `manager` applies to it. `renamed` are appliers that are to be taken over
/// as well, such as an older name of ours. None if there is nothing to do.
#[must_use]
pub fn migration(live: &Object, manager: &str, renamed: &[String]) -> Option<Migration> {
    let goes = |entry: &Entry<'_>| {
        entry.subresource().is_empty()
            && ((entry.operation() == "Update" && CLIENT_SIDE.contains(&entry.manager()))
                || (entry.operation() == "Apply"
                    && entry.manager() != manager
                    && renamed.iter().any(|one| one == entry.manager())))
    };
    let annotated = live.annotation(LAST_APPLIED).is_some();
    let leaving: Vec<Entry<'_>> = entries(live).filter(goes).collect();
    if leaving.is_empty() && !annotated {
        return None;
    }
    let own = entries(live).find(|entry| entry.is_applier(manager));
    let mut fields = own.and_then(Entry::fields).cloned().unwrap_or_default();
    for entry in &leaving {
        if let Some(theirs) = entry.fields() {
            unite(&mut fields, theirs);
        }
    }
    forget_annotation(&mut fields);
    let stays = |entry: &Entry<'_>| !goes(entry) && !entry.is_applier(manager);
    let mut after: Vec<Value> =
        entries(live).filter(stays).map(|entry| without_annotation(entry.0)).collect();
    if !fields.is_empty() {
        let version =
            own.or(leaving.first().copied()).map_or(live.api_version(), Entry::api_version);
        let time = own.or(leaving.first().copied()).map_or("", Entry::time);
        let mut entry = json!({
            "manager": manager, "operation": "Apply", "apiVersion": version,
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if !time.is_empty() {
            entry["time"] = time.into();
        }
        after.push(entry);
    }
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version()}),
        json!({"op": "replace", "path": "/metadata/managedFields", "value": after}),
    ];
    if annotated {
        let key = LAST_APPLIED.replace('~', "~0").replace('/', "~1");
        patch.push(json!({"op": "remove", "path": format!("/metadata/annotations/{key}")}));
    }
    let mut from: Vec<String> = leaving.iter().map(|entry| entry.manager().to_owned()).collect();
    from.sort_unstable();
    from.dedup();
    Some(Migration { from, patch: patch.into(), fields })
}

/// Adds the fields of another set.
fn unite(fields: &mut Map<String, Value>, others: &Map<String, Value>) {
    for (name, value) in others {
        match (fields.get_mut(name), value) {
            (Some(Value::Object(own)), Value::Object(theirs)) => unite(own, theirs),
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Takes the annotation of `kubectl apply` out of a set, and what is left empty by that.
fn forget_annotation(fields: &mut Map<String, Value>) {
    let Some(Value::Object(metadata)) = fields.get_mut("f:metadata") else { return };
    if let Some(Value::Object(annotations)) = metadata.get_mut("f:annotations") {
        if annotations.remove(&format!("f:{LAST_APPLIED}")).is_none() {
            return;
        }
        if annotations.keys().all(|name| name == ".") {
            metadata.remove("f:annotations");
        }
    }
    if metadata.is_empty() {
        fields.remove("f:metadata");
    }
}

fn without_annotation(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(Value::Object(fields)) = entry.get_mut("fieldsV1") {
        forget_annotation(fields);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(entries: &Value, annotated: bool) -> Object {
        let mut metadata = json!({"name": "a", "resourceVersion": "7", "managedFields": entries});
        if annotated {
            metadata["annotations"] = json!({LAST_APPLIED: "{}"});
        }
        Object::try_from(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
            .unwrap()
    }

    #[test]
    fn what_kubectl_applied_becomes_ours() {
        let live = live(
            &json!([
                {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1",
                 "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "fieldsV1": {
                    "f:metadata": {"f:annotations": {".": {}, format!("f:{LAST_APPLIED}"): {}}},
                    "f:data": {".": {}, "f:old": {}},
                 }},
                {"manager": "someone", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:theirs": {}}}},
                {"manager": "we", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:new": {}}}},
            ]),
            true,
        );
        let migration = migration(&live, "we", &[]).unwrap();
        assert_eq!(migration.from, ["kubectl-client-side-apply"]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&migration.patch).unwrap(), @r#"
        [
          {
            "op": "test",
            "path": "/metadata/resourceVersion",
            "value": "7"
          },
          {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [
              {
                "apiVersion": "v1",
                "fieldsV1": {
                  "f:data": {
                    "f:theirs": {}
                  }
                },
                "manager": "someone",
                "operation": "Update"
              },
              {
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {
                  "f:data": {
                    ".": {},
                    "f:new": {},
                    "f:old": {}
                  }
                },
                "manager": "we",
                "operation": "Apply"
              }
            ]
          },
          {
            "op": "remove",
            "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"
          }
        ]
        "#);
    }

    #[test]
    fn an_object_of_ours_needs_nothing() {
        let live = live(
            &json!([{"manager": "we", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {}}}]),
            false,
        );
        assert_eq!(migration(&live, "we", &[]), None);
        let renamed = migration(&live, "we-now", &["we".to_owned()]).unwrap();
        assert_eq!(renamed.from, ["we"]);
        assert_eq!(renamed.fields, *json!({"f:data": {}}).as_object().unwrap());
    }
}
