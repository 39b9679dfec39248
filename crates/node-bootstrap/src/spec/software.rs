//! The parts of `node.yaml` that are about packages, the container runtime and Kubernetes' own programs.

use std::net::IpAddr;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::package::PackageName;
use super::value::KubernetesVersion;

/// Kubernetes' own packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubernetes {
    /// The version: 1.35 is the newest patch of the minor, 1.35.4 exactly this one.
    pub version: KubernetesVersion,
    /// Where the packages come from, where it is not the project's own host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// The packages.
    #[serde(default = "kubernetes_packages")]
    pub packages: Vec<String>,
    /// Whether an upgrade of the system leaves them alone.
    #[serde(default = "yes")]
    pub hold: bool,
}

fn kubernetes_packages() -> Vec<String> {
    ["kubelet", "kubeadm", "kubectl"].map(str::to_owned).to_vec()
}

pub(super) fn yes() -> bool {
    true
}

/// Where packages come from, where it is not the usual place: a mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Repository {
    /// What takes the place of the usual host: of `https://pkgs.k8s.io/core:/stable:` for Kubernetes (before
    /// `/v1.35/deb/`), of `https://download.docker.com/linux` for containerd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Where its key is. Without it and `keyFile`, at the usual place below `baseUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_url: Option<String>,
    /// A file with its key, in place of `keyUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// The SHA-256 of the key's file, in hexadecimal digits.
    #[serde(rename = "keySha256", skip_serializing_if = "Option::is_none")]
    pub key_sha256: Option<String>,
}

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Package {
    /// Its name, or names by family of distributions.
    pub name: PackageName,
    /// The version; without it, any that is there, else the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether an upgrade of the system leaves it alone.
    #[serde(default)]
    pub hold: bool,
}

/// The container runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Containerd {
    /// Who packs it.
    pub source: ContainerdSource,
    /// The version of the package, or the beginning of it: 2.1 or 2.1.4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The image of the container that holds a pod's namespaces; without it, the one of the Kubernetes version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_image: Option<String>,
    /// Whether systemd makes the control groups. The kubelet's `cgroupDriver` has to agree.
    pub systemd_cgroup: bool,
    /// The directory with the mirrors of registries.
    pub registry_config_path: String,
    /// Where the packages of `source: docker` come from, where it is not Docker's own host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
}

impl Default for Containerd {
    fn default() -> Self {
        Self {
            source: ContainerdSource::Distribution,
            version: None,
            sandbox_image: None,
            systemd_cgroup: true,
            registry_config_path: "/etc/containerd/certs.d".to_owned(),
            repository: None,
        }
    }
}

/// Who packs containerd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerdSource {
    /// The distribution; Docker where it packs none, as in the family of RHEL.
    #[default]
    Distribution,
    /// Docker: the package containerd.io.
    Docker,
    /// Nobody: it is there already, and only configured.
    None,
}

/// The kubelet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Kubelet {
    /// The address of the node, where it is not that of the default route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "super::value::address::maybe")]
    pub node_ip: Option<IpAddr>,
    /// Who makes the control groups.
    pub cgroup_driver: CgroupDriver,
    /// The file with the name servers that pods use for what is outside of the cluster. Without it, the host's
    /// own, or one that avoids a loop where `clusterDns` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolv_conf: Option<String>,
    /// Whether it refuses to run while there is swap; without it, as `swap` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_swap_on: Option<bool>,
    /// Whether it refuses control groups of version 1; without it, as its version does.
    #[serde(rename = "failCgroupV1", skip_serializing_if = "Option::is_none")]
    pub fail_cgroup_v1: Option<bool>,
    /// More arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_args: Vec<Argument>,
    /// Fields of `KubeletConfiguration` that have no key of their own here, as they are written there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configuration: BTreeMap<String, Value>,
}

/// Who makes the control groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CgroupDriver {
    /// systemd.
    #[default]
    Systemd,
    /// The kubelet itself.
    Cgroupfs,
}

/// An argument of a program: `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Argument {
    /// Its name, without dashes before it.
    pub name: String,
    /// Its value.
    #[schemars(with = "super::schema::Scalar")]
    pub value: String,
}

/// Whose `~/.kube/config` gets the administrator's entry merged into it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubeconfig {
    /// Names of users of the host.
    pub users: Vec<String>,
}

/// The manifest of the network plugin, applied after `kubeadm init`: a file, or a URL with its SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cni {
    /// A file on the host, an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where it is fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The SHA-256 of what is fetched, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
