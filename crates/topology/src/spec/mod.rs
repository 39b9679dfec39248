//! What the user wants of a cluster: the types of `hpcc.yaml`.
//!
//! Every part may be left out. What is left out is as envgen would have it, and as many machines as there
//! are.
//!
//! ```yaml
//! version: "7.2"
//! thor:
//!   thor1: {slaves: 3, slavesPerNode: 2}
//! roxie:
//!   roxie1: {servers: 2, onDemand: true}
//! esp:
//!   esp1: {ports: {eclWatch: 8010}}
//! components:
//!   dali: {attributes: {environment: /etc/HPCCSystems/environment.xml}}
//! directories:
//!   log: /var/log/[NAME]/[INST]
//! overrides:
//!   - {buildSet: roxie, attribute: roxieMulticastEnabled, value: "false"}
//! topologies:
//!   t1: {thor: [thor1]}
//! ```

mod rules;
mod topology;

use std::collections::BTreeMap;

use diagnostics::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::ClusterName;
use crate::role::{Role, RoleKey};
use crate::version::HpccVersion;

pub use topology::{QueueKind, TopologySpec};

/// XML attributes by name.
pub type Attributes = BTreeMap<String, Text>;

/// A value as it is written: `true` and `022` need no quotes.
pub type Text = String;

/// What the user wants of an HPCC cluster: the content of `hpcc.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterSpec {
    /// The version of the platform. Without it, that of the images, else the newest that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<HpccVersion>,
    /// The machines of all single-instance components that have none of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<SupportSpec>,
    /// Thor clusters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub thor: BTreeMap<ClusterName, ThorSpec>,
    /// Roxie clusters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roxie: BTreeMap<ClusterName, RoxieSpec>,
    /// Esp clusters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub esp: BTreeMap<ClusterName, EspSpec>,
    /// The other components.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<Component, ComponentSpec>,
    /// Directories by category: `log: /var/log/[NAME]/[INST]`. Each has `[NAME]`, and `[INST]` or `[COMPONENT]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<String, String>,
    /// Attributes of every component of a build set, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// Attributes of what an `XPath` selects, in this order, after the overrides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub xpath_attributes: Vec<XpathAttribute>,
    /// The clusters that workunits can name, by the name that they use. Without any, they are made
    /// of the clusters that there are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topologies: BTreeMap<ClusterName, TopologySpec>,
}

/// The machines of all single-instance components that have none of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SupportSpec {
    /// How many there have to be; without it, as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub machines: Option<u32>,
}

/// Where the master of a thor cluster runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MasterPlace {
    /// On a machine of its own if there is one, else with the support components.
    #[default]
    Any,
    /// On a machine of its own; the set is not complete without it.
    Own,
    /// With the support components.
    Support,
}

/// A thor cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ThorSpec {
    /// How many machines with slaves there have to be; without it, as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub slaves: Option<u32>,
    /// Slave processes on each of these machines.
    #[schemars(range(min = 1))]
    pub slaves_per_node: u32,
    /// Channels of each slave process.
    #[schemars(range(min = 1))]
    pub channels_per_slave: u32,
    /// The name of its group in Dali; without it, the name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_group: Option<ClusterName>,
    /// Where its master runs.
    pub master: MasterPlace,
    /// Attributes of the cluster.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, crate::schema::Scalar>")]
    pub attributes: Attributes,
}

impl Default for ThorSpec {
    fn default() -> Self {
        Self {
            slaves: None,
            slaves_per_node: 1,
            channels_per_slave: 1,
            node_group: None,
            master: MasterPlace::Any,
            attributes: Attributes::new(),
        }
    }
}

/// A roxie cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RoxieSpec {
    /// How many servers there have to be; without it, as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub servers: Option<u32>,
    /// Channels of each server.
    #[schemars(range(min = 1))]
    pub channels_per_slave: u32,
    /// Whether workunits may run on it, through a second farm on port 0.
    pub on_demand: bool,
    /// Attributes of the cluster.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, crate::schema::Scalar>")]
    pub attributes: Attributes,
}

impl Default for RoxieSpec {
    fn default() -> Self {
        Self {
            servers: None,
            channels_per_slave: 1,
            on_demand: true,
            attributes: Attributes::new(),
        }
    }
}

/// A web service that an esp offers by default.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum EspService {
    /// ECL Watch.
    EclWatch,
    /// `WsECL`: queries through HTTP.
    WsEcl,
    /// `WsSQL`: queries in SQL.
    WsSql,
}

impl EspService {
    /// All services, in order.
    pub const ALL: [Self; 3] = [Self::EclWatch, Self::WsEcl, Self::WsSql];

