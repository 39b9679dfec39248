//! Jobs and `CronJobs`.

use serde_json::Value;

use super::JobGoal;
use super::condition::Condition;
use super::replicas::counter;
use super::verdict::Readiness;
use crate::object::Object;

/// How ready a Job is. One that is suspended, or that wants no pods at once, is as it was asked for.
pub(super) fn job(object: &Object, goal: JobGoal) -> Readiness {
    let is_true = |name: &str| Condition::of(object, name).filter(|one| one.is_true());
    if is_true("Complete").is_some() {
        return Readiness::ready();
    }
    // The second comes first: its pods are still being ended (KEP 3329).
    if let Some(failed) = is_true("Failed").or_else(|| is_true("FailureTarget")) {
        return Readiness::failed(failed.whole_text());
    }
    if is_suspended(object) {
        return Readiness::ready_note("suspended");
    }
    if is_true("SuccessCriteriaMet").is_some() {
        return Readiness::progressing("it has succeeded; its pods are being ended");
    }
    if object.number("/spec/parallelism") == Some(0) {
        return Readiness::ready_note("0 pods wanted at once");
    }
    let [active, succeeded, failed] =
        ["active", "succeeded", "failed"].map(|name| counter(object, name));
    if goal == JobGoal::Started && active + succeeded > 0 {
        return Readiness::ready_note("started");
    }
    if object.text("/status/startTime").is_none() {
        return Readiness::progressing("its controller has not seen it yet");
    }
    Readiness::progressing(counts(object, active, succeeded, failed))
}

/// `1 of 3 completions; 2 pods at work, 1 failed`.
fn counts(object: &Object, active: i64, succeeded: i64, failed: i64) -> String {
    let completions = object.number("/spec/completions").or_else(|| {
        // Without completions a Job with one pod at once needs one.
        (object.number("/spec/parallelism").unwrap_or(1) == 1).then_some(1)
    });
    let done = match completions {
        Some(completions) => format!("{succeeded} of {completions} completions"),
        None => format!("{succeeded} completions"),
    };
    let at_work = match active {
        0 => "no pod at work".to_owned(),
        1 => "1 pod at work".to_owned(),
        many => format!("{many} pods at work"),
    };
    match failed {
        0 => format!("{done}; {at_work}"),
        failed => format!("{done}; {at_work}, {failed} failed"),
    }
}

/// How ready a `CronJob` is: at once.
pub(super) fn cron_job(object: &Object) -> Readiness {
    if is_suspended(object) { Readiness::ready_note("suspended") } else { Readiness::ready() }
}

fn is_suspended(object: &Object) -> bool {
    object.at("/spec/suspend").and_then(Value::as_bool).unwrap_or_default()
}
