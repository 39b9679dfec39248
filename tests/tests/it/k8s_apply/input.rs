//! What is accepted as input: what other tools print, lists, JSON, folders, our own output.

use super::*;

#[test]
fn what_kustomize_and_helm_print_is_accepted_from_standard_input() {
    let Some(bed) = Bed::new() else { return };
    // kustomize: no marker before the first document. helm: comments with sources, empty documents, CRLF here and there.
    let kustomize = "apiVersion: v1\ndata:\n  key: |\n    a: b\n    ---\n    c: d\nkind: ConfigMap\nmetadata:\n  annotations: {}\n  \
        labels:\n    app: web\n  name: web-5b8hf2k7mt\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  creationTimestamp: null\n  name: web\n";
    let ran = bed.fed(&["apply", "-f", "-"], kustomize);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(bed.get("configmap/web-5b8hf2k7mt")["data"]["key"], "a: b\n---\nc: d\n");
    let helm = "---\n# Source: web/templates/empty.yaml\n---\n# Source: web/templates/cm.yaml\napiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  \
        name: helm\r\n  labels: {helm.sh/chart: web-0.1.0}\r\ndata: {\"on\": \"yes\", mode: \"0644\"}\r\n---\n\n---\n# Source: web/templates/sa.yaml\n\
        apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: helm\n";
    let ran = bed.fed(&["apply", "-f", "-"], helm);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(bed.get("configmap/helm")["data"], json!({"on": "yes", "mode": "0644"}));
    assert!(bed.fed(&["apply", "-f", "-"], helm).log.writes().is_empty());
}

#[test]
fn lists_json_and_folders_are_accepted() {
    let Some(bed) = Bed::new() else { return };
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "one"}},
    ]});
    bed.file("set/list.json", &list.to_string());
    bed.file(
        "set/sub/typed.yaml",
        "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: two}\n  data: {a: b}\n",
    );
    bed.file("set/notes.txt", "this is no manifest");
    let ran = bed.done(&["apply", "-f", "set"]);
    assert!(ran.says("3 objects: 3 written") && bed.exists("configmap/two"), "{}", ran.err);
    // What the cluster prints can be applied: what only the server writes is left out.
    let live = bed.get("configmap/one").to_string();
    let ran = bed.fed(&["apply", "-f", "-"], &live);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.log.writes().is_empty(), "{}\n{}", ran.err, ran.log);
    // The same twice is a mistake.
    bed.file("set/again.yaml", &config_map("one", "a"));
    let ran = bed.refused(&["apply", "-f", "set"]);
    assert!(
        ran.says("ConfigMap") && ran.says("set/again.yaml") && ran.says("set/list.json"),
        "{}",
        ran.err
    );
}

#[test]
fn a_config_map_of_files_is_piped_into_apply() {
    let Some(bed) = Bed::new() else { return };
    bed.file("conf/a.conf", "one\ntwo\n");
    fs::write(bed.path().join("conf/b.bin"), [0, 159, 146, 150]).unwrap();
    let made =
        bed.done(&["configmap", "conf", "--from-file", "conf", "--from-literal", "key=value"]);
    let ran = bed.fed(&["apply", "-f", "-"], &made.out);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let object = bed.get("configmap/conf");
    assert_eq!(object["data"], json!({"a.conf": "one\ntwo\n", "key": "value"}));
    assert_eq!(object["binaryData"], json!({"b.bin": "AJ+Slg=="}));
    let made = bed.done(&["configmap", "conf", "--from-file", "conf", "--secret", "-o", "json"]);
    assert_eq!(bed.fed(&["apply", "-f", "-"], &made.out).code, Some(0));
    assert_eq!(bed.get("secret/conf")["data"]["b.bin"], "AJ+Slg==");
}

#[test]
fn a_removed_version_is_named_and_converted() {
    let Some(bed) = Bed::new() else { return };
    let old = "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: old}\nspec:\n  replicas: 0\n  template:\n    \
               metadata: {labels: {app: old}}\n    spec: {containers: [{name: c, image: 'docker.io/local/busybox:1', imagePullPolicy: Never}]}\n";
    bed.file("old.yaml", old);
    let ran = bed.refused(&["apply", "-f", "old.yaml"]);
    assert!(
        ran.says("extensions/v1beta1") && ran.says("apps/v1") && ran.says("convert"),
        "{}",
        ran.err
    );
    let converted = bed.done(&["convert", "-f", "old.yaml"]);
    let ran = bed.fed(&["apply", "-f", "-"], &converted.out);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(bed.get("deployment/old")["spec"]["selector"]["matchLabels"]["app"], "old");
}

#[test]
fn mistakes_are_told_with_their_places_before_the_cluster_is_asked() {
    let Some(bed) = Bed::new() else { return };
    bed.file("bad.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\ndata: {a: 1}\n---\nkind: ConfigMap\n---\na: [\n");
    let ran = bed.refused(&["apply", "-f", "bad.yaml"]);
    assert!(
        ran.says("bad.yaml:3:12: error")
            && ran.says("bad.yaml:4:8: error")
            && ran.says("nothing was asked"),
        "{}",
        ran.err
    );
    bed.file("kind.yaml", "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: a}\n");
    assert!(bed.refused(&["apply", "-f", "kind.yaml"]).says("did you mean Deployment?"));
    bed.file(
        "scope.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, namespace: other}\n",
    );
    bed.refused(&["apply", "-f", "scope.yaml"]);
    bed.file(
        "missing.yaml",
        &config_map("one", "a").replace("name: one", "name: one, namespace: there-is-no-such"),
    );
    assert!(bed.refused(&["apply", "-f", "missing.yaml"]).says("there-is-no-such"));
    assert!(bed.ends(2, &["apply", "-f", "no-such-file.yaml"]).says("no-such-file.yaml"));
    bed.ends(2, &["apply", "-f", "set.yaml", "--prune"]);
    bed.ends(2, &["apply"]);
}

#[test]
fn what_kubectl_prints_is_applied_without_a_word_and_once() {
    let Some(bed) = Bed::new() else { return };
    let printed =
        |args: &[&str]| bed.kubectl(&[args, &["--dry-run=client", "--output=yaml"]].concat(), "");
    let image = "--image=docker.io/local/busybox:1";
    let texts = [
        printed(&["create", "deployment", "web", image, "--replicas=0"]).replacen(
            "labels:",
            "annotations: {}\n  labels:",
            1,
        ),
        printed(&["create", "service", "clusterip", "web", "--tcp=80"]),
        printed(&["create", "cronjob", "tick", image, "--schedule=0 0 1 1 *"]),
        printed(&["create", "role", "reader", "--verb=get", "--resource=pods"]),
        printed(&["create", "secret", "generic", "pass", "--from-literal=word=hunter2hunter2"]),
        printed(&["create", "quota", "none", "--hard=pods=9"]),
        printed(&["create", "ingress", "web", "--rule=example.org/=web:80"]),
    ];
    bed.file("set.yaml", &texts.join("---\n"));
    let apply = ["apply", "-f", "set.yaml", "--set", "demo", "--timeout", "30s"];
    let first = bed.done(&apply);
    assert!(!first.says("warning"), "{}", first.err);
    // By now controllers have written their part, such as the revision of the Deployment.
    bed.until("the revision", |bed| {
        bed.get("deployment/web")["metadata"]["annotations"].is_object()
    });
    let second = bed.done(&apply);
    assert!(second.log.writes().is_empty(), "{}", second.log);
}
