//! What the cluster itself consists of: namespaces, nodes, and extensions of the API.

use serde_json::Value;

use super::condition::Condition;
use super::generic::needs;
use super::verdict::{Readiness, StuckKind};
use crate::object::Object;

/// How ready a definition of custom resources is. Discovery may still lag behind it.
pub(super) fn definition(object: &Object) -> Readiness {
    if let Some(names) = Condition::of(object, "NamesAccepted").filter(|one| one.is_false()) {
        return Readiness::failed(format!("its names are taken: {}", names.text()));
    }
    match Condition::of(object, "Established") {
        Some(established) if established.is_true() => Readiness::ready(),
        Some(established) => Readiness::progressing(established.text()),
        None => Readiness::progressing("it is not established yet"),
    }
}

/// How ready a group of the API that another server serves is.
pub(super) fn api_service(object: &Object) -> Readiness {
    needs(object, "Available")
}

/// How ready a namespace is. One that is being deleted was judged before.
pub(super) fn namespace(object: &Object) -> Readiness {
    match object.text("/status/phase") {
        Some("Active") => Readiness::ready(),
        Some("Terminating") => Readiness::terminating("it is being deleted"),
        _ => Readiness::progressing("it is not active yet"),
    }
}

/// What holds up the deletion of a namespace, by its conditions.
pub(super) fn what_holds_namespace(object: &Object) -> Option<String> {
    let texts: Vec<String> = [
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure",
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
    ]
    .iter()
    .filter_map(|name| Condition::of(object, name).filter(|one| one.is_true()))
    .map(Condition::text)
    .collect();
    (!texts.is_empty()).then(|| format!("it is being deleted: {}", texts.join("; ")))
}

/// How ready a node is.
pub(super) fn node(object: &Object) -> Readiness {
    let Some(ready) = Condition::of(object, "Ready") else {
        return Readiness::progressing("its kubelet has not reported yet");
    };
    if !ready.is_true() {
        return Readiness::stuck_at(StuckKind::Controller, ready.whole_text(), ready.since());
    }
    let is_cordoned = object.at("/spec/unschedulable").and_then(Value::as_bool) == Some(true);
    if is_cordoned {
        Readiness::ready_note("it takes no new pods (cordoned)")
    } else {
        Readiness::ready()
    }
}
