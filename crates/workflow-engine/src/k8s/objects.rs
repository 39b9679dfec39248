//! The objects that a run makes: Jobs, the Secret and the Service of its workers, the relay, the engine.
//!
//! All are JSON, ready for the server. No pod asks for more than the level "restricted" of Pod Security allows, gets a
//! token of its account (but the engine), or mounts a folder of its node: data comes from claims only. The one exception
//! is a run whose user is 0, which is then what the configuration says.
//!
//! **Resources.** A task's request is what it says; else [`Settings::cpu_millis`] and [`Settings::memory_bytes`]. A
//! memory request that the task itself gives is its limit too, because one task beyond its share would take others of
//! its node down. The default is no limit: it is a guess for the scheduler. CPU has no limit, so that idle cores are
//! used, unless [`Settings::cpu_limit`] says so (for quotas on `limits.cpu`). GPUs are limits and requests, as
//! Kubernetes demands.
//!
//! **Retries** are the engine's. Jobs of tasks have a back-off limit of 0, and their pods are not made again after a
//! disruption either: the engine sees the pod fail, knows why, and makes the next attempt.

mod jobs;
mod submit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;
use worker::protocol::ProtocolError;
use xxhash_rust::xxh3::xxh3_64;

use super::name::{self, Names, Role};
use crate::model::Command;

pub(super) use jobs::{batch_env, once};
pub use submit::{WORKFLOW_PARTS, join_workflow};

/// Where pods have `wf-worker`.
pub const PROGRAM_DIR: &str = "/windlass";
/// The program that runs tasks, in every pod.
pub const WORKER: &str = "/windlass/wf-worker";
/// The same in the worker image, where an init container takes it from.
pub const WORKER_IN_IMAGE: &str = "/wf-worker";
/// Where pods that connect have `ca.crt`, `tls.crt` and `tls.key`.
pub const IDENTITY_DIR: &str = "/windlass-id";
/// Where the engine's pod has the parts of the workflow's file, as `part-0`, `part-1`, ...
pub const WORKFLOW_DIR: &str = "/windlass-workflow";
/// Name of the container that runs tasks, in every pod.
pub const CONTAINER: &str = "task";
/// Name of the init container that brings [`WORKER`].
pub const INIT_CONTAINER: &str = "wf-worker";
/// Where the relay takes workers' connections.
pub const RELAY_WORKERS_PORT: u16 = 7070;
/// Where the relay takes the engine's connections, from a forwarded port only.
pub const RELAY_ENGINE_PORT: u16 = 7071;

/// The volume with the program.
pub(super) const PROGRAM_VOLUME: &str = "windlass";
/// The volume with the certificates.
pub(super) const IDENTITY_VOLUME: &str = "windlass-id";
/// The volume with the data.
pub(super) const DATA_VOLUME: &str = "windlass-data";

/// Where the data of a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Data {
    /// Pods share nothing: each has an empty folder, and files go over the connection.
    #[default]
    None,
    /// A claim, which all pods mount. It must be writable from several nodes if there are several.
    Claim {
        /// Its name.
        name: String,
        /// A folder in it that is to be the work directory. It must be there and be the user's, or the group's.
        #[serde(default)]
        sub_path: Option<String>,
    },
}

