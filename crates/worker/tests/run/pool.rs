//! A worker of a pool.

use std::time::{Duration, Instant};

use worker::protocol::{FromWorker, Redirect, StopHow, TaskResult, TaskSpec, ToWorker, VERSION};
use worker::serve::Departure;

use crate::engine::{Authority, Engine, Place, Worker, key, link, shell, spec, wait_until};

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

#[test]
fn what_cannot_be_started_says_why() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    std::fs::write(place.path("text"), "no program").unwrap();
    std::fs::write(place.path("lost"), "#!/no/such/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path("lost"), mode).unwrap();
    let in_dir = |mut task: TaskSpec| {
        task.dir = "nowhere".to_owned();
        task
    };
    let mut redirected = in_dir(spec(7, &["true"]));
    redirected.stdout = Some(Redirect { path: "o".to_owned(), append: false });
    let mut elsewhere = spec(8, &["true"]);
    elsewhere.stdout = Some(Redirect { path: "no/o".to_owned(), append: false });
    let long = "x".repeat(200 << 10);
    for (task, words) in [
        (spec(1, &["no-such-program"]), "no program `no-such-program` in PATH"),
        (spec(2, &["./no-such-program"]), "there is no program"),
        (spec(3, &["./text"]), "./text is not executable"),
        (spec(4, &["./lost"]), "interpreter"),
        (in_dir(spec(5, &["true"])), "nowhere does not exist"),
        (spec(6, &[]), "argument vector is empty"),
        (redirected, "nowhere does not exist"),
        (elsewhere, "cannot write"),
        (spec(9, &["true", &long]), "longer than the system takes"),
        (spec(10, &["true", "a\0b"]), "nul byte"),
    ] {
        match talk.outcome(&task).result {
            TaskResult::NotStarted(why) => assert!(why.contains(words), "{why}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    // The worker is as good as before.
    assert_eq!(talk.outcome(&spec(11, &["true"])).result, TaskResult::Exit(0));
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}

#[test]
fn signals_and_much_output_are_reported() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    assert_eq!(talk.outcome(&shell(1, "kill -SEGV $$")).result, TaskResult::Signal(11));
    // Without memory running out SIGKILL is a signal as any other.
    assert_eq!(talk.outcome(&shell(2, "kill -KILL $$")).result, TaskResult::Signal(9));
    let end = talk.outcome(&shell(3, "head -c 5000000 /dev/zero | tr '\\0' x; echo END; exit 1"));
    assert_eq!((&end.result, end.out.total), (&TaskResult::Exit(1), 5_000_004));
    assert_eq!(end.out.text.len(), 1000);
    assert!(end.out.text.ends_with("xEND\n"));
    assert_eq!(place.out.text().len(), 5_000_004);
    // What a task leaves running holds neither its end up, nor its output open.
    let end = talk.outcome(&shell(4, "sleep 1000 & echo pid $!"));
    assert_eq!(end.result, TaskResult::Exit(0));
    let pid = end.out.text.trim_start_matches("pid ").trim().to_owned();
    // It ends in its group; who reaps it is another matter.
    let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    wait_until("the child is gone", gone);
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}

#[test]
fn as_many_tasks_as_slots_run_at_once_and_others_wait() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    let worker = Worker::with(link, &place, |options| options.slots = 2);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.slots, 2);
    // Each of them ends only once the other runs.
    let meet = |own: u32, other: u32| {
        shell(own, &format!("touch {own}; while [ ! -e {other} ]; do sleep 0.01; done"))
    };
    talk.run(&meet(1, 2));
    talk.run(&meet(2, 1));
    let mut ends = vec![talk.end_recorded().key, talk.end_recorded().key];
    ends.sort();
    assert_eq!(ends, [key(1), key(2)]);
    // The third has no slot before one of the others ends.
    talk.run(&shell(3, "sleep 1000"));
    talk.run(&shell(4, "sleep 1000"));
    talk.run(&shell(5, "true"));
    let mut begun = [talk.began(), talk.began()];
    begun.sort();
    assert_eq!(begun, [key(3), key(4)]);
    talk.stop(4, StopHow::Kill);
    assert_eq!(talk.end_recorded().key, key(4));
    assert_eq!(talk.began(), key(5));
    assert_eq!(talk.end_recorded().key, key(5));
    talk.stop(3, StopHow::Kill);
    assert_eq!(talk.end_recorded().key, key(3));
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}

