//! News of pods and Jobs: what they mean for tasks, deadlines for what waits, and which limit binds.

use k8s_apply::cluster::{Filter, Kind, LogTailOf};
use k8s_apply::follow::News;
use k8s_apply::object::Object;
use tokio::time::{Duration, Instant};
use worker::protocol::{BatchEnd, TaskEnd, TaskResult};

use super::Notice;
use super::actor::{Actor, CallDone, Peer, Seen};
use super::adopt::JOB_NAME;
use super::batches::Stage;
use crate::exec::{Failure, PlatformFault};
use crate::k8s::fault::{self, PodEnd, PodState, Waiting};
use crate::k8s::limit::{Counts, Limit};
use crate::k8s::objects::CONTAINER;
use crate::store::write_log;

/// A Job without a pod after this time waits for the Job controller, or for something that its events tell.
const NO_POD: Duration = Duration::from_secs(2);
/// After this time its events are asked for.
const ASK_WHY: Duration = Duration::from_secs(10);
/// How long a quota counts as in force after it was heard of last.
const QUOTA_LASTS: Duration = Duration::from_secs(5);
/// How long a run goes on that may not watch what it made.
const BLIND: Duration = Duration::from_mins(1);
/// A pod that does not start for so long is asked about.
const ASK_POD_WHY: Duration = Duration::from_secs(20);
/// A limit that binds for so long is told.
const LASTS: Duration = Duration::from_secs(5);
/// How often a Job without a pod is asked about.
const ASK_JOBS: Duration = Duration::from_secs(5);
/// How many pods that do not start are asked about at once.
const ASKED: usize = 4;
/// How much of the log of a pod is kept that says nothing else.
const LAST_LINES: i64 = 50;

/// A pod, as far as it matters.
#[derive(Debug, Clone)]
pub(super) struct PodView {
    /// The Job that it is of.
    pub(super) job: String,
    /// What it waits for; `None`: it runs.
    pub(super) waiting: Option<Waiting>,
    /// Since when it waits for that.
    since: Instant,
    /// It is being deleted.
    is_going: bool,
    /// What events say of why it waits.
    word: String,
    asked: Option<Instant>,
    /// It has ended, and that was taken in.
    pub(super) ended: bool,
}

impl Actor {
    pub(super) fn news(&mut self, seen: Seen) {
        let tells_nothing = matches!(
            seen,
            Seen::Pods(News::Forbidden | News::Trouble(_))
                | Seen::Jobs(News::Forbidden | News::Trouble(_))
        );
        if !tells_nothing {
            self.blind_since = None;
        }
        match seen {
            Seen::Pods(News::All(pods)) => {
                let there: hashbrown::HashSet<String> =
                    pods.iter().map(|pod| pod.name().to_owned()).collect();
                for pod in &pods {
                    self.pod(pod);
                }
                if let Some(settling) = &mut self.settling {
                    settling.retain(&there);
                }
                if !std::mem::replace(&mut self.pods_listed, true) {
                    // What Jobs say counts only beside what their pods say.
                    for job in std::mem::take(&mut self.jobs_first) {
                        self.job(&job);
                    }
                }
                let gone: Vec<String> =
                    self.pods.keys().filter(|pod| !there.contains(*pod)).cloned().collect();
                for pod in gone {
                    self.pod_gone(&pod);
                }
                // Workers that came before their pods were seen are there; others are gone.
                let lost: Vec<String> = self
                    .workers
                    .iter()
                    .filter(|(pod, worker)| worker.connection.is_none() && !there.contains(*pod))
                    .map(|(pod, _)| pod.clone())
                    .collect();
                for pod in lost {
                    self.worker_gone(&pod, &deleted());
                }
            }
            Seen::Pods(News::Changed(pod)) => self.pod(&pod),
            Seen::Pods(News::Deleted(key)) => self.pod_gone(&key.name),
            Seen::Jobs(News::All(jobs)) => {
                for job in &jobs {
                    self.job(job);
                }
                let there: hashbrown::HashSet<&str> = jobs.iter().map(Object::name).collect();
                let gone: Vec<String> = self
                    .batches
                    .iter()
                    // One that was just made may not be in a list that is older.
                    .filter(|(name, batch)| batch.is_listed && !there.contains(name.as_str()))
                    .map(|(name, _)| name.clone())
                    .collect();
                for job in gone {
                    self.job_gone(&job);
                }
            }
            Seen::Jobs(News::Deleted(key)) => self.job_gone(&key.name),
            Seen::Jobs(News::Changed(job)) => self.job(&job),
            Seen::Pods(News::Trouble(why)) | Seen::Jobs(News::Trouble(why)) => {
                self.note(format!("the cluster cannot be watched at the moment: {why}"));
            }
            Seen::Pods(News::Forbidden) | Seen::Jobs(News::Forbidden) => self.forbidden(),
        }
    }

