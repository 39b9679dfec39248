//! Tasks as processes of this machine.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use workflow_engine::exec::{Failure, Local, LocalOptions};
use workflow_engine::run::{CancelToken, Report, Run, RunOptions, Status};

use crate::support::made;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn executor(&self, slots: usize) -> Arc<Local> {
        let options = LocalOptions {
            slots,
            work_dir: self.path(""),
            run_dir: Some(self.path("run")),
            ..LocalOptions::default()
        };
        Arc::new(Local::new(options).unwrap())
    }

    /// Runs commands that all may start at once.
    fn run(&self, commands: &[Value], options: RunOptions) -> Report {
        let run = Run::new(tasks(commands));
        run.options(options).execute(self.executor(2)).unwrap()
    }

    fn logs(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("run/logs/0"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn tasks(commands: &[Value]) -> Arc<workflow_engine::model::Workflow> {
    let processes: Vec<Value> = commands
        .iter()
        .map(|executor| {
            json!({"name": "t", "function": "command", "ins": ["x"], "outs": [], "firingLimit": 1,
                   "config": {"executor": executor}})
        })
        .collect();
    made(json!(processes), json!([{"name": "x", "data": [{}]}]), json!([]))
}

fn sh(script: &str) -> Value {
    json!({"executable": "/bin/sh", "args": ["-c", script]})
}

fn keep_going() -> RunOptions {
    RunOptions { slots: 2, keep_going: true, ..RunOptions::default() }
}

#[test]
fn only_tasks_that_said_something_have_logs() {
    let place = Place::new();
    let report = place.run(
        &[sh("true"), sh("echo out"), sh("echo err >&2; exit 3"), sh("kill -9 $$"), sh("true")],
        keep_going(),
    );
    assert_eq!((report.status, report.done), (Status::Failed, 3));
    assert_eq!(place.logs(), ["2-1-1.out", "3-1-1.err"]);
    assert_eq!(place.read("run/logs/0/2-1-1.out"), "out\n");
    let mut failed = report.failed;
    failed.sort_by_key(|failed| failed.task);
    assert_eq!(failed[0].failure, Failure::Exit(3));
    assert_eq!(failed[0].logs, [place.path("run/logs/0/3-1-1.err")]);
    assert_eq!(failed[1].failure, Failure::Signal(9));
    assert!(failed[1].logs.is_empty());
    assert!(!place.path("run/slots").exists());
}

#[test]
fn what_cannot_be_started_is_a_failure_of_the_task() {
    let place = Place::new();
    fs::write(place.path("plain"), "text").unwrap();
    let report = place.run(
        &[
            json!({"executable": "no-such-program-anywhere"}),
            json!({"executable": "./plain"}),
            json!({"executable": "true", "work_dir": "nowhere"}),
            json!({"executable": "true", "stdout": "nowhere/out"}),
        ],
        keep_going(),
    );
    assert_eq!(report.failed.len(), 4);
    for failed in &report.failed {
        assert!(matches!(failed.failure, Failure::NotStarted(_)), "{failed:?}");
    }
}

#[test]
fn redirects_environment_directory_and_shell_are_heeded() {
    let place = Place::new();
    fs::create_dir(place.path("sub")).unwrap();
    fs::write(place.path("sub/log"), "before\n").unwrap();
    fs::write(place.path("sub/err"), "before\n").unwrap();
    let report = place.run(
        &[
            json!({"executable": "/bin/sh", "args": ["-c", "echo $A-$1; echo e >&2", "sh", "a b $A"],
                   "env": {"A": "v w"}, "work_dir": "sub", "stdoutAppend": "log", "stderr": "err"}),
            json!({"executable": "echo", "args": ["$((1+1))", ">", "made"], "shell": true}),
            json!({"executable": "echo", "args": ["$HOME", "a  b", "*"], "stdout": "plain"}),
        ],
        keep_going(),
    );
    assert_eq!(report.status, Status::Finished, "{:?}", report.failed);
    assert_eq!(place.read("sub/log"), "before\nv w-a b $A\n");
    assert_eq!(place.read("sub/err"), "e\n");
    assert_eq!(place.read("made"), "2\n");
    assert_eq!(place.read("plain"), "$HOME a  b *\n");
    assert_eq!(place.logs(), [""; 0]);
}

#[test]
fn a_timeout_ends_a_task_and_everything_that_it_started() {
    let place = Place::new();
    let begun = Instant::now();
    let mut command = sh("sleep 30 & echo $! > child; wait");
    command["timeout"] = json!(0.15);
    let report = place.run(&[command], keep_going());
    assert!(matches!(report.failed[0].failure, Failure::TimedOut(150..)), "{:?}", report.failed);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_gone(place.read("child").trim());
}

/// Waits until a process is gone or a zombie, for a while.
fn assert_gone(pid: &str) {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < until, "process {pid} lives: {stat}");
        std::thread::yield_now();
    }
}

#[test]
fn children_left_in_the_background_end_with_their_task() {
    let place = Place::new();
    let report = place.run(&[sh("sleep 30 & echo $! > child")], keep_going());
    assert_eq!(report.status, Status::Finished);
    assert_gone(place.read("child").trim());
}

#[test]
fn a_task_that_ignores_sigterm_is_killed_after_the_grace_time() {
    let place = Place::new();
    let token = CancelToken::new();
    let workflow = tasks(&[sh(
        "trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.05; done",
    )]);
    let options = RunOptions { grace: Duration::from_millis(50), ..keep_going() };
    let run = Run::new(workflow).options(options).cancel_token(token.clone());
    let executor = place.executor(1);
    let engine = std::thread::spawn(move || run.execute(executor));
    let until = Instant::now() + Duration::from_secs(10);
    while !place.path("pid").exists() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(2));
    }
    token.cancel();
    let report = engine.join().unwrap().unwrap();
    assert_eq!((report.status, report.failed.len()), (Status::Interrupted, 0));
    assert_gone(place.read("pid").trim());
}

#[test]
fn three_hundred_talking_tasks_need_few_open_files() {
    if std::env::var_os("WF_TEST_FEW_FILES").is_none() {
        let this = std::env::current_exe().unwrap();
        let line = format!(
            "ulimit -n 40; exec '{}' --exact local::three_hundred_talking_tasks_need_few_open_files",
            this.display()
        );
        let child = std::process::Command::new("/bin/sh")
            .args(["-c", &line])
            .env("WF_TEST_FEW_FILES", "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let place = Place::new();
    let commands: Vec<Value> = (0..300).map(|_| sh("echo said")).collect();
    let report = place.run(&commands, keep_going());
    assert_eq!((report.status, report.done), (Status::Finished, 300));
    assert_eq!(place.logs().len(), 300);
}
