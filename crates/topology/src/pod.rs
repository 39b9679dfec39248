//! A pod, as far as its part in a cluster goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::machine::Machine;

/// How far a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodState {
    /// It runs and answers.
    Ready,
    /// It runs, and does not say yet that it is ready.
    NotReady,
    /// It does not run yet.
    Pending,
    /// It is being deleted.
    Terminating,
    /// It has ended and will not run again.
    Finished,
    /// Nobody knows.
    Unknown,
}

/// A pod, as far as its part in a cluster goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The name of what made it, as far as that is known: `thor-thor1` of `thor-thor1-2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<String>,
    /// The number of a stateful pod: 2 of `thor-thor1-2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<u32>,
    /// Its addresses, the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// A name that stays when the address changes, if its service gives it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Address>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How far it is.
    pub state: PodState,
    /// The images of its containers, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
}

impl Pod {
    /// The machine that this pod is, under its first address; `None` as long as it has none.
    #[must_use]
    pub fn machine(&self) -> Option<Machine> {
        Some(Machine {
            address: self.addresses.first()?.clone(),
            name: Some(self.name.clone()),
            ordinal: self.ordinal,
            host_name: self.host_name.clone(),
        })
    }
}
