//! From an attempt to what a worker is to run, and from what a worker says of its end to an outcome.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use hashbrown::HashMap;
use worker::protocol::{FileRef, Redirect, Tail, TaskEnd, TaskKey, TaskResult, TaskSpec};
use xxhash_rust::xxh3::xxh3_64;

use crate::exec::{Attempt, Failure, Files, Outcome, TaskId};
use crate::model::{self, Command, Process, Signal, Workflow};
use crate::store::write_log;

/// How much of the end of each stream comes back over a connection, in bytes.
pub(super) const TAIL_BYTES: u32 = 64 << 10;
/// Files that are longer do not go over the connection.
pub(super) const LONGEST_FILE: u64 = 64 << 20;

/// The key under which workers know an attempt.
pub(super) fn key_of(id: TaskId) -> TaskKey {
    TaskKey { process: id.process, firing: id.firing, attempt: id.attempt }
}

/// The attempt that a key is for.
pub(super) fn id_of(key: TaskKey) -> TaskId {
    TaskId { process: key.process, firing: key.firing, attempt: key.attempt }
}

/// Path below `dir`; `dir` may be empty.
fn below(dir: &str, path: &str) -> String {
    if dir.is_empty() || path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", dir.trim_end_matches('/'))
    }
}

fn folder(command: &Command, inner: Option<&String>) -> String {
    let dir = command.work_dir.clone().unwrap_or_default();
    inner.map_or(dir.clone(), |inner| below(&dir, inner))
}

fn redirect(from: Option<&model::Redirect>) -> Option<Redirect> {
    from.map(|to| Redirect { path: to.path.clone(), append: to.append })
}

/// The argument vector: a shell stands in it only where the task asks for one.
fn argv(command: &Command) -> Vec<String> {
    if command.shell {
        return vec!["/bin/sh".to_owned(), "-c".to_owned(), command.shell_line()];
    }
    let mut argv = Vec::with_capacity(command.args.len() + 1);
    argv.push(command.executable.clone());
    argv.extend(command.args.iter().cloned());
    argv
}

/// What a worker is to run for an attempt with this command.
pub(super) fn spec(
    attempt: &Attempt,
    command: &Command,
    files: Files,
    transfer: Option<&mut FileBook>,
) -> TaskSpec {
    let process = attempt.process();
    let mut spec = TaskSpec {
        key: key_of(attempt.id()),
        label: attempt.label(),
        argv: argv(command),
        env: command.env.clone(),
        dir: command.work_dir.clone().unwrap_or_default(),
        stdout: redirect(command.stdout.as_ref()),
        stderr: redirect(command.stderr.as_ref()),
        tail_bytes: TAIL_BYTES,
        ..TaskSpec::default()
    };
    if files != Files::Off {
        let out_dir = folder(command, command.output_dir.as_ref());
        let made = process.outputs().filter(Signal::is_file);
        spec.look_at = made.map(|signal| (signal.id().0, below(&out_dir, signal.name()))).collect();
    }
    if let Some(book) = transfer {
        add_transfers(&mut spec, process, command, book);
    }
    spec
}

/// Without a volume: what the task reads that is there, and what it may make.
fn add_transfers(
    spec: &mut TaskSpec,
    process: Process<'_>,
    command: &Command,
    book: &mut FileBook,
) {
    let in_dir = folder(command, command.input_dir.as_ref());
    let out_dir = folder(command, command.output_dir.as_ref());
    let mut wanted: Vec<String> =
        process.inputs().map(|signal| below(&in_dir, signal.name())).collect();
    // A program that comes with the workflow, and files that arguments name.
    let words = std::iter::once(&command.executable).chain(&command.args);
    wanted.extend(words.map(|word| below(&spec.dir, word)));
    wanted.sort_unstable();
    wanted.dedup();
    spec.fetch = wanted.iter().filter_map(|path| book.look_up(path)).collect();
    spec.bring = process.outputs().map(|signal| below(&out_dir, signal.name())).collect();
    for to in [&spec.stdout, &spec.stderr].into_iter().flatten() {
        spec.bring.push(below(&spec.dir, &to.path));
    }
    spec.bring.retain(|path| is_inside(path));
    spec.bring.sort_unstable();
    spec.bring.dedup();
}

