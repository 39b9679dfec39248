//! `wf-run submit`: the engine as a Job in the cluster.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use cli::{Exit, invalid, note};
use k8s_apply::cluster::{CallError, Cluster, Kind, PatchCall};
use k8s_apply::object::Object;
use serde_json::{Value, json};
use workflow_engine::k8s::objects::{Data, Objects, RELAY_WORKERS_PORT, WORKFLOW_DIR};
use workflow_engine::store::new_run_id;

use super::execute::refuse_impossible;
use super::run::{explain, label_of};
use crate::cli::{ClusterArgs, ExecutionArgs, ExecutorKind, SubmitArgs};
use crate::cluster::{self, Files, OWN_FILES, Place, TEMPLATE_FILE, follow};
use crate::source::Source;
use crate::{input, runs};

/// The file with the affinity beside the workflow in the engine's pod.
const AFFINITY_FILE: &str = "affinity.json";
/// The list of input there.
const INPUT_URLS_FILE: &str = "input-urls";
/// The most bytes of it: a `ConfigMap` has room for 1 MiB, with all files beside the workflow.
const MOST_INPUT_URLS: usize = 768 << 10;
/// Who makes the changes, for the server.
const MANAGER: &str = "wf-run";

/// How the engine's port is reached.
fn kinds() -> [Kind; 4] {
    [
        Kind::of("v1", "ConfigMap", "configmaps"),
        Kind::of("v1", "Service", "services"),
        Kind::of("batch/v1", "Job", "jobs"),
        Kind::of("v1", "ServiceAccount", "serviceaccounts"),
    ]
}

pub(super) fn submit(args: &SubmitArgs) -> Result<Exit> {
    let mut execution = args.execution.clone();
    execution.executor = ExecutorKind::K8s;
    let source = Source::new(&args.source)?;
    let mut faults = source.check_config_files(&OWN_FILES)?;
    let (files, is_sound) = Files::read(source.folder(), &execution.cluster, &source.variables);
    if !is_sound {
        faults.push(format!("files in {} cannot be used", source.folder().display()));
    }
    let loaded = source.load();
    if !faults.is_empty() {
        return Err(invalid(faults.join("\n")));
    }
    let workflow = loaded?;
    refuse_impossible(&workflow, &execution)?;
    let mut beside: Vec<(String, String)> = files.texts.clone();
    beside.extend(files.template_text.clone().map(|text| (TEMPLATE_FILE.to_owned(), text)));
    if let Some(path) = &execution.cluster.affinity {
        let text = std::fs::read_to_string(path)
            .map_err(|error| invalid(format!("cannot read {}: {error}", path.display())))?;
        beside.push((AFFINITY_FILE.to_owned(), text));
    }
    if let (_, Some(text)) = input::read_text(&execution)? {
        if text.len() > MOST_INPUT_URLS {
            let (has, most) = (cli::bytes(text.len() as u64), cli::bytes(MOST_INPUT_URLS as u64));
            return Err(invalid(format!(
                "--input-urls: the list has {has}; the engine in the cluster can be given {most}"
            )));
        }
        beside.push((INPUT_URLS_FILE.to_owned(), text));
    }
    let folder = runs::folder_here(None);
    let place = Place::choose(&execution.cluster, &workflow, files, &folder)?;
    if execution.cluster.explain {
        return explain(Some(&place), &execution);
    }
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let label: String = label_of(&workflow, &source).chars().take(12).collect();
    // Two that are submitted in one second are two runs.
    let micros = u64::try_from(micros.as_micros()).unwrap_or_default();
    let id = format!("{}-{:05}", new_run_id(&label, micros), micros % 1_000_000 / 10);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime for the cluster")?;
    runtime.block_on(async {
        let (cluster, namespace) = place.connect(&execution.cluster).await?;
        let grace = Duration::try_from_secs_f64(execution.grace).unwrap_or_default();
        let mut settings =
            cluster::settings(&execution.cluster, place.image.clone(), &namespace, grace)?;
        if let Some(image) = &args.engine_image {
            settings.engine_image.clone_from(image);
        }
        settings.engine_service_account = Some(args.engine_account.clone());
        require_account(&cluster, &namespace, &args.engine_account).await?;
        if settings.data == Data::None {
            note(
                "warning: without --claim the run's folder goes with the engine's pod: it cannot be resumed, and what \
                 its tasks make is lost at its end",
            );
        }
        let (user, group) = (settings.user, settings.group);
        let objects = Objects::new(settings, &id, workflow.name());
        let mut maps = objects.workflow_config_maps(workflow.file_text())?;
        if !beside.is_empty() {
            maps.push(objects.files_config_map(maps.len(), &beside));
        }
        let engine = Engine { cluster: &cluster, objects: &objects };
        let mut execution = execution.clone();
        execution.cluster.namespace = Some(namespace.clone());
        execution.cluster.image = place.image.clone();
        execution.cluster.run_as = Some(format!("{user}:{group}"));
        let made = engine.start(&maps, &execution, &id, &source, &beside).await;
        if let Err(error) = made {
            // What was made of it is of no use to anybody.
            let cleaned = cluster::cancel::cancel(&cluster, &namespace, &id, Duration::from_secs(30));
            if let Err(left) = cleaned.await {
                note(&format!("warning: not everything could be deleted again: {left:#}"));
            }
            return Err(error);
        }
        note(&format!("run {id} is submitted"));
        let hint = follow::hint(&execution.cluster, &namespace, &id);
        if args.detach {
            note(&hint);
            cli::say(&id);
            return Ok(Exit::Ok);
        }
        follow::follow(Arc::new(cluster), namespace, &id, &hint).await
    })
}

