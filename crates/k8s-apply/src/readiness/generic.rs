//! What all kinds have in common.

use super::condition::Condition;
use super::extension;
use super::verdict::{Readiness, StuckKind};
use crate::object::Object;
use serde_json::Value;

/// What counts before any rule of a kind: deletion, a change that was not seen yet, `Stalled` and `Reconciling`.
pub(super) fn before(object: &Object) -> Option<Readiness> {
    if object.text("/metadata/deletionTimestamp").is_some() {
        return Some(Readiness::terminating(deletion(object)));
    }
    let observed = object.number("/status/observedGeneration");
    let generation = object.number("/metadata/generation");
    if let (Some(observed), Some(generation)) = (observed, generation)
        && observed != generation
    {
        return Some(Readiness::progressing(format!(
            "its controller has not seen the last change yet (generation {generation}, seen {observed})"
        )));
    }
    if let Some(stalled) = Condition::of(object, "Stalled").filter(|one| one.is_true()) {
        return Some(Readiness::failed(format!("stalled: {}", stalled.whole_text())));
    }
    if let Some(reconciling) = Condition::of(object, "Reconciling").filter(|one| one.is_true()) {
        return Some(Readiness::progressing(reconciling.whole_text()));
    }
    None
}

/// What counts where a kind has no rule: the condition `Ready`, if it has one.
pub(super) fn after(object: &Object) -> Readiness {
    let Some(ready) = Condition::of(object, "Ready") else {
        return Readiness::ready();
    };
    if ready.is_outdated(object) {
        return Readiness::progressing("its condition Ready is older than its last change");
    }
    if ready.is_true() { Readiness::ready() } else { Readiness::progressing(ready.whole_text()) }
}

/// For kinds whose controller always writes `observedGeneration`: that it has not done so yet.
pub(super) fn unseen(object: &Object) -> Option<Readiness> {
    if object.number("/status/observedGeneration").is_some() {
        return None;
    }
    Some(Readiness::progressing("its controller has not seen it yet"))
}

/// A condition that must be `True` and is not there at first.
pub(super) fn needs(object: &Object, name: &str) -> Readiness {
    match Condition::of(object, name) {
        None => Readiness::progressing("its controller has not seen it yet"),
        Some(condition) if condition.is_true() => Readiness::ready(),
        Some(condition) => {
            Readiness::stuck_at(StuckKind::Controller, condition.whole_text(), condition.since())
        }
    }
}

/// What holds up the deletion of an object.
fn deletion(object: &Object) -> String {
    if object.is("", "Namespace")
        && let Some(text) = extension::what_holds_namespace(object)
    {
        return text;
    }
    let finalizers: Vec<&str> = object
        .at("/metadata/finalizers")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    match finalizers.as_slice() {
        [] => "it is being deleted".to_owned(),
        [one] => format!("it is being deleted, and waits for the finalizer {one}"),
        many => format!("it is being deleted, and waits for the finalizers {}", many.join(", ")),
    }
}
