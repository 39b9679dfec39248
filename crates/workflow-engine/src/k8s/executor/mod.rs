//! The executor that runs tasks as pods.
//!
//! [`Kubernetes::begin`] starts one actor, which owns all state and hears everything in turn: the engine's calls, the
//! workers' messages, news of Jobs and pods, answers of the API, and a clock. Nothing polls: of Jobs and of pods there is
//! one watch each.

mod actor;
mod adopt;
mod batches;
mod files;
mod pods;
mod pools;
mod relay;
mod spec;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashSet;
use k8s_apply::cluster::{CallError, Cluster};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::hub::HubError;
use super::identity::Identity;
use super::limit::Limit;
use super::mode::Mode;
use super::objects::{ObjectError, Settings};
use super::template::Template;
use crate::exec::{Attempt, Executor, Files, Stop, TaskId, functions};
use crate::model::Workflow;

/// How workers reach the engine.
#[derive(Debug, Clone)]
pub enum Reach {
    /// They do not: only single Jobs can be run, and their ends are read from their pods.
    None,
    /// The engine listens.
    Direct {
        /// Here.
        listen: SocketAddr,
        /// Workers connect to this address; `None`: where it listens.
        advertise: Option<SocketAddr>,
    },
    /// Through a pod of the run that the engine reaches by the API server.
    Relay,
}

/// How long is waited for what. Each is told when it is over.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For an image that cannot be pulled, and for a container that cannot be made.
    pub image: Duration,
    /// For a pod that has a node to start, volumes included.
    pub start: Duration,
    /// For room on a node, while no pod of the run is at work.
    pub schedule: Duration,
    /// For room in a quota, while no pod of the run is at work.
    pub quota: Duration,
    /// How long a worker keeps what it has when it has lost its engine. Then its tasks are ended.
    pub lease: Duration,
    /// After how long without a word a connection is taken for dead.
    pub silence: Duration,
    /// How long a worker may have nothing to do before it is let go.
    pub idle: Duration,
    /// For what is being deleted to be gone.
    pub gone: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            image: Duration::from_mins(2),
            start: Duration::from_mins(10),
            schedule: Duration::from_mins(10),
            quota: Duration::from_mins(10),
            lease: Duration::from_mins(2),
            silence: Duration::from_secs(15),
            idle: Duration::from_mins(1),
            gone: Duration::from_mins(2),
        }
    }
}

/// How a run is carried out on a cluster.
#[derive(Debug)]
pub struct Options {
    /// The run's id.
    pub run: String,
    /// What all its pods share.
    pub settings: Settings,
    /// The mode of each task type, in the order of [`Workflow::type_names`].
    pub modes: Vec<Mode>,
    /// Pods at once, of all kinds.
    pub max_pods: usize,
    /// Tasks that one worker of a pool runs at once.
    pub worker_slots: u32,
    /// How workers reach the engine.
    pub reach: Reach,
    /// The run's certificates; of no use without a way to reach the engine.
    pub identity: Option<Identity>,
    /// The work directory as the engine sees it: for built-in functions, and for files where there is no volume.
    pub work_dir: PathBuf,
    /// Workers and engine share no volume: files go over the connection.
    pub transfer: bool,
    /// Where the ends of the tasks' output are kept.
    pub log_dir: Option<PathBuf>,
    /// What to do about files.
    pub files: Files,
    /// HyperFlow's template for Jobs, and values for its variables.
    pub template: Option<(Template, BTreeMap<String, String>)>,
    /// Up to how much memory a task may have that ran out of it, in bytes: each time twice as much.
    pub most_memory: Option<u64>,
    /// How long is waited for what.
    pub patience: Patience,
    /// Attempts of which the journal has the end.
    pub recorded: HashSet<TaskId>,
    /// Firings that are done.
    pub done: HashSet<(u32, u32)>,
    /// Whether what an earlier engine left is taken over; otherwise it is ended first.
    pub adopt: bool,
    /// The run begins: what is there under its id is another's.
    pub is_new: bool,
}

