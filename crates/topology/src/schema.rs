//! The JSON Schema of `hpcc.yaml`, made from the types that read it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::name::ClusterName;
use crate::spec::ClusterSpec;
use crate::version::HpccVersion;

/// The JSON Schema (draft 2020-12) of `hpcc.yaml`. It is checked in as `schema/hpcc.schema.json`.
#[must_use]
pub fn hpcc_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ClusterSpec>()
}

impl JsonSchema for ClusterName {
    fn schema_name() -> Cow<'static, str> {
        "ClusterName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of a thor, roxie or esp cluster, such as thor1.",
            "type": "string",
            "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        })
    }
}

impl JsonSchema for HpccVersion {
    fn schema_name() -> Cow<'static, str> {
        "HpccVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // YAML without quotes makes numbers of them, and they are read as they are written.
        json_schema!({
            "description": "A version of the HPCC platform: 10, 7.2 or 7.2.20-1.",
            "type": ["string", "number"],
            "pattern": "^v?[0-9]+([.][0-9]+){0,2}(-[A-Za-z0-9._~+-]+)?$",
        })
    }
}

/// Text that YAML may take for something else where it has no quotes.
pub(crate) struct Scalar;

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
