//! Pods of each generation of manifests, as the API shows them.

use std::fmt::Write as _;

use discovery::{Found, Options, discover, read_pods};
use serde_json::{Value, json};
use topology::Machine;

/// A pod that is ready, unless told otherwise.
pub(crate) fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "hpcc",
            "uid": format!("uid-of-{name}"),
            "creationTimestamp": "2019-08-14T09:30:00Z",
            "labels": {},
        },
        "spec": {
            "containers": [{"name": "main", "image": "hpccsystems/hpcc:7.2.20-1", "resources": {}}],
            "nodeName": "worker-1",
        },
        "status": {
            "phase": "Running",
            "hostIP": "192.168.7.1",
            "conditions": [
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": "True"},
            ],
        },
    })
}

/// Changes to a pod, in the order of reading.
pub(crate) trait Change {
    fn ip(self, ip: &str) -> Self;
    fn label(self, key: &str, value: &str) -> Self;
    fn image(self, image: &str) -> Self;
    fn owner(self, kind: &str, name: &str) -> Self;
    fn set(self, pointer: &str, key: &str, value: Value) -> Self;
    fn pending(self) -> Self;
    fn not_ready(self) -> Self;
    fn terminating(self) -> Self;
    fn namespace(self, namespace: &str) -> Self;
}

impl Change for Value {
    fn ip(self, ip: &str) -> Self {
        self.set("/status", "podIP", json!(ip)).set("/status", "podIPs", json!([{"ip": ip}]))
    }

    fn label(self, key: &str, value: &str) -> Self {
        self.set("/metadata/labels", key, json!(value))
    }

    fn image(self, image: &str) -> Self {
        self.set("/spec/containers/0", "image", json!(image))
    }

    fn owner(self, kind: &str, name: &str) -> Self {
        let owner = json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
        self.set("/metadata", "ownerReferences", owner).set(
            "/metadata",
            "generateName",
            json!(format!("{name}-")),
        )
    }

    fn set(mut self, pointer: &str, key: &str, value: Value) -> Self {
        self.pointer_mut(pointer).unwrap()[key] = value;
        self
    }

    fn pending(self) -> Self {
        self.set("/status", "phase", json!("Pending")).set("/status", "conditions", json!([]))
    }

    fn not_ready(self) -> Self {
        self.set("/status", "conditions", json!([{"type": "Ready", "status": "False"}]))
    }

    fn terminating(self) -> Self {
        self.set("/metadata", "deletionTimestamp", json!("2019-08-14T10:00:00Z"))
    }

    fn namespace(self, namespace: &str) -> Self {
        self.set("/metadata", "namespace", json!(namespace))
    }
}

/// A pod of a stateful set with a headless service.
pub(crate) fn stateful(set: &str, ordinal: usize) -> Value {
    pod(&format!("{set}-{ordinal}"))
        .owner("StatefulSet", set)
        .label("app", &format!("svc-{set}"))
        .label("statefulset.kubernetes.io/pod-name", &format!("{set}-{ordinal}"))
        .set("/spec", "hostname", json!(format!("{set}-{ordinal}")))
        .set("/spec", "subdomain", json!(format!("svc-{set}")))
}

/// A pod of a Deployment.
pub(crate) fn deployed(deployment: &str, end: &str) -> Value {
    let hash = "7d9f8b6c5";
    pod(&format!("{deployment}-{hash}-{end}"))
        .owner("ReplicaSet", &format!("{deployment}-{hash}"))
        .label("pod-template-hash", hash)
        .label("app", deployment)
}

/// A pod of a replication controller.
pub(crate) fn replicated(controller: &str, end: &str) -> Value {
    pod(&format!("{controller}-{end}")).owner("ReplicationController", controller)
}

/// The manifests of 2016: two pods each of thor, roxie and esp, and a master.
pub(crate) fn of_2016() -> Vec<Value> {
    let image = "hpccsystems/platform-ce:6.0.2-1trusty";
    let mut pods = Vec::new();
    for (at, role) in ["thor", "roxie", "esp"].into_iter().enumerate() {
        for (nth, end) in ["hmvo5", "2sbe5"].into_iter().enumerate() {
            let ip = format!("172.17.{at}.{}", 10 - nth);
            pods.push(replicated(&format!("{role}-controller"), end).label("app", role).ip(&ip));
        }
    }
    pods.push(replicated("master-controller", "wa5z8").label("app", "master").ip("172.17.9.1"));
    pods.into_iter().map(|pod| pod.image(image)).collect()
}

