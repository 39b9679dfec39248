//! The parts of `node.yaml` that are about the host itself.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Cidr, FileMode, PortRange};

/// Lines of `/etc/hosts`: an address and all of its names, the full one first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostEntry {
    /// The address.
    #[serde(deserialize_with = "super::value::address::one")]
    pub address: IpAddr,
    /// Its names, the full one first.
    #[schemars(length(min = 1))]
    pub names: Vec<String>,
}

/// Kernel modules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Modules {
    /// The modules that are loaded now and at every boot, in this order.
    pub load: Vec<String>,
}

/// What becomes of swap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Swap {
    /// Turned off now, and nothing turns it on again at a boot.
    Off,
    /// Left on purpose: the kubelet is told to accept it.
    Keep,
    /// Not looked at.
    #[default]
    Ignore,
}

/// What becomes of `SELinux`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Selinux {
    /// It warns and forbids nothing.
    Permissive,
    /// It forbids; containers get their labels.
    Enforcing,
    /// Not looked at.
    #[default]
    Ignore,
}

/// The firewall of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Firewall {
    /// What becomes of it.
    pub mode: FirewallMode,
    /// The network plugin of the cluster, for the ports that it needs.
    pub cni: CniKind,
    /// Ports that are opened besides those of the role and of the plugin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_ports: Vec<ExtraPort>,
    /// The addresses of the control planes: only they reach etcd. Without any, only this host does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "super::value::address::list")]
    pub control_planes: Vec<IpAddr>,
    /// The port of ssh, which stays open whatever happens. Without it, the one that sshd listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub ssh_port: Option<u16>,
}

/// What becomes of the firewall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallMode {
    /// The one that is active gets exactly the ports of the role; it is not started where there is none.
    #[default]
    Manage,
    /// Its service is stopped and disabled. No rule of anybody is flushed.
    Disable,
    /// Not looked at.
    Ignore,
}

/// The network plugin of the cluster and how it carries packets.
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
pub enum CniKind {
    /// Flannel over VXLAN.
    Flannel,
    /// Flannel over `WireGuard`.
    FlannelWireguard,
    /// Calico with BGP and IP in IP.
    Calico,
    /// Calico over VXLAN.
    CalicoVxlan,
    /// Cilium over VXLAN.
    Cilium,
    /// None that needs a port.
    #[default]
    None,
}

/// Ports that are opened on the user's wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtraPort {
    /// The port, or a range: 443 or 30000-32767.
    pub port: PortRange,
    /// TCP unless told otherwise.
    #[serde(default)]
    pub protocol: Protocol,
    /// Who reaches it; without any, everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Cidr>,
}

/// A protocol with ports.
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
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// The clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Time {
    /// What keeps the clock right.
    pub daemon: TimeDaemon,
}

/// What keeps the clock right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeDaemon {
    /// The one that runs; where none does, that of the distribution.
    #[default]
    Any,
    /// chrony.
    Chrony,
    /// systemd-timesyncd.
    Timesyncd,
    /// Not looked at.
    Ignore,
}

/// Shares of files over the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Nfs {
    /// What this host offers; absent where it offers nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<NfsServer>,
    /// Whether it can mount what others offer. Every node that runs pods with such volumes needs it.
    pub client: bool,
}

/// What a host offers by NFS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NfsServer {
    /// The directories. The server runs without any as well.
    pub exports: Vec<Export>,
}

/// A directory that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Export {
    /// The directory, an absolute path. It has to be there, or be one of `directories`.
    pub path: String,
    /// Who may mount it.
    #[schemars(length(min = 1))]
    pub clients: Vec<ExportClient>,
}

/// Who may mount a directory, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportClient {
    /// A host, a network such as 10.0.0.0/8, a pattern such as `*.example.org`, or `*`.
    pub to: String,
    /// Options of exports(5), such as rw, sync, `no_subtree_check`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Names of the cluster's services, known on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterDns {
    /// The domain of the cluster.
    pub domain: String,
    /// The address of the cluster's DNS service.
    #[serde(deserialize_with = "super::value::address::one")]
    pub server: IpAddr,
    /// Domains that are tried for short names, such as svc.cluster.local.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Names with fewer dots are tried in the search domains first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 15))]
    pub ndots: Option<u8>,
    /// How long a server is waited for, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 30))]
    pub timeout_seconds: Option<u8>,
}

impl Default for ClusterDns {
    fn default() -> Self {
        Self {
            domain: "cluster.local".to_owned(),
            server: IpAddr::from([10, 96, 0, 10]),
            search: Vec::new(),
            ndots: None,
            timeout_seconds: None,
        }
    }
}

/// A directory that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Directory {
    /// Its absolute path.
    pub path: String,
    /// Its mode; without it, 0755 where it is made, and as it is otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FileMode>,
    /// The name or number of its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The name or number of its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A file system that is mounted now and at every boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mount {
    /// What is mounted: a device, `UUID=...`, `server:/path`, `tmpfs`.
    pub what: String,
    /// Where: an absolute path.
    #[serde(rename = "where")]
    pub target: String,
    /// The type of the file system.
    #[serde(rename = "type")]
    pub kind: String,
    /// Options of mount(8).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// `NetworkManager`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkManager {
    /// Whether it leaves the links of network plugins alone.
    pub unmanaged: bool,
}
