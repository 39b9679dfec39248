//! Deleting sets and objects.

use super::*;

#[test]
fn a_set_is_deleted_in_reverse_order_and_its_parent_last() {
    let Some(bed) = Bed::new() else { return };
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: runner}\n";
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    bed.file(
        "set.yaml",
        &(deployment("web", "sleep 3600") + account + service + &config_map("one", "a")),
    );
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--no-wait"]);
    let dry = bed.done(&["delete", "--set", "demo", "--dry-run"]);
    assert!(dry.log.writes().is_empty() && dry.says("- delete    Deployment"), "{}", dry.err);
    let unsure = bed.ends(2, &["delete", "--set", "demo"]);
    assert!(unsure.says("say --yes"), "{}", unsure.err);

    let ran = bed.done(&["delete", "--set", "demo", "--yes", "--timeout", "60s"]);
    let names: Vec<&str> =
        ran.written().iter().filter_map(|path| path.rsplit('/').nth(1)).collect();
    assert_eq!(
        names,
        ["deployments", "services", "configmaps", "serviceaccounts", "secrets"],
        "{}",
        ran.log
    );
    insta::assert_snapshot!(bed.plain(&ran.err));
    assert!(!bed.exists("secret/demo") && !bed.exists("deployment/web"));
    assert!(bed.ends(1, &["delete", "--set", "demo", "--yes"]).says("there is no set"));
}

#[test]
fn a_finalizer_is_waited_for_and_named_when_the_time_is_up() {
    let Some(bed) = Bed::new() else { return };
    let held =
        config_map("held", "a").replace("name: held", "name: held, finalizers: [example.org/hold]");
    bed.file("set.yaml", &held);
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    let delete = ["delete", "--set", "demo", "--yes", "--timeout", "2s"];
    let ran = bed.ends(4, &delete);
    let words = "ConfigMap NS/held: it is being deleted; example.org/hold must be done first";
    assert!(bed.plain(&ran.err).contains(words), "{}", ran.err);
    assert!(bed.exists("secret/demo"), "the set is needed to try again");
    let ran = bed.ends(1, &["wait", "--for", "gone", "configmap/held", "--timeout", "1s"]);
    assert!(ran.says("example.org/hold"), "{}", ran.err);

    bed.kubectl(
        &[
            "patch",
            "configmap",
            "held",
            "--type=merge",
            "--patch",
            r#"{"metadata":{"finalizers":null}}"#,
        ],
        "",
    );
    bed.done(&["wait", "--for", "gone", "configmap/held", "--timeout", "60s"]);
    bed.done(&delete);
    assert!(!bed.exists("secret/demo"));
}

#[test]
fn a_definition_does_not_take_resources_of_others_with_it() {
    let Some(bed) = Bed::new() else { return };
    let group = format!("{}.example.org", bed.name());
    let _vanishing = bed.vanishes(&format!("crd/things.{group}"));
    bed.file("set.yaml", &(definition(&group, "") + &thing(&group, "ours", "size: 1")));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    bed.kubectl(&["apply", "-f", "-"], &thing(&group, "theirs", "size: 2"));
    let before = bed.get(&format!("things.{group}/theirs"));
    let delete = ["delete", "--set", "demo", "--yes"];
    let ran = bed.refused(&delete);
    let words = format!("takes 1 other resource with it: Thing.{group} {}/theirs", bed.name());
    assert!(ran.says(&words) && ran.says("--with-resources"), "{}", ran.err);
    assert_eq!(bed.get(&format!("things.{group}/theirs")), before);
    // Nor does a prune, even if definitions may go.
    bed.file("set.yaml", &config_map("one", "a"));
    let allow = ["--prune", "--prune-allow", "CustomResourceDefinition"];
    let ran = bed.done(&[&["apply", "-f", "set.yaml", "--set", "demo"], &allow[..]].concat());
    let words =
        format!("Thing.{group} {}/theirs would be lost with it, and not of the set", bed.name());
    assert!(ran.says(&words) && ran.says("1 deleted"), "{}", ran.err);
    assert_eq!(bed.get(&format!("things.{group}/theirs")), before);

    let ran = bed.done(&[&delete[..], &["--with-resources"]].concat());
    let order: Vec<&str> =
        ran.written().iter().filter_map(|path| path.rsplit('/').nth(1)).collect();
    assert!(order.ends_with(&["customresourcedefinitions", "secrets"]), "{}", ran.log);
}

#[test]
fn objects_are_deleted_by_name_and_by_their_manifests() {
    let Some(bed) = Bed::new() else { return };
    bed.file(
        "set.yaml",
        &(config_map("one", "a") + &config_map("two", "a") + &config_map("three", "a")),
    );
    bed.done(&["apply", "-f", "set.yaml"]);
    let ran = bed.done(&["delete", "--yes", "cm/one"]);
    assert!(ran.says("1 object gone") && !bed.exists("configmap/one"), "{}", ran.err);
    let ran = bed.done(&["delete", "--yes", "-f", "set.yaml"]);
    assert!(ran.says("2 objects gone"), "{}", ran.err);
    let ran = bed.done(&["delete", "--yes", "-f", "set.yaml"]);
    assert!(ran.says("nothing of it is there") && ran.log.writes().is_empty(), "{}", ran.err);
    for wrong in ["configmap", "noise/one", "configmap/"] {
        bed.refused(&["delete", "--yes", wrong]);
    }
}
