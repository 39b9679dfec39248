//! Files that go over the connection.

use std::os::unix::fs::symlink;

use worker::protocol::{FileRef, FromWorker, PART, Part, StopHow, TaskResult, TaskSpec, ToWorker};
use worker::serve::Departure;

use crate::engine::{Engine, Place, Talk, Worker, file_ref, key, link, shell};

/// Three parts and a bit.
fn large() -> Vec<u8> {
    (0..3 * PART + 7).map(|index| (index % 251) as u8).collect()
}

fn fetching(process: u32, script: &str, files: &[FileRef]) -> TaskSpec {
    TaskSpec { fetch: files.to_vec(), ..shell(process, script) }
}

fn bringing(process: u32, script: &str, files: &[&str]) -> TaskSpec {
    let bring = files.iter().map(|&path| path.to_owned()).collect();
    TaskSpec { bring, ..shell(process, script) }
}

fn wanted(talk: &mut Talk) -> (u32, Vec<String>) {
    match talk.hear() {
        FromWorker::Want { key, paths } => (key.process, paths),
        other => panic!("{other:?}"),
    }
}

fn parts(process: u32, path: &str, bytes: &[u8], is_program: bool) -> Vec<ToWorker> {
    let mut parts: Vec<Part> = bytes
        .chunks(PART)
        .enumerate()
        .map(|(index, bytes)| Part {
            key: key(process),
            path: path.to_owned(),
            offset: (index * PART) as u64,
            bytes: bytes.to_vec(),
            is_last: false,
            is_program,
        })
        .collect();
    parts.last_mut().unwrap().is_last = true;
    parts.into_iter().map(ToWorker::Part).collect()
}

fn send(talk: &mut Talk, process: u32, path: &str, bytes: &[u8]) {
    for part in parts(process, path, bytes, false) {
        talk.tell(&part);
    }
}

fn not_started(talk: &mut Talk, words: &str) {
    match talk.end_recorded().result {
        TaskResult::NotStarted(why) => assert!(why.contains(words), "{why}"),
        other => panic!("{words}: {other:?}"),
    }
}

fn leave(mut talk: Talk, worker: Worker) {
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
}

