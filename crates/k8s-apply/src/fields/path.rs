//! Paths of fields, in the form in which the server names them: `.spec.containers[name="web"].image`.

use std::fmt;

use serde_json::Value;

/// One step into an object.
#[derive(Debug, Clone, PartialEq)]
pub enum PathElement {
    /// A member of a mapping.
    Field(String),
    /// The item of a list that has these values.
    Keyed(Vec<(String, Value)>),
    /// The item of a set that is this value.
    Value(Value),
    /// The item of a list at this index, from 0.
    Index(usize),
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) if is_plain(name) => write!(f, ".{name}"),
            Self::Field(name) => write!(f, "[{}]", Value::from(name.as_str())),
            Self::Keyed(keys) => {
                let keys: Vec<String> =
                    keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(f, "[{}]", keys.join(","))
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Whether a name can stand after a point and be read back.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$/".contains(&byte))
}

/// A path into an object.
///
/// Shown without the leading point: `spec.containers[name="web"].image`. Names with points in them stand in
/// brackets: `metadata.annotations["example.org/owner"]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldPath(Vec<PathElement>);

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.iter().map(ToString::to_string).collect();
        f.write_str(text.strip_prefix('.').unwrap_or(&text))
    }
}

impl serde::Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FieldPath {
    /// The path of these steps.
    #[must_use]
    pub fn new(elements: Vec<PathElement>) -> Self {
        Self(elements)
    }

    /// The steps, from the top.
    #[must_use]
    pub fn elements(&self) -> &[PathElement] {
        &self.0
    }

    /// This path with one more step.
    #[must_use]
    pub fn join(&self, element: PathElement) -> Self {
        let mut elements = self.0.clone();
        elements.push(element);
        Self(elements)
    }

    /// Reads a path as the server writes it in a conflict. Names are not quoted there, so `.metadata.labels.a.b/c`
    /// can be read only along an object: of the members that fit, the longest is meant. Where the object has none,
    /// a name ends at the next point or bracket.
    #[must_use]
    pub fn read_along(text: &str, object: &Value) -> Self {
        let mut elements = Vec::new();
        let mut rest = text;
        let mut here = Some(object);
        while !rest.is_empty() {
            let (element, after) = if let Some(inner) = rest.strip_prefix('[') {
                let (inside, after) = bracket(inner);
                (element_of(inside), after)
            } else {
                let name_on = rest.strip_prefix('.').unwrap_or(rest);
                let length = here
                    .and_then(|value| longest_member(value, name_on))
                    .unwrap_or_else(|| name_on.find(['.', '[']).unwrap_or(name_on.len()));
                if length == 0 {
                    break;
                }
                let (name, after) = name_on.split_at(length);
                (PathElement::Field(name.to_owned()), after)
            };
            here = here.and_then(|value| step(value, &element));
            elements.push(element);
            rest = after;
        }
        Self(elements)
    }

    /// The value at this path.
    #[must_use]
    pub fn find<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(object, |value, element| step(value, element))
    }

    /// Takes the value at this path out. Answers whether there was one.
    pub fn remove(&self, object: &mut Value) -> bool {
        let Some((last, way)) = self.0.split_last() else { return false };
        let parent = way.iter().try_fold(object, |value, element| step_mut(value, element));
        match (parent, last) {
            (Some(Value::Object(members)), PathElement::Field(name)) => {
                members.remove(name).is_some()
            }
            (Some(Value::Array(items)), element) => {
                let Some(index) = index_of(items, element) else { return false };
                items.remove(index);
                true
            }
            _ => false,
        }
    }
}

/// What stands in a bracket, and what follows it. Quoted brackets do not end it.
fn bracket(inner: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, char) in inner.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return (&inner[..at], &inner[at + 1..]),
            _ => {}
        }
    }
    (inner, "")
}

