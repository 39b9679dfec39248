use serde_json::{Value, json};

use super::*;

fn object(value: Value) -> Object {
    Object::try_from(value).unwrap()
}

fn deployment() -> Object {
    object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1},
    }))
}

fn pod(name: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": format!("uid-{name}")},
        "spec": {"nodeName": "n", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}}]},
    }))
}

fn warning(reason: &str, kind: &str, name: &str, time: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Warning",
        "reason": reason, "message": format!("{reason} at {time}."), "lastTimestamp": time,
        "involvedObject": {"kind": kind, "name": name},
    }))
}

fn texts(pods: &[Object], events: &[Object]) -> Vec<String> {
    why(&deployment(), pods, events).causes.iter().map(ToString::to_string).collect()
}

#[test]
fn refused_pods_count_only_while_pods_are_missing() {
    let events = [
        warning("FailedCreate", "ReplicaSet", "web-7f", "1"),
        warning("FailedCreate", "ReplicaSet", "web-7f", "2"),
        warning("FailedCreate", "ReplicaSet", "web-api-7f", "3"),
    ];
    assert_eq!(texts(&[], &events), ["ReplicaSet web-7f: FailedCreate at 2 (FailedCreate)"]);
    assert_eq!(texts(&[pod("web-1")], &events), ["pod web-1: container app runs but is not ready"]);
}

#[test]
fn events_of_both_apis_are_understood() {
    let event = object(json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Warning",
        "reason": "Unhealthy", "note": "Readiness probe failed: 503", "eventTime": "1",
        "regarding": {"kind": "Pod", "name": "web-1", "uid": "uid-web-1"},
    }));
    assert_eq!(texts(&[pod("web-1")], &[event]), ["pod web-1: Readiness probe failed: 503"]);
}

#[test]
fn an_event_of_an_earlier_pod_of_that_name_is_passed_over() {
    let mut event = warning("Unhealthy", "Pod", "web-1", "1");
    event.edit(|value| value["involvedObject"]["uid"] = json!("another")).unwrap();
    assert_eq!(
        texts(&[pod("web-1")], &[event]),
        ["pod web-1: container app runs but is not ready"]
    );
}

#[test]
fn pods_with_the_same_cause_are_told_together() {
    let pods = [pod("web-1"), pod("web-2"), pod("web-3")];
    assert_eq!(texts(&pods, &[]), ["pod web-1 and 2 more: container app runs but is not ready"]);
}

#[test]
fn pods_that_are_ready_or_being_deleted_are_passed_over() {
    let mut ready = pod("web-1");
    ready
        .edit(|pod| pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]))
        .unwrap();
    let mut leaving = pod("web-2");
    leaving.metadata_mut().insert("deletionTimestamp".into(), "1".into());
    assert_eq!(why(&deployment(), &[ready, leaving], &[]), Why::default());
}
