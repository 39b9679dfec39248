//! Jobs: those of single tasks and of groups, and those that hold the pods of a pool. Making and deleting them.

use std::sync::Arc;

use hashbrown::HashSet;
use k8s_apply::cluster::{CallError, Deleting, Kind};
use k8s_apply::object::Object;
use kube::api::PropagationPolicy;
use tokio::time::{Duration, Instant};
use worker::protocol::{Hello, StopHow, TaskKey, TaskSpec, ToWorker};

use super::actor::{Actor, CallDone, Peer, Place, job_kind};
use super::spec::id_of;
use crate::exec::{Failure, Outcome, PlatformFault, TaskId};
use crate::k8s::hub::ConnectionId;
use crate::k8s::hyperflow::Noted;

/// How much of the end of each stream a pod brings in its termination message, where it has no connection.
const MESSAGE_TAIL: u32 = 3000;
/// How many Jobs are deleted at once.
const DELETIONS: usize = 8;

/// How long nothing is made after a quota has refused something, or after a server that does not answer.
const MAKING_PAUSE: Duration = Duration::from_secs(1);

/// How far a Job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits to be made.
    Queued,
    /// The server was asked.
    Making,
    /// It is there.
    Made,
}

/// A Job.
#[derive(Debug)]
pub(super) struct Batch {
    /// The pool that its pods are of.
    pub(super) pool: Option<usize>,
    /// Pods that it has while it lives.
    pub(super) pods: usize,
    /// Pods of a pool that have done all they were to do.
    pub(super) finished_pods: usize,
    /// Tasks of which the end is not recorded.
    pub(super) keys: HashSet<TaskKey>,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    /// The server's name for it, which no other Job of the same name has.
    pub(super) uid: Option<String>,
    /// A watch or list has shown it: a list without it says that it is gone.
    pub(super) is_listed: bool,
    /// Why its pods are deleted, where the Job says so.
    pub(super) fault: Option<Failure>,
    /// Whether a pod of it was seen.
    pub(super) pod_seen: bool,
    pub(super) connection: Option<ConnectionId>,
    /// What is to be made.
    object: Option<Arc<Object>>,
    /// Since when a quota refuses it.
    refused_since: Option<Instant>,
    /// Asked about why it has no pod.
    pub(super) asked_why: Option<Instant>,
}

impl Batch {
    pub(super) fn of_pool(at: usize, pods: usize, object: Object) -> Self {
        Self { pool: Some(at), pods, ..Self::of_tasks(HashSet::new(), Some(object), Stage::Queued) }
    }

    pub(super) fn of_tasks(keys: HashSet<TaskKey>, object: Option<Object>, stage: Stage) -> Self {
        Self {
            pool: None,
            pods: 1,
            finished_pods: 0,
            keys,
            stage,
            since: Instant::now(),
            uid: None,
            is_listed: false,
            fault: None,
            pod_seen: false,
            connection: None,
            object: object.map(Arc::new),
            refused_since: None,
            asked_why: None,
        }
    }

    pub(super) fn is_pool(&self) -> bool {
        self.pool.is_some()
    }

    /// Pods that count against the most that are allowed.
    fn alive(&self) -> usize {
        self.pods.saturating_sub(self.finished_pods)
    }
}

/// Tasks of one type that are to share a Job.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) ids: Vec<TaskId>,
    /// When what is there goes, complete or not: so long after the last one came.
    due: Instant,
}

impl Actor {
    // --- from tasks to Jobs --------------------------------------------------------------------------------------------

    pub(super) fn gather(&mut self, of_type: usize, id: TaskId, size: u32, flush: Duration) {
        let due = Instant::now() + flush;
        let gathering = self.gathering.entry(of_type).or_insert(Gathering { ids: Vec::new(), due });
        gathering.ids.push(id);
        gathering.due = due;
        if gathering.ids.len() >= size as usize {
            let ids = std::mem::take(&mut gathering.ids);
            self.add_batch(&ids);
        }
    }

    /// Groups that have waited long enough go as they are.
    fn flush_groups(&mut self, now: Instant) {
        let due: Vec<usize> = self
            .gathering
            .iter()
            .filter(|(_, gathering)| gathering.due <= now && !gathering.ids.is_empty())
            .map(|(of_type, _)| *of_type)
            .collect();
        for of_type in due {
            if let Some(gathering) = self.gathering.get_mut(&of_type) {
                let ids = std::mem::take(&mut gathering.ids);
                self.add_batch(&ids);
            }
        }
    }

