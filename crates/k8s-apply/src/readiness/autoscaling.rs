//! Autoscalers and disruption budgets.

use super::condition::Condition;
use super::replicas::counter;
use super::verdict::{Readiness, StuckKind};
use crate::object::Object;

/// How ready an autoscaler is: it must find its target, and its metrics.
///
/// Objects of `autoscaling/v1` have no conditions; they are ready at once.
pub(super) fn autoscaler(object: &Object) -> Readiness {
    if object.api_version() == "autoscaling/v1" {
        return Readiness::ready();
    }
    let Some(able) = Condition::of(object, "AbleToScale") else {
        return Readiness::progressing("its controller has not seen it yet");
    };
    if !able.is_true() {
        return Readiness::stuck_at(StuckKind::Controller, able.whole_text(), able.since());
    }
    match Condition::of(object, "ScalingActive") {
        Some(active) if active.is_false() && active.reason() == "ScalingDisabled" => {
            Readiness::ready_note("switched off, as its target has 0 replicas")
        }
        Some(active) if !active.is_true() => {
            Readiness::stuck_at(StuckKind::Controller, active.whole_text(), active.since())
        }
        Some(_) => Readiness::ready(),
        None => Readiness::progressing("it has seen no metrics yet"),
    }
}

/// How ready a disruption budget is: as soon as its controller counts pods. That it allows no disruption is no fault.
pub(super) fn disruption_budget(object: &Object) -> Readiness {
    let Some(allowed) = Condition::of(object, "DisruptionAllowed") else {
        return match object.number("/status/observedGeneration") {
            Some(_) => Readiness::ready(),
            None => Readiness::progressing("its controller has not seen it yet"),
        };
    };
    if allowed.reason() == "SyncFailed" {
        return Readiness::stuck_at(StuckKind::Controller, allowed.whole_text(), allowed.since());
    }
    if allowed.is_false() {
        let [healthy, needed] =
            ["currentHealthy", "desiredHealthy"].map(|name| counter(object, name));
        return Readiness::ready_note(format!(
            "no pod may be evicted: {healthy} are healthy, {needed} must be"
        ));
    }
    Readiness::ready()
}
