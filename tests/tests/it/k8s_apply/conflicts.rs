//! Fields of other managers, scaled workloads, and objects that other tools made.

use super::*;

/// The object `one` of `set.yaml`, and what another manager made of it.
fn contested(bed: &Bed) {
    bed.file("set.yaml", &config_map("one", "ours"));
    bed.done(&["apply", "-f", "set.yaml"]);
    let args = ["apply", "--server-side", "--force-conflicts", "--field-manager=tuner", "-f", "-"];
    bed.kubectl(&args, &config_map("one", "theirs"));
}

fn value(bed: &Bed) -> Value {
    bed.get("configmap/one")["data"]["key"].clone()
}

#[test]
fn a_field_of_another_manager_is_told_with_both_values_and_nothing_is_written() {
    let Some(bed) = Bed::new() else { return };
    contested(&bed);
    bed.file("set.yaml", &(config_map("one", "ours") + &config_map("two", "a")));
    for command in ["apply", "diff"] {
        let ran = bed.refused(&[command, "-f", "set.yaml"]);
        assert!(ran.says("data.key belongs to tuner at 20"), "{}", ran.err);
        assert!(ran.says("which has \"theirs\"; the manifest says \"ours\""), "{}", ran.err);
        assert!(ran.says("set.yaml:5:8: error"), "{}", ran.err);
    }
    assert!(!bed.exists("configmap/two"));
}

#[test]
fn fields_are_taken_from_all_or_from_named_managers_or_left_to_them() {
    let Some(bed) = Bed::new() else { return };
    let apply = |more: &[&str]| bed.run(&[&["apply", "-f", "set.yaml"], more].concat());
    contested(&bed);
    let ran = apply(&["--on-conflict", "leave"]);
    assert!(ran.says("data.key is left to tuner") && ran.code == Some(0), "{}", ran.err);
    assert_eq!(value(&bed), "theirs");
    let again = apply(&["--on-conflict", "leave"]);
    assert!(again.log.writes().is_empty() && again.code == Some(0), "{}", again.log);

    assert_eq!(apply(&["--force-conflicts-from", "kubectl,helm"]).code, Some(2));
    assert_eq!(value(&bed), "theirs");
    let ran = apply(&["--force-conflicts-from", "kubectl,tuner"]);
    assert_eq!((ran.code, value(&bed)), (Some(0), json!("ours")), "{}", ran.err);
    assert!(apply(&[]).log.writes().is_empty());

    contested(&bed);
    let ran = apply(&["--force-conflicts"]);
    assert_eq!((ran.code, value(&bed)), (Some(0), json!("ours")), "{}", ran.err);
}

#[test]
fn replicas_that_somebody_scaled_are_left_alone_until_they_are_asked_for() {
    let Some(bed) = Bed::new() else { return };
    let workload = deployment("web", "sleep 3600");
    bed.file("set.yaml", &workload);
    let apply = ["apply", "-f", "set.yaml", "--no-wait"];
    let replicas = || bed.get("deployment/web")["spec"]["replicas"].clone();
    bed.done(&apply);
    let kubectl = |number: &str| bed.kubectl(&["scale", "deployment/web", number], "");
    let ours = |number: &str| {
        bed.done(&["scale", "deployment/web", "--replicas", number, "--no-wait"]).err
    };
    let ways: [(&str, i64, &dyn Fn() -> String); 4] = [
        ("kubectl", 2, &|| kubectl("--replicas=2")),
        ("k8s-apply", 3, &|| ours("3")),
        ("somebody", 0, &|| kubectl("--replicas=0")),
        ("somebody", 0, &|| ours("2") + &ours("0")),
    ];
    for (who, number, scale) in ways {
        scale();
        let ran = bed.done(&apply);
        assert!(ran.says(&format!("spec.replicas is left to {who} through scale")), "{}", ran.err);
        assert_eq!(replicas(), number);
        assert!(bed.done(&apply).log.writes().is_empty());
    }
    // Another change does not bring them back either.
    bed.file("set.yaml", &workload.replace("3600", "3601"));
    bed.done(&apply);
    assert_eq!(replicas(), 0);
    bed.done(&[&apply[..], &["--set-replicas"]].concat());
    assert_eq!(replicas(), 1);
    kubectl("--replicas=2");
    bed.done(&[&apply[..], &["--set-replicas"]].concat());
    assert_eq!(replicas(), 1);
    assert!(bed.refused(&["scale", "configmap/web", "--replicas", "2"]).says("no replicas"));
    assert!(
        bed.refused(&["scale", "deployment/none", "--replicas", "2"])
            .says("there is no Deployment")
    );
}

