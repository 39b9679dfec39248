//! What is taken out of objects, or brought into one form, before they are applied.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{DataPath, Problem, Step};
use serde_json::{Map, Value};

use super::fields::{gvk, map_mut, texts};
use super::source::path;
use crate::builtin::scope;

/// The fields of metadata that a server sets. Source: `ObjectMeta` of the API reference, fields "populated by the system".
const OF_THE_SERVER: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// What `kubectl apply` without `--server-side` leaves in objects.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Cleans an object.
pub(super) fn clean(value: &mut Value, problems: &mut Vec<Problem>) {
    server_fields(value, problems);
    empty_texts(value, problems);
    nulls(value, problems);
    let gvk = gvk(value);
    if gvk.group.is_empty() && gvk.kind == "Secret" {
        secret(value, problems);
    }
}

/// Takes out what a server sets. Without a word where it is empty, as generators write `creationTimestamp: null`.
fn server_fields(value: &mut Value, problems: &mut Vec<Problem>) {
    let Some(map) = value.as_object_mut() else { return };
    let mut dropped = Vec::new();
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in OF_THE_SERVER {
            if metadata.remove(key).is_some_and(|value| !is_empty(&value)) {
                dropped.push(DataPath::from(["metadata", key]));
            }
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
            && annotations.remove(LAST_APPLIED).is_some()
        {
            dropped.push(DataPath::from(["metadata", "annotations", LAST_APPLIED]));
        }
        // An empty mapping asks for nothing, and would become ours as soon as somebody else puts something in.
        for key in ["annotations", "labels"] {
            let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
            if metadata.get(key).is_some_and(is_empty) {
                metadata.remove(key);
            }
        }
    }
    if map.remove("status").is_some_and(|status| !is_empty(&status)) {
        dropped.push(DataPath::from(["status"]));
    }
    problems.extend(left_out("server-fields", "as servers set it", &dropped));
}

/// That fields were left out, if there are any: one warning for all.
fn left_out(code: &'static str, why: &str, dropped: &[DataPath]) -> Option<Problem> {
    let (first, others) = dropped.split_first()?;
    let mut message = format!("left out, {why}");
    for (index, other) in others.iter().enumerate() {
        message += if index == 0 { "; also " } else { ", " };
        message += &other.to_string();
    }
    Some(Problem::warning(code, message).at(first.clone()))
}

/// Whether there is nothing in a value, however deep one looks.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(map) => map.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `key:` without a value in a mapping of texts is an empty text, as kubectl's `create` takes it.
fn empty_texts(value: &mut Value, problems: &mut Vec<Problem>) {
    for path in texts(value) {
        let Some(map) = map_mut(value, &path) else { continue };
        for (key, value) in map.iter_mut().filter(|(_, value)| value.is_null()) {
            *value = Value::String(String::new());
            problems.push(
                Problem::warning("null-text", "no value is taken for an empty text")
                    .at(path.join(key.as_str()))
                    .help("write \"\""),
            );
        }
    }
}

/// Takes null out of the built-in kinds, where it means the same as nothing. A server would let us own the field. In
/// custom resources it may have a meaning, so there it stays.
fn nulls(value: &mut Value, problems: &mut Vec<Problem>) {
    let gvk = gvk(value);
    let mut dropped = Vec::new();
    let mut steps = Vec::new();
    if scope(&gvk.group, &gvk.kind).is_some() {
        if has_null(value) {
            drop_nulls(value, &mut steps, &mut dropped, problems);
        }
    } else if let Some(metadata) = value.get_mut("metadata") {
        steps.push(Step::from("metadata"));
        drop_nulls(metadata, &mut steps, &mut dropped, problems);
    }
    problems.extend(left_out("null-field", "as it is null", &dropped));
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

fn drop_nulls(
    value: &mut Value,
    steps: &mut Vec<Step>,
    dropped: &mut Vec<DataPath>,
    problems: &mut Vec<Problem>,
) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| {
                steps.push(Step::from(key.as_str()));
                let keep = !value.is_null();
                if !keep {
                    // Generators write this wherever there is metadata.
                    if key != "creationTimestamp" {
                        dropped.push(path(steps));
                    }
                } else if key != "openAPIV3Schema" {
                    // In a schema null is a value: a default, one of an enumeration.
                    drop_nulls(value, steps, dropped, problems);
                }
                steps.pop();
                keep
            });
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                steps.push(Step::from(index));
                if item.is_null() {
                    problems.push(
                        Problem::error("null-item", "an item of a list is null")
                            .at(path(steps))
                            .help("leave the item out, or write what it should be, such as {} or \"\""),
                    );
                } else {
                    drop_nulls(item, steps, dropped, problems);
                }
                steps.pop();
            }
        }
        _ => {}
    }
}

/// Brings `stringData` of a Secret into `data`, as a server does, and checks `data`. No message holds any of it.
fn secret(value: &mut Value, problems: &mut Vec<Problem>) {
    if let Some(Value::Object(map)) = value.get_mut("data") {
        for (key, value) in map.iter_mut() {
            let Value::String(text) = value else { continue };
            if text.contains(['\n', '\r']) {
                text.retain(|c| c != '\n' && c != '\r');
            }
            if let Err(why) = BASE64_STANDARD.decode(text.as_bytes()) {
                let why = match why {
                    base64::DecodeError::InvalidPadding => "its padding is wrong",
                    base64::DecodeError::InvalidLength(_) => "its length is wrong",
                    _ => "it has other characters",
                };
                problems.push(
                    Problem::error("secret-data", format!("base64 is expected, but {why}"))
                        .at(["data", key.as_str()].into())
                        .help("plain text goes into stringData"),
                );
            }
        }
    }
    let plain = match value.as_object_mut().and_then(|map| map.remove("stringData")) {
        None | Some(Value::Null) => return,
        Some(Value::Object(plain)) if plain.values().all(Value::is_string) => plain,
        // What is no text is told by the check of texts, which must see it.
        Some(other) => {
            value["stringData"] = other;
            return;
        }
    };
    if plain.is_empty() {
        return;
    }
    let Some(map) = value.as_object_mut() else { return };
    let data = map.entry("data").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(data) = data else { return };
    for (key, text) in plain {
        let text = text.as_str().unwrap_or_default();
        data.insert(key, Value::String(BASE64_STANDARD.encode(text)));
    }
}
