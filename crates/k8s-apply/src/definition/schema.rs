//! A look at one schema of a definition. Whatever does not have the expected form counts as absent: the server refuses
//! such a definition itself.

use serde_json::{Map, Number, Value};

/// A schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema<'s>(&'s Map<String, Value>);

/// What a schema says about a key of a mapping.
#[derive(Debug, Clone, Copy)]
pub(super) enum Member<'s> {
    /// Its value has this schema.
    Schema(Schema<'s>),
    /// It may be there: `additionalProperties: true`.
    Any,
    /// Nothing.
    Unknown,
}

impl<'s> Schema<'s> {
    pub(super) fn of(value: &'s Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(super) fn get(self, key: &str) -> Option<&'s Value> {
        self.0.get(key)
    }

    pub(super) fn flag(self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }

    pub(super) fn text(self, key: &str) -> Option<&'s str> {
        self.get(key).and_then(Value::as_str)
    }

    pub(super) fn number(self, key: &str) -> Option<&'s Number> {
        self.get(key).and_then(Value::as_number)
    }

    pub(super) fn count(self, key: &str) -> Option<usize> {
        self.get(key).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok())
    }

    /// The texts of a list.
    pub(super) fn texts(self, key: &str) -> impl Iterator<Item = &'s str> {
        self.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// The schemas of a list, such as `anyOf`. None if there is no such list, or nothing in it.
    pub(super) fn branches(self, key: &str) -> Option<Vec<Self>> {
        let branches: Vec<Self> =
            self.get(key)?.as_array()?.iter().filter_map(Schema::of).collect();
        (!branches.is_empty()).then_some(branches)
    }

    /// The schema below a key, such as `items` and `not`.
    pub(super) fn below(self, key: &str) -> Option<Self> {
        Self::of(self.get(key)?)
    }

    pub(super) fn properties(self) -> impl Iterator<Item = (&'s str, Self)> {
        let properties = self.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), Self::of(value)?)))
    }

    pub(super) fn property(self, name: &str) -> Option<Self> {
        Self::of(self.get("properties")?.get(name)?)
    }

    pub(super) fn member(self, key: &str) -> Member<'s> {
        match (self.property(key), self.get("additionalProperties")) {
            (Some(schema), _) => Member::Schema(schema),
            (None, Some(Value::Object(map))) => Member::Schema(Self(map)),
            (None, Some(Value::Bool(true))) => Member::Any,
            (None, _) => Member::Unknown,
        }
    }

    /// Whether unknown fields are kept.
    pub(super) fn keeps_unknown(self) -> bool {
        self.flag("x-kubernetes-preserve-unknown-fields")
    }

    /// Whether it describes a whole object of the API.
    pub(super) fn is_embedded(self) -> bool {
        self.flag("x-kubernetes-embedded-resource")
    }

    /// Whether a value is a null that a server treats as absent.
    pub(super) fn drops(self, value: &Value) -> bool {
        value.is_null() && !self.flag("nullable")
    }
}
