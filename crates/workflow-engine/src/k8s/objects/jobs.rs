//! Jobs of tasks and pools, and what lets workers connect.

use std::time::Duration;

use serde_json::{Value, json};
use worker::protocol::{Batch, TaskKey};

use super::{
    CONTAINER, Class, MOST_BATCH_BYTES, ObjectError, Objects, Pod, RELAY_ENGINE_PORT,
    RELAY_WORKERS_PORT, WORKER, WORKER_IN_IMAGE, place_env,
};
use crate::k8s::name::{self, Role};

/// How often each of a pool's pods may fail before Kubernetes gives it up. The engine gives up sooner, with a reason. Each
/// has a back-off of its own, so that one that fails over and over does not hold up the others.
const POOL_BACK_OFF: u32 = 1000;
/// How often the relay may fail.
const RELAY_BACK_OFF: u32 = 1000;
/// Exit codes of a worker that had no engine for the length of its lease, and of one that the engine has no use for.
const WORKER_IS_NOT_WANTED: [i32; 2] = [75, 78];

impl Objects {
    /// The batch of a Job: its name and the tasks. `engine` is `ADDRESS:PORT`, where each end is reported at once.
    #[must_use]
    pub fn batch(&self, tasks: Vec<worker::protocol::TaskSpec>, engine: Option<String>) -> Batch {
        let keys: Vec<TaskKey> = tasks.iter().map(|task| task.key).collect();
        let id = match keys.as_slice() {
            [key] => self.names.task(*key),
            keys => self.names.group(keys),
        };
        Batch { run: self.run.clone(), id, tasks, engine }
    }

    /// The Job of a batch with one task, or with several that run one after another ([`Objects::batch`]).
    ///
    /// `type_name` is the type of its tasks. `deadline` is the longest life of the Job, waiting included; the settings'
    /// deadline counts too. Where the batch has an engine to connect to, the Secret is mounted.
    ///
    /// # Errors
    /// If the batch is too large for an object.
    pub fn task_job(
        &self,
        class: &Class,
        type_name: &str,
        batch: &Batch,
        deadline: Option<Duration>,
    ) -> Result<Value, ObjectError> {
        let keys: Vec<TaskKey> = batch.tasks.iter().map(|task| task.key).collect();
        let (role, labels, annotations) = self.task_marks(&keys, type_name);
        let mut command = vec![WORKER.to_owned(), "run".to_owned(), batch.id.clone()];
        command.extend(self.grace());
        let env = self.env(batch_env(batch)?);
        let mut pod = Pod::new(role, &class.image, command, env, self.resources(class, 1));
        pod.node_selector = Some(&class.node_selector);
        pod.identity = batch.engine.is_some();
        let mut spec = once();
        if let Some(seconds) = self.deadline(deadline) {
            spec["activeDeadlineSeconds"] = seconds.into();
        }
        Ok(self.job(&batch.id, &labels, &annotations, spec, &pod))
    }

    /// What a Job of these tasks is for, its labels and annotations.
    pub(in crate::k8s) fn task_marks(
        &self,
        keys: &[TaskKey],
        type_name: &str,
    ) -> (Role, serde_json::Map<String, Value>, serde_json::Map<String, Value>) {
        let mut more = vec![(name::TYPE, name::label_value(type_name))];
        let role = if let [key] = keys {
            more.push((name::TASK, name::firing_label(*key)));
            more.push((name::ATTEMPT, key.attempt.to_string()));
            Role::Task
        } else {
            Role::Group
        };
        (role, self.labels(role, &more), self.annotations(&[(name::TASKS, name::list(keys))]))
    }

    /// How long tasks have to end when their pod is ended: some of the pod's time is left for telling of them.
    fn grace(&self) -> [String; 2] {
        let seconds = self.settings.grace_seconds;
        ["--grace".to_owned(), (seconds - seconds.div_ceil(3)).to_string()]
    }

    /// The sooner of the settings' deadline and another one, in whole seconds, at least one.
    pub(in crate::k8s) fn deadline(&self, other: Option<Duration>) -> Option<u64> {
        let other = other.map(|it| it.as_secs() + u64::from(it.subsec_nanos() > 0));
        self.settings.deadline_seconds.into_iter().chain(other).min().map(|seconds| seconds.max(1))
    }

