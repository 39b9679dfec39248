//! One value of a document: an object, or a list of objects.

use diagnostics::{DataPath, Problem};
use serde_json::Value;

use super::source::concat;
use super::{Loaded, Manifest, Origin, check, sanitise};
use crate::object::Object;

/// Adds what a value holds, and what is wrong with it.
pub(super) fn add(value: Value, origin: Origin, loaded: &mut Loaded) {
    if is_list(&value) {
        add_items(value, &origin, loaded);
        return;
    }
    match object(value) {
        Ok((object, problems)) => {
            loaded.problems.extend(problems.into_iter().map(|problem| origin.settle(problem)));
            loaded.manifests.push(Manifest { object, origin });
        }
        Err(problems) => {
            loaded.problems.extend(problems.into_iter().map(|problem| origin.settle(problem)));
        }
    }
}

/// Whether a value is a list of objects, as `kubectl get -o yaml` prints them: `List`, or a kind such as
/// `ConfigMapList` that has items and no name.
fn is_list(value: &Value) -> bool {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    kind == "List"
        || kind.len() > "List".len()
            && kind.ends_with("List")
            && value.get("items").is_some_and(|items| items.is_array() || items.is_null())
            && value.pointer("/metadata/name").is_none()
}

/// Whether a value is a Secret, or a list that may hold one.
pub(super) fn holds_secret(value: &Value) -> bool {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    matches!(kind, "Secret" | "SecretList")
        || value
            .get("items")
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().any(holds_secret))
}

fn add_items(mut value: Value, origin: &Origin, loaded: &mut Loaded) {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let items = match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => {
            let problem =
                Problem::error("not-an-object", "items of a list are expected to be a list");
            loaded.problems.push(origin.settle(problem.at(["items"].into())));
            return;
        }
    };
    for (index, mut item) in items.into_iter().enumerate() {
        // The lists of a single kind leave out what their items are.
        if let (Some(kind), Some(item)) = (kind.strip_suffix("List"), item.as_object_mut())
            && !kind.is_empty()
            && !item.contains_key("kind")
            && !item.contains_key("apiVersion")
        {
            item.insert("kind".into(), kind.into());
            item.insert("apiVersion".into(), api_version.as_str().into());
        }
        let path = concat(&origin.path, &DataPath::root().join("items").join(index));
        add(item, Origin { path, ..origin.clone() }, loaded);
    }
}

/// The object of a value with warnings and lesser errors, or why it is none.
fn object(mut value: Value) -> Result<(Object, Vec<Problem>), Vec<Problem>> {
    let mut problems = identity(&value);
    if !problems.is_empty() {
        return Err(problems);
    }
    sanitise::clean(&mut value, &mut problems);
    check::object(&value, &mut problems);
    match Object::try_from(value) {
        Ok(object) => Ok((object, problems)),
        Err(error) => {
            problems.push(Problem::error("not-an-object", error.to_string()));
            Err(problems)
        }
    }
}

/// What is missing for a value to be an object.
fn identity(value: &Value) -> Vec<Problem> {
    let problem = |path: DataPath, message: &str| {
        Problem::error("not-an-object", message.to_owned()).at(path)
    };
    let Some(map) = value.as_object() else {
        let found = kind_of(value);
        let message = format!("{found} is found, where apiVersion, kind and metadata are expected");
        return vec![problem(DataPath::root(), &message)];
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("kind") == "Kustomization" || text("apiVersion").starts_with("kustomize.config.k8s.io/")
    {
        return vec![
            problem(DataPath::root(), "this describes manifests, and is none")
                .help("hand over what `kustomize build` or `kubectl kustomize` makes of it"),
        ];
    }
    if !map.contains_key("apiVersion") && !map.contains_key("kind") {
        return vec![
            problem(DataPath::root(), "apiVersion and kind are missing: this is no manifest")
                .help("leave the file out if it is something else, such as values of a chart"),
        ];
    }
    let mut problems = Vec::new();
    for key in ["apiVersion", "kind"] {
        if text(key).is_empty() {
            problems.push(problem(DataPath::from([key]), "a text that is not empty is expected"));
        }
    }
    let metadata = map.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name"));
    match name {
        Some(Value::String(name)) if !name.is_empty() => {}
        None | Some(Value::Null) if metadata.is_some_and(|m| m.get("generateName").is_some()) => {
            problems.push(
                Problem::error(
                    "generate-name",
                    "an object that is applied needs a name of its own",
                )
                .at(["metadata", "generateName"].into())
                .help("give metadata.name: with generateName every run would make another object"),
            );
        }
        Some(Value::Number(_) | Value::Bool(_)) => problems.push(
            problem(["metadata", "name"].into(), "the name is not text").help("put it in quotes"),
        ),
        _ if metadata.is_some_and(|metadata| !metadata.is_object() && !metadata.is_null()) => {
            problems.push(problem(["metadata"].into(), "a mapping is expected"));
        }
        _ => problems
            .push(problem(["metadata", "name"].into(), "a text that is not empty is expected")),
    }
    problems
}

/// What a value is, for people.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
