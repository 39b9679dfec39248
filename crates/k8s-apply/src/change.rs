//! What differs between two states of an object, without what the server keeps for itself and without secrets.

use serde::Serialize;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use crate::fields::{FieldPath, LAST_APPLIED, PathElement};
use crate::object::Object;

/// What stands in place of a secret value.
pub const HIDDEN: &str = "(hidden)";
/// What stands in place of a secret value that is about to be another one.
pub const HIDDEN_CHANGED: &str = "(hidden, changed)";

/// What the server writes into `metadata`, and no manifest.
const OF_THE_SERVER: [&str; 7] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Members that tell the items of a list apart, the most telling first.
const KEYS: [&str; 9] = [
    "name",
    "containerPort",
    "port",
    "mountPath",
    "devicePath",
    "ip",
    "topologyKey",
    "type",
    "key",
];

/// A field that differs. `before` is none if it is new, `after` if it goes.
#[derive(Clone, PartialEq, Serialize)]
pub struct Change {
    /// The field.
    pub path: FieldPath,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Change({})", self.path)
    }
}

/// All differences between two states of an object, in the order of its fields. `None` is an object that is not
/// there. `status` and what only the server writes do not count. Values of Secrets are hidden.
#[must_use]
pub fn changes(before: Option<&Object>, after: Option<&Object>) -> Vec<Change> {
    let is_secret = [before, after].into_iter().flatten().any(|object| object.is("", "Secret"));
    let before = before.map(comparable).unwrap_or_default();
    let after = after.map(comparable).unwrap_or_default();
    let mut found = Vec::new();
    members(&FieldPath::default(), &before, &after, &mut found);
    if is_secret {
        for change in &mut found {
            hide(change);
        }
    }
    found
}

/// The object without `status` and without what only the server writes.
fn comparable(object: &Object) -> Map<String, Value> {
    let mut members = object.value().as_object().cloned().unwrap_or_default();
    members.remove("status");
    if let Some(Value::Object(metadata)) = members.get_mut("metadata") {
        metadata.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    members
}

fn members(
    path: &FieldPath,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Change>,
) {
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let mut names: Vec<&String> = before.keys().chain(added).collect();
    names.sort_unstable();
    for name in names {
        let path = path.join(PathElement::Field(name.clone()));
        value(path, before.get(name), after.get(name), found);
    }
}

fn value(path: FieldPath, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            members(&path, before, after, found);
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            if !items(&path, before, after, found) {
                found.push(Change {
                    path,
                    before: Some(before.clone().into()),
                    after: Some(after.clone().into()),
                });
            }
        }
        (before, after) => {
            found.push(Change { path, before: before.cloned(), after: after.cloned() });
        }
    }
}

/// Compares the items of two lists by what tells them apart. `false` if nothing does, or only the order differs.
fn items(path: &FieldPath, before: &[Value], after: &[Value], found: &mut Vec<Change>) -> bool {
    let tells_apart = |key: &str| {
        [before, after].into_iter().all(|items| {
            let mut values: Vec<String> = Vec::with_capacity(items.len());
            for item in items {
                match item.get(key) {
                    Some(value) if !value.is_object() && !value.is_array() => {
                        values.push(value.to_string());
                    }
                    _ => return false,
                }
            }
            values.sort_unstable();
            values.windows(2).all(|pair| pair[0] != pair[1])
        })
    };
    let Some(key) = KEYS.iter().copied().find(|key| tells_apart(key)) else { return false };
    let with = |items: &'_ [Value], value: &Value| {
        items.iter().find(|item| item.get(key) == Some(value)).cloned()
    };
    let count = found.len();
    let ids = before.iter().chain(after).filter_map(|item| item.get(key));
    let mut seen: Vec<&Value> = Vec::new();
    for id in ids {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let path = path.join(PathElement::Keyed(vec![(key.to_owned(), id.clone())]));
        value(path, with(before, id).as_ref(), with(after, id).as_ref(), found);
    }
    found.len() > count
}

