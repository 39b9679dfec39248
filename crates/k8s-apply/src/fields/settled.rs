//! Whether applying a manifest again would change nothing, seen without asking the server.

use serde_json::{Map, Value};

use super::entries;
use super::path::has_keys;
use crate::object::Object;

/// Whether the manager already owns exactly the fields of a manifest, and all of them have the manifest's values.
///
/// Server-side apply then changes neither a value nor an owner, so nothing needs to be sent. `false` is no promise of a
/// change: a value that the server writes in another form (`1000m` as `1`), or a default within a list, is not
/// recognised, and the server has to be asked.
///
/// A mutating webhook could still change the object on its way in; who calls this must know that there is none.
#[must_use]
pub fn is_settled(manifest: &Object, live: &Object, manager: &str) -> bool {
    let Some(entry) = entries(live).find(|entry| entry.is_applier(manager)) else { return false };
    if entry.api_version() != manifest.api_version() || live.api_version() != manifest.api_version()
    {
        return false;
    }
    let (Some(fields), Some(wanted), Some(present)) =
        (entry.fields(), manifest.value().as_object(), live.value().as_object())
    else {
        return false;
    };
    // What identifies the object belongs to nobody.
    let wanted_members = wanted.iter().filter(|(name, _)| *name != "apiVersion" && *name != "kind");
    let mut owned = fields.len();
    for (name, value) in wanted_members {
        if name == "metadata" {
            let Some(metadata) = value.as_object() else { return false };
            let metadata: Map<String, Value> = metadata
                .iter()
                .filter(|(name, _)| *name != "name" && *name != "namespace")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            let own = fields.get("f:metadata");
            owned -= usize::from(own.is_some());
            let live_metadata = present.get("metadata").unwrap_or(&Value::Null);
            match own.and_then(Value::as_object) {
                None if metadata.is_empty() => {}
                Some(own) if same_members(own, &metadata, live_metadata) => {}
                _ => return false,
            }
            continue;
        }
        let (Some(own), Some(live)) =
            (fields.get(&format!("f:{name}")).and_then(Value::as_object), present.get(name))
        else {
            return false;
        };
        if !same(own, value, live) {
            return false;
        }
        owned -= 1;
    }
    owned == 0
}

/// Whether a set of fields is that of a wanted value, and the live value has the wanted one in it.
fn same(fields: &Map<String, Value>, wanted: &Value, live: &Value) -> bool {
    let children = fields.keys().filter(|name| *name != ".").count();
    if children == 0 {
        // A leaf: a scalar, something that is replaced as a whole, or something empty.
        return wanted == live && !wanted.is_null();
    }
    match wanted {
        Value::Object(members) => same_members(fields, members, live),
        Value::Array(items) => same_items(fields, items, live),
        _ => false,
    }
}

fn same_members(fields: &Map<String, Value>, wanted: &Map<String, Value>, live: &Value) -> bool {
    let owned = fields.keys().filter(|name| *name != ".").count();
    owned == wanted.len()
        && wanted.iter().all(|(name, value)| {
            let own = fields.get(&format!("f:{name}")).and_then(Value::as_object);
            match (own, live.get(name)) {
                (Some(own), Some(live)) => same(own, value, live),
                _ => false,
            }
        })
}

/// Whether the fields name exactly the wanted items. The order of a list counts too: server-side apply keeps it.
fn same_items(fields: &Map<String, Value>, wanted: &[Value], live: &Value) -> bool {
    let Some(live) = live.as_array() else { return false };
    let owned = fields.keys().filter(|name| *name != ".").count();
    if owned != wanted.len() {
        return false;
    }
    let mut positions = vec![None; wanted.len()];
    for (name, own) in fields.iter().filter(|(name, _)| *name != ".") {
        let found = if let Some(keys) = name.strip_prefix("k:") {
            let Ok(Value::Object(keys)) = serde_json::from_str(keys) else { return false };
            let with_keys = |item: &Value| has_keys(item, &keys);
            let (Some(at), Some(live_at)) = (only(wanted, with_keys), only(live, with_keys)) else {
                return false;
            };
            let Some(own) = own.as_object() else { return false };
            same(own, &wanted[at], &live[live_at]).then_some((at, live_at))
        } else if let Some(value) = name.strip_prefix("v:") {
            let Ok(value) = serde_json::from_str::<Value>(value) else { return false };
            only(wanted, |item| *item == value).zip(only(live, |item| *item == value))
        } else {
            None
        };
        let Some((at, live_at)) = found else { return false };
        positions[at] = Some(live_at);
    }
    positions.iter().all(Option::is_some) && positions.is_sorted()
}

