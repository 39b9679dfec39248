//! Ending a run on a cluster: everything that it made is deleted, and nothing else.

use std::time::Duration;

use anyhow::{Result, anyhow};
use k8s_apply::cluster::{CallError, Cluster, Deleting, Kind};
use k8s_apply::object::Object;
use tokio::time::{Instant, sleep};
use workflow_engine::k8s::name::{Names, ROLE, Role};
use workflow_engine::k8s::objects::WORKFLOW_PARTS;

/// How often it is looked whether pods are gone.
const LOOK: Duration = Duration::from_millis(300);

/// What was found of a run.
pub(crate) struct Found {
    /// Jobs that were deleted.
    pub(crate) jobs: usize,
    /// Other objects that were.
    pub(crate) others: usize,
}

async fn delete(
    cluster: &Cluster,
    namespace: &str,
    kind: &Kind,
    name: &str,
    uid: Option<&str>,
) -> Result<bool, CallError> {
    let target = Deleting {
        kind,
        namespace: Some(namespace),
        name,
        uid,
        resource_version: None,
        propagation: kube::api::PropagationPolicy::Background,
        dry_run: false,
    };
    cluster.delete(&target).await
}

/// Deletes what a run made: the engine first, so that nothing new is made; then all its Jobs, and the rest. Waits until
/// its pods are gone.
pub(crate) async fn cancel(
    cluster: &Cluster,
    namespace: &str,
    id: &str,
    patience: Duration,
) -> Result<Found> {
    let names = Names::new(id);
    let selector = names.selector();
    let (job_kind, pod_kind) = (Kind::of("batch/v1", "Job", "jobs"), Kind::of("v1", "Pod", "pods"));
    let mut found = Found { jobs: 0, others: 0 };
    let is_engine = |object: &Object| object.label(ROLE) == Some(Role::Engine.as_str());
    let begun = Instant::now();
    let jobs = cluster.list(&job_kind, Some(namespace), Some(&selector)).await?;
    for job in jobs.iter().filter(|job| is_engine(job)) {
        found.jobs +=
            usize::from(delete(cluster, namespace, &job_kind, job.name(), job.uid()).await?);
    }
    // The engine deletes what it made when it is asked to end, and makes nothing any more when it is gone.
    until_gone(cluster, namespace, &pod_kind, &selector, begun + patience, is_engine).await?;
    // Anew: the engine may have made some until its end.
    let jobs = cluster.list(&job_kind, Some(namespace), Some(&selector)).await?;
    for job in jobs.iter().filter(|job| job.at("/metadata/deletionTimestamp").is_none()) {
        found.jobs +=
            usize::from(delete(cluster, namespace, &job_kind, job.name(), job.uid()).await?);
    }
    // Their names are of this run alone; so they need not be listed, which would show those of others.
    let services = Kind::of("v1", "Service", "services");
    let secrets = Kind::of("v1", "Secret", "secrets");
    let config_maps = Kind::of("v1", "ConfigMap", "configmaps");
    let mut others = vec![
        (&services, names.engine()),
        (&services, names.relay()),
        (&secrets, names.worker_secret()),
    ];
    others.extend((0..=WORKFLOW_PARTS).map(|part| (&config_maps, names.workflow_part(part))));
    for (kind, name) in others {
        found.others += usize::from(delete(cluster, namespace, kind, &name, None).await?);
    }
    until_gone(cluster, namespace, &pod_kind, &selector, begun + patience, |_| true).await?;
    Ok(found)
}

async fn until_gone(
    cluster: &Cluster,
    namespace: &str,
    kind: &Kind,
    selector: &str,
    until: Instant,
    which: impl Fn(&Object) -> bool,
) -> Result<()> {
    loop {
        let pods = cluster.list(kind, Some(namespace), Some(selector)).await?;
        let left: Vec<&str> = pods.iter().filter(|pod| which(pod)).map(Object::name).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(anyhow!(
                "pods are still there: {}; the rest is deleted, say it again to go on",
                left.join(", ")
            ));
        }
        sleep(LOOK).await;
    }
}
