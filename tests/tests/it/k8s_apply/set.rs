//! The life of a set: applied, applied again, changed, remembered.

use super::*;

#[test]
fn a_set_that_is_applied_again_writes_nothing_and_asks_twice_at_most_which_kinds_there_are() {
    let Some(bed) = Bed::new() else { return };
    let workload = deployment("web", "sleep 3600");
    bed.file("set.yaml", &(config_map("one", "a") + &workload + SECRET));
    let apply = ["apply", "-f", "set.yaml", "--set", "demo", "--timeout", "60s"];
    let first = bed.done(&apply);
    // Within a stage they go at once.
    let said = bed.plain(&first.err);
    let mut lines: Vec<&str> = said.lines().collect();
    lines[..2].sort_unstable();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(first.log.discovery_calls().len() <= 2, "{}", first.log);
    let seen = || ["configmap/one", "secret/demo", "secret/pass"].map(|one| bed.get(one));
    let before = seen();

    let second = bed.done(&apply);
    assert!(second.says("3 objects: 0 written, 3 unchanged, all ready"), "{}", second.err);
    assert!(second.log.writes().is_empty(), "{}", second.log);
    assert!(second.log.discovery_calls().len() <= 2, "{}", second.log);
    assert_eq!(seen(), before);
    let diff = bed.done(&["diff", "-f", "set.yaml", "--set", "demo"]);
    assert_eq!(diff.out, "3 objects: 3 unchanged\n");
}

/// A Secret as people write it.
const SECRET: &str = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: pass}\nstringData: {word: hunter2hunter2}\n";

#[test]
fn what_changed_is_written_and_nothing_else() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("two", "a")));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    bed.file("set.yaml", &(config_map("one", "b") + &config_map("two", "a")));
    let ran = bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    assert_eq!(
        bed.plain(&ran.err),
        "updated   ConfigMap NS/one\n2 objects: 1 written, 1 unchanged, all ready\n"
    );
    let path = |rest: &str| format!("/api/v1/namespaces/{}/{rest}", bed.name());
    // The second one is the history.
    assert_eq!(ran.written(), [path("configmaps/one"), path("secrets/demo")]);
    assert_eq!(bed.get("configmap/one")["data"]["key"], "b");
}

#[test]
fn the_history_tells_what_came_changed_and_went() {
    let Some(bed) = Bed::new() else { return };
    let apply = ["apply", "-f", "set.yaml", "--set", "configmap/demo", "--prune"];
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("two", "a")));
    bed.done(&apply);
    bed.file("set.yaml", &(config_map("one", "b") + &config_map("three", "a")));
    bed.done(&apply);
    let history = bed.done(&["history", "--set", "configmap/demo"]);
    let lines: Vec<String> = bed.plain(&history.out).lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("1  20") && lines[0].ends_with("  2 objects"), "{lines:?}");
    assert!(lines[1].starts_with("2  20"), "{lines:?}");
    assert_eq!(
        lines[2..],
        ["   ~ ConfigMap NS/one", "   + ConfigMap NS/three", "   - ConfigMap NS/two"]
    );

    let of = |revision| ["history", "--set", "configmap/demo", "--revision", revision];
    let first = bed.done(&of("1"));
    assert!(
        first.says("ConfigMap ") && first.says("/two") && !first.says("/three"),
        "{}",
        first.out
    );
    assert!(bed.ends(2, &of("3")).says("there is no revision 3"));
    let json = bed.done(&["history", "--set", "configmap/demo", "-o", "json"]).json();
    assert_eq!(json[1]["revision"], 2);
    assert!(bed.ends(1, &["history", "--set", "nothing"]).says("there is no set Secret"));
}

