//! What a host is, as a desk sees it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a host is, as a desk sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// Its name.
    pub hostname: String,
    /// The content of `/etc/machine-id`.
    pub machine_id: String,
    /// The machine's kind, as `uname -m` has it.
    pub architecture: String,
    /// Its distribution, as a person calls it.
    pub distribution: String,
    /// Addresses of its links that others may reach it at.
    pub addresses: Vec<IpAddr>,
    /// Its clock: milliseconds since 1970 began.
    pub clock_ms: i64,
    /// Versions of what is installed.
    pub versions: Versions,
    /// What it lacks of the wish, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// What is left of the upgrade to the version of the wish; `None` on a host that is no node, and where the wish names no
    /// version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_left: Option<UpgradeLeft>,
    /// What is there of a cluster.
    pub standing: Standing,
    /// Whether the API server of this very host answers, at its own address.
    #[serde(default)]
    pub serves: bool,
    /// The nodes of its cluster, if they were asked for and the API answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<KubernetesNode>>,
    /// The member of etcd on it, if there is or was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd: Option<EtcdHere>,
    /// Where data of etcd are, with or without a member: `/var/lib/etcd`, which is in the way of a new node; data that were put
    /// away; snapshots. A reset with data takes all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub etcd_data: Vec<String>,
    /// Static pods that a run which was cut short has ended, such as `kube-apiserver`; the next change starts them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_pods: Vec<String>,
    /// Certificates of the control plane that have ended, and without which neither its API server nor its member of etcd answers:
    /// names such as `etcd/peer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_certificates: Vec<String>,
    /// What `node-prep check` and `verify` find, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
}

/// Versions, without a `v`; `None` where it is not installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Versions {
    /// kubeadm.
    pub kubeadm: Option<String>,
    /// The kubelet.
    pub kubelet: Option<String>,
    /// kubectl.
    pub kubectl: Option<String>,
    /// The API server of this host, by its manifest.
    pub api_server: Option<String>,
}

/// What `apply` would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outlook {
    /// The changes, in their order: `step: what`.
    pub changes: Vec<String>,
    /// Why it cannot be done.
    pub refusals: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Why the machine has to be started again afterwards.
    pub reboot: Vec<String>,
    /// What follows `kubeadm init` and is not done, on a control plane whose API server answers: `step: what`.
    pub after_init: Vec<String>,
}

/// What is left of an upgrade on a node: which parts would do something, and whether they would be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeLeft {
    /// The part `kubeadm`: it is of another version.
    pub kubeadm: bool,
    /// The part `first` or `node`: `kubeadm upgrade` was not run to its end, or a component of the control plane has
    /// another version.
    pub node: bool,
    /// The part `kubelet`: it is of another version, or was not started again since it is of this one.
    pub kubelet: bool,
    /// Why it cannot be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

impl UpgradeLeft {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !(self.kubeadm || self.node || self.kubelet)
    }
}

/// What is there of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing.
    #[default]
    Nothing,
    /// What a killed run left. The next one takes it away.
    Half {
        /// What.
        what: String,
    },
    /// What may be in use, or not.
    Doubtful {
        /// Why.
        why: String,
    },
    /// A node.
    Node {
        /// The URL of the API server that its kubelet talks to; empty where it cannot be read.
        server: String,
        /// The hash of the key of its cluster's authority; empty where it cannot be read.
        authority: String,
        /// Whether it has the manifests of a control plane.
        control_plane: bool,
        /// Whether an API server answered the administrator's kubeconfig: at the address that all use, a proxy's or a
        /// balancer's, so it may be that of another host.
        answers: bool,
    },
}

/// A node, as the API has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesNode {
    /// Its name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// What its kubelet says of that.
    #[serde(default)]
    pub message: String,
    /// Whether new pods are kept away.
    #[serde(default)]
    pub cordoned: bool,
    /// The version of its kubelet, without a `v`.
    #[serde(default)]
    pub version: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The member of etcd on a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EtcdHere {
    /// Where its manifest is.
    pub manifest: ManifestPlace,
    /// Its name, by its manifest.
    pub name: String,
    /// Its peer URL, by its manifest.
    pub peer_url: String,
    /// Its client URL that others reach, by its manifest.
    pub client_url: String,
    /// Whether there are data.
    pub has_data: bool,
    /// Whether there are data that were put away for the time of a mending.
    pub has_old_data: bool,
    /// Whether there are data that were put away to be kept, as by a restore.
    #[serde(default)]
    pub has_kept_data: bool,
    /// What it says itself; `None` where it does not answer.
    pub view: Option<etcd::View>,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<String>,
    /// The `--etcd-servers` of the API server of this host.
    #[serde(default)]
    pub api_server: Vec<String>,
}

impl EtcdHere {
    /// Whether its member is well: it runs, is healthy, and has a vote.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.healthy && !view.learner)
    }
}

/// Where the manifest of a static pod is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManifestPlace {
    /// Nowhere.
    #[default]
    None,
    /// Where the kubelet looks.
    InPlace,
    /// Where the kubelet does not look.
    Parked,
}

/// What `node-prep check` and `verify` find, as lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Findings {
    /// What has to be mended.
    pub failures: Vec<String>,
    /// What should be known.
    pub warnings: Vec<String>,
}
