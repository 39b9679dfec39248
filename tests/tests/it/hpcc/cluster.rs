//! A live cluster that is real: pods with real addresses, and an account that has the rights that are printed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::cluster::{Cluster, Namespace, cluster};
use tests::{hpcc_envgen, skipped};

use super::{Scratch, placed};

/// What the pods have to be.
const WANTED: &str = "version: '7.2'\nsupport: {machines: 1}\nthor: {fast: {slaves: 2}}\nroxie: {queries: {servers: 2}}\n";

/// A pod with our labels that is ready after two seconds.
fn pod(role: &str, cluster: &str, image: &str) -> Value {
    let mut labels = json!({"windlass.dev/hpcc-role": role});
    if !cluster.is_empty() {
        labels["windlass.dev/hpcc-cluster"] = json!(cluster);
    }
    json!({
        "metadata": {"labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "c", "image": image, "imagePullPolicy": "Never",
                "command": ["sh", "-c", "sleep 2; touch /tmp/ready; exec sleep 3600"],
                "readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1},
            }],
        },
    })
}

/// A single pod.
fn single(name: &str, mut pod: Value) -> Value {
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(name);
    pod
}

/// A controller with two of these pods, and for a stateful set its headless Service.
fn pair(kind: &str, name: &str, mut pod: Value) -> Value {
    pod["metadata"]["labels"]["app"] = json!(name);
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": pod},
    })
}

/// One support machine, two thor slaves with stable names and two roxie servers.
fn manifests(image: &str) -> String {
    let mut slaves = pair("StatefulSet", "thor-fast", pod("thor-slave", "fast", image));
    slaves["spec"]["serviceName"] = json!("thor-fast");
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "thor-fast"},
        "spec": {"clusterIP": "None", "selector": {"app": "thor-fast"}, "ports": [{"port": 20000}]},
    });
    let items = [
        single("support", pod("support", "", image)),
        service,
        slaves,
        pair("Deployment", "roxie-queries", pod("roxie", "queries", image)),
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// A kubeconfig for the account that `--print-rbac` makes, in this namespace.
fn kubeconfig_of_account(cluster: &Cluster, namespace: &Namespace) -> String {
    let admin =
        cluster.done(&["config", "view", "--raw", "--minify", "--flatten", "--output=json"], "");
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    let token = namespace.done(&["create", "token", "hpcc-envgen"], "");
    config["users"][0]["user"] = json!({"token": token.trim()});
    config["contexts"][0]["context"]["namespace"] = json!(namespace.name());
    config.to_string()
}

/// The addresses of pods with this label.
fn addresses(namespace: &Namespace, role: &str) -> BTreeSet<String> {
    let label = format!("--selector=windlass.dev/hpcc-role={role}");
    let addresses = "--output=jsonpath={.items[*].status.podIP}";
    let said = namespace.done(&["get", "pods", &label, addresses], "");
    said.split_whitespace().map(str::to_owned).collect()
}

/// What an account may do in a namespace, as the API server sees it.
fn may(cluster: &Cluster, account: &str, namespace: &str, verb: &str, resource: &str) -> bool {
    let who = format!("--as={account}");
    let said =
        cluster.kubectl(&["auth", "can-i", verb, resource, "--namespace", namespace, &who], "");
    let answer = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    assert!(["yes", "no"].contains(&answer.as_str()), "{said:?}");
    answer == "yes"
}

#[test]
fn a_real_cluster_is_read_with_the_rights_that_are_printed_and_no_others() {
    let test = "a_real_cluster_is_read_with_the_rights_that_are_printed_and_no_others";
    let cluster = match cluster() {
        Ok(cluster) => cluster,
        Err(reason) => return skipped(test, reason),
    };
    let image = match cluster.busybox() {
        Ok(image) => image,
        Err(reason) => return skipped(test, reason),
    };
    let namespace = cluster.namespace("hpcc");
    let name = namespace.name();

    // An account without any right, and then with those that are printed.
    namespace.done(&["create", "serviceaccount", "hpcc-envgen"], "");
    let scratch = Scratch::new()
        .with("kubeconfig", kubeconfig_of_account(cluster, &namespace))
        .with("hpcc.yaml", WANTED);
    let generate =
        ["--from-cluster", "--kubeconfig", "kubeconfig", "--cluster", "hpcc.yaml", "-env", "e.xml"];
    let ran = scratch.run(&generate);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains(&format!("may not list the pods of namespace {name}")), "{ran:?}");
    cluster.done(&["apply", "--filename=-"], &scratch.done(&["--print-rbac", "-n", name]).out);
    let account = format!("system:serviceaccount:{name}:hpcc-envgen");
    assert!(may(cluster, &account, name, "list", "pods"));
    for (namespace, verb, resource) in [
        (name, "get", "pods"),
        (name, "watch", "pods"),
        (name, "delete", "pods"),
        (name, "create", "pods/exec"),
        (name, "list", "secrets"),
        (name, "list", "services"),
        ("default", "list", "pods"),
    ] {
        assert!(!may(cluster, &account, namespace, verb, resource), "{verb} {resource}");
    }

    // Pods that are about to start are waited for.
    namespace.done(&["apply", "--filename=-"], &manifests(image));
    let ran = scratch.done(&[&generate[..], &["--wait", "--timeout", "60"]].concat());
    assert!(ran.err.contains("waiting: "), "{ran:?}");
    let environment = envxml::Document::parse(&scratch.text("e.xml")).unwrap();
    let found = placed(&environment);
    let support = addresses(&namespace, "support");
    assert_eq!(found["mydali"], support);
    assert_eq!(found["fast:master"], support);
    assert_eq!(found["fast"], addresses(&namespace, "thor-slave"));
    assert_eq!(found["queries"], addresses(&namespace, "roxie"));
    assert_eq!(
        (found["fast"].len(), found["queries"].len(), found["mydafilesrv"].len()),
        (2, 2, 5)
    );
    scratch.done(&["lint", "e.xml"]);

    // The list that kubectl prints gives the same, and so does a pod with that account.
    let listed = namespace.done(&["get", "pods", "--output=json"], "");
    let from_file = Scratch::new().with("pods.json", listed).with("hpcc.yaml", WANTED);
    from_file.done(&["--pods", "pods.json", "--cluster", "hpcc.yaml", "-env", "e.xml"]);
    assert_eq!(from_file.text("e.xml"), scratch.text("e.xml"));
    in_a_pod(cluster, &namespace, &scratch.text("e.xml"));

    // The names of the slaves stay when their addresses change.
    let by_name = [&generate[..6], &["e.xml", "--host-names"]].concat();
    scratch.done(&by_name);
    let environment = envxml::Document::parse(&scratch.text("e.xml")).unwrap();
    let names = [0, 1].map(|n| format!("thor-fast-{n}.thor-fast.{name}.svc.cluster.local"));
    assert_eq!(placed(&environment)["fast"], BTreeSet::from(names));

    // A pod that cannot start is named.
    let broken = single("broken", pod("roxie", "queries", "docker.io/local/nothing:1"));
    namespace.done(&["apply", "--filename=-"], &broken.to_string());
    let ran = scratch.run(&generate);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("missing: pod broken (roxie/queries)"), "{ran:?}");
}

