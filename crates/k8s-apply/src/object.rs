//! Objects of the Kubernetes API as they stand in files and answers, and what identifies them.
//!
//! Objects stay untyped JSON: a typed round trip would drop the fields that this program does not know.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// A group and a kind, such as `Deployment` of `apps`. The core group is empty.
///
/// Shown as `Deployment.apps`, and `ConfigMap` for the core group, as ApplySets write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct GroupKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind, as in `kind:`.
    pub kind: String,
}

impl GroupKind {
    /// A kind of a group.
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }

    /// Reads `Deployment.apps` or `ConfigMap`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (kind, group) = text.split_once('.').unwrap_or((text, ""));
        Self::new(group, kind)
    }

    /// Whether this is that kind of that group.
    #[must_use]
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    /// The kind, with its group where that is none of Kubernetes' own.
    #[must_use]
    pub fn short(&self) -> String {
        if !self.group.contains('.') || self.group.ends_with(".k8s.io") {
            self.kind.clone()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.kind)
        } else {
            write!(f, "{}.{}", self.kind, self.group)
        }
    }
}

/// A kind of a group at a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl GroupVersionKind {
    /// From the two fields of an object: `apps/v1` and `Deployment`.
    #[must_use]
    pub fn of(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// As it stands in `apiVersion:`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Without the version.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(&self.group, &self.kind)
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_version(), self.kind)
    }
}

/// What identifies an object in a cluster, whatever version it is written in.
///
/// Shown as `Deployment web/frontend`; without a namespace as `Namespace web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its group and kind.
    pub group_kind: GroupKind,
    /// Its namespace; none if it is of the cluster, or not known yet.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.group_kind.short())?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("ObjectKey", 4)?;
        fields.serialize_field("group", &self.group_kind.group)?;
        fields.serialize_field("kind", &self.group_kind.kind)?;
        fields.serialize_field("namespace", &self.namespace)?;
        fields.serialize_field("name", &self.name)?;
        fields.end()
    }
}

/// Why a value is no object of the API.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAnObject {
    /// It is a list, a string, a number.
    #[error("expected a mapping with apiVersion, kind and metadata")]
    NotAMapping,
    /// A field is missing, empty or no string.
    #[error("expected {0}, a string that is not empty")]
    Field(&'static str),
    /// `metadata` is no mapping.
    #[error("expected metadata, a mapping with a name")]
    Metadata,
}

/// An object of the API: a mapping that has `apiVersion`, `kind` and `metadata.name`.
///
/// `Debug` shows only what it is, never what it holds, because it may be a Secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Object(Value);

impl TryFrom<Value> for Object {
    type Error = NotAnObject;

    fn try_from(value: Value) -> Result<Self, NotAnObject> {
        if !value.is_object() {
            return Err(NotAnObject::NotAMapping);
        }
        for (pointer, name) in [("/apiVersion", "apiVersion"), ("/kind", "kind")] {
            let text = value.pointer(pointer).and_then(Value::as_str);
            if text.is_none_or(str::is_empty) {
                return Err(NotAnObject::Field(name));
            }
        }
        if !value.get("metadata").is_some_and(Value::is_object) {
            return Err(NotAnObject::Metadata);
        }
        let name = value.pointer("/metadata/name").and_then(Value::as_str);
        if name.is_none_or(str::is_empty) {
            return Err(NotAnObject::Field("metadata.name"));
        }
        Ok(Self(value))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        object.0
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.key())
    }
}

impl Object {
    /// An object that has nothing but what identifies it.
    #[must_use]
    pub fn new(gvk: &GroupVersionKind, namespace: Option<&str>, name: &str) -> Self {
        let mut object = Self(serde_json::json!({
            "apiVersion": gvk.api_version(), "kind": gvk.kind, "metadata": {"name": name},
        }));
        if let Some(namespace) = namespace {
            object.set_namespace(namespace);
        }
        object
    }