/// Hides the values of a Secret.
fn hide(change: &mut Change) {
    let Some(PathElement::Field(top)) = change.path.elements().first() else { return };
    if top != "data" && top != "stringData" {
        return;
    }
    let both = change.before.is_some() && change.after.is_some();
    for (value, word) in [
        (&mut change.before, HIDDEN),
        (&mut change.after, if both { HIDDEN_CHANGED } else { HIDDEN }),
    ] {
        match value {
            Some(Value::Object(members)) => {
                for member in members.values_mut() {
                    *member = word.into();
                }
            }
            Some(other) => *other = word.into(),
            None => {}
        }
    }
}

/// The values of a Secret, to take them out of what others say about it.
#[derive(Clone, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// The values that a Secret holds, encoded and as they are. Nothing for other objects.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        use base64::Engine;
        let mut values = Vec::new();
        if object.is("", "Secret") {
            for (field, encoded) in [("/data", true), ("/stringData", false)] {
                let members = object.at(field).and_then(Value::as_object);
                for text in members.into_iter().flatten().filter_map(|(_, value)| value.as_str()) {
                    let plain = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok();
                    let plain =
                        plain.filter(|_| encoded).and_then(|bytes| String::from_utf8(bytes).ok());
                    values.extend(plain);
                    values.push(text.to_owned());
                }
            }
        }
        values.retain(|value| value.len() > 2);
        // A value that is part of another one must not spoil it.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// A text without these values.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, value| text.replace(value, HIDDEN))
    }
}

/// A change as lines for people, without colours. The first begins with the path.
#[must_use]
pub fn lines(change: &Change) -> Vec<String> {
    let path = &change.path;
    match (&change.before, &change.after) {
        (Some(Value::String(before)), Some(Value::String(after)))
            if before.contains('\n') || after.contains('\n') =>
        {
            let mut lines = vec![format!("{path}:")];
            lines.extend(text_lines(before, after));
            lines
        }
        (Some(before), Some(after)) => {
            vec![format!("{path}: {} -> {}", short(before), short(after))]
        }
        (None, Some(after)) => sided("+", path, after),
        (Some(before), None) => sided("-", path, before),
        (None, None) => Vec::new(),
    }
}

/// The lines that differ between two texts, with two lines around them.
fn text_lines(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (at, group) in diff.grouped_ops(2).iter().enumerate() {
        if at > 0 {
            lines.push("    ...".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("  {sign} {}", change.value().trim_end_matches(['\n', '\r'])));
        }
    }
    lines
}

/// A field that is only on one side.
fn sided(sign: &str, path: &FieldPath, value: &Value) -> Vec<String> {
    let one_line = short(value);
    if one_line.chars().count() <= 80
        && !matches!(value, Value::String(text) if text.contains('\n'))
    {
        return vec![format!("{sign} {path}: {one_line}")];
    }
    let mut lines = vec![format!("{sign} {path}:")];
    block(value, 1, &mut lines);
    lines
}

/// A value as an indented block, like YAML.
fn block(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let entry = |name: &str, value: &Value, lines: &mut Vec<String>| match value {
        Value::Object(members) if !members.is_empty() => {
            lines.push(format!("{indent}{name}:"));
            block(value, depth + 1, lines);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            lines.push(format!("{indent}{name}:"));
            block(value, depth + 1, lines);
        }
        Value::String(text) if text.contains('\n') => {
            lines.push(format!("{indent}{name}: |"));
            lines.extend(text.lines().map(|line| format!("{indent}  {line}")));
        }
        scalar => lines.push(format!("{indent}{name}: {}", short(scalar))),
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                entry(name, value, lines);
            }
        }
        Value::Array(items) => {
            for item in items {
                entry("-", item, lines);
            }
        }
        Value::String(text) => lines.extend(text.lines().map(|line| format!("{indent}{line}"))),
        scalar => lines.push(format!("{indent}{}", short(scalar))),
    }
}