    /// Without watches no end of a Job is heard of: what waits for one is not to wait for ever.
    fn forbidden(&mut self) {
        let why = "this account may not list and watch pods and Jobs: `wf-run rbac` prints the Role that a run needs";
        if self.said.insert(why.to_owned()) {
            self.note(why);
        }
        let since = *self.blind_since.get_or_insert_with(Instant::now);
        if since.elapsed() > BLIND {
            let ids: Vec<_> = self.tasks.keys().copied().collect();
            for id in ids {
                self.fail_by_platform(id, PlatformFault::Config, why);
            }
        }
    }

    fn pod(&mut self, object: &Object) {
        let Some(pod) = fault::pod(object) else { return };
        let name = object.name().to_owned();
        let Some(job) = object.label(JOB_NAME).map(str::to_owned) else {
            return;
        };
        let state = fault::read(&pod);
        let known = self.pods.get(&name);
        if known.is_some_and(|known| known.ended) {
            return;
        }
        let is_going = object.is_being_deleted();
        if is_going && let Some(worker) = self.workers.get_mut(&name) {
            worker.leaving = true;
        }
        // A pod of an earlier Job of the same name says nothing of this one.
        let of_batch = self.batches.get(&job).and_then(|batch| batch.uid.as_deref());
        let owner = object.text("/metadata/ownerReferences/0/uid");
        if let (Some(uid), Some(owner)) = (of_batch, owner)
            && uid != owner
        {
            return self.settled_pod(&name);
        }
        if let Some(batch) = self.batches.get_mut(&job) {
            batch.pod_seen = true;
        }
        let (waiting, ended) = match &state {
            PodState::Waiting { why } => (Some(why.clone()), false),
            PodState::Running => (None, false),
            PodState::Ended(_) => (None, true),
        };
        // What it waits for is waited for since it was first seen to be so.
        let sort = |waiting: &Option<Waiting>| waiting.as_ref().map(std::mem::discriminant);
        let view = match known.filter(|known| sort(&known.waiting) == sort(&waiting)) {
            Some(known) => PodView { waiting, is_going, ended, ..known.clone() },
            None => PodView {
                job: job.clone(),
                waiting,
                since: Instant::now(),
                is_going,
                word: String::new(),
                asked: None,
                ended,
            },
        };
        self.pods.insert(name.clone(), view);
        match state {
            PodState::Waiting { .. } => {}
            PodState::Running => self.pod_runs(&job),
            PodState::Ended(end) => {
                self.settled_pod(&name);
                let (told, is_out_of_memory) = fault::told(&pod);
                self.take_what_was_told(&job, &end, told);
                // A group's worker that was killed had told of the tasks before that one.
                let end = match end {
                    PodEnd::Completed { .. } if is_out_of_memory => PodEnd::OutOfMemory,
                    other => other,
                };
                self.pod_ended(&name, &job, end);
            }
        }
    }

    /// The pod of a single task runs: so does the task. Of others the worker tells.
    fn pod_runs(&mut self, job: &str) {
        let Some(batch) = self.batches.get(job) else { return };
        if batch.keys.len() == 1
            && let Some(&key) = batch.keys.iter().next()
        {
            self.began(key);
        }
    }

    /// What a Job's worker wrote down counts, also where its pod was taken away then: but for those that it had to stop.
    fn take_what_was_told(&mut self, job: &str, end: &PodEnd, told: Vec<TaskEnd>) {
        if self.batches.get(job).is_none_or(super::batches::Batch::is_pool) {
            return;
        }
        let is_orderly = matches!(end, PodEnd::Completed { .. });
        for end in told {
            if is_orderly || end.result == TaskResult::Exit(0) {
                let key = end.key;
                self.ended(key, Ok(end), Peer::Batch(job.to_owned()).holder(key));
            }
        }
    }

