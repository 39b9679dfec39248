//! The hosts of a Kubernetes cluster and how they are reached: the types of `cluster.yaml`.
//!
//! ```yaml
//! version: 1
//! kubernetes: {version: "1.35", podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
//! highAvailability: {kind: proxy, endpoint: "10.10.0.30:6443"}
//! ssh: {user: ops, identityFile: ~/.ssh/cluster}
//! profile: kubeadm
//! hosts:
//!   - {name: cp1, address: 10.10.0.11, role: control-plane}
//!   - {name: proxy, address: 10.10.0.30, role: proxy}
//!   - name: worker1
//!     address: 10.10.0.21
//!     role: worker
//!     ssh: {port: 2222}
//!     node: {swap: off}
//! ```
//!
//! `profile` and `node` are those of `node.yaml`, for all hosts and for one; what they may hold is for who prepares
//! hosts to say.

mod endpoint;
mod read;
mod rules;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use diagnostics::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::network::Network;

pub use endpoint::{Endpoint, EndpointError};
pub use read::Problems;

/// A part of `node.yaml`: what is laid over the profile.
pub type NodeOverrides = BTreeMap<String, Value>;

/// A Kubernetes cluster as a set of hosts: the content of `cluster.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inventory {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The name of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Kubernetes itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kubernetes: Kubernetes,
    /// How the API is reached. May be left out where there is one control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_availability: Option<HighAvailability>,
    /// How hosts are logged in to that do not say otherwise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ssh: Ssh,
    /// The profile of `node.yaml` of hosts that have none of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What is laid over the profile, on every host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node: NodeOverrides,
    /// The hosts. Their order is that in which things are done.
    #[schemars(length(min = 1))]
    pub hosts: Vec<Host>,
}

/// Kubernetes itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Kubernetes {
    /// A minor (1.35: its newest patch) or a version (1.35.4). Without it, that of the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Scalar>")]
    pub version: Option<String>,
    /// The network of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_subnet: Option<Network>,
    /// The network of services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_subnet: Option<Network>,
    /// The domain of services; without it, `cluster.local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_domain: Option<String>,
}

/// How the API is reached, whichever control plane is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HighAvailability {
    /// What has the address.
    pub kind: BalancerKind,
    /// The address that everybody uses, with its port (6443 unless given).
    pub endpoint: Endpoint,
}

/// What has the address of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BalancerKind {
    /// A balancer that is no host of this file.
    External,
    /// Hosts with the role `proxy`, which run haproxy.
    Proxy,
    /// The only control plane.
    Single,
}

/// How a host is logged in to, with the system's own `ssh`. What is left out is as `ssh` is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ssh {
    /// What `ssh` is to connect to, where that is not the host's address. For one host only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Address>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port of sshd.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// The file with the private key; `~` is the home of who runs the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// Hosts to go through, as `ssh -J` has them: `ops@bastion:22`, with commas between several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
}

/// What a host is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum HostRole {
    /// It runs the control plane and a member of etcd.
    ControlPlane,
    /// It runs pods.
    Worker,
    /// It is no node, and runs haproxy before the control planes.
    Proxy,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Its host name, which is the name of its node: lower case (RFC 1123).
    pub name: String,
    /// Its address in the cluster.
    #[schemars(with = "Address")]
    #[serde(deserialize_with = "read::ip")]
    pub address: IpAddr,
    /// What it is for.
    pub role: HostRole,
    /// How it is logged in to, where that differs from the others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ssh: Ssh,
    /// Labels of its node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its profile of `node.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What is laid over its profile and over what is laid over that on every host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node: NodeOverrides,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Inventory {
    /// Everything that is wrong or strange, in the order of the parts. Each problem names the path of the value, what
    /// was expected, and how to mend it.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        rules::check(self, true)
    }

    /// The hosts with a role, in the order of the file.
    pub fn with_role(&self, role: HostRole) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(move |host| host.role == role)
    }

    /// The address that everybody uses for the API: as it is given, or that of the first control plane.
    #[must_use]
    pub fn endpoint(&self) -> Option<Cow<'_, Endpoint>> {
        if let Some(given) = &self.high_availability {
            return Some(Cow::Borrowed(&given.endpoint));
        }
        let first = self.with_role(HostRole::ControlPlane).next()?;
        Some(Cow::Owned(Endpoint::new(first.address.into(), Endpoint::API_PORT)))
    }

    /// How a host is logged in to: its own, and the cluster's where it has none. `host` is always given.
    #[must_use]
    pub fn ssh_of(&self, host: &Host) -> Ssh {
        let (own, all) = (&host.ssh, &self.ssh);
        let either =
            |own: &Option<String>, all: &Option<String>| own.clone().or_else(|| all.clone());
        Ssh {
            host: Some(own.host.clone().unwrap_or_else(|| host.address.into())),
            user: either(&own.user, &all.user),
            port: own.port.or(all.port),
            identity_file: either(&own.identity_file, &all.identity_file),
            jump: either(&own.jump, &all.jump),
        }
    }

    /// The profile of a host.
    #[must_use]
    pub fn profile_of<'i>(&'i self, host: &'i Host) -> Option<&'i str> {
        host.profile.as_deref().or(self.profile.as_deref())
    }

    /// What is laid over a host's profile: its own over the cluster's. Mappings are merged key by key, everything else
    /// is replaced whole, as are `cni` and each of `sysctls`, which are one value each in `node.yaml`. A `null` stays,
    /// since it takes away what the profile has.
    #[must_use]
    pub fn node_of<'i>(&'i self, host: &'i Host) -> Cow<'i, NodeOverrides> {
        if host.node.is_empty() {
            return Cow::Borrowed(&self.node);
        }
        if self.node.is_empty() {
            return Cow::Borrowed(&host.node);
        }
        let mut merged = self.node.clone();
        for (key, value) in &host.node {
            let depth = match key.as_str() {
                "cni" => 0,
                "sysctls" => 1,
                _ => usize::MAX,
            };
            match merged.get_mut(key) {
                Some(under) => lay_over(under, value, depth),
                None => {
                    merged.insert(key.clone(), value.clone());
                }
            }
        }
        Cow::Owned(merged)
    }
}

/// Lays a value over another one, merging mappings so deep.
fn lay_over(under: &mut Value, over: &Value, depth: usize) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) if depth > 0 => {
            for (key, value) in over {
                match under.get_mut(key) {
                    Some(under) => lay_over(under, value, depth - 1),
                    None => {
                        under.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (under, over) => *under = over.clone(),
    }
}
