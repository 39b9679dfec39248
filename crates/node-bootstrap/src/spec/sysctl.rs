//! Wishes for sysctls.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::schema::Scalar;
pub use crate::text::sysctl::Wish as SysctlWish;

/// What a sysctl shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// The value.
    pub wish: SysctlWish,
    /// Whether a host that does not have this sysctl is as good.
    pub optional: bool,
}

impl Sysctl {
    /// Exactly this value.
    #[must_use]
    pub fn exact(value: impl Into<String>) -> Self {
        Self { wish: SysctlWish::Exact(value.into()), optional: false }
    }

    /// This number or a greater one.
    #[must_use]
    pub fn at_least(value: u64) -> Self {
        Self { wish: SysctlWish::AtLeast(value), optional: false }
    }
}

/// The forms that the file has.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is made of it")]
enum Written {
    /// Exactly this value.
    Plain(Scalar),
    /// With words.
    Wish(WrittenWish),
}

/// A wish with words: `exact` or `atLeast`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenWish {
    /// Exactly this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Scalar>")]
    exact: Option<String>,
    /// This number or a greater one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<u64>,
    /// Whether a host that does not have this sysctl is as good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

impl JsonSchema for Sysctl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sysctl".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

impl Serialize for Sysctl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let optional = self.optional;
        match &self.wish {
            SysctlWish::Exact(value) if !optional => serializer.serialize_str(value),
            SysctlWish::Exact(value) => {
                WrittenWish { exact: Some(value.clone()), at_least: None, optional }
                    .serialize(serializer)
            }
            SysctlWish::AtLeast(least) => {
                WrittenWish { exact: None, at_least: Some(*least), optional }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Sysctl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SysctlVisitor)
    }
}

struct SysctlVisitor;

impl<'de> Visitor<'de> for SysctlVisitor {
    type Value = Sysctl;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or a mapping with exact or atLeast")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Sysctl, E> {
        Ok(Sysctl::exact(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Sysctl, E> {
        Ok(Sysctl::exact(number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Sysctl, E> {
        Ok(Sysctl::exact(number.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sysctl, A::Error> {
        let written = WrittenWish::deserialize(MapAccessDeserializer::new(map))?;
        let wish = match (written.exact, written.at_least) {
            (Some(value), None) => SysctlWish::Exact(value),
            (None, Some(least)) => SysctlWish::AtLeast(least),
            (None, None) => {
                return Err(de::Error::custom("a value is missing; give exact or atLeast"));
            }
            (Some(_), Some(_)) => {
                return Err(de::Error::custom(
                    "exact and atLeast exclude each other; leave one of them",
                ));
            }
        };
        Ok(Sysctl { wish, optional: written.optional })
    }
}