/// Inside a pod no option says where the cluster is: it is the one that the pod runs in.
fn in_a_pod(cluster: &Cluster, namespace: &Namespace, expected: &str) {
    let image = cluster.image("hpcc-envgen", hpcc_envgen()).unwrap();
    let generator = json!({
        "apiVersion": "v1", "kind": "Pod",
        // It takes no part.
        "metadata": {"name": "generator", "labels": {"windlass.dev/hpcc-role": "admin"}},
        "spec": {
            "serviceAccountName": "hpcc-envgen", "restartPolicy": "Never",
            "securityContext": {"runAsUser": 65534, "runAsNonRoot": true},
            "containers": [{
                "name": "c", "image": image, "imagePullPolicy": "Never", "workingDir": "/tmp",
                "env": [{"name": "WANTED", "value": WANTED}],
                "command": ["sh", "-c", "printf %s \"$WANTED\" > hpcc.yaml; \
                    hpcc-envgen --from-cluster --cluster hpcc.yaml 2> err || cat err"],
            }],
        },
    });
    namespace.done(&["apply", "--filename=-"], &generator.to_string());
    let succeeded = "--for=jsonpath={.status.phase}=Succeeded";
    namespace.done(&["wait", succeeded, "--timeout=60s", "pod/generator"], "");
    let printed = namespace.done(&["logs", "generator"], "");
    assert_eq!(printed, expected);
    namespace.done(&["delete", "pod", "generator"], "");
}
