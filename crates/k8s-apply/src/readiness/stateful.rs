//! `StatefulSets`.

use super::generic::unseen;
use super::replicas::{counted, counter, part, ready_unless_zero, wanted};
use super::verdict::Readiness;
use crate::object::Object;

/// How ready a `StatefulSet` is.
///
/// With `OnDelete` or a partition it is ready although old pods are left: that is as it was asked for.
pub(super) fn stateful_set(object: &Object) -> Readiness {
    if let Some(readiness) = unseen(object) {
        return readiness;
    }
    let wanted = wanted(object);
    let [replicas, ready, updated] =
        ["replicas", "readyReplicas", "updatedReplicas"].map(|name| counter(object, name));
    // Clusters before 1.22 do not count these.
    let available = object.number("/status/availableReplicas").unwrap_or(ready);
    let by_hand = object.text("/spec/updateStrategy/type") == Some("OnDelete");
    let partition = object.number("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    let current_revision = object.text("/status/currentRevision").unwrap_or_default();
    let update_revision = object.text("/status/updateRevision").unwrap_or_default();
    let is_changing = current_revision != update_revision;

    let to_update = if by_hand { 0 } else { (wanted - partition).max(0) };
    if is_changing && updated < to_update {
        return Readiness::progressing(format!(
            "revision {update_revision} not rolled out: {updated} of {to_update} updated"
        ));
    }
    if let Some(readiness) = counted(wanted, replicas, available) {
        return readiness;
    }
    if is_changing && by_hand {
        let part = part(updated, wanted, "updated");
        return Readiness::ready_note(format!("{part}; the others when their pods are deleted"));
    }
    if is_changing && partition > 0 {
        let part = part(updated, wanted, "updated");
        return Readiness::ready_note(format!("{part}, as the partition {partition} says"));
    }
    if is_changing {
        return Readiness::progressing(format!("revision {update_revision} is being completed"));
    }
    ready_unless_zero(wanted)
}
