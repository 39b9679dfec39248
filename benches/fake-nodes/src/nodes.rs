//! The nodes: registered once, and alive for as long as the program runs.

use std::time::Duration;

use anyhow::bail;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::api::Api;

/// The address that every node has. Nobody connects to it.
pub(crate) const ADDRESS: &str = "100.64.0.1";
/// How often a kubelet renews its lease.
const RENEW: Duration = Duration::from_secs(10);
/// How long the controllers may take to find the nodes usable.
const USABLE: Duration = Duration::from_mins(1);

/// What a node has.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Capacity {
    /// Processors of each node.
    #[arg(long, default_value_t = 64)]
    pub(crate) cpus: u32,
    /// Memory of each node, as a quantity.
    #[arg(long, default_value = "256Gi")]
    pub(crate) memory: String,
    /// Pods that fit into each node.
    #[arg(long, default_value_t = 250)]
    pub(crate) pods: u32,
}

/// What is read of a node.
#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    spec: NodeSpec,
}

#[derive(Default, Deserialize)]
struct NodeSpec {
    #[serde(default)]
    taints: Vec<Value>,
}

/// The names of the nodes.
pub(crate) fn names(prefix: &str, count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix}-{number}")).collect()
}

/// The time as the API writes it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Registers the nodes, and waits until pods may be put there.
pub(crate) async fn register(
    api: &Api,
    names: &[String],
    capacity: &Capacity,
) -> anyhow::Result<()> {
    for name in names {
        let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "windlass.dev/fake-node": "true"});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        api.create("/api/v1/nodes", &node).await?;
        let resources = json!({"cpu": capacity.cpus.to_string(), "memory": capacity.memory, "pods": capacity.pods.to_string(), "ephemeral-storage": "1Ti"});
        let time = now();
        let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": reason, "lastHeartbeatTime": time, "lastTransitionTime": time});
        let status = json!({"status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": name}],
            "nodeInfo": {
                "kubeletVersion": "v0.0.0-fake", "kubeProxyVersion": "", "containerRuntimeVersion": "fake://0",
                "operatingSystem": "linux", "architecture": "amd64", "osImage": "fake", "kernelVersion": "0",
                "machineID": name, "systemUUID": name, "bootID": name,
            },
            "conditions": [
                condition("Ready", "True", "KubeletReady"),
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            ],
        }});
        api.patch(&format!("/api/v1/nodes/{name}/status"), &status).await?;
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renew_time()},
        });
        api.create("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", &lease)
            .await?;
    }
    let deadline = Instant::now() + USABLE;
    for name in names {
        loop {
            let node: Node = api.get(&format!("/api/v1/nodes/{name}")).await?;
            if node.spec.taints.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                bail!(
                    "node {name} still has taints after {} s: is the controller manager there?",
                    USABLE.as_secs()
                );
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

fn renew_time() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Renews the leases for ever, spread over time.
pub(crate) async fn keep_alive(api: &Api, names: &[String]) {
    let step = RENEW / names.len().max(1) as u32;
    loop {
        for name in names {
            let path =
                format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}");
            // If the server does not answer now, it may in ten seconds.
            let _ = api.patch(&path, &json!({"spec": {"renewTime": renew_time()}})).await;
            sleep(step).await;
        }
    }
}

/// Takes the nodes away.
pub(crate) async fn remove(api: &Api, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        api.delete_now(&format!("/api/v1/nodes/{name}"), None).await?;
    }
    Ok(())
}
