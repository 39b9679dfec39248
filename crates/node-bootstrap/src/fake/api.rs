//! The API of a cluster in memory, which several hosts in memory can share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;

/// What the API knows of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeApi {
    /// The version that the configuration of the cluster names, such as `1.35.4`.
    pub version: String,
    /// Its nodes, by their names.
    pub nodes: BTreeMap<String, FakeNode>,
    /// Whether a network plugin was applied.
    pub network: bool,
    /// Nodes that were drained, in this order.
    pub drained: Vec<String>,
    /// The configuration of the cluster, as kubeadm keeps it.
    pub configuration: String,
    /// Whether a `kubeadm join` of a control plane that is cut short has made its member of etcd before; else the member
    /// was taken in and never started.
    pub cut_late: bool,
    /// Whether nobody answers at the address that all use: an API server does at its own only.
    pub cut_off: bool,
    /// How often an upgrade comes too early: the API server and the controllers were just started again.
    pub starting: usize,
}

/// A node, as the API knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeNode {
    /// Whether its kubelet says that it does not work.
    pub broken: bool,
    /// Whether new pods are kept away.
    pub cordoned: bool,
    /// The version of its kubelet.
    pub version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The peer URL of the member of etcd on it.
    pub peer_url: Option<String>,
    /// Keys of its taints.
    pub taints: BTreeSet<String>,
}

/// An API that several hosts share.
#[derive(Debug, Clone, Default)]
pub struct SharedApi(Arc<Mutex<FakeApi>>);

impl SharedApi {
    /// Looks at it, or changes it.
    pub fn with<T>(&self, change: impl FnOnce(&mut FakeApi) -> T) -> T {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, FakeApi> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeApi {
    /// Whether a node is Ready.
    #[must_use]
    pub fn is_ready(&self, name: &str) -> bool {
        self.network && self.nodes.get(name).is_some_and(|node| !node.broken)
    }

    /// A node has registered.
    pub(super) fn register(&mut self, name: &str, control_plane: bool) {
        let version = self.version.clone();
        let node = self
            .nodes
            .entry(name.to_owned())
            .or_insert_with(|| FakeNode { version, ..FakeNode::default() });
        if control_plane {
            let label = "node-role.kubernetes.io/control-plane";
            node.labels.insert(label.to_owned(), String::new());
        }
    }

    /// What `kubectl get nodes -o json` says.
    pub(super) fn list(&self) -> String {
        let node = |(name, node): (&String, &FakeNode)| {
            let is_ready = self.is_ready(name);
            let message = if is_ready {
                "kubelet is posting ready status"
            } else if node.broken {
                "Kubelet stopped posting node status."
            } else {
                "cni plugin not initialized"
            };
            json!({
                "metadata": {"name": name, "labels": node.labels, "annotations": node.annotations},
                "spec": {"unschedulable": node.cordoned},
                "status": {
                    "conditions": [{
                        "type": "Ready",
                        "status": if is_ready { "True" } else { "False" },
                        "message": message,
                    }],
                    "nodeInfo": {"kubeletVersion": format!("v{}", node.version)},
                },
            })
        };
        json!({"kind": "List", "items": self.nodes.iter().map(node).collect::<Vec<_>>()})
            .to_string()
    }

    /// What kubectl does to nodes; `None` for other words. Answers what it says, or why not.
    pub(super) fn kubectl(&mut self, words: &[&str]) -> Option<Result<String, String>> {
        let plain: Vec<&str> =
            words.iter().copied().filter(|word| !word.starts_with('-')).collect();
        let name = match plain.as_slice() {
            ["cordon" | "uncordon" | "drain", name]
            | ["delete" | "label" | "annotate" | "taint", "node" | "nodes", name, ..] => name,
            ["delete" | "label", name, ..] if name.starts_with("node/") => name,
            _ => return None,
        };
        let name = name.strip_prefix("node/").unwrap_or(name);
        if words.first() == Some(&"delete") {
            let is_gone = self.nodes.remove(name).is_some();
            if is_gone || words.contains(&"--ignore-not-found") {
                return Some(Ok(format!("node \"{name}\" deleted\n")));
            }
        }
        let Some(node) = self.nodes.get_mut(name) else {
            return Some(Err(format!("Error from server (NotFound): nodes \"{name}\" not found")));
        };
        match words.first() {
            Some(&"cordon") => node.cordoned = true,
            Some(&"uncordon") => node.cordoned = false,
            Some(&"drain") => {
                node.cordoned = true;
                self.drained.push(name.to_owned());
            }
            Some(verb @ (&"label" | &"annotate")) => {
                let of = if *verb == "label" { &mut node.labels } else { &mut node.annotations };
                for pair in plain.iter().skip_while(|word| !word.ends_with(name)).skip(1) {
                    if let Some((key, value)) = pair.split_once('=') {
                        of.insert(key.to_owned(), value.to_owned());
                    } else if let Some(key) = pair.strip_suffix('-') {
                        of.remove(key);
                    }
                }
            }
            Some(&"taint") => {
                for taint in plain.iter().skip_while(|word| !word.ends_with(name)).skip(1) {
                    let key = taint.split(['=', ':', '-']).next().unwrap_or_default();
                    if taint.ends_with('-') {
                        node.taints.remove(key);
                    } else {
                        node.taints.insert(key.to_owned());
                    }
                }
            }
            _ => {}
        }
        Some(Ok(format!("node/{name}\n")))
    }
}