#[test]
fn a_set_of_another_tool_and_an_object_that_is_no_set_are_refused() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &config_map("one", "a"));
    bed.kubectl(&["create", "secret", "generic", "plain", "--from-literal=a=b"], "");
    let ran = bed.ends(1, &["apply", "-f", "set.yaml", "--set", "plain"]);
    assert!(ran.says("plain is there, but it is no set"), "{}", ran.err);
    assert!(ran.log.writes().is_empty(), "{}", ran.log);

    bed.done(&["apply", "-f", "set.yaml", "--set", "other"]);
    let tooling = "applyset.kubernetes.io/tooling=kubectl/v1.35.0";
    bed.kubectl(&["annotate", "--overwrite", "secret", "other", tooling], "");
    for args in
        [&["apply", "-f", "set.yaml", "--set", "other"][..], &["delete", "--yes", "--set", "other"]]
    {
        let ran = bed.ends(1, args);
        assert!(ran.says("belongs to kubectl/v1.35.0: only that may change it"), "{}", ran.err);
        assert!(ran.log.writes().is_empty(), "{}", ran.log);
    }
    assert!(bed.exists("configmap/one"));
}

#[test]
fn kubectl_takes_a_set_of_ours_for_one_of_another_tool() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &config_map("one", "a"));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    let before = bed.get("secret/demo");
    let args = [
        "--namespace",
        bed.name(),
        "apply",
        "--prune",
        "--applyset=demo",
        "--server-side",
        "-f",
        "-",
    ];
    let mut command = Command::new(bed.cluster.kubectl_path());
    command
        .env("KUBECTL_APPLYSET", "true")
        .env("NO_PROXY", "*")
        .arg("--kubeconfig")
        .arg(bed.proxy.kubeconfig())
        .args(args);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(config_map("two", "a").as_bytes());
    let said = child.wait_with_output().unwrap();
    let err = String::from_utf8(said.stderr).unwrap();
    assert!(!said.status.success() && err.contains("k8s-apply"), "{err}");
    assert_eq!(bed.get("secret/demo"), before);
}

#[test]
fn a_set_is_no_member_of_itself() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("demo", "a")));
    let ran = bed.refused(&["apply", "-f", "set.yaml", "--set", "configmap/demo"]);
    assert!(ran.says("the set is kept in ConfigMap ") && ran.says("set.yaml:9:"), "{}", ran.err);
    bed.done(&["apply", "-f", "set.yaml", "--set", "secret/demo"]);
    let ran = bed.ends(1, &["apply", "-f", "set.yaml", "--set", "configmap/demo"]);
    assert!(ran.says("demo is there, but it is no set"), "{}", ran.err);
}

#[test]
fn a_set_can_be_applied_by_another_manager_and_after_a_change_by_hand() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &config_map("one", "a"));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--field-manager", "older"]);
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: more}\n";
    bed.file("set.yaml", &(config_map("one", "a") + account));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--take-over", "older"]);
    let kinds = "applyset.kubernetes.io/contains-group-kinds";
    bed.kubectl(&["annotate", "--overwrite", "secret", "demo", &format!("{kinds}=ConfigMap")], "");
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    assert_eq!(
        bed.get("secret/demo")["metadata"]["annotations"][kinds],
        "ConfigMap,ServiceAccount"
    );
}

#[test]
fn an_object_that_is_applied_by_itself_stays_in_its_set() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &config_map("one", "a"));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    bed.file("set.yaml", &config_map("one", "b"));
    bed.done(&["apply", "-f", "set.yaml"]);
    let status = bed.done(&["status", "--set", "demo"]);
    assert!(status.out.contains("/one"), "{}", status.out);
    assert_eq!(bed.get("configmap/one")["data"]["key"], "b");
}

#[test]
fn an_object_of_another_set_is_taken_only_by_force() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &config_map("one", "a"));
    bed.done(&["apply", "-f", "set.yaml", "--set", "first"]);
    let before = bed.get("configmap/one");
    bed.file("set.yaml", &(config_map("one", "b") + &config_map("two", "a")));
    let second = ["apply", "-f", "set.yaml", "--set", "second"];
    let ran = bed.refused(&second);
    assert!(ran.says("it is a member of another set, applyset-"), "{}", ran.err);
    assert_eq!(bed.get("configmap/one"), before);
    bed.done(&[&second[..], &["--force-conflicts"]].concat());
    assert!(bed.done(&second).log.writes().is_empty());
    // The first set has nothing of it any more.
    let status = bed.done(&["status", "--set", "first"]);
    assert_eq!(status.out, "");
    bed.done(&["delete", "--yes", "--set", "first"]);
    assert!(bed.exists("configmap/one"));
}