    fn pod_ended(&mut self, pod: &str, job: &str, end: PodEnd) {
        let pool = self.batches.get(job).and_then(|batch| batch.pool);
        if let Some(at) = pool {
            return self.pool_pod_ended(pod, job, at, &end);
        }
        if self.workers.contains_key(pod) {
            let failure = failure_of(&end);
            return self.worker_gone(pod, &failure);
        }
        if !self.batches.contains_key(job) {
            return;
        }
        match end {
            PodEnd::Completed { message, exit } => {
                if message.as_deref().is_none_or(|text| BatchEnd::from_message(text).is_err()) {
                    // Not even wf-worker could say something: what its log has is kept.
                    let failure = Failure::Platform {
                        fault: PlatformFault::Config,
                        message: format!(
                            "its container ended with exit code {exit} without a word from wf-worker"
                        ),
                    };
                    return self.ask_for_log(pod, job, failure);
                }
                let failure = Failure::Platform {
                    fault: PlatformFault::WorkerLost,
                    message: format!("its pod ended with {exit} before its turn"),
                };
                self.lose_rest(job, &failure, &failure);
            }
            PodEnd::OutOfMemory => {
                let rest = Failure::Platform {
                    fault: PlatformFault::WorkerLost,
                    message: "another task of its group ran out of memory".to_owned(),
                };
                self.lose_rest(job, &Failure::OutOfMemory { limit_bytes: 0 }, &rest);
            }
            PodEnd::Fault { fault, message } => {
                let failure = self.known_fault(job, Failure::Platform { fault, message });
                self.ask_for_log(pod, job, failure);
            }
        }
    }

    /// What the Job says of its pods' end, where it says something.
    fn known_fault(&self, job: &str, otherwise: Failure) -> Failure {
        self.batches.get(job).and_then(|batch| batch.fault.clone()).unwrap_or(otherwise)
    }

    fn pool_pod_ended(&mut self, pod: &str, job: &str, at: usize, end: &PodEnd) {
        // With these codes its index is not run again: see `Objects::pool_job`.
        if let PodEnd::Completed { exit: 0 | 75 | 78, .. } = end
            && let Some(batch) = self.batches.get_mut(job)
        {
            batch.finished_pods += 1;
            if batch.finished_pods >= batch.pods {
                self.delete_job(job);
            }
        }
        if self.workers.contains_key(pod) {
            return self.worker_gone(pod, &failure_of(end));
        }
        match failure_of(end) {
            Failure::Platform { fault, message }
                if !matches!(end, PodEnd::Completed { exit: 0, .. }) =>
            {
                self.useless_pod(at, fault, &message);
            }
            failure @ Failure::OutOfMemory { .. } => {
                self.useless_pod(at, PlatformFault::Other, &failure.to_string());
            }
            _ => {}
        }
    }

    /// A pod of which nothing more is expected, though it may never be deleted.
    pub(super) fn no_longer_counts(&mut self, pod: &str) {
        let Some(view) = self.pods.get_mut(pod) else { return };
        if !std::mem::replace(&mut view.ended, true)
            && let Some(batch) = self.batches.get_mut(&view.job)
        {
            batch.finished_pods += 1;
        }
    }

    fn pod_gone(&mut self, pod: &str) {
        self.settled_pod(pod);
        let Some(view) = self.pods.remove(pod) else { return };
        if view.ended {
            return;
        }
        if self.workers.contains_key(pod) {
            return self.worker_gone(pod, &deleted());
        }
        let is_pool = self.batches.get(&view.job).is_none_or(super::batches::Batch::is_pool);
        if !is_pool {
            let failure = self.known_fault(&view.job, deleted());
            self.lose_rest(&view.job, &failure, &failure);
        }
    }

    /// A Job was deleted. While it has a pod, that tells more.
    fn job_gone(&mut self, job: &str) {
        if let Some(at) = self.batches.get(job).and_then(|batch| batch.pool) {
            // Its pods go too, one by one; others are made where there is work.
            self.batches.remove(job);
            self.pools[at].grow_at.get_or_insert_with(Instant::now);
            return;
        }
        let has_pod = self.pods.values().any(|pod| pod.job == job && !pod.ended);
        if !has_pod {
            self.lose_job(job, &deleted());
        }
    }

