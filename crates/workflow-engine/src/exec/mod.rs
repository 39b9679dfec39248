//! The port to whatever runs tasks: one trait, and what goes through it.
//!
//! The engine hands an [`Attempt`] to [`Executor::start`] when the task's inputs are there and a slot is
//! free; the executor reports back through [`Attempt::finish`], from any thread, once. Everything else
//! (order, retries, deadlines, journal) is the engine's.

pub(crate) mod functions;
mod local;
mod noop;
mod platform;
mod pool;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Process, ProcessId, SignalId, Workflow};
use crate::net::{Input, Outputs};
use crate::run::Shared;

pub use functions::{Function, FunctionSupport, support};
pub use local::{Files, Local, LocalError, LocalOptions};
pub use noop::Noop;
pub use platform::PlatformFault;
pub use pool::Pool;

/// One attempt of one firing: the identity of a running task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// Index of the process, from 0.
    pub process: u32,
    /// Number of the firing, from 1.
    pub firing: u32,
    /// Number of the attempt, from 1.
    pub attempt: u32,
}

/// How urgently a task is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ask it (SIGTERM).
    Terminate,
    /// Make it (SIGKILL).
    Kill,
}

/// Runs tasks.
pub trait Executor: Send + Sync {
    /// Begins an attempt. Must return soon; the work goes on elsewhere (or was so short that it is over).
    fn start(&self, attempt: Attempt);

    /// Ends a running attempt before its time. The attempt is still to be finished, usually with
    /// [`Failure::Stopped`]. An executor whose tasks are short may ignore this.
    fn stop(&self, task: TaskId, how: Stop) {
        let _ = (task, how);
    }

    /// Its name in journals and reports.
    fn name(&self) -> &'static str {
        "custom"
    }

    /// Whether it says when a task's program begins ([`Attempt::began`]). Deadlines then count from there, and not from
    /// when the task was handed over.
    fn tells_begin(&self) -> bool {
        false
    }

    /// The ends of these attempts are in the journal. Called with the engine's lock held: to be quick, and not to call
    /// back.
    fn recorded(&self, tasks: &[TaskId]) {
        let _ = tasks;
    }

    /// Whether firings of this function must be given their inputs even where these carry no data.
    fn wants_inputs(&self, function: &str) -> bool {
        let _ = function;
        true
    }
}

/// Why an attempt did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The program ended with this code, which is not 0.
    Exit(i32),
    /// A signal ended the program.
    Signal(i32),
    /// It ran longer than allowed, in milliseconds.
    TimedOut(u64),
    /// It could not be started.
    NotStarted(String),
    /// It ended well, but these outputs were not made.
    MissingOutputs(Vec<String>),
    /// The function cannot be run here, or refused its inputs.
    Function(String),
    /// It was ended because the run was stopped.
    Stopped,
    /// The executor lost it.
    Lost(String),
    /// It needed more memory than it may have.
    OutOfMemory {
        /// What it may have, in bytes; 0 where unknown.
        limit_bytes: u64,
    },
    /// What it ran on failed it. This uses up none of its retries.
    Platform {
        /// What befell it.
        fault: PlatformFault,
        /// The cluster's words, and what may be done.
        message: String,
    },
}

impl Failure {
    /// Whether the task itself is to blame, so that its retries are used up.
    #[must_use]
    pub fn is_own_fault(&self) -> bool {
        !matches!(self, Self::Platform { .. })
    }

