//! What starts when, and what follows a failure or a stop; with executors that need no time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use workflow_engine::exec::{
    Attempt, Executor, Failure, Noop, Outcome, PlatformFault, Stop, TaskId,
};
use workflow_engine::run::{CancelToken, Event, Report, Retry, Run, RunOptions, Status};

use crate::support::{Stubborn, fire, in_turn, made, wide};

fn one(config: Value) -> Arc<workflow_engine::model::Workflow> {
    made(
        json!([{"name": "A", "ins": ["x"], "outs": [], "firingLimit": 1, "config": config}]),
        json!([{"name": "x", "data": [1]}]),
        json!([]),
    )
}

#[test]
fn the_longest_chain_starts_first() {
    // short, then a chain of three, in the file's order; one slot.
    let workflow = made(
        json!([
            {"name": "short", "ins": ["x"], "outs": [], "firingLimit": 1},
            {"name": "long", "ins": ["x"], "outs": ["y"], "firingLimit": 1},
            {"name": "middle", "ins": ["y"], "outs": ["z"], "firingLimit": 1},
            {"name": "end", "ins": ["z"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1]}, {"name": "y"}, {"name": "z"}]),
        json!([]),
    );
    let order = |options: RunOptions| {
        let (report, tasks) = in_turn(Run::new(Arc::clone(&workflow)).options(options));
        assert_eq!(report.unwrap().status, Status::Finished);
        tasks.iter().map(|task| task.process).collect::<Vec<_>>()
    };
    let options = RunOptions { slots: 1, ..RunOptions::default() };
    assert_eq!(order(options.clone())[0], 1);
    // What earlier runs took decides where it is known.
    let expected_seconds = [("short".to_owned(), 100.0)].into();
    assert_eq!(order(RunOptions { expected_seconds, ..options }), [0, 1, 2, 3]);
}

#[test]
fn slots_bound_what_runs_at_once() {
    let processes: Vec<Value> = (0..8)
        .map(|_| json!({"name": "A", "ins": ["x"], "outs": [], "firingLimit": 1, "config": {"delay": 5}}))
        .collect();
    let workflow = made(json!(processes), json!([{"name": "x", "data": [1]}]), json!([]));
    let (report, fires) = fire(&workflow, RunOptions { slots: 3, ..RunOptions::default() });
    assert_eq!(report.done, 8);
    assert_eq!(fires.iter().map(|fire| fire.running).max(), Some(3));
}

#[test]
fn a_failed_attempt_is_repeated_as_often_as_allowed_and_waits_longer_each_time() {
    let retry = Retry {
        retries: 3,
        first_delay: Duration::from_millis(2),
        longest_delay: Duration::from_millis(5),
        ..Retry::default()
    };
    let waits = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&waits);
    let observer = move |event: &Event| {
        if let Event::Failed { retry_in, .. } = event {
            sink.lock().unwrap().push(*retry_in);
        }
    };
    let options = RunOptions { retry, ..RunOptions::default() };
    let run = Run::new(one(json!({"fail": 99}))).options(options.clone()).observer(observer);
    let (report, tasks) = in_turn(run);
    let report = report.unwrap();
    assert_eq!((report.status, tasks.len(), report.failed.len()), (Status::Failed, 4, 1));
    assert_eq!(report.failed[0].task.attempt, 4);
    let waits = waits.lock().unwrap().clone();
    for (wait, (least, most)) in waits.iter().zip([(1000, 2000), (2000, 4000), (2500, 5000)]) {
        let micros = wait.unwrap().as_micros();
        assert!((least..=most).contains(&micros), "{waits:?}");
    }
    assert_eq!(waits.last(), Some(&None));

    let (report, tasks) = in_turn(Run::new(one(json!({"fail": 2}))).options(options));
    assert_eq!((report.unwrap().status, tasks.len()), (Status::Finished, 3));
}

