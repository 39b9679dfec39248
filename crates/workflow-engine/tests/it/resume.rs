//! A run killed after any record, or in the middle of one, ends as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use workflow_engine::exec::TaskId;
use workflow_engine::journal::Verdict;
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{Retry, Run, RunOptions, Status};
use workflow_engine::store::{self, NewRun, RunState, RunStore, StoreError};

use crate::support::{in_turn, made, workflow};

fn options() -> RunOptions {
    RunOptions {
        slots: 1,
        keep_going: true,
        retry: Retry {
            retries: 2,
            first_delay: Duration::from_micros(200),
            longest_delay: Duration::from_micros(400),
            ..Retry::default()
        },
        ..RunOptions::default()
    }
}

fn create(runs_dir: &Path, workflow: &Workflow) -> RunStore {
    let new = NewRun {
        runs_dir,
        source: Path::new("/w/workflow.json"),
        text: workflow.file_text(),
        work_dir: Path::new("/w"),
        variables: &Variables::new(),
        processes: workflow.process_count(),
        label: "test",
        id: None,
    };
    RunStore::create(&new).unwrap()
}

/// Where each record ends, by the format's description: frames of length, checksum, payload.
fn frame_ends(journal: &[u8]) -> Vec<usize> {
    let mut ends = vec![];
    let mut at = 16;
    while at < journal.len() {
        at += 8 + u32::from_le_bytes(journal[at..at + 4].try_into().unwrap()) as usize;
        ends.push(at);
    }
    assert_eq!(at, journal.len());
    ends
}

/// A copy of a run's folder with the journal cut.
fn cut(from: &Path, into: &Path, journal: &[u8]) -> PathBuf {
    let dir = into.join("cut");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    fs::copy(from.join("workflow.json"), dir.join("workflow.json")).unwrap();
    fs::write(dir.join("journal"), journal).unwrap();
    dir
}

/// Firings that are done, with what they emitted: how often each was recorded.
fn done(contents: &store::Contents) -> BTreeMap<(u32, u32, Option<String>), usize> {
    let mut done = BTreeMap::new();
    for record in contents.history.records.iter().filter(|record| record.done) {
        let outputs = record.outputs.as_deref().map(str::to_owned);
        *done.entry((record.process, record.firing, outputs)).or_default() += 1;
    }
    done
}

struct Undisturbed {
    dir: PathBuf,
    journal: Vec<u8>,
    done: BTreeMap<(u32, u32, Option<String>), usize>,
    status: Status,
    /// How often each firing that is not done was tried.
    tries: BTreeMap<(u32, u32), usize>,
}

fn failures(contents: &store::Contents) -> BTreeMap<(u32, u32), usize> {
    let mut tries = BTreeMap::new();
    for ended in &contents.ended {
        if matches!(ended.result, Verdict::Failed { .. }) {
            *tries.entry((ended.process, ended.firing)).or_default() += 1;
        }
    }
    tries
}

fn undisturbed(workflow: &Arc<Workflow>, options: &RunOptions, runs: &Path) -> Undisturbed {
    let store = create(runs, workflow);
    let dir = store.dir().to_owned();
    let run = Run::new(Arc::clone(workflow)).options(options.clone()).store(store);
    let report = in_turn(run).0.unwrap();
    let contents = store::read(&dir).unwrap();
    assert_eq!(contents.state, RunState::Closed(report.status.clone()));
    assert!(!contents.torn);
    Undisturbed {
        journal: fs::read(dir.join("journal")).unwrap(),
        done: done(&contents),
        status: report.status,
        tries: failures(&contents),
        dir,
    }
}

/// Resumes from a cut journal and compares with the undisturbed run.
fn resume(
    whole: &Undisturbed,
    workflow: &Arc<Workflow>,
    options: &RunOptions,
    length: usize,
    scratch: &Path,
) {
    let dir = cut(&whole.dir, scratch, &whole.journal[..length]);
    let (store, contents) = RunStore::open(&dir).unwrap();
    let known: BTreeSet<(u32, u32)> =
        contents.history.records.iter().filter(|r| r.done).map(|r| (r.process, r.firing)).collect();
    let attempted: BTreeSet<TaskId> = contents
        .ended
        .iter()
        .map(|e| TaskId { process: e.process, firing: e.firing, attempt: e.attempt })
        .collect();
    let failed_for_good = contents.history.failed.clone();
    let run = Run::new(Arc::clone(workflow))
        .options(options.clone())
        .store(store)
        .history(contents.history.clone());
    let (report, executed) = in_turn(run);
    let report = report.unwrap();
    let after = store::read(&dir).unwrap();
    let at = format!("cut at {length} of {}", whole.journal.len());
    assert_eq!(done(&after), whole.done, "{at}");
    assert_eq!(report.status, whole.status, "{at}");
    assert_eq!(after.state, RunState::Closed(whole.status.clone()), "{at}");
    assert_eq!(report.kept as usize, known.len(), "{at}");
    for task in executed {
        assert!(!known.contains(&(task.process, task.firing)), "{at}: {task:?} is done already");
        assert!(!attempted.contains(&task), "{at}: {task:?} was there before");
    }
    // A crash neither gives nor takes tries; what had failed for good gets all of them anew.
    let tries = failures(&after);
    for (firing, &count) in &whole.tries {
        let again = if failed_for_good.contains(firing) { 2 } else { 1 };
        assert_eq!(tries[firing], count * again, "{at}: {firing:?}");
    }
}

