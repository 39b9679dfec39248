//! HyperFlow's `job-template.yaml`.
//!
//! Every `${name}` in the text is replaced, then the text is read as YAML, and completed to a Job of ours. What
//! HyperFlow would write as `undefined` is an error here, with its place; comments may say what they like.
//!
//! | variable | value |
//! |---|---|
//! | `command` | `/windlass/wf-worker run NAME`: words that no shell takes for something else |
//! | `containerName` | the image |
//! | `jobName` | the name of the Job |
//! | `volumePath`, `workingDirPath` | the work directory in pods |
//! | `cpuRequest`, `memRequest` | requests of the task, or of the first of a group |
//! | `restartPolicy`, `backoffLimit` | `Never`, `0` |
//! | `experimentId`, `appId` | the run, and `1` |
//! | `workflowName`, `taskName` | the workflow and the task type |
//!
//! and whatever the caller gives, such as the keys of `jobvars` and `HF_VAR_...`: these go before the ones above, but for
//! `command`.
//!
//! **What is ours:** name, namespace, the labels of the run, the init container that brings `wf-worker`, its volume, the
//! certificates of workers, the tasks in variables, the name of the container (`task`), one pod that is made once. What
//! the template says otherwise stays, security and the time after which Jobs are deleted included: it is the user's.
//! What it leaves open comes from the settings. A folder of a node or an NFS export as a volume is refused: data comes
//! from claims.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diagnostics::{DataPath, Place, Problem, nearest};
use k8s_apply::manifest::{Input, LoadOptions, Manifest, load};
use serde_json::{Map, Value, json};
use thiserror::Error;
use worker::protocol::{Batch, TaskKey, TaskSpec};

use super::hyperflow::{Faults, Noted, is_word};
use super::objects::{
    CONTAINER, Class, Data, IDENTITY_VOLUME, ObjectError, Objects, PROGRAM_VOLUME, QUEUE, WORKER,
    batch_env, cpu_quantity, identity_mount, memory_quantity, once, place_env, program_mount,
    program_volume,
};

/// Why a template makes no Job.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The template is wrong.
    #[error(transparent)]
    Template(#[from] Faults),
    /// The tasks do not fit.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    file: String,
    text: String,
}

/// A text with its variables replaced.
#[derive(Debug)]
struct Filled {
    text: String,
    /// For each that was replaced: where it ends now, and where it began and ended.
    replaced: Vec<(usize, usize, usize, usize)>,
}