/// Takes all parts up to the end: (path, bytes, program) of each file.
fn brought(talk: &mut Talk) -> (Vec<(String, Vec<u8>, bool)>, TaskResult) {
    let mut files: Vec<(String, Vec<u8>, bool)> = Vec::new();
    let mut is_open = false;
    loop {
        match talk.hear() {
            FromWorker::Began(_) => {}
            FromWorker::Part(part) => {
                if !is_open {
                    files.push((part.path.clone(), Vec::new(), part.is_program));
                }
                let file = files.last_mut().unwrap();
                assert_eq!((&file.0, file.1.len() as u64), (&part.path, part.offset));
                assert!(part.bytes.len() <= PART);
                file.1.extend_from_slice(&part.bytes);
                is_open = !part.is_last;
            }
            FromWorker::Ended(end) => {
                assert!(!is_open, "a file without its last part");
                return (files, end.result);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn files_are_fetched_once_and_put_into_place() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    let bytes = large();
    let program = b"#!/bin/sh\necho ran\n";
    let files = [file_ref("a/b/large", &bytes), file_ref("run", program)];
    talk.run(&fetching(1, "wc -c < a/b/large; ./run", &files));
    assert_eq!(wanted(&mut talk), (1, vec!["a/b/large".to_owned(), "run".to_owned()]));
    // Mixed, as an engine may send them.
    for part in parts(1, "run", program, true) {
        talk.tell(&part);
    }
    send(&mut talk, 1, "a/b/large", &bytes);
    let end = talk.end_recorded();
    assert_eq!((end.result, end.err.text.as_str()), (TaskResult::Exit(0), ""));
    assert_eq!(end.out.text.trim_start(), format!("{}\nran\n", bytes.len()));
    assert_eq!(std::fs::read(place.path("a/b/large")).unwrap(), bytes);
    // They are here now, even after somebody else has put one here.
    std::fs::copy(place.path("run"), place.path("run2")).unwrap();
    let known = [files[0].clone(), file_ref("run2", program)];
    assert_eq!(talk.outcome(&fetching(2, "true", &known)).result, TaskResult::Exit(0));
    // A task has changed one, to the same size: it is fetched again.
    assert_eq!(
        talk.outcome(&shell(3, "printf x | dd of=a/b/large conv=notrunc")).result,
        TaskResult::Exit(0)
    );
    talk.run(&fetching(4, "true", &files));
    assert_eq!(wanted(&mut talk), (4, vec!["a/b/large".to_owned()]));
    send(&mut talk, 4, "a/b/large", &bytes);
    assert_eq!(talk.end_recorded().result, TaskResult::Exit(0));
    assert_eq!(std::fs::read(place.path("a/b/large")).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(place.path("a/b")).unwrap().count(), 1);
    leave(talk, worker);
}

#[test]
fn an_empty_file_is_fetched_too() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&fetching(1, "test -f empty", &[file_ref("empty", b"")]));
    assert_eq!(wanted(&mut talk).1, ["empty"]);
    talk.tell(&ToWorker::Part(Part {
        key: key(1),
        path: "empty".to_owned(),
        offset: 0,
        bytes: Vec::new(),
        is_last: true,
        is_program: false,
    }));
    assert_eq!(talk.end_recorded().result, TaskResult::Exit(0));
    leave(talk, worker);
}

#[test]
fn a_file_that_is_not_had_or_not_right_keeps_its_task_from_starting() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&fetching(1, "touch ran", &[file_ref("f", b"12345"), file_ref("g", b"1")]));
    assert_eq!(wanted(&mut talk).1, ["f", "g"]);
    let (path, why) = ("f".to_owned(), "it was deleted".to_owned());
    talk.tell(&ToWorker::NoFile { key: key(1), path, why });
    not_started(&mut talk, "it was deleted");
    // Other content, less of it, more of it, not in order.
    for (process, bytes) in [(2, &b"54321"[..]), (3, b"1234"), (4, b"123456")] {
        talk.run(&fetching(process, "touch ran", &[file_ref("f", b"12345")]));
        assert_eq!(wanted(&mut talk), (process, vec!["f".to_owned()]));
        send(&mut talk, process, "f", bytes);
        not_started(&mut talk, "changed");
    }
    talk.run(&fetching(5, "touch ran", &[file_ref("f", b"12345")]));
    wanted(&mut talk);
    let mut part = parts(5, "f", b"12345", false);
    if let ToWorker::Part(part) = &mut part[0] {
        part.offset = 3;
    }
    talk.tell(&part[0]);
    not_started(&mut talk, "a part at 3 came");
    // Nothing is left of all that.
    assert_eq!(std::fs::read_dir(place.work_dir()).unwrap().count(), 0);
    leave(talk, worker);
}

