//! A worker of a pool.

use worker::protocol::{Redirect, StopHow, TaskResult, ToWorker};
use worker::serve::Departure;

use crate::engine::{Engine, Place, Worker, key, shell, spec};

#[test]
fn a_worker_runs_tasks_and_leaves_when_it_is_told_to() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(
        (hello.run.as_str(), hello.pod.as_str(), hello.node.as_str(), hello.class.as_str()),
        ("r1", "pod-1", "node-1", "small")
    );
    let mut task =
        spec(1, &["sh", "-c", "echo \"$1|$A\"; echo oops >&2; exit 3", "sh", "a b; $(x)"]);
    task.env = vec![("A".to_owned(), "$B".to_owned())];
    task.look_at = vec![(4, "made".to_owned()), (5, "not-made".to_owned())];
    std::fs::write(place.path("made"), "12345").unwrap();
    talk.run(&task);
    assert_eq!(talk.began(), key(1));
    let end = talk.end_recorded();
    assert_eq!(end.result, TaskResult::Exit(3));
    assert_eq!((end.out.text.as_str(), end.err.text.as_str()), ("a b; $(x)|$B\n", "oops\n"));
    assert_eq!(end.files, [(4, Some(5)), (5, None)]);
    assert!(end.wall_micros > 0 && end.peak_bytes > 100_000, "{end:?}");
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
    assert_eq!(place.out.text(), "a b; $(x)|$B\n");
    assert_eq!(place.err.text(), "== task#1 (attempt 1)\noops\n");
}

#[test]
fn output_goes_to_files_and_is_appended_where_that_is_said() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    std::fs::create_dir(place.path("sub")).unwrap();
    for number in 1..=2 {
        let mut task = shell(number, "pwd; echo err >&2");
        task.dir = "sub".to_owned();
        task.stdout = Some(Redirect { path: "out".to_owned(), append: false });
        task.stderr = Some(Redirect { path: "../err".to_owned(), append: true });
        let end = talk.outcome(&task);
        assert_eq!((end.result, end.out.total, end.err.total), (TaskResult::Exit(0), 0, 0));
    }
    assert!(place.read("sub/out").ends_with("/sub\n"));
    assert_eq!(place.read("sub/out").lines().count(), 1);
    assert_eq!(place.read("err"), "err\nerr\n");
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}

#[test]
fn a_task_that_is_stopped_ends_with_its_children() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&shell(1, "sleep 1000 & wait"));
    talk.began();
    talk.stop(1, StopHow::Terminate);
    assert_eq!(talk.end_recorded().result, TaskResult::Stopped);
    talk.run(&shell(2, "trap '' TERM; echo ready > ready; sleep 1000 & while :; do wait; done"));
    talk.began();
    talk.stop(2, StopHow::Terminate);
    talk.stop(2, StopHow::Kill);
    assert_eq!(talk.end_recorded().result, TaskResult::Stopped);
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}