/// What all pods of a run share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The namespace.
    pub namespace: String,
    /// Image with [`WORKER_IN_IMAGE`].
    pub worker_image: String,
    /// Image with `wf-run`, for [`Objects::engine_job`].
    pub engine_image: String,
    /// Image of tasks that name none.
    pub task_image: String,
    /// `Always`, `IfNotPresent` or `Never`; `None`: what Kubernetes takes for the image.
    pub image_pull_policy: Option<String>,
    /// Secrets for pulling images.
    pub image_pull_secrets: Vec<String>,
    /// Service account of all pods but the engine's; `None`: the namespace's default. They get no token of it.
    pub service_account: Option<String>,
    /// Service account of the engine, which has the Role of [`rights`](super::rights).
    pub engine_service_account: Option<String>,
    /// User that pods run as.
    pub user: u32,
    /// Group that pods run as.
    pub group: u32,
    /// Group that volumes are made writable for; `None`: volumes stay as they are.
    pub fs_group: Option<u32>,
    /// The work directory in pods.
    pub work_dir: String,
    /// What is there.
    pub data: Data,
    /// Nodes that pods may run on. A class adds to it.
    pub node_selector: BTreeMap<String, String>,
    /// `tolerations` of pods.
    pub tolerations: Vec<Value>,
    /// `affinity` of pods.
    pub affinity: Option<Value>,
    /// `PriorityClass` of pods.
    pub priority_class: Option<String>,
    /// Kueue's `LocalQueue`. Only a label is set: Kueue suspends the Jobs itself. Engine and relay do not queue, because
    /// the others cannot end without them.
    pub queue: Option<String>,
    /// Requested thousandths of a core of a task that says nothing (HyperFlow: 0.5 cores).
    pub cpu_millis: u64,
    /// Requested bytes of a task that says nothing (HyperFlow: 50 MiB).
    pub memory_bytes: u64,
    /// Whether the CPU request is a limit too.
    pub cpu_limit: bool,
    /// How long Kubernetes keeps a Job after its end, in seconds: for the case that no engine is there to delete it.
    pub ttl_seconds: u32,
    /// The longest life of a Job of tasks or input, in seconds, waiting included. Pools, relay and engine have none.
    pub deadline_seconds: Option<u64>,
    /// How long a pod may take to end when it is asked to, in seconds.
    pub grace_seconds: u32,
    /// More labels of Jobs and pods. Ours win.
    pub labels: BTreeMap<String, String>,
    /// More annotations of Jobs and pods. Ours win.
    pub annotations: BTreeMap<String, String>,
    /// Variables of all pods that run tasks.
    pub env: BTreeMap<String, String>,
}

impl Default for Settings {
    /// No image and no namespace: these must be given. User and group are 1000.
    fn default() -> Self {
        Self {
            namespace: String::new(),
            worker_image: String::new(),
            engine_image: String::new(),
            task_image: String::new(),
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            service_account: None,
            engine_service_account: None,
            user: 1000,
            group: 1000,
            fs_group: Some(1000),
            work_dir: "/work".to_owned(),
            data: Data::None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            priority_class: None,
            queue: None,
            cpu_millis: 500,
            memory_bytes: 50 << 20,
            cpu_limit: false,
            ttl_seconds: 86_400,
            deadline_seconds: None,
            grace_seconds: 30,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            env: BTreeMap::new(),
        }
    }
}

/// What a pod must offer to a task: tasks of one class can share a pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// The image.
    pub image: String,
    /// Thousandths of a core for one task.
    pub cpu_millis: u64,
    /// Bytes of memory for one task; `None`: the settings' request, and no limit.
    pub memory_bytes: Option<u64>,
    /// GPUs for one task.
    pub gpus: u32,
    /// What the cluster calls a GPU, such as `nvidia.com/gpu`.
    pub gpu_resource: String,
    /// Nodes that it may run on, added to those of the settings.
    pub node_selector: BTreeMap<String, String>,
}

impl Class {
    /// What tasks need that say nothing.
    #[must_use]
    pub fn default_of(settings: &Settings) -> Self {
        Self {
            image: settings.task_image.clone(),
            cpu_millis: settings.cpu_millis,
            memory_bytes: None,
            gpus: 0,
            gpu_resource: "nvidia.com/gpu".to_owned(),
            node_selector: BTreeMap::new(),
        }
    }

    /// What a command needs.
    #[must_use]
    pub fn of(command: &Command, settings: &Settings) -> Self {
        let mut class = Self::default_of(settings);
        if let Some(image) = &command.image {
            class.image.clone_from(image);
        }
        if let Some(cpu) = command.cpu {
            class.cpu_millis = cpu_millis(cpu);
        }
        class.memory_bytes = command.memory_bytes;
        class
    }

    /// Eight hex digits that are the same for equal classes in every run.
    #[must_use]
    pub fn id(&self) -> String {
        // Of these types nothing can fail to be written.
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:016x}", xxh3_64(text.as_bytes()))[..8].to_owned()
    }
}

/// Cores as thousandths, rounded up; at least one.
fn cpu_millis(cores: f64) -> u64 {
    // Negative and not-a-number become 0; more than a million cores is no sensible request.
    #[expect(clippy::cast_sign_loss, reason = "clamped to be positive")]
    let millis = (cores * 1000.0 - 1e-6).ceil().clamp(0.0, 1e9) as u64;
    millis.max(1)
}

