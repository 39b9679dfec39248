//! Input that is brought in before a run: the files of an image, copied to the claim.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use cli::{invalid, note};
use k8s_apply::cluster::{Cluster, Deleting, Kind, LogTailOf};
use k8s_apply::follow::{Follower, News};
use k8s_apply::object::Object;
use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, timeout_at};
use workflow_engine::k8s::fault::{self, PodEnd, PodState};
use workflow_engine::k8s::objects::{CONTAINER, Objects};

use super::state::waits_for;

/// Where an image has its files, if nothing else is said.
const DATA: &str = "/data";
/// Lines of the log that are shown when it fails.
const LINES: i64 = 10;

/// `IMAGE[:PATH]`.
pub(super) fn parse(text: &str) -> Result<(&str, &str)> {
    // A tag has no `/` at its begin.
    let (image, path) = match text.rfind(":/") {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, DATA),
    };
    if image.is_empty() {
        return Err(invalid(format!("--input-image {text}: expected IMAGE[:/PATH]")));
    }
    Ok((image, path))
}

/// Copies from each of the images what was not copied before: the run's folder remembers it.
pub(super) async fn bring(
    cluster: &Cluster,
    objects: &Objects,
    images: &[String],
    run_dir: &Path,
    patience: Duration,
) -> Result<()> {
    for (number, text) in (0_u32..).zip(images) {
        let marker = run_dir.join(format!("input-{number}"));
        if std::fs::read_to_string(&marker).is_ok_and(|done| done == *text) {
            continue;
        }
        let (image, path) = parse(text)?;
        note(&format!(
            "input: copying {path} of the image {image} to {}",
            objects.settings.work_dir
        ));
        let begun = Instant::now();
        let copied = one(cluster, objects, number, (image, path), begun + patience).await;
        let job = objects.names.input(number);
        let deleted = cluster
            .delete(&Deleting {
                kind: &Kind::of("batch/v1", "Job", "jobs"),
                namespace: Some(&objects.settings.namespace),
                name: &job,
                uid: None,
                resource_version: None,
                propagation: kube::api::PropagationPolicy::Background,
                dry_run: false,
            })
            .await;
        copied.with_context(|| format!("input from the image {image} could not be copied"))?;
        deleted?;
        std::fs::write(&marker, text)
            .with_context(|| format!("failed to write {}", marker.display()))?;
        note(&format!("input: copied in {}", cli::seconds(begun.elapsed().as_secs_f64())));
    }
    Ok(())
}

async fn one(
    cluster: &Cluster,
    objects: &Objects,
    number: u32,
    (image, path): (&str, &str),
    until: Instant,
) -> Result<()> {
    let job = Object::try_from(objects.input_job(number, image, path)?)
        .context("an object for the cluster cannot be made")?;
    // One that is there is of an earlier engine of the run: it does the same.
    cluster.create(&Kind::of("batch/v1", "Job", "jobs"), &job).await?;
    let namespace = objects.settings.namespace.as_str();
    let mut pods = Follower::new(cluster, Kind::of("v1", "Pod", "pods"), Some(namespace));
    pods.labels = Some(format!("batch.kubernetes.io/job-name={}", job.name()));
    let mut waits = "its pod".to_owned();
    loop {
        let Ok(news) = timeout_at(until, pods.next()).await else {
            return Err(anyhow!(
                "the time is over; it waited for {waits} (--input-wait says how long)"
            ));
        };
        let seen = match news {
            News::All(pods) => pods,
            News::Changed(pod) => vec![pod],
            News::Deleted(_) => return Err(anyhow!("its pod was deleted")),
            News::Trouble(why) => {
                waits = format!("the cluster: {why}");
                continue;
            }
            News::Forbidden => return Err(anyhow!("not allowed to watch pods")),
        };
        for object in seen {
            let Ok(pod) = serde_json::from_value::<Pod>(object.value().clone()) else { continue };
            match fault::read(&pod) {
                PodState::Running => "the copying".clone_into(&mut waits),
                PodState::Waiting { .. } => {
                    let now = waits_for(&object);
                    if now != waits && now.contains(':') {
                        note(&format!("input: waiting for {now}"));
                    }
                    waits = now;
                }
                PodState::Ended(PodEnd::Completed { exit: 0, .. }) => return Ok(()),
                PodState::Ended(end) => {
                    let wanted = LogTailOf {
                        namespace,
                        pod: object.name(),
                        container: CONTAINER,
                        previous: false,
                        lines: LINES,
                    };
                    let log = cluster.log_tail(&wanted).await.unwrap_or_default();
                    let why = match end {
                        PodEnd::Completed { exit, .. } => format!("exit code {exit}"),
                        PodEnd::OutOfMemory => "memory ran out".to_owned(),
                        PodEnd::Fault { message, .. } => message,
                    };
                    return Err(anyhow!("{why}\n{}", log.trim_end()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_tag() {
        assert_eq!(parse("reg:5000/sky:1").unwrap_or_default(), ("reg:5000/sky:1", "/data"));
        assert_eq!(parse("reg:5000/sky:1:/in").unwrap_or_default(), ("reg:5000/sky:1", "/in"));
        assert!(parse(":/in").is_err());
    }
}
