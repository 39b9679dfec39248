//! What would hurt: things named within the set, promises to keep, deleting what cannot be made anew.

use super::*;

#[test]
fn a_pod_may_run_as_an_account_and_a_class_of_the_same_set() {
    let Some(bed) = Bed::new() else { return };
    let class = format!("class-{}", bed.name());
    let _class = bed.vanishes(&format!("priorityclass/{class}"));
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"}, "spec": pod_spec("exec sleep 3600"),
    });
    pod["spec"]["serviceAccountName"] = "worker".into();
    pod["spec"]["priorityClassName"] = class.as_str().into();
    let set = format!(
        "{pod}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: worker}}\n---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: {class}}}\nvalue: 5\n"
    );
    bed.file("set.yaml", &set);
    let ran = bed.ends(3, &["diff", "-f", "set.yaml"]);
    assert!(ran.out.contains("once what it names in the set is there"), "{}", ran.out);
    let ran = bed.done(&["apply", "-f", "set.yaml"]);
    assert!(ran.says("3 written, 0 unchanged, all ready"), "{}", ran.err);
    assert!(bed.done(&["apply", "-f", "set.yaml"]).log.writes().is_empty());
}

#[test]
fn nothing_is_deleted_for_a_new_one_that_the_server_would_refuse() {
    let Some(bed) = Bed::new() else { return };
    let web = deployment("web", "exec sleep 3600");
    bed.file("set.yaml", &web);
    bed.done(&["apply", "-f", "set.yaml", "--no-wait"]);
    // The selector is another one, but the labels of its pods are forgotten.
    let changed =
        web.replacen(r#""matchLabels":{"app":"web"}"#, r#""matchLabels":{"app":"other"}"#, 1);
    assert_ne!(web, changed);
    bed.file("set.yaml", &changed);
    let ran = bed.refused(&["apply", "-f", "set.yaml", "--recreate", "Deployment/web"]);
    assert!(ran.says("`selector` does not match template `labels`"), "{}", ran.err);
    assert!(bed.exists("deployment/web"));
}

#[test]
fn a_namespace_stays_if_something_in_it_asks_to_stay() {
    let Some(bed) = Bed::new() else { return };
    let home = format!("{}-home", bed.name());
    let _home = bed.vanishes(&format!("namespace/{home}"));
    let kept = config_map("kept", "x").replace(
        "name: kept",
        &format!("name: kept, namespace: {home}, annotations: {{windlass.dev/on-remove: keep}}"),
    );
    let set = format!("{kept}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {home}}}\n");
    bed.file("set.yaml", &set);
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    let ran = bed.done(&["delete", "--set", "demo", "--yes"]);
    assert!(
        ran.says(&format!("keep      Namespace {home} (something in it stays)")),
        "{}",
        ran.err
    );
    assert!(bed.exists(&format!("namespace/{home}")));
    assert!(!bed.kubectl(&["get", "configmap", "kept", "-n", &home, "-o", "name"], "").is_empty());
}
