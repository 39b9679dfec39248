//! Deployments and the like, for `apps/v1`.
//!
//! Source of the old defaults: the migration guide of Kubernetes, section 1.16.

use serde_json::{Value, json};

use super::Work;

/// "Without limit" of the old versions, as a server writes it.
const UNLIMITED: i32 = i32::MAX;

pub(super) fn deployment(work: &mut Work, from: &str) {
    labels_and_selector(work, from);
    if work.take("/spec", "rollbackTo").is_some() {
        work.changed("spec.rollbackTo is left out");
        work.noted(
            ["spec", "rollbackTo"].into(),
            "rollbackTo, which asks for going back once, is left out",
            "run `kubectl rollout undo` if it is still wanted",
        );
    }
    let strategy = work.at("/spec/strategy/type").and_then(Value::as_str).map(str::to_owned);
    match from {
        "extensions/v1beta1" => {
            work.default("/spec/revisionHistoryLimit", UNLIMITED);
            work.default("/spec/progressDeadlineSeconds", UNLIMITED);
            if strategy.as_deref().is_none_or(|strategy| strategy == "RollingUpdate") {
                work.default("/spec/strategy/type", "RollingUpdate");
                work.default("/spec/strategy/rollingUpdate/maxSurge", 1);
                work.default("/spec/strategy/rollingUpdate/maxUnavailable", 1);
            }
        }
        "apps/v1beta1" => work.default("/spec/revisionHistoryLimit", 2),
        _ => {}
    }
}

pub(super) fn daemon_set(work: &mut Work, from: &str) {
    labels_and_selector(work, from);
    if work.take("/spec", "templateGeneration").is_some() {
        work.changed("spec.templateGeneration, which a server sets, is left out");
    }
    if from == "extensions/v1beta1" {
        work.default("/spec/updateStrategy/type", "OnDelete");
    }
}

pub(super) fn stateful_set(work: &mut Work, from: &str) {
    labels_and_selector(work, from);
    if from == "apps/v1beta1" {
        work.default("/spec/updateStrategy/type", "OnDelete");
    }
}

pub(super) fn replica_set(work: &mut Work, from: &str) {
    labels_and_selector(work, from);
}

/// Older versions took the labels of the template for the selector and, before `apps/v1beta2`, for the object itself.
fn labels_and_selector(work: &mut Work, from: &str) {
    let labels = work.at("/spec/template/metadata/labels").and_then(Value::as_object).cloned();
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else {
        work.lost(
            ["spec", "template", "metadata", "labels"].into(),
            "the template has no labels, so that no selector can find its pods",
            "give the template a label, and the selector the same",
        );
        return;
    };
    if work.at("/spec/selector").is_none_or(Value::is_null) {
        work.value["spec"]["selector"] = json!({"matchLabels": labels});
        work.changed("spec.selector, which must be given now, has the labels of the template");
    }
    let own = work.at("/metadata/labels");
    if from != "apps/v1beta2"
        && own.and_then(Value::as_object).is_none_or(serde_json::Map::is_empty)
    {
        work.value["metadata"]["labels"] = Value::Object(labels);
        work.changed("metadata.labels has the labels of the template, as it had by default");
    }
}
