//! Deployments, `ReplicaSets`, `ReplicationControllers`, `DaemonSets`.

use super::condition::{Condition, one_line};
use super::generic::unseen;
use super::verdict::{Readiness, StuckKind};
use crate::object::Object;

/// How many replicas are wanted; one if the field is missing, as the API server has it.
pub(super) fn wanted(object: &Object) -> i64 {
    object.number("/spec/replicas").unwrap_or(1)
}

/// A counter of the status; counters that are zero are left out there.
pub(super) fn counter(object: &Object, name: &str) -> i64 {
    object.at("/status").and_then(|status| status.get(name)?.as_i64()).unwrap_or(0)
}

/// `2 of 3 replicas are available`.
pub(super) fn part(count: i64, wanted: i64, word: &str) -> String {
    format!("{count} of {wanted} replicas are {word}")
}

/// What is said of an object that wants no replicas.
pub(super) const NOTHING_WANTED: &str = "0 replicas wanted";

/// How ready a Deployment is.
pub(super) fn deployment(object: &Object) -> Readiness {
    if let Some(readiness) = unseen(object) {
        return readiness;
    }
    let wanted = wanted(object);
    let [replicas, updated, available] =
        ["replicas", "updatedReplicas", "availableReplicas"].map(|name| counter(object, name));
    let progress = Condition::of(object, "Progressing");
    let is_paused = object.at("/spec/paused").and_then(serde_json::Value::as_bool) == Some(true);

    if is_paused {
        return if updated < wanted {
            Readiness::ready_warning(format!("paused: {}", part(updated, wanted, "updated")))
        } else {
            Readiness::ready_note("paused")
        };
    }
    if progress.is_some_and(|one| one.reason() == "ProgressDeadlineExceeded") {
        let seconds = object.number("/spec/progressDeadlineSeconds").unwrap_or(600);
        let counts = part(available.min(updated), wanted, "updated and available");
        return Readiness::failed(format!("no progress in {seconds} s: {counts}"));
    }
    if let Some(readiness) = refused(object, replicas.min(updated), wanted) {
        return readiness;
    }
    if replicas > updated {
        return Readiness::progressing(if updated < wanted {
            let revision = progress.and_then(|one| named_revision(one.message()));
            let revision = revision.map(|name| format!(" {name}")).unwrap_or_default();
            format!("revision{revision} not rolled out: {updated} of {wanted} updated")
        } else {
            older(replicas - updated)
        });
    }
    if let Some(readiness) = counted(wanted, replicas, available) {
        return readiness;
    }
    if let Some(condition) = Condition::of(object, "Available").filter(|one| one.is_false()) {
        return Readiness::progressing(condition.text());
    }
    ready_unless_zero(wanted)
}

/// How ready a `ReplicaSet` or a `ReplicationController` is.
pub(super) fn replica_set(object: &Object) -> Readiness {
    if let Some(readiness) = unseen(object) {
        return readiness;
    }
    let wanted = wanted(object);
    let [replicas, labelled, available] =
        ["replicas", "fullyLabeledReplicas", "availableReplicas"].map(|name| counter(object, name));
    if let Some(readiness) = refused(object, replicas, wanted) {
        return readiness;
    }
    if let Some(readiness) = counted(wanted, replicas, available) {
        return readiness;
    }
    // A ReplicationController of an old cluster does not count these.
    let counts_labels = object.at("/status/fullyLabeledReplicas").is_some();
    if counts_labels && labelled < wanted {
        return Readiness::progressing(part(labelled, wanted, "labelled as the template says"));
    }
    ready_unless_zero(wanted)
}

/// How ready a `DaemonSet` is.
pub(super) fn daemon_set(object: &Object) -> Readiness {
    if let Some(readiness) = unseen(object) {
        return readiness;
    }
    let [desired, current, updated, available] = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "updatedNumberScheduled",
        "numberAvailable",
    ]
    .map(|name| counter(object, name));
    let part = |count: i64, word: &str| format!("{count} of {desired} pods are {word}");
    let by_hand = object.text("/spec/updateStrategy/type") == Some("OnDelete");

    if desired == 0 {
        return Readiness::ready_warning("no node matches it, so it has no pods");
    }
    if current < desired {
        return Readiness::progressing(part(current, "created"));
    }
    if updated < desired && !by_hand {
        return Readiness::progressing(part(updated, "updated"));
    }
    if available < desired {
        return Readiness::progressing(part(available, "available"));
    }
    if updated < desired {
        let part = part(updated, "updated");
        return Readiness::ready_note(format!("{part}; the others when they are deleted"));
    }
    Readiness::ready()
}

/// That the API server refuses to create pods, as a controller reports it.
fn refused(object: &Object, replicas: i64, wanted: i64) -> Option<Readiness> {
    let failure = Condition::of(object, "ReplicaFailure").filter(|one| one.is_true())?;
    if replicas >= wanted && failure.reason() != "FailedDelete" {
        return None;
    }
    let text = format!("{}: {}", part(replicas, wanted, "created"), failure.text());
    Some(Readiness::stuck_at(StuckKind::Refused, one_line(&text), failure.since()))
}

/// What is missing if all replicas are of one revision.
pub(super) fn counted(wanted: i64, replicas: i64, available: i64) -> Option<Readiness> {
    let text = if replicas < wanted {
        part(replicas, wanted, "created")
    } else if replicas > wanted {
        match replicas - wanted {
            1 => "1 replica too many is being removed".to_owned(),
            many => format!("{many} replicas too many are being removed"),
        }
    } else if available < wanted {
        part(available, wanted, "available")
    } else {
        return None;
    };
    Some(Readiness::progressing(text))
}

/// The end of each rule.
pub(super) fn ready_unless_zero(wanted: i64) -> Readiness {
    if wanted == 0 { Readiness::ready_note(NOTHING_WANTED) } else { Readiness::ready() }
}

/// That old replicas have not ended yet.
fn older(count: i64) -> String {
    match count {
        1 => "1 replica of an older revision is still there".to_owned(),
        many => format!("{many} replicas of older revisions are still there"),
    }
}

/// The name of the `ReplicaSet` in a message such as `ReplicaSet "web-7f" is progressing.`
fn named_revision(message: &str) -> Option<&str> {
    message.strip_prefix("ReplicaSet \"")?.split_once('"').map(|(name, _)| name)
}
