//! A whole cluster from a desk, through ssh: real kubeadm, kubelet, containerd and etcd on hosts of their own.

use std::fs;

use super::lab::Lab;

#[test]
fn a_desk_makes_a_cluster_and_it_grows_shrinks_and_goes() {
    let wanted = [("control", "control-plane"), ("work", "worker"), ("late", "worker")];
    let Some(lab) = Lab::boot(&wanted) else { return };
    let folder = lab.folder.path();
    let cluster = lab.describe(&["control", "work"]);
    let run = |arguments: &[&str]| lab.run(&cluster, arguments);
    let ok = |arguments: &[&str]| lab.ok(&cluster, arguments);

    // Nothing is there yet, and looking changes nothing.
    let (code, said) = run(&["plan"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("control: become the first control plane"), "{said}");
    ok(&["deploy", "--prepare-only", "--yes"]);
    for name in ["control", "work"] {
        lab.host(name).take_images();
    }
    let said = ok(&["deploy", "--yes"]);
    assert!(said.contains("work           done: join"), "{said}");
    let said = ok(&["deploy", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
    let said = ok(&["status"]);
    assert_eq!(said.matches("Ready").count(), 2, "{said}");
    let said = ok(&["etcd", "status"]);
    assert!(said.contains("leads, healthy"), "{said}");

    // Access from the desk, with the cluster's own kubectl.
    lab.take_kubectl(&cluster);
    let kubectl = |arguments: &[&str]| lab.kubectl(arguments);
    let labels = kubectl(&["get", "nodes", "-l", "of=the-lab", "-o", "name"]);
    assert_eq!(labels, "node/control\nnode/work\n");
    let (code, said) = run(&["certs", "check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("apiserver"), "{said}");
    ok(&["etcd", "snapshot", "--to", folder.join("snapshot.db").to_str().unwrap()]);
    assert!(fs::metadata(folder.join("snapshot.db")).unwrap().len() > 10_000);

    // A worker more, and a pod that has to move when it goes.
    lab.describe(&["control", "work", "late"]);
    ok(&["deploy", "--prepare-only", "--yes"]);
    lab.host("late").take_images();
    let said = ok(&["add", "late", "--yes"]);
    assert!(said.contains("late           done: join"), "{said}");
    kubectl(&[
        "create",
        "deployment",
        "app",
        "--image=docker.io/local/busybox:1",
        "--",
        "sleep",
        "3600",
    ]);
    let patch = r#"{"spec":{"template":{"spec":{"nodeSelector":{"of":"the-lab"},"terminationGracePeriodSeconds":1,"containers":[{"name":"busybox","imagePullPolicy":"Never"}]}}}}"#;
    kubectl(&["patch", "deployment", "app", "-p", patch]);
    kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    let on = kubectl(&["get", "pods", "-l", "app=app", "-o", "jsonpath={.items[0].spec.nodeName}"]);
    ok(&["remove", &on, "--yes"]);
    kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    let left = kubectl(&["get", "nodes", "-o", "name"]);
    assert!(!left.contains(&on) && left.lines().count() == 2, "{left}");

    // The kubelet of a worker is stopped: told, and mended. A control plane is refused before it is touched.
    let other = if on == "work" { "late" } else { "work" };
    let (code, said) = run(&["repair", "control", "--yes"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("control is a control plane: nothing was touched"), "{said}");
    lab.host(other).done(&["systemctl", "stop", "kubelet"]);
    kubectl(&["wait", "--for=condition=Ready=Unknown", &format!("node/{other}"), "--timeout=120s"]);
    let (code, said) = run(&["status"]);
    assert_eq!(code, Some(3), "{said}");
    ok(&["repair", other, "--yes"]);
    kubectl(&["wait", "--for=condition=Ready", &format!("node/{other}"), "--timeout=60s"]);

    // Taken apart; then there is nothing to take apart, and all can begin anew.
    lab.describe(&["control", "work", "late"]);
    ok(&["clean", "--with-data", "--yes"]);
    let said = ok(&["clean", "--with-data", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
}
