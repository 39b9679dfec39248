//! Where the built-in kinds keep text and pods.

use diagnostics::DataPath;
use serde_json::{Map, Value};

use crate::object::GroupVersionKind;

/// The kind of a value that is an object.
pub(super) fn gvk(value: &Value) -> GroupVersionKind {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    GroupVersionKind::of(text("apiVersion"), text("kind"))
}

/// The path of the pod template, or of the pod itself: what has `metadata` and `spec` of a pod.
pub(super) fn pod(gvk: &GroupVersionKind) -> Option<&'static [&'static str]> {
    Some(match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => &[],
        ("", "PodTemplate") => &["template"],
        ("", "ReplicationController")
        | ("apps" | "extensions", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => &["spec", "template"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template"],
        _ => return None,
    })
}

/// The mappings whose values are text.
pub(super) fn texts(value: &Value) -> Vec<DataPath> {
    let gvk = gvk(value);
    let metadata = |before: &[&str]| {
        ["labels", "annotations"]
            .map(|key| before.iter().copied().chain(["metadata", key]).collect::<DataPath>())
    };
    let mut paths: Vec<DataPath> = metadata(&[]).into();
    if let Some(pod) = pod(&gvk) {
        if !pod.is_empty() {
            paths.extend(metadata(pod));
        }
        paths.push(pod.iter().copied().chain(["spec", "nodeSelector"]).collect());
    }
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "ConfigMap") => paths.push(["data"].into()),
        ("", "Secret") => paths.extend([["data"].into(), ["stringData"].into()]),
        ("", "Service" | "ReplicationController") => paths.push(["spec", "selector"].into()),
        ("apps" | "extensions" | "batch" | "policy", _) => {
            paths.push(["spec", "selector", "matchLabels"].into());
        }
        ("networking.k8s.io", "NetworkPolicy") => {
            paths.push(["spec", "podSelector", "matchLabels"].into());
        }
        _ => {}
    }
    paths
}

/// The value at a path.
pub(super) fn get<'v>(value: &'v Value, path: &DataPath) -> Option<&'v Value> {
    path.steps().iter().try_fold(value, |value, step| match step {
        diagnostics::Step::Key(key) => value.get(key),
        diagnostics::Step::Index(index) => value.get(index),
    })
}

/// The mapping at a path of keys.
pub(super) fn map_mut<'v>(
    value: &'v mut Value,
    path: &DataPath,
) -> Option<&'v mut Map<String, Value>> {
    path.steps()
        .iter()
        .try_fold(value, |value, step| match step {
            diagnostics::Step::Key(key) => value.get_mut(key),
            diagnostics::Step::Index(index) => value.get_mut(index),
        })?
        .as_object_mut()
}
