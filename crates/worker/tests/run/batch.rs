//! A Job of its own.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use worker::batch::{BatchError, BatchOptions, BatchOutcome, run};
use worker::protocol::{Batch, BatchEnd, FromWorker, StopHow, TaskResult, TaskSpec, ToWorker};

use crate::engine::{Engine, PATIENCE, Place, file_ref, key, link, shell, spec, wait_until};

fn batch(tasks: Vec<TaskSpec>) -> Batch {
    Batch { run: "r1".to_owned(), id: "job-1".to_owned(), tasks, engine: None }
}

fn options(place: &Place) -> BatchOptions {
    BatchOptions {
        id: "job-1".to_owned(),
        link: None,
        message: place.path("message"),
        lease: PATIENCE,
        patience: PATIENCE,
        grace: PATIENCE,
        surroundings: place.surroundings(&["PATH_OF_NO_INTEREST"]),
        terminated: None,
    }
}

fn with_engine(place: &Place, engine: &Engine) -> BatchOptions {
    let link = link(engine.address(), engine.authority.dir.path());
    BatchOptions { link: Some(link), ..options(place) }
}

fn start(batch: Batch, options: BatchOptions) -> Receiver<Result<BatchOutcome, BatchError>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(run(batch, options)));
    receiver
}

fn finish(batch: &Receiver<Result<BatchOutcome, BatchError>>) -> BatchOutcome {
    batch.recv_timeout(PATIENCE).expect("it does not end").unwrap()
}

fn message(place: &Place) -> BatchEnd {
    BatchEnd::from_message(&place.read("message")).unwrap()
}

#[test]
fn the_exit_code_of_a_single_task_is_its_own() {
    for (task, code) in [
        (shell(1, "exit 0"), 0),
        (shell(1, "exit 3"), 3),
        (shell(1, "exit 255"), 255),
        (shell(1, "kill -TERM $$"), 143),
        (shell(1, "kill -SEGV $$"), 139),
        (spec(1, &["no-such-program"]), 127),
    ] {
        let place = Place::new();
        let outcome = finish(&start(batch(vec![task]), options(&place)));
        assert_eq!((outcome.code, outcome.refused), (code, None));
        assert_eq!(outcome.ends.ends.len(), 1);
        assert_eq!(message(&place), outcome.ends);
    }
}

#[test]
fn several_tasks_run_one_after_another_and_all_of_them() {
    let place = Place::new();
    let tasks = vec![
        shell(1, "sleep 0.05; echo 1 >> order"),
        shell(2, "echo 2 >> order; exit 7"),
        shell(3, "echo 3 >> order"),
    ];
    let outcome = finish(&start(batch(tasks), options(&place)));
    assert_eq!(outcome.code, 1);
    let results: Vec<_> = outcome.ends.ends.iter().map(|end| end.result.clone()).collect();
    assert_eq!(results, [TaskResult::Exit(0), TaskResult::Exit(7), TaskResult::Exit(0)]);
    assert_eq!(place.read("order"), "1\n2\n3\n");
    assert_eq!(message(&place), outcome.ends);
    let good = vec![shell(1, "true"), shell(2, "true")];
    assert_eq!(finish(&start(batch(good), options(&place))).code, 0);
}

#[test]
fn the_batch_of_another_job_is_not_run() {
    let place = Place::new();
    let other = BatchOptions { id: "job-2".to_owned(), ..options(&place) };
    let refused = start(batch(vec![shell(1, "touch ran")]), other).recv_timeout(PATIENCE).unwrap();
    assert!(matches!(refused, Err(BatchError::Id { .. })));
    assert!(!place.path("ran").exists());
}

#[test]
fn ends_are_reported_as_they_come() {
    let (engine, place) = (Engine::new(), Place::new());
    let tasks = vec![
        shell(1, "true"),
        shell(2, "while [ ! -e go ]; do sleep 0.01; done"),
        shell(3, "exit 5"),
    ];
    let running = start(batch(tasks), with_engine(&place, &engine));
    let (mut talk, hello) = engine.welcome();
    assert_eq!((hello.class.as_str(), hello.slots), ("small", 1));
    let told = hello.running.len() + hello.ended.len();
    assert_eq!(told, 3, "all of its tasks: {hello:?}");
    if hello.ended.is_empty() {
        assert_eq!(talk.end().key, key(1));
    }
    talk.tell(&ToWorker::Recorded(vec![key(1)]));
    // The first is known before the second has ended; in the message as well.
    assert_eq!(message(&place).ends.len(), 1);
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(talk.end_recorded().key, key(2));
    let last = talk.end();
    assert_eq!(last.result, TaskResult::Exit(5));
    // It waits for the confirmation of the last.
    assert!(running.recv_timeout(Duration::from_millis(100)).is_err());
    talk.tell(&ToWorker::Recorded(vec![last.key]));
    assert_eq!(finish(&running).code, 1);
    assert_eq!(message(&place).ends.len(), 3);
}