    /// The whole object.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The value at a JSON pointer, such as `/spec/replicas`.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// The string at a JSON pointer.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).and_then(Value::as_str)
    }

    /// The whole number at a JSON pointer.
    #[must_use]
    pub fn number(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).and_then(Value::as_i64)
    }

    /// `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion").unwrap_or_default()
    }

    /// `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind").unwrap_or_default()
    }

    /// Its kind, with group and version.
    #[must_use]
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::of(self.api_version(), self.kind())
    }

    /// Its kind, with the group.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        self.gvk().group_kind()
    }

    /// Whether it is of that kind of that group, at any version.
    #[must_use]
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.kind() == kind && self.gvk().group == group
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// `metadata.namespace`.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.text("/metadata/namespace")
    }

    /// `metadata.uid`, if it comes from a cluster.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.text("/metadata/uid")
    }

    /// Whether its deletion was asked for, and something still holds it.
    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        self.at("/metadata/deletionTimestamp").is_some()
    }

    /// `metadata.resourceVersion`, if it comes from a cluster.
    #[must_use]
    pub fn resource_version(&self) -> Option<&str> {
        self.text("/metadata/resourceVersion")
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.0.get("metadata")?.get("labels")?.get(key)?.as_str()
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.0.get("metadata")?.get("annotations")?.get(key)?.as_str()
    }

    /// What identifies it.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            group_kind: self.group_kind(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }

    /// `metadata`, to change it.
    pub fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        member_mut(&mut self.0, "metadata")
    }

    /// Puts it into a namespace.
    pub fn set_namespace(&mut self, namespace: &str) {
        self.metadata_mut().insert("namespace".into(), namespace.into());
    }

    /// Gives it a label.
    pub fn set_label(&mut self, key: &str, value: &str) {
        let labels = self.metadata_mut().entry("labels").or_insert(Value::Null);
        as_mapping(labels).insert(key.into(), value.into());
    }

    /// Gives it an annotation.
    pub fn set_annotation(&mut self, key: &str, value: &str) {
        let annotations = self.metadata_mut().entry("annotations").or_insert(Value::Null);
        as_mapping(annotations).insert(key.into(), value.into());
    }

    /// Changes the whole value. What the closure leaves must still be an object of the API.
    ///
    /// # Errors
    /// If it is not; nothing is changed then.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) -> Result<(), NotAnObject> {
        let mut value = self.0.clone();
        change(&mut value);
        *self = Self::try_from(value)?;
        Ok(())
    }
}

/// The mapping at a key, made empty if there is none.
fn member_mut<'v>(value: &'v mut Value, key: &str) -> &'v mut Map<String, Value> {
    as_mapping(as_mapping(value).entry(key).or_insert(Value::Null))
}

/// The value as a mapping; whatever else it was is replaced by an empty one.
#[expect(clippy::unreachable, reason = "it was made a mapping just before")]
fn as_mapping(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(map) = value else { unreachable!() };
    map
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_shown_as_people_name_them() {
        let of = |api: &str, kind: &str, namespace: Option<&str>| {
            let mut object = Object::try_from(
                json!({"apiVersion": api, "kind": kind, "metadata": {"name": "one"}}),
            )
            .unwrap();
            if let Some(namespace) = namespace {
                object.set_namespace(namespace);
            }
            object.key().to_string()
        };
        assert_eq!(of("v1", "ConfigMap", Some("web")), "ConfigMap web/one");
        assert_eq!(of("apps/v1", "Deployment", Some("web")), "Deployment web/one");
        assert_eq!(of("rbac.authorization.k8s.io/v1", "ClusterRole", None), "ClusterRole one");
        assert_eq!(of("hap.org/v1alpha1", "HapContainer", None), "HapContainer.hap.org one");
    }

    #[test]
    fn what_an_object_holds_is_not_in_its_debug_text() {
        let secret = Object::try_from(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, "data": {"key": "aHVzaA=="},
        }));
        assert_eq!(format!("{:?}", secret.unwrap()), "Object(Secret one)");
    }

    #[test]
    fn a_mapping_without_the_four_fields_is_refused() {
        let fault = |value: Value| Object::try_from(value).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                fault(json!([])),
                fault(json!({"kind": "A"})),
                fault(json!({"apiVersion": "v1", "kind": ""})),
                fault(json!({"apiVersion": "v1", "kind": "A", "metadata": []})),
                fault(json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": 3}})),
            ]
            .join("\n"),
            @r"
        expected a mapping with apiVersion, kind and metadata
        expected apiVersion, a string that is not empty
        expected kind, a string that is not empty
        expected metadata, a mapping with a name
        expected metadata.name, a string that is not empty
        "
        );
    }
}