fn crash_everywhere(workflow: &Arc<Workflow>, options: &RunOptions) {
    let runs = tempfile::tempdir().unwrap();
    let whole = undisturbed(workflow, options, runs.path());
    let ends = frame_ends(&whole.journal);
    for &end in &ends {
        resume(&whole, workflow, options, end, runs.path());
    }
    // The last record of a task, and the very last record, cut at every byte.
    for pair in ends.windows(2).rev().take(2) {
        for length in pair[0] + 1..pair[1] {
            resume(&whole, workflow, options, length, runs.path());
            let torn = fs::read(runs.path().join("cut/journal.torn")).unwrap();
            assert_eq!(torn, &whole.journal[pair[0]..length]);
        }
    }
}

/// A DAG of processes with these edges.
fn dag(count: usize, edges: &[(usize, usize)]) -> Arc<Workflow> {
    let mut ins = vec![vec![json!("go")]; count];
    let mut outs: Vec<Vec<Value>> = vec![vec![]; count];
    let mut signals = vec![json!({"name": "go", "data": [{}]})];
    for (from, to) in edges {
        let name = format!("{from}-{to}");
        signals.push(json!({"name": name}));
        outs[*from].push(json!(name));
        ins[*to].push(json!(name));
    }
    let processes: Vec<Value> = ins
        .into_iter()
        .zip(outs)
        .enumerate()
        .map(|(at, (ins, outs))| json!({"name": format!("p{at}"), "ins": ins, "outs": outs, "firingLimit": 1}))
        .collect();
    made(json!(processes), json!(signals), json!(["go"]))
}

#[test]
fn a_dag_survives_every_crash() {
    let edges = [
        (0, 3),
        (0, 4),
        (1, 4),
        (1, 5),
        (2, 5),
        (3, 6),
        (4, 6),
        (4, 7),
        (5, 8),
        (6, 9),
        (7, 9),
        (8, 10),
        (9, 11),
        (10, 11),
    ];
    crash_everywhere(&dag(12, &edges), &options());
}

#[test]
fn plain_outputs_survive_every_crash() {
    let workflow = workflow(
        r#"{"processes": [
        {"name": "a", "function": "exit-not", "ins": ["x"], "outs": ["y"], "firingLimit": 3},
        {"name": "b", "function": "exit", "ins": ["y:3"], "outs": [], "firingLimit": 1}],
        "signals": [{"name": "x", "data": [{}, {}, {}]}, {"name": "y"}], "ins": ["x"], "outs": []}"#,
    );
    crash_everywhere(&workflow, &options());
}

#[test]
fn refiring_processes_and_cycles_survive_every_crash() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x", "nx"], "outs": ["y", "fin"], "firingLimit": 3},
            {"name": "B", "ins": ["y"], "outs": ["nx", "z"], "firingLimit": 3},
            {"name": "C", "ins": ["z", "fin"], "outs": []},
            {"name": "S", "ins": [], "outs": ["z"], "firingLimit": 2}]),
        json!([{"name": "x", "data": [1, 2, 3]}, {"name": "y"}, {"name": "z"},
               {"name": "nx", "control": "next", "data": [{}]}, {"name": "fin", "control": "done"}]),
        json!([]),
    );
    crash_everywhere(&workflow, &options());
}

#[test]
fn choices_and_joins_survive_every_crash() {
    let workflow = made(
        json!([
            {"name": "C", "type": "choice", "ins": ["x"], "outs": ["a", "b", "m"], "firingLimit": 4,
             "config": {"emit": {"a": ["cond", "skip", "skip", "cond"], "b": ["skip", "cond", "skip", "cond"]}}},
            {"name": "J", "type": "join", "ins": ["a", "b", "m"], "outs": ["z"], "firingLimit": 3},
            {"name": "Z", "ins": ["z"], "outs": []}]),
        json!([{"name": "x", "data": [1, 2, 3, 4]}, {"name": "a"}, {"name": "b"}, {"name": "z"}, {"name": "m", "control": "merge"}]),
        json!([]),
    );
    crash_everywhere(&workflow, &options());
}

#[test]
fn count_signals_survive_every_crash() {
    let workflow = made(
        json!([
            {"name": "S", "ins": ["x"], "outs": ["e:n"], "config": {"emit": {"e": [2, 0, 3]}}, "firingLimit": 3},
            {"name": "M", "ins": ["e"], "outs": ["f"], "firingLimit": 5},
            {"name": "J", "ins": ["f:n"], "outs": [], "firingLimit": 2}]),
        json!([{"name": "x", "data": [1, 2, 3]}, {"name": "e"}, {"name": "n", "control": "count"}, {"name": "f"}]),
        json!([]),
    );
    crash_everywhere(&workflow, &options());
}

