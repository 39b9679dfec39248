//! The program, as a pod starts it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use worker::protocol::{Batch, BatchEnd, TaskKey, TaskResult, TaskSpec};

fn task(process: u32, script: &str) -> TaskSpec {
    TaskSpec {
        key: TaskKey { process, firing: 1, attempt: 1 },
        label: format!("t#{process}"),
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        tail_bytes: 100,
        ..TaskSpec::default()
    }
}

/// `wf-worker run ID` with these tasks of the Job `job` in its environment.
fn run(dir: &Path, id: &str, tasks: Vec<TaskSpec>, engine: Option<&str>) -> Output {
    let batch = Batch {
        run: "r".to_owned(),
        id: "job".to_owned(),
        tasks,
        engine: engine.map(str::to_owned),
    };
    let env = batch.to_env().unwrap();
    // Kubernetes makes one dollar sign of two.
    let env = env.into_iter().map(|(name, value)| (name, value.replace("$$", "$")));
    Command::new(env!("CARGO_BIN_EXE_wf-worker"))
        .args(["run", id, "--message", "message", "--identity", "id"])
        .envs(env)
        .current_dir(dir)
        .output()
        .unwrap()
}

#[test]
fn a_single_task_gives_the_pod_its_exit_code_and_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo out; echo err >&2; env | grep -c WF_BATCH; exit 9";
    let output = run(dir.path(), "job", vec![task(1, script)], None);
    assert_eq!(output.status.code(), Some(9));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n0\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "== t#1 (attempt 1)\nerr\n");
    let message = fs::read_to_string(dir.path().join("message")).unwrap();
    let end = &BatchEnd::from_message(&message).unwrap().ends[0];
    assert_eq!((&end.result, end.out.text.as_str()), (&TaskResult::Exit(9), "out\n0\n"));
}

#[test]
fn what_cannot_be_used_is_said_with_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let stderr = |output: Output| {
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let other = stderr(run(dir.path(), "other", vec![task(1, "touch ran")], None));
    assert!(other.contains("the tasks of `job`, not of `other`"), "{other}");
    let name = stderr(run(dir.path(), "job", vec![task(1, "touch ran")], Some("engine:7070")));
    assert!(name.contains("`engine:7070` is no address: give IP:PORT"), "{name}");
    let identity = stderr(run(dir.path(), "job", vec![task(1, "touch ran")], Some("127.0.0.1:1")));
    assert!(identity.contains("id/ca.crt"), "{identity}");
    let program = || Command::new(env!("CARGO_BIN_EXE_wf-worker"));
    let none = stderr(program().args(["run", "job"]).current_dir(dir.path()).output().unwrap());
    assert!(none.contains("WF_BATCH_0"), "{none}");
    assert!(!dir.path().join("ran").exists());
}

#[test]
fn sigterm_ends_tasks_and_the_program() {
    let dir = tempfile::tempdir().unwrap();
    // The task's parent is the program.
    let script = "kill -TERM $PPID; sleep 1000; touch survived";
    let output = run(dir.path(), "job", vec![task(1, script), task(2, "touch ran")], None);
    assert_eq!(output.status.code(), Some(143));
    let message = fs::read_to_string(dir.path().join("message")).unwrap();
    let ends = BatchEnd::from_message(&message).unwrap().ends;
    let results: Vec<_> = ends.into_iter().map(|end| end.result).collect();
    assert_eq!(results, [TaskResult::Stopped]);
    assert!(!dir.path().join("survived").exists() && !dir.path().join("ran").exists());
}

#[test]
fn it_installs_itself_and_copies_folders() {
    let dir = tempfile::tempdir().unwrap();
    let run = |program: &Path, arguments: &[&str]| {
        Command::new(program).args(arguments).current_dir(dir.path()).output().unwrap()
    };
    let built = Path::new(env!("CARGO_BIN_EXE_wf-worker"));
    assert!(run(built, &["install", "bin"]).status.success());
    let installed = dir.path().join("bin/wf-worker");
    assert_eq!(fs::read(built).unwrap(), fs::read(&installed).unwrap());
    fs::create_dir(dir.path().join("from")).unwrap();
    fs::write(dir.path().join("from/a"), "12345").unwrap();
    let output = run(&installed, &["copy", "from", "to"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "wf-worker: copied 1 file (5 B), 0 links, 0 folders; 0 unchanged, 0 skipped\n"
    );
    assert_eq!(fs::read(dir.path().join("to/a")).unwrap(), b"12345");
    assert_eq!(run(&installed, &["copy", "nowhere", "to"]).status.code(), Some(1));
}
