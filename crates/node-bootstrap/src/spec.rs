//! `node.yaml`: what a host shall be.
//!
//! Every part may be left out. What is left out is not managed: it stays as it is.
//!
//! ```yaml
//! version: 1
//! profile: kubeadm
//! role: control-plane
//! kubernetes: {version: "1.35"}
//! sysctls:
//!   net.core.rmem_max: {atLeast: 1638400}
//! ```
//!
//! A profile is a file of the same form that is built in. The user's file is laid over it: mappings are merged
//! key by key, everything else is replaced whole, and `null` takes away what the profile has. So are the entries
//! of `sysctls`, and `cni`: they are one value each, and are never mixed from both files.

mod cluster;
mod haproxy;
mod host;
mod package;
mod read;
mod rules;
mod schema;
mod software;
mod sysctl;
mod value;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::{
    Component, EncryptionAlgorithm, Etcd, ExternalEtcd, Kubeadm, ProxyMode, Timeouts,
};
pub use haproxy::{Haproxy, HaproxyChecks, HaproxyServer};
pub use host::{
    ClusterDns, CniKind, Directory, Export, ExportClient, ExtraPort, Firewall, FirewallMode,
    HostEntry, Modules, Mount, NetworkManager, Nfs, NfsServer, Protocol, Selinux, Swap, Time,
    TimeDaemon,
};
pub use package::{FamilyNames, PackageName};
pub use read::{Problems, UnknownProfile};
pub use schema::node_schema;
pub use software::{
    Argument, CgroupDriver, Cni, Containerd, ContainerdSource, Kubeconfig, Kubelet, Kubernetes,
    Package, Repository,
};
pub use sysctl::{Sysctl, SysctlWish};
pub use value::{Cidr, FileMode, KubernetesVersion, Minor, PortRange, Subnets, ValueError};

/// What a host shall be: the content of `node.yaml`, with its profile under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Node {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// What this file is laid over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// What the host is in the cluster.
    pub role: Role,
    /// Kubernetes' own packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Kubernetes>,
    /// The name of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Exact lines of `/etc/hosts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostEntry>,
    /// Kernel modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Modules>,
    /// Sysctls by key, with dots: `net.ipv4.ip_forward: 1`, or `{atLeast: 1638400}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, Sysctl>,
    /// What becomes of swap.
    pub swap: Swap,
    /// What becomes of `SELinux`.
    pub selinux: Selinux,
    /// The firewall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Firewall>,
    /// The clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Packages besides those of the other parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// The container runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containerd: Option<Containerd>,
    /// The kubelet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<Kubelet>,
    /// What kubeadm is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeadm: Option<Kubeadm>,
    /// Whose kubeconfig gets the administrator's entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<Kubeconfig>,
    /// The manifest of the network plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cni: Option<Cni>,
    /// Whether a control plane runs ordinary pods as well, as in a cluster of one node.
    pub single_node: bool,
    /// Shares of files over the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nfs: Option<Nfs>,
    /// What leads from one address to several API servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub haproxy: Option<Haproxy>,
    /// Names of the cluster's services, known on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_dns: Option<ClusterDns>,
    /// Directories that are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory>,
    /// File systems that are mounted now and at every boot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// `NetworkManager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_manager: Option<NetworkManager>,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            version: 1,
            profile: None,
            role: Role::None,
            kubernetes: None,
            hostname: None,
            hosts: Vec::new(),
            modules: None,
            sysctls: BTreeMap::new(),
            swap: Swap::Ignore,
            selinux: Selinux::Ignore,
            firewall: None,
            time: None,
            packages: Vec::new(),
            containerd: None,
            kubelet: None,
            kubeadm: None,
            kubeconfig: None,
            cni: None,
            single_node: false,
            nfs: None,
            haproxy: None,
            cluster_dns: None,
            directories: Vec::new(),
            mounts: Vec::new(),
            network_manager: None,
        }
    }
}

/// A file that is built in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The twelve steps of the HAP guide for `CentOS`, in today's form.
    HapCentos,
    /// A sound host for kubeadm.
    Kubeadm,
    /// The same, with the buffers that HPCC's Roxie demands.
    Hpcc,
    /// The same, with NFS and the cluster's names on the host, as `HyperFlow` needs.
    Hyperflow,
}

/// What a host is in the cluster.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It runs the control plane.
    ControlPlane,
    /// It runs pods.
    Worker,
    /// It is no node.
    #[default]
    None,
}

#[cfg(test)]
mod tests;
