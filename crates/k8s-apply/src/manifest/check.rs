//! What can be told of an object without a cluster: text that YAML reads as something else, and namespaces.

use diagnostics::{DataPath, Problem};
use serde_json::Value;

use super::fields::{get, gvk, pod, texts};
use super::item::kind_of;
use crate::builtin::{Scope, scope};
use crate::name::{DnsLabel, LabelKey, LabelValue, NameError, check_object};
use crate::readiness::{FAILED_WHEN, READY_WHEN, Rule};

/// Adds what is wrong with an object.
pub(super) fn object(value: &Value, problems: &mut Vec<Problem>) {
    for path in texts(value) {
        mapping(value, &path, problems);
    }
    containers(value, problems);
    namespace(value, problems);
    names(value, problems);
    rules(value, problems);
}

/// The annotations that say when the object is ready, or has failed.
fn rules(value: &Value, problems: &mut Vec<Problem>) {
    let annotations = DataPath::root().join("metadata").join("annotations");
    for key in [READY_WHEN, FAILED_WHEN] {
        let text = get(value, &annotations.join(key)).and_then(Value::as_str);
        if let Some(Err(error)) = text.map(Rule::parse_all) {
            problems.push(Problem::error("rule", error.to_string()).at(annotations.join(key)));
        }
    }
}

/// The name, and the keys and values of labels and the keys of annotations.
fn names(value: &Value, problems: &mut Vec<Problem>) {
    let metadata = DataPath::root().join("metadata");
    let mut fault = |path: DataPath, error: &NameError| {
        let problem = Problem::error("name", format!("{:?} is no {}", error.given, error.what));
        let expected = format!("expected {}", error.expected);
        let help = error
            .instead
            .as_ref()
            .map_or_else(|| expected.clone(), |near| format!("{expected}, such as {near:?}"));
        problems.push(problem.at(path).help(help));
    };
    if let Some(name) = value.pointer("/metadata/name").and_then(Value::as_str)
        && let Err(error) = check_object(&gvk(value).group_kind(), name)
    {
        fault(metadata.join("name"), &error);
    }
    let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str);
    if let Some(Err(error)) = namespace.map(DnsLabel::try_new) {
        fault(metadata.join("namespace"), &error);
    }
    for map in ["labels", "annotations"] {
        let found = value.pointer(&format!("/metadata/{map}")).and_then(Value::as_object);
        for (key, value) in found.into_iter().flatten() {
            let path = metadata.join(map).join(key.as_str());
            if let Err(error) = LabelKey::try_new(key.as_str()) {
                fault(path.clone(), &error);
            }
            if let Some(Err(error)) =
                value.as_str().filter(|_| map == "labels").map(LabelValue::try_new)
            {
                fault(path, &error);
            }
        }
    }
}

/// The values of a mapping must be text.
fn mapping(value: &Value, path: &DataPath, problems: &mut Vec<Problem>) {
    match get(value, path) {
        Some(Value::Object(map)) => {
            for (key, value) in map.iter().filter(|(_, value)| !value.is_string()) {
                problems.push(text_expected(path.join(key.as_str()), value, "the value"));
            }
        }
        None | Some(Value::Null) => {}
        Some(other) => problems.push(
            Problem::error(
                "text-expected",
                format!("{} is found, where a mapping of texts is expected", kind_of(other)),
            )
            .at(path.clone()),
        ),
    }
}

fn text_expected(path: DataPath, value: &Value, what: &str) -> Problem {
    let message = format!("{what} is {}, where text is expected", kind_of(value));
    let problem = Problem::error("text-expected", message).at(path);
    match value {
        Value::Bool(_) => problem
            .help("put it in quotes: on, off, yes, no, y, n, true and false are booleans in YAML"),
        Value::Number(_) => problem.help("put it in quotes"),
        _ => problem,
    }
}

/// Variables, arguments and commands of containers must be text.
fn containers(value: &Value, problems: &mut Vec<Problem>) {
    let Some(pod) = pod(&gvk(value)) else { return };
    let spec: DataPath = pod.iter().copied().chain(["spec"]).collect();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let path = spec.join(list);
        let Some(Value::Array(containers)) = get(value, &path) else { continue };
        for (index, container) in containers.iter().enumerate() {
            let path = path.join(index);
            for list in ["command", "args"] {
                for (index, word) in items(container, list) {
                    if !word.is_string() && !word.is_null() {
                        let path = path.join(list).join(index);
                        problems.push(text_expected(path, word, "the word"));
                    }
                }
            }
            for (index, variable) in items(container, "env") {
                if let Some(value) = variable.get("value").filter(|value| !value.is_string()) {
                    let path = path.join("env").join(index).join("value");
                    problems.push(text_expected(path, value, "the value of a variable"));
                }
            }
        }
    }
}

fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn namespace(value: &Value, problems: &mut Vec<Problem>) {
    let Some(namespace) = value.pointer("/metadata/namespace") else { return };
    let path = DataPath::from(["metadata", "namespace"]);
    let gvk = gvk(value);
    match namespace {
        Value::String(namespace) if scope(&gvk.group, &gvk.kind) == Some(Scope::Cluster) => {
            problems.push(
                Problem::error(
                    "namespace-not-allowed",
                    format!("a {} is in no namespace, {namespace} is given", gvk.kind),
                )
                .at(path)
                .help("leave metadata.namespace out"),
            );
        }
        Value::String(_) => {}
        other => problems.push(text_expected(path, other, "the namespace")),
    }
}