/// What a bracket means: `name="web",port=80`, `="value"`, `3`.
fn element_of(inside: &str) -> PathElement {
    if let Some(value) = inside.strip_prefix('=') {
        return PathElement::Value(json(value));
    }
    if let Ok(index) = inside.parse() {
        return PathElement::Index(index);
    }
    let mut keys = Vec::new();
    let mut rest = inside;
    while let Some((key, after)) = rest.split_once('=') {
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { break };
        keys.push((key.to_owned(), value));
        rest = after.get(values.byte_offset()..).unwrap_or_default();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    PathElement::Keyed(keys)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The length of the longest member's name that the text begins with.
fn longest_member(value: &Value, text: &str) -> Option<usize> {
    let names = value.as_object()?.keys();
    names
        .filter(|name| {
            text.strip_prefix(name.as_str())
                .is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
        })
        .map(String::len)
        .max()
}

/// Whether an item has all these values. A key that the item leaves out has the server's default, so it fits.
pub(super) fn has_keys<'k>(
    item: &Value,
    keys: impl IntoIterator<Item = (&'k String, &'k Value)>,
) -> bool {
    let Some(item) = item.as_object() else { return false };
    let mut named = false;
    let fits = keys.into_iter().all(|(key, value)| match item.get(key) {
        Some(own) => {
            named = true;
            own == value
        }
        None => true,
    });
    fits && named
}

fn index_of(items: &[Value], element: &PathElement) -> Option<usize> {
    match element {
        PathElement::Field(_) => None,
        PathElement::Index(index) => (*index < items.len()).then_some(*index),
        PathElement::Value(value) => items.iter().position(|item| item == value),
        PathElement::Keyed(keys) => items
            .iter()
            .position(|item| has_keys(item, keys.iter().map(|(key, value)| (key, value)))),
    }
}

fn step<'v>(value: &'v Value, element: &PathElement) -> Option<&'v Value> {
    match (value, element) {
        (Value::Object(members), PathElement::Field(name)) => members.get(name),
        (Value::Array(items), element) => items.get(index_of(items, element)?),
        _ => None,
    }
}

fn step_mut<'v>(value: &'v mut Value, element: &PathElement) -> Option<&'v mut Value> {
    match (value, element) {
        (Value::Object(members), PathElement::Field(name)) => members.get_mut(name),
        (Value::Array(items), element) => {
            let index = index_of(items, element)?;
            items.get_mut(index)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Value {
        json!({
            "metadata": {"labels": {"app": "a", "app.kubernetes.io/name": "web"}},
            "spec": {
                "replicas": 2,
                "containers": [
                    {"name": "we]b", "image": "a:1", "ports": [{"containerPort": 80}, {"containerPort": 81}]},
                ],
                "finalizers": ["one", "two"],
            },
        })
    }

    #[test]
    fn paths_of_the_server_are_found_in_an_object() {
        let object = object();
        let found = |text: &str| {
            let path = FieldPath::read_along(text, &object);
            format!("{path} is {}", path.find(&object).unwrap_or(&Value::Null))
        };
        insta::assert_snapshot!(
            [
                found(".spec.replicas"),
                found(".metadata.labels.app.kubernetes.io/name"),
                found(r#".spec.containers[name="we]b"].image"#),
                found(r#".spec.containers[name="we]b"].ports[containerPort=81,protocol="TCP"].containerPort"#),
                found(r#".spec.finalizers[="two"]"#),
                found(".spec.finalizers[0]"),
                found(".spec.nowhere.at.all"),
            ]
            .join("\n"),
            @r#"
        spec.replicas is 2
        metadata.labels["app.kubernetes.io/name"] is "web"
        spec.containers[name="we]b"].image is "a:1"
        spec.containers[name="we]b"].ports[containerPort=81,protocol="TCP"].containerPort is 81
        spec.finalizers[="two"] is "two"
        spec.finalizers[0] is "one"
        spec.nowhere.at.all is null
        "#
        );
    }

    #[test]
    fn a_value_is_taken_out_at_its_path() {
        let mut object = object();
        for text in [".spec.replicas", r#".spec.finalizers[="one"]"#, ".metadata.labels.app"] {
            assert!(FieldPath::read_along(text, &object).remove(&mut object), "{text}");
            assert!(FieldPath::read_along(text, &object).find(&object).is_none(), "{text}");
        }
        assert_eq!(object["spec"]["finalizers"], json!(["two"]));
        assert!(!FieldPath::read_along(".spec.replicas", &object).remove(&mut object));
    }
}