/// What is told while a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Another limit binds now.
    Limit(Limit),
    /// Something that people should know.
    Note(String),
}

/// Why a run cannot begin on a cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// A call of the API.
    #[error("the cluster does not let the run begin")]
    Call(#[from] CallError),
    /// An object cannot be made of the configuration.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// An object that was made is none.
    #[error("an object for the cluster cannot be made: {fault}")]
    Made {
        /// Why.
        fault: String,
    },
    /// The connections.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The address to listen at.
    #[error("cannot listen at {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Workers need certificates.
    #[error("workers are to connect, but the run has no certificates")]
    NoIdentity,
    /// The relay.
    #[error("the relay {what}")]
    Relay {
        /// What is wrong with it.
        what: String,
    },
    /// What an earlier engine left is still there.
    #[error(
        "{what} of an earlier engine did not end within {seconds} s: its tasks could still write"
    )]
    Left {
        /// Which objects.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Another run of the namespace has the same id.
    #[error(
        "there is a run {run} in namespace {namespace} already: begin this one again, its id will be another"
    )]
    Taken {
        /// The id.
        run: String,
        /// Where.
        namespace: String,
    },
    /// The actor has ended before it was asked to.
    #[error("the executor ended by itself")]
    Ended,
}

/// What the engine says to the actor.
enum Command {
    Start(Attempt),
    Stop(TaskId, Stop),
    Recorded(Vec<TaskId>),
    Close(oneshot::Sender<()>),
}

/// Runs tasks as pods of a cluster.
pub struct Kubernetes {
    commands: mpsc::UnboundedSender<Command>,
    actor: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubernetes").finish_non_exhaustive()
    }
}

impl Kubernetes {
    /// Makes what all tasks need, and takes over (or ends) what an earlier engine of the run left. When it returns, no
    /// task of an earlier engine runs that this one does not know.
    ///
    /// To be called inside a tokio runtime that goes on as long as the run does.
    ///
    /// # Errors
    /// If the cluster refuses or does not answer, or if what an earlier engine left does not end in time.
    pub async fn begin(
        cluster: Cluster,
        workflow: Arc<Workflow>,
        options: Options,
        notices: impl Fn(Notice) + Send + Sync + 'static,
    ) -> Result<Arc<Self>, BeginError> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let actor =
            actor::Actor::begin(cluster, workflow, options, Arc::new(notices), inbox).await?;
        let (settled, is_settled) = oneshot::channel();
        let actor = tokio::spawn(actor.run(settled));
        match is_settled.await {
            Ok(result) => result?,
            Err(_) => return Err(BeginError::Ended),
        }
        Ok(Arc::new(Self { commands, actor: Mutex::new(Some(actor)) }))
    }

    /// Deletes everything that the run made and ends. To be called when the run is over, however it ended.
    pub async fn close(&self) {
        let (reply, is_done) = oneshot::channel();
        if self.commands.send(Command::Close(reply)).is_ok() {
            // An error says that the actor is gone already.
            let _ = is_done.await;
        }
        let actor = self.actor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(actor) = actor {
            let _ = actor.await;
        }
    }

    fn say(&self, command: Command) {
        // Without an actor an attempt is dropped, which tells the engine that it is lost.
        let _ = self.commands.send(command);
    }
}

impl Executor for Kubernetes {
    fn start(&self, attempt: Attempt) {
        self.say(Command::Start(attempt));
    }

    fn stop(&self, task: TaskId, how: Stop) {
        self.say(Command::Stop(task, how));
    }

    fn name(&self) -> &'static str {
        "k8s"
    }

    fn tells_begin(&self) -> bool {
        true
    }

    fn recorded(&self, tasks: &[TaskId]) {
        self.say(Command::Recorded(tasks.to_vec()));
    }

    fn wants_inputs(&self, function: &str) -> bool {
        functions::looks_at_inputs(function)
    }
}
