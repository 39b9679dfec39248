//! What an earlier engine of the run left: taken over, or ended first. And the run's own end.

use hashbrown::HashSet;
use k8s_apply::cluster::Kind;
use k8s_apply::object::Object;
use tokio::time::{Duration, Instant, sleep, timeout};
use worker::protocol::TaskKey;

use super::BeginError;
use super::actor::{Actor, Held, Place, job_kind, pod_kind};
use super::batches::{Batch, Stage};
use crate::k8s::fault::{self, PodState, Waiting};
use crate::k8s::name::{self, Role};
use crate::k8s::objects::Class;

/// The label with which the Job controller marks a Job's pods.
pub(super) const JOB_NAME: &str = "batch.kubernetes.io/job-name";
/// How much older than the truth a pod's status may be.
const STATUS_LAG: Duration = Duration::from_secs(15);
/// How often it is looked whether what is being deleted is gone.
const LOOK: Duration = Duration::from_millis(300);
/// How long the last deletions of a run may take.
const LAST_CALLS: Duration = Duration::from_secs(30);

/// Pods of an earlier engine that may be at work, and are to say so.
#[derive(Debug)]
pub(super) struct Settling {
    pods: HashSet<String>,
    since: Instant,
    /// After this their leases have run out, so that nothing of theirs runs any more.
    until: Instant,
}

impl Settling {
    /// Pods that are not there any more say nothing.
    pub(super) fn retain(&mut self, there: &HashSet<String>) {
        self.pods.retain(|pod| there.contains(pod));
    }
}

impl Actor {
    /// Looks at what is there of the run, before anything is made.
    pub(super) async fn take_stock(&mut self) -> Result<(), BeginError> {
        let namespace = self.objects.settings.namespace.clone();
        let selector = self.objects.names.selector();
        let jobs = self.cluster.list(&job_kind(), Some(&namespace), Some(&selector)).await?;
        let jobs: Vec<Object> = jobs.into_iter().filter(is_of_tasks).collect();
        let pods = self.cluster.list(&pod_kind(), Some(&namespace), Some(&selector)).await?;
        // The engine's own pod is one of the run's too.
        let pods: Vec<Object> = pods.into_iter().filter(is_of_tasks).collect();
        if jobs.is_empty() && pods.is_empty() {
            return Ok(());
        }
        if self.options.is_new {
            return Err(BeginError::Taken { run: self.options.run.clone(), namespace });
        }
        if !self.options.adopt {
            self.note("what an earlier engine began on the cluster is ended first");
            return self.end_all(&jobs).await;
        }
        let has_pools = jobs.iter().any(|job| role(job) == Some(Role::Pool));
        if has_pools {
            self.know_classes();
        }
        let mut kept = HashSet::new();
        for job in &jobs {
            if self.keep_job(job) {
                kept.insert(job.name().to_owned());
            }
        }
        self.until_calls_are_done().await;
        // What an earlier engine had begun to end is to have ended before its tasks begin anew.
        self.until_pods_are_gone(self.options.patience.gone, |job| !kept.contains(job)).await?;
        let kept = kept.len();
        if kept > 0 {
            self.note(format!("{kept} Jobs of an earlier engine are taken over"));
        }
        let mut expected = HashSet::new();
        for pod in &pods {
            let Some(job) = pod.label(JOB_NAME) else { continue };
            let is_pool = self.batches.get(job).is_some_and(Batch::is_pool);
            // What a pod says of itself is seconds old: one that starts may have a worker with a task.
            let may_work = matches!(
                fault::pod(pod).map(|pod| fault::read(&pod)),
                Some(PodState::Running | PodState::Waiting { why: Waiting::Starting })
            );
            if is_pool && may_work {
                expected.insert(pod.name().to_owned());
            }
        }
        if self.hub.is_some() && !expected.is_empty() {
            // What the workers were told counts, and a dead engine may be noticed only by its silence.
            let lease = jobs.iter().filter_map(lease_of).max().unwrap_or_default();
            let lease = lease.max(self.options.patience.lease);
            let wait = lease + self.options.patience.silence + Duration::from_secs(10);
            let until = Instant::now() + wait;
            self.note(format!(
                "waiting for {} of an earlier engine to come back, {} s at most",
                counted(expected.len(), "worker"),
                wait.as_secs()
            ));
            self.settling = Some(Settling { pods: expected, since: Instant::now(), until });
        }
        Ok(())
    }

