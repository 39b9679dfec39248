//! Runs on a cluster, seen from outside: by what the cluster holds of them.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use k8s_apply::cluster::{Cluster, Kind, LogTailOf};
use k8s_apply::object::Object;
use serde_json::{Value, json};
use workflow_engine::k8s::name::{Names, ROLE, Role, TASKS};
use workflow_engine::k8s::objects::CONTAINER;

use super::state::waits_for;

/// Lines of an engine's log that are looked through for its progress.
const LINES: i64 = 40;
/// Lines of a worker's log that are looked through for a task.
const WORKER_LINES: i64 = 100_000;

fn pod_kind() -> Kind {
    Kind::of("v1", "Pod", "pods")
}

fn job_kind() -> Kind {
    Kind::of("batch/v1", "Job", "jobs")
}

/// What a cluster holds of a run.
pub(crate) struct Standing {
    run: String,
    /// The engine's Job, in a word.
    engine: Option<String>,
    /// Its newest pod, and that pod's state.
    engine_pod: Option<(String, String)>,
    /// Pods by role and state.
    pods: BTreeMap<(String, String), usize>,
    jobs: BTreeMap<String, usize>,
    progress: Option<String>,
    /// Of pods that wait: why, and how many.
    waits: BTreeMap<String, usize>,
}

fn role(object: &Object) -> String {
    object.label(ROLE).unwrap_or("other").to_owned()
}

fn phase(pod: &Object) -> String {
    if pod.at("/metadata/deletionTimestamp").is_some() {
        return "ending".to_owned();
    }
    pod.text("/status/phase").unwrap_or("unknown").to_lowercase()
}

fn job_state(job: &Object) -> String {
    let conditions = job.at("/status/conditions").and_then(Value::as_array);
    let holds = |name: &str| {
        conditions.is_some_and(|all| {
            all.iter().any(|condition| condition["type"] == name && condition["status"] == "True")
        })
    };
    let word = if job.at("/metadata/deletionTimestamp").is_some() {
        "being deleted"
    } else if holds("Complete") {
        "ended"
    } else if holds("Failed") {
        "failed"
    } else if holds("Suspended") {
        "suspended"
    } else {
        "at work"
    };
    word.to_owned()
}

impl Standing {
    /// Asks the cluster.
    pub(crate) async fn of(cluster: &Cluster, namespace: &str, id: &str) -> Result<Self> {
        let names = Names::new(id);
        let selector = names.selector();
        let jobs = cluster.list(&job_kind(), Some(namespace), Some(&selector)).await?;
        let pods = cluster.list(&pod_kind(), Some(namespace), Some(&selector)).await?;
        if jobs.is_empty() && pods.is_empty() {
            return Err(anyhow!(
                "the namespace {namespace} has nothing of run {id}: it has ended and was cleaned up, or never was there"
            ));
        }
        let is_engine = |object: &&Object| object.label(ROLE) == Some(Role::Engine.as_str());
        let mut standing = Self {
            run: names.run().to_owned(),
            engine: jobs.iter().find(is_engine).map(job_state),
            engine_pod: None,
            pods: BTreeMap::new(),
            jobs: BTreeMap::new(),
            progress: None,
            waits: BTreeMap::new(),
        };
        for job in jobs.iter().filter(|job| !is_engine(job)) {
            *standing.jobs.entry(role(job)).or_default() += 1;
        }
        for pod in &pods {
            let phase = phase(pod);
            if phase == "pending" {
                *standing.waits.entry(waits_for(pod)).or_default() += 1;
            }
            *standing.pods.entry((role(pod), phase)).or_default() += 1;
        }
        let newest = pods.iter().filter(is_engine).max_by_key(|pod| {
            pod.text("/metadata/creationTimestamp").unwrap_or_default().to_owned()
        });
        if let Some(pod) = newest {
            standing.engine_pod = Some((pod.name().to_owned(), phase(pod)));
            let wanted = LogTailOf {
                namespace,
                pod: pod.name(),
                container: CONTAINER,
                previous: false,
                lines: LINES,
            };
            let log = cluster.log_tail(&wanted).await.unwrap_or_default();
            standing.progress = log.lines().rfind(|line| is_progress(line)).map(str::to_owned);
        }
        Ok(standing)
    }