    /// What a Job says itself: that it has failed, or is complete, without a pod that says more.
    fn job(&mut self, job: &Object) {
        if !self.pods_listed {
            self.jobs_first.push(job.clone());
            return;
        }
        let name = job.name();
        let has_pod = self.pods.values().any(|pod| pod.job == name && !pod.ended);
        let Some(batch) = self.batches.get_mut(name) else { return };
        batch.is_listed = true;
        if batch.uid.is_none() && !job.is_being_deleted() {
            batch.uid = job.uid().map(str::to_owned);
        }
        let conditions = job.at("/status/conditions").and_then(serde_json::Value::as_array);
        let ended = conditions.into_iter().flatten().find(|condition| {
            let kind = condition["type"].as_str().unwrap_or_default();
            ["Failed", "FailureTarget", "Complete"].contains(&kind) && condition["status"] == "True"
        });
        let Some(ended) = ended else { return };
        let text = |field: &str| ended[field].as_str().unwrap_or_default();
        let fault = match (text("type"), text("reason")) {
            (_, "DeadlineExceeded") => PlatformFault::Deadline,
            ("Complete", _) if batch.is_pool() => return,
            ("Complete", _) => PlatformFault::Deleted,
            _ => PlatformFault::Other,
        };
        let message = match text("type") {
            "Complete" => "its pod is gone, and its result with it".to_owned(),
            _ => format!("Job {name}: {}", text("message")),
        };
        let failure = Failure::Platform { fault, message };
        if fault == PlatformFault::Deadline {
            // Its pod is deleted for that, and does not know why.
            batch.fault = Some(failure.clone());
        }
        // While the log of its pod is being read, that tells more.
        let is_asked = self.asked_logs.contains(name);
        if !has_pod && !is_asked && text("type") != "FailureTarget" {
            self.lose_job(name, &failure);
        }
    }

    // --- what only the log or the events tell --------------------------------------------------------------------------

    fn ask_for_log(&mut self, pod: &str, job: &str, failure: Failure) {
        let cluster = self.cluster.clone();
        let namespace = self.objects.settings.namespace.clone();
        let (pod, job) = (pod.to_owned(), job.to_owned());
        self.asked_logs.insert(job.clone());
        self.calls.spawn(async move {
            let wanted = LogTailOf {
                namespace: &namespace,
                pod: &pod,
                container: CONTAINER,
                previous: false,
                lines: LAST_LINES,
            };
            let text = cluster.log_tail(&wanted).await;
            CallDone::Tail { job, failure, text }
        });
    }

    pub(super) fn tail_of_lost(&mut self, job: &str, failure: Failure, text: Option<String>) {
        self.asked_logs.remove(job);
        let text = text.unwrap_or_default();
        self.keep_log_of(job, &text);
        let failure = match failure {
            Failure::Platform { fault, message } if !text.trim().is_empty() => {
                let last: Vec<&str> = text.trim_end().lines().rev().take(3).collect();
                let last: Vec<&str> = last.into_iter().rev().collect();
                Failure::Platform {
                    fault,
                    message: format!("{message}; its log ends: {}", last.join(" | ")),
                }
            }
            other => other,
        };
        self.lose_rest(job, &failure, &failure);
    }

    /// What the pod of a single task wrote is kept before the pod goes.
    fn keep_log_of(&mut self, job: &str, text: &str) {
        let Some(batch) = self.batches.get(job) else { return };
        let (Some(log_dir), false) = (&self.options.log_dir, text.is_empty()) else { return };
        let (1, Some(key)) = (batch.keys.len(), batch.keys.iter().next()) else { return };
        let Some(&id) = self.by_key.get(key) else { return };
        if let Err(error) = write_log(log_dir, id, "err", text) {
            self.note(format!("cannot keep the log of Job {job}: {error}"));
        }
    }

