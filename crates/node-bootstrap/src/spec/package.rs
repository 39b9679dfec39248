//! Names of packages.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The name of a package, or its names by family of distributions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PackageName {
    /// Everywhere the same.
    Same(String),
    /// By family.
    ByFamily(FamilyNames),
}

/// Names by family. A family without any needs none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FamilyNames {
    /// On Debian and Ubuntu.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub debian: Vec<String>,
    /// On RHEL and what is built from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rhel: Vec<String>,
}

impl<'de> Deserialize<'de> for PackageName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = PackageName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a package, or a mapping with debian and rhel")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PackageName, E> {
        Ok(PackageName::Same(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PackageName, A::Error> {
        FamilyNames::deserialize(MapAccessDeserializer::new(map)).map(PackageName::ByFamily)
    }
}