#[test]
fn a_task_has_the_last_word_on_its_own_retries() {
    let config = json!({"fail": 99, "executor": {"executable": "x", "retries": 1}});
    let retry = Retry { retries: 9, first_delay: Duration::from_micros(10), ..Retry::default() };
    let options = RunOptions { retry, ..RunOptions::default() };
    assert_eq!(in_turn(Run::new(one(config)).options(options)).1.len(), 2);
}

#[test]
fn after_a_failure_nothing_starts_but_what_runs_is_awaited() {
    let workflow = made(
        json!([
            {"name": "bad", "ins": ["x"], "outs": [], "firingLimit": 1, "config": {"fail": 9, "delay": 5}},
            {"name": "long", "ins": ["x"], "outs": ["y"], "firingLimit": 1, "config": {"delay": 50}},
            {"name": "after", "ins": ["y"], "outs": [], "firingLimit": 1},
            {"name": "late", "ins": ["x"], "outs": [], "firingLimit": 1}]),
        json!([{"name": "x", "data": [1]}, {"name": "y"}]),
        json!([]),
    );
    let names = |options| {
        let (report, fires) = fire(&workflow, options);
        assert_eq!(report.status, Status::Failed);
        assert_eq!(report.failed[0].failure, Failure::Exit(7));
        let mut names: Vec<_> = fires.into_iter().map(|fire| fire.process).collect();
        names.sort();
        (names, report.done)
    };
    let (fast, done) = names(RunOptions { slots: 2, ..RunOptions::default() });
    assert!(!fast.contains(&"after".to_owned()));
    assert_eq!(done, 1);
    let (all, done) = names(RunOptions { keep_going: true, ..wide() });
    assert_eq!((all.len(), done), (4, 3));
}

#[test]
fn cancelling_asks_first_and_kills_after_the_grace_time() {
    for second_call in [false, true] {
        let executor = Arc::new(Stubborn::default());
        let token = CancelToken::new();
        let grace = Duration::from_millis(if second_call { 60_000 } else { 30 });
        let options = RunOptions { grace, ..RunOptions::default() };
        let run = Run::new(one(json!({}))).options(options).cancel_token(token.clone());
        let for_engine = Arc::clone(&executor);
        let engine = std::thread::spawn(move || run.execute(for_engine));
        let wait_for = |ready: &dyn Fn() -> bool| {
            while !ready() {
                std::thread::yield_now();
            }
        };
        wait_for(&|| !executor.held.lock().unwrap().is_empty());
        token.cancel();
        wait_for(&|| !executor.stops.lock().unwrap().is_empty());
        if second_call {
            token.cancel();
        }
        let report = engine.join().unwrap().unwrap();
        assert_eq!((report.status, report.done), (Status::Interrupted, 0));
        let stops = executor.stops.lock().unwrap().clone();
        assert_eq!((stops[0], stops[stops.len() - 1]), (Stop::Terminate, Stop::Kill));
    }
}

#[test]
fn a_deadline_asks_first_and_kills_after_the_grace_time() {
    let executor = Arc::new(Stubborn::default());
    let options = RunOptions {
        timeout: Some(Duration::from_millis(10)),
        grace: Duration::from_millis(10),
        ..RunOptions::default()
    };
    let report =
        Run::new(one(json!({}))).options(options).execute(Arc::clone(&executor) as _).unwrap();
    assert_eq!(report.status, Status::Failed);
    assert!(matches!(report.failed[0].failure, Failure::TimedOut(10..)));
    assert_eq!(*executor.stops.lock().unwrap(), [Stop::Terminate, Stop::Kill]);
}

#[test]
fn an_attempt_that_is_dropped_is_lost_not_awaited_for_ever() {
    struct Careless;
    impl workflow_engine::exec::Executor for Careless {
        fn start(&self, attempt: workflow_engine::exec::Attempt) {
            drop(attempt);
        }
    }
    let report = Run::new(one(json!({}))).execute(Arc::new(Careless)).unwrap();
    assert_eq!(report.status, Status::Failed);
    assert!(matches!(report.failed[0].failure, Failure::Lost(_)));
}

