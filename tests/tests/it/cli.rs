//! The command line: exit codes, what is said, what is left behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tests::{output_of, wf_run_in};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A chain of shell lines, each a task of its own type.
fn chain(lines: &[&str]) -> Value {
    let processes: Vec<Value> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            json!({"name": format!("step{}", at + 1), "function": "command", "firingLimit": 1,
                   "config": {"executor": {"executable": "sh", "args": ["-c", line]}},
                   "ins": [at], "outs": [at + 1]})
        })
        .collect();
    let signals: Vec<Value> = (0..=lines.len())
        .map(|at| {
            if at == 0 {
                json!({"name": "go", "data": [{}]})
            } else {
                json!({"name": format!("s{at}")})
            }
        })
        .collect();
    json!({"name": "chain", "processes": processes, "signals": signals, "ins": [0], "outs": [lines.len()]})
}

fn scratch(workflow: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.json"), workflow.to_string()).unwrap();
    folder
}

#[test]
fn a_file_alone_is_run_and_leaves_its_effects_and_a_run() {
    let folder = scratch(&chain(&["echo one > one", "cat one one > two"]));
    let dir = folder.path();
    let ran = output_of(dir, &["w.json"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("2 tasks done, 0 failed"), "{}", text(&ran.stdout));
    assert_eq!(fs::read_to_string(dir.join("two")).unwrap(), "one\none\n");
    let listed = output_of(dir, &["ls", "-o", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["done"], 2);
    assert_eq!(listed[0]["state"], "finished");
}

#[test]
fn a_failure_shows_task_command_code_last_lines_and_log() {
    let folder = scratch(&chain(&["echo before; echo 'it broke' >&2; exit 7", "true"]));
    let ran = output_of(folder.path(), &["w.json", "-o", "json"]);
    assert_eq!(ran.status.code(), Some(1));
    let said = text(&ran.stderr);
    for part in ["step1#1 failed: exit code 7", "command: sh -c", "| it broke", "1-1-1.err"] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["status"], "failed");
    assert_eq!(report["failed"][0]["task"], "step1#1");
    assert_eq!(report["never_fired"], 1);
    let logs = output_of(folder.path(), &["logs", "step1"]);
    assert_eq!(text(&logs.stdout), "before\nit broke\n");
}

#[test]
fn a_mended_workflow_is_resumed_without_repeating_what_was_done() {
    let folder = scratch(&chain(&["echo 1 >> ran", "exit 1", "echo 3 >> ran"]));
    let dir = folder.path();
    assert_eq!(output_of(dir, &["w.json"]).status.code(), Some(1));
    fs::write(
        dir.join("w.json"),
        chain(&["echo 1 >> ran", "echo 2 >> ran", "echo 3 >> ran"]).to_string(),
    )
    .unwrap();
    let refused = output_of(dir, &["resume", "--exact"]);
    assert_eq!(refused.status.code(), Some(2), "--exact refuses a changed workflow");
    let resumed = output_of(dir, &["resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    assert_eq!(fs::read_to_string(dir.join("ran")).unwrap(), "1\n2\n3\n");
    let again = output_of(dir, &["resume"]);
    assert!(text(&again.stdout).contains("0 tasks done (3 kept"), "{}", text(&again.stdout));
}

#[test]
fn a_changed_command_runs_again_with_what_comes_after_it_and_says_why() {
    let folder = scratch(&chain(&["echo 1 >> ran", "echo 2 >> ran", "echo 3 >> ran"]));
    let dir = folder.path();
    assert_eq!(output_of(dir, &["w.json"]).status.code(), Some(0));
    fs::write(
        dir.join("w.json"),
        chain(&["echo 1 >> ran", "echo two >> ran", "echo 3 >> ran"]).to_string(),
    )
    .unwrap();
    let resumed = output_of(dir, &["resume"]);
    assert_eq!(fs::read_to_string(dir.join("ran")).unwrap(), "1\n2\n3\ntwo\n3\n");
    let said = text(&resumed.stderr);
    assert!(said.contains("step2: 1 task to run again, because their command changed"), "{said}");
    assert!(
        said.contains("step3: 1 task to run again, because something before them changed"),
        "{said}"
    );
}

#[test]
fn bad_input_gets_every_problem_with_its_place_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let faulty = r#"{"processes": [
  {"name": "a", "type": "dataflw", "ins": ["imput"], "outs": [7]},
  {"name": "b", "firingLimit": -1, "ins": ["input"], "outs": []}],
 "signals": [{"name": "input", "data": [1]}], "ins": [0], "outs": []}"#;
    fs::write(dir.join("w.json"), faulty).unwrap();
    for args in [&["w.json"][..], &["check", "w.json"]] {
        let ran = output_of(dir, args);
        assert_eq!(ran.status.code(), Some(2));
        let said = text(&ran.stdout) + &text(&ran.stderr);
        for part in [
            "w.json:2:25: error: `type` of process 1: there is no \"dataflw\"",
            "did you mean `dataflow`?",
            "w.json:2:44: error: `ins` of process 1 `a`: there is no signal `imput`",
            "did you mean `input`?",
            "w.json:2:63: error: `outs` of process 1 `a`: there is no signal 7",
            "w.json:3:32: error: `firingLimit` of process 2 must be a whole number from 0, not -1",
        ] {
            assert!(said.contains(part), "missing: {part}\nin:\n{said}");
        }
    }
    assert!(!dir.join(".windlass").exists(), "a run must not begin");
}