/// A value in one line.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) if text == HIDDEN || text == HIDDEN_CHANGED => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, more: &Value) -> Object {
        let mut value =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "uid": "1"}});
        for (name, member) in more.as_object().unwrap() {
            value[name] = member.clone();
        }
        Object::try_from(value).unwrap()
    }

    fn shown(before: Option<&Object>, after: Option<&Object>) -> String {
        changes(before, after).iter().flat_map(lines).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn fields_items_and_lines_are_compared() {
        let before = object(
            "Pod",
            &json!({
                "spec": {"containers": [
                    {"name": "a", "image": "x:1", "args": ["1", "2"], "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]},
                    {"name": "old"},
                ]},
                "data": {"text": "one\ntwo\nthree\nfour\nfive\n", "gone": "x"},
                "status": {"phase": "Running"},
            }),
        );
        let after = object(
            "Pod",
            &json!({
                "spec": {"containers": [
                    {"name": "a", "image": "x:2", "args": ["1", "3"], "ports": [{"containerPort": 53, "protocol": "TCP"}]},
                    {"name": "new", "command": ["a long command that does not fit into one line", "because it has several words"], "env": [{"name": "A", "value": "b"}], "text": "1\n2"},
                ]},
                "data": {"text": "one\ntwo\n3\nfour\nfive\n"},
            }),
        );
        insta::assert_snapshot!(shown(Some(&before), Some(&after)), @r#"
        - data.gone: "x"
        data.text:
            one
            two
          - three
          + 3
            four
            five
        spec.containers[name="a"].args: ["1","2"] -> ["1","3"]
        spec.containers[name="a"].image: "x:1" -> "x:2"
        spec.containers[name="a"].ports: [{"containerPort":53,"protocol":"UDP"},{"containerPort":53,"protocol":"TCP"}] -> [{"containerPort":53,"protocol":"TCP"}]
        - spec.containers[name="old"]: {"name":"old"}
        + spec.containers[name="new"]:
          command: ["a long command that does not fit into one line","because it has several words"]
          env:
            -:
              name: "A"
              value: "b"
          name: "new"
          text: |
            1
            2
        "#);
        assert_eq!(shown(Some(&before), Some(&before)), "");
    }

    #[test]
    fn the_values_of_a_secret_are_hidden() {
        let before = object("Secret", &json!({"data": {"one": "aHVzaA==", "gone": "aHVzaA=="}}));
        let after = object("Secret", &json!({"data": {"one": "aHVzaA=8", "new": "aHVzaA=="}}));
        let all = [
            shown(Some(&before), Some(&after)),
            shown(None, Some(&after)),
            shown(Some(&before), None),
            serde_json::to_string(&changes(Some(&before), Some(&after))).unwrap(),
        ]
        .join("\n\n");
        assert!(!all.contains("aHVz"), "{all}");
        insta::assert_snapshot!(all, @r#"
        - data.gone: (hidden)
        + data.new: (hidden)
        data.one: (hidden) -> (hidden, changed)

        + apiVersion: "v1"
        + data: {"new":"(hidden)","one":"(hidden)"}
        + kind: "Secret"
        + metadata: {"name":"a"}

        - apiVersion: "v1"
        - data: {"gone":"(hidden)","one":"(hidden)"}
        - kind: "Secret"
        - metadata: {"name":"a"}

        [{"path":"data.gone","before":"(hidden)"},{"path":"data.new","after":"(hidden)"},{"path":"data.one","before":"(hidden)","after":"(hidden, changed)"}]
        "#);
        assert_eq!(
            Mask::of(&before).text("Invalid value: \"hush\" or \"aHVzaA==\""),
            "Invalid value: \"(hidden)\" or \"(hidden)\""
        );
    }
}
