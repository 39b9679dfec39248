//! The actor: its state, and the loop in which it hears everything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use k8s_apply::cluster::{CallError, Cluster, Kind};
use k8s_apply::follow::{Follower, News};
use k8s_apply::object::Object;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use worker::protocol::{FromWorker, StopHow, TaskEnd, TaskKey, TaskResult, ToWorker};

use super::batches::{Batch, Gathering};
use super::pods::PodView;
use super::pools::{Pool, Worker};
use super::relay::Relay;
use super::spec::{FileBook, key_of, outcome, spec};
use super::{BeginError, Command, Notice, Options, Reach};
use crate::exec::{
    Attempt, Failure, FunctionSupport, Outcome, PlatformFault, Stop, TaskId, functions, support,
};
use crate::k8s::hub::{ConnectionId, Hub, HubEvent};
use crate::k8s::limit::Limit;
use crate::k8s::mode::Mode;
use crate::k8s::objects::{Class, Objects};
use crate::k8s::pace::Pace;
use crate::model::{Command as TaskCommand, Format, Workflow};
use crate::store::write_log;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(500);

/// How much of one sort is heard before the others are.
const AT_ONCE: usize = 256;
/// A call that was tried so often in vain is told of.
const TELL_AFTER: u32 = 4;

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere yet.
    Nowhere,
    /// Waits for a worker of this pool.
    Queue(usize),
    /// On the worker in this pod.
    Worker(String),
    /// Waits until its group is complete.
    Gathering(usize),
    /// In the Job of this name.
    Batch(String),
}

/// A task that the engine wants to have run.
pub(super) struct Task {
    /// Taken when it is finished.
    pub(super) attempt: Attempt,
    /// What it runs.
    pub(super) command: TaskCommand,
    pub(super) place: Place,
    /// How others know it: of an earlier attempt, where what that engine began is taken over.
    pub(super) key: TaskKey,
    pub(super) began: bool,
    pub(super) stop: Option<Stop>,
    pub(super) memory_bytes: Option<u64>,
}

/// Who is to be told when the end of an attempt is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    Worker { pod: String, key: TaskKey },
    Batch { job: String, key: TaskKey },
}

/// What an earlier engine began, until this one asks for it.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// It goes on.
    Runs { place: Place, key: TaskKey },
    /// It has ended.
    Ended { end: Box<Result<TaskEnd, Failure>>, holder: Option<Holder> },
}

/// The other side of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// The worker in this pod.
    Worker(String),
    /// The Job of this name.
    Batch(String),
}