#[test]
fn usage_errors_and_missing_files_have_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["nothing-here.json"][..],
        &["resume"],
        &["logs", "x"],
        &["run"],
        &["w.json", "--jobs", "0"],
    ] {
        let ran = output_of(folder.path(), args);
        assert_eq!(ran.status.code(), Some(2), "{args:?}: {}", text(&ran.stderr));
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn ctrl_c_ends_tasks_and_the_run_can_be_resumed() {
    let folder = scratch(&chain(&["echo $$ > pid; sleep 30; echo late >> ran", "echo 2 >> ran"]));
    let dir = folder.path();
    let mut engine =
        wf_run_in(dir, &["w.json"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = wait_for(|| fs::read_to_string(dir.join("pid")).ok()?.trim().parse::<i32>().ok());
    let raw = i32::try_from(engine.id()).unwrap();
    kill_process(Pid::from_raw(raw).unwrap(), Signal::INT).unwrap();
    assert_eq!(engine.wait().unwrap().code(), Some(130));
    assert!(test_kill_process(Pid::from_raw(pid).unwrap()).is_err(), "the task is gone");
    let standing: Value =
        serde_json::from_slice(&output_of(dir, &["status", "-o", "json"]).stdout).unwrap();
    assert_eq!(standing["state"], "interrupted");
    fs::write(dir.join("w.json"), chain(&["echo 1 >> ran", "echo 2 >> ran"]).to_string()).unwrap();
    assert_eq!(output_of(dir, &["resume"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(dir.join("ran")).unwrap(), "1\n2\n");
}

#[test]
fn a_living_task_of_a_dead_engine_is_ended_before_its_successor_starts() {
    // The task hides in a session of its own and closes what it inherited but the marker.
    let folder = scratch(&chain(&["echo $$ > pid; sleep 30; echo late >> ran"]));
    let dir = folder.path();
    let mut engine =
        wf_run_in(dir, &["w.json"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = wait_for(|| fs::read_to_string(dir.join("pid")).ok()?.trim().parse::<i32>().ok());
    let second = output_of(dir, &["resume"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another engine is at work"), "{}", text(&second.stderr));
    engine.kill().unwrap();
    engine.wait().unwrap();
    assert!(test_kill_process(Pid::from_raw(pid).unwrap()).is_ok(), "the task outlives its engine");
    fs::write(dir.join("w.json"), chain(&["echo again >> ran"]).to_string()).unwrap();
    let resumed = output_of(dir, &["resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    assert!(
        text(&resumed.stderr).contains("ending a task of the dead engine"),
        "{}",
        text(&resumed.stderr)
    );
    assert!(wait_for_bool(|| test_kill_process(Pid::from_raw(pid).unwrap()).is_err()));
    assert_eq!(fs::read_to_string(dir.join("ran")).unwrap(), "again\n");
}

#[test]
fn files_strict_stops_before_the_run_and_fails_tasks_without_their_output() {
    let mut workflow = chain(&["true", "true"]);
    workflow["signals"][0] = json!({"name": "input.txt", "file": true, "data": [{}]});
    workflow["signals"][1]["file"] = json!(true);
    let folder = scratch(&workflow);
    let dir = folder.path();
    let missing = output_of(dir, &["w.json", "--files", "strict"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("input.txt"));
    assert!(!dir.join(".windlass").exists());
    fs::write(dir.join("input.txt"), "x").unwrap();
    let strict = output_of(dir, &["w.json", "--files", "strict"]);
    assert_eq!(strict.status.code(), Some(1));
    assert!(text(&strict.stderr).contains("did not make s1"), "{}", text(&strict.stderr));
    let auto = output_of(dir, &["w.json"]);
    assert_eq!(auto.status.code(), Some(0));
    assert!(text(&auto.stdout).contains("without making s1"), "{}", text(&auto.stdout));
}

#[test]
fn tasks_with_output_work_with_few_open_files() {
    let lines: Vec<String> = (0..60).map(|at| format!("echo {at}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let folder = scratch(&chain(&lines));
    let script =
        format!("ulimit -n 32; exec {} w.json -j 4 --progress none", tests::wf_run().display());
    let ran = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(folder.path().join(".windlass").is_dir());
}

#[test]
fn waiting_for_an_outside_signal_is_named_and_ends() {
    let mut workflow = chain(&["true"]);
    workflow["signals"][0] = json!({"name": "from-outside"});
    let folder = scratch(&workflow);
    let ran = output_of(folder.path(), &["w.json"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(text(&ran.stdout).contains("waiting for signals from outside: from-outside"));
}

fn wait_for<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < until, "waited for 20 s in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn wait_for_bool(mut probe: impl FnMut() -> bool) -> bool {
    wait_for(|| probe().then_some(()));
    true
}

/// The path of a file in the run's folder is of no interest to these tests, only that it is there.
#[test]
fn silent_tasks_leave_no_logs() {
    let folder = scratch(&chain(&["true", "echo said"]));
    assert_eq!(output_of(folder.path(), &["w.json"]).status.code(), Some(0));
    let runs = fs::read_dir(folder.path().join(".windlass/runs")).unwrap();
    let run = runs
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("journal").exists())
        .unwrap();
    let logs: Vec<String> = fs::read_dir(run.join("logs/0"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(logs, ["2-1-1.out"]);
    assert!(!Path::new(&run).join("slots").exists(), "scratch files are gone");
}

#[test]
fn text_that_is_not_utf_8_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.json"), b"{\n \"name\": \"\xff\"}").unwrap();
    for args in [&["w.json"][..], &["check", "w.json"]] {
        let ran = output_of(folder.path(), args);
        assert_eq!(ran.status.code(), Some(2));
        let said = text(&ran.stdout) + &text(&ran.stderr);
        assert!(said.contains("w.json:2:11: error: byte 0xff"), "{said}");
    }
}

#[test]
fn logs_follow_their_tasks_when_an_edit_moves_them() {
    let both = |first: &str, second: &str| {
        let process = |name: &str| {
            json!({"name": name, "function": "command", "firingLimit": 1, "ins": [0], "outs": [],
                   "config": {"executor": {"executable": "echo", "args": [name]}}})
        };
        json!({"processes": [process(first), process(second)],
               "signals": [{"name": "go", "data": [{}]}], "ins": [0], "outs": []})
    };
    let folder = scratch(&both("x", "y"));
    let dir = folder.path();
    assert_eq!(output_of(dir, &["w.json"]).status.code(), Some(0));
    fs::write(dir.join("w.json"), both("y", "x").to_string()).unwrap();
    let resumed = output_of(dir, &["resume"]);
    assert!(text(&resumed.stdout).contains("0 tasks done (2 kept"), "{}", text(&resumed.stdout));
    assert_eq!(text(&output_of(dir, &["logs", "x"]).stdout), "x\n");
    assert_eq!(text(&output_of(dir, &["logs", "y"]).stdout), "y\n");
    let trace = text(&output_of(dir, &["trace"]).stdout);
    assert!(trace.contains("x#2\tx\t2\t1\t1"), "{trace}");
}

#[test]
fn kept_tasks_are_not_learned_from_twice() {
    let folder = scratch(&chain(&["true", "exit 1"]));
    let dir = folder.path();
    assert_eq!(output_of(dir, &["w.json"]).status.code(), Some(1));
    assert_eq!(output_of(dir, &["resume"]).status.code(), Some(1));
    let learned = fs::read(dir.join(".windlass/runs/runtimes.json")).unwrap();
    let learned: Value = serde_json::from_slice(&learned).unwrap();
    assert_eq!(learned["step1"]["tasks"], 1);
}

#[test]
fn a_simulated_run_is_not_resumed_for_real() {
    let folder = scratch(&chain(&["echo 1 >> ran"]));
    let dir = folder.path();
    assert_eq!(output_of(dir, &["w.json", "--executor", "noop"]).status.code(), Some(0));
    assert_eq!(output_of(dir, &["resume"]).status.code(), Some(2));
    assert!(!dir.join("ran").exists());
}

#[test]
fn a_failure_counts_although_another_task_asks_for_the_end() {
    let mut workflow = chain(&["exit 3", "true"]);
    workflow["processes"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "end", "function": "exit", "firingLimit": 1, "ins": [0], "outs": []}));
    let folder = scratch(&workflow);
    let ran = output_of(folder.path(), &["w.json", "--keep-going", "-j", "4"]);
    assert_eq!(ran.status.code(), Some(1), "{}", text(&ran.stdout));
}

#[test]
fn a_failed_run_is_a_failure_although_nobody_reads_its_summary() {
    let folder = scratch(&chain(&["exit 3"]));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = wf_run_in(folder.path(), &["w.json"]).stdout(writer).status().unwrap();
    assert_eq!(ended.code(), Some(1));
}

#[test]
fn an_endless_simulation_can_be_stopped() {
    let folder = scratch(&json!({
        "processes": [{"name": "ping", "ins": [0], "outs": [1]}, {"name": "pong", "ins": [1], "outs": [0]}],
        "signals": [{"name": "a", "data": [{}]}, {"name": "b"}], "ins": [0], "outs": []}));
    let args = ["w.json", "--executor", "noop", "--progress", "none"];
    let mut engine = wf_run_in(folder.path(), &args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_bool(|| folder.path().join(".windlass/runs").is_dir());
    std::thread::sleep(Duration::from_millis(50));
    kill_process(Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap(), Signal::TERM)
        .unwrap();
    let code = wait_for(|| engine.try_wait().unwrap()).code();
    assert_eq!(code, Some(130));
}

#[test]
fn a_run_is_for_its_owner_only_and_records_only_the_variables_it_uses() {
    use std::os::unix::fs::PermissionsExt;
    let folder = scratch(&chain(&["echo {{greeting}}"]));
    let mut run = wf_run_in(folder.path(), &["w.json"]);
    run.env("HF_VAR_greeting", "hello").env("HF_VAR_token", "s3cret");
    assert!(run.output().unwrap().status.success());
    let runs = fs::read_dir(folder.path().join(".windlass/runs")).unwrap();
    let run = runs.flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    assert_eq!(fs::metadata(&run).unwrap().permissions().mode() & 0o777, 0o700);
    let journal = fs::read(run.join("journal")).unwrap();
    let holds = |needle: &[u8]| journal.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"hello") && !holds(b"s3cret"));
}

#[test]
fn a_sequential_process_stays_sequential_after_a_failure_and_resume() {
    // The first firing fails once; its second one must not overtake it at the resume.
    let line = "if mkdir busy; then sleep 0.05; rmdir busy; [ -e mended ] || exit 1; else echo both > both; fi";
    let folder = scratch(&json!({
        "processes": [{"name": "p", "function": "command", "firingLimit": 2, "ins": [0], "outs": [],
                       "config": {"executor": {"executable": "sh", "args": ["-c", line]}}}],
        "signals": [{"name": "go", "data": [{}, {}]}], "ins": [0], "outs": []}));
    let dir = folder.path();
    assert_eq!(output_of(dir, &["w.json", "-j", "4"]).status.code(), Some(1));
    fs::write(dir.join("mended"), "").unwrap();
    assert_eq!(output_of(dir, &["resume", "-j", "4"]).status.code(), Some(0));
    assert!(!dir.join("both").exists(), "two firings of one sequential process at once");
}