impl Template {
    /// A text, and the name of its file, for people.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        let text: String = text.into();
        let text = text.trim_start_matches('\u{feff}').to_owned();
        Self { file: file.into(), text }
    }

    /// The Job of a batch. `given` are values of variables; for the others see [`Objects::task_job`].
    ///
    /// The notes are the same for all tasks of a type: they are of use once.
    ///
    /// # Errors
    /// If the template is wrong, with everything that is wrong with it; if the batch is too large.
    pub fn job(
        &self,
        objects: &Objects,
        class: &Class,
        type_name: &str,
        batch: &Batch,
        given: &BTreeMap<String, String>,
        deadline: Option<Duration>,
    ) -> Result<Noted<Value>, TemplateError> {
        let command = format!("{WORKER} run {}", batch.id);
        let mut values = defaults(objects, class, type_name, batch);
        values.extend(given.clone());
        values.insert("command".to_owned(), command.clone());
        let filled = self.fill(&values)?;
        let (manifest, notes) = self.parse(&filled)?;
        let mut job = Completion { template: self, filled: &filled, manifest: &manifest, notes };
        let value = job.complete(objects, class, type_name, batch, &command, deadline)?;
        let mut notes = job.notes;
        notes.sort_by(|one, other| one.place.cmp(&other.place));
        Ok(Noted { value, notes })
    }

    /// Everything that is wrong with the template, and warnings: what [`Template::job`] would say of a task. `given` are
    /// values of variables.
    #[must_use]
    pub fn check(&self, objects: &Objects, given: &BTreeMap<String, String>) -> Vec<Problem> {
        let class = Class::default_of(&objects.settings);
        let task =
            TaskSpec { key: TaskKey { process: 0, firing: 1, attempt: 1 }, ..TaskSpec::default() };
        let batch = objects.batch(vec![task], None);
        match self.job(objects, &class, "task", &batch, given, None) {
            Ok(noted) => noted.notes,
            Err(TemplateError::Template(faults)) => faults.problems,
            Err(TemplateError::Object(error)) => {
                vec![Problem::error("job", error.to_string())]
            }
        }
    }

    /// Replaces the variables.
    fn fill(&self, values: &BTreeMap<String, String>) -> Result<Filled, Faults> {
        let mut text = String::with_capacity(self.text.len() + 200);
        let (mut replaced, mut problems) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(found) = self.text[at..].find("${") {
            let start = at + found;
            let name_end = self.text[start..].find('}').map(|end| start + end);
            let Some(end) = name_end.filter(|&end| is_word(&self.text[start + 2..end])) else {
                // No variable of a template, such as a shell's `${a:-b}`.
                text.push_str(&self.text[at..start + 2]);
                at = start + 2;
                continue;
            };
            let name = &self.text[start + 2..end];
            text.push_str(&self.text[at..start]);
            at = end + 1;
            if let Some(value) = values.get(name) {
                text.push_str(value);
                replaced.push((text.len(), start, at, value.len()));
            } else {
                text.push_str(&self.text[start..at]);
                let line = self.text[..start].rfind('\n').map_or(0, |line| line + 1);
                if !self.text[line..start].trim_start().starts_with('#') {
                    let names = values.keys().map(String::as_str);
                    let help = match nearest(name, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "give it a value in workflow.config.jobvars.json, or as HF_VAR_..."
                            .to_owned(),
                    };
                    let message = format!("the variable `{name}` has no value");
                    let problem = Problem::error("unknown-variable", message).help(help);
                    problems.push(problem.placed(self.place(start)));
                }
            }
        }
        text.push_str(&self.text[at..]);
        if problems.is_empty() { Ok(Filled { text, replaced }) } else { Err(Faults { problems }) }
    }

    /// The one object in the text, and warnings.
    fn parse(&self, filled: &Filled) -> Result<(Manifest, Vec<Problem>), Faults> {
        let input = Input::text(self.file.as_str(), filled.text.as_str());
        let mut loaded = load(&[input], &LoadOptions::default());
        for problem in &mut loaded.problems {
            problem.place = problem.place.take().map(|place| self.original(filled, &place));
        }
        if loaded.has_errors() {
            return Err(Faults { problems: loaded.problems });
        }
        let mut manifests = loaded.manifests.into_iter();
        match (manifests.next(), manifests.next()) {
            (Some(manifest), None) => Ok((manifest, loaded.problems)),
            (_, second) => {
                let mut problem = Problem::error("one-job", "one Job is expected");
                if let Some(second) = second {
                    let place = self.original(filled, &second.origin.place());
                    problem = problem.placed(place).help("take the other objects out");
                }
                Err(Faults { problems: vec![problem] })
            }
        }
    }

    /// Where an offset of the template is.
    fn place(&self, offset: usize) -> Place {
        let before = &self.text[..offset];
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line..].chars().count() + 1,
        }
    }

    /// Where a place of the filled text is in the template.
    fn original(&self, filled: &Filled, place: &Place) -> Place {
        let line_start = match place.line {
            0 | 1 => 0,
            line => filled
                .text
                .match_indices('\n')
                .nth(line - 2)
                .map_or(filled.text.len(), |(at, _)| at + 1),
        };
        let in_line = filled.text[line_start..].char_indices().nth(place.column.saturating_sub(1));
        let offset = in_line.map_or(filled.text.len(), |(at, _)| line_start + at);
        let mut original = offset;
        for &(end, start_then, end_then, length) in &filled.replaced {
            if offset >= end {
                original = end_then + (offset - end);
            } else if offset + length >= end {
                original = start_then;
            } else {
                break;
            }
        }
        let mut original = original.min(self.text.len());
        while !self.text.is_char_boundary(original) {
            original -= 1;
        }
        self.place(original)
    }
}