#[test]
fn a_task_that_waits_is_stopped_without_being_started() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&shell(1, "sleep 1000"));
    talk.began();
    talk.run(&shell(2, "touch started"));
    // The same again is nothing new.
    talk.run(&shell(2, "touch started"));
    talk.stop(2, StopHow::Terminate);
    let end = talk.end_recorded();
    assert_eq!((end.key, end.result), (key(2), TaskResult::Stopped));
    talk.stop(1, StopHow::Kill);
    assert_eq!(talk.end_recorded().key, key(1));
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
    assert!(!place.path("started").exists());
}

#[test]
fn a_task_that_is_held_is_not_run_twice() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    let task = shell(1, "echo x >> runs");
    talk.run(&task);
    let end = talk.end();
    talk.run(&task);
    talk.run(&shell(2, "true"));
    assert_eq!(talk.end_recorded().key, key(2));
    talk.tell(&ToWorker::Recorded(vec![end.key]));
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
    assert_eq!(place.read("runs"), "x\n");
}

#[test]
fn after_the_connection_broke_the_next_engine_is_told_what_is_held() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    let worker = Worker::with(link, &place, |options| options.slots = 2);
    let (mut talk, hello) = engine.welcome();
    assert!(hello.running.is_empty() && hello.ended.is_empty());
    talk.run(&shell(1, "echo one"));
    let first = talk.end();
    talk.run(&shell(2, "while [ ! -e go ]; do sleep 0.01; done"));
    talk.began();
    drop(talk);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.running, [key(2)]);
    assert_eq!(hello.ended, std::slice::from_ref(&first));
    assert_eq!(talk.began(), key(2));
    // This engine dies as well, before it wrote anything down; the task ends meanwhile.
    drop(talk);
    std::fs::write(place.path("go"), "").unwrap();
    let (mut talk, hello) = engine.welcome();
    assert!(hello.ended.contains(&first));
    let second = match hello.ended.iter().find(|end| end.key == key(2)) {
        Some(end) => end.clone(),
        None => talk.end(),
    };
    assert_eq!(second.result, TaskResult::Exit(0));
    talk.tell(&ToWorker::Leave);
    talk.tell(&ToWorker::Recorded(vec![key(1)]));
    // Not yet: one end is not confirmed.
    drop(talk);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.ended, [second]);
    talk.tell(&ToWorker::Recorded(vec![key(2)]));
    assert_eq!(worker.departure(), Departure::Left);
}

#[test]
fn without_an_engine_for_as_long_as_the_lease_tasks_are_ended() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    let lease = Duration::from_millis(300);
    let worker = Worker::with(link, &place, |options| options.lease = lease);
    let (mut talk, _) = engine.welcome();
    talk.run(&shell(1, "trap '' TERM; sleep 1 & wait; sleep 1000; touch survived"));
    talk.began();
    let begin = Instant::now();
    drop((talk, engine));
    assert_eq!(worker.departure(), Departure::LeaseOver);
    assert!(begin.elapsed() >= lease);
    assert!(place.err.text().contains("the engine did not come back in time"));
    assert!(!place.path("survived").exists());
}

#[test]
fn a_worker_that_never_finds_an_engine_gives_up_after_its_lease() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    drop(engine);
    let worker = Worker::with(link, &place, |options| options.lease = Duration::from_millis(200));
    assert_eq!(worker.departure(), Departure::LeaseOver);
    assert!(place.err.text().contains("cannot connect"), "{}", place.err.text());
}

#[test]
fn an_engine_that_falls_silent_is_left_for_another() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    // Open, but dumb.
    let (first, _) = engine.welcome_for(150);
    let (mut talk, _) = engine.welcome_for(150);
    drop(first);
    // The worker in turn is heard of, at least three times as often.
    let begin = Instant::now();
    for _ in 0..6 {
        assert_eq!(talk.try_hear().unwrap(), FromWorker::Alive);
        talk.tell(&ToWorker::Alive);
    }
    assert!(begin.elapsed() < Duration::from_millis(6 * 150), "{:?}", begin.elapsed());
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
    assert!(place.err.text().contains("nothing is heard of the engine"));
}

