//! Fields that cannot be changed.

use super::*;

fn manifests() -> String {
    let pod = pod_spec("true");
    let mut once = pod.clone();
    once["restartPolicy"] = json!("Never");
    let objects = [
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"},
            "spec": {"suspend": true, "template": {"spec": once}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"},
            "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}], "clusterIP": "None"}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "rb"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "default"}]}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "ss"},
            "spec": {"replicas": 0, "serviceName": "svc", "selector": {"matchLabels": {"app": "ss"}},
                "template": {"metadata": {"labels": {"app": "ss"}}, "spec": pod},
                "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec":
                    {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "immutable": true,
            "data": {"key": "first"}}),
    ];
    let texts = objects.map(|object| format!("---\n{object}\n")).concat();
    texts + &deployment("web", "true").replace("\"replicas\":1", "\"replicas\":0")
}

fn changed() -> String {
    manifests()
        .replace("\"app\":\"web\"", "\"app\":\"web2\"")
        .replace("1Gi", "2Gi")
        .replace("\"view\"", "\"edit\"")
        .replace("first", "second")
        .replace("\"name\":\"job\"}", "\"name\":\"job\"} ")
        .replace("\"suspend\":true,\"template\":{\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\",\"true\"]", "\"suspend\":true,\"template\":{\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\",\"false\"]")
        .replace("\"clusterIP\":\"None\",", "")
}

#[test]
fn fields_that_cannot_be_changed_are_named_and_nothing_is_written() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &manifests());
    bed.done(&["apply", "-f", "set.yaml", "--no-wait"]);
    let fixed = bed.get("service/svc");
    assert_eq!(fixed["spec"]["clusterIP"], "None");
    bed.file("set.yaml", &changed());
    let ran = bed.refused(&["apply", "-f", "set.yaml", "--no-wait"]);
    for (field, object) in [
        ("spec.selector.matchLabels.app", "Deployment.apps/NS/web"),
        ("spec.template.spec.containers[name=\"c\"].command", "Job.batch/NS/job"),
        ("roleRef.name", "RoleBinding.rbac.authorization.k8s.io/NS/rb"),
        ("spec.volumeClaimTemplates", "StatefulSet.apps/NS/ss"),
        ("data.key", "ConfigMap/NS/cm"),
    ] {
        let err = bed.plain(&ran.err);
        assert!(
            err.contains(&format!("{field} cannot be changed in the object that is there")),
            "{field}\n{err}"
        );
        assert!(err.contains(&format!("made anew with --recreate {object}")), "{object}\n{err}");
    }
}

#[test]
fn what_is_named_is_made_anew_and_only_that() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &manifests());
    bed.done(&["apply", "-f", "set.yaml", "--no-wait"]);
    let uids = || {
        [
            "job/job",
            "rolebinding/rb",
            "statefulset/ss",
            "configmap/cm",
            "deployment/web",
            "serviceaccount/default",
        ]
        .map(|one| bed.get(one)["metadata"]["uid"].clone())
    };
    let before = uids();
    bed.file("set.yaml", &changed());
    let all = [
        "--recreate",
        "Job",
        "--recreate",
        "rolebinding/rb",
        "--recreate",
        "StatefulSet.apps",
        "--recreate",
        "ConfigMap/cm",
    ];
    // One is missing.
    bed.refused(&[&["apply", "-f", "set.yaml", "--no-wait"], &all[..]].concat());
    let web = format!("deployment/{}/web", bed.name());
    let all = [&all[..], &["--recreate", &web]].concat();
    let ran = bed.ends(3, &[&["diff", "-f", "set.yaml"], &all[..]].concat());
    assert!(
        ran.says("5 to recreate") && ran.says("cannot be changed: roleRef.name"),
        "{}",
        ran.out
    );
    bed.done(&[&["apply", "-f", "set.yaml", "--no-wait"], &all[..]].concat());
    let after = uids();
    assert!(
        before.iter().zip(&after).take(5).all(|(before, after)| before != after),
        "{before:?} {after:?}"
    );
    assert_eq!(before[5], after[5]);
    assert_eq!(bed.get("configmap/cm")["data"]["key"], "second");
    assert!(bed.done(&["apply", "-f", "set.yaml", "--no-wait"]).log.writes().is_empty());
}

#[test]
fn the_address_of_a_service_is_named_too() {
    let Some(bed) = Bed::new() else { return };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: svc}\nspec: {selector: {app: x}, ports: [{port: 80}]}\n";
    bed.file("set.yaml", service);
    bed.done(&["apply", "-f", "set.yaml"]);
    bed.file("set.yaml", &service.replace("spec: {", "spec: {clusterIP: None, "));
    let ran = bed.refused(&["apply", "-f", "set.yaml"]);
    assert!(ran.says("spec.clusterIP cannot be changed"), "{}", ran.err);
    bed.done(&["apply", "-f", "set.yaml", "--recreate", "Service/svc"]);
    assert_eq!(bed.get("service/svc")["spec"]["clusterIP"], "None");
}
