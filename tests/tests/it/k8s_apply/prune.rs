//! What is in a set no more: removed only when asked for, and never what is not ours.

use super::*;

fn many(names: std::ops::Range<u32>) -> String {
    names.map(|number| config_map(&format!("c{number}"), "a")).collect()
}

#[test]
fn nothing_is_pruned_unless_it_is_asked_for_and_diff_shows_it_first() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &(config_map("stays", "a") + &config_map("goes", "a")));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    bed.file("set.yaml", &config_map("stays", "a"));
    let diff = ["diff", "-f", "set.yaml", "--set", "demo"];
    let ran = bed.done(&diff);
    assert!(
        bed.plain(&ran.out)
            .contains("  keep      ConfigMap NS/goes (in the set no more; --prune deletes it)"),
        "{}",
        ran.out
    );
    let ran = bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    assert!(ran.says("--prune deletes") && bed.exists("configmap/goes"), "{}", ran.err);
    // It is still known.
    let ran = bed.ends(3, &[&diff[..], &["--prune"]].concat());
    assert!(bed.plain(&ran.out).contains("- delete    ConfigMap NS/goes"), "{}", ran.out);
    assert!(ran.says("1 object: 1 unchanged, 1 to delete"), "{}", ran.out);
    let ran = bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--prune"]);
    assert!(ran.says("0 written, 1 unchanged, 1 deleted"), "{}", ran.err);
    assert!(!bed.exists("configmap/goes") && bed.exists("configmap/stays"));
    let ran = bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--prune"]);
    assert!(ran.log.writes().is_empty(), "{}", ran.log);
}

#[test]
fn most_of_a_set_goes_only_when_that_is_said() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &many(0..9));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    bed.file("set.yaml", &many(0..2));
    let prune = ["apply", "-f", "set.yaml", "--set", "demo", "--prune"];
    let ran = bed.ends(3, &[&["diff"], &prune[1..]].concat());
    assert!(ran.says("7 to delete") && ran.says("apply prunes nothing of this"), "{}", ran.err);
    let ran = bed.refused(&prune);
    assert!(ran.says("prune would delete most of the set; --prune-many lets it go"), "{}", ran.err);
    assert!(ran.log.writes().is_empty(), "{}", ran.log);
    let ran = bed.done(&[&prune[..], &["--prune-many"]].concat());
    assert!(ran.says("7 deleted"), "{}", ran.err);
    // Without any manifest nothing is done at all.
    bed.file("empty.yaml", "# nothing\n");
    let ran =
        bed.refused(&["apply", "-f", "empty.yaml", "--set", "demo", "--prune", "--prune-many"]);
    assert!(bed.exists("configmap/c0"), "{}", ran.err);
}

#[test]
fn kinds_whose_loss_hurts_stay_until_they_are_named() {
    let Some(bed) = Bed::new() else { return };
    let group = format!("{}.example.org", bed.name());
    let own = format!("{}-own", bed.name());
    let _vanishing = [
        bed.vanishes(&format!("crd/things.{group}")),
        bed.vanishes(&format!("namespace/{own}")),
        bed.vanishes(&format!("pv/{own}")),
    ];
    let others = format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {own}}}\n\
         ---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {own}}}\n\
         spec: {{capacity: {{storage: 1Mi}}, accessModes: [ReadWriteOnce], storageClassName: none, hostPath: {{path: /none}}}}\n\
         ---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: claim}}\n\
         spec: {{accessModes: [ReadWriteOnce], storageClassName: other, resources: {{requests: {{storage: 1Mi}}}}}}\n"
    );
    bed.file("set.yaml", &(config_map("one", "a") + &definition(&group, "") + &others));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--no-wait"]);
    bed.file("set.yaml", &config_map("one", "a"));
    let prune = ["-f", "set.yaml", "--set", "demo", "--prune", "--no-wait"];
    let ran = bed.done(&[&["diff"], &prune[..5]].concat());
    for kind in
        ["CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim"]
    {
        let words = format!("what is in it would be lost; --prune-allow {kind} lets it go");
        assert!(ran.says(&words), "{kind}\n{}", ran.out);
    }
    let ran = bed.done(&[&["apply"], &prune[..]].concat());
    assert!(ran.log.that(|call| call.method == "DELETE").is_empty(), "{}", ran.log);
    assert!(bed.exists("pvc/claim"));
    // They stay members.
    let allow = ["--prune-allow", "persistentvolumeclaim", "--prune-allow", "Namespace"];
    let ran = bed.done(&[&["apply"], &prune[..], &allow].concat());
    assert!(ran.says("2 deleted"), "{}", ran.err);
    assert!(!bed.exists("pvc/claim") && bed.exists(&format!("crd/things.{group}")));
}

