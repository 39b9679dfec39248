//! What goes over the connection between an engine and its workers, and into and out of the pods of single Jobs.
//!
//! A connection is made by the worker, is TLS with certificates on both sides, and carries frames: four bytes of length
//! (big-endian), then a message in postcard's encoding. The worker speaks first ([`Hello`]).
//!
//! **Who holds what.** A task that was given to a worker is the worker's until it has reported the task's end
//! ([`FromWorker::Ended`]) *and* the engine has confirmed that it wrote that down ([`ToWorker::Recorded`]). What a
//! worker holds it tells in every [`Hello`], so that an engine that comes after a dead one takes it over.

use std::fmt;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of all that stands here. Both sides are built from one source: other versions are refused.
pub const VERSION: u32 = 1;
/// The name that the engine's certificate is for, whatever its address is.
pub const SERVER_NAME: &str = "engine.windlass.internal";
/// The longest frame in bytes, without its length.
pub const LONGEST_FRAME: usize = 64 << 20;
/// The most bytes of a file in one message.
pub const PART: usize = 256 << 10;

/// One attempt of one firing.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct TaskKey {
    /// Index of the process in the workflow, from 0.
    pub process: u32,
    /// Number of the firing, from 1.
    pub firing: u32,
    /// Number of the attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for TaskKey {
    /// `p12-f1-a1`: as in names of objects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}-f{}-a{}", self.process, self.firing, self.attempt)
    }
}

/// Where an output stream of a task goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Path, relative to the task's directory.
    pub path: String,
    /// Append instead of truncating.
    pub append: bool,
}

/// A file that a task reads, where worker and engine share no volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Path, relative to the work directory.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// xxh3 of its bytes: what a worker has with the same hash it need not ask for.
    pub hash: u64,
}

/// What a worker is to run.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Which attempt it is.
    pub key: TaskKey,
    /// Its name as shown to people.
    pub label: String,
    /// Program and arguments. A program without a slash is looked up in `PATH`.
    pub argv: Vec<String>,
    /// Variables added to the worker's environment.
    pub env: Vec<(String, String)>,
    /// The task's directory, relative to the work directory; empty: the work directory.
    pub dir: String,
    /// Where standard output goes; `None`: into the log.
    pub stdout: Option<Redirect>,
    /// Where standard error goes; `None`: into the log.
    pub stderr: Option<Redirect>,
    /// Files of which the sizes are to come back: (signal, path relative to the work directory).
    pub look_at: Vec<(u32, String)>,
    /// Files to fetch from the engine first. Empty with a shared volume.
    pub fetch: Vec<FileRef>,
    /// Files (relative to the work directory) to send to the engine before the end is reported. Empty with a shared volume.
    pub bring: Vec<String>,
    /// How many bytes of the end of each stream are to come back.
    pub tail_bytes: u32,
}

impl fmt::Debug for TaskSpec {
    /// Without arguments and environment: these may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSpec")
            .field("key", &self.key)
            .field("label", &self.label)
            .field("program", &self.argv.first())
            .finish_non_exhaustive()
    }
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskResult {
    /// The program ended with this code.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
    /// The kernel ended it, because memory ran out.
    OutOfMemory,
    /// It could not be started.
    NotStarted(String),
    /// It was ended because the engine said so.
    Stopped,
    /// The worker cannot say what became of it, or could not bring its files.
    Lost(String),
}

/// The end of an output stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// How many bytes the task wrote.
    pub total: u64,
    /// The last of them; what is no UTF-8 is replaced.
    pub text: String,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// Which attempt.
    pub key: TaskKey,
    /// What became of it.
    pub result: TaskResult,
    /// Run time in microseconds.
    pub wall_micros: u64,
    /// User and system CPU time in microseconds.
    pub cpu_micros: u64,
    /// Peak memory of the largest of its processes, in bytes.
    pub peak_bytes: u64,
    /// Sizes of the files of [`TaskSpec::look_at`]; `None`: not there.
    pub files: Vec<(u32, Option<u64>)>,
    /// The end of standard output.
    pub out: Tail,
    /// The end of standard error.
    pub err: Tail,
}

