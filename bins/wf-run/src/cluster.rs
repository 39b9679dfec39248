//! From the command line to a run on a cluster.

pub(crate) mod cancel;
pub(crate) mod follow;
mod input;
pub(crate) mod outside;
mod plan;
mod state;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cli::{invalid, note};
use hashbrown::HashSet;
use k8s_apply::cluster::{Cluster, Limits};
use tokio::runtime::Runtime;
use workflow_engine::exec::{self, TaskId};
use workflow_engine::k8s::executor::{Kubernetes, Notice, Options, Patience, Reach};
use workflow_engine::k8s::identity::Identity;
use workflow_engine::k8s::objects::{Data, Objects, Settings};
use workflow_engine::model::{Workflow, parse_bytes};
use workflow_engine::store::RunStore;

use crate::cli::{ClusterArgs, ExecutionArgs, duration};
use crate::history;

pub(crate) use plan::{Files, OWN_FILES, Plan, TEMPLATE_FILE};

/// How long a call of the API is tried again.
const RETRY: Duration = Duration::from_mins(5);

/// A run's executor on a cluster, and the runtime that it lives in.
pub(crate) struct OnCluster {
    runtime: Runtime,
    executor: Arc<Kubernetes>,
}

impl OnCluster {
    /// What runs the tasks.
    pub(crate) fn executor(&self) -> Arc<Kubernetes> {
        Arc::clone(&self.executor)
    }

    /// Deletes what the run made.
    pub(crate) fn close(self) {
        self.runtime.block_on(self.executor.close());
    }
}

fn pairs(option: &str, given: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(invalid(format!("--{option} {text}: expected KEY=VALUE"))),
    };
    given.iter().map(pair).collect()
}

/// `KEY[=VALUE][:EFFECT]`, as in taints.
fn toleration(text: &str) -> Result<serde_json::Value> {
    let (what, effect) = match text.rsplit_once(':') {
        Some((what, effect)) => (what, Some(effect)),
        None => (text, None),
    };
    let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let is_known = effect.is_none_or(|effect| known.contains(&effect));
    let (key, value) = match what.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (what, None),
    };
    if key.is_empty() || !is_known {
        return Err(invalid(format!(
            "--toleration {text}: expected KEY[=VALUE][:EFFECT] with an effect of {}",
            known.join(", ")
        )));
    }
    let mut toleration = serde_json::json!({"key": key, "operator": "Exists"});
    if let Some(value) = value {
        toleration["operator"] = "Equal".into();
        toleration["value"] = value.into();
    }
    if let Some(effect) = effect {
        toleration["effect"] = effect.into();
    }
    Ok(toleration)
}

