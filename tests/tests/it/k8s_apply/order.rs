//! In which order things are written, and what is waited for in between.

use super::*;

/// The resources that were written, in that order, without repetitions.
fn resources(ran: &Ran) -> Vec<String> {
    let mut found: Vec<String> = ran
        .log
        .writes()
        .iter()
        .filter_map(|call| call.path.rsplit('/').nth(1).map(str::to_owned))
        .collect();
    found.dedup();
    found
}

#[test]
fn stages_follow_each_other_whatever_the_order_of_the_file() {
    let Some(bed) = Bed::new() else { return };
    let (group, own) = (format!("{}.example.org", bed.name()), format!("{}-own", bed.name()));
    let _vanishing = [
        bed.vanishes(&format!("crd/things.{group}")),
        bed.vanishes(&format!("namespace/{own}")),
        bed.vanishes(&format!("validatingwebhookconfiguration/{own}")),
        bed.vanishes(&format!("pv/{own}")),
    ];
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": own},
        "webhooks": [{
            "name": "no.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "clientConfig": {"url": "https://127.0.0.1:9/"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": own}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        }],
    });
    let rest = format!(
        "---\n{webhook}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{ports: [{{port: 80}}]}}\n\
         ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: rb}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}\n\
         ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: runner}}\n\
         ---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {own}}}\n\
         spec: {{capacity: {{storage: 1Mi}}, accessModes: [ReadWriteOnce], storageClassName: none, hostPath: {{path: /none}}}}\n\
         ---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {own}}}\n"
    );
    let inside = config_map("inside", "a")
        .replace("name: inside", &format!("name: inside, namespace: {own}"));
    bed.file(
        "set.yaml",
        &(thing(&group, "it", "size: 1")
            + &deployment("web", "sleep 3600")
            + &rest
            + &inside
            + &definition(&group, "")),
    );
    let ran = bed.done(&["apply", "-f", "set.yaml", "--timeout", "60s"]);
    assert_eq!(
        resources(&ran),
        [
            "namespaces",
            "customresourcedefinitions",
            "serviceaccounts",
            "rolebindings",
            "configmaps",
            "persistentvolumes",
            "services",
            "deployments",
            "things",
            "validatingwebhookconfigurations",
        ],
        "{}",
        ran.log
    );
    assert!(bed.done(&["apply", "-f", "set.yaml", "--timeout", "60s"]).log.writes().is_empty());
}

fn depending(name: &str, on: &str) -> String {
    let text = deployment(name, "touch /tmp/up; sleep 3600");
    let annotation = format!(
        "{{\"annotations\":{{\"config.kubernetes.io/depends-on\":\"{on}\"}},\"name\":\"{name}\"}}"
    );
    text.replace(&format!("{{\"name\":\"{name}\"}}"), &annotation)
}