/// What a call of the API brought.
pub(super) enum CallDone {
    Made { job: String, took: Duration, result: Box<Result<Option<Object>, CallError>> },
    Deleted { what: String, result: Result<bool, CallError> },
    Tail { job: String, failure: Failure, text: Option<String> },
    Events { kind: &'static str, name: String, messages: Vec<String> },
}

/// What one of the watches brings.
pub(super) enum Seen {
    Pods(News),
    Jobs(News),
}

pub(super) struct Actor {
    pub(super) cluster: Cluster,
    pub(super) workflow: Arc<Workflow>,
    pub(super) options: Options,
    pub(super) objects: Objects,
    notices: Arc<dyn Fn(Notice) + Send + Sync>,
    inbox: mpsc::UnboundedReceiver<Command>,
    pub(super) hub: Option<Hub>,
    hub_events: mpsc::UnboundedReceiver<HubEvent>,
    /// Where workers connect to.
    pub(super) engine_address: Option<String>,
    pub(super) relay: Option<Relay>,
    seen: mpsc::UnboundedReceiver<Seen>,
    throttled: mpsc::UnboundedReceiver<Option<Duration>>,
    /// The watches.
    pub(super) followers: JoinSet<()>,
    pub(super) calls: JoinSet<CallDone>,
    pub(super) tasks: HashMap<TaskId, Task>,
    /// How others know tasks.
    pub(super) by_key: HashMap<TaskKey, TaskId>,
    /// By process and firing.
    pub(super) held: HashMap<(u32, u32), Held>,
    pub(super) unrecorded: HashMap<TaskId, Holder>,
    pub(super) pools: Vec<Pool>,
    pub(super) pool_of: HashMap<String, usize>,
    pub(super) workers: HashMap<String, Worker>,
    pub(super) connections: HashMap<ConnectionId, Peer>,
    pub(super) batches: HashMap<String, Batch>,
    pub(super) gathering: HashMap<usize, Gathering>,
    pub(super) pods: HashMap<String, PodView>,
    /// Names of Jobs that wait to be made.
    pub(super) to_make: VecDeque<String>,
    pub(super) pace: Pace,
    pub(super) deleting: HashSet<String>,
    /// Memory for another attempt of tasks that ran out of it.
    pub(super) more_memory: HashMap<(u32, u32), u64>,
    /// What a quota said, and when.
    pub(super) quota: Option<(String, Instant)>,
    /// Nothing is made until then.
    pub(super) make_not_before: Option<Instant>,
    /// The limit that binds, since when, and whether that was told.
    pub(super) limit: (Limit, Instant, bool),
    pub(super) book: Option<FileBook>,
    pub(super) uploads: super::files::Uploads,
    pub(super) settling: Option<super::adopt::Settling>,
    /// The first list of pods has come.
    pub(super) pods_listed: bool,
    /// What was said of Jobs before that.
    pub(super) jobs_first: Vec<Object>,
    /// When a Job without a pod was asked about last.
    pub(super) asked_of_jobs: Option<Instant>,
    /// Jobs of which a pod's log is being read.
    pub(super) asked_logs: HashSet<String>,
    /// Since when watching is not allowed.
    pub(super) blind_since: Option<Instant>,
    /// Notes that need not be said again.
    pub(super) said: HashSet<String>,
    /// Slots for calls that delete.
    pub(super) deletions: Arc<tokio::sync::Semaphore>,
    /// Files on their way to workers.
    pub(super) transfers: JoinSet<()>,
}

impl Actor {
    pub(super) async fn begin(
        cluster: Cluster,
        workflow: Arc<Workflow>,
        options: Options,
        notices: Arc<dyn Fn(Notice) + Send + Sync>,
        inbox: mpsc::UnboundedReceiver<Command>,
    ) -> Result<Self, BeginError> {
        let objects = Objects::new(options.settings.clone(), &options.run, workflow.name());
        let (told, throttled) = mpsc::unbounded_channel();
        let tell_retries = Arc::clone(&notices);
        let cluster = cluster.telling(move |again| {
            // The actor may be gone at the end of a run.
            let _ = told.send(again.why.starts_with("429").then_some(again.wait));
            if again.tries == TELL_AFTER {
                let text = format!("{}: tried {} times: {}", again.what, again.tries, again.why);
                tell_retries(Notice::Note(text));
            }
        });
        let (events, hub_events) = mpsc::unbounded_channel();
        let mut hub = None;
        let mut engine_address = None;
        if !matches!(options.reach, Reach::None) {
            let identity = options.identity.as_ref().ok_or(BeginError::NoIdentity)?;
            let made = Hub::new(identity, &options.run, options.patience.silence, events)?;
            if let Reach::Direct { listen, advertise } = &options.reach {
                let listening = made.listen(*listen);
                let at = listening
                    .await
                    .map_err(|source| BeginError::Listen { address: *listen, source })?;
                engine_address = Some(advertise.unwrap_or(at).to_string());
            }
            hub = Some(made);
        }
        let book =
            (options.transfer && hub.is_some()).then(|| FileBook::new(options.work_dir.clone()));
        let (to_actor, seen) = mpsc::unbounded_channel();
        let mut actor = Self {
            notices,
            inbox,
            hub,
            hub_events,
            engine_address,
            relay: None,
            seen,
            throttled,
            followers: JoinSet::new(),
            calls: JoinSet::new(),
            tasks: HashMap::new(),
            by_key: HashMap::new(),
            held: HashMap::new(),
            unrecorded: HashMap::new(),
            pools: Vec::new(),
            pool_of: HashMap::new(),
            workers: HashMap::new(),
            connections: HashMap::new(),
            batches: HashMap::new(),
            gathering: HashMap::new(),
            pods: HashMap::new(),
            to_make: VecDeque::new(),
            pace: Pace::default(),
            deleting: HashSet::new(),
            more_memory: HashMap::new(),
            quota: None,
            make_not_before: None,
            limit: (Limit::Nothing, Instant::now(), true),
            book,
            uploads: super::files::Uploads::default(),
            settling: None,
            pods_listed: false,
            jobs_first: Vec::new(),
            asked_of_jobs: None,
            asked_logs: HashSet::new(),
            blind_since: None,
            said: HashSet::new(),
            deletions: super::batches::deletions(),
            transfers: JoinSet::new(),
            cluster,
            workflow,
            options,
            objects,
        };
        actor.take_stock().await?;
        if let Err(error) = actor.prepare().await {
            // Only what was made just now: of an earlier engine there may be more, which a later one wants.
            if actor.batches.is_empty() {
                actor.close().await;
            }
            return Err(error);
        }
        actor.follow(pod_kind(), to_actor.clone(), Seen::Pods);
        actor.follow(job_kind(), to_actor, Seen::Jobs);
        Ok(actor)
    }