    /// The classes of all tasks, so that workers of an earlier engine are known.
    fn know_classes(&mut self) {
        let workflow = std::sync::Arc::clone(&self.workflow);
        for process in workflow.processes() {
            if let Some(command) = process.command() {
                let class = self.class_of(&command, command.memory_bytes);
                self.pool(class);
            }
        }
        let usual = Class::default_of(&self.objects.settings);
        self.pool(usual);
    }

    /// Whether a Job of an earlier engine is of use; otherwise it is deleted.
    fn keep_job(&mut self, job: &Object) -> bool {
        let name = job.name().to_owned();
        if role(job) == Some(Role::Pool) {
            let class = job.label(name::CLASS).unwrap_or_default();
            let Some(&at) = self.pool_of.get(class) else {
                self.delete_job(&name);
                return false;
            };
            if let Some(generation) =
                name.rsplit('-').next().and_then(|text| text.parse::<u16>().ok())
            {
                let pool = &mut self.pools[at];
                pool.generation = pool.generation.max(generation);
            }
            let number = |path: &str| job.at(path).and_then(serde_json::Value::as_u64).unwrap_or(0);
            let pods = usize::try_from(number("/spec/parallelism")).unwrap_or(0);
            let mut batch = Batch::of_tasks(HashSet::new(), None, Stage::Made);
            batch.uid = job.uid().map(str::to_owned);
            batch.pool = Some(at);
            batch.pods = pods;
            self.batches.insert(name, batch);
            return true;
        }
        let keys = name::tasks_of(job.value());
        let open: HashSet<TaskKey> = keys
            .into_iter()
            .filter(|key| {
                !self.options.done.contains(&(key.process, key.firing))
                    && !self.options.recorded.contains(&super::spec::id_of(*key))
            })
            .collect();
        let is_going = job.is_being_deleted();
        if open.is_empty() || is_going {
            self.delete_job(&name);
            return false;
        }
        for key in &open {
            let firing = (key.process, key.firing);
            // Of two attempts that nobody knows the end of the later one counts.
            let is_older = matches!(self.held.get(&firing),
                Some(Held::Runs { key: known, .. }) if known.attempt > key.attempt);
            if !is_older {
                self.held
                    .insert(firing, Held::Runs { place: Place::Batch(name.clone()), key: *key });
            }
        }
        let mut batch = Batch::of_tasks(open, None, Stage::Made);
        batch.uid = job.uid().map(str::to_owned);
        self.batches.insert(name, batch);
        true
    }

    /// Deletes Jobs of an earlier engine and waits until their pods are gone.
    async fn end_all(&mut self, jobs: &[Object]) -> Result<(), BeginError> {
        for job in jobs {
            self.delete_job(job.name());
        }
        self.until_calls_are_done().await;
        self.until_pods_are_gone(self.options.patience.gone, |_| true).await
    }

    pub(super) async fn until_calls_are_done(&mut self) {
        while let Some(done) = self.calls.join_next().await {
            if let Ok(done) = done {
                self.call_done(done);
            }
        }
    }

    /// Waits until no pod of these Jobs can write any more.
    async fn until_pods_are_gone(
        &self,
        patience: Duration,
        of_job: impl Fn(&str) -> bool,
    ) -> Result<(), BeginError> {
        let namespace = self.objects.settings.namespace.clone();
        let selector = self.objects.names.selector();
        let begun = Instant::now();
        loop {
            let pods = self.cluster.list(&pod_kind(), Some(&namespace), Some(&selector)).await?;
            let left: Vec<&str> = pods
                .iter()
                .filter(|pod| is_of_tasks(pod) && !has_ended(pod))
                .filter(|pod| pod.label(JOB_NAME).is_some_and(&of_job))
                .map(Object::name)
                .collect();
            if left.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > patience {
                let what = format!("pods {}", left.join(", "));
                return Err(BeginError::Left { what, seconds: patience.as_secs() });
            }
            sleep(LOOK).await;
        }
    }