#[test]
fn a_dependent_is_not_written_before_what_it_depends_on_is_ready() {
    let Some(bed) = Bed::new() else { return };
    let first = deployment("first", "sleep 1; touch /tmp/up; sleep 3600").replace(
        "\"image\":",
        "\"readinessProbe\":{\"exec\":{\"command\":[\"test\",\"-e\",\"/tmp/up\"]},\"periodSeconds\":1},\"image\":",
    );
    let second = depending("second", "apps/namespaces/NS/Deployment/first");
    bed.file("set.yaml", &(second + &first + &config_map("one", "a")));
    let ran = bed.done(&["apply", "-f", "set.yaml", "--timeout", "60s", "--no-wait"]);
    let names: Vec<&str> =
        ran.written().iter().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(names, ["one", "first", "second"]);
    let writes = ran.log.writes();
    let watch = ran.log.watches()[0].number;
    assert!(writes[1].number < watch && watch < writes[2].number, "{}", ran.log);
    let time = |pointer: &str| {
        bed.get("deployment/second").pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    };
    let made = time("/metadata/creationTimestamp").unwrap();
    let ready = bed.get("deployment/first")["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "Available")
        .unwrap()["lastTransitionTime"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(ready <= made, "{ready} {made}");
}

#[test]
fn what_others_depend_on_is_named_when_it_does_not_become_ready() {
    let Some(bed) = Bed::new() else { return };
    let first = deployment("first", "sleep 3600").replace("local/busybox", "local/nothing");
    let second = depending("second", "apps/namespaces/NS/Deployment/first");
    bed.file("set.yaml", &(first + &second));
    let ran = bed.ends(4, &["apply", "-f", "set.yaml", "--timeout", "4s"]);
    let err = bed.plain(&ran.err);
    assert!(err.contains("something that others depend on is not ready"), "{err}");
    assert!(
        err.contains("ErrImageNeverPull") && err.contains("not begun: Deployment NS/second"),
        "{err}"
    );
    assert!(!bed.exists("deployment/second"));
}

#[test]
fn a_circle_is_named_with_its_members_before_anything_is_written() {
    let Some(bed) = Bed::new() else { return };
    let of = |name: &str| format!("apps/namespaces/NS/Deployment/{name}");
    bed.file(
        "set.yaml",
        &(depending("a", &of("b"))
            + &depending("b", &of("c"))
            + &depending("c", &of("a"))
            + &config_map("one", "a")),
    );
    for command in ["check", "diff", "apply"] {
        let ran = bed.refused(&[command, "-f", "set.yaml"]);
        let err = bed.plain(&ran.err);
        assert!(
            err.contains("these wait for each other: ")
                && err.contains("a (set.yaml:2:1) waits for"),
            "{command}: {err}"
        );
    }
    bed.file("set.yaml", &depending("a", &of("none")));
    assert!(
        bed.refused(&["apply", "-f", "set.yaml"]).says("is not among the objects that are applied")
    );
}

#[test]
fn a_webhook_that_is_not_up_is_waited_for_until_the_time_is_up_and_named() {
    let Some(bed) = Bed::new() else { return };
    let hook = bed.name().to_owned();
    let _vanishing = bed.vanishes(&format!("validatingwebhookconfiguration/{hook}"));
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": hook},
        "webhooks": [{
            "name": "gate.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "clientConfig": {"url": "https://127.0.0.1:9/"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": hook}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
        }],
    });
    bed.file("set.yaml", &format!("---\n{webhook}\n{}", config_map("one", "a")));
    bed.done(&["apply", "-f", "set.yaml"]);
    // It counts a little later than it is written.
    bed.until("the webhook refuses", |bed| {
        let said = bed
            .cluster
            .kubectl(&["-n", bed.name(), "create", "configmap", "probe", "--dry-run=server"], "");
        !said.status.success()
    });
    // What is as it should be asks no webhook.
    assert!(bed.done(&["apply", "-f", "set.yaml"]).log.writes().is_empty());
    bed.file("set.yaml", &format!("---\n{webhook}\n{}", config_map("one", "b")));
    let ran = bed.ends(1, &["apply", "-f", "set.yaml", "--retry-for", "2s"]);
    assert!(ran.says("gate.example.org") && ran.says("refused"), "{}", ran.err);
    assert!(ran.log.dry_runs().len() > 2 && ran.log.writes().is_empty(), "{}", ran.log);
    // It comes back while we try.
    let (name, cluster) = (hook.clone(), bed.cluster);
    let apply = ["apply", "-f", "set.yaml", "--timeout", "3s"];
    std::thread::scope(|scope| {
        let run = scope.spawn(|| bed.command(&apply).output().unwrap());
        bed.proxy.reset();
        assert!(bed.proxy.wait_until(LONG, |log| log.dry_runs().len() > 1), "{}", bed.proxy.log());
        cluster.done(&["delete", "validatingwebhookconfiguration", &name], "");
        let said = run.join().unwrap();
        // That the webhook itself was taken away, although the set has it, is told.
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(4), "{err}");
        assert!(err.contains(&format!("{name}: it is not there")), "{err}");
    });
    assert_eq!(bed.get("configmap/one")["data"]["key"], "b");
}

#[test]
fn a_namespace_that_is_being_deleted_is_made_anew_with_what_was_in_it() {
    let Some(bed) = Bed::new() else { return };
    let own = format!("{}-own", bed.name());
    let _vanishing = bed.vanishes(&format!("namespace/{own}"));
    let namespace = format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {own}}}\n");
    let held = format!("name: one, namespace: {own}, finalizers: [example.org/hold]");
    let inside = config_map("one", "a").replace("name: one", &held);
    bed.file("set.yaml", &(namespace + &inside));
    bed.done(&["apply", "-f", "set.yaml"]);
    bed.kubectl(&["delete", "namespace", &own, "--wait=false"], "");
    let ran = bed.ends(3, &["diff", "-f", "set.yaml"]);
    assert!(
        ran.says("the one that is there is being deleted") && ran.says("2 to create"),
        "{}",
        ran.out
    );
    // What holds it is named.
    let ran = bed.ends(1, &["apply", "-f", "set.yaml", "--timeout", "2s"]);
    assert!(ran.says("gave up") && ran.says("not begun: ConfigMap"), "{}", ran.err);
    let free = r#"{"metadata":{"finalizers":null}}"#;
    bed.cluster
        .done(&["-n", &own, "patch", "configmap", "one", "--type=merge", "--patch", free], "");
    bed.done(&["apply", "-f", "set.yaml", "--timeout", "60s"]);
    bed.cluster
        .done(&["-n", &own, "patch", "configmap", "one", "--type=merge", "--patch", free], "");
}