    /// Has a Job made for these tasks.
    pub(super) fn add_batch(&mut self, ids: &[TaskId]) {
        let mut specs: Vec<TaskSpec> = ids.iter().filter_map(|id| self.spec_of(*id)).collect();
        let Some(first) = ids.first().and_then(|id| self.tasks.get(id)) else { return };
        let process = first.attempt.process();
        // As in HyperFlow, a group has the image and requests of its first task.
        let class = self.class_of(&first.command, first.memory_bytes);
        let type_name = process.type_name();
        let engine = self.engine_address.clone().filter(|_| specs.len() > 1 || self.book.is_some());
        if engine.is_none() {
            for spec in &mut specs {
                spec.tail_bytes = MESSAGE_TAIL;
            }
        }
        let batch = self.objects.batch(specs, engine);
        let made = match &self.options.template {
            Some((template, given)) => template
                .job(&self.objects, &class, type_name, &batch, given, None)
                .map_err(|error| error.to_string())
                .map(|job| self.say_once(job)),
            None => self
                .objects
                .task_job(&class, type_name, &batch, None)
                .map_err(|error| error.to_string()),
        };
        let made = made.and_then(|made| Object::try_from(made).map_err(|error| error.to_string()));
        let keys: HashSet<TaskKey> = batch.tasks.iter().map(|task| task.key).collect();
        match made {
            Ok(object) => {
                for id in ids {
                    if let Some(task) = self.tasks.get_mut(id) {
                        task.place = Place::Batch(batch.id.clone());
                    }
                }
                let job = Batch::of_tasks(keys, Some(object), Stage::Queued);
                self.batches.insert(batch.id.clone(), job);
                self.to_make.push_back(batch.id);
            }
            Err(error) => {
                for id in ids {
                    self.fail_by_platform(*id, PlatformFault::Config, &error);
                }
            }
        }
    }

    /// The Job of a template; what is to be said of the template is said once.
    fn say_once(&mut self, job: Noted<serde_json::Value>) -> serde_json::Value {
        for problem in job.notes {
            let text = problem.to_string();
            if self.said.insert(text.clone()) {
                self.note(text);
            }
        }
        job.value
    }

    // --- making --------------------------------------------------------------------------------------------------------

    pub(super) fn pods_in_all(&self) -> usize {
        self.batches.values().filter(|batch| batch.stage != Stage::Queued).map(Batch::alive).sum()
    }

    pub(super) fn pods_of_pool(&self, at: usize) -> usize {
        let of_pool = self.batches.values().filter(|batch| batch.pool == Some(at));
        of_pool.map(Batch::alive).sum()
    }

    /// When something is due that nobody tells: a pool's growth, a group, the end of a pause.
    pub(super) fn next_making(&self) -> Option<Instant> {
        let groups = self
            .gathering
            .values()
            .filter(|gathering| !gathering.ids.is_empty())
            .map(|gathering| gathering.due)
            .min();
        let now = Instant::now();
        let pauses = [self.pace.paused_until(), self.make_not_before];
        let pauses = pauses.into_iter().flatten().filter(|until| *until > now);
        let pauses = pauses.filter(|_| !self.to_make.is_empty());
        pauses.chain(groups).chain(self.next_growth()).min()
    }

    /// Asks the server for as many Jobs as pace and limits allow.
    pub(super) fn make_jobs(&mut self) {
        let now = Instant::now();
        self.flush_groups(now);
        if self.to_make.is_empty() || self.make_not_before.is_some_and(|until| until > now) {
            return;
        }
        let mut room = self.options.max_pods.saturating_sub(self.pods_in_all());
        while self.pace.may_send(now) {
            let Some(name) = self.to_make.front() else { return };
            let Some(batch) = self.batches.get_mut(name) else {
                self.to_make.pop_front();
                continue;
            };
            if batch.stage != Stage::Queued {
                self.to_make.pop_front();
                continue;
            }
            if batch.alive() > room {
                let Some(at) = batch.pool else { return };
                // Its size was right when it was asked for: it is asked for anew.
                let name = name.clone();
                self.to_make.pop_front();
                self.batches.remove(&name);
                self.pools[at].look_again();
                continue;
            }
            room -= batch.alive();
            batch.stage = Stage::Making;
            batch.since = now;
            let Some(object) = batch.object.clone() else {
                self.to_make.pop_front();
                continue;
            };
            let Some(job) = self.to_make.pop_front() else { return };
            self.pace.sent();
            let cluster = self.cluster.clone();
            self.calls.spawn(async move {
                let began = Instant::now();
                let result = cluster.create(&job_kind(), &object).await;
                CallDone::Made { job, took: began.elapsed(), result: Box::new(result) }
            });
        }
    }

