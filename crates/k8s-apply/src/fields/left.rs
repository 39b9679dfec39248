//! Fields that vanish when ours become fewer.

use serde_json::{Map, Value};

use super::{FieldPath, PathElement, entries};
use crate::object::Object;

/// The fields that we will own by a take-over and that the manifest has no more: server-side apply removes them,
/// unless somebody else owns them too. `gone` are managers that own nothing any more then.
#[must_use]
pub fn left_behind(
    live: &Object,
    applied: &Object,
    manager: &str,
    owned: &Map<String, Value>,
    gone: &[String],
) -> Vec<FieldPath> {
    let others: Vec<&Map<String, Value>> = entries(live)
        .filter(|entry| !entry.is_applier(manager))
        .filter(|entry| {
            !(entry.subresource().is_empty() && gone.iter().any(|one| one == entry.manager()))
        })
        .filter_map(super::Entry::fields)
        .collect();
    let kept =
        entries(applied).find(|entry| entry.is_applier(manager)).and_then(super::Entry::fields);
    let mut found = Vec::new();
    let mut kept: Vec<&Map<String, Value>> = kept.into_iter().collect();
    kept.extend(others);
    walk(&FieldPath::default(), owned, &kept, &mut found);
    found
}

/// Collects the topmost fields of `owned` that are in none of the `kept` sets.
fn walk(
    path: &FieldPath,
    owned: &Map<String, Value>,
    kept: &[&Map<String, Value>],
    found: &mut Vec<FieldPath>,
) {
    for (name, below) in owned {
        let Some(element) = element(name) else { continue };
        let path = path.join(element);
        let inside: Vec<&Map<String, Value>> =
            kept.iter().filter_map(|fields| fields.get(name)?.as_object()).collect();
        if inside.is_empty() {
            found.push(path);
        } else if let Some(below) = below.as_object() {
            walk(&path, below, &inside, found);
        }
    }
}

/// A member of a set of fields as a step. None for `.`, the item itself.
fn element(name: &str) -> Option<PathElement> {
    let (form, rest) = name.split_once(':')?;
    match form {
        "f" => Some(PathElement::Field(rest.to_owned())),
        "v" => serde_json::from_str(rest).ok().map(PathElement::Value),
        "i" => rest.parse().ok().map(PathElement::Index),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            Some(PathElement::Keyed(keys.into_iter().collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_else_owns_is_left_behind() {
        let object = |entries: Value| {
            Object::try_from(json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "managedFields": entries}}))
                .unwrap()
        };
        let live = object(json!([
            {"manager": "old", "operation": "Update", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}},
            {"manager": "other", "operation": "Update", "fieldsV1": {"f:data": {"f:c": {}}}},
        ]));
        let applied = object(
            json!([{"manager": "we", "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}}}}]),
        );
        let owned = json!({"f:data": {"f:a": {}, "f:b": {}, "f:c": {}}, "f:spec": {"f:items": {"k:{\"name\":\"x\"}": {".": {}}}}});
        let found =
            left_behind(&live, &applied, "we", owned.as_object().unwrap(), &["old".to_owned()]);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["data.b", "spec"]);
    }
}