#[test]
fn a_chain_of_a_hundred_thousand_needs_no_stack() {
    let count = 100_000;
    let mut text = String::from(r#"{"processes":["#);
    for at in 0..count {
        let comma = if at == 0 { "" } else { "," };
        let next = at + 1;
        text.push_str(comma);
        text.push_str(r#"{"name":"t","firingLimit":1,"ins":["#);
        text.push_str(&at.to_string());
        text.push_str(r#"],"outs":["#);
        text.push_str(&next.to_string());
        text.push_str("]}");
    }
    text.push_str(r#"],"signals":[{"name":"s","data":[{}]}"#);
    text.push_str(&r#",{"name":"s"}"#.repeat(count));
    text.push_str("]}");
    let report = Run::new(crate::support::workflow(&text)).execute(Arc::new(Noop)).unwrap();
    assert_eq!((report.status, report.done), (Status::Finished, count as u64));
}

/// Ends attempts by a list, and notes when it is told that an end is journaled.
struct Scripted {
    results: Mutex<Vec<Result<(), Failure>>>,
    recorded: Mutex<Vec<TaskId>>,
    began: Duration,
}

impl Executor for Scripted {
    fn start(&self, attempt: Attempt) {
        let result = self.results.lock().unwrap().pop().unwrap();
        std::thread::sleep(self.began);
        attempt.began();
        attempt.finish(match result {
            Ok(()) => Outcome::done(),
            Err(failure) => Outcome::failed(failure),
        });
    }
    fn tells_begin(&self) -> bool {
        true
    }
    fn recorded(&self, tasks: &[TaskId]) {
        self.recorded.lock().unwrap().extend(tasks);
    }
}

fn scripted(results: &[Result<(), Failure>], retry: Retry) -> (Report, Vec<TaskId>) {
    let executor = Arc::new(Scripted {
        results: Mutex::new(results.iter().rev().cloned().collect()),
        recorded: Mutex::default(),
        began: Duration::from_millis(1),
    });
    let options = RunOptions { slots: 1, retry, ..RunOptions::default() };
    let run = Run::new(one(Value::Null)).options(options);
    let report = run.execute(Arc::clone(&executor) as _).unwrap();
    let recorded = executor.recorded.lock().unwrap().clone();
    (report, recorded)
}

#[test]
fn what_the_platform_failed_uses_up_no_retries() {
    let soon = Retry { first_delay: Duration::from_micros(10), ..Retry::default() };
    let lost = Err(Failure::Platform { fault: PlatformFault::NodeLost, message: String::new() });
    let none_left = Retry { retries: 0, platform_retries: 2, ..soon };
    let (report, recorded) = scripted(&[lost.clone(), lost.clone(), Ok(())], none_left);
    assert_eq!((report.status, report.done), (Status::Finished, 1));
    assert_eq!(recorded.iter().map(|task| task.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    // But not for ever.
    let (report, _) = scripted(&[lost.clone(), lost.clone(), lost.clone()], none_left);
    assert_eq!((report.status, report.failed.len()), (Status::Failed, 1));
    // Its own faults count as before, and beside the others.
    let own = Err(Failure::Exit(1));
    let one = Retry { retries: 1, ..none_left };
    let (report, _) = scripted(&[lost.clone(), own.clone(), lost, own.clone()], one);
    assert_eq!(report.failed[0].failure, Failure::Exit(1));
    assert_eq!(report.failed[0].task.attempt, 4);
    // What does not help is not tried again.
    let image = Err(Failure::Platform { fault: PlatformFault::Image, message: "no".to_owned() });
    let (report, _) = scripted(&[image], one);
    assert_eq!(report.failed[0].task.attempt, 1);
}
