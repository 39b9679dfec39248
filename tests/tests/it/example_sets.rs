//! The sets under `examples/sets` on a real cluster: applied, applied again, changed, pruned, deleted.

use std::fs;
use std::path::Path;
use std::process::Output;

use tests::cluster::{Cluster, cluster};
use tests::proxy::Proxy;
use tests::{all_tiers, k8s_apply_in, repository, skipped};

/// A set, one change to it, and a file without which some of it is pruned.
struct Example {
    name: &'static str,
    objects: usize,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    updated: &'static [&'static str],
    without: &'static str,
    pruned: &'static [&'static str],
}

#[test]
fn the_set_of_hpcc_lives_as_its_guide_says() {
    live(&Example {
        name: "hpcc",
        objects: 12,
        file: "thor.yaml",
        from: "replicas: 2",
        to: "replicas: 3",
        updated: &["ReplicationController hpcc/thor"],
        without: "esp.yaml",
        pruned: &["ReplicationController hpcc/esp", "Service hpcc/esp"],
    });
}

#[test]
fn the_set_of_hyperflow_lives_as_its_guide_says() {
    live(&Example {
        name: "hyperflow",
        objects: 13,
        file: "cm.yaml",
        from: "ttlSecondsAfterFinished: 100",
        to: "ttlSecondsAfterFinished: 600",
        updated: &["ConfigMap hyperflow/"],
        without: "parser-job.yaml",
        pruned: &["Job hyperflow/parser"],
    });
}

#[test]
fn the_set_of_the_hap_operator_lives_as_its_guide_says() {
    live(&Example {
        name: "hap",
        objects: 7,
        file: "cr.yaml",
        from: "size: 1",
        to: "size: 2",
        updated: &["HapContainer."],
        without: "cr.yaml",
        pruned: &["HapContainer."],
    });
}

#[test]
fn the_set_of_teraslice_lives_as_its_guide_says() {
    live(&Example {
        name: "teraslice",
        objects: 11,
        file: "config.yaml",
        from: "log_level: info",
        to: "log_level: debug",
        updated: &["ConfigMap teraslice/", "ConfigMap teraslice/"],
        without: "worker.yaml",
        pruned: &["Deployment teraslice/teraslice-worker"],
    });
}

#[test]
fn the_set_of_openpai_lives_as_its_guide_says() {
    live(&Example {
        name: "openpai",
        objects: 16,
        file: "rest-server.yaml",
        from: "LOG_LEVEL: info",
        to: "LOG_LEVEL: debug",
        updated: &["ConfigMap openpai/"],
        without: "grafana.yaml",
        pruned: &["Deployment openpai/grafana", "Service openpai/grafana"],
    });
}

/// Applies a set, applies it again, changes it, prunes it and deletes it.
fn live(example: &Example) {
    let Example { name, objects, .. } = example;
    let Some(cluster) = cluster_with_images(name) else { return };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("set");
    copy(&repository().join("examples/sets").join(name), &folder);
    let proxy = Proxy::start(cluster.kubeconfig());
    let run = |arguments: &[&str]| {
        let mut command = k8s_apply_in(scratch.path(), arguments);
        command.arg("--kubeconfig").arg(proxy.kubeconfig());
        command.output().unwrap()
    };
    let apply = || run(&["apply", "-f", "set", "--set", name, "--prune", "--timeout", "3m"]);

    let first = apply();
    said(&first, 0, &format!("{objects} objects: {objects} written, 0 unchanged"));
    assert!(text(&first).contains("all ready"), "{}", text(&first));

    proxy.reset();
    said(&apply(), 0, &format!("{objects} objects: 0 written, {objects} unchanged"));
    assert!(proxy.log().writes().is_empty(), "{}", proxy.log());
    assert!(proxy.log().discovery_calls().len() <= 2, "{}", proxy.log());

    let file = folder.join(example.file);
    let before = fs::read_to_string(&file).unwrap();
    let after = before.replace(example.from, example.to);
    assert_ne!(before, after, "{} is not in {}", example.from, example.file);
    fs::write(&file, after).unwrap();
    let changed = apply();
    let count = example.updated.len();
    said(
        &changed,
        0,
        &format!("{objects} objects: {count} written, {} unchanged", objects - count),
    );
    for key in example.updated {
        said(&changed, 0, &format!("updated   {key}"));
    }

    fs::remove_file(folder.join(example.without)).unwrap();
    let pruned = apply();
    for key in example.pruned {
        said(&pruned, 0, &format!("deleted   {key}"));
    }
    said(&pruned, 0, &format!(" {} deleted", example.pruned.len()));

    let deleted = run(&["delete", "--set", name, "--yes", "--timeout", "3m"]);
    said(&deleted, 0, &format!("deleted   Secret default/{name} (the set)"));
    let left = cluster.kubectl(&["get", "namespace", name], "");
    assert!(!left.status.success(), "the namespace {name} is still there");
}

/// The cluster, if there is one that has the images.
fn cluster_with_images(test: &str) -> Option<&'static Cluster> {
    if !all_tiers() {
        skipped(test, "it needs a cluster, which --all starts");
        return None;
    }
    match cluster().and_then(|cluster| cluster.busybox().map(|_| cluster)) {
        Ok(cluster) => Some(cluster),
        Err(reason) => {
            skipped(test, reason);
            None
        }
    }
}

/// Expects an exit code, and words among what was said.
#[track_caller]
fn said(output: &Output, code: i32, words: &str) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{words:?} is missing in\n{text}");
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Copies the manifests of a set.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}