    pub(crate) fn json(&self) -> Value {
        let pods: Vec<Value> = self
            .pods
            .iter()
            .map(|((role, state), count)| json!({"role": role, "state": state, "count": count}))
            .collect();
        json!({
            "run": self.run,
            "engine": self.engine,
            "engine_pod": self.engine_pod.as_ref().map(|(name, state)| json!({"name": name, "state": state})),
            "progress": self.progress,
            "jobs": self.jobs,
            "pods": pods,
            "waits": self.waits,
        })
    }

    pub(crate) fn text(&self) -> String {
        let mut lines = Vec::new();
        let engine = self.engine.as_deref().unwrap_or("not in the cluster");
        let pod = self
            .engine_pod
            .as_ref()
            .map(|(name, state)| format!(", pod {name} {state}"))
            .unwrap_or_default();
        lines.push(format!("run {}: engine {engine}{pod}", self.run));
        if let Some(progress) = &self.progress {
            lines.push(format!("progress: {progress}"));
        }
        for (role, count) in &self.jobs {
            lines.push(format!("jobs: {count} {role}"));
        }
        for ((role, state), count) in &self.pods {
            lines.push(format!("pods: {count} {role} {state}"));
        }
        for (why, count) in &self.waits {
            lines.push(format!("waiting: {count} for {why}"));
        }
        lines.join("\n") + "\n"
    }
}

/// Whether a line of an engine's log says how far it is: text, or an event in JSON.
fn is_progress(line: &str) -> bool {
    (line.contains(" done, ") && line.contains(" running, ")) || line.starts_with("{\"")
}

/// What a task wrote, as far as the cluster has it: the logs of its Jobs' pods, else what workers wrote for it. Answers
/// pieces with a heading each.
pub(crate) async fn logs(
    cluster: &Cluster,
    namespace: &str,
    id: &str,
    task: &str,
) -> Result<Vec<(String, String)>> {
    let names = Names::new(id);
    let pods = cluster.list(&pod_kind(), Some(namespace), Some(&names.selector())).await?;
    let mut found = Vec::new();
    for pod in &pods {
        let Some(role) = pod.label(ROLE).and_then(Role::parse) else { continue };
        if !matches!(role, Role::Task | Role::Group | Role::Pool) {
            continue;
        }
        let wanted = LogTailOf {
            namespace,
            pod: pod.name(),
            container: CONTAINER,
            previous: false,
            lines: WORKER_LINES,
        };
        // A pod that has no log yet has nothing of it.
        let Some(text) = cluster.log_tail(&wanted).await else { continue };
        let is_its_own =
            role == Role::Task && pod.annotation(TASKS).is_some_and(|keys| keys == task);
        if is_its_own {
            found.push((format!("pod {}", pod.name()), text));
            continue;
        }
        for (heading, piece) in pieces(&text) {
            if is_of(heading, task) {
                found.push((format!("pod {}: {heading}", pod.name()), piece));
            }
        }
    }
    Ok(found)
}

/// Whether a heading such as `mProject#12 (attempt 1)` is of this task: its name, or its type.
fn is_of(heading: &str, task: &str) -> bool {
    let label = heading.split(" (attempt").next().unwrap_or(heading);
    let of_type = label.split('#').next().unwrap_or(label);
    label == task || of_type == task
}

/// A worker's log, cut where tasks begin. What several tasks wrote at once cannot be told apart: it is with the one that
/// began last.
fn pieces(log: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in log.lines() {
        if let Some(heading) = line.strip_prefix("== ").filter(|text| text.contains(" (attempt ")) {
            found.push((heading, String::new()));
        } else if let Some((_, piece)) = found.last_mut() {
            piece.push_str(line);
            piece.push('\n');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workers_log_is_cut_by_tasks() {
        let log = "starting\n== mAdd#3 (attempt 1)\none\ntwo\n== mAdd#30 (attempt 2)\n== mFit#4 (attempt 1)\nx\n";
        let found = pieces(log);
        let of = |task: &str| -> Vec<String> {
            let pieces = found.iter().filter(|(heading, _)| is_of(heading, task));
            pieces.map(|(_, piece)| piece.clone()).collect()
        };
        assert_eq!(of("mAdd#3"), ["one\ntwo\n"]);
        assert_eq!(of("mAdd"), ["one\ntwo\n", ""]);
        assert_eq!(of("mFit"), ["x\n"]);
        assert!(of("m").is_empty());
    }
}