    fn ask_why(&mut self, kind: &'static str, name: &str) {
        let cluster = self.cluster.clone();
        let namespace = self.objects.settings.namespace.clone();
        let name = name.to_owned();
        self.calls.spawn(async move {
            let fields =
                format!("involvedObject.kind={kind},involvedObject.name={name},type=Warning");
            let filter = Filter { labels: None, fields: Some(&fields) };
            let events_kind = Kind::of("v1", "Event", "events");
            let events = cluster.list_where(&events_kind, Some(&namespace), &filter).await;
            let messages = events
                .unwrap_or_default()
                .iter()
                .filter_map(|event| event.text("/message").map(str::to_owned))
                .collect();
            CallDone::Events { kind, name, messages }
        });
    }

    /// What the events say of a pod that does not start.
    pub(super) fn why_not_started(&mut self, pod: &str, messages: &[String]) {
        let Some(view) = self.pods.get_mut(pod) else { return };
        let Some(message) = messages.last() else { return };
        view.word.clone_from(message);
        // Many pods wait for the same.
        if self.said.insert(message.clone()) {
            self.note(format!("pod {pod} does not start: {message}"));
        }
    }

    /// Whether a pod of the run is at work.
    pub(super) fn some_run(&self) -> bool {
        self.pods.values().any(|pod| {
            pod.waiting.is_none()
                && !pod.ended
                && !pod.is_going
                && self.batches.contains_key(&pod.job)
        })
    }

    pub(super) fn why_no_pod(&mut self, job: &str, messages: &[String]) {
        let ours_run = self.some_run();
        let Some(batch) = self.batches.get_mut(job) else { return };
        batch.asked_why = Some(Instant::now());
        if batch.pod_seen {
            return;
        }
        let Some(message) = messages.last() else { return };
        let is_quota = message.contains("exceeded quota");
        if is_quota && ours_run {
            // It is our own pods that fill it: there will be room.
            batch.since = Instant::now();
        }
        let waited = batch.since.elapsed();
        let (fault, patience) = if is_quota {
            self.quota = Some((message.clone(), Instant::now()));
            (PlatformFault::Quota, self.options.patience.quota)
        } else {
            // Such as a Pod Security level, a missing service account, or a webhook.
            (PlatformFault::Config, self.options.patience.image)
        };
        if waited > patience {
            let message = format!("no pod after {} s: {message}", waited.as_secs());
            self.lose_job(job, &Failure::Platform { fault, message });
            self.delete_job(job);
        }
    }