    /// Whether another attempt may go better.
    #[must_use]
    pub fn helps_to_try_again(&self) -> bool {
        match self {
            Self::Platform { fault, .. } => fault.helps_to_try_again(),
            _ => true,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}{}", signal_name(*signal)),
            Self::TimedOut(limit) => {
                write!(f, "not done after {:.1} s", Duration::from_millis(*limit).as_secs_f64())
            }
            Self::NotStarted(why) => write!(f, "could not be started: {why}"),
            Self::MissingOutputs(files) => write!(f, "did not make {}", files.join(", ")),
            Self::Function(why) => f.write_str(why),
            Self::Stopped => f.write_str("stopped with the run"),
            Self::Lost(why) => write!(f, "lost: {why}"),
            Self::OutOfMemory { limit_bytes: 0 } => f.write_str("out of memory"),
            Self::OutOfMemory { limit_bytes } => {
                write!(f, "out of memory: it may have {} MiB", limit_bytes >> 20)
            }
            Self::Platform { fault, message } if message.is_empty() => write!(f, "{fault}"),
            Self::Platform { fault, message } => write!(f, "{fault}: {message}"),
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL: the kernel does this when memory runs out)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What it emits, or why it failed.
    pub result: Result<Outputs, Failure>,
    /// It asks for the end of the whole workflow (HyperFlow's `exit`).
    pub ends_workflow: bool,
    /// How long its program ran, where the executor hears of its end later than it was; `None`: until now.
    pub ran: Option<Duration>,
    /// User and system CPU time.
    pub cpu: Duration,
    /// Peak memory in bytes.
    pub peak_memory_bytes: u64,
    /// Where its output was kept; empty where it said nothing.
    pub logs: Vec<PathBuf>,
    /// Files that it was to make, with their sizes in bytes; `None`: not there.
    pub files: Vec<(SignalId, Option<u64>)>,
}

impl Outcome {
    /// Ended well; emits one instance without data on every output.
    #[must_use]
    pub fn done() -> Self {
        Self::of(Ok(Outputs::Plain))
    }

    /// Ended well with these outputs.
    #[must_use]
    pub fn emit(outputs: Outputs) -> Self {
        Self::of(Ok(outputs))
    }

    /// Failed.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self::of(Err(failure))
    }

    /// Fails it where files are missing that it was to make.
    pub(crate) fn require_files(&mut self, workflow: &Workflow) {
        let missing = self.files.iter().filter(|(_, size)| size.is_none());
        let missing: Vec<String> =
            missing.map(|(signal, _)| workflow.signal(*signal).name().to_owned()).collect();
        if !missing.is_empty() {
            self.result = Err(Failure::MissingOutputs(missing));
            self.files.clear();
        }
    }

    fn of(result: Result<Outputs, Failure>) -> Self {
        Self {
            result,
            ends_workflow: false,
            ran: None,
            cpu: Duration::ZERO,
            peak_memory_bytes: 0,
            logs: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// A task to be run: what it is, and the way to report its end.
pub struct Attempt {
    pub(crate) engine: Arc<Shared>,
    pub(crate) id: TaskId,
    pub(crate) inputs: Option<Arc<[Input]>>,
    pub(crate) finished: bool,
}

impl Attempt {
    /// Its identity.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The workflow that it belongs to.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        self.engine.workflow()
    }

    /// Its process in the workflow.
    #[must_use]
    pub fn process(&self) -> Process<'_> {
        self.workflow().process(ProcessId(self.id.process))
    }

    /// Its name as shown to people.
    #[must_use]
    pub fn label(&self) -> String {
        self.process().task_label(self.id.firing)
    }

    /// What it took from its data inputs, in their order; empty where none carried data and the executor
    /// did not ask ([`Executor::wants_inputs`]).
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        self.inputs.as_deref().unwrap_or_default()
    }

    /// Tells the journal which operating-system process runs it, so that a later engine can end it.
    pub fn runs_as(&self, pid: u32) {
        self.engine.runs_as(self.id, pid);
    }

    /// Its program begins now. Of use to executors that say so ([`Executor::tells_begin`]).
    pub fn began(&self) {
        self.engine.began(self.id);
    }

    /// Reports its end.
    pub fn finish(mut self, outcome: Outcome) {
        self.finished = true;
        self.engine.finished(self.id, outcome);
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Attempt {
    /// An attempt that nobody finished would leave the run waiting for ever.
    fn drop(&mut self) {
        if !self.finished {
            let why = "the executor dropped it without a result".to_owned();
            self.engine.finished(self.id, Outcome::failed(Failure::Lost(why)));
        }
    }
}
