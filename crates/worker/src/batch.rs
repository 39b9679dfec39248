//! The worker of a Job of its own: runs the tasks that stand in its environment, one after another.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Batch, BatchEnd, TaskEnd, TaskKey, TaskResult};
use crate::session::{Life, Over, Plan, Session};
use crate::task::Surroundings;

pub use crate::session::Link;

/// How a batch is run.
#[derive(Debug)]
pub struct BatchOptions {
    /// The Job that this is said to be; another one's batch is refused.
    pub id: String,
    /// The connection; `None`: ends are only in the message. It belongs to [`Batch::engine`].
    pub link: Option<Link>,
    /// Where the message goes: a file that is there already in a pod.
    pub message: PathBuf,
    /// So long a task waits for an engine to fetch its files from. Tasks without such files do not wait.
    pub lease: Duration,
    /// So long it tries to have ends confirmed after the last of them.
    pub patience: Duration,
    /// So long its tasks have to end when the pod is deleted; then they are killed.
    pub grace: Duration,
    /// Its work directory and its output.
    pub surroundings: Arc<Surroundings>,
    /// Becomes readable when the worker is to end: see [`crate::serve::termination`].
    pub terminated: Option<UnixStream>,
}

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOutcome {
    /// The ends of its tasks, in their order. They are in the message too.
    pub ends: BatchEnd,
    /// Exit code that says it to Kubernetes: see [`run`].
    pub code: u8,
    /// The engine had no use for it, for this reason.
    pub refused: Option<String>,
}

/// Why a batch cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It is another Job's.
    #[error(
        "the environment holds the tasks of `{found}`, not of `{wanted}`: this pod was not made by wf-run"
    )]
    Id {
        /// The Job as it was named.
        wanted: String,
        /// The Job in the environment.
        found: String,
    },
    /// The work directory, or the system's limits.
    #[error("failed to make ready for the tasks")]
    Io(#[from] io::Error),
}

/// Exit code: the engine refused the worker.
pub const REFUSED: u8 = 78;
/// Exit code: told to end by SIGTERM.
pub const TERMINATED: u8 = 143;

/// Runs all tasks of a batch, and writes what became of them to the message after each of them: should the pod be
/// ended, what ended before is known.
///
/// The exit code of a single task is its own: its program's, 128 and the signal's number, 127 if it was not started,
/// 137 if memory ran out, 143 if it was stopped, 1 if nobody can say. Of several it is 0 if all ended well, else 1.
///
/// # Errors
/// If it is another Job's batch, or if nothing can be run at all. That the message cannot be written is noted in the
/// log only: the tasks have run.
pub fn run(batch: Batch, options: BatchOptions) -> Result<BatchOutcome, BatchError> {
    if batch.id != options.id {
        return Err(BatchError::Id { wanted: options.id, found: batch.id });
    }
    let keys: Vec<TaskKey> = batch.tasks.iter().map(|task| task.key).collect();
    let surroundings = Arc::clone(&options.surroundings);
    let message = options.message;
    let plan = Plan {
        link: options.link,
        life: Life::Batch { patience: options.patience },
        slots: 1,
        lease: options.lease,
        grace: options.grace,
        surroundings: options.surroundings,
        terminated: options.terminated,
        given: batch.tasks,
    };
    let mut ends = BTreeMap::new();
    let write = |ends: &BTreeMap<TaskKey, TaskEnd>| {
        let all = in_order(&keys, ends);
        // Not by renaming: in a pod it is a mount of its own.
        if let Err(error) = std::fs::write(&message, all.to_message()) {
            surroundings.note(&format!("wf-worker: cannot write {}: {error}", message.display()));
        }
    };
    let over = {
        let mut on_end = |end: &TaskEnd| {
            ends.insert(end.key, end.clone());
            write(&ends);
        };
        Session::new(plan, &mut on_end)?.live()
    };
    write(&ends);
    let ends = in_order(&keys, &ends);
    let (code, refused) = match over {
        Over::Refused(why) => (REFUSED, Some(why)),
        Over::Terminated => (TERMINATED, None),
        Over::Done | Over::Left | Over::Lease => (exit_code(keys.len(), &ends), None),
    };
    Ok(BatchOutcome { ends, code, refused })
}

fn in_order(keys: &[TaskKey], ends: &BTreeMap<TaskKey, TaskEnd>) -> BatchEnd {
    BatchEnd { ends: keys.iter().filter_map(|key| ends.get(key).cloned()).collect() }
}

fn exit_code(tasks: usize, ends: &BatchEnd) -> u8 {
    if let (1, [end]) = (tasks, ends.ends.as_slice()) {
        return match end.result {
            TaskResult::Exit(code) => u8::try_from(code).unwrap_or(1),
            TaskResult::Signal(signal) => u8::try_from(128 + signal).unwrap_or(255),
            TaskResult::OutOfMemory => 137,
            TaskResult::NotStarted(_) => 127,
            TaskResult::Stopped => TERMINATED,
            TaskResult::Lost(_) => 1,
        };
    }
    let all_well = ends.ends.iter().all(|end| end.result == TaskResult::Exit(0));
    u8::from(!(all_well && ends.ends.len() == tasks))
}
