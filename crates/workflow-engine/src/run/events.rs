//! What an observer of a run is told.

use std::path::PathBuf;
use std::time::Duration;

use crate::exec::{Failure, TaskId};
use crate::run::Status;

/// Something that happened. Events come in order, after the journal has them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A task was handed to the executor.
    Started {
        /// Which.
        task: TaskId,
    },
    /// Its program began, where the executor says so.
    Began {
        /// Which.
        task: TaskId,
    },
    /// A task ended well.
    Finished {
        /// Which.
        task: TaskId,
        /// How long it ran.
        took: Duration,
    },
    /// An attempt failed.
    Failed {
        /// Which.
        task: TaskId,
        /// Why.
        failure: Failure,
        /// Where its output was kept.
        logs: Vec<PathBuf>,
        /// When the next attempt comes; `None`: there is none.
        retry_in: Option<Duration>,
    },
    /// A task was ended because the run stops.
    Stopped {
        /// Which.
        task: TaskId,
    },
    /// The engine starts nothing more and waits for what runs.
    Draining {
        /// Why.
        reason: Status,
        /// How many tasks still run.
        running: usize,
    },
}

/// Is told what happens in a run. Called with the engine's lock held: to be quick, and not to call back.
pub trait Observer: Send {
    /// Something happened.
    fn event(&mut self, event: &Event);
}

impl<F: FnMut(&Event) + Send> Observer for F {
    fn event(&mut self, event: &Event) {
        self(event);
    }
}