/// The only item that fits.
fn only(items: &[Value], fits: impl Fn(&Value) -> bool) -> Option<usize> {
    let mut found = items.iter().enumerate().filter(|(_, item)| fits(item)).map(|(at, _)| at);
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        Object::try_from(value).unwrap()
    }

    fn manifest() -> Object {
        object(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "a", "labels": {"app.kubernetes.io/name": "web"}},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "spec": {
                        "containers": [{"name": "web", "command": ["sleep", "9"], "ports": [{"containerPort": 80}]}],
                        "volumes": [{"name": "scratch", "emptyDir": {}}],
                    },
                },
            },
        }))
    }

    fn live() -> Object {
        object(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "a", "uid": "1",
                "labels": {"app.kubernetes.io/name": "web", "other": "x"},
                "managedFields": [
                    {"manager": "hpa", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                    {"manager": "we", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}},
                        "f:spec": {
                            "f:selector": {},
                            "f:template": {"f:spec": {
                                "f:containers": {"k:{\"name\":\"web\"}": {
                                    ".": {}, "f:name": {}, "f:command": {},
                                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                                }},
                                "f:volumes": {"k:{\"name\":\"scratch\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
                            }},
                        },
                    }},
                ],
            },
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "spec": {
                        "containers": [
                            {"name": "web", "command": ["sleep", "9"], "ports": [{"containerPort": 80, "protocol": "TCP"}], "image": "x"},
                            {"name": "injected"},
                        ],
                        "volumes": [{"name": "scratch", "emptyDir": {}}],
                    },
                },
            },
            "status": {"replicas": 3},
        }))
    }

    #[test]
    fn the_same_manifest_again_is_settled() {
        assert!(is_settled(&manifest(), &live(), "we"));
        assert!(!is_settled(&manifest(), &live(), "somebody"));
    }

    #[test]
    fn every_change_of_a_value_or_an_owner_unsettles() {
        type Edit = fn(&mut Value);
        let edits: [(&str, Edit); 8] = [
            ("a value", |v| {
                v["spec"]["template"]["spec"]["containers"][0]["command"][1] = json!("8");
            }),
            ("a new field", |v| v["spec"]["replicas"] = json!(3)),
            ("a dropped label", |v| v["metadata"] = json!({"name": "web", "namespace": "a"})),
            ("a new label", |v| v["metadata"]["labels"]["b"] = json!("c")),
            ("a dropped item", |v| v["spec"]["template"]["spec"]["volumes"] = json!([])),
            ("another item", |v| {
                v["spec"]["template"]["spec"]["volumes"][0]["name"] = json!("other");
            }),
            ("a new section", |v| v["data"] = json!({})),
            ("another version", |v| v["apiVersion"] = json!("apps/v2")),
        ];
        for (what, change) in edits {
            let mut changed = manifest();
            changed.edit(change).unwrap();
            assert!(!is_settled(&changed, &live(), "we"), "{what}");
        }
    }

    #[test]
    fn a_live_value_that_someone_changed_unsettles() {
        let mut changed = live();
        changed.edit(|v| v["spec"]["selector"]["matchLabels"]["app"] = json!("x")).unwrap();
        assert!(!is_settled(&manifest(), &changed, "we"));
        let mut changed = live();
        changed.edit(|v| v["metadata"]["labels"]["app.kubernetes.io/name"] = json!("x")).unwrap();
        assert!(!is_settled(&manifest(), &changed, "we"));
    }
}