async fn require_account(cluster: &Cluster, namespace: &str, account: &str) -> Result<()> {
    let [_, _, _, kind] = kinds();
    match cluster.get(&kind, Some(namespace), account).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(invalid(format!(
            "the namespace {namespace} has no service account {account} for the engine; make it, with the rights it \
             needs, by: wf-run rbac -n {namespace} --submit | kubectl apply -f -"
        ))),
        Err(error) if error.is_code(403) => Err(anyhow!(error).context(format!(
            "not allowed to submit runs to the namespace {namespace}; who may give rights there says: \
             wf-run rbac -n {namespace} --submit --user NAME | kubectl apply -f -"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Makes what the engine consists of.
struct Engine<'a> {
    cluster: &'a Cluster,
    objects: &'a Objects,
}

impl Engine<'_> {
    async fn create(&self, kind: &Kind, value: Value) -> Result<Object> {
        let object = Object::try_from(value).context("an object for the cluster cannot be made")?;
        match self.cluster.create(kind, &object).await {
            Ok(Some(made)) => Ok(made),
            // Of an earlier try of this call: the name is this run's alone.
            Ok(None) => Ok(object),
            Err(error) => Err(refused(error)),
        }
    }

    async fn start(
        &self,
        maps: &[Value],
        execution: &ExecutionArgs,
        id: &str,
        source: &Source,
        beside: &[(String, String)],
    ) -> Result<()> {
        let [config_map, service, job, _] = kinds();
        let mut owned = Vec::new();
        for map in maps {
            owned.push((config_map.clone(), self.create(&config_map, map.clone()).await?));
        }
        let mut address = None;
        if execution.cluster.reach != "none" {
            let mut made =
                self.create(&service, self.objects.engine_service(RELAY_WORKERS_PORT)).await?;
            if made.text("/spec/clusterIP").is_none() {
                let namespace = Some(self.objects.settings.namespace.as_str());
                let found = self.cluster.get(&service, namespace, made.name()).await?;
                made = found.context("the engine's Service is gone")?;
            }
            let ip = made.text("/spec/clusterIP").context("the engine's Service has no address")?;
            address = Some(format!("{ip}:{RELAY_WORKERS_PORT}"));
            owned.push((service, made));
        }
        let argv = argv(execution, id, source, beside, address.as_deref());
        let made = self.create(&job, self.objects.engine_job(&argv, maps.len())).await?;
        let Some(uid) = made.uid() else { return Ok(()) };
        // So that nothing is left over when the Job goes.
        let reference =
            json!({"apiVersion": "batch/v1", "kind": "Job", "name": made.name(), "uid": uid});
        let body = json!({"metadata": {"ownerReferences": [reference]}});
        for (kind, object) in &owned {
            let change = PatchCall {
                words: "give to the engine's Job",
                manager: MANAGER,
                subresource: None,
                body: &body,
            };
            self.cluster.patch(kind, object, &change).await.map_err(refused)?;
        }
        Ok(())
    }
}

fn refused(error: CallError) -> anyhow::Error {
    let is_forbidden = error.is_code(403);
    let error = anyhow!(error);
    if is_forbidden {
        error.context("a right is missing; `wf-run rbac --submit` prints those that are needed")
    } else {
        error
    }
}

/// The engine's command: a vector, which no shell looks at.
fn argv(
    execution: &ExecutionArgs,
    id: &str,
    source: &Source,
    beside: &[(String, String)],
    address: Option<&str>,
) -> Vec<String> {
    let mut argv: Vec<String> =
        ["/wf-run", "run", WORKFLOW_DIR, "--run-id", id, "--framed"].map(str::to_owned).to_vec();
    let mut add = |option: &str, value: String| argv.push(format!("--{option}={value}"));
    add("work-dir", execution.cluster.pod_work_dir.clone());
    for (name, value) in source.variables.iter() {
        add("var", format!("{name}={value}"));
    }
    match address {
        Some(address) => {
            add("reach", address.to_owned());
            add("listen", format!("0.0.0.0:{RELAY_WORKERS_PORT}"));
        }
        None => add("reach", "none".to_owned()),
    }
    if beside.iter().any(|(name, _)| name == TEMPLATE_FILE) {
        add("job-template", format!("{WORKFLOW_DIR}/{TEMPLATE_FILE}"));
    }
    if beside.iter().any(|(name, _)| name == AFFINITY_FILE) {
        add("affinity", format!("{WORKFLOW_DIR}/{AFFINITY_FILE}"));
    }
    if beside.iter().any(|(name, _)| name == INPUT_URLS_FILE) {
        add("input-urls", format!("{WORKFLOW_DIR}/{INPUT_URLS_FILE}"));
    }
    argv.extend(execution_words(execution));
    argv
}

fn word<T: clap::ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The options as words. Every field is named here, so that none is forgotten.
fn execution_words(execution: &ExecutionArgs) -> Vec<String> {
    let ExecutionArgs {
        jobs,
        executor,
        replay: _,
        memory: _,
        retries,
        retry_delay,
        timeout,
        grace,
        keep_going,
        files,
        durable,
        progress,
        output,
        framed: _,
        input_urls: _,
        cluster,
    } = execution;
    let ClusterArgs {
        namespace,
        kubeconfig: _,
        context: _,
        image,
        worker_image,
        image_pull_policy,
        image_pull_secret,
        claim,
        pod_work_dir,
        mode,
        explain: _,
        reach: _,
        listen: _,
        max_pods,
        pool_slots,
        max_memory,
        run_as,
        service_account,
        node_selector,
        toleration,
        affinity: _,
        priority_class,
        queue,
        annotation,
        job_template: _,
        input_image,
        input_wait,
        ttl,
        image_wait,
        schedule_wait,
        quota_wait,
        lease,
        idle,
    } = cluster;
    let one = |option: &str, value: Option<String>| {
        value.map(|value| format!("--{option}={value}")).into_iter().collect::<Vec<_>>()
    };
    let many = |option: &str, values: &[String]| {
        values.iter().map(|value| format!("--{option}={value}")).collect::<Vec<_>>()
    };
    let flag = |option: &str, is_set: bool| {
        is_set.then(|| format!("--{option}")).into_iter().collect::<Vec<_>>()
    };
    [
        one("jobs", jobs.map(|jobs| jobs.to_string())),
        one("executor", Some(word(executor))),
        one("retries", Some(retries.to_string())),
        one("retry-delay", Some(retry_delay.to_string())),
        one("timeout", timeout.map(|timeout| timeout.to_string())),
        one("grace", Some(grace.to_string())),
        flag("keep-going", *keep_going),
        one("files", Some(word(files))),
        flag("durable", *durable),
        one("progress", Some(word(progress))),
        one("output", Some(word(output))),
        one("namespace", namespace.clone()),
        one("image", image.clone()),
        one("worker-image", worker_image.clone()),
        one("image-pull-policy", image_pull_policy.clone()),
        many("image-pull-secret", image_pull_secret),
        one("claim", claim.clone()),
        one("pod-work-dir", Some(pod_work_dir.clone())),
        many("mode", mode),
        one("max-pods", Some(max_pods.to_string())),
        one("pool-slots", Some(pool_slots.to_string())),
        one("max-memory", max_memory.clone()),
        one("run-as", run_as.clone()),
        one("service-account", service_account.clone()),
        many("node-selector", node_selector),
        many("toleration", toleration),
        one("priority-class", priority_class.clone()),
        one("queue", queue.clone()),
        many("annotation", annotation),
        many("input-image", input_image),
        one("input-wait", Some(input_wait.to_string())),
        one("ttl", Some(ttl.to_string())),
        one("image-wait", Some(image_wait.to_string())),
        one("schedule-wait", Some(schedule_wait.to_string())),
        one("quota-wait", Some(quota_wait.to_string())),
        one("lease", Some(lease.to_string())),
        one("idle", Some(idle.to_string())),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parsed(args: &[String]) -> ExecutionArgs {
        match Cli::try_parse_from(args).map(|cli| cli.command) {
            Ok(Command::Run(run)) => run.execution,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn the_engine_gets_every_option() {
        let given = "wf-run run w.json --executor k8s -j 7 --retries 3 --retry-delay 0.5 --timeout 9 --grace 4 -k \
            --files strict --durable --progress json -o json -n ns --image i --worker-image w \
            --image-pull-policy Never --image-pull-secret s --claim c/f --pod-work-dir /d --mode a=job --mode pool \
            --max-pods 9 --pool-slots 2 --max-memory 8Gi --run-as 1:2 --service-account t --node-selector a=b \
            --toleration k=v:NoSchedule --priority-class p --queue q --annotation x=y --input-image i:/d --input-wait 6 --ttl 5 --image-wait 1 \
            --schedule-wait 2 --quota-wait 3 --lease 4 --idle 5";
        let given: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
        let wanted = parsed(&given);
        let mut words: Vec<String> = given[..3].to_vec();
        words.extend(execution_words(&wanted));
        assert_eq!(format!("{:?}", parsed(&words)), format!("{wanted:?}"));
    }
}
