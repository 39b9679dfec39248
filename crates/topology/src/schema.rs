//! The JSON Schemas of `hpcc.yaml` and `cluster.yaml`, made from the types that read them.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::address::Address;
use crate::inventory::{Endpoint, Inventory};
use crate::name::ClusterName;
use crate::network::Network;
use crate::spec::ClusterSpec;
use crate::version::HpccVersion;

/// The JSON Schema (draft 2020-12) of `hpcc.yaml`. It is checked in as `schema/hpcc.schema.json`.
#[must_use]
pub fn hpcc_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ClusterSpec>()
}

/// The JSON Schema (draft 2020-12) of `cluster.yaml`. It is checked in as `schema/cluster.schema.json`.
#[must_use]
pub fn cluster_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Inventory>()
}

/// Schemas of texts that have a form of their own.
macro_rules! text_schemas {
    ($($type:ident: $pattern:literal, $description:literal;)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "description": $description, "type": "string", "pattern": $pattern })
            }
        }
    )+};
}

text_schemas! {
    Address: "^[A-Za-z0-9.:-]+$", "An IP address or the name of a host.";
    Endpoint: "^[][A-Za-z0-9.:-]+$", "A host and a port: 10.10.0.30:6443, cluster.example.org:6443 or [fd00::30]:6443.";
    Network: "^[0-9A-Fa-f.:]+/[0-9]{1,3}$", "A network: 10.254.0.0/16.";
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