    /// Makes what all tasks need.
    async fn prepare(&mut self) -> Result<(), BeginError> {
        if self.hub.is_some() {
            self.make_secret().await?;
        }
        if matches!(self.options.reach, Reach::Relay) {
            let relay = Relay::begin(self).await?;
            self.engine_address = Some(relay.address().to_owned());
            self.relay = Some(relay);
        }
        Ok(())
    }

    async fn make_secret(&mut self) -> Result<(), BeginError> {
        let identity = self.options.identity.as_ref().ok_or(BeginError::NoIdentity)?;
        let [(_, ca), (_, certificate), (_, key)] = identity.worker_files();
        let secret = object(self.objects.worker_secret(&ca, &certificate, &key))?;
        let kind = Kind::of("v1", "Secret", "secrets");
        if self.cluster.create(&kind, &secret).await?.is_some() {
            return Ok(());
        }
        // Of an earlier engine, and perhaps with older certificates. Pods that run have mounted theirs.
        self.delete_other(secret.name(), kind.clone());
        self.until_calls_are_done().await;
        self.cluster.create(&kind, &secret).await?;
        Ok(())
    }

    fn follow(
        &mut self,
        kind: Kind,
        to: mpsc::UnboundedSender<Seen>,
        as_seen: impl Fn(News) -> Seen + Send + 'static,
    ) {
        let mut follower =
            Follower::new(&self.cluster, kind, Some(&self.objects.settings.namespace));
        follower.labels = Some(self.objects.names.selector());
        self.followers.spawn(async move {
            loop {
                let news = follower.next().await;
                if to.send(as_seen(news)).is_err() {
                    return;
                }
            }
        });
    }

    /// Hears everything, until it is told to close.
    pub(super) async fn run(mut self, settled: oneshot::Sender<Result<(), BeginError>>) {
        let mut settled = Some(settled);
        let mut last_tick = Instant::now();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(answer) = self.settle()
                && let Some(reply) = settled.take()
            {
                let failed = answer.is_err();
                let gone = reply.send(answer).is_err();
                if failed || gone {
                    return;
                }
            }
            let pause = self.next_making();
            let mut closing = None;
            tokio::select! {
                biased;
                Some(event) = self.hub_events.recv() => {
                    self.hub_event(event);
                    // Whatever else has come is heard before anything is made of it.
                    for _ in 0..AT_ONCE {
                        let Ok(event) = self.hub_events.try_recv() else { break };
                        self.hub_event(event);
                    }
                }
                command = self.inbox.recv() => match command {
                    Some(command) => closing = self.command(command),
                    None => return,
                },
                Some(done) = self.calls.join_next() => {
                    if let Ok(done) = done {
                        self.call_done(done);
                    }
                }
                Some(seen) = self.seen.recv() => self.news(seen),
                Some(wait) = self.throttled.recv() => self.pace.throttled(wait, Instant::now()),
                () = sleep_until(pause) => {}
                _ = tick.tick() => {}
            }
            // However much workers say, the others are heard too.
            for _ in 0..AT_ONCE {
                let (None, Ok(command)) = (&closing, self.inbox.try_recv()) else { break };
                closing = self.command(command);
            }
            if let Some(reply) = closing {
                self.close().await;
                // Nobody may be left who waits for it.
                let _ = reply.send(());
                return;
            }
            for _ in 0..AT_ONCE {
                let Ok(seen) = self.seen.try_recv() else { break };
                self.news(seen);
            }
            while let Some(done) = self.calls.try_join_next() {
                if let Ok(done) = done {
                    self.call_done(done);
                }
            }
            if last_tick.elapsed() >= TICK {
                last_tick = Instant::now();
                self.tick();
            }
            self.grow_pools();
            self.make_jobs();
        }
    }