#[test]
fn an_end_between_the_greeting_and_the_welcome_is_not_forgotten() {
    let (engine, place) = (Engine::new(), Place::new());
    let tasks = vec![shell(1, "while [ ! -e go ]; do sleep 0.01; done")];
    let running = start(batch(tasks), with_engine(&place, &engine));
    let mut talk = engine.accept();
    assert_eq!(talk.hello().running, [key(1)]);
    std::fs::write(place.path("go"), "").unwrap();
    wait_until("it has ended", || place.path("message").exists());
    talk.tell(&ToWorker::Welcome { silence_millis: 60_000 });
    assert_eq!(talk.end_recorded().key, key(1));
    assert_eq!(finish(&running).code, 0);
}

#[test]
fn tasks_do_not_wait_for_an_engine_and_the_message_is_written_without_one() {
    let (engine, place) = (Engine::new(), Place::new());
    let patience = Duration::from_millis(300);
    let options = BatchOptions { patience, ..with_engine(&place, &engine) };
    drop(engine);
    let begin = Instant::now();
    let outcome = finish(&start(batch(vec![shell(1, "exit 3")]), options));
    assert!(begin.elapsed() >= patience);
    assert_eq!(outcome.code, 3);
    assert_eq!(message(&place).ends[0].result, TaskResult::Exit(3));
}

#[test]
fn an_engine_stops_tasks_of_a_batch() {
    let (engine, place) = (Engine::new(), Place::new());
    let tasks = vec![shell(1, "sleep 1000"), shell(2, "touch ran"), shell(3, "touch ran3")];
    let running = start(batch(tasks), with_engine(&place, &engine));
    let (mut talk, _) = engine.welcome();
    talk.stop(2, StopHow::Terminate);
    let end = talk.end_recorded();
    assert_eq!((end.key, end.result), (key(2), TaskResult::Stopped));
    talk.stop(1, StopHow::Kill);
    assert_eq!(talk.end_recorded().key, key(1));
    assert_eq!(talk.end_recorded().key, key(3));
    let outcome = finish(&running);
    let keys: Vec<_> = outcome.ends.ends.iter().map(|end| end.key).collect();
    assert_eq!((keys, outcome.code), (vec![key(1), key(2), key(3)], 1));
    assert!(!place.path("ran").exists() && place.path("ran3").exists());
}

#[test]
fn a_batch_that_is_to_end_says_what_has_ended() {
    let place = Place::new();
    let (mut terminate, terminated) = UnixStream::pair().unwrap();
    let options = BatchOptions { terminated: Some(terminated), ..options(&place) };
    let tasks = vec![shell(1, "true"), shell(2, "touch ready; sleep 1000"), shell(3, "touch ran")];
    let running = start(batch(tasks), options);
    wait_until("the second task runs", || place.path("ready").exists());
    std::io::Write::write_all(&mut terminate, b"x").unwrap();
    let outcome = finish(&running);
    assert_eq!(outcome.code, 143);
    let results: Vec<_> = message(&place).ends.into_iter().map(|end| end.result).collect();
    assert_eq!(results, [TaskResult::Exit(0), TaskResult::Stopped]);
    assert!(!place.path("ran").exists());
}

#[test]
fn a_batch_that_is_refused_ends() {
    let (engine, place) = (Engine::new(), Place::new());
    let running = start(batch(vec![shell(1, "sleep 1000")]), with_engine(&place, &engine));
    let mut talk = engine.accept();
    talk.hello();
    talk.tell(&ToWorker::Refused("the run is over".to_owned()));
    let outcome = finish(&running);
    assert_eq!((outcome.code, outcome.refused.as_deref()), (78, Some("the run is over")));
}

#[test]
fn what_could_not_be_brought_is_no_success() {
    let place = Place::new();
    let mut task = shell(1, "echo made > f");
    task.bring = vec!["f".to_owned()];
    let outcome = finish(&start(batch(vec![task.clone()]), options(&place)));
    assert_eq!(outcome.code, 1);
    let result = &message(&place).ends[0].result;
    assert!(matches!(result, TaskResult::Lost(why) if why.contains("no engine")), "{result:?}");
    // With an engine it is one, once it is confirmed.
    let engine = Engine::new();
    let running = start(batch(vec![task]), with_engine(&place, &engine));
    let (mut talk, _) = engine.welcome();
    loop {
        match talk.hear() {
            FromWorker::Ended(end) => break talk.tell(&ToWorker::Recorded(vec![end.key])),
            FromWorker::Began(_) | FromWorker::Part(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(finish(&running).code, 0);
    assert_eq!(message(&place).ends[0].result, TaskResult::Exit(0));
}

#[test]
fn a_task_that_needs_files_does_not_wait_for_ever() {
    let place = Place::new();
    let mut task = shell(1, "touch ran");
    task.fetch = vec![file_ref("f", b"x")];
    let outcome = finish(&start(batch(vec![task.clone()]), options(&place)));
    assert!(matches!(outcome.ends.ends[0].result, TaskResult::Lost(_)), "{outcome:?}");
    let engine = Engine::new();
    let lease = Duration::from_millis(200);
    let short = BatchOptions { lease, patience: lease, ..with_engine(&place, &engine) };
    drop(engine);
    let outcome = finish(&start(batch(vec![task, shell(2, "true")]), short));
    assert!(matches!(outcome.ends.ends[0].result, TaskResult::Lost(_)), "{outcome:?}");
    assert_eq!(outcome.ends.ends[1].result, TaskResult::Exit(0));
    assert!(!place.path("ran").exists());
}
