//! Topologies: the clusters that workunits can name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::ClusterName;

/// What runs the workunits of a topology entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueKind {
    /// The ECL agent itself.
    Hthor,
    /// One or more thor clusters.
    Thor,
    /// A roxie cluster.
    Roxie,
    /// A roxie cluster together with thor clusters.
    ThorRoxie,
}

/// A cluster that workunits can name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TopologySpec {
    /// The prefix of its files; without it, the name of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A second name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The ECL agent; without it, the one that there is, and none for a roxie cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eclagent: Option<String>,
    /// The ECL compiler; without it, the one that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eclccserver: Option<String>,
    /// The scheduler; without it, the one that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eclscheduler: Option<String>,
    /// Thor clusters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thor: Vec<ClusterName>,
    /// The roxie cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    pub roxie: Vec<ClusterName>,
}

impl TopologySpec {
    /// What runs its workunits.
    #[must_use]
    pub fn kind(&self) -> QueueKind {
        match (self.thor.is_empty(), self.roxie.is_empty()) {
            (true, true) => QueueKind::Hthor,
            (false, true) => QueueKind::Thor,
            (true, false) => QueueKind::Roxie,
            (false, false) => QueueKind::ThorRoxie,
        }
    }
}