/// Why an object cannot be made.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// Tasks that are too much for one pod.
    #[error(
        "the tasks of the Job {name} take {bytes} bytes, and an object of Kubernetes at most {MOST_BATCH_BYTES}: \
         let fewer tasks share a Job, or run them in a pool, which has no such limit"
    )]
    BatchTooLarge {
        /// The Job.
        name: String,
        /// Their size.
        bytes: usize,
    },
    /// A workflow that is too large for a few ConfigMap objects.
    #[error(
        "the workflow's file has {0} bytes even when packed, and ConfigMaps take {max}: put it on the claim and give its path",
        max = submit::PART_BYTES * submit::WORKFLOW_PARTS
    )]
    WorkflowTooLarge(usize),
    /// Parts that are no workflow.
    #[error("the parts of the workflow's file cannot be put together")]
    WorkflowParts(#[source] std::io::Error),
    /// Input has nowhere to go.
    #[error("input from an image needs a claim for the data: without one, pods share no folder")]
    NoClaim,
    /// A batch that cannot be written.
    #[error("the tasks of a Job cannot be written down")]
    Batch(#[from] ProtocolError),
}

/// The most bytes of a batch in a pod's environment: an object in etcd may have 1.5 MiB, of which the rest of the pod and
/// its status need some.
const MOST_BATCH_BYTES: usize = 1 << 20;

/// Makes a run's objects.
#[derive(Debug, Clone)]
pub struct Objects {
    /// What its pods share.
    pub settings: Settings,
    /// Their names.
    pub names: Names,
    run: String,
    workflow: String,
}

/// What differs between the pods of a run.
struct Pod<'a> {
    role: Role,
    image: &'a str,
    command: Vec<String>,
    env: Vec<Value>,
    resources: Value,
    node_selector: Option<&'a BTreeMap<String, String>>,
    /// Has the certificates of workers.
    identity: bool,
    volumes: Vec<Value>,
    mounts: Vec<Value>,
}

impl<'a> Pod<'a> {
    fn new(
        role: Role,
        image: &'a str,
        command: Vec<String>,
        env: Vec<Value>,
        resources: Value,
    ) -> Self {
        let (node_selector, identity, volumes, mounts) = (None, false, Vec::new(), Vec::new());
        Self { role, image, command, env, resources, node_selector, identity, volumes, mounts }
    }

    /// Whether [`WORKER`] is brought in. The relay has it in its image.
    fn has_worker(&self) -> bool {
        !matches!(self.role, Role::Relay | Role::Engine)
    }

    /// Whether it has the work directory.
    fn has_data(&self) -> bool {
        self.role != Role::Relay
    }

    /// Whether it has a token of its account.
    fn has_token(&self) -> bool {
        self.role == Role::Engine
    }
}

impl Objects {
    /// For the run with this id. `workflow` is the workflow's name, as shown to people.
    #[must_use]
    pub fn new(settings: Settings, run_id: &str, workflow: &str) -> Self {
        Self {
            settings,
            names: Names::new(run_id),
            run: run_id.to_owned(),
            workflow: workflow.to_owned(),
        }
    }

    /// The run's id.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The workflow's name.
    #[must_use]
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// Labels of an object: those of the settings, of the run, and `more`.
    pub(super) fn labels(&self, role: Role, more: &[(&str, String)]) -> Map<String, Value> {
        let mut labels: Map<String, Value> = self
            .settings
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        labels.insert("app.kubernetes.io/managed-by".to_owned(), "windlass".into());
        labels.insert(name::RUN.to_owned(), self.names.run().into());
        labels.insert(name::ROLE.to_owned(), role.as_str().into());
        if !self.workflow.is_empty() {
            labels.insert(name::WORKFLOW.to_owned(), name::label_value(&self.workflow).into());
        }
        for (key, value) in more {
            labels.insert((*key).to_owned(), value.as_str().into());
        }
        labels
    }