/// The variables that HyperFlow sets, but `command`.
fn defaults(
    objects: &Objects,
    class: &Class,
    type_name: &str,
    batch: &Batch,
) -> BTreeMap<String, String> {
    let settings = &objects.settings;
    let memory = class.memory_bytes.unwrap_or(settings.memory_bytes);
    let values = [
        ("containerName", class.image.clone()),
        ("jobName", batch.id.clone()),
        ("volumePath", settings.work_dir.clone()),
        ("workingDirPath", settings.work_dir.clone()),
        ("cpuRequest", cpu_quantity(class.cpu_millis)),
        ("memRequest", memory_quantity(memory)),
        ("restartPolicy", "Never".to_owned()),
        ("backoffLimit", "0".to_owned()),
        ("experimentId", format!("{}:1", objects.run())),
        ("appId", "1".to_owned()),
        ("workflowName", objects.workflow().to_owned()),
        ("taskName", type_name.to_owned()),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Makes a template's Job ours.
struct Completion<'a> {
    template: &'a Template,
    filled: &'a Filled,
    manifest: &'a Manifest,
    notes: Vec<Problem>,
}

/// The path of a pod's spec in a Job.
const POD: [&str; 3] = ["spec", "template", "spec"];

impl Completion<'_> {
    /// A problem with the place of its path.
    fn placed(&self, problem: Problem, path: DataPath) -> Problem {
        let place = self.template.original(self.filled, &self.manifest.place_of(&path));
        problem.at(path).placed(place)
    }

    fn fault(&self, code: &'static str, path: DataPath, message: &str, help: &str) -> Problem {
        self.placed(Problem::error(code, message).help(help), path)
    }

    fn note(&mut self, path: DataPath, message: String) {
        let note = self.placed(Problem::warning("template", message), path);
        self.notes.push(note);
    }

    fn complete(
        &mut self,
        objects: &Objects,
        class: &Class,
        type_name: &str,
        batch: &Batch,
        command: &str,
        deadline: Option<Duration>,
    ) -> Result<Value, TemplateError> {
        let mut job = self.manifest.object.value().clone();
        let main = self.check(&job, command)?;
        let keys: Vec<TaskKey> = batch.tasks.iter().map(|task| task.key).collect();
        let (_, labels, annotations) = objects.task_marks(&keys, type_name);
        self.metadata(&mut job, objects, batch, &labels, &annotations);
        self.job_spec(&mut job, objects, deadline);
        let pod = &mut job["spec"]["template"]["spec"];
        self.pod_spec(pod, objects, class);
        let connects = batch.engine.is_some();
        let env = batch_env(batch)?;
        add_volumes(pod, objects, main, connects);
        self.container(pod, objects, main, connects, env);
        Ok(job)
    }

    /// What makes the template unusable; else the number of the container that runs the command.
    fn check(&self, job: &Value, command: &str) -> Result<usize, Faults> {
        let mut problems = Vec::new();
        let text = |key: &str| job.get(key).and_then(Value::as_str).unwrap_or_default();
        if (text("apiVersion"), text("kind")) != ("batch/v1", "Job") {
            let message = format!(
                "a Job of batch/v1 is expected, and this is a {} of {}",
                text("kind"),
                text("apiVersion")
            );
            problems.push(self.fault(
                "no-job",
                ["kind"].into(),
                &message,
                "HyperFlow takes Jobs only",
            ));
            return Err(Faults { problems });
        }
        let containers = job.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        let says = |container: &Value| {
            let words =
                ["command", "args"].into_iter().filter_map(|key| container.get(key)?.as_array());
            // The words one by one, or together in a line of a shell.
            let words: Vec<&str> = words.flatten().filter_map(Value::as_str).collect();
            words.join(" ").contains(command)
        };
        let found: Vec<usize> = containers
            .into_iter()
            .flatten()
            .enumerate()
            .filter(|(_, container)| says(container))
            .map(|(at, _)| at)
            .collect();
        let path: DataPath = POD.into_iter().chain(["containers"]).collect();
        if found.len() != 1 {
            let message = match found.len() {
                0 => "no container runs `${command}`: its tasks would not be run",
                _ => "several containers run `${command}`: its tasks would be run more than once",
            };
            let help = "write it in command or args of one container";
            problems.push(self.fault("command", path, message, help));
        }
        self.check_volumes(job, &mut problems);
        match (problems.is_empty(), found.first()) {
            (true, Some(&main)) => Ok(main),
            _ => Err(Faults { problems }),
        }
    }

    fn check_volumes(&self, job: &Value, problems: &mut Vec<Problem>) {
        let volumes = job.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
        let all: DataPath = POD.into_iter().chain(["volumes"]).collect();
        for (index, volume) in volumes.into_iter().flatten().enumerate() {
            let path = all.join(index);
            for kind in ["hostPath", "nfs"] {
                if volume.get(kind).is_some() {
                    let message =
                        format!("a volume of the kind {kind} goes past all rules of the cluster");
                    let help = "make a PersistentVolume of it, and mount its claim";
                    problems.push(self.fault("volume", path.join(kind), &message, help));
                }
            }
            let name = volume.get("name").and_then(Value::as_str).unwrap_or_default();
            if [PROGRAM_VOLUME, IDENTITY_VOLUME].contains(&name) {
                let message = format!("the name {name} is taken by a volume of ours");
                problems.push(self.fault(
                    "volume",
                    path.join("name"),
                    &message,
                    "take another one",
                ));
            }
        }
    }

    fn metadata(
        &mut self,
        job: &mut Value,
        objects: &Objects,
        batch: &Batch,
        labels: &Map<String, Value>,
        annotations: &Map<String, Value>,
    ) {
        let namespace = &objects.settings.namespace;
        if let Some(other) = self.manifest.object.namespace().filter(|other| other != namespace) {
            let message =
                format!("the namespace is {namespace}, as for the whole run, and not {other}");
            self.note(["metadata", "namespace"].into(), message);
        }
        job["metadata"]["name"] = batch.id.as_str().into();
        job["metadata"]["namespace"] = namespace.as_str().into();
        fill_in(&mut job["spec"]["template"], "metadata", json!({}));
        for (key, ours) in [("labels", labels), ("annotations", annotations)] {
            extend(&mut job["metadata"], key, ours);
            extend(&mut job["spec"]["template"]["metadata"], key, ours);
        }
        if let Some(queue) = &objects.settings.queue {
            fill_in(&mut job["metadata"]["labels"], QUEUE, queue.as_str().into());
        }
    }

    fn job_spec(&mut self, job: &mut Value, objects: &Objects, deadline: Option<Duration>) {
        let spec = &mut job["spec"];
        let mut notes = Vec::new();
        let ours = once();
        for key in ["backoffLimit", "completions", "parallelism", "podFailurePolicy"] {
            if spec.get(key).is_some_and(|said| *said != ours[key]) {
                notes.push((key, format!("{key} is of no effect: retries are the engine's")));
            }
            spec[key] = ours[key].clone();
        }
        let gone =
            ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy", "podReplacementPolicy"];
        for key in gone {
            if spec.as_object_mut().and_then(|spec| spec.remove(key)).is_some() {
                notes.push((key, format!("{key} is of no effect: retries are the engine's")));
            }
        }
        spec["podReplacementPolicy"] = "Failed".into();
        let ttl = objects.settings.ttl_seconds;
        fill_in(spec, "ttlSecondsAfterFinished", ttl.into());
        if let Some(said) = spec["ttlSecondsAfterFinished"].as_u64().filter(|&said| said < 3600) {
            let message = format!(
                "Jobs are deleted {said} s after their end: an engine that is away for longer runs their tasks again"
            );
            notes.push(("ttlSecondsAfterFinished", message));
        }
        let said = spec["activeDeadlineSeconds"].as_u64();
        if let Some(seconds) = said.into_iter().chain(objects.deadline(deadline)).min() {
            spec["activeDeadlineSeconds"] = seconds.into();
        } else if let Some(spec) = spec.as_object_mut() {
            // Asking for it has made it null.
            spec.remove("activeDeadlineSeconds");
        }
        for (key, message) in notes {
            self.note(["spec", key].into(), message);
        }
    }

    fn pod_spec(&mut self, pod: &mut Value, objects: &Objects, class: &Class) {
        let settings = &objects.settings;
        let policy = pod.get("restartPolicy").and_then(Value::as_str);
        if let Some(policy) = policy.filter(|policy| *policy != "Never") {
            let message =
                format!("restartPolicy is Never, and not {policy}: retries are the engine's");
            self.note(POD.into_iter().chain(["restartPolicy"]).collect(), message);
        }
        pod["restartPolicy"] = "Never".into();
        fill_in(pod, "automountServiceAccountToken", false.into());
        fill_in(pod, "enableServiceLinks", false.into());
        fill_in(pod, "terminationGracePeriodSeconds", settings.grace_seconds.into());
        let mut selector = settings.node_selector.clone();
        selector.extend(class.node_selector.clone());
        if !selector.is_empty() {
            fill_in(pod, "nodeSelector", json!({}));
            for (key, value) in selector {
                fill_in(&mut pod["nodeSelector"], &key, value.into());
            }
        }
        push(pod, "tolerations", settings.tolerations.clone());
        if let Some(affinity) = &settings.affinity {
            fill_in(pod, "affinity", affinity.clone());
        }
        if let Some(class) = &settings.priority_class {
            fill_in(pod, "priorityClassName", class.as_str().into());
        }
        if pod.get("serviceAccount").is_none()
            && let Some(account) = &settings.service_account
        {
            fill_in(pod, "serviceAccountName", account.as_str().into());
        }
        let secrets = settings.image_pull_secrets.iter().map(|name| json!({"name": name}));
        push(pod, "imagePullSecrets", secrets.collect());
    }

    /// The container that runs the tasks.
    fn container(
        &mut self,
        pod: &mut Value,
        objects: &Objects,
        main: usize,
        connects: bool,
        batch: Vec<(String, String)>,
    ) {
        let path: DataPath = POD.into_iter().chain(["containers"]).collect::<DataPath>().join(main);
        let container = &mut pod["containers"][main];
        let mut notes = Vec::new();
        if let Some(name) =
            container.get("name").and_then(Value::as_str).filter(|name| *name != CONTAINER)
        {
            notes.push((
                "name",
                format!("the container {name} is called {CONTAINER}, as in all pods of a run"),
            ));
        }
        container["name"] = CONTAINER.into();
        if let Some(map) = container.as_object_mut() {
            if map.remove("terminationMessagePath").is_some() {
                let message =
                    "the message is read from where Kubernetes has it by default".to_owned();
                notes.push(("terminationMessagePath", message));
            }
            map.insert("terminationMessagePolicy".to_owned(), "File".into());
        }
        fill_in(container, "workingDir", objects.settings.work_dir.as_str().into());
        if let Some(policy) = &objects.settings.image_pull_policy {
            fill_in(container, "imagePullPolicy", policy.as_str().into());
        }
        let mut mounts = vec![program_mount(true)];
        if connects {
            mounts.push(identity_mount());
        }
        push(container, "volumeMounts", mounts);
        // Ours win where they say what is run; the settings' only fill in.
        let name_of =
            |variable: &Value| variable.get("name").and_then(Value::as_str).map(str::to_owned);
        let mut env = container.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
        let batch = batch.into_iter().map(|(name, value)| json!({"name": name, "value": value}));
        let ours: Vec<Value> = place_env().into_iter().chain(batch).collect();
        let taken: BTreeSet<String> = ours.iter().filter_map(name_of).collect();
        env.retain(|variable| name_of(variable).is_none_or(|name| !taken.contains(&name)));
        let said: BTreeSet<String> = env.iter().filter_map(name_of).collect();
        let settings = objects.env(Vec::new()).into_iter();
        env.extend(settings.filter(|variable| {
            name_of(variable).is_some_and(|name| !said.contains(&name) && !taken.contains(&name))
        }));
        env.extend(ours);
        container["env"] = env.into();
        for (key, message) in notes {
            self.note(path.join(key), message);
        }
    }
}

