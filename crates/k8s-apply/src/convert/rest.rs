//! Kinds that change little between versions.

use diagnostics::DataPath;
use serde_json::{Map, Value};

use super::Work;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Nothing but the version differs.
pub(super) fn same(_: &mut Work, _: &str) {}

/// Roles and bindings.
pub(super) fn rbac(work: &mut Work, from: &str) {
    let mut changes = Vec::new();
    if let Some(reference) = work.value.get_mut("roleRef").and_then(Value::as_object_mut)
        && reference.get("apiGroup").and_then(Value::as_str).is_none_or(str::is_empty)
    {
        reference.insert("apiGroup".into(), RBAC.into());
        changes.push("roleRef.apiGroup is written out");
    }
    let subjects = work.value.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
        let kind = subject.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        // Only v1alpha1 had versions in subjects; "*" was everybody who is known.
        if subject.remove("apiVersion").is_some() {
            changes.push("apiVersion of subjects becomes apiGroup");
        }
        if from.ends_with("/v1alpha1")
            && kind == "User"
            && subject.get("name").and_then(Value::as_str) == Some("*")
        {
            subject.insert("kind".into(), "Group".into());
            subject.insert("name".into(), "system:authenticated".into());
            changes.push("the user * becomes the group system:authenticated");
        }
        if matches!(kind.as_str(), "User" | "Group") && !subject.contains_key("apiGroup") {
            subject.insert("apiGroup".into(), RBAC.into());
            changes.push("apiGroup of subjects is written out");
        }
    }
    for change in changes {
        if !work.changes.iter().any(|known| known == change) {
            work.changed(change);
        }
    }
}

/// Disruption budgets: an empty selector meant no pods and means all pods now.
pub(super) fn disruption_budget(work: &mut Work, _: &str) {
    let is_empty = |part: Option<&Value>| match part {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    };
    if let Some(selector) = work.at("/spec/selector").filter(|selector| selector.is_object())
        && is_empty(selector.get("matchLabels"))
        && is_empty(selector.get("matchExpressions"))
    {
        work.lost(
            ["spec", "selector"].into(),
            "an empty selector chose no pods in policy/v1beta1, and chooses all pods in policy/v1",
            "give the labels of the pods that are meant",
        );
    }
}

/// Cron jobs: `batch/v2alpha1` kept all jobs that were done.
pub(super) fn cron_job(work: &mut Work, from: &str) {
    if from != "batch/v2alpha1" {
        return;
    }
    for key in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        if work.at(&format!("/spec/{key}")).is_none_or(Value::is_null) {
            work.noted(
                DataPath::from(["spec", key]),
                format!("{key} is not given: batch/v2alpha1 kept all jobs, batch/v1 keeps few"),
                "give a number if that is not wanted",
            );
        }
    }
}

/// Runtime classes of `node.k8s.io/v1alpha1`.
pub(super) fn runtime_class(work: &mut Work, _: &str) {
    let Some(spec) = work.value.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let Some(handler) = spec.remove("runtimeHandler") else { return };
    let fields = std::mem::take(spec);
    if let Some(map) = work.value.as_object_mut() {
        map.remove("spec");
        map.extend(fields);
        map.insert("handler".into(), handler);
    }
    work.changed("spec.runtimeHandler becomes handler");
}

/// Priority levels: shares have another name, and 0 meant 30.
pub(super) fn flow_control(work: &mut Work, _: &str) {
    let Some(limited) = work.value.pointer_mut("/spec/limited").and_then(Value::as_object_mut)
    else {
        return;
    };
    let mut changes = Vec::new();
    if let Some(shares) = limited.remove("assuredConcurrencyShares") {
        limited.insert("nominalConcurrencyShares".into(), shares);
        changes.push("assuredConcurrencyShares becomes nominalConcurrencyShares");
    }
    if limited.get("nominalConcurrencyShares").and_then(Value::as_i64) == Some(0) {
        limited.insert("nominalConcurrencyShares".into(), 30.into());
        changes.push("nominalConcurrencyShares is 30, as 0 meant");
    }
    for change in changes {
        work.changed(change);
    }
}

/// Requests for certificates: signer and usages must be given.
pub(super) fn signing_request(work: &mut Work, _: &str) {
    match work.at("/spec/signerName").and_then(Value::as_str) {
        Some(name) if name != "kubernetes.io/legacy-unknown" => {}
        _ => work.lost(
            ["spec", "signerName"].into(),
            "signerName must be given, and not be kubernetes.io/legacy-unknown",
            "name the signer, such as kubernetes.io/kube-apiserver-client",
        ),
    }
    if work.at("/spec/usages").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        work.lost(
            ["spec", "usages"].into(),
            "usages must be given",
            "name them, such as client auth",
        );
    }
}

/// Endpoint slices: what `topology` said about nodes and zones has fields now.
pub(super) fn endpoint_slice(work: &mut Work, _: &str) {
    const FIELDS: [(&str, &str); 2] =
        [("kubernetes.io/hostname", "nodeName"), ("topology.kubernetes.io/zone", "zone")];
    let mut lost = Vec::new();
    let mut is_changed = false;
    let endpoints = work.value.get_mut("endpoints").and_then(Value::as_array_mut);
    for (index, endpoint) in endpoints.into_iter().flatten().enumerate() {
        let Some(endpoint) = endpoint.as_object_mut() else { continue };
        if !endpoint.get("topology").is_some_and(Value::is_object) {
            continue;
        }
        let Some(Value::Object(mut topology)) = endpoint.remove("topology") else { continue };
        is_changed = true;
        move_fields(endpoint, &mut topology, &FIELDS);
        for key in topology.keys() {
            let path = DataPath::from(["endpoints"]).join(index).join("topology");
            lost.push((path.join(key.as_str()), format!("there is no place for {key} any more")));
        }
    }
    if is_changed {
        work.changed("topology of endpoints becomes nodeName and zone");
    }
    for (path, message) in lost {
        work.lost(path, message, "leave it out; a server knows a region by its zone");
    }
}

fn move_fields(
    to: &mut Map<String, Value>,
    from: &mut Map<String, Value>,
    fields: &[(&str, &str)],
) {
    for (old, new) in fields {
        if let Some(value) = from.remove(*old) {
            to.entry(*new).or_insert(value);
        }
    }
}