    pub(super) fn call_done(&mut self, done: CallDone) {
        match done {
            CallDone::Made { job, took, result } => self.made(&job, took, *result),
            CallDone::Deleted { what, result } => {
                self.deleting.remove(&what);
                // 409: it is another one of the same name by now.
                if let Err(error) = result
                    && !error.is_code(409)
                {
                    self.note(format!("{what} could not be deleted: {error}"));
                }
            }
            CallDone::Tail { job, failure, text } => self.tail_of_lost(&job, failure, text),
            CallDone::Events { kind: "Pod", name, messages } => {
                self.why_not_started(&name, &messages);
            }
            CallDone::Events { name, messages, .. } => self.why_no_pod(&name, &messages),
        }
    }

    fn made(&mut self, job: &str, took: Duration, result: Result<Option<Object>, CallError>) {
        let now = Instant::now();
        self.pace.answered(took, now);
        let ours_run = self.some_run();
        let Some(batch) = self.batches.get_mut(job) else {
            // Its tasks were stopped meanwhile.
            return self.delete_job(job);
        };
        match result {
            // Its name says run, task and attempt: one that is there is the one that was asked for.
            Ok(object) => {
                batch.uid = object.as_ref().and_then(|job| job.uid().map(str::to_owned));
                batch.stage = Stage::Made;
                batch.since = now;
                batch.object = None;
                let keys: Vec<TaskKey> = batch.keys.iter().copied().collect();
                // Asked for while it was being made: what was deleted then was not there yet.
                if !keys.is_empty() && keys.into_iter().all(|key| self.is_stopping(key)) {
                    self.delete_job(job);
                }
            }
            Err(error) => {
                let message = error.to_string();
                let is_quota = message.contains("exceeded quota");
                // Without an answer it may be there all the same: only asking again tells.
                let is_unknown = error.status().is_none();
                let since = *batch.refused_since.get_or_insert(now);
                if is_quota && ours_run {
                    // It is our own pods that fill it: there will be room.
                    batch.refused_since = Some(now);
                }
                if (is_quota || is_unknown)
                    && now.duration_since(since) < self.options.patience.quota
                {
                    // Room comes when something of ours, or of others, has ended.
                    batch.stage = Stage::Queued;
                    self.to_make.push_front(job.to_owned());
                    self.make_not_before = Some(now + MAKING_PAUSE);
                    if is_quota {
                        self.quota = Some((message, now));
                    }
                    return;
                }
                if is_unknown {
                    self.delete_job(job);
                }
                let fault = if is_quota {
                    PlatformFault::Quota
                } else if error.status().is_some() {
                    PlatformFault::Config
                } else {
                    PlatformFault::Other
                };
                self.lose_job(job, &Failure::Platform { fault, message });
            }
        }
    }

    /// A Job will bring no more ends: what it had fails.
    pub(super) fn lose_job(&mut self, job: &str, failure: &Failure) {
        let Some(batch) = self.batches.remove(job) else { return };
        if let Some(at) = batch.pool {
            let message = failure.to_string();
            let fault = match failure {
                Failure::Platform { fault, .. } => *fault,
                _ => PlatformFault::Other,
            };
            if self.has_workers(at) {
                self.note(format!("Job {job} brings no workers: {message}"));
            } else {
                self.give_up(at, fault, &message);
            }
            return;
        }
        for key in batch.keys {
            self.lose_key(key, failure);
        }
    }

    fn lose_key(&mut self, key: TaskKey, failure: &Failure) {
        if let Some(&id) = self.by_key.get(&key) {
            self.end_task(id, &Err(failure.clone()), None);
        }
        // Nobody has asked for it: it will be begun anew.
        self.drop_held(key);
    }

    /// Fails what a Job's pod left open, the task that it was at by `first`, the others by `rest`.
    pub(super) fn lose_rest(&mut self, job: &str, first: &Failure, rest: &Failure) {
        let Some(batch) = self.batches.get(job) else { return };
        let mut open: Vec<TaskKey> = batch
            .keys
            .iter()
            .filter(|key| self.by_key.contains_key(*key) || self.is_held(**key))
            .copied()
            .collect();
        // The one that had begun is the one that it was at.
        open.sort_by_key(|key| (!self.task_of(*key).is_some_and(|task| task.began), *key));
        for (at, key) in open.into_iter().enumerate() {
            self.lose_key(key, if at == 0 { first } else { rest });
        }
        self.forget_if_done(job);
    }