/// The init container and the volumes.
fn add_volumes(pod: &mut Value, objects: &Objects, main: usize, connects: bool) {
    let mut init = vec![objects.init_container()];
    init.extend(pod.get("initContainers").and_then(Value::as_array).cloned().unwrap_or_default());
    pod["initContainers"] = init.into();
    let mut volumes = vec![program_volume()];
    if connects {
        let mut volume = objects.identity_volume();
        if pod.pointer("/securityContext/fsGroup").is_none() {
            // Whoever the template lets run must be able to read it.
            volume["secret"]["defaultMode"] = 0o444.into();
        }
        volumes.push(volume);
    }
    let mounts = pod["containers"][main].get("volumeMounts").and_then(Value::as_array);
    let work_dir = objects.settings.work_dir.trim_end_matches('/');
    let is_mounted = mounts.into_iter().flatten().any(|mount| {
        let path = mount.get("mountPath").and_then(Value::as_str).unwrap_or_default();
        let path = path.trim_end_matches('/');
        work_dir.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let has_claim = matches!(objects.settings.data, Data::Claim { .. });
    let has_dir = pod["containers"][main].get("workingDir").is_some();
    if !is_mounted && (has_claim || !has_dir) {
        let (volume, mount) = objects.data_volume();
        volumes.push(volume);
        push(&mut pod["containers"][main], "volumeMounts", vec![mount]);
    }
    push(pod, "volumes", volumes);
}

/// Sets a field that is not there.
fn fill_in(value: &mut Value, key: &str, with: Value) {
    if value.get(key).is_none() {
        value[key] = with;
    }
}

/// Adds items to a list, which is made if it is not there and there is something to add.
fn push(value: &mut Value, key: &str, items: Vec<Value>) {
    if items.is_empty() {
        return;
    }
    match value.get_mut(key).and_then(Value::as_array_mut) {
        Some(list) => list.extend(items),
        None => value[key] = items.into(),
    }
}

/// Adds entries to a mapping, over those that are there.
fn extend(value: &mut Value, key: &str, entries: &Map<String, Value>) {
    if entries.is_empty() {
        return;
    }
    match value.get_mut(key).and_then(Value::as_object_mut) {
        Some(map) => map.extend(entries.clone()),
        None => value[key] = entries.clone().into(),
    }
}

#[cfg(test)]
mod tests;
