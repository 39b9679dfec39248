//! The JSON Schema of `node.yaml`, made from the types that read it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::Node;

/// The JSON Schema (draft 2020-12) of `node.yaml`. It is checked in as `schema/node.schema.json`.
#[must_use]
pub fn node_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Node>()
}

/// Text that YAML may take for something else where it has no quotes.
#[derive(Serialize)]
pub(super) struct Scalar;

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text, kept as it is written: true and 022 need no quotes.",
            "type": ["string", "boolean", "number"],
        })
    }
}