    // --- the clock -----------------------------------------------------------------------------------------------------

    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        self.tick_workers(now);
        self.tick_jobs(now);
        self.tick_pods(now);
        self.tell_limit(now);
    }

    fn tick_jobs(&mut self, now: Instant) {
        if self.asked_of_jobs.is_some_and(|at| now.duration_since(at) < ASK_JOBS) {
            return;
        }
        // One speaks for those that wait with it: the one that was asked about longest ago.
        let silent = self
            .batches
            .iter()
            .filter(|(_, batch)| {
                batch.stage == Stage::Made
                    && !batch.pod_seen
                    && now.duration_since(batch.since) > ASK_WHY
            })
            .min_by_key(|(_, batch)| batch.asked_why.unwrap_or(batch.since))
            .map(|(job, _)| job.clone());
        if let Some(job) = silent {
            self.asked_of_jobs = Some(now);
            if let Some(batch) = self.batches.get_mut(&job) {
                batch.asked_why = Some(now);
            }
            self.ask_why("Job", &job);
        }
    }

    /// Gives up what waits too long for an image, a container or a node.
    fn tick_pods(&mut self, now: Instant) {
        let patience = self.options.patience;
        let ours_run = self.some_run();
        let mut given_up = Vec::new();
        let mut asked = Vec::new();
        for (name, pod) in &mut self.pods {
            let waited = now.duration_since(pod.since);
            let (limit, fault, message) = match &pod.waiting {
                Some(Waiting::Image { message }) => (patience.image, PlatformFault::Image, message),
                Some(Waiting::Config { message }) => {
                    (patience.image, PlatformFault::Config, message)
                }
                // Behind our own pods: there will be room.
                Some(Waiting::Unschedulable { .. } | Waiting::Unscheduled) if ours_run => {
                    pod.since = now;
                    continue;
                }
                Some(Waiting::Unschedulable { message }) => {
                    (patience.schedule, PlatformFault::Unschedulable, message)
                }
                Some(Waiting::Unscheduled) => {
                    (patience.schedule, PlatformFault::Unschedulable, &pod.word)
                }
                Some(Waiting::Starting) => (patience.start, PlatformFault::Config, &pod.word),
                None => continue,
            };
            let may_ask = pod.asked.is_none_or(|at| now.duration_since(at) > ASK_POD_WHY);
            if waited > ASK_POD_WHY && pod.word.is_empty() && may_ask && asked.len() < ASKED {
                pod.asked = Some(now);
                asked.push(name.clone());
            }
            if waited > limit {
                let message = if message.is_empty() { "nothing says why" } else { message };
                let message = format!("{message} (for {} s)", waited.as_secs());
                given_up.push((name.clone(), pod.job.clone(), fault, message));
            }
        }
        for pod in asked {
            self.ask_why("Pod", &pod);
        }
        for (pod, job, fault, message) in given_up {
            if let Some(view) = self.pods.get_mut(&pod) {
                // Not again for this one.
                view.since = now + patience.gone;
            }
            let pool = self.batches.get(&job).and_then(|batch| batch.pool);
            if let Some(at) = pool {
                if !self.has_workers(at) {
                    self.give_up(at, fault, &message);
                }
            } else {
                let failure = Failure::Platform { fault, message };
                // It waits: nothing of it writes.
                self.lose_job(&job, &failure);
                self.delete_job(&job);
            }
        }
    }

    fn tell_limit(&mut self, now: Instant) {
        let mut counts = Counts {
            wanted: self.tasks.len(),
            running: self.tasks.values().filter(|task| task.began).count(),
            slots_cap: self.options.max_pods * self.options.worker_slots.max(1) as usize,
            create_queue: self.to_make.len(),
            creates_throttled: self.pace.is_throttled(now),
            quota_message: self.quota_in_force(now),
            ..Counts::default()
        };
        for batch in self.batches.values() {
            let waits = batch.stage == Stage::Made && !batch.pod_seen;
            if waits && now.duration_since(batch.since) > NO_POD {
                counts.jobs_without_pod += 1;
            }
        }
        for pod in self.pods.values().filter(|pod| !pod.ended) {
            match &pod.waiting {
                Some(Waiting::Unscheduled) => counts.pods_unscheduled += 1,
                Some(Waiting::Unschedulable { message }) => {
                    counts.pods_unschedulable += 1;
                    counts.unschedulable_message = Some(message.clone());
                }
                Some(Waiting::Image { .. }) => counts.pods_starting_images += 1,
                Some(Waiting::Starting | Waiting::Config { .. }) => counts.pods_starting += 1,
                None => {}
            }
        }
        let limit = Limit::of(&counts);
        let (known, since, is_told) = &mut self.limit;
        if std::mem::discriminant(&limit) != std::mem::discriminant(known) {
            (*since, *is_told) = (now, false);
        }
        *known = limit.clone();
        let is_news = limit != Limit::Nothing && !matches!(limit, Limit::Slots(_));
        // Each pod starts and is scheduled: that is worth a word only where it lasts.
        if is_news && !*is_told && now.duration_since(*since) >= LASTS {
            *is_told = true;
            self.tell(Notice::Limit(limit));
        }
    }

    fn quota_in_force(&self, now: Instant) -> Option<String> {
        let (message, at) = self.quota.as_ref()?;
        (now.duration_since(*at) < ASK_WHY + QUOTA_LASTS).then(|| message.clone())
    }
}

fn deleted() -> Failure {
    Failure::Platform {
        fault: PlatformFault::Deleted,
        message: "its pod was deleted before it had ended".to_owned(),
    }
}

/// What a pod's end means for a task that it was at and that told nothing.
fn failure_of(end: &PodEnd) -> Failure {
    match end {
        PodEnd::Completed { exit, .. } => Failure::Platform {
            fault: PlatformFault::WorkerLost,
            message: format!("its worker ended with exit code {exit}"),
        },
        PodEnd::OutOfMemory => Failure::OutOfMemory { limit_bytes: 0 },
        PodEnd::Fault { fault, message } => {
            Failure::Platform { fault: *fault, message: message.clone() }
        }
    }
}
