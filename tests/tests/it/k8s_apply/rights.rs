//! An account that may do little.

use super::*;

const RIGHTS: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer}
rules:
- {apiGroups: [''], resources: [configmaps, secrets], verbs: [get, list, create, patch, delete]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list, create, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: NS}]
";

/// Runs the program as that account.
fn run(bed: &Bed, args: &[&str]) -> Ran {
    let output =
        k8s_apply_in(bed.path(), &[&["--kubeconfig", "account"], args].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
        log: Log::default(),
    }
}

#[test]
fn a_role_for_one_namespace_is_enough_for_a_set_there() {
    let Some(bed) = Bed::new() else { return };
    bed.kubectl(&["apply", "-f", "-"], RIGHTS);
    let admin = bed
        .cluster
        .done(&["config", "view", "--raw", "--minify", "--flatten", "--output=json"], "");
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    let token = bed.kubectl(&["create", "token", "deployer"], "");
    config["users"][0]["user"] = json!({"token": token.trim()});
    config["contexts"][0]["context"]["namespace"] = json!(bed.name());
    fs::write(bed.path().join("account"), config.to_string()).unwrap();

    let objects = (0..6).map(|number| config_map(&format!("c{number}"), "a")).collect::<String>();
    bed.file("set.yaml", &(objects.clone() + &deployment("web", "sleep 3600")));
    let apply = ["apply", "-f", "set.yaml", "--set", "demo", "--prune", "--timeout", "60s"];
    for written in [7, 0] {
        let ran = run(&bed, &apply);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.says(&format!("7 objects: {written} written")), "{ran:?}");
    }
    // Without the right to watch, waiting asks again and again.
    let before = bed.get("deployment/web")["status"]["readyReplicas"].clone();
    assert_eq!(before, 1);
    bed.file("set.yaml", &objects);
    let ran = run(&bed, &apply);
    assert!(ran.code == Some(0) && ran.says("1 deleted"), "{ran:?}");
    // What it may not do is told, and nothing is written.
    bed.file(
        "set.yaml",
        &(config_map("new", "a")
            + "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: more}\n"),
    );
    let ran = run(&bed, &["apply", "-f", "set.yaml"]);
    assert!(ran.code == Some(1) || ran.code == Some(2), "{ran:?}");
    assert!(ran.says("serviceaccounts") && ran.says("forbidden"), "{ran:?}");
    assert!(!bed.exists("configmap/new"));
    let ran = run(&bed, &["apply", "-f", "set.yaml", "-n", "kube-system"]);
    assert!(ran.code != Some(0) && ran.says("kube-system"), "{ran:?}");
}
