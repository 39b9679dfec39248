//! Schemas of custom resources: version `v1` of definitions wants structural ones.
//!
//! Source: "Specifying a structural schema" in the documentation of Kubernetes.

use diagnostics::{DataPath, Problem};
use serde_json::{Map, Value, json};

/// That a field keeps what the schema does not know.
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
/// That a field is a number or a text.
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
/// What a structural schema must not hold anywhere.
const FORBIDDEN: [&str; 12] = [
    "$ref",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
    "additionalItems",
    "$schema",
];
/// What must stand outside of `allOf`, `anyOf`, `oneOf` and `not`.
const OUTSIDE: [&str; 6] =
    ["type", "description", "title", "default", "nullable", "additionalProperties"];
/// What holds other schemas that only check.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// A schema that allows everything.
pub(super) fn anything() -> Value {
    json!({"type": "object", PRESERVE: true})
}

/// Makes a schema structural where that changes nothing, and tells what stands in the way else.
pub(super) fn structural(
    root: &mut Value,
    path: &DataPath,
    changes: &mut Vec<String>,
) -> Vec<Problem> {
    let mut faults = Vec::new();
    if let Some(map) = root.as_object_mut()
        && map.get("type").is_none_or(Value::is_null)
    {
        map.insert("type".into(), "object".into());
        push(changes, "type: object is written at the top of the schema");
    }
    node(root, path, changes, &mut faults);
    faults
}

fn push(changes: &mut Vec<String>, text: &str) {
    if !changes.iter().any(|known| known == text) {
        changes.push(text.to_owned());
    }
}

fn fault(path: &DataPath, message: impl Into<String>, help: &str) -> Problem {
    Problem::error("cannot-convert", message).at(path.clone()).help(help)
}

fn node(schema: &mut Value, path: &DataPath, changes: &mut Vec<String>, faults: &mut Vec<Problem>) {
    let Some(map) = schema.as_object_mut() else {
        faults.push(fault(path, "a schema is expected to be a mapping", "write one"));
        return;
    };
    number_or_text(map, changes);
    for key in FORBIDDEN.iter().filter(|key| map.contains_key(**key)) {
        let message = format!("{key} may not stand in a schema any more");
        faults.push(fault(&path.join(*key), message, "write what it means instead"));
    }
    let is_set = |key: &str| map.get(key) == Some(&Value::Bool(true));
    let kind = map.get("type").and_then(Value::as_str);
    if kind.is_none() && !is_set(INT_OR_STRING) && !is_set(PRESERVE) {
        faults.push(fault(
            path,
            "the schema has no type",
            "write its type, such as object or string",
        ));
    }
    if kind == Some("array") && !map.contains_key("items") {
        faults.push(fault(
            path,
            "the schema of a list has no items",
            "write the schema of its items",
        ));
    }
    if is_set("uniqueItems") {
        let help = "leave it out, or use x-kubernetes-list-type: set";
        faults.push(fault(&path.join("uniqueItems"), "uniqueItems may not be true", help));
    }
    match map.get("additionalProperties") {
        Some(Value::Bool(false)) => {
            let help = "leave it out: fields that are not known are dropped";
            let message = "additionalProperties may not be false";
            faults.push(fault(&path.join("additionalProperties"), message, help));
        }
        Some(Value::Bool(true) | Value::Object(_)) if map.contains_key("properties") => {
            let message = "properties and additionalProperties exclude each other";
            faults.push(fault(
                &path.join("additionalProperties"),
                message,
                "leave one of them out",
            ));
        }
        _ => {}
    }
    for key in LISTS {
        let Some(Value::Array(items)) = map.get(key) else { continue };
        for (index, item) in items.iter().enumerate() {
            checking(item, &path.join(key).join(index), is_int_or_string(map), faults);
        }
    }
    if let Some(item) = map.get("not") {
        checking(item, &path.join("not"), false, faults);
    }
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        let path = path.join("properties");
        for (name, property) in properties {
            node(property, &path.join(name.as_str()), changes, faults);
        }
    }
    match map.get_mut("items") {
        Some(Value::Array(_)) => {
            let help = "write one schema for all items";
            faults.push(fault(&path.join("items"), "items may not be a list of schemas", help));
        }
        Some(items) => node(items, &path.join("items"), changes, faults),
        None => {}
    }
    if let Some(additional) = map.get_mut("additionalProperties").filter(|a| a.is_object()) {
        node(additional, &path.join("additionalProperties"), changes, faults);
    }
}

fn is_int_or_string(map: &Map<String, Value>) -> bool {
    map.get(INT_OR_STRING) == Some(&Value::Bool(true))
}

/// A field that is one of a number and a text has a word of its own.
fn number_or_text(map: &mut Map<String, Value>, changes: &mut Vec<String>) {
    if map.contains_key("type") || is_int_or_string(map) {
        return;
    }
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(items)) = map.get(key) else { continue };
        let types: Vec<_> = items
            .iter()
            .filter(|item| item.as_object().is_some_and(|item| item.len() == 1))
            .filter_map(|item| item.get("type").and_then(Value::as_str))
            .collect();
        if items.len() == 2 && types.contains(&"integer") && types.contains(&"string") {
            map.remove(key);
            map.insert(INT_OR_STRING.into(), true.into());
            push(changes, "a choice of integer and string becomes x-kubernetes-int-or-string");
            return;
        }
    }
}

/// A schema that only checks: types and the like must stand outside of it.
fn checking(schema: &Value, path: &DataPath, may_type: bool, faults: &mut Vec<Problem>) {
    let Some(map) = schema.as_object() else { return };
    for key in OUTSIDE.iter().filter(|key| map.contains_key(**key)) {
        if *key == "type" && may_type {
            continue;
        }
        let message = format!("{key} may not stand in allOf, anyOf, oneOf or not");
        faults.push(fault(&path.join(*key), message, "write it in the schema around"));
    }
    for key in LISTS {
        let Some(Value::Array(items)) = map.get(key) else { continue };
        for (index, item) in items.iter().enumerate() {
            checking(item, &path.join(key).join(index), may_type, faults);
        }
    }
    for key in ["not", "items"] {
        if let Some(item) = map.get(key) {
            checking(item, &path.join(key), false, faults);
        }
    }
    if let Some(Value::Object(properties)) = map.get("properties") {
        for (name, property) in properties {
            checking(property, &path.join("properties").join(name.as_str()), false, faults);
        }
    }
}

/// Lets every object keep what the schema does not know, but for metadata, which servers keep anyhow. One word at the top
/// would not do: it ends where properties are named.
pub(super) fn keep_unknown(root: &mut Value) {
    keep(root, true);
}

fn keep(schema: &mut Value, is_root: bool) {
    let Some(map) = schema.as_object_mut() else { return };
    if map.get("type").and_then(Value::as_str) == Some("object")
        && !map.contains_key("additionalProperties")
    {
        map.insert(PRESERVE.into(), true.into());
    }
    let properties = map.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if !(is_root && name == "metadata") {
            keep(property, false);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            keep(inner, false);
        }
    }
}
