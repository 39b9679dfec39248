//! Pods of each generation of manifests, as `kubectl get pods -o json` prints them.

use serde_json::{Value, json};

/// A pod that is ready, with an image of HPCC 7.2.
pub(super) fn pod(name: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "hpcc", "labels": {}},
        "spec": {"containers": [{"name": "hpcc", "image": "hpccsystems/hpcc:7.2.20-1"}]},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                   "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// A pod that a controller made; `owner` is the controller's name.
fn owned(kind: &str, owner: &str, name: &str, ip: &str) -> Value {
    let mut pod = pod(name, ip);
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": kind, "name": owner, "uid": "u", "controller": true}]);
    pod
}

/// A pod of a stateful set with a headless service of the same name.
pub(super) fn stateful(set: &str, ordinal: usize, ip: &str) -> Value {
    let name = format!("{set}-{ordinal}");
    let mut pod = owned("StatefulSet", set, &name, ip);
    pod["spec"]["hostname"] = json!(name);
    pod["spec"]["subdomain"] = json!(set);
    pod
}

/// A pod of a Deployment.
pub(super) fn deployed(deployment: &str, end: &str, ip: &str) -> Value {
    let hash = "5c8d7f6b9";
    let set = format!("{deployment}-{hash}");
    let pod = owned("ReplicaSet", &set, &format!("{set}-{end}"), ip);
    labelled(pod, &[("app", deployment), ("pod-template-hash", hash)])
}

/// A pod of a replication controller.
fn replicated(controller: &str, end: &str, ip: &str) -> Value {
    let pod = owned("ReplicationController", controller, &format!("{controller}-{end}"), ip);
    labelled(pod, &[("app", controller.split('-').next().unwrap())])
}

/// The same pod with labels.
pub(super) fn labelled(mut pod: Value, labels: &[(&str, &str)]) -> Value {
    for (key, value) in labels {
        pod["metadata"]["labels"][*key] = json!(value);
    }
    pod
}

/// A pod with our labels, and a name that says nothing.
pub(super) fn ours(name: &str, role: &str, cluster: &str, ip: &str) -> Value {
    let pod = labelled(pod(name, ip), &[("windlass.dev/hpcc-role", role)]);
    if cluster.is_empty() { pod } else { labelled(pod, &[("windlass.dev/hpcc-cluster", cluster)]) }
}

/// The same pod before it runs.
pub(super) fn pending(mut pod: Value) -> Value {
    pod["status"] = json!({"phase": "Pending"});
    pod
}

/// The same pod while it is deleted.
pub(super) fn terminating(mut pod: Value) -> Value {
    pod["metadata"]["deletionTimestamp"] = json!("2026-11-20T10:00:00Z");
    pod
}

/// The same pod without an address.
pub(super) fn without_address(mut pod: Value) -> Value {
    let status = pod["status"].as_object_mut().unwrap();
    status.remove("podIP");
    status.remove("podIPs");
    pod
}

/// The same pod in another namespace.
pub(super) fn in_namespace(mut pod: Value, namespace: &str) -> Value {
    pod["metadata"]["namespace"] = json!(namespace);
    pod
}

/// The manifests of 2016: replication controllers whose clusters have no names.
pub(super) fn of_2016() -> Vec<Value> {
    vec![
        replicated("thor-controller", "b7q2x", "172.17.0.9"),
        replicated("roxie-controller", "n4m8s", "172.17.0.3"),
        replicated("esp-controller", "z9d5w", "172.17.0.2"),
        replicated("thor-controller", "r6h3k", "172.17.0.10"),
        replicated("roxie-controller", "c2v7j", "172.17.0.8"),
        replicated("master-controller", "k5t9p", "172.17.0.7"),
    ]
}

/// The manifests of 2019: stateful sets for thor, a Deployment for roxie, single pods for the rest.
pub(super) fn of_2019() -> Vec<Value> {
    vec![
        deployed("roxie-roxie1", "x8s4v", "10.2.1.2"),
        deployed("roxie-roxie1", "m7k2d", "10.2.1.1"),
        pod("thormaster-thor1", "10.2.2.100"),
        stateful("thor-thor1", 1, "10.2.2.1"),
        stateful("thor-thor1", 0, "10.2.2.2"),
        pod("support", "10.2.0.1"),
        labelled(pod("esp-esp1", "10.2.3.1"), &[("app", "esp-esp1"), ("cluster", "esp1")]),
        pod("hpcc-admin", "10.2.9.1"),
    ]
}

/// Pods with our labels.
pub(super) fn of_ours() -> Vec<Value> {
    vec![
        ours("a", "support", "", "10.3.0.1"),
        ours("b", "thor-slave", "fast", "10.3.2.1"),
        ours("c", "thor-slave", "fast", "10.3.2.2"),
        ours("d", "roxie", "queries", "10.3.1.1"),
        ours("e", "esp", "web", "10.3.3.1"),
        ours("f", "dali", "", "10.3.0.2"),
    ]
}

/// Pods that take no part, whatever they are called: one of each reason.
pub(super) fn strangers() -> Vec<Value> {
    let mut finished = pod("thor-thor1-old", "10.9.0.3");
    finished["status"]["phase"] = json!("Succeeded");
    vec![
        in_namespace(pod("thor-thor1-7", "10.9.0.1"), "other"),
        terminating(deployed("roxie-roxie1", "w3q9z", "10.9.0.2")),
        finished,
        labelled(pod("web-5", "10.9.0.4"), &[("app", "nginx")]),
    ]
}

/// A list as `kubectl get pods -o json` prints it.
pub(super) fn list(pods: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": pods})
        .to_string()
}