    pub(super) fn tell(&self, notice: Notice) {
        (self.notices)(notice);
    }

    pub(super) fn note(&self, text: impl Into<String>) {
        self.tell(Notice::Note(text.into()));
    }

    // --- what the engine says ------------------------------------------------------------------------------------------

    /// Answers whom to tell when all is closed, if it is to be.
    fn command(&mut self, command: Command) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Start(attempt) => self.start(attempt),
            Command::Stop(id, how) => self.stop(id, how),
            Command::Recorded(ids) => self.recorded(&ids),
            Command::Close(reply) => return Some(reply),
        }
        None
    }

    fn start(&mut self, attempt: Attempt) {
        let id = attempt.id();
        let process = attempt.process();
        if self.workflow.format() == Format::WfFormat {
            let why = "a WfFormat instance records commands without their files and surroundings";
            return attempt.finish(Outcome::failed(Failure::Function(why.to_owned())));
        }
        match support(process.function()) {
            FunctionSupport::Command => {}
            FunctionSupport::BuiltIn(function) => return self.call_function(attempt, function),
            FunctionSupport::Missing => {
                let outcome = functions::missing(process.function());
                return attempt.finish(outcome);
            }
        }
        let Some(command) = process.command() else { return attempt.finish(Outcome::done()) };
        let of_type = process.type_index();
        if let Some(held) = self.held.remove(&(id.process, id.firing)) {
            return self.take_over(attempt, held);
        }
        let memory_bytes = self.memory_of(id, &command);
        let mut task = Task {
            attempt,
            command,
            place: Place::Nowhere,
            key: key_of(id),
            began: false,
            stop: None,
            memory_bytes,
        };
        self.by_key.insert(task.key, id);
        match self.options.modes.get(of_type).copied().unwrap_or(Mode::Pool) {
            Mode::Pool => {
                let class = self.class_of(&task.command, memory_bytes);
                let pool = self.pool(class);
                task.place = Place::Queue(pool);
                self.tasks.insert(id, task);
                self.pools[pool].queue.push_back(id);
                self.dispatch(pool);
            }
            Mode::Job => {
                self.tasks.insert(id, task);
                self.add_batch(&[id]);
            }
            Mode::Clustered { size, flush } => {
                task.place = Place::Gathering(of_type);
                self.tasks.insert(id, task);
                self.gather(of_type, id, size, flush);
            }
        }
    }

    /// The memory that a task asks for, and more than that where it ran out of it before.
    fn memory_of(&self, id: TaskId, command: &TaskCommand) -> Option<u64> {
        let known = self.more_memory.get(&(id.process, id.firing)).copied();
        known.or(command.memory_bytes)
    }

    pub(super) fn class_of(&self, command: &TaskCommand, memory_bytes: Option<u64>) -> Class {
        let asked = TaskCommand { memory_bytes, ..command.clone() };
        Class::of(&asked, &self.objects.settings)
    }

    /// What a worker is to run for a task. None if the task is gone.
    pub(super) fn spec_of(&mut self, id: TaskId) -> Option<worker::protocol::TaskSpec> {
        let task = self.tasks.get(&id)?;
        let mut spec = spec(&task.attempt, &task.command, self.options.files, self.book.as_mut());
        // One that was taken over and waits again goes under the key by which its end is looked for.
        spec.key = task.key;
        Some(spec)
    }

    /// These are short: they count, choose and print.
    fn call_function(&mut self, attempt: Attempt, function: crate::exec::Function) {
        let (mut outcome, log) = functions::call(function, &attempt, &self.options.work_dir);
        if let Some(log_dir) = self.options.log_dir.as_deref().filter(|_| !log.is_empty()) {
            // Where it cannot be written, the log is missing and the task is not.
            outcome.logs.extend(write_log(log_dir, attempt.id(), "out", &log));
        }
        attempt.finish(outcome);
    }

    fn stop(&mut self, id: TaskId, how: Stop) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if task.stop == Some(how) || task.stop == Some(Stop::Kill) {
            return;
        }
        task.stop = Some(how);
        let key = task.key;
        let how = stop_how(how);
        match task.place.clone() {
            Place::Nowhere => {}
            Place::Queue(pool) => {
                self.pools[pool].queue.retain(|queued| *queued != id);
                self.finish(id, Outcome::failed(Failure::Stopped), None);
            }
            Place::Gathering(of_type) => {
                if let Some(gathering) = self.gathering.get_mut(&of_type) {
                    gathering.ids.retain(|gathered| *gathered != id);
                }
                self.finish(id, Outcome::failed(Failure::Stopped), None);
            }
            Place::Worker(pod) => {
                let connection = self.workers.get(&pod).and_then(|worker| worker.connection);
                // A worker that is away hears it when it comes back.
                if let Some(connection) = connection {
                    self.send(connection, &ToWorker::Stop { key, how });
                }
            }
            Place::Batch(job) => self.stop_in_batch(&job, id, key, how),
        }
    }

    fn recorded(&mut self, ids: &[TaskId]) {
        let mut by_pod: HashMap<String, Vec<TaskKey>> = HashMap::new();
        for id in ids {
            self.options.recorded.insert(*id);
            match self.unrecorded.remove(id) {
                Some(Holder::Worker { pod, key }) => by_pod.entry(pod).or_default().push(key),
                Some(Holder::Batch { job, key }) => self.recorded_in_batch(&job, key),
                None => {}
            }
        }
        for (pod, keys) in by_pod {
            self.say_recorded(&pod, keys);
        }
    }

    /// Whether it was queued; the connection's end is told by the hub.
    pub(super) fn send(&self, connection: ConnectionId, message: &ToWorker) -> bool {
        self.hub.as_ref().is_some_and(|hub| hub.send(connection, message))
    }

    // --- ends ----------------------------------------------------------------------------------------------------------

    /// A task's program runs.
    pub(super) fn began(&mut self, key: TaskKey) {
        let id = self.by_key.get(&key);
        if let Some(task) = id.and_then(|id| self.tasks.get_mut(id))
            && !task.began
        {
            task.began = true;
            task.attempt.began();
        }
    }

    /// The task that others know under this key.
    pub(super) fn task_of(&self, key: TaskKey) -> Option<&Task> {
        self.tasks.get(self.by_key.get(&key)?)
    }

    /// Whether a task is where this peer is, as far as it is anywhere: others have nothing to say of it.
    pub(super) fn is_of(&self, peer: &Peer, key: TaskKey) -> bool {
        self.task_of(key).is_none_or(|task| match (&task.place, peer) {
            (Place::Worker(here), Peer::Worker(there))
            | (Place::Batch(here), Peer::Batch(there)) => here == there,
            _ => false,
        })
    }

    /// Whether a task was asked to end.
    pub(super) fn is_stopping(&self, key: TaskKey) -> bool {
        self.task_of(key).is_some_and(|task| task.stop.is_some())
    }

    /// Whether an earlier engine began this, and this one has not asked for it yet.
    pub(super) fn is_held(&self, key: TaskKey) -> bool {
        let held = self.held.get(&(key.process, key.firing));
        matches!(held, Some(Held::Runs { key: known, .. }) if *known == key)
    }

    /// Forgets that an earlier engine began this.
    pub(super) fn drop_held(&mut self, key: TaskKey) {
        if self.is_held(key) {
            self.held.remove(&(key.process, key.firing));
        }
    }

    /// Something that others know under this key has ended.
    pub(super) fn ended(&mut self, key: TaskKey, end: Result<TaskEnd, Failure>, holder: Holder) {
        if let Some(&id) = self.by_key.get(&key) {
            return self.end_task(id, &end, Some(holder));
        }
        let firing = (key.process, key.firing);
        if self.is_held(key) {
            let end = Box::new(end);
            self.held.insert(firing, Held::Ended { end, holder: Some(holder) });
            return;
        }
        // Told already: it is being written down.
        if self.unrecorded.values().any(|known| *known == holder) {
            return;
        }
        // Nobody waits for it: it was recorded before, or is not wanted.
        match holder {
            Holder::Worker { pod, key } => self.say_recorded(&pod, vec![key]),
            Holder::Batch { job, key } => self.recorded_in_batch(&job, key),
        }
    }

    /// Tells a worker what is written down. One that is away tells these ends again when it comes back.
    fn say_recorded(&self, pod: &str, keys: Vec<TaskKey>) {
        if let Some(connection) = self.workers.get(pod).and_then(|worker| worker.connection) {
            self.send(connection, &ToWorker::Recorded(keys));
        }
    }

    pub(super) fn end_task(
        &mut self,
        id: TaskId,
        end: &Result<TaskEnd, Failure>,
        holder: Option<Holder>,
    ) {
        let Some(task) = self.tasks.get(&id) else { return };
        let limit = task.memory_bytes.unwrap_or(0);
        let outcome = match end {
            Ok(end) => outcome(
                &self.workflow,
                id,
                end,
                self.options.log_dir.as_deref(),
                self.options.files,
                limit,
            ),
            Err(Failure::OutOfMemory { .. }) => {
                Outcome::failed(Failure::OutOfMemory { limit_bytes: limit })
            }
            Err(failure) => Outcome::failed(failure.clone()),
        };
        self.finish(id, outcome, holder);
    }

    /// Tells the engine what came of a task.
    pub(super) fn finish(&mut self, id: TaskId, mut outcome: Outcome, holder: Option<Holder>) {
        let Some(task) = self.tasks.remove(&id) else { return };
        self.by_key.remove(&task.key);
        if let Some(holder) = holder {
            self.unrecorded.insert(id, holder);
        }
        if let Place::Worker(pod) = &task.place
            && let Some(worker) = self.workers.get_mut(pod)
        {
            worker.release(task.key);
        }
        if task.stop.is_some() && outcome.result.is_err() {
            // What was asked to end has not failed by itself.
            outcome.result = Err(Failure::Stopped);
        } else if matches!(outcome.result, Err(Failure::Stopped)) {
            outcome.result = Err(Failure::Platform {
                fault: PlatformFault::WorkerLost,
                message: "its pod was told to end, as when it is deleted or evicted".to_owned(),
            });
        }
        if let Err(Failure::OutOfMemory { .. }) = outcome.result {
            self.ask_for_more_memory(id, task.memory_bytes);
        }
        task.attempt.finish(outcome);
    }

    /// The next attempt may have twice as much, where that is allowed.
    fn ask_for_more_memory(&mut self, id: TaskId, had: Option<u64>) {
        let Some(most) = self.options.most_memory else { return };
        let had = had.unwrap_or(self.objects.settings.memory_bytes);
        let next = had.saturating_mul(2).min(most);
        if next > had {
            self.more_memory.insert((id.process, id.firing), next);
        }
    }

    /// Ends a task by a fault that is not its own.
    pub(super) fn fail_by_platform(&mut self, id: TaskId, fault: PlatformFault, message: &str) {
        let failure = Failure::Platform { fault, message: message.to_owned() };
        self.finish(id, Outcome::failed(failure), None);
    }

    /// A firing that an earlier engine began.
    fn take_over(&mut self, attempt: Attempt, held: Held) {
        let id = attempt.id();
        let (place, key) = match &held {
            Held::Runs { place, key } => (place.clone(), *key),
            Held::Ended { .. } => (Place::Nowhere, key_of(id)),
        };
        let command = attempt.process().command().unwrap_or_default();
        let memory_bytes = self.memory_of(id, &command);
        let task = Task { attempt, command, place, key, began: false, stop: None, memory_bytes };
        self.by_key.insert(key, id);
        self.tasks.insert(id, task);
        match held {
            Held::Runs { key, .. } => {
                self.began(key);
                self.answer_parked(key);
            }
            Held::Ended { end, holder } => self.end_task(id, &end, holder),
        }
    }

    /// A worker that ends tasks without having been told is being ended itself: it gets no more of them. A task that had
    /// not begun there goes to another. Answers whether that is so.
    fn stopped_unasked(&mut self, peer: &Peer, id: ConnectionId, key: TaskKey) -> bool {
        let Some(&task_id) = self.by_key.get(&key) else { return false };
        let Some(task) = self.tasks.get(&task_id) else { return false };
        let (Peer::Worker(pod), None) = (peer, task.stop) else { return false };
        let began = task.began;
        let Some(worker) = self.workers.get_mut(pod) else { return false };
        worker.leaving = true;
        if began {
            return false;
        }
        worker.release(key);
        let pool = worker.pool;
        self.send(id, &ToWorker::Recorded(vec![key]));
        self.wait_again(task_id, pool);
        self.dispatch(pool);
        true
    }

    // --- what workers say ----------------------------------------------------------------------------------------------

    fn hub_event(&mut self, event: HubEvent) {
        match event {
            HubEvent::Joined { id, hello } => self.joined(id, hello),
            HubEvent::Said { id, message } => self.said(id, message),
            HubEvent::Left { id, why } => self.left(id, &why),
            HubEvent::Turned { peer, why } => {
                self.note(format!("a connection from {peer} was refused: {why}"));
            }
        }
    }

    fn said(&mut self, id: ConnectionId, message: FromWorker) {
        let Some(peer) = self.connections.get(&id).cloned() else { return };
        match message {
            FromWorker::Began(key) => self.began(key),
            FromWorker::Ended(end) => {
                let key = end.key;
                let holder = peer.holder(key);
                if !self.is_of(&peer, key) {
                    self.send(id, &ToWorker::Recorded(vec![key]));
                    return;
                }
                if end.result == TaskResult::Stopped && self.stopped_unasked(&peer, id, key) {
                    return;
                }
                let end = self.uploads.judge(id, end);
                self.ended(key, Ok(end), holder);
                if let Peer::Worker(pod) = peer {
                    self.is_free(&pod, key);
                }
            }
            FromWorker::Want { key, paths } => self.wanted(id, key, paths),
            FromWorker::Part(part) => self.uploaded(id, &part),
            FromWorker::Hello(_) | FromWorker::Alive => {}
        }
    }
}

impl Peer {
    pub(super) fn holder(&self, key: TaskKey) -> Holder {
        match self {
            Self::Worker(pod) => Holder::Worker { pod: pod.clone(), key },
            Self::Batch(job) => Holder::Batch { job: job.clone(), key },
        }
    }
}

/// As workers are told.
pub(super) fn stop_how(how: Stop) -> StopHow {
    match how {
        Stop::Terminate => StopHow::Terminate,
        Stop::Kill => StopHow::Kill,
    }
}

/// What was made here as an object.
pub(super) fn object(value: serde_json::Value) -> Result<Object, BeginError> {
    Object::try_from(value).map_err(|fault| BeginError::Made { fault: fault.to_string() })
}

pub(super) fn pod_kind() -> Kind {
    Kind::of("v1", "Pod", "pods")
}

pub(super) fn job_kind() -> Kind {
    Kind::of("batch/v1", "Job", "jobs")
}

/// Sleeps until then; for ever without.
async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
