//! What the pods and events of an object say about why it is not ready.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};

use super::Target;

use crate::cluster::{Cluster, Filter, Kind, LogTailOf};
use crate::object::{Object, ObjectKey};
use crate::readiness::pods::{LogTail, why};
use crate::readiness::{PodQuery, pods_of};

/// How long an answer is told before it is asked for again.
const FRESH: Duration = Duration::from_secs(15);
/// About how many objects is asked at a time.
const ASKED: usize = 8;
/// How long the answer may take. Meanwhile nothing else is looked at.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many causes are told of each.
const CAUSES: usize = 3;
/// How many lines of a log.
const LOG_LINES: i64 = 5;

/// What is known about why objects are not ready.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    /// Why nothing can be seen at the moment.
    pub(super) trouble: Option<String>,
    known: HashMap<ObjectKey, (Instant, Vec<String>)>,
    with_logs: bool,
}

impl Reasons {
    /// Has everything asked anew, with the ends of logs.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.with_logs = true;
    }

    /// Asks about those objects of which nothing recent is known.
    pub(super) async fn ask(&mut self, cluster: &Cluster, targets: &[&Target]) {
        let with_logs = self.with_logs;
        let old = targets
            .iter()
            .filter(|one| self.known.get(&one.key).is_none_or(|(when, _)| when.elapsed() > FRESH))
            .take(ASKED);
        let found: Vec<_> = stream::iter(old)
            .map(|target| async move {
                let lines = timeout(PATIENCE, ask(cluster, target, with_logs)).await;
                (target.key.clone(), lines.unwrap_or_default())
            })
            .buffer_unordered(ASKED)
            .collect()
            .await;
        for (key, lines) in found {
            self.known.insert(key, (Instant::now(), lines));
        }
    }

    /// What is known about an object.
    pub(super) fn of(&self, key: &ObjectKey) -> Vec<String> {
        let known = self.known.get(key).map(|(_, lines)| lines.clone()).unwrap_or_default();
        known.into_iter().chain(self.trouble.clone()).collect()
    }
}

/// Asks the cluster. What cannot be read is left out: this is help, not a duty.
async fn ask(cluster: &Cluster, target: &Target, with_logs: bool) -> Vec<String> {
    let Some(object) = &target.object else { return Vec::new() };
    let namespace = target.key.namespace.as_deref();
    let pods = match pods_of(object) {
        Some(PodQuery::Labels(selector)) => {
            let kind = Kind::of("v1", "Pod", "pods");
            cluster.list(&kind, namespace, Some(&selector)).await.unwrap_or_default()
        }
        Some(PodQuery::Name(_)) | None => Vec::new(),
    };
    let events = match namespace {
        Some(_) => {
            let kind = Kind::of("v1", "Event", "events");
            let warnings = Filter { fields: Some("type=Warning"), ..Filter::default() };
            cluster.list_where(&kind, namespace, &warnings).await.unwrap_or_default()
        }
        None => Vec::new(),
    };
    let itself = [object.clone()];
    let pods: &[Object] = if pods.is_empty() && object.is("", "Pod") { &itself } else { &pods };
    let why = why(object, pods, &events);
    let mut lines: Vec<String> = why.causes.iter().take(CAUSES).map(ToString::to_string).collect();
    if let Some(tail) = why.log.as_ref().filter(|_| with_logs) {
        lines.extend(log(cluster, tail).await);
    }
    lines
}

/// The last lines of a container's log.
async fn log(cluster: &Cluster, tail: &LogTail) -> Vec<String> {
    let wanted = LogTailOf {
        namespace: tail.namespace.as_deref().unwrap_or("default"),
        pod: &tail.pod,
        container: &tail.container,
        previous: tail.previous,
        lines: LOG_LINES,
    };
    let Some(text) = cluster.log_tail(&wanted).await else { return Vec::new() };
    text.lines().map(|line| format!("log of {}/{}: {line}", tail.pod, tail.container)).collect()
}