/// User and group of the pods: those that are given, else our own.
fn run_as(given: Option<&str>) -> Result<(u32, u32)> {
    let Some(text) = given else {
        return Ok((rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
    };
    let numbers = text.split_once(':').unwrap_or((text, text));
    match (numbers.0.parse(), numbers.1.parse()) {
        (Ok(user), Ok(group)) => Ok((user, group)),
        _ => Err(invalid(format!("--run-as {text}: expected numbers, as in 1000:1000"))),
    }
}

fn data(claim: Option<&str>) -> Data {
    match claim.map(|text| text.split_once('/').unwrap_or((text, ""))) {
        None => Data::None,
        Some((name, folder)) => Data::Claim {
            name: name.to_owned(),
            sub_path: (!folder.is_empty()).then(|| folder.to_owned()),
        },
    }
}

fn affinity(file: Option<&Path>) -> Result<Option<serde_json::Value>> {
    let Some(path) = file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_str(&text).map(Some).map_err(|error| {
        invalid(format!("{}:{}:{}: {error}", path.display(), error.line(), error.column()))
    })
}

/// Where and how a run is carried out on a cluster.
#[derive(Debug)]
pub(crate) struct Place {
    /// The mode of each type, and the template.
    pub(crate) plan: Plan,
    /// The kubeconfig, absolute.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The namespace; `None`: the context's.
    pub(crate) namespace: Option<String>,
    /// Image of tasks that name none.
    pub(crate) image: Option<String>,
}

impl Place {
    /// From the command line, HyperFlow's files, and what earlier runs in the folder `runs` took.
    pub(crate) fn choose(
        args: &ClusterArgs,
        workflow: &Workflow,
        files: Files,
        runs: &Path,
    ) -> Result<Self> {
        let (kubeconfig, namespace, image) =
            (files.kubeconfig.clone(), files.namespace.clone(), files.image.clone());
        let plan = Plan::make(args, workflow, files, &history::expected(runs))?;
        Ok(Self { plan, kubeconfig, namespace, image })
    }

    /// Connects to the cluster. Answers the namespace too.
    pub(crate) async fn connect(&self, args: &ClusterArgs) -> Result<(Cluster, String)> {
        let cluster = connect(self.kubeconfig.as_deref(), args.context.as_deref()).await?;
        let namespace = self.namespace.clone().unwrap_or_else(|| cluster.namespace().to_owned());
        Ok((cluster, namespace))
    }
}

/// What all pods of the run share.
pub(crate) fn settings(
    args: &ClusterArgs,
    image: Option<String>,
    namespace: &str,
    grace: Duration,
) -> Result<Settings> {
    let worker_image = args.worker_image.clone().ok_or_else(|| {
        invalid(
            "--executor k8s needs --worker-image: an image with the program /wf-worker, which init containers \
             bring into the pods of tasks (docs/kubernetes.md says how to make one)",
        )
    })?;
    let (user, group) = run_as(args.run_as.as_deref())?;
    Ok(Settings {
        namespace: namespace.to_owned(),
        engine_image: worker_image.clone(),
        task_image: image.unwrap_or_else(|| worker_image.clone()),
        worker_image,
        image_pull_policy: args.image_pull_policy.clone(),
        image_pull_secrets: args.image_pull_secret.clone(),
        service_account: args.service_account.clone(),
        user,
        group,
        fs_group: Some(group),
        work_dir: args.pod_work_dir.clone(),
        data: data(args.claim.as_deref()),
        node_selector: pairs("node-selector", &args.node_selector)?.into_iter().collect(),
        tolerations: args.toleration.iter().map(|text| toleration(text)).collect::<Result<_>>()?,
        affinity: affinity(args.affinity.as_deref())?,
        priority_class: args.priority_class.clone(),
        queue: args.queue.clone(),
        ttl_seconds: args.ttl,
        grace_seconds: u32::try_from(grace.as_secs().max(1)).unwrap_or(u32::MAX),
        annotations: pairs("annotation", &args.annotation)?.into_iter().collect(),
        ..Settings::default()
    })
}

/// How workers reach this engine.
fn reach(args: &ClusterArgs) -> Result<Reach> {
    match args.reach.as_str() {
        "none" => Ok(Reach::None),
        "relay" => Ok(Reach::Relay),
        text => {
            let advertise: SocketAddr = text.parse().map_err(|_| {
                invalid(format!(
                    "--reach {text}: expected IP:PORT (names are not looked up in pods), relay or none"
                ))
            })?;
            let all = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), advertise.port());
            let listen = args.listen.unwrap_or(all);
            // Port 0: whichever is free.
            let advertise = (advertise.port() != 0).then_some(advertise);
            let listen = if advertise.is_none() && args.listen.is_none() {
                SocketAddr::new(text.parse::<SocketAddr>().map_or(all.ip(), |at| at.ip()), 0)
            } else {
                listen
            };
            Ok(Reach::Direct { listen, advertise })
        }
    }
}

/// Does what a short command asks of a cluster.
pub(crate) fn asking<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime for the cluster")?;
    runtime.block_on(work)
}

/// Connects to the cluster.
pub(crate) async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Cluster> {
    let limits = Limits { retry: RETRY, concurrency: 96, ..Limits::default() };
    Cluster::connect(kubeconfig, context, limits).await.context("cannot reach a cluster")
}

/// The run's certificates: those that it has, or new ones.
fn identity(dir: &Path) -> Result<Identity> {
    let dir = dir.join("identity");
    match Identity::load(&dir) {
        Ok(identity) => Ok(identity),
        Err(error) if error.is_missing() => {
            let identity = Identity::create()?;
            identity.save(&dir)?;
            Ok(identity)
        }
        Err(error) => Err(error).context("the run's certificates cannot be used"),
    }
}

/// What is known of a run when it begins or goes on.
pub(crate) struct Known {
    /// Attempts of which the journal has the end.
    pub(crate) recorded: HashSet<TaskId>,
    /// Firings that are done.
    pub(crate) done: HashSet<(u32, u32)>,
    /// The workflow is as it was, so that what an earlier engine began can be taken over.
    pub(crate) same: bool,
    /// It begins: there is nothing of it anywhere.
    pub(crate) is_new: bool,
}

impl Known {
    /// Of a run that begins.
    pub(crate) fn nothing() -> Self {
        Self { recorded: HashSet::new(), done: HashSet::new(), same: true, is_new: true }
    }
}

fn patience(args: &ClusterArgs) -> Result<Patience> {
    Ok(Patience {
        image: duration("image-wait", args.image_wait)?,
        schedule: duration("schedule-wait", args.schedule_wait)?,
        quota: duration("quota-wait", args.quota_wait)?,
        lease: duration("lease", args.lease)?,
        idle: duration("idle", args.idle)?,
        ..Patience::default()
    })
}

