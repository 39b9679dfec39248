//! What a journal says, record by record.

use serde::{Deserialize, Serialize};

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// First record of every journal.
    Begin(Begin),
    /// An engine has taken the run on.
    Session(Session),
    /// An attempt's process runs.
    Started(Started),
    /// An attempt has ended.
    Ended(Ended),
    /// The engine has left the run in this state.
    Closed(Closed),
}

/// What the run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The run's id.
    pub run: String,
    /// Microseconds since 1970 when the run began: the zero of all other times.
    pub epoch_micros: u64,
    /// The workflow file as the user named it, absolute.
    pub source: String,
    /// The copy of it in the run's folder.
    pub copy: String,
    /// Its work directory, absolute.
    pub work_dir: String,
    /// The variables that it was expanded with.
    pub variables: Vec<(String, String)>,
    /// Number of processes.
    pub processes: u32,
    /// xxh3 of the copy's bytes.
    pub workflow_hash: u64,
    /// The engine's version.
    pub engine: String,
}

/// One engine at work on the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its process id.
    pub pid: u32,
    /// The host's name.
    pub host: String,
    /// The kernel's boot id: process ids mean nothing in another one.
    pub boot_id: String,
    /// Microseconds since the run's epoch.
    pub at_micros: u64,
    /// Slots it runs with.
    pub slots: u32,
    /// Name of its executor.
    pub executor: String,
}

/// The process of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Index of the process in the workflow, from 0.
    pub process: u32,
    /// Number of the firing, from 1.
    pub firing: u32,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Process id, also the id of its process group; 0: it runs elsewhere.
    pub pid: u32,
    /// Microseconds since boot, taken after the process was made: its start time is not later.
    pub boot_micros: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Index of the process in the workflow, from 0.
    pub process: u32,
    /// Number of the firing, from 1.
    pub firing: u32,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// When its inputs were there: microseconds since the run's epoch.
    pub queued_micros: u64,
    /// When it was started.
    pub started_micros: u64,
    /// When it ended.
    pub ended_micros: u64,
    /// User and system CPU time.
    pub cpu_micros: u64,
    /// Peak memory in KiB.
    pub peak_kib: u64,
    /// Its result.
    pub result: Verdict,
    /// Files that it was to make: (signal, size in bytes; `None`: not there). Empty where files are not
    /// looked at.
    pub files: Vec<(u32, Option<u64>)>,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// Ended well and emitted one instance without data on every output.
    Done,
    /// Ended well with these outputs (JSON of `Vec<(bool, Option<Vec<Value>>)>`; `null`: nothing).
    DoneWith(String),
    /// Ended well and asked for the end of the workflow.
    Exit,
    /// Failed.
    Failed {
        /// Why.
        failure: crate::exec::Failure,
        /// No further attempt was made.
        last: bool,
    },
    /// Was ended because the run was stopped: not its own fault.
    Stopped,
}

impl Verdict {
    /// Whether the firing is finished and will not run again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::DoneWith(_) | Self::Exit)
    }
}

/// How an engine left the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// Microseconds since the run's epoch.
    pub at_micros: u64,
    /// The run's state.
    pub status: crate::run::Status,
}