/// The first message of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u32,
    /// The run that it works for.
    pub run: String,
    /// Name of its pod.
    pub pod: String,
    /// Name of its node; empty where unknown.
    pub node: String,
    /// What it takes tasks for: a pool's class, or the name of a Job.
    pub class: String,
    /// How many tasks it runs at once.
    pub slots: u32,
    /// Tasks that it was given and that have not ended.
    pub running: Vec<TaskKey>,
    /// Ends that no engine has confirmed.
    pub ended: Vec<TaskEnd>,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// First of all.
    Hello(Hello),
    /// A task's program runs.
    Began(TaskKey),
    /// A task has ended.
    Ended(TaskEnd),
    /// It needs these files of the engine's work directory; each comes as parts.
    Want {
        /// For this task.
        key: TaskKey,
        /// Paths, relative to the work directory.
        paths: Vec<String>,
    },
    /// A part of a file that a task has made.
    Part(Part),
    /// Nothing: says that it is there.
    Alive,
}

/// A part of a file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// For, or of, this task.
    pub key: TaskKey,
    /// Path, relative to the work directory.
    pub path: String,
    /// Where its bytes begin.
    pub offset: u64,
    /// At most [`PART`] bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// No part of this file follows.
    pub is_last: bool,
    /// Others than the owner may run it: it is a program.
    pub is_program: bool,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// How urgently a task is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopHow {
    /// Ask it (SIGTERM).
    Terminate,
    /// Make it (SIGKILL).
    Kill,
}

/// What an engine says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The answer to a good [`Hello`].
    Welcome {
        /// After so many milliseconds without a word from the other side it is taken for gone. Each side says
        /// something at least three times as often.
        silence_millis: u32,
    },
    /// The worker is of no use to this engine, for this reason. It ends its tasks and itself.
    Refused(String),
    /// Run this.
    Run(Box<TaskSpec>),
    /// End a task before its time. Its end is still to be reported, usually as [`TaskResult::Stopped`].
    Stop {
        /// Which.
        key: TaskKey,
        /// How.
        how: StopHow,
    },
    /// These ends are written down: the worker may forget them.
    Recorded(Vec<TaskKey>),
    /// A part of a file that was wanted.
    Part(Part),
    /// A file that was wanted cannot be had.
    NoFile {
        /// For this task.
        key: TaskKey,
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// No more tasks will come: end when nothing is held any more.
    Leave,
    /// Nothing: says that it is there.
    Alive,
}

/// What a pod of a Job of its own is to run: one task, or several one after another. It travels as JSON in the pod's
/// environment ([`Batch::to_env`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The run that it belongs to.
    pub run: String,
    /// The name of the Job.
    pub id: String,
    /// The tasks in their order.
    pub tasks: Vec<TaskSpec>,
    /// `ADDRESS:PORT` of the engine, where ends are reported as they come; `None`: only in the end.
    pub engine: Option<String>,
}

/// What a [`Batch`] came to, as JSON in the container's termination message, which holds at most 4096 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEnd {
    /// The ends of its tasks, in their order; tasks that were never begun are not there. Tails are cut to fit.
    pub ends: Vec<TaskEnd>,
}

/// The most bytes that Kubernetes keeps of a termination message.
pub const TERMINATION_MESSAGE: usize = 4096;
/// The most bytes of one environment variable of a batch: Linux takes 128 KiB with name and end (`MAX_ARG_STRLEN`).
const ENV_PART: usize = 120 << 10;
/// Name of the variables that carry a batch: `WF_BATCH_0`, `WF_BATCH_1`, ...
pub const BATCH_ENV: &str = "WF_BATCH_";

