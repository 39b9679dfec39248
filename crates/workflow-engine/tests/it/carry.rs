//! Edit and resume: what is unchanged is kept, what changed runs again with everything after it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{Run, RunOptions, Status};
use workflow_engine::store::{self, NewRun, RunStore, carry};

use crate::support::{in_turn, workflow};

fn task(name: &str, command: &str, ins: &[&str], outs: &[&str]) -> Value {
    json!({"name": name, "function": "log", "ins": ins, "outs": outs, "firingLimit": 1,
           "config": {"executor": {"executable": command, "args": [name]}}})
}

/// a -> b -> c, a -> d
fn base() -> Value {
    json!({
        "processes": [
            task("a", "one", &["x"], &["a"]), task("b", "two", &["a"], &["b"]),
            task("c", "three", &["b"], &["c"]), task("d", "four", &["a"], &["d"])],
        "signals": [{"name": "x", "data": [1]}, {"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}],
        "ins": ["x"], "outs": ["c", "d"]})
}

/// Runs `old` to its end, then goes on with `new`: what ran again, and what was said of it.
fn edit_and_resume(old: &str, new: &str) -> (Vec<String>, store::Carried) {
    let runs = tempfile::tempdir().unwrap();
    let (old, new) = (workflow(old), workflow(new));
    let options = RunOptions { slots: 1, ..RunOptions::default() };
    let store = RunStore::create(&NewRun {
        runs_dir: runs.path(),
        source: Path::new("/w/w.json"),
        text: old.file_text(),
        work_dir: Path::new("/w"),
        variables: &Variables::new(),
        processes: old.process_count(),
        label: "",
        id: None,
    })
    .unwrap();
    let dir = store.dir().to_owned();
    let run = Run::new(Arc::clone(&old)).options(options.clone()).store(store);
    assert_eq!(in_turn(run).0.unwrap().status, Status::Finished);

    let (store, contents) = RunStore::open(&dir).unwrap();
    let carried = carry(&old, &contents.history, &new, &hashbrown_set());
    let store = store
        .rewrite(new.file_text(), &Variables::new(), new.process_count(), &contents, &carried)
        .unwrap();
    let run =
        Run::new(Arc::clone(&new)).options(options).store(store).history(carried.history.clone());
    let (report, tasks) = in_turn(run);
    let report = report.unwrap();
    assert_eq!(report.status, Status::Finished);
    let names: Vec<&str> = new.processes().map(|process| process.name()).collect();
    let mut again: Vec<String> =
        tasks.iter().map(|task| names[task.process as usize].to_owned()).collect();
    again.sort();
    // The rewritten journal alone tells the whole story.
    let after = store::read(&dir).unwrap();
    assert_eq!(after.history.records.len(), new.process_count());
    assert_eq!(carried.kept + again.len(), new.process_count());
    assert!(dir.join("journal.1").exists() && dir.join("workflow-2.json").exists());
    assert_eq!(std::fs::read_to_string(dir.join(&after.begin.copy)).unwrap(), new.file_text());
    (again, carried)
}

fn hashbrown_set() -> hashbrown::HashSet<u32> {
    hashbrown::HashSet::new()
}

fn reasons(carried: &store::Carried) -> Vec<(&str, &str)> {
    carried.changes.iter().map(|change| (change.type_name.as_str(), change.reason)).collect()
}

#[test]
fn a_changed_command_runs_again_with_everything_after_it() {
    let mut new = base();
    new["processes"][1]["config"]["executor"]["executable"] = json!("other");
    let (again, carried) = edit_and_resume(&base().to_string(), &new.to_string());
    assert_eq!(again, ["b", "c"]);
    assert_eq!(
        reasons(&carried),
        [("b", "their command changed"), ("c", "something before them changed")]
    );
    assert_eq!((carried.added, carried.removed), (0, 0));
}

#[test]
fn changed_environment_and_inputs_count() {
    let mut new = base();
    new["processes"][3]["config"]["executor"]["env"] = json!({"A": "1"});
    assert_eq!(edit_and_resume(&base().to_string(), &new.to_string()).0, ["d"]);
    let mut new = base();
    new["signals"][0]["data"] = json!([2]);
    let (again, carried) = edit_and_resume(&base().to_string(), &new.to_string());
    assert_eq!(again, ["a", "b", "c", "d"]);
    assert_eq!(reasons(&carried)[0], ("a", "their inputs changed"));
}

#[test]
fn formatting_changes_nothing() {
    let mut old = base();
    old["signals"][0]["data"] = json!([{"k": [1, 2]}, {}]);
    old["processes"][0]["firingLimit"] = json!(1);
    let pretty = serde_json::to_string_pretty(&old).unwrap();
    assert_eq!(edit_and_resume(&old.to_string(), &pretty).0, [""; 0]);
}

#[test]
fn the_order_of_processes_and_signals_changes_nothing() {
    let mut new = base();
    new["processes"].as_array_mut().unwrap().reverse();
    new["signals"].as_array_mut().unwrap().reverse();
    assert_eq!(edit_and_resume(&base().to_string(), &new.to_string()).0, [""; 0]);
}

#[test]
fn an_added_process_runs_alone_and_a_removed_one_is_forgotten() {
    let mut more = base();
    more["processes"].as_array_mut().unwrap().insert(0, task("e", "five", &["b"], &["e"]));
    more["signals"].as_array_mut().unwrap().push(json!({"name": "e"}));
    let (again, carried) = edit_and_resume(&base().to_string(), &more.to_string());
    assert_eq!(again, ["e"]);
    assert_eq!((carried.kept, carried.added, carried.removed), (4, 1, 0));

    let (again, carried) = edit_and_resume(&more.to_string(), &base().to_string());
    assert_eq!(again, [""; 0]);
    assert_eq!(reasons(&carried), [("e", "they are not in the workflow any more")]);
    assert_eq!((carried.kept, carried.added, carried.removed), (4, 0, 1));
}

#[test]
fn outputs_that_are_gone_are_made_again_with_what_follows() {
    let runs = workflow(&base().to_string());
    let history = {
        let mut history = store::History::default();
        let dir = tempfile::tempdir().unwrap();
        let store = RunStore::create(&NewRun {
            runs_dir: dir.path(),
            source: Path::new("/w/w.json"),
            text: runs.file_text(),
            work_dir: Path::new("/w"),
            variables: &Variables::new(),
            processes: 4,
            label: "",
            id: None,
        })
        .unwrap();
        let path = store.dir().to_owned();
        let run = Run::new(Arc::clone(&runs)).store(store);
        assert!(in_turn(run).0.is_ok());
        history.clone_from(&store::read(&path).unwrap().history);
        history
    };
    let gone = std::iter::once(1_u32).collect();
    let carried = carry(&runs, &history, &runs, &gone);
    assert_eq!(carried.kept, 2);
    assert_eq!(
        reasons(&carried),
        [("b", "their outputs are gone"), ("c", "something before them changed")]
    );
}

#[test]
fn a_change_on_a_cycle_repeats_the_whole_of_it() {
    let cycle = |command: &str| {
        json!({"processes": [
            {"name": "s", "function": "log", "ins": ["x"], "outs": ["p"], "firingLimit": 1},
            {"name": "a", "function": "log", "ins": ["p"], "outs": ["q"], "firingLimit": 1},
            {"name": "b", "function": "log", "ins": ["q"], "outs": ["p"], "firingLimit": 1,
             "config": {"executor": {"executable": command}}}],
          "signals": [{"name": "x", "data": [1]}, {"name": "p"}, {"name": "q"}], "ins": [], "outs": []})
        .to_string()
    };
    let _: Workflow = Workflow::parse(&cycle("one"), &Variables::new()).unwrap();
    assert_eq!(edit_and_resume(&cycle("one"), &cycle("one")).0, [""; 0]);
    assert_eq!(edit_and_resume(&cycle("one"), &cycle("two")).0, ["a", "b"]);
}