fn most_memory(args: &ClusterArgs) -> Result<Option<u64>> {
    let Some(text) = &args.max_memory else { return Ok(None) };
    let refused = || invalid(format!("--max-memory {text}: expected an amount such as 8Gi"));
    parse_bytes(text).map(Some).ok_or_else(refused)
}

/// Refuses options that cannot be used, before anything is made.
pub(crate) fn check(args: &ExecutionArgs) -> Result<()> {
    settings(&args.cluster, None, "default", duration("grace", args.grace)?)?;
    reach(&args.cluster)?;
    patience(&args.cluster)?;
    most_memory(&args.cluster)?;
    duration("input-wait", args.cluster.input_wait)?;
    args.cluster.input_image.iter().try_for_each(|text| input::parse(text).map(drop))?;
    if !args.cluster.input_image.is_empty() && args.cluster.claim.is_none() {
        return Err(invalid(
            "--input-image needs --claim: without one, pods share no folder to copy to",
        ));
    }
    Ok(())
}

/// Makes the executor of a run on a cluster.
pub(crate) fn begin(
    args: &ExecutionArgs,
    workflow: &Arc<Workflow>,
    store: &RunStore,
    work_dir: &Path,
    files: exec::Files,
    place: Place,
    known: Known,
) -> Result<OnCluster> {
    let cluster_args = &args.cluster;
    let reach = reach(cluster_args)?;
    let most_memory = most_memory(cluster_args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime for the cluster")?;
    let patience = patience(cluster_args)?;
    let executor = runtime.block_on(async {
        let (cluster, namespace) = place.connect(cluster_args).await?;
        let grace = duration("grace", args.grace)?;
        let settings = settings(cluster_args, place.image, &namespace, grace)?;
        let has_claim = settings.data != Data::None;
        note(&data_line(&settings, &reach));
        // Single Jobs that share a claim have nothing to say that their pods do not.
        let reach = if has_claim && !place.plan.connects() { Reach::None } else { reach };
        if place.plan.template.is_some() && place.plan.has_pools() {
            note(
                "the job template is for Jobs only: pools are made by the options (--explain shows which types are \
                 run in pools; --mode job makes Jobs of all)",
            );
        }
        if !cluster_args.input_image.is_empty() {
            let objects = Objects::new(settings.clone(), store.id(), workflow.name());
            let images = &cluster_args.input_image;
            let patience = duration("input-wait", cluster_args.input_wait)?;
            input::bring(&cluster, &objects, images, store.dir(), patience).await?;
        }
        let identity = match reach {
            Reach::None => None,
            _ => Some(identity(store.dir())?),
        };
        let options = Options {
            run: store.id().to_owned(),
            settings,
            modes: place.plan.modes,
            max_pods: most_pods(args),
            worker_slots: cluster_args.pool_slots,
            reach,
            identity,
            work_dir: work_dir.to_owned(),
            transfer: !has_claim,
            log_dir: Some(store.log_dir()),
            files,
            template: place.plan.template,
            most_memory,
            patience,
            recorded: known.recorded,
            done: known.done,
            adopt: known.same,
            is_new: known.is_new,
        };
        let executor = Kubernetes::begin(cluster, Arc::clone(workflow), options, tell);
        executor.await.context("the run cannot begin on the cluster")
    })?;
    Ok(OnCluster { runtime, executor })
}

/// Pods at once: no more than there may be tasks at once.
fn most_pods(args: &ExecutionArgs) -> usize {
    let pods = args.cluster.max_pods as usize;
    args.jobs
        .map_or(pods, |jobs| pods.min((jobs as usize).div_ceil(args.cluster.pool_slots as usize)))
}

/// Which data mode is in force.
fn data_line(settings: &Settings, reach: &Reach) -> String {
    match (&settings.data, reach) {
        (Data::Claim { name, sub_path }, _) => {
            let folder =
                sub_path.as_ref().map(|path| format!(", folder {path},")).unwrap_or_default();
            format!("data: claim {name}{folder} at {}", settings.work_dir)
        }
        (Data::None, Reach::None) => {
            "data: no volume and no connections: tasks share no files".to_owned()
        }
        (Data::None, _) => {
            "data: no volume, files up to 64 MiB go over the workers' connections".to_owned()
        }
    }
}

fn tell(notice: Notice) {
    match notice {
        Notice::Limit(limit) => note(&format!("limit: {limit}")),
        Notice::Note(text) => note(&text),
        _ => {}
    }
}