/// Why a message or a batch cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The connection.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// A frame that is longer than allowed.
    #[error("a message of {0} bytes is longer than the {LONGEST_FRAME} that are allowed")]
    TooLong(usize),
    /// Bytes that are no message.
    #[error("no message of version {VERSION}")]
    Encoding(#[from] postcard::Error),
    /// Text that is no batch.
    #[error("the tasks in the environment cannot be read")]
    Json(#[from] serde_json::Error),
    /// There is no batch.
    #[error(
        "the environment has no {BATCH_ENV}0: this program is to be started by a Job that wf-run made"
    )]
    NoBatch,
}

/// A message as a frame: its length, then itself.
///
/// # Errors
/// If it is longer than [`LONGEST_FRAME`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ProtocolError> {
    let mut frame = postcard::to_extend(message, vec![0_u8; 4])?;
    let length = frame.len() - 4;
    let Some(header) = u32::try_from(length).ok().filter(|_| length <= LONGEST_FRAME) else {
        return Err(ProtocolError::TooLong(length));
    };
    frame[..4].copy_from_slice(&header.to_be_bytes());
    Ok(frame)
}

/// The length of the frame that begins with these bytes, without them.
///
/// # Errors
/// If it is longer than [`LONGEST_FRAME`].
pub fn frame_length(header: [u8; 4]) -> Result<usize, ProtocolError> {
    let length = u32::from_be_bytes(header) as usize;
    if length > LONGEST_FRAME { Err(ProtocolError::TooLong(length)) } else { Ok(length) }
}

/// The message in a frame, given without its length.
///
/// # Errors
/// If these bytes are no such message.
pub fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, ProtocolError> {
    Ok(postcard::from_bytes(frame)?)
}

/// Reads one message.
///
/// # Errors
/// If the connection ends or breaks, or if what comes is no message.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<T, ProtocolError> {
    let mut header = [0_u8; 4];
    from.read_exact(&mut header)?;
    let mut frame = vec![0_u8; frame_length(header)?];
    from.read_exact(&mut frame)?;
    decode(&frame)
}

/// Writes one message and flushes.
///
/// # Errors
/// If the connection breaks, or if the message is too long.
pub fn write<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), ProtocolError> {
    to.write_all(&encode(message)?)?;
    Ok(to.flush()?)
}

impl Batch {
    /// The variables that carry it, in order: no value is longer than Linux takes.
    ///
    /// # Errors
    /// None that data of these types can cause.
    pub fn to_env(&self) -> Result<Vec<(String, String)>, ProtocolError> {
        let text = serde_json::to_string(self)?;
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let mut at = rest.len().min(ENV_PART);
            while !rest.is_char_boundary(at) {
                at -= 1;
            }
            let (part, after) = rest.split_at(at);
            // Kubernetes would take `$(NAME)` for a reference; `$$` is a dollar sign.
            parts.push((format!("{BATCH_ENV}{}", parts.len()), part.replace('$', "$$")));
            rest = after;
        }
        Ok(parts)
    }

    /// Reads it back; `get` looks a variable up.
    ///
    /// # Errors
    /// If there is none, or if it cannot be read.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, ProtocolError> {
        let mut text = String::new();
        let mut number = 0_u32;
        while let Some(part) = get(&format!("{BATCH_ENV}{number}")) {
            text.push_str(&part);
            number += 1;
        }
        if number == 0 {
            return Err(ProtocolError::NoBatch);
        }
        Ok(serde_json::from_str(&text)?)
    }
}

impl BatchEnd {
    /// As a termination message: tails are cut until it fits, and left out where even that is too long.
    #[must_use]
    pub fn to_message(&self) -> String {
        let mut cut = self.clone();
        let mut keep = TERMINATION_MESSAGE;
        loop {
            let text = serde_json::to_string(&cut).unwrap_or_default();
            if text.len() <= TERMINATION_MESSAGE {
                return text;
            }
            if keep == 0 {
                // A long batch: the results alone. What still does not fit was reported over the connection.
                for end in &mut cut.ends {
                    end.files.clear();
                }
                let mut text = serde_json::to_string(&cut).unwrap_or_default();
                while text.len() > TERMINATION_MESSAGE && cut.ends.pop().is_some() {
                    text = serde_json::to_string(&cut).unwrap_or_default();
                }
                return text;
            }
            keep /= 2;
            for end in &mut cut.ends {
                end.out.shorten(keep);
                end.err.shorten(keep);
            }
        }
    }

