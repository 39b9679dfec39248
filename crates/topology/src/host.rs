//! A host: what pods run on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// A host of a Kubernetes cluster. What it does there is told by its labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its addresses, the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it takes pods.
    #[serde(default)]
    pub ready: bool,
}