    // --- ends ----------------------------------------------------------------------------------------------------------

    /// The journal has the end of one of a Job's tasks.
    pub(super) fn recorded_in_batch(&mut self, job: &str, key: TaskKey) {
        if let Some(batch) = self.batches.get_mut(job) {
            batch.keys.remove(&key);
            if let Some(connection) = batch.connection {
                self.send(connection, &ToWorker::Recorded(vec![key]));
            }
        }
        self.forget_if_done(job);
    }

    /// A Job of which everything is recorded is of no more use.
    pub(super) fn forget_if_done(&mut self, job: &str) {
        let Some(batch) = self.batches.get(job) else { return };
        let open = batch.keys.iter().any(|key| {
            self.by_key.contains_key(key)
                || self.held.contains_key(&(key.process, key.firing))
                || self.unrecorded.contains_key(&id_of(*key))
        });
        if batch.is_pool() || open {
            return;
        }
        self.delete_job(job);
    }

    pub(super) fn batch_joined(&mut self, id: ConnectionId, hello: Hello) {
        let job = hello.class;
        if let Some(batch) = self.batches.get_mut(&job) {
            batch.pod_seen = true;
            if let Some(before) = batch.connection.replace(id) {
                self.uploads.forget(before);
            }
        }
        self.connections.insert(id, Peer::Batch(job.clone()));
        let peer = Peer::Batch(job);
        // Those of them that run are told as begun after the welcome.
        for key in hello.running {
            if self.is_stopping(key) {
                self.send(id, &ToWorker::Stop { key, how: StopHow::Kill });
            }
        }
        for end in hello.ended {
            let end = self.uploads.judge(id, end);
            let key = end.key;
            self.ended(key, Ok(end), peer.holder(key));
        }
    }

    pub(super) fn stop_in_batch(&mut self, job: &str, id: TaskId, key: TaskKey, how: StopHow) {
        let Some(batch) = self.batches.get_mut(job) else { return };
        if batch.stage == Stage::Queued {
            batch.keys.remove(&key);
            let is_empty = batch.keys.is_empty();
            if is_empty {
                self.batches.remove(job);
            }
            // A group goes on without it: the engine no longer knows the task, so its end is not heard.
            return self.finish(id, Outcome::failed(Failure::Stopped), None);
        }
        if let Some(connection) = batch.connection
            && self.send(connection, &ToWorker::Stop { key, how })
        {
            return;
        }
        // Its pod gets SIGTERM, and SIGKILL after the grace time. The task has ended when the pod has.
        self.delete_job(job);
    }

    // --- deleting ------------------------------------------------------------------------------------------------------

    /// Has the server delete a Job with its pods.
    pub(super) fn delete_job(&mut self, job: &str) {
        let batch = self.batches.get(job);
        let uid = batch.and_then(|batch| batch.uid.clone());
        if batch.is_some_and(|batch| batch.keys.iter().all(|key| !self.by_key.contains_key(key))) {
            self.batches.remove(job);
        }
        self.delete(job.to_owned(), uid, format!("Job {job}"), job_kind());
    }

    pub(super) fn delete_other(&mut self, name: &str, kind: Kind) {
        let what = format!("{} {name}", kind.gvk.kind);
        self.delete(name.to_owned(), None, what, kind);
    }

    fn delete(&mut self, name: String, uid: Option<String>, what: String, kind: Kind) {
        if !self.deleting.insert(what.clone()) {
            return;
        }
        let cluster = self.cluster.clone();
        let namespace = self.objects.settings.namespace.clone();
        let slots = Arc::clone(&self.deletions);
        self.calls.spawn(async move {
            let _slot = slots.acquire().await;
            let target = Deleting {
                kind: &kind,
                namespace: Some(&namespace),
                name: &name,
                uid: uid.as_deref(),
                resource_version: None,
                propagation: PropagationPolicy::Background,
                dry_run: false,
            };
            let result = cluster.delete(&target).await;
            CallDone::Deleted { what, result }
        });
    }
}

/// As many deletions at once as do not stand in the way of what is made.
pub(super) fn deletions() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(DELETIONS))
}
