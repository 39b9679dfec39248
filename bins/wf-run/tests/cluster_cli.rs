//! What the command line says of runs on a cluster, where no cluster is needed for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const WORKFLOW: &str = r#"{"name": "w", "processes": [
 {"name": "make", "function": "command", "firingLimit": 1, "config": {"executor": {"executable": "true"}}, "ins": [0], "outs": [1]},
 {"name": "fit", "function": "command", "firingLimit": 1, "config": {"executor": {"executable": "true", "image": "special:1"}}, "ins": [1], "outs": [2]},
 {"name": "end", "function": "noop", "firingLimit": 1, "ins": [2], "outs": [3]}],
 "signals": [{"name": "a", "data": [{}]}, {"name": "b"}, {"name": "c"}, {"name": "d"}], "ins": [0], "outs": [3]}"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.json"), WORKFLOW).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wf-run"));
    // No cluster is there, so that one which is asked is noticed.
    command
        .args(args)
        .current_dir(dir)
        .env("KUBECONFIG", "/none")
        .env_remove("KUBERNETES_SERVICE_HOST");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The code, and what is said on standard error.
fn refused(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let ran = run(dir, args);
    assert!(!dir.join(".windlass").exists(), "a run was begun");
    (ran.status.code(), text(&ran.stderr))
}

#[test]
fn explain_shows_each_type_with_its_reason() {
    let dir = folder(&[]);
    let shown = run(dir.path(), &["run", "w.json", "--explain", "--image", "usual:1"]);
    assert_eq!(shown.status.code(), Some(0));
    assert_eq!(
        text(&shown.stdout),
        "TYPE  TASKS  MEAN  MODE  WHY\n\
         make      1     -  pool  run times are not known yet\n\
         fit       1     -  job   1 task with needs of their own: the image special:1\n\
         run by the engine itself: end\n"
    );
    let shown = run(
        dir.path(),
        &["run", "w.json", "--explain", "-o", "json", "--mode", "make=clustered:4"],
    );
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(json["types"][0]["mode"], "clustered");
    assert_eq!(json["types"][0]["reason"]["rule"], "asked");
    assert_eq!(json["engine"], serde_json::json!(["end"]));
}

#[test]
fn hyperflows_files_decide() {
    let dir = folder(&[("workflow.config.executionModels.json", r#"[{"name": "fit"}]"#)]);
    let shown = text(&run(dir.path(), &["run", "w.json", "--explain"]).stdout);
    assert!(shown.contains("job   not listed in executionModels"), "{shown}");
    assert!(shown.contains("pool  listed in executionModels"), "{shown}");
}

#[test]
fn faults_of_all_files_are_told_at_once() {
    let dir = folder(&[
        ("workflow.config.executionModels.json", "[{]"),
        ("workflow.config.jobvars.json", r#"{"x": [1]}"#),
        (
            "job-template.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: \"a${jobNam}\"}\n",
        ),
    ]);
    let (code, said) = refused(dir.path(), &["run", "w.json", "--explain"]);
    assert_eq!(code, Some(2));
    for part in [
        "executionModels.json:1:",
        "jobvars.json:1:2: error: x:",
        "job-template.yaml:3:20",
        "did you mean `jobName`?",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let dir = folder(&[]);
    let cluster = ["run", "w.json", "--executor", "k8s", "--worker-image", "w:1"];
    let with = |more: &[&str]| refused(dir.path(), &[&cluster, more].concat());
    for (args, part) in [
        (&["--mode", "mak=job"][..], "no task type mak; did you mean make?"),
        (&["--mode", "make=foo"], "expected [TYPE=]MODE"),
        (&["--reach", "none", "--mode", "pool"], "pods cannot reach the engine"),
        (&["--reach", "host:1"], "names are not looked up"),
        (&["--max-memory", "much"], "--max-memory much"),
        (&["--input-image", "sky:1"], "--input-image needs --claim"),
        (&["--toleration", "a:Never"], "--toleration a:Never"),
    ] {
        let (code, said) = with(args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    let (code, said) = refused(dir.path(), &["run", "w.json", "--executor", "k8s"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("needs --worker-image"), "{said}");
}

#[test]
fn rbac_prints_what_the_way_to_run_needs() {
    let dir = folder(&[]);
    let of =
        |args: &[&str]| text(&run(dir.path(), &[&["rbac", "-n", "flows"], args].concat()).stdout);
    let (relay, jobs, submit) =
        (of(&[]), of(&["--modes", "job"]), of(&["--submit", "--user", "jane"]));
    assert!(relay.contains("pods/portforward") && relay.contains("secrets"), "{relay}");
    assert!(!jobs.contains("secrets") && jobs.contains("resources: [jobs]"), "{jobs}");
    assert!(submit.contains("name: windlass-engine") && submit.contains("name: jane"), "{submit}");
    assert!(!submit.contains("portforward"), "{submit}");
    let (code, said) =
        refused(dir.path(), &["rbac", "-n", "x", "--modes", "pool", "--reach", "none"]);
    assert_eq!(code, Some(2), "{said}");
}