/// Whether a path of a workflow stays in the work directory.
pub(super) fn is_inside(path: &str) -> bool {
    use std::path::Component;
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Hashes of files in the engine's work directory, each made once for each state of the file.
#[derive(Debug)]
pub(super) struct FileBook {
    work_dir: PathBuf,
    known: HashMap<String, (u64, Duration, u64)>,
}

impl FileBook {
    pub(super) fn new(work_dir: PathBuf) -> Self {
        Self { work_dir, known: HashMap::new() }
    }

    pub(super) fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// The file of this name, if it is one that can go over the connection.
    fn look_up(&mut self, path: &str) -> Option<FileRef> {
        if !is_inside(path) {
            return None;
        }
        let full = self.work_dir.join(path);
        let about = fs::metadata(&full).ok().filter(fs::Metadata::is_file)?;
        let size = about.len();
        if size > LONGEST_FILE {
            return None;
        }
        let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(&(known_size, known_change, hash)) = self.known.get(path)
            && (known_size, known_change) == (size, changed)
        {
            return Some(FileRef { path: path.to_owned(), size, hash });
        }
        let hash = xxh3_64(&fs::read(&full).ok()?);
        self.known.insert(path.to_owned(), (size, changed, hash));
        Some(FileRef { path: path.to_owned(), size, hash })
    }
}

/// What a task wrote last, as its log.
fn log_of(tail: &Tail) -> Cow<'_, str> {
    match tail.total.saturating_sub(tail.text.len() as u64) {
        0 => Cow::Borrowed(&tail.text),
        cut => Cow::Owned(format!("[the first {cut} bytes were not kept]\n{}", tail.text)),
    }
}

/// What an attempt came to, with its logs kept.
pub(super) fn outcome(
    workflow: &Workflow,
    id: TaskId,
    end: &TaskEnd,
    log_dir: Option<&Path>,
    files: Files,
    limit_bytes: u64,
) -> Outcome {
    let mut outcome = match &end.result {
        TaskResult::Exit(0) => Outcome::done(),
        TaskResult::Exit(code) => Outcome::failed(Failure::Exit(*code)),
        TaskResult::Signal(signal) => Outcome::failed(Failure::Signal(*signal)),
        TaskResult::OutOfMemory => Outcome::failed(Failure::OutOfMemory { limit_bytes }),
        TaskResult::NotStarted(why) => Outcome::failed(Failure::NotStarted(why.clone())),
        TaskResult::Stopped => Outcome::failed(Failure::Stopped),
        TaskResult::Lost(why) => Outcome::failed(Failure::Platform {
            fault: crate::exec::PlatformFault::WorkerLost,
            message: why.clone(),
        }),
    };
    outcome.ran = Some(Duration::from_micros(end.wall_micros));
    outcome.cpu = Duration::from_micros(end.cpu_micros);
    outcome.peak_memory_bytes = end.peak_bytes;
    let tails = [(&end.out, "out"), (&end.err, "err")];
    for (tail, suffix) in tails.into_iter().filter(|(tail, _)| !tail.text.is_empty()) {
        // Where it cannot be written, the log is missing and the task is not.
        let written = log_dir.map(|log_dir| write_log(log_dir, id, suffix, &log_of(tail)));
        outcome.logs.extend(written.and_then(Result::ok));
    }
    if outcome.result.is_ok() {
        // What a worker says is not believed blindly.
        let signals = workflow.signal_count() as u32;
        let told = end.files.iter().filter(|(signal, _)| *signal < signals);
        outcome.files = told.map(|&(signal, size)| (model::SignalId(signal), size)).collect();
        if files == Files::Require {
            outcome.require_files(workflow);
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_work_directory_are_not_transferred() {
        for path in ["../a", "/etc/passwd", "a/../../b", ""] {
            assert!(!is_inside(path), "{path}");
        }
        assert!(is_inside("a/b.fits") && is_inside("./run.sh"));
    }

    #[test]
    fn a_file_is_hashed_anew_when_it_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "one").unwrap();
        let mut book = FileBook::new(dir.path().to_owned());
        let first = book.look_up("a").unwrap();
        assert_eq!((first.size, book.look_up("a")), (3, Some(first.clone())));
        fs::write(dir.path().join("a"), "three").unwrap();
        assert_ne!(book.look_up("a").unwrap().hash, first.hash);
        assert_eq!(book.look_up("b"), None);
        assert_eq!(book.look_up("../a"), None);
    }
}