    /// Reads a termination message.
    ///
    /// # Errors
    /// If it is none of a worker.
    pub fn from_message(text: &str) -> Result<Self, ProtocolError> {
        Ok(serde_json::from_str(text)?)
    }
}

impl Tail {
    /// Keeps the last `bytes` at most.
    pub fn shorten(&mut self, bytes: usize) {
        let mut from = self.text.len().saturating_sub(bytes);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        self.text.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(argument: String) -> TaskSpec {
        TaskSpec {
            key: TaskKey { process: 3, firing: 1, attempt: 2 },
            label: "add#3".to_owned(),
            argv: vec!["echo".to_owned(), argument],
            env: vec![("A".to_owned(), "$(B) $C".to_owned())],
            stdout: Some(Redirect { path: "o".to_owned(), append: false }),
            look_at: vec![(7, "o".to_owned())],
            tail_bytes: 1000,
            ..TaskSpec::default()
        }
    }

    fn end(text: String) -> TaskEnd {
        TaskEnd {
            key: TaskKey { process: 3, firing: 1, attempt: 2 },
            result: TaskResult::Exit(1),
            wall_micros: 1,
            cpu_micros: 2,
            peak_bytes: 3,
            files: vec![(7, None)],
            out: Tail { total: text.len() as u64, text },
            err: Tail::default(),
        }
    }

    #[test]
    fn messages_come_back_as_they_were() {
        let message = ToWorker::Run(Box::new(spec("a b; $(rm)".to_owned())));
        let mut wire = Vec::new();
        write(&mut wire, &message).unwrap();
        write(&mut wire, &ToWorker::Leave).unwrap();
        let mut from = wire.as_slice();
        assert_eq!(read::<ToWorker>(&mut from).unwrap(), message);
        assert_eq!(read::<ToWorker>(&mut from).unwrap(), ToWorker::Leave);
        assert!(matches!(read::<ToWorker>(&mut from), Err(ProtocolError::Io(_))));
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_header() {
        let wire = [0xff_u8; 8];
        assert!(matches!(
            read::<FromWorker>(&mut wire.as_slice()),
            Err(ProtocolError::TooLong(0xffff_ffff))
        ));
    }

    #[test]
    fn a_batch_is_parted_among_variables_and_put_together_again() {
        let batch = Batch {
            run: "r".to_owned(),
            id: "j".to_owned(),
            tasks: vec![spec("ä$".repeat(100_000))],
            engine: None,
        };
        let env = batch.to_env().unwrap();
        assert!(env.len() > 2);
        assert!(env.iter().all(|(_, value)| !value.replace("$$", "").contains('$')));
        let get = |name: &str| {
            let found = env.iter().find(|(known, _)| known == name)?;
            // As Kubernetes does it.
            Some(found.1.replace("$$", "$"))
        };
        assert_eq!(Batch::from_env(get).unwrap(), batch);
        assert!(matches!(Batch::from_env(|_| None), Err(ProtocolError::NoBatch)));
    }

    #[test]
    fn a_termination_message_always_fits_and_keeps_the_results() {
        for (count, length) in [(1, 10), (1, 100_000), (5, 10_000), (200, 50)] {
            let ends = BatchEnd { ends: vec![end("ü\"".repeat(length)); count] };
            let text = ends.to_message();
            assert!(text.len() <= TERMINATION_MESSAGE, "{count} {length}: {}", text.len());
            let back = BatchEnd::from_message(&text).unwrap();
            assert_eq!(back.ends[0].result, TaskResult::Exit(1));
            if count < 10 {
                assert_eq!(back.ends.len(), count);
            }
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let shown = format!("{:?}", spec("password".to_owned()));
        assert!(!shown.contains("password") && !shown.contains("(B)"), "{shown}");
    }
}
