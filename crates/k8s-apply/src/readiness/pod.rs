//! Pods.

use serde_json::Value;

use super::condition::{Condition, one_line};
use super::containers::{self, Container};
use super::verdict::{Readiness, StuckKind};
use crate::object::Object;

/// How ready a pod is.
///
/// What may pass in time, such as an image that cannot be pulled or a container that ends again and again, is
/// `Progressing` and stuck. The phase `Failed` and an image with an impossible name are `Failed`.
pub(super) fn pod(pod: &Object) -> Readiness {
    let ready = Condition::of(pod, "Ready");
    match pod.text("/status/phase").unwrap_or_default() {
        "Succeeded" => return Readiness::ready_note("it has succeeded"),
        "Failed" => return Readiness::failed(failure(pod)),
        "Unknown" => return Readiness::progressing("its node does not answer"),
        "Running" if ready.is_some_and(Condition::is_true) => return Readiness::ready(),
        _ => {}
    }
    let since = ready.and_then(Condition::since);
    if let Some(ailment) = containers::first_ailment(pod) {
        return if ailment.is_final {
            Readiness::failed(ailment.text)
        } else {
            Readiness::stuck_at(ailment.kind, ailment.text, since)
        };
    }
    if let Some(readiness) = unscheduled(pod) {
        return readiness;
    }
    Readiness::progressing(unready(pod))
}

/// Why a pod of the phase `Failed` failed.
fn failure(pod: &Object) -> String {
    let reason = pod.text("/status/reason").unwrap_or_default();
    let message = one_line(pod.text("/status/message").unwrap_or_default());
    match (reason, message.as_str()) {
        ("", "") => containers::first_failure(pod).unwrap_or_else(|| "it has failed".to_owned()),
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

/// Why it is on no node yet.
pub(super) fn unscheduled(pod: &Object) -> Option<Readiness> {
    if pod.text("/spec/nodeName").is_some() {
        return None;
    }
    let Some(scheduled) = Condition::of(pod, "PodScheduled").filter(|one| !one.is_true()) else {
        // A volume that is made for the node comes first.
        let claims: Vec<&str> = claims(pod).collect();
        let claims = if claims.is_empty() {
            String::new()
        } else {
            format!("; it uses the claim {}", claims.join(", "))
        };
        return Some(Readiness::progressing(format!("it is not on a node yet{claims}")));
    };
    // What would help by preemption comes after what is wrong.
    let message = scheduled.message();
    let message = message.split(" preemption: ").next().unwrap_or(message);
    let message = one_line(message.trim_end_matches("no new claims to deallocate,").trim_end());
    let (kind, text) = match scheduled.reason() {
        "SchedulingGated" => (StuckKind::Gated, format!("held back by {}", gates(pod))),
        _ => (StuckKind::Unschedulable, format!("no node can take it: {message}")),
    };
    Some(Readiness::stuck_at(kind, text, scheduled.since()))
}

/// The claims that a pod uses.
pub(super) fn claims(pod: &Object) -> impl Iterator<Item = &str> {
    let volumes = pod.at("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    volumes.filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")?.as_str())
}

/// `the scheduling gate example.com/quota`.
fn gates(pod: &Object) -> String {
    let gates: Vec<&str> = names(pod, "/spec/schedulingGates", "name");
    let word = if gates.len() == 1 { "gate" } else { "gates" };
    format!("the scheduling {word} {}", gates.join(", "))
}

fn names<'p>(pod: &'p Object, list: &str, key: &str) -> Vec<&'p str> {
    let all = pod.at(list).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| one.get(key)?.as_str()).collect()
}

/// What a pod on a node waits for, if nothing ails it.
fn unready(pod: &Object) -> String {
    let all = containers::all(pod);
    let inits = all.iter().filter(|one| one.is_init).count();
    let at_work = all.iter().filter(|one| one.is_init).position(|one| one.end().is_none());
    if let Some(position) = at_work {
        let Some(init) = all.iter().filter(|one| one.is_init).nth(position) else {
            return "it is being set up".to_owned();
        };
        let doing = if init.is_running() { "is running" } else { "is being started" };
        return format!("{} ({} of {inits}) {doing}", init.title(), position + 1);
    }
    let unready: Vec<&Container<'_>> =
        all.iter().filter(|one| !one.is_init && !one.is_ready() && one.end().is_none()).collect();
    match unready.as_slice() {
        [] => missing_gates(pod),
        [one] if !one.is_running() => format!("{} is being created", one.title()),
        [one] => format!("{} runs but is not ready{}", one.title(), one.restarted()),
        many => {
            let names: Vec<&str> = many.iter().map(|one| one.name).collect();
            format!("the containers {} are not ready", names.join(", "))
        }
    }
}

/// What is asked for beside the containers (KEP 580).
fn missing_gates(pod: &Object) -> String {
    let is_missing = |name: &&str| !Condition::of(pod, name).is_some_and(Condition::is_true);
    let gates: Vec<&str> = names(pod, "/spec/readinessGates", "conditionType")
        .into_iter()
        .filter(is_missing)
        .collect();
    if gates.is_empty() {
        "it is not ready".to_owned()
    } else {
        format!("its containers are ready; it waits for the condition {}", gates.join(", "))
    }
}
