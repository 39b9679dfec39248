//! What is waited for, and how little is asked meanwhile.

use super::*;

fn pod_once(shell: &str) -> Value {
    let mut pod = pod_spec(shell);
    pod["restartPolicy"] = json!("Never");
    pod
}

fn job(name: &str, shell: &str) -> String {
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod_once(shell)}},
    });
    format!("---\n{job}\n")
}

#[test]
fn a_job_is_ready_when_it_has_completed_and_failed_when_it_has_not() {
    let Some(bed) = Bed::new() else { return };
    bed.file("good.yaml", &job("good", "sleep 1"));
    bed.done(&["apply", "-f", "good.yaml", "--timeout", "60s"]);
    assert_eq!(bed.get("job/good")["status"]["succeeded"], 1);
    bed.file("bad.yaml", &job("bad", "echo no such table; exit 7"));
    let began = Instant::now();
    let ran = bed.ends(4, &["apply", "-f", "bad.yaml", "--timeout", "5m"]);
    assert!(began.elapsed() < LONG, "a failure for good is not waited on");
    let err = bed.plain(&ran.err);
    assert!(
        err.contains("failed: 1 object\n  Job NS/bad: ") && err.contains("no such table"),
        "{err}"
    );
    assert!(bed.ends(3, &["status", "job/good", "job/bad"]).says("failed"));
}

#[test]
fn a_replication_controller_is_waited_for() {
    let Some(bed) = Bed::new() else { return };
    let controller = |shell: &str, name: &str| {
        let pod = json!({"metadata": {"labels": {"app": name}}, "spec": pod_spec(shell)});
        let value = json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"app": name}, "template": pod}});
        format!("---\n{value}\n")
    };
    bed.file("good.yaml", &controller("sleep 3600", "good"));
    bed.done(&["apply", "-f", "good.yaml", "--timeout", "60s"]);
    assert_eq!(bed.get("rc/good")["status"]["readyReplicas"], 1);
    bed.file(
        "bad.yaml",
        &controller("sleep 3600", "bad").replace("local/busybox", "local/nothing"),
    );
    let ran = bed.ends(4, &["apply", "-f", "bad.yaml", "--timeout", "4s"]);
    assert!(ran.says("ErrImageNeverPull"), "{}", ran.err);
    bed.ends(1, &["wait", "rc/bad", "--timeout", "1s"]);
    bed.ends(3, &["status", "rc/bad"]);
    bed.done(&["wait", "rc/good", "--timeout", "1s"]);
}

#[test]
fn a_claim_that_waits_for_its_first_consumer_is_no_hang() {
    let Some(bed) = Bed::new() else { return };
    let _vanishing = bed.vanishes(&format!("storageclass/{}", bed.name()));
    bed.file(
        "set.yaml",
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: NS}\nprovisioner: example.org/none\n\
         volumeBindingMode: WaitForFirstConsumer\n\
         ---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: later}\n\
         spec: {accessModes: [ReadWriteOnce], storageClassName: NS, resources: {requests: {storage: 1Mi}}}\n",
    );
    bed.done(&["apply", "-f", "set.yaml", "--timeout", "30s"]);
    assert_eq!(bed.get("pvc/later")["status"]["phase"], "Pending");
    bed.done(&["status", "pvc/later"]);
    let other = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: never}\n\
         spec: {accessModes: [ReadWriteOnce], storageClassName: no-such-class, resources: {requests: {storage: 1Mi}}}\n";
    bed.file("other.yaml", other);
    let ran = bed.ends(4, &["apply", "-f", "other.yaml", "--timeout", "3s"]);
    assert!(ran.says("no-such-class"), "{}", ran.err);
}

#[test]
fn one_watch_for_each_kind_is_enough_for_many_objects_in_several_namespaces() {
    let Some(bed) = Bed::new() else { return };
    let other = bed.cluster.namespace("apply-other");
    let mut set: String =
        (0..4).map(|number| deployment(&format!("d{number}"), "sleep 3600")).collect();
    for number in 4..6 {
        let named = format!("{{\"name\":\"d{number}\"}}");
        let placed = format!("{{\"name\":\"d{number}\",\"namespace\":\"{}\"}}", other.name());
        set += &deployment(&format!("d{number}"), "sleep 3600").replace(&named, &placed);
    }
    bed.file("set.yaml", &set);
    for set in [&[][..], &["--set", "demo"]] {
        let ran = bed.done(
            &[&["apply", "-f", "set.yaml", "--timeout", "120s", "--field-manager", "m"], set]
                .concat(),
        );
        for path in ran.log.watches().iter().map(|call| &call.path) {
            assert_eq!(path, "/apis/apps/v1/deployments", "{}", ran.log);
        }
        assert!(ran.log.most_watches_at_once("/apis/apps/v1/deployments") <= 1, "{}", ran.log);
    }
    let ran = bed.done(&["status", "--set", "demo"]);
    assert_eq!(ran.out.lines().filter(|line| line.contains("  ready")).count(), 6, "{}", ran.out);
}

#[test]
fn what_is_not_there_is_told_by_status_and_waited_for_by_wait() {
    let Some(bed) = Bed::new() else { return };
    let ran = bed.ends(3, &["status", "cm/none", "cm/kube-root-ca.crt"]);
    assert!(ran.out.contains("not there"), "{}", ran.out);
    assert!(bed.ends(1, &["wait", "cm/none", "--timeout", "1s"]).says("it is not there"));
    bed.done(&["wait", "--for", "gone", "cm/none", "--timeout", "1s"]);
    std::thread::scope(|scope| {
        let run =
            scope.spawn(|| bed.command(&["wait", "cm/none", "--timeout", "60s"]).output().unwrap());
        bed.proxy.reset();
        assert!(
            bed.proxy.wait_until(LONG, |log| !log.open_watches().is_empty()),
            "{}",
            bed.proxy.log()
        );
        bed.kubectl(&["create", "configmap", "none"], "");
        assert_eq!(run.join().unwrap().status.code(), Some(0));
    });
}