#[test]
fn a_worker_that_is_refused_says_its_version_and_ends_its_tasks_and_itself() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.version, VERSION);
    talk.run(&shell(1, "sleep 1000"));
    talk.began();
    drop(talk);
    let mut talk = engine.accept();
    assert_eq!(talk.hello().running, [key(1)]);
    talk.tell(&ToWorker::Refused("other version".to_owned()));
    assert_eq!(worker.departure(), Departure::Refused("other version".to_owned()));
}

#[test]
fn an_engine_of_another_authority_is_not_spoken_to() {
    let (engine, place) = (Engine::new(), Place::new());
    let other = Authority::new();
    let worker = Worker::with(link(engine.address(), other.dir.path()), &place, |options| {
        options.lease = Duration::from_millis(500);
    });
    let mut talk = engine.accept();
    assert!(talk.try_hear().is_err());
    drop(talk);
    assert_eq!(worker.departure(), Departure::LeaseOver);
    assert!(place.err.text().contains("certificate"), "{}", place.err.text());
}

#[test]
fn a_worker_of_another_authority_is_not_heard() {
    let (engine, place) = (Engine::new(), Place::new());
    // It trusts the engine, but the engine has no reason to trust it.
    let other = Authority::new();
    std::fs::copy(engine.authority.dir.path().join("ca.crt"), other.dir.path().join("ca.crt"))
        .unwrap();
    let worker = Worker::with(link(engine.address(), other.dir.path()), &place, |options| {
        options.lease = Duration::from_millis(500);
    });
    assert!(engine.accept().try_hear().is_err());
    assert_eq!(worker.departure(), Departure::LeaseOver);
}

#[test]
fn what_is_no_message_breaks_the_connection_and_nothing_else() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&shell(1, "sleep 1000"));
    talk.began();
    talk.tell_raw(&[0, 0, 0, 2, 0xff, 0xff]);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.running, [key(1)]);
    talk.tell_raw(&[0xff; 8]);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.running, [key(1)]);
    talk.stop(1, StopHow::Kill);
    talk.end_recorded();
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}

#[test]
fn an_engine_that_does_not_begin_with_a_welcome_is_not_obeyed() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let mut talk = engine.accept();
    talk.hello();
    talk.run(&shell(1, "touch ran"));
    let (mut talk, hello) = engine.welcome();
    assert!(hello.running.is_empty() && hello.ended.is_empty());
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
    assert!(!place.path("ran").exists());
}

#[test]
fn a_worker_that_is_to_end_ends_its_tasks_and_reports_them() {
    let (engine, place) = (Engine::new(), Place::new());
    let mut worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&shell(
        1,
        "trap 'touch asked; exit 0' TERM; touch ready; while :; do sleep 0.01; done",
    ));
    talk.began();
    talk.run(&shell(2, "touch started"));
    wait_until("the task listens", || place.path("ready").exists());
    worker.terminate();
    let mut ends = vec![talk.end_recorded(), talk.end_recorded()];
    ends.sort_by_key(|end| end.key);
    assert!(ends.iter().all(|end| end.result == TaskResult::Stopped), "{ends:?}");
    assert_eq!(worker.departure(), Departure::Terminated);
    assert!(place.path("asked").exists() && !place.path("started").exists());
}

#[test]
fn tasks_that_do_not_end_when_asked_are_killed_after_the_grace() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    let grace = Duration::from_millis(200);
    let mut worker = Worker::with(link, &place, |options| options.grace = grace);
    let (mut talk, _) = engine.welcome();
    talk.run(&shell(1, "trap '' TERM; touch ready; while :; do sleep 0.01; done"));
    wait_until("the task listens", || place.path("ready").exists());
    let begin = Instant::now();
    worker.terminate();
    assert_eq!(talk.end().result, TaskResult::Stopped);
    assert!(begin.elapsed() >= grace);
    // Its end is not confirmed; it does not wait for ever.
    assert_eq!(worker.departure(), Departure::Terminated);
}