#[test]
fn replicas_of_an_autoscaler_are_left_to_it() {
    let Some(bed) = Bed::new() else { return };
    let autoscaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n\
        spec: {minReplicas: 2, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, \
        metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}\n";
    bed.file("set.yaml", &(deployment("web", "sleep 3600") + autoscaler));
    let apply = ["apply", "-f", "set.yaml", "--set", "demo", "--no-wait"];
    bed.done(&apply);
    bed.until("the autoscaler scales", |bed| bed.get("deployment/web")["spec"]["replicas"] == 2);
    let ran = bed.done(&apply);
    assert!(
        ran.says("spec.replicas is left to kube-controller-manager through scale"),
        "{}",
        ran.err
    );
    assert!(bed.done(&apply).log.writes().is_empty());
    assert_eq!(bed.get("deployment/web")["spec"]["replicas"], 2);
}

#[test]
fn what_kubectl_applied_on_its_side_becomes_ours_and_dropped_fields_vanish() {
    let Some(bed) = Bed::new() else { return };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {a: b}}\n\
                   spec: {selector: {app: web}, ports: [{port: 80, name: a}, {port: 81, name: b}]}\n";
    let both = "data: {key: a, gone: b}";
    let made = config_map("one", "a").replace("data: {key: a}", both)
        + service
        + &deployment("web", "sleep 3600");
    bed.kubectl(&["apply", "-f", "-"], &made);
    bed.file(
        "set.yaml",
        &made
            .replace(both, "data: {key: a}")
            .replace(", labels: {a: b}", "")
            .replace(", {port: 81, name: b}", ""),
    );
    let ran = bed.ends(3, &["diff", "-f", "set.yaml"]);
    assert!(ran.says("takes over the fields of kubectl-client-side-apply"), "{}", ran.out);
    assert!(ran.says("- data.gone: \"b\"") && ran.says("- spec.ports[name=\"b\"]"), "{}", ran.out);
    let uid = bed.get("deployment/web")["metadata"]["uid"].clone();
    bed.done(&["apply", "-f", "set.yaml", "--no-wait"]);
    assert_eq!(bed.get("configmap/one")["data"], json!({"key": "a"}));
    assert_eq!(bed.get("service/web")["spec"]["ports"].as_array().unwrap().len(), 1);
    for one in ["configmap/one", "service/web", "deployment/web"] {
        let metadata = &bed.get(one)["metadata"];
        assert_eq!(
            metadata["annotations"]["kubectl.kubernetes.io/last-applied-configuration"],
            Value::Null
        );
        assert_eq!(metadata["labels"], Value::Null);
    }
    assert_eq!(bed.get("deployment/web")["metadata"]["uid"], uid);
    let again = bed.done(&["apply", "-f", "set.yaml", "--no-wait"]);
    assert!(again.log.writes().is_empty(), "{}", again.log);
}

#[test]
fn a_diff_of_a_migration_shows_only_what_will_differ() {
    let Some(bed) = Bed::new() else { return };
    let made = config_map("one", "a").replace("data: {key: a}", "data: {key: a, gone: b}")
        + &deployment("web", "sleep 3600")
        + "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    bed.kubectl(&["apply", "-f", "-"], &made);
    bed.file("set.yaml", &made.replace(", gone: b", ""));
    let ran = bed.ends(3, &["diff", "-f", "set.yaml"]);
    insta::assert_snapshot!(bed.plain(&ran.out));
}

#[test]
fn an_older_name_of_the_manager_is_taken_over() {
    let Some(bed) = Bed::new() else { return };
    let both = config_map("one", "a").replace("data: {key: a}", "data: {key: a, gone: b}");
    bed.file("set.yaml", &both);
    bed.done(&["apply", "-f", "set.yaml", "--field-manager", "older"]);
    bed.file("set.yaml", &config_map("one", "b"));
    let ran = bed.refused(&["apply", "-f", "set.yaml"]);
    assert!(ran.says("data.key belongs to older"), "{}", ran.err);
    let take = ["apply", "-f", "set.yaml", "--take-over", "older"];
    bed.done(&take);
    let object = bed.get("configmap/one");
    assert_eq!(object["data"], json!({"key": "b"}));
    assert_eq!(object["metadata"]["managedFields"].as_array().unwrap().len(), 1);
    assert!(bed.done(&take).log.writes().is_empty());
}