#[test]
fn no_file_is_written_outside_the_work_directory() {
    let (engine, place) = (Engine::new(), Place::new());
    let outside = tempfile::tempdir().unwrap();
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    let absolute = outside.path().join("f").to_string_lossy().into_owned();
    for (process, path) in [(1, "../f"), (2, absolute.as_str()), (3, "a/../../f"), (4, "")] {
        talk.run(&fetching(process, "true", &[file_ref(path, b"x")]));
        not_started(&mut talk, "out of the work directory");
    }
    // A folder that is a link to elsewhere.
    symlink(outside.path(), place.path("dir")).unwrap();
    talk.run(&fetching(5, "true", &[file_ref("dir/f", b"x")]));
    match talk.hear() {
        FromWorker::Want { .. } => {
            send(&mut talk, 5, "dir/f", b"x");
            not_started(&mut talk, "cannot open the folder");
        }
        FromWorker::Ended(end) => {
            assert!(matches!(end.result, TaskResult::NotStarted(_)), "{end:?}");
            talk.tell(&ToWorker::Recorded(vec![key(5)]));
        }
        other => panic!("{other:?}"),
    }
    // A file that is a link to elsewhere is replaced, and what it points to stays.
    std::fs::write(outside.path().join("own"), "stays").unwrap();
    symlink(outside.path().join("own"), place.path("link")).unwrap();
    talk.run(&fetching(6, "cat link", &[file_ref("link", b"fetched")]));
    match talk.hear() {
        FromWorker::Want { .. } => {
            send(&mut talk, 6, "link", b"fetched");
            assert_eq!(talk.end_recorded().out.text, "fetched");
            assert!(!place.path("link").is_symlink());
        }
        FromWorker::Ended(end) => {
            assert!(matches!(end.result, TaskResult::NotStarted(_)), "{end:?}");
            talk.tell(&ToWorker::Recorded(vec![key(6)]));
        }
        other => panic!("{other:?}"),
    }
    let left: Vec<_> = std::fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(std::fs::read(outside.path().join("own")).unwrap(), b"stays");
    leave(talk, worker);
}

#[test]
fn a_task_is_stopped_while_its_files_come_and_another_still_gets_them() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    let worker = Worker::with(link, &place, |options| options.slots = 2);
    let (mut talk, _) = engine.welcome();
    let bytes = large();
    let file = [file_ref("f", &bytes)];
    talk.run(&fetching(1, "touch ran", &file));
    assert_eq!(wanted(&mut talk).0, 1);
    // Another waits for the same file, and for one more.
    talk.run(&fetching(2, "wc -c < f", &[file[0].clone(), file_ref("g", b"g")]));
    assert_eq!(wanted(&mut talk), (2, vec!["g".to_owned()]));
    talk.tell(&parts(1, "f", &bytes, false)[0]);
    talk.stop(1, StopHow::Terminate);
    // It is asked for again, in the name of the other.
    assert_eq!(wanted(&mut talk), (2, vec!["f".to_owned()]));
    assert_eq!(talk.end_recorded().result, TaskResult::Stopped);
    send(&mut talk, 2, "g", b"g");
    send(&mut talk, 2, "f", &bytes);
    assert_eq!(talk.end_recorded().out.text.trim(), bytes.len().to_string());
    assert!(!place.path("ran").exists());
    leave(talk, worker);
}

#[test]
fn fetching_begins_again_with_the_next_engine() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    let bytes = large();
    talk.run(&fetching(1, "wc -c < f", &[file_ref("f", &bytes)]));
    wanted(&mut talk);
    talk.tell(&parts(1, "f", &bytes, false)[0]);
    drop(talk);
    let (mut talk, hello) = engine.welcome();
    assert_eq!(hello.running, [key(1)]);
    assert_eq!(wanted(&mut talk), (1, vec!["f".to_owned()]));
    send(&mut talk, 1, "f", &bytes);
    assert_eq!(talk.end_recorded().out.text.trim(), bytes.len().to_string());
    leave(talk, worker);
}

#[test]
fn files_are_brought_before_the_end_is_reported() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    let bytes = large();
    std::fs::write(place.path("source"), &bytes).unwrap();
    let script =
        "mkdir d; cp source d/large; : > empty; ln -s d/large link; echo p > p; chmod +x p";
    // What was not made is not brought; whether it had to be made is for the engine to say.
    talk.run(&bringing(1, script, &["d/large", "empty", "not-made", "no/dir", "link", "p"]));
    let (files, result) = brought(&mut talk);
    assert_eq!(result, TaskResult::Exit(0));
    let expected = [
        ("d/large", bytes.clone(), false),
        ("empty", Vec::new(), false),
        ("link", bytes, false),
        ("p", b"p\n".to_vec(), true),
    ];
    assert_eq!(files.len(), expected.len());
    for (file, (path, bytes, is_program)) in files.iter().zip(expected) {
        assert!(*file == (path.to_owned(), bytes, is_program), "{}", file.0);
    }
    talk.tell(&ToWorker::Recorded(vec![key(1)]));
    // A file of exactly one part has a last part as well.
    std::fs::write(place.path("source"), vec![b'x'; PART]).unwrap();
    talk.run(&bringing(2, "true", &["source"]));
    assert_eq!(brought(&mut talk).0[0].1.len(), PART);
    talk.tell(&ToWorker::Recorded(vec![key(2)]));
    leave(talk, worker);
}