#[test]
fn ordered_and_sticky_processes_survive_every_crash() {
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 4, "parlevel": 0, "ordering": true, "config": {"fail": [1, 0, 0, 2]}},
            {"name": "B", "ins": ["cfg", "y"], "outs": [], "sticky": ["cfg"], "firingLimit": 4}]),
        json!([{"name": "x", "data": [1, 2, 3, 4]}, {"name": "cfg", "data": ["c"]}, {"name": "y"}]),
        json!([]),
    );
    crash_everywhere(&workflow, &options());
}

#[test]
fn retries_and_failures_survive_every_crash() {
    let workflow = made(
        json!([
            {"name": "flaky", "ins": ["x"], "outs": ["a"], "firingLimit": 1, "config": {"fail": 2}},
            {"name": "broken", "ins": ["x"], "outs": ["b"], "firingLimit": 1, "config": {"fail": 99}},
            {"name": "fine", "ins": ["a"], "outs": ["c"], "firingLimit": 1},
            {"name": "never", "ins": ["b", "c"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1]}, {"name": "a"}, {"name": "b"}, {"name": "c"}]),
        json!([]),
    );
    crash_everywhere(&workflow, &options());
}

#[test]
fn a_failed_run_fails_again_and_again_and_then_works() {
    // Attempts up to the seventh fail; each session has three.
    let workflow = made(
        json!([
            {"name": "A", "ins": ["x"], "outs": ["y"], "firingLimit": 2, "parlevel": 2, "config": {"fail": [7, 0]}},
            {"name": "B", "ins": ["y"], "outs": [], "firingLimit": 2}]),
        json!([{"name": "x", "data": [1, 2]}, {"name": "y"}]),
        json!([]),
    );
    let runs = tempfile::tempdir().unwrap();
    let store = create(runs.path(), &workflow);
    let dir = store.dir().to_owned();
    let run = Run::new(Arc::clone(&workflow)).options(options()).store(store);
    let (report, tasks) = in_turn(run);
    assert_eq!((report.unwrap().status, tasks.len()), (Status::Failed, 3 + 1 + 1));
    for (status, expected) in [(Status::Failed, vec![4, 5, 6]), (Status::Finished, vec![7, 8, 1])] {
        let (store, contents) = RunStore::open(&dir).unwrap();
        let run = Run::new(Arc::clone(&workflow))
            .options(options())
            .store(store)
            .history(contents.history);
        let (report, tasks) = in_turn(run);
        assert_eq!(report.unwrap().status, status);
        assert_eq!(tasks.iter().map(|task| task.attempt).collect::<Vec<_>>(), expected);
    }
    let (store, contents) = RunStore::open(&dir).unwrap();
    let run =
        Run::new(Arc::clone(&workflow)).options(options()).store(store).history(contents.history);
    let (report, tasks) = in_turn(run);
    let report = report.unwrap();
    assert_eq!((report.status, report.kept, tasks.len()), (Status::Finished, 4, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn random_dags_survive_every_crash(
        count in 1_usize..7,
        picked in proptest::collection::vec(any::<bool>(), 21),
    ) {
        let pairs = (0..count).flat_map(|from| (from + 1..count).map(move |to| (from, to)));
        let edges: Vec<_> = pairs.zip(picked).filter(|(_, picked)| *picked).map(|(edge, _)| edge).collect();
        let workflow = dag(count, &edges);
        let runs = tempfile::tempdir().unwrap();
        let whole = undisturbed(&workflow, &options(), runs.path());
        for end in frame_ends(&whole.journal) {
            resume(&whole, &workflow, &options(), end, runs.path());
        }
    }
}

#[test]
fn a_second_engine_is_refused_and_told_who_is_at_work() {
    let workflow = dag(1, &[]);
    let runs = tempfile::tempdir().unwrap();
    let store = create(runs.path(), &workflow);
    let dir = store.dir().to_owned();
    match RunStore::open(&dir) {
        Err(StoreError::Locked { run, holder }) => {
            assert_eq!(run, store.id());
            assert!(holder.contains(&format!("process {} on ", std::process::id())), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    // A dead engine's lock is free; what its file says does not matter.
    drop(store);
    assert!(RunStore::open(&dir).is_ok());
}

#[test]
fn a_folder_whose_journal_never_began_is_told_apart() {
    let workflow = dag(1, &[]);
    let runs = tempfile::tempdir().unwrap();
    let dir = create(runs.path(), &workflow).dir().to_owned();
    let journal = fs::read(dir.join("journal")).unwrap();
    for length in 16..journal.len() {
        let dir = cut(&dir, runs.path(), &journal[..length]);
        assert!(matches!(RunStore::open(&dir), Err(StoreError::NotBegun { .. })), "{length}");
    }
}

#[test]
fn run_ids_are_unique_within_a_second() {
    let workflow = dag(1, &[]);
    let runs = tempfile::tempdir().unwrap();
    let stores: Vec<_> = (0..3).map(|_| create(runs.path(), &workflow)).collect();
    let ids: BTreeSet<_> = stores.iter().map(|store| store.id().to_owned()).collect();
    assert_eq!(ids.len(), 3);
}