    /// The Job of a pool: `pods` pods that each run `slots` tasks of a class at once, for the engine at `engine`
    /// (`ADDRESS:PORT`). Workers that have no engine for as long as `lease` end themselves and are not made again,
    /// so that the Job of a dead run ends as well.
    #[must_use]
    pub fn pool_job(
        &self,
        class: &Class,
        generation: u16,
        pods: u32,
        slots: u32,
        engine: &str,
        lease: Duration,
    ) -> Value {
        let id = class.id();
        let labels = self.labels(Role::Pool, &[(name::CLASS, id.clone())]);
        let words = ["serve", "--run", &self.run, "--class", &id, "--engine", engine];
        let mut command = vec![WORKER.to_owned()];
        command.extend(words.map(str::to_owned));
        command.extend(["--slots".to_owned(), slots.to_string()]);
        command.extend(["--lease".to_owned(), lease.as_secs().max(1).to_string()]);
        command.extend(self.grace());
        let (env, resources) = (self.env(Vec::new()), self.resources(class, slots));
        let mut pod = Pod::new(Role::Pool, &class.image, escaped(command), env, resources);
        pod.node_selector = Some(&class.node_selector);
        pod.identity = true;
        let spec = json!({
            "completionMode": "Indexed",
            "completions": pods,
            "parallelism": pods,
            "backoffLimitPerIndex": POOL_BACK_OFF,
            "podFailurePolicy": {"rules": [
                ignore_disruptions(),
                {"action": "FailIndex", "onExitCodes":
                    {"containerName": CONTAINER, "operator": "In", "values": WORKER_IS_NOT_WANTED}},
            ]},
        });
        let name = self.names.pool(&id, generation);
        self.job(&name, &labels, &self.annotations(&[]), spec, &pod)
    }

    /// The Secret of the workers: the run's CA and the workers' certificate and key, all PEM.
    #[must_use]
    pub fn worker_secret(&self, ca: &str, certificate: &str, key: &str) -> Value {
        let labels = self.labels(Role::Pool, &[]);
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self.metadata(&self.names.worker_secret(), &labels, &self.annotations(&[])),
            "type": "Opaque",
            "immutable": true,
            "stringData": {"ca.crt": ca, "tls.crt": certificate, "tls.key": key},
        })
    }

    /// The Service with which workers reach an engine in the cluster: it selects the pod of [`Objects::engine_job`],
    /// so that an engine that comes after a dead one has the same address.
    #[must_use]
    pub fn engine_service(&self, port: u16) -> Value {
        self.service(&self.names.engine(), Role::Engine, port)
    }

    /// The Service with which workers reach the relay. A relay that is made again has the same address then.
    #[must_use]
    pub fn relay_service(&self) -> Value {
        self.service(&self.names.relay(), Role::Relay, RELAY_WORKERS_PORT)
    }

    fn service(&self, name: &str, role: Role, port: u16) -> Value {
        let labels = self.labels(role, &[]);
        let mut selector = serde_json::Map::new();
        for key in [name::RUN, name::ROLE] {
            selector.insert(key.to_owned(), labels[key].clone());
        }
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(name, &labels, &self.annotations(&[])),
            "spec": {
                "type": "ClusterIP",
                "selector": selector,
                "ports": [{"name": "workers", "protocol": "TCP", "port": port, "targetPort": port}],
                // Connections are taken as soon as they are, whatever a probe would say.
                "publishNotReadyAddresses": true,
            },
        })
    }

    /// The relay, as a Job: so no more rights are needed than for other Jobs, it is made again after a disruption, and
    /// deleted some time after its end.
    #[must_use]
    pub fn relay_job(&self) -> Value {
        let labels = self.labels(Role::Relay, &[]);
        let workers = format!("0.0.0.0:{RELAY_WORKERS_PORT}");
        let engine = format!("127.0.0.1:{RELAY_ENGINE_PORT}");
        let words = [WORKER_IN_IMAGE, "relay", "--workers", &workers, "--engine", &engine];
        let resources = json!({"requests": {"cpu": "50m", "memory": "32Mi"}});
        let (image, command) = (&self.settings.worker_image, words.map(str::to_owned).to_vec());
        let pod = Pod::new(Role::Relay, image, command, place_env(), resources);
        let spec = json!({
            "backoffLimit": RELAY_BACK_OFF,
            "podFailurePolicy": {"rules": [ignore_disruptions()]},
        });
        self.job(&self.names.relay(), &labels, &self.annotations(&[]), spec, &pod)
    }
}

/// The variables that carry a batch.
pub(in crate::k8s) fn batch_env(batch: &Batch) -> Result<Vec<(String, String)>, ObjectError> {
    let env = batch.to_env()?;
    let bytes = env.iter().map(|(_, value)| value.len()).sum();
    if bytes > MOST_BATCH_BYTES {
        return Err(ObjectError::BatchTooLarge { name: batch.id.clone(), bytes });
    }
    Ok(env)
}

/// Words of `command:`, in which Kubernetes would put variables for `$(NAME)`.
pub(super) fn escaped(words: Vec<String>) -> Vec<String> {
    words.into_iter().map(|word| word.replace('$', "$$")).collect()
}

/// The spec of a Job whose pod is made once, whatever befalls it.
pub(in crate::k8s) fn once() -> Value {
    json!({
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "podFailurePolicy": {"rules": [
            {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]},
    })
}

/// A pod that was taken away is made again, and does not count.
pub(super) fn ignore_disruptions() -> Value {
    json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]})
}
