//! kubectl as a second client, which is to see what we see.

use std::collections::BTreeSet;

use super::*;

#[test]
fn kubectl_finds_nothing_to_change_after_us_and_the_same_members() {
    let Some(bed) = Bed::new() else { return };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NS}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    let objects = config_map("one", "a")
        + &deployment("web", "sleep 3600")
        + service
        + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: pass}\nstringData: {word: hunter2hunter2}\n";
    bed.file("set.yaml", &objects);
    bed.done(&["apply", "-f", "set.yaml"]);
    let file = bed.path().join("set.yaml");
    let file = format!("--filename={}", file.display());
    let manager = "--field-manager=k8s-apply";
    // It fails if there are differences.
    let said = bed.kubectl(&["diff", "--server-side", manager, &file], "");
    assert_eq!(said, "");
    let before = ["configmap/one", "deployment/web", "service/web"].map(|one| bed.version(one));
    bed.kubectl(&["apply", "--server-side", manager, &file], "");
    assert_eq!(
        ["configmap/one", "deployment/web", "service/web"].map(|one| bed.version(one)),
        before
    );

    bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--timeout", "60s"]);
    let id = bed.get("secret/demo")["metadata"]["labels"]["applyset.kubernetes.io/id"].clone();
    let selector = format!("--selector=applyset.kubernetes.io/part-of={}", id.as_str().unwrap());
    let kinds = "configmaps,deployments,services,secrets,pods,replicasets,serviceaccounts";
    let found = bed.kubectl(
        &[
            "get",
            kinds,
            &selector,
            "--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {end}",
        ],
        "",
    );
    let found: BTreeSet<String> = found.split_whitespace().map(str::to_owned).collect();
    let status = bed.done(&["status", "--set", "demo", "-o", "json"]).json();
    let ours: BTreeSet<String> = status
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{}/{}", row["kind"].as_str().unwrap(), row["name"].as_str().unwrap()))
        .collect();
    assert_eq!(found, ours);
    assert_eq!(ours.len(), 4);
}