    /// Annotations of an object: those of the settings, and `more`.
    pub(super) fn annotations(&self, more: &[(&str, String)]) -> Map<String, Value> {
        let own = more.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into()));
        let given = &self.settings.annotations;
        given.iter().map(|(key, value)| (key.clone(), value.as_str().into())).chain(own).collect()
    }

    fn metadata(
        &self,
        name: &str,
        labels: &Map<String, Value>,
        annotations: &Map<String, Value>,
    ) -> Value {
        let mut metadata = json!({
            "name": name,
            "namespace": self.settings.namespace,
            "labels": labels,
        });
        if !annotations.is_empty() {
            metadata["annotations"] = annotations.clone().into();
        }
        metadata
    }

    /// A Job of a pod, with `spec` for all but the pod.
    fn job(
        &self,
        name: &str,
        labels: &Map<String, Value>,
        annotations: &Map<String, Value>,
        mut spec: Value,
        pod: &Pod<'_>,
    ) -> Value {
        let mut on_job = labels.clone();
        let queues = !matches!(pod.role, Role::Engine | Role::Relay);
        if let Some(queue) = self.settings.queue.as_ref().filter(|_| queues) {
            on_job.insert(QUEUE.to_owned(), queue.as_str().into());
        }
        spec["ttlSecondsAfterFinished"] = self.settings.ttl_seconds.into();
        spec["podReplacementPolicy"] = "Failed".into();
        let mut metadata = json!({"labels": labels});
        if !annotations.is_empty() {
            metadata["annotations"] = annotations.clone().into();
        }
        spec["template"] = json!({"metadata": metadata, "spec": self.pod_spec(pod)});
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(name, &on_job, annotations),
            "spec": spec,
        })
    }

    fn pod_spec(&self, pod: &Pod<'_>) -> Value {
        let settings = &self.settings;
        let mut volumes = pod.volumes.clone();
        let mut mounts = pod.mounts.clone();
        if pod.has_worker() {
            volumes.push(program_volume());
            mounts.push(program_mount(true));
        }
        if pod.identity {
            volumes.push(self.identity_volume());
            mounts.push(identity_mount());
        }
        if pod.has_data() {
            let (volume, mount) = self.data_volume();
            volumes.push(volume);
            mounts.push(mount);
        }
        let mut container = json!({
            "name": CONTAINER,
            "image": pod.image,
            "command": pod.command,
            "env": pod.env,
            "resources": pod.resources,
            "securityContext": container_security(),
            "terminationMessagePolicy": "File",
        });
        if pod.has_data() {
            container["workingDir"] = settings.work_dir.as_str().into();
        }
        if !mounts.is_empty() {
            container["volumeMounts"] = mounts.into();
        }
        self.set_pull_policy(&mut container);
        let mut spec = json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": pod.has_token(),
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": settings.grace_seconds,
            "securityContext": self.pod_security(),
            "containers": [container],
        });
        if pod.has_worker() {
            spec["initContainers"] = json!([self.init_container()]);
        }
        if !volumes.is_empty() {
            spec["volumes"] = volumes.into();
        }
        let account = match pod.role {
            Role::Engine => &settings.engine_service_account,
            _ => &settings.service_account,
        };
        if let Some(account) = account {
            spec["serviceAccountName"] = account.as_str().into();
        }
        let mut selector = settings.node_selector.clone();
        selector.extend(pod.node_selector.cloned().unwrap_or_default());
        if !selector.is_empty() {
            spec["nodeSelector"] = json!(selector);
        }
        if !settings.tolerations.is_empty() {
            spec["tolerations"] = settings.tolerations.clone().into();
        }
        if let Some(affinity) = &settings.affinity {
            spec["affinity"] = affinity.clone();
        }
        if let Some(class) = &settings.priority_class {
            spec["priorityClassName"] = class.as_str().into();
        }
        if !settings.image_pull_secrets.is_empty() {
            let secrets = settings.image_pull_secrets.iter().map(|name| json!({"name": name}));
            spec["imagePullSecrets"] = secrets.collect();
        }
        spec
    }

    fn set_pull_policy(&self, container: &mut Value) {
        if let Some(policy) = &self.settings.image_pull_policy {
            container["imagePullPolicy"] = policy.as_str().into();
        }
    }

    /// User and group of a pod.
    pub(super) fn pod_security(&self) -> Value {
        let settings = &self.settings;
        let mut security = json!({
            "runAsNonRoot": settings.user != 0,
            "runAsUser": settings.user,
            "runAsGroup": settings.group,
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        if let Some(group) = settings.fs_group {
            security["fsGroup"] = group.into();
            // A volume of many files would be walked through before each pod.
            security["fsGroupChangePolicy"] = "OnRootMismatch".into();
        }
        security
    }

    /// Brings [`WORKER`] into a pod.
    pub(super) fn init_container(&self) -> Value {
        let mut container = json!({
            "name": INIT_CONTAINER,
            "image": self.settings.worker_image,
            "command": [WORKER_IN_IMAGE, "install", PROGRAM_DIR],
            // A quota may demand requests of every container. It runs before the others: the pod does not need more.
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "securityContext": container_security(),
            "volumeMounts": [program_mount(false)],
        });
        self.set_pull_policy(&mut container);
        container
    }

    /// The volume with the certificates of workers.
    pub(super) fn identity_volume(&self) -> Value {
        // Without a group of its own a volume of a Secret belongs to root.
        let mode = if self.settings.fs_group.is_some() { 0o440 } else { 0o444 };
        json!({
            "name": IDENTITY_VOLUME,
            "secret": {"secretName": self.names.worker_secret(), "defaultMode": mode},
        })
    }

    /// The volume with the data, and its mount.
    pub(super) fn data_volume(&self) -> (Value, Value) {
        let mut mount = json!({"name": DATA_VOLUME, "mountPath": self.settings.work_dir});
        match &self.settings.data {
            Data::None => (json!({"name": DATA_VOLUME, "emptyDir": {}}), mount),
            Data::Claim { name, sub_path } => {
                if let Some(path) = sub_path {
                    mount["subPath"] = path.as_str().into();
                }
                let claim = json!({"claimName": name});
                (json!({"name": DATA_VOLUME, "persistentVolumeClaim": claim}), mount)
            }
        }
    }

    /// Variables of a pod that runs tasks: the settings', and where it is.
    pub(super) fn env(&self, more: Vec<(String, String)>) -> Vec<Value> {
        // `$(NAME)` would be taken for a reference. Batches come with that done.
        let given = self.settings.env.iter().map(|(name, value)| (name, value.replace('$', "$$")));
        let mut env: Vec<Value> =
            given.map(|(name, value)| json!({"name": name, "value": value})).collect();
        env.extend(place_env());
        env.extend(more.into_iter().map(|(name, value)| json!({"name": name, "value": value})));
        env
    }

    /// Resources of a pod that runs `slots` tasks of a class at once.
    pub(super) fn resources(&self, class: &Class, slots: u32) -> Value {
        let slots = u64::from(slots.max(1));
        let cpu = cpu_quantity(class.cpu_millis.saturating_mul(slots));
        let memory = |bytes: u64| memory_quantity(bytes.saturating_mul(slots));
        let request = memory(class.memory_bytes.unwrap_or(self.settings.memory_bytes));
        let mut requests = json!({"cpu": cpu, "memory": request});
        let mut limits = Map::new();
        if let Some(bytes) = class.memory_bytes {
            limits.insert("memory".to_owned(), memory(bytes).into());
        }
        if self.settings.cpu_limit {
            limits.insert("cpu".to_owned(), cpu.into());
        }
        if class.gpus > 0 {
            let gpus = (u64::from(class.gpus) * slots).to_string();
            requests[&class.gpu_resource] = gpus.as_str().into();
            limits.insert(class.gpu_resource.clone(), gpus.into());
        }
        if limits.is_empty() {
            json!({"requests": requests})
        } else {
            json!({"requests": requests, "limits": limits})
        }
    }
}

/// Kueue's label.
pub(super) const QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// Where a pod is, by the downward API.
pub(super) fn place_env() -> Vec<Value> {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    vec![field("WF_POD", "metadata.name"), field("WF_NODE", "spec.nodeName")]
}

/// What a container may do.
pub(super) fn container_security() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
}

/// The volume that [`WORKER`] is in.
pub(super) fn program_volume() -> Value {
    json!({"name": PROGRAM_VOLUME, "emptyDir": {}})
}

/// The mount of that volume.
pub(super) fn program_mount(read_only: bool) -> Value {
    if read_only {
        json!({"name": PROGRAM_VOLUME, "mountPath": PROGRAM_DIR, "readOnly": true})
    } else {
        json!({"name": PROGRAM_VOLUME, "mountPath": PROGRAM_DIR})
    }
}

/// The mount of the certificates.
pub(super) fn identity_mount() -> Value {
    json!({"name": IDENTITY_VOLUME, "mountPath": IDENTITY_DIR, "readOnly": true})
}

/// `500m`, or `2`.
pub(super) fn cpu_quantity(millis: u64) -> String {
    if millis.is_multiple_of(1000) { (millis / 1000).to_string() } else { format!("{millis}m") }
}

/// `50Mi`, or bytes where that is not exact.
pub(super) fn memory_quantity(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(1 << 20) {
        format!("{}Mi", bytes >> 20)
    } else {
        bytes.to_string()
    }
}

#[cfg(test)]
pub(crate) mod tests;
