//! `HyperFlow`'s own behaviour, as it was observed on small workflows, and where ours differs on purpose.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use workflow_engine::exec::{Local, LocalOptions};
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{Run, RunOptions, Status};

use crate::support::{Fire, briefs, data_folder, fire, wide};

/// What a probe must end with: its status, and (signal, instances) that were dropped.
enum Expect {
    /// As with `HyperFlow`: every process finished, exit code 0.
    Same,
    /// Different on purpose, and why.
    Differs { status: Status, dropped: &'static [(&'static str, u64)], _reason: &'static str },
    /// Refused when it is read.
    Refused { code: &'static str, _reason: &'static str },
}

fn expectation(name: &str) -> Expect {
    let differs = |status, dropped, reason| Expect::Differs { status, dropped, _reason: reason };
    match name.split('-').next().unwrap() {
        "p02" | "p42" => differs(
            Status::Idle,
            &[],
            "HyperFlow hangs when a process has no limit; a run always ends with a status",
        ),
        "p16" => differs(
            Status::Finished,
            &[("y", 2)],
            "HyperFlow crashes on a signal to a finished process; it is dropped with a warning",
        ),
        "p18" => differs(Status::Finished, &[("nx", 1)], "as p16: the last `next` comes too late"),
        "p35" => differs(Status::Finished, &[("a", 1)], "as p16: the cycle closed by its limits"),
        "p37" => differs(
            Status::Waiting { signals: vec!["x".to_owned()] },
            &[],
            "HyperFlow waits for ever; the run ends and names the signal",
        ),
        "p49" => Expect::Refused {
            code: "zero-count",
            _reason: "HyperFlow crashes at start; the error has a place",
        },
        _ => Expect::Same,
    }
}

/// The firings that HyperFlow logged.
fn observed(text: &str) -> Vec<Fire> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("@@")?).ok())
        .filter(|event| event["ev"] == "fire")
        .map(|event| Fire {
            process: event["proc"].as_str().unwrap().to_owned(),
            firing: event["id"].as_u64().unwrap() as u32,
            inputs: event["ins"].clone(),
            running: event["running"].as_u64().unwrap() as u32,
        })
        .collect()
}

fn sorted(fires: &[Fire]) -> Vec<String> {
    let mut briefs = briefs(fires);
    briefs.sort();
    briefs
}

/// Firings of each process in order, and every value after the firing that made it.
fn assert_partial_order(name: &str, fires: &[Fire]) {
    let mut position = BTreeMap::new();
    let mut last = BTreeMap::new();
    for (at, fire) in fires.iter().enumerate() {
        let before = last.insert(&fire.process, fire.firing).unwrap_or(0);
        assert_eq!(fire.firing, before + 1, "{name}: {}", fire.process);
        position.insert(format!("{}#{}", fire.process, fire.firing), at);
        for input in fire.inputs.as_array().unwrap() {
            for value in input[1].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let producer = value.split('.').next().unwrap();
                if producer.contains('#') {
                    let made = position.get(producer);
                    assert!(
                        made.is_some_and(|&made| made < at),
                        "{name}: {value} before it was made"
                    );
                }
            }
        }
    }
}

fn check(folder: &Path) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(folder.join("workflow.json")).unwrap();
    let seen = fs::read_to_string(folder.join("observed.txt")).unwrap();
    let parsed = Workflow::parse(&text, &Variables::new());
    let expect = expectation(name);
    let workflow = match (parsed, &expect) {
        (Err(invalid), Expect::Refused { code, .. }) => {
            assert_eq!(invalid.problems[0].code, *code, "{name}");
            return;
        }
        (Err(invalid), _) => panic!("{name}: {invalid}"),
        (Ok(_), Expect::Refused { .. }) => panic!("{name} should be refused"),
        (Ok(workflow), _) => Arc::new(workflow),
    };
    let (report, fires) = fire(&workflow, wide());
    let theirs = observed(&seen);
    assert_eq!(sorted(&fires), sorted(&theirs), "{name}");
    assert_partial_order(name, &fires);
    let most = |fires: &[Fire]| fires.iter().map(|fire| fire.running).max();
    assert_eq!(most(&fires), most(&theirs), "{name}: firings of one process at once");
    if let Expect::Differs { status, dropped, .. } = expect {
        assert_eq!(report.status, status, "{name}");
        let dropped: Vec<_> = dropped.iter().map(|&(s, n)| (s.to_owned(), n)).collect();
        assert_eq!(report.dropped_signals, dropped, "{name}");
        assert!(!seen.starts_with("rc=0"), "{name}: is no difference");
    } else {
        assert!(seen.starts_with("rc=0"), "{name}: HyperFlow failed here");
        assert_eq!(report.status, Status::Finished, "{name}");
        assert_eq!(report.dropped_signals, [], "{name}");
    }
}

#[test]
fn firings_are_those_that_hyperflow_made() {
    let Some(folder) = data_folder("hyperflow-probes") else { return };
    let mut probes = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let runs_commands = ["p26", "p27", "p28"]
            .iter()
            .any(|name| path.file_name().unwrap().to_str().unwrap().starts_with(name));
        if path.is_dir() && !runs_commands {
            check(&path);
            probes += 1;
        }
    }
    assert_eq!(probes, 26);
}

/// The probes that run commands: here an exit code counts, a string of arguments is split, and `env`,
/// `stdout` and `stderr` are heeded (`HyperFlow` 1.7 ignores exit code and `env` and passes one odd argument).
#[test]
fn command_probes_run_as_they_were_meant() {
    let Some(folder) = data_folder("hyperflow-probes") else { return };
    let run = |name: &str| {
        let text = fs::read_to_string(folder.join(name).join("workflow.json")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let work_dir = dir.path().canonicalize().unwrap();
        let options = LocalOptions {
            slots: 1,
            work_dir: work_dir.clone(),
            run_dir: Some(work_dir.join("run")),
            ..LocalOptions::default()
        };
        fs::create_dir(work_dir.join("run")).unwrap();
        let executor = Arc::new(Local::new(options).unwrap());
        let workflow = Arc::new(Workflow::parse(&text, &Variables::new()).unwrap());
        let options = RunOptions { slots: 1, ..RunOptions::default() };
        let report = Run::new(workflow).options(options).execute(executor).unwrap();
        (report, dir)
    };
    let (report, _dir) = run("p26-command-nonzero");
    assert_eq!((report.status, report.done, report.failed.len()), (Status::Failed, 0, 1));

    let (report, dir) = run("p27-command-argstring");
    assert_eq!(report.status, Status::Finished);
    let said = fs::read_to_string(dir.path().join("run/logs/0/1-1-1.out")).unwrap();
    assert_eq!(said, "a b c\n");

    let (report, dir) = run("p28-command-stdout");
    assert_eq!(report.status, Status::Finished);
    let said = fs::read_to_string(dir.path().join("out.txt")).unwrap();
    assert!(said.ends_with("\nbar\n"), "{said}");
    assert_eq!(fs::read_to_string(dir.path().join("err.txt")).unwrap(), "err\n");
}

#[test]
fn the_log_of_the_probes_is_understood() {
    let fires = observed(
        "rc=0\n@@{\"ev\":\"fire\",\"proc\":\"A\",\"id\":1,\"ins\":[[\"x\",[1]]],\"outs\":[],\"running\":1}\n",
    );
    assert_eq!(briefs(&fires), ["A#1(x=[1])"]);
    assert_eq!(fires[0].inputs, json!([["x", [1]]]));
}
