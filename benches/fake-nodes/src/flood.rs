//! Pods made as fast as the server takes them, put onto nodes without a scheduler: what server and nodes can do at most.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::api::Api;
use crate::nodes;
use crate::pod::PodList;

/// How many pods are made at once.
const AT_ONCE: usize = 32;
/// How long the last pod may take to end.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, clap::Args)]
pub(crate) struct Flood {
    /// Kubeconfig with the rights of an administrator.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// How many nodes there are.
    #[arg(long, default_value_t = 8)]
    nodes: u32,
    /// What their names begin with.
    #[arg(long, default_value = "fake")]
    prefix: String,
    /// How many pods.
    #[arg(long, default_value_t = 3000)]
    count: u32,
    /// How long each is to run.
    #[arg(long, default_value_t = 0.0)]
    seconds: f64,
    /// Their namespace, which must be there.
    #[arg(long, default_value = "default")]
    namespace: String,
}

/// Makes the pods, awaits their ends, takes them away, and prints the rates.
pub(crate) async fn run(arguments: &Flood) -> anyhow::Result<()> {
    let api = Api::connect(&arguments.kubeconfig).await?;
    let names = nodes::names(&arguments.prefix, arguments.nodes);
    ensure!(!names.is_empty(), "no nodes");
    let pods = format!("/api/v1/namespaces/{}/pods", arguments.namespace);
    let run = format!("flood-{}", std::process::id());
    let begun = Instant::now();
    let made = stream::iter(0..arguments.count).map(|number| {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{run}-{number}"), "labels": {"windlass.dev/run": run},
                "annotations": {"windlass.dev/fake-seconds": arguments.seconds.to_string()},
            },
            "spec": {
                "nodeName": names[number as usize % names.len()], "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "containers": [{"name": "main", "image": "none", "command": ["none"]}],
            },
        });
        let (api, pods) = (&api, &pods);
        async move { api.create(pods, &pod).await }
    });
    made.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
    let made = begun.elapsed().as_secs_f64();
    let mut phases = HashMap::new();
    while begun.elapsed() < PATIENCE {
        let list: PodList = api
            .get(&format!("{pods}?labelSelector=windlass.dev/run%3D{run}&resourceVersion=0"))
            .await
            .context("failed to list the pods")?;
        phases.clear();
        for pod in &list.items {
            *phases.entry(pod.status.phase.clone()).or_insert(0_u32) += 1;
        }
        if phases.get("Succeeded") == Some(&arguments.count) {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    let all = begun.elapsed().as_secs_f64();
    let gone = stream::iter(0..arguments.count).map(|number| {
        let (api, path) = (&api, format!("{pods}/{run}-{number}"));
        async move { api.delete_now(&path, None).await }
    });
    gone.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
    let count = f64::from(arguments.count);
    crate::print(
        &json!({"pods": arguments.count, "created_per_second": count / made, "ended_per_second": count / all, "phases": phases})
            .to_string(),
    )
}