#[test]
fn what_asks_to_stay_is_let_go_of_and_what_has_an_owner_is_left_to_it() {
    let Some(bed) = Bed::new() else { return };
    let kept = config_map("kept", "a")
        .replace("name: kept", "name: kept, annotations: {helm.sh/resource-policy: keep}");
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("owned", "a") + &kept));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    let uid = bed.get("configmap/one")["metadata"]["uid"].clone();
    let owner = json!({"metadata": {"ownerReferences": [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": uid},
    ]}});
    bed.kubectl(
        &["patch", "configmap", "owned", "--type=merge", "--patch", &owner.to_string()],
        "",
    );
    bed.file("set.yaml", &config_map("one", "a"));
    let ran = bed.ends(3, &["diff", "-f", "set.yaml", "--set", "demo", "--prune"]);
    insta::assert_snapshot!(bed.plain(&ran.out));
    let left = bed.get("configmap/owned");
    let ran = bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--prune"]);
    assert!(bed.plain(&ran.err).contains("detached  ConfigMap NS/kept"), "{}", ran.err);
    assert_eq!(bed.get("configmap/owned"), left);
    let kept = bed.get("configmap/kept");
    assert_eq!(kept["metadata"]["labels"], Value::Null, "{kept}");
    assert_eq!(kept["data"]["key"], "a");
}

#[test]
fn objects_of_others_stay_byte_for_byte() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("goes", "a")));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    // One of nobody, one of another set, and one of a kind and place that this set has nothing of.
    bed.file("other.yaml", &config_map("other", "a"));
    bed.done(&["apply", "-f", "other.yaml", "--set", "another"]);
    let id =
        bed.get("configmap/one")["metadata"]["labels"]["applyset.kubernetes.io/part-of"].clone();
    let label = format!("applyset.kubernetes.io/part-of={}", id.as_str().unwrap());
    bed.kubectl(&["create", "configmap", "foreign", "--from-literal=a=b"], "");
    bed.kubectl(&["create", "serviceaccount", "labelled"], "");
    bed.kubectl(&["label", "serviceaccount", "labelled", &label], "");
    let seen = || {
        ["configmap/foreign", "configmap/other", "serviceaccount/labelled", "secret/another"]
            .map(|one| bed.get(one))
    };
    let before = seen();
    bed.file("set.yaml", &config_map("one", "b"));
    let ran = bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--prune"]);
    assert!(ran.says("1 deleted"), "{}", ran.err);
    bed.done(&["delete", "--yes", "--set", "demo"]);
    assert_eq!(seen(), before);
}

#[test]
fn endpoints_that_come_of_services_are_not_taken_for_members() {
    let Some(bed) = Bed::new() else { return };
    let two = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n\
               ---\napiVersion: v1\nkind: Service\nmetadata: {name: ext}\nspec: {ports: [{port: 80}]}\n\
               ---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: ext}\nsubsets: [{addresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}]\n\
               ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ext-1, labels: {kubernetes.io/service-name: ext}}\n\
               addressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [192.0.2.1]}]\n";
    bed.file("set.yaml", two);
    let apply = ["apply", "-f", "set.yaml", "--set", "demo", "--prune"];
    bed.done(&apply);
    bed.until("the endpoints of web", |bed| bed.exists("endpoints/web"));
    let ran = bed.done(&apply);
    assert!(ran.log.writes().is_empty(), "{}\n{}", ran.err, ran.log);
    assert!(!ran.says("delete"), "{}", ran.err);
}

#[test]
fn nothing_is_pruned_after_something_went_wrong() {
    let Some(bed) = Bed::new() else { return };
    bed.file("set.yaml", &(config_map("one", "a") + &config_map("goes", "a")));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo"]);
    let broken = deployment("broken", "sleep 3600").replace("local/busybox", "local/nothing");
    bed.file("set.yaml", &(config_map("one", "a") + &broken));
    let prune = ["apply", "-f", "set.yaml", "--set", "demo", "--prune", "--timeout", "3s"];
    let ran = bed.ends(4, &prune);
    assert!(ran.says("nothing was pruned because not everything went well before"), "{}", ran.err);
    assert!(bed.exists("configmap/goes"));
    bed.file("set.yaml", &config_map("one", "a"));
    let ran = bed.done(&prune);
    assert!(ran.says("2 deleted"), "{}", ran.err);
}