    /// A pod of an earlier engine has said what it has, or has ended.
    pub(super) fn settled_pod(&mut self, pod: &str) {
        if let Some(settling) = &mut self.settling {
            settling.pods.remove(pod);
        }
    }

    /// A pod that still waits when its status has had the time to be new has run nothing.
    fn settle_those_that_wait(&mut self) {
        let Some(settling) = &mut self.settling else { return };
        let pods = &self.pods;
        if settling.since.elapsed() > STATUS_LAG {
            settling.pods.retain(|pod| pods.get(pod).is_none_or(|pod| pod.waiting.is_none()));
        }
    }

    /// Whether all is known; asked again and again until then.
    pub(super) fn settle(&mut self) -> Option<Result<(), BeginError>> {
        self.settle_those_that_wait();
        if let Some(settling) = &self.settling {
            if !settling.pods.is_empty() && Instant::now() < settling.until {
                return None;
            }
            // Those that did not come have lost their leases: they have ended what they had.
            for pod in settling.pods.clone() {
                self.note(format!("worker {pod} of an earlier engine did not come back"));
            }
            self.settling = None;
        }
        Some(Ok(()))
    }

    /// The end of the run: everything that it made is deleted.
    pub(super) async fn close(&mut self) {
        self.dismiss_workers();
        self.to_make.clear();
        let ended = timeout(LAST_CALLS, self.delete_everything()).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.note(format!("not everything of the run could be deleted: {error}"));
            }
            Err(_) => self.note("not everything of the run could be deleted in time"),
        }
        self.followers.shutdown().await;
        self.calls.shutdown().await;
        if let Some(relay) = self.relay.take() {
            relay.close().await;
        }
        if let Some(hub) = self.hub.take() {
            hub.close().await;
        }
    }

    async fn delete_everything(&mut self) -> Result<(), BeginError> {
        // What was asked for just now may come into being after a list.
        self.until_calls_are_done().await;
        let namespace = self.objects.settings.namespace.clone();
        let selector = self.objects.names.selector();
        let jobs = self.cluster.list(&job_kind(), Some(&namespace), Some(&selector)).await?;
        for job in jobs.iter().filter(|job| role(job) != Some(Role::Engine)) {
            self.batches.remove(job.name());
            self.delete_job(job.name());
        }
        if self.hub.is_some() {
            let kind = Kind::of("v1", "Secret", "secrets");
            self.delete_other(&self.objects.names.worker_secret(), kind);
        }
        if matches!(self.options.reach, super::Reach::Relay) {
            let kind = Kind::of("v1", "Service", "services");
            self.delete_other(&self.objects.names.relay(), kind);
        }
        self.until_calls_are_done().await;
        // So that nobody writes any more when the run counts as ended.
        self.until_pods_are_gone(LAST_CALLS, |_| true).await
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("one {what}") } else { format!("{count} {what}s") }
}

/// The lease that the workers of a pool's Job were told.
fn lease_of(job: &Object) -> Option<Duration> {
    let containers = job.at("/spec/template/spec/containers")?.as_array()?;
    let words = containers.first()?.get("command")?.as_array()?;
    let at = words.iter().position(|word| word == "--lease")?;
    let seconds = words.get(at + 1)?.as_str()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn role(object: &Object) -> Option<Role> {
    Role::parse(object.label(name::ROLE)?)
}

/// Whether tasks run in it.
fn is_of_tasks(object: &Object) -> bool {
    matches!(role(object), Some(Role::Task | Role::Group | Role::Pool))
}

fn has_ended(pod: &Object) -> bool {
    matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed"))
}
