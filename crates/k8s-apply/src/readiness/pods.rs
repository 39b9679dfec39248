//! Why a workload is not ready, told by its pods and by warnings about it.
//!
//! The caller asks the API for the pods ([`pods_of`](super::pods_of)) and for the events of the namespace; [`why`] makes
//! a few sentences of them, the most important first, and says whose log would tell more. Nothing is asked here.

mod events;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::condition::Condition;
use super::containers;
use super::pod;
use super::replicas;
use super::verdict::{Readiness, StuckKind};
use crate::object::Object;

/// One cause why a workload is not ready.
///
/// Shown as `pod web-1 and 2 more: container app cannot pull its image: ...`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What it is about, such as `pod web-1` or `ReplicaSet web-7f`.
    pub subject: String,
    /// How many others have the same.
    pub more: usize,
    /// The cause itself.
    pub text: String,
    /// Set if waiting alone hardly helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck: Option<StuckKind>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Whose log would tell more: what to ask `pods/NAME/log` for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogTail {
    /// The namespace of the pod.
    pub namespace: Option<String>,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Whether the log of its last run is wanted, not that of the present one.
    pub previous: bool,
}

/// Why a workload is not ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The causes, the most important first.
    pub causes: Vec<Cause>,
    /// Whose log would tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogTail>,
}

/// How much a cause matters; the first matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    NoPods,
    Container,
    Unscheduled,
    Volume,
    Probe,
    Warning,
    Unready,
}

/// A cause with what it is ordered by.
struct Finding {
    rank: Rank,
    subject: String,
    text: String,
    stuck: Option<StuckKind>,
}

/// Why a workload is not ready. `pods` are its pods, `events` those of its namespace, of `v1` or
/// `events.k8s.io/v1`; events about other things are passed over, and so are pods that are ready or being deleted.
#[must_use]
pub fn why(workload: &Object, pods: &[Object], events: &[Object]) -> Why {
    let present: Vec<&Object> =
        pods.iter().filter(|pod| pod.text("/metadata/deletionTimestamp").is_none()).collect();
    let unready: Vec<&Object> = present
        .iter()
        .copied()
        .filter(|pod| !Condition::of(pod, "Ready").is_some_and(Condition::is_true))
        .filter(|pod| pod.text("/status/phase") != Some("Succeeded"))
        .collect();
    let mut findings: Vec<Finding> = unready.iter().filter_map(|pod| finding(pod)).collect();
    let lacks_pods = usize::try_from(wanted_pods(workload)).is_ok_and(|many| present.len() < many);
    findings.extend(events::findings(workload, &unready, events, lacks_pods));
    findings.sort_by_key(|finding| finding.rank);
    drop_vague(&mut findings);
    Why { causes: grouped(findings), log: log_tail(&unready) }
}

/// How many pods a workload should have at once.
fn wanted_pods(workload: &Object) -> i64 {
    match workload.kind() {
        "Pod" => 1,
        "Job" => workload.number("/spec/parallelism").unwrap_or(1),
        "DaemonSet" => replicas::counter(workload, "desiredNumberScheduled"),
        _ => replicas::wanted(workload),
    }
}

/// What the status of a pod itself tells.
fn finding(pod: &Object) -> Option<Finding> {
    let subject = format!("pod {}", pod.name());
    let (rank, readiness) = match pod::unscheduled(pod) {
        Some(readiness) => (Rank::Unscheduled, readiness),
        None => match pod::pod(pod) {
            Readiness::Ready { .. } | Readiness::Terminating(_) => return None,
            readiness if readiness.is_failed() || readiness.stuck().is_some() => {
                (Rank::Container, readiness)
            }
            readiness => (Rank::Unready, readiness),
        },
    };
    let stuck = readiness.stuck().map(|stuck| stuck.kind);
    Some(Finding { rank, subject, text: readiness.text()?.to_owned(), stuck })
}

/// Leaves out warnings of any kind, and that a container is not ready, where more is known about the same thing.
fn drop_vague(findings: &mut Vec<Finding>) {
    let explained: BTreeSet<String> = findings
        .iter()
        .filter(|finding| finding.rank < Rank::Warning)
        .map(|finding| finding.subject.clone())
        .collect();
    findings
        .retain(|finding| finding.rank < Rank::Warning || !explained.contains(&finding.subject));
}

/// Findings with the same text become one cause.
fn grouped(findings: Vec<Finding>) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for Finding { subject, text, stuck, .. } in findings {
        match causes.iter_mut().find(|cause| cause.text == text) {
            Some(cause) if cause.subject == subject => {}
            Some(cause) => cause.more += 1,
            None => causes.push(Cause { subject, more: 0, text, stuck }),
        }
    }
    causes
}

/// The container whose log tells most: one that ended with an error, else one that runs and is not ready.
fn log_tail(pods: &[&Object]) -> Option<LogTail> {
    let tail = |pod: &Object, container: containers::Container<'_>, previous| LogTail {
        namespace: pod.namespace().map(str::to_owned),
        pod: pod.name().to_owned(),
        container: container.name.to_owned(),
        previous,
    };
    let all =
        || pods.iter().flat_map(|pod| containers::all(pod).into_iter().map(move |one| (*pod, one)));
    let failed = all().find_map(|(pod, one)| Some((pod, one, one.failed_log()?)));
    if let Some((pod, container, run)) = failed {
        return Some(tail(pod, container, run == containers::Run::Last));
    }
    let (pod, container) = all().find(|(_, one)| one.is_running() && !one.is_ready())?;
    Some(tail(pod, container, false))
}

#[cfg(test)]
mod tests;
