//! Warnings about a workload and its pods.

use std::collections::BTreeMap;

use super::{Finding, Rank};
use crate::object::Object;
use crate::readiness::condition::{Condition, one_line};
use crate::readiness::pod;
use crate::readiness::verdict::StuckKind;

/// Reasons that only repeat what the status of a pod says, or that keep no pod from being ready.
const PASSED_OVER: [&str; 7] = [
    "BackOff",
    "DNSConfigForming",
    "Failed",
    "FailedScheduling",
    "InspectFailed",
    "MissingClusterDNS",
    "MultiplePodDisruptionBudgets",
];

/// What warnings add to what the pods say. Of those with the same reason about the same thing the last counts.
///
/// That pods cannot be created counts only while there are too few: events outlive what they report by an hour.
pub(super) fn findings(
    workload: &Object,
    pods: &[&Object],
    events: &[Object],
    lacks_pods: bool,
) -> Vec<Finding> {
    let mut last: BTreeMap<(String, &str), &Object> = BTreeMap::new();
    for event in events.iter().filter(|event| event.text("/type") == Some("Warning")) {
        let reason = event.text("/reason").unwrap_or_default();
        let about = About::of(event);
        let Some(subject) = about.subject(workload, pods) else { continue };
        let is_creation = reason.starts_with("FailedCreate") && !about.is_pod();
        let is_known = about.is(workload) && Condition::says(workload, reason);
        let is_vain = if is_creation { !lacks_pods } else { is_known };
        if is_vain || PASSED_OVER.contains(&reason) {
            continue;
        }
        let known = last.entry((subject, reason)).or_insert(event);
        if time(known) < time(event) {
            *known = event;
        }
    }
    let mut findings: Vec<(&str, Finding)> = last
        .into_iter()
        .map(|((subject, reason), event)| (time(event), finding(subject, reason, event)))
        .collect();
    findings.sort_by(|one, two| two.0.cmp(one.0));
    findings.into_iter().map(|(_, finding)| finding).collect()
}

/// The object that an event is about.
struct About<'e> {
    kind: &'e str,
    name: &'e str,
    uid: Option<&'e str>,
}

impl<'e> About<'e> {
    fn of(event: &'e Object) -> Self {
        let field = |name: &str| {
            event
                .text(&format!("/involvedObject/{name}"))
                .or_else(|| event.text(&format!("/regarding/{name}")))
        };
        Self {
            kind: field("kind").unwrap_or_default(),
            name: field("name").unwrap_or_default(),
            uid: field("uid"),
        }
    }

    fn is_pod(&self) -> bool {
        self.kind == "Pod"
    }

    fn is(&self, object: &Object) -> bool {
        match (self.uid, object.uid()) {
            (Some(one), Some(two)) => one == two,
            _ => self.kind == object.kind() && self.name == object.name(),
        }
    }

    /// How the object is named, if it has to do with the workload.
    fn subject(&self, workload: &Object, pods: &[&Object]) -> Option<String> {
        let is_ours = match self.kind {
            "Pod" => pods.iter().any(|pod| self.is(pod)),
            "PersistentVolumeClaim" => {
                pods.iter().any(|pod| pod::claims(pod).any(|name| name == self.name))
            }
            "ReplicaSet" if workload.kind() == "Deployment" => {
                let hash =
                    self.name.strip_prefix(workload.name()).and_then(|rest| rest.strip_prefix('-'));
                hash.is_some_and(|hash| !hash.is_empty() && !hash.contains('-'))
            }
            _ => self.is(workload),
        };
        let kind = if self.is_pod() { "pod" } else { self.kind };
        is_ours.then(|| format!("{kind} {}", self.name))
    }
}

/// When an event was seen last, in the form of RFC 3339 and always in UTC, so that texts can be compared.
fn time(event: &Object) -> &str {
    ["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/eventTime"]
        .iter()
        .find_map(|pointer| event.text(pointer))
        .unwrap_or_default()
}

fn finding(subject: String, reason: &str, event: &Object) -> Finding {
    let message = event.text("/message").or_else(|| event.text("/note")).unwrap_or_default();
    let message = one_line(message);
    let (rank, stuck) = match reason {
        _ if reason.starts_with("FailedCreatePodSandBox") => (Rank::Container, None),
        _ if reason.starts_with("FailedCreate") => (Rank::NoPods, Some(StuckKind::Refused)),
        "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" | "ProvisioningFailed"
        | "FailedBinding" => (Rank::Volume, Some(StuckKind::Volume)),
        "Unhealthy" | "ProbeWarning" => (Rank::Probe, None),
        _ => (Rank::Warning, None),
    };
    let text = match (rank, message.is_empty()) {
        (_, true) => reason.to_owned(),
        (Rank::Probe, false) => message,
        (_, false) => format!("{message} ({reason})"),
    };
    Finding { rank, subject, text, stuck }
}
