//! A cluster of the minor before goes to the current one: real kubeadm of both, from packages of both.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::hosts::Minors;

use super::lab::Lab;

/// What a host runs that is no control plane.
const OF_WORKERS: [&str; 4] = ["kube-proxy", "pause", "coredns", "busybox"];
const NAMES: [&str; 2] = ["control", "work"];

/// Two pods, each on a node of its own as long as there are two, of which one always has to run.
fn app() -> String {
    let label = json!({"app": "app"});
    let apart = json!({
        "weight": 1,
        "podAffinityTerm": {"labelSelector": {"matchLabels": label}, "topologyKey": "kubernetes.io/hostname"},
    });
    let pod = json!({
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart]}},
        "containers": [{
            "name": "app",
            "image": "docker.io/local/busybox:1",
            "imagePullPolicy": "Never",
            "command": ["sleep", "3600"],
        }],
    });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": label},
            "template": {"metadata": {"labels": label}, "spec": pod},
        },
    });
    let budget = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "app"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": label}},
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [deployment, budget]}).to_string()
}

#[test]
fn a_desk_upgrades_a_cluster_one_minor_although_kubeadm_is_killed_in_the_midst_of_it() {
    let wanted = [("control", "control-plane"), ("work", "worker")];
    let Some(lab) = Lab::boot_with(Minors::Both, &wanted) else { return };
    let (folder, control) = (lab.folder.path(), lab.host("control"));
    let cluster = lab.describe_at(&NAMES, "1.34");
    let run = |arguments: &[&str]| lab.run(&cluster, arguments);
    let ok = |arguments: &[&str]| lab.ok(&cluster, arguments);

    // A cluster of the minor before, with something that runs in it.
    ok(&["deploy", "--prepare-only", "--yes"]);
    thread::scope(|scope| {
        scope.spawn(|| control.take_images_of_both(&[]));
        scope.spawn(|| lab.host("work").take_images_of_both(&OF_WORKERS));
    });
    ok(&["deploy", "--yes"]);
    lab.take_kubectl(&cluster);
    let kubectl = |arguments: &[&str]| lab.kubectl(arguments);
    let asked = |arguments: &[&str]| -> Value {
        let said = kubectl(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&said).unwrap()
    };
    let served = || asked(&["version"])["serverVersion"]["gitVersion"].as_str().unwrap().to_owned();
    let former = served();
    assert!(former.starts_with("v1.34."), "{former}");
    fs::write(folder.join("app.yaml"), app()).unwrap();
    kubectl(&["apply", "-f", folder.join("app.yaml").to_str().unwrap()]);
    kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);

    // One minor more in its description: what is to be done is told, and nothing is.
    lab.describe_at(&NAMES, "1.35");
    let (code, said) = run(&["plan"]);
    assert!(code == Some(1) && said.contains("`k8s-cluster upgrade` goes there"), "{said}");
    let (code, said) = run(&["upgrade", "--dry-run"]);
    assert_eq!(code, Some(3), "{said}");
    let apply = "control: upgrade the cluster to 1.35 (kubeadm upgrade apply)";
    assert!(said.contains(apply), "{said}");
    assert_eq!(served(), former);

    // Killed in the midst of it: etcd is the new one and about to start, all else is not.
    let mut first = lab.command(&cluster, &["upgrade", "--yes"]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let etcd = "/etc/kubernetes/manifests/etcd.yaml";
    let before = control.read(etcd);
    until("kubeadm has changed a manifest", || {
        let now = control.run(&["cat", etcd]);
        now.status.success() && now.stdout != before.as_bytes()
    });
    control.done(&["pkill", "-KILL", "-f", "^/var/lib/node-prep/bin/.* agent"]);
    control.done(&["pkill", "-KILL", "-x", "kubeadm"]);
    assert!(!first.wait().unwrap().success());
    let mark = control.read("/var/lib/node-prep/kubeadm-upgrade");
    assert!(mark.starts_with("begun v1.35."), "{mark}");
    assert!(control.read("/etc/kubernetes/manifests/kube-apiserver.yaml").contains(&former));

    // The same command goes on, and ends it.
    let said = ok(&["upgrade", "--yes"]);
    assert!(said.contains(apply) && !said.contains("control: install kubeadm"), "{said}");
    let said = ok(&["upgrade", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
    let said = ok(&["plan"]);
    assert!(said.contains("nothing to do"), "{said}");
    ok(&["status"]);

    // All of it is the new one.
    let current = served();
    assert!(current.starts_with("v1.35."), "{current}");
    let nodes = asked(&["get", "nodes"]);
    for node in nodes["items"].as_array().unwrap() {
        let name = &node["metadata"]["name"];
        assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], current, "{name}");
        assert_eq!(node["spec"]["unschedulable"], Value::Null, "{name}");
        let conditions = node["status"]["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        assert_eq!(ready.unwrap()["status"], "True", "{name}");
    }
    assert_eq!(nodes["items"].as_array().unwrap().len(), 2);
    let pods = asked(&["get", "pods", "-n", "kube-system"]).to_string();
    for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"] {
        let image = format!("registry.k8s.io/{name}:");
        assert!(pods.contains(&format!("{image}{current}")), "{name}");
        assert!(!pods.contains(&format!("{image}{former}")), "{name}");
    }
    let held = |name: &str| lab.host(name).done(&["apt-mark", "showhold"]);
    let version = current.trim_start_matches('v');
    for name in NAMES {
        assert_eq!(held(name), "kubeadm\nkubectl\nkubelet\n", "{name}");
        for program in ["kubeadm", "kubectl", "kubelet"] {
            let format = ["dpkg-query", "--show", "--showformat=${Version}", program];
            assert!(lab.host(name).done(&format).starts_with(version), "{name}: {program}");
        }
    }
    kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);

    // kubeadm has left copies of etcd's data: they go with the cluster.
    assert!(control.run(&["ls", "/etc/kubernetes/tmp"]).status.success());
    ok(&["clean", "--with-data", "--yes"]);
    assert!(!control.run(&["ls", "/etc/kubernetes/tmp"]).status.success());
}

/// Waits for what has to come.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(4), "waited too long: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}