#[test]
fn no_file_is_read_outside_the_work_directory() {
    let (engine, place) = (Engine::new(), Place::new());
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    symlink(outside.path().join("secret"), place.path("link")).unwrap();
    symlink(outside.path(), place.path("dir")).unwrap();
    let absolute = outside.path().join("secret").to_string_lossy().into_owned();
    let bad =
        [(1, absolute.as_str()), (2, "../secret"), (3, "link"), (4, "dir/secret"), (5, "fifo")];
    for (process, path) in bad {
        talk.run(&bringing(process, "[ -e fifo ] || mkfifo fifo", &[path]));
        let (files, result) = brought(&mut talk);
        assert!(files.is_empty(), "{path}");
        match result {
            TaskResult::Lost(why) => assert!(why.contains("could not be brought"), "{why}"),
            other => panic!("{path}: {other:?}"),
        }
        talk.tell(&ToWorker::Recorded(vec![key(process)]));
    }
    // A task that failed has failed, whatever is with its files.
    talk.run(&bringing(6, "exit 4", &["link"]));
    assert_eq!(brought(&mut talk).1, TaskResult::Exit(4));
    talk.tell(&ToWorker::Recorded(vec![key(6)]));
    leave(talk, worker);
}

#[test]
fn an_end_whose_files_the_engine_may_not_have_is_reported_again_with_them() {
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::start(&engine, &place);
    let (mut talk, _) = engine.welcome();
    talk.run(&bringing(1, "echo made > f", &["f"]));
    assert_eq!(brought(&mut talk).0.len(), 1);
    // Dies before it wrote that down.
    drop(talk);
    let (mut talk, hello) = engine.welcome();
    // Not ended: the next engine may not have its files.
    assert_eq!((hello.running, hello.ended), (vec![key(1)], vec![]));
    let (files, result) = brought(&mut talk);
    assert_eq!((files[0].1.as_slice(), result), (&b"made\n"[..], TaskResult::Exit(0)));
    talk.tell(&ToWorker::Recorded(vec![key(1)]));
    drop(place);
    leave(talk, worker);
}

#[test]
fn a_large_file_does_not_keep_the_worker_from_all_else() {
    let (engine, place) = (Engine::new(), Place::new());
    let link = link(engine.address(), engine.authority.dir.path());
    let worker = Worker::with(link, &place, |options| options.slots = 2);
    let (mut talk, _) = engine.welcome();
    talk.run(&bringing(1, "head -c 12000000 /dev/zero > f", &["f"]));
    talk.began();
    let FromWorker::Part(first) = talk.hear() else { panic!("no part") };
    assert_eq!(first.offset, 0);
    // While nobody reads, not all of it is queued: the worker goes on.
    talk.run(&shell(2, "touch ran"));
    crate::engine::wait_until("the other task runs", || place.path("ran").exists());
    let mut total = first.bytes.len();
    let mut other_after = None;
    loop {
        match talk.hear() {
            FromWorker::Part(part) => total += part.bytes.len(),
            FromWorker::Began(found) => assert_eq!(found, key(2)),
            FromWorker::Ended(end) if end.key == key(2) => other_after = Some(total),
            FromWorker::Ended(end) => {
                assert_eq!((end.key, end.result), (key(1), TaskResult::Exit(0)));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(total, 12_000_000);
    assert!(other_after.unwrap() < total, "the other end came last");
    talk.tell(&ToWorker::Recorded(vec![key(1), key(2)]));
    leave(talk, worker);
}