    /// The port that it listens on unless told otherwise.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::EclWatch => 8010,
            Self::WsEcl => 8002,
            Self::WsSql => 8510,
        }
    }
}

/// An esp cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EspSpec {
    /// How many servers there have to be; without it, as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub servers: Option<u32>,
    /// Ports of its services, where they are not 8010, 8002 and 8510.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<EspService, u16>,
    /// Attributes of the process.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, crate::schema::Scalar>")]
    pub attributes: Attributes,
}

impl EspSpec {
    /// The port of a service.
    #[must_use]
    pub fn port(&self, service: EspService) -> u16 {
        self.ports.get(&service).copied().unwrap_or_else(|| service.default_port())
    }
}

/// A component that is neither thor, roxie nor esp.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the role of the same name")]
pub enum Component {
    Dali,
    Sasha,
    DfuServer,
    EclAgent,
    EclCcServer,
    EclScheduler,
    FtSlave,
    DafileSrv,
    DropZone,
    Ldap,
    BackupNode,
    Spark,
    TopoServer,
}

impl Component {
    /// The role of the same name.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Dali => Role::Dali,
            Self::Sasha => Role::Sasha,
            Self::DfuServer => Role::DfuServer,
            Self::EclAgent => Role::EclAgent,
            Self::EclCcServer => Role::EclCcServer,
            Self::EclScheduler => Role::EclScheduler,
            Self::FtSlave => Role::FtSlave,
            Self::DafileSrv => Role::DafileSrv,
            Self::DropZone => Role::DropZone,
            Self::Ldap => Role::Ldap,
            Self::BackupNode => Role::BackupNode,
            Self::Spark => Role::Spark,
            Self::TopoServer => Role::TopoServer,
        }
    }
}

/// What is wanted of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ComponentSpec {
    /// How many machines of its own there have to be; without it, as many as there are, and none if it
    /// runs with the support components.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub machines: Option<u32>,
    /// Attributes of the process.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, crate::schema::Scalar>")]
    pub attributes: Attributes,
}

/// An attribute of every component of a build set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// The build set, such as `roxie` or `DropZone`.
    #[schemars(length(min = 1))]
    pub build_set: String,
    /// The attribute, without the `@`.
    #[schemars(length(min = 1))]
    pub attribute: String,
    /// Its value.
    #[schemars(with = "crate::schema::Scalar")]
    pub value: Text,
}

/// An attribute of what an `XPath` selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct XpathAttribute {
    /// The `XPath`, from below `Environment`.
    #[schemars(length(min = 1))]
    pub xpath: String,
    /// The attribute, without the `@`.
    #[schemars(length(min = 1))]
    pub attribute: String,
    /// Its value.
    #[schemars(with = "crate::schema::Scalar")]
    pub value: Text,
}

impl ClusterSpec {
    /// Everything that is wrong with what is wanted, in the order of the parts. Each problem names the path of
    /// the value, what was expected, and how to mend it.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        rules::check(self)
    }

    /// The one cluster that has a role, if exactly one is named.
    #[must_use]
    pub fn only_cluster(&self, role: Role) -> Option<&ClusterName> {
        let (first, more) = match role {
            Role::ThorMaster | Role::ThorSlave => (self.thor.keys().next(), self.thor.len()),
            Role::Roxie => (self.roxie.keys().next(), self.roxie.len()),
            Role::Esp => (self.esp.keys().next(), self.esp.len()),
            _ => return None,
        };
        first.filter(|_| more == 1)
    }

    /// How many machines each role has to have, where that was said. A cluster that is named but not counted
    /// needs one at least.
    #[must_use]
    pub fn required(&self) -> BTreeMap<RoleKey, u32> {
        let mut required = BTreeMap::new();
        if let Some(machines) = self.support.as_ref().and_then(|support| support.machines) {
            required.insert(RoleKey::single(Role::Support), machines);
        }
        for (name, thor) in &self.thor {
            required.insert(RoleKey::of(Role::ThorSlave, name), thor.slaves.unwrap_or(1));
            if thor.master == MasterPlace::Own {
                required.insert(RoleKey::of(Role::ThorMaster, name), 1);
            }
        }
        for (name, roxie) in &self.roxie {
            required.insert(RoleKey::of(Role::Roxie, name), roxie.servers.unwrap_or(1));
        }
        for (name, esp) in &self.esp {
            if let Some(servers) = esp.servers {
                required.insert(RoleKey::of(Role::Esp, name), servers);
            }
        }
        for (component, spec) in &self.components {
            if let Some(machines) = spec.machines {
                required.insert(RoleKey::single(component.role()), machines);
            }
        }
        required
    }
}