/// The replication controllers and single pods of 2019.
pub(crate) fn of_2019_controllers() -> Vec<Value> {
    let clustered = |name: &str, end: &str, ip: &str| {
        let cluster = name.split_once('-').unwrap().1;
        replicated(name, end).label("app", name).label("cluster", cluster).ip(ip)
    };
    vec![
        replicated("support", "k4x2p").label("cluster", "support").ip("10.1.0.1"),
        clustered("esp-esp1", "bbgq7", "10.1.3.1"),
        clustered("roxie-roxie1", "hmv25", "10.1.1.1"),
        clustered("roxie-roxie2", "x7ksh", "10.1.1.2"),
        clustered("thor-thor1", "2sb45", "10.1.2.1"),
        clustered("thor-thor1", "p2q7f", "10.1.2.2"),
        pod("thormaster-thor1").ip("10.1.2.100"),
        pod("hpcc-admin").label("app", "hpcc-admin").image("hpccsystems/hpcc-admin").ip("10.1.9.9"),
    ]
}

/// The stateful sets of 2019, with a single pod for Dali.
pub(crate) fn of_2019_sets() -> Vec<Value> {
    let mut pods = vec![
        pod("dali").ip("10.2.0.1"),
        stateful("support", 0).ip("10.2.0.2"),
        stateful("esp-esp1", 0).ip("10.2.3.1"),
        stateful("thormaster-thor1", 0).ip("10.2.2.200"),
    ];
    for at in 0..12 {
        pods.push(stateful("thor-thor1", at).ip(&format!("10.2.2.{}", 100 - at)));
    }
    for at in 0..3 {
        pods.push(stateful("roxie-roxie1", at).ip(&format!("fd00::1:{at}")));
    }
    pods
}

/// The Deployments of 2019, beside pods that have nothing to do with HPCC.
pub(crate) fn of_2019_deployments() -> Vec<Value> {
    vec![
        deployed("support", "x2x9z").ip("10.3.0.1"),
        deployed("esp-esp1", "q8d7w").label("cluster", "esp1").ip("10.3.3.1"),
        deployed("roxie-roxie1", "x2x9z").label("cluster", "roxie1").ip("10.3.1.1"),
        deployed("thor-prod-east", "24567").ip("10.3.2.1"),
        deployed("thor-prod-west", "2456z").ip("10.3.2.2"),
        deployed("node-exporter", "abcde").image("prom/node-exporter:v1.8.0").ip("10.3.9.1"),
        deployed("web", "abcdf").image("nginx").ip("10.3.9.2"),
    ]
}

/// Pods with our labels, whose names say nothing.
pub(crate) fn labelled() -> Vec<Value> {
    let one = |name: &str, role: &str, cluster: &str, ip: &str| {
        let pod = pod(name).label("windlass.dev/hpcc-role", role).ip(ip);
        if cluster.is_empty() { pod } else { pod.label("windlass.dev/hpcc-cluster", cluster) }
    };
    vec![
        one("a", "support", "", "10.4.0.1"),
        one("b", "thor-master", "fast", "10.4.2.1"),
        one("c", "thor-slave", "fast", "10.4.2.2"),
        one("d", "thor_roxie", "mixed", "10.4.2.3"),
        one("e", "esp", "web", "10.4.3.1"),
        one("f", "sasha", "", "10.4.0.2"),
        one("g", "eclccserver", "", "10.4.0.3"),
    ]
}

/// A list as `kubectl get pods -o json` prints it.
pub(crate) fn list(pods: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": pods, "metadata": {"resourceVersion": ""}})
        .to_string()
}

/// What is found among pods.
pub(crate) fn find(pods: &[Value], options: &Options<'_>) -> Found {
    discover(&read_pods(&list(pods), "cluster.local").unwrap(), options)
}

/// All that was found, as text.
pub(crate) fn shown(found: &Found) -> String {
    let mut out = String::new();
    let version = found.version.as_ref().map_or("-".to_owned(), ToString::to_string);
    let namespace = found.namespace.as_deref().unwrap_or("-");
    let _ = writeln!(out, "namespace {namespace}, version {version}");
    for (key, machines) in found.placement.iter() {
        let list: Vec<String> =
            machines.iter().map(|m| format!("{}={}", m.label(), m.address)).collect();
        let _ = writeln!(out, "{key}: {}", list.join(" "));
    }
    for pod in &found.pods {
        let _ = writeln!(out, "by {:?}: {}", pod.evidence, pod.name);
    }
    for left_out in &found.left_out {
        let _ = writeln!(out, "left out: {left_out}");
    }
    for missing in &found.missing {
        let _ = writeln!(out, "missing: {missing}");
    }
    for problem in &found.problems {
        let _ = writeln!(out, "{problem}");
    }
    out
}

/// The addresses of a role.
pub(crate) fn addresses(found: &Found, key: &str) -> Vec<String> {
    let machines = found.placement.machines(&key.parse().unwrap()).iter();
    machines.map(|machine: &Machine| machine.address.to_string()).collect()
}
