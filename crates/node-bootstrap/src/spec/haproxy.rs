//! The part of `node.yaml` about what leads to several API servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// haproxy, which leads from one address to the API servers of all control planes. It passes TLS on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Haproxy {
    /// The port that it listens on, at all addresses of the host.
    #[schemars(range(min = 1))]
    pub bind: u16,
    /// The API servers, in this order.
    pub servers: Vec<HaproxyServer>,
    /// How it finds out which of them answer.
    pub checks: HaproxyChecks,
}

/// An API server that haproxy leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HaproxyServer {
    /// Its name in haproxy's logs.
    pub name: String,
    /// Its address, or its name, which is looked up when haproxy starts.
    pub address: String,
    /// Its port.
    #[serde(default = "api_server")]
    #[schemars(range(min = 1))]
    pub port: u16,
}

/// How haproxy finds out which servers answer: it asks each for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HaproxyChecks {
    /// How often, in seconds.
    #[schemars(range(min = 1, max = 60))]
    pub interval_seconds: u8,
    /// After how many failures in a row a server gets no more connections.
    #[schemars(range(min = 1, max = 20))]
    pub fall: u8,
    /// After how many successes in a row it gets them again.
    #[schemars(range(min = 1, max = 20))]
    pub rise: u8,
}

fn api_server() -> u16 {
    6443
}

impl Default for Haproxy {
    fn default() -> Self {
        Self { bind: api_server(), servers: Vec::new(), checks: HaproxyChecks::default() }
    }
}

impl Default for HaproxyChecks {
    fn default() -> Self {
        Self { interval_seconds: 3, fall: 3, rise: 2 }
    }
}
