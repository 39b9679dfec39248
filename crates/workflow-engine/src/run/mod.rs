//! A run: a workflow driven by an executor to its end, with a journal if one is given.

mod engine;
mod events;
mod options;
mod plan;
mod ready;
mod report;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::exec::Executor;
use crate::graph;
use crate::journal::JournalError;
use crate::model::Workflow;
use crate::store::{History, RunStore};

pub(crate) use engine::{Shared, boot_micros};
pub use events::{Event, Observer};
pub use options::{CancelToken, Retry, RunOptions};
pub use plan::{Plan, PlanLimits, plan, plan_by_type};
pub use report::{FailedTask, Report, TypeReport};

/// The state that a run was left in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Every process has finished.
    Finished,
    /// Nothing more can fire, and some processes have no limit that would let them finish.
    Idle,
    /// A task asked for the end of the workflow.
    Exited,
    /// Some task failed for good.
    Failed,
    /// Nothing more can fire until these signals come from outside.
    Waiting {
        /// Names of the signals.
        signals: Vec<String>,
    },
    /// The run was stopped.
    Interrupted,
}

impl Status {
    /// Whether the run did what the workflow says.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Finished | Self::Idle | Self::Exited)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Idle => f.write_str("idle: nothing more can fire"),
            Self::Exited => f.write_str("ended by a task"),
            Self::Failed => f.write_str("failed"),
            Self::Waiting { signals } => {
                write!(f, "waiting for signals from outside: {}", signals.join(", "))
            }
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What ended the engine, as opposed to a task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The journal could not be written: nothing more may be shown as done.
    #[error("the run's journal failed; the run was stopped and can be resumed")]
    Journal(#[from] JournalError),
    /// Tasks did not end although they were killed.
    #[error("{} did not end within {seconds} s of SIGKILL", tasks.join(", "))]
    Unstoppable {
        /// Their labels.
        tasks: Vec<String>,
        /// How long was waited.
        seconds: u64,
    },
}

/// A run to be carried out. See [`crate`] for an example.
pub struct Run {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) options: RunOptions,
    pub(crate) observer: Option<Box<dyn Observer>>,
    pub(crate) store: Option<RunStore>,
    pub(crate) history: History,
    pub(crate) cancel: CancelToken,
}

impl Run {
    /// A run without journal, observer or history, with default options.
    #[must_use]
    pub fn new(workflow: Arc<Workflow>) -> Self {
        Self {
            workflow,
            options: RunOptions::default(),
            observer: None,
            store: None,
            history: History::default(),
            cancel: CancelToken::new(),
        }
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// Tells this observer what happens.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Writes the journal of this store.
    #[must_use]
    pub fn store(mut self, store: RunStore) -> Self {
        self.store = Some(store);
        self
    }

    /// Takes what an earlier engine's journal says as done.
    #[must_use]
    pub fn history(mut self, history: History) -> Self {
        self.history = history;
        self
    }

    /// Stops when this token says so.
    #[must_use]
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Runs to the end and says what came of it.
    ///
    /// # Errors
    /// When the journal cannot be written, or when tasks cannot be ended. A failing task is no error of
    /// the engine: it is in the [`Report`].
    #[expect(clippy::needless_pass_by_value, reason = "a caller usually makes it in place")]
    pub fn execute(self, executor: Arc<dyn Executor>) -> Result<Report, RunError> {
        engine::execute(self, &executor)
    }
}

/// Urgency of each process: the expected time of the heaviest chain that starts with it.
pub(crate) fn priorities(workflow: &Workflow, expected: &BTreeMap<String, f64>) -> Vec<f32> {
    let by_type: Vec<f32> = workflow
        .type_names()
        .iter()
        .map(|name| expected.get(name).map_or(1.0, |&seconds| seconds as f32))
        .collect();
    graph::bottom_levels(workflow, |process| {
        let recorded = workflow.runtimes.get(process as usize).copied().unwrap_or(-1.0);
        if recorded >= 0.0 {
            recorded
        } else {
            by_type[workflow.rows[process as usize].type_id as usize]
        }
    })
}
