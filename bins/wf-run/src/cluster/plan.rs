//! Which mode each task type is run in, by the command line, HyperFlow's files beside the workflow, and the run times of
//! earlier runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cli::invalid;
use diagnostics::{Problem, Source as ProblemSource, nearest, render};
use serde_json::{Value, json};
use workflow_engine::exec::{FunctionSupport, support};
use workflow_engine::k8s::hyperflow::{
    AGGLOMERATIONS_FILE, Agglomerations, EXECUTION_MODELS_FILE, ExecutionModels, Faults,
    JOB_VARS_FILE, JobVars, Noted, agglomerations, execution_models, job_vars,
};
use workflow_engine::k8s::mode::{
    self, Choice, Circumstances, Costs, Mode, Special, TaskType, Wish,
};
use workflow_engine::k8s::objects::{Objects, Settings};
use workflow_engine::k8s::template::Template;
use workflow_engine::model::{Format, Variables, Workflow};

use crate::cli::ClusterArgs;

/// HyperFlow's template beside the workflow.
pub(crate) const TEMPLATE_FILE: &str = "job-template.yaml";
/// Files that are read here, so that nobody else needs to look whether they are JSON.
pub(crate) const OWN_FILES: [&str; 3] = [AGGLOMERATIONS_FILE, EXECUTION_MODELS_FILE, JOB_VARS_FILE];

/// What lies beside a workflow and says how it runs on a cluster.
#[derive(Debug, Default)]
pub(crate) struct Files {
    agglomerations: Agglomerations,
    models: Option<ExecutionModels>,
    vars: JobVars,
    template: Option<Template>,
    given: BTreeMap<String, String>,
    /// The texts of HyperFlow's configuration by name, for an engine elsewhere.
    pub(crate) texts: Vec<(String, String)>,
    /// The template's text.
    pub(crate) template_text: Option<String>,
    /// Image of tasks that name none.
    pub(crate) image: Option<String>,
    /// The kubeconfig, absolute.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The namespace.
    pub(crate) namespace: Option<String>,
}

/// Reads files and keeps what is wrong with any of them.
struct Reader<'a> {
    dir: &'a Path,
    texts: Vec<(String, String)>,
    problems: Vec<Problem>,
    /// What is wrong without a place.
    faults: Vec<String>,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str, &str) -> Result<Noted<T>, Faults>,
    ) -> Option<T> {
        let path = self.dir.join(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.faults.push(format!("cannot read {}: {error}", path.display()));
                return None;
            }
        };
        let parsed = parse(name, &text);
        self.texts.push((name.to_owned(), text));
        match parsed {
            Ok(noted) => {
                self.problems.extend(noted.notes);
                Some(noted.value)
            }
            Err(faults) => {
                self.problems.extend(faults.problems);
                None
            }
        }
    }
}

impl Files {
    /// Reads what is in the folder of the workflow, and the template that the command line names. Everything that is
    /// wrong with any of them is told; the answer says whether they can be used.
    pub(crate) fn read(dir: &Path, args: &ClusterArgs, variables: &Variables) -> (Self, bool) {
        let mut reader =
            Reader { dir, texts: Vec::new(), problems: Vec::new(), faults: Vec::new() };
        let mut files = Self {
            agglomerations: reader.read(AGGLOMERATIONS_FILE, agglomerations).unwrap_or_default(),
            models: reader.read(EXECUTION_MODELS_FILE, execution_models),
            vars: reader.read(JOB_VARS_FILE, job_vars).unwrap_or_default(),
            ..Self::default()
        };
        let mut given = files.vars.variables.clone();
        given.extend(
            variables.iter().map(|(name, value)| (format!("HF_VAR_{name}"), value.to_owned())),
        );
        files.given = given;
        files.namespace = args.namespace.clone().or_else(|| files.vars.namespace.clone());
        let named = variables.iter().find(|(name, _)| *name == "WORKER_CONTAINER");
        files.image = args.image.clone().or_else(|| named.map(|(_, image)| image.to_owned()));
        files.kubeconfig = files.choose_kubeconfig(dir, args);
        files.read_template(args, variables, &mut reader);
        warn_of_partitions(&files, dir);
        let Reader { texts, problems, faults, .. } = reader;
        let is_sound = faults.is_empty() && !problems.iter().any(Problem::is_error);
        let sources: Vec<ProblemSource<'_>> =
            texts.iter().map(|(file, text)| ProblemSource { file, text }).collect();
        let shown = render(&problems, &sources);
        for text in
            faults.iter().map(String::as_str).chain((!shown.is_empty()).then(|| shown.trim_end()))
        {
            cli::note(text);
        }
        files.texts = texts;
        if files.template_text.is_some() {
            files.texts.pop();
        }
        (files, is_sound)
    }

    /// `--kubeconfig`, else `kubeConfigPath` where there is such a file: in a pod there is not, and its account is used.
    fn choose_kubeconfig(&self, dir: &Path, args: &ClusterArgs) -> Option<PathBuf> {
        if let Some(path) = &args.kubeconfig {
            return Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()));
        }
        let named = dir.join(self.vars.kube_config.as_deref()?);
        if !named.exists() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
            cli::note(&format!(
                "warning: {JOB_VARS_FILE}: kubeConfigPath names {}, which is not there; the usual kubeconfig is used",
                named.display()
            ));
        }
        named.exists().then_some(named)
    }

    fn read_template(
        &mut self,
        args: &ClusterArgs,
        variables: &Variables,
        reader: &mut Reader<'_>,
    ) {
        let from_variables = variables.iter().find(|(name, _)| *name == "JOB_TEMPLATE_PATH");
        let named = match (&args.job_template, &self.vars.template, from_variables) {
            (Some(path), _, _) => Some(path.clone()),
            (None, Some(path), _) => Some(reader.dir.join(path)),
            (None, None, Some((_, path))) => Some(reader.dir.join(path)),
            (None, None, None) => None,
        };
        let beside = reader.dir.join(TEMPLATE_FILE);
        let path = named.clone().unwrap_or(beside);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                reader.faults.push(format!("cannot read the template {}: {error}", path.display()));
                return;
            }
        };
        let shown = path.strip_prefix(reader.dir).unwrap_or(&path).display().to_string();
        let template = Template::new(shown.clone(), text.clone());
        // Any settings do: what is wrong with a template does not hang on them.
        let trial = Settings { task_image: "task".to_owned(), ..Settings::default() };
        let objects = Objects::new(trial, "trial", "workflow");
        reader.problems.extend(template.check(&objects, &self.given));
        reader.texts.push((shown, text.clone()));
        (self.template, self.template_text) = (Some(template), Some(text));
    }
}

/// `executor.partition` is of HyperFlow's runs on several clusters.
fn warn_of_partitions(files: &Files, dir: &Path) {
    if files.agglomerations.0.iter().any(|rule| rule.partitions > 1) {
        cli::note(&format!(
            "warning: {AGGLOMERATIONS_FILE}: `partitions` has no effect: tasks of all partitions may share a Job"
        ));
    }
    let of_partition = |name: &str| {
        name.strip_prefix("workflow.config.jobvars")
            .and_then(|rest| rest.strip_suffix(".json"))
            .is_some_and(|id| !id.is_empty())
    };
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(of_partition) {
            cli::note(&format!(
                "warning: {} has no effect: a run is on one cluster, and {JOB_VARS_FILE} is for all its tasks",
                name.display()
            ));
        }
    }
}

/// How the tasks of a workflow are run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// For each type that pods run, in the order of the workflow's types.
    choices: Vec<Choice>,
    /// For each type of the workflow.
    pub(crate) modes: Vec<Mode>,
    /// Types that the engine runs by itself.
    built_in: Vec<String>,
    /// The template, and values for it.
    pub(crate) template: Option<(Template, BTreeMap<String, String>)>,
}

/// `[TYPE=]MODE`.
fn wish(text: &str) -> Result<(Option<&str>, Wish), String> {
    let (of_type, word) = match text.rsplit_once('=') {
        Some((of_type, word)) => (Some(of_type), word),
        None => (None, text),
    };
    let size = |size: &str| size.parse().ok().filter(|size| *size > 0);
    let parsed = match word.split_once(':') {
        None => match word {
            "pool" => Some(Wish::Pool),
            "job" => Some(Wish::Job),
            "clustered" => Some(Wish::Clustered(None)),
            _ => None,
        },
        Some(("clustered", number)) => size(number).map(|size| Wish::Clustered(Some(size))),
        Some(_) => None,
    };
    parsed.map(|parsed| (of_type, parsed)).ok_or_else(|| {
        format!("--mode {text}: expected [TYPE=]MODE with pool, job, clustered or clustered:SIZE as MODE")
    })
}

/// What the user says for each type.
fn wishes(given: &[String], types: &[String]) -> Result<Vec<Option<Wish>>, Vec<String>> {
    let mut faults = Vec::new();
    let mut general = None;
    let mut wishes = vec![None; types.len()];
    for text in given {
        match wish(text) {
            Err(fault) => faults.push(fault),
            Ok((None, wish)) => general = Some(wish),
            Ok((Some(of_type), wish)) => {
                if let Some(at) = types.iter().position(|name| name == of_type) {
                    wishes[at] = Some(wish);
                } else {
                    let near = if let Some(near) =
                        nearest(of_type, types.iter().map(String::as_str))
                    {
                        format!("did you mean {near}?")
                    } else {
                        let first: Vec<&str> = types.iter().take(20).map(String::as_str).collect();
                        format!("its types are {}", first.join(", "))
                    };
                    faults.push(format!(
                        "--mode {text}: the workflow has no task type {of_type}; {near}"
                    ));
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(wishes.into_iter().map(|own| own.or(general)).collect())
    } else {
        Err(faults)
    }
}

/// What a type's tasks are, as far as the choice goes by it.
#[derive(Debug, Default, Clone)]
struct Seen {
    count: u64,
    recorded: (f64, u64),
    special: Vec<Special>,
    in_pods: bool,
}

fn look_at(workflow: &Workflow, args: &ClusterArgs, image: Option<&String>) -> Vec<Seen> {
    let usual = Settings::default();
    let mut types = vec![Seen::default(); workflow.type_names().len()];
    for process in workflow.processes() {
        let of_type = &mut types[process.type_index()];
        of_type.count += u64::from(process.firing_limit().unwrap_or(1));
        if let Some(seconds) = workflow.recorded_seconds(process.id()) {
            of_type.recorded.0 += seconds;
            of_type.recorded.1 += 1;
        }
        if workflow.format() == Format::WfFormat {
            of_type.in_pods = true;
        }
        if support(process.function()) != FunctionSupport::Command {
            continue;
        }
        let Some(command) = process.command() else { continue };
        of_type.in_pods = true;
        let usual_image = image.or(args.worker_image.as_ref());
        let image = command.image.filter(|image| Some(image) != usual_image).map(Special::Image);
        let memory =
            command.memory_bytes.filter(|bytes| *bytes > usual.memory_bytes).map(Special::Memory);
        for special in image.into_iter().chain(memory) {
            if !of_type.special.contains(&special) && of_type.special.len() < 4 {
                of_type.special.push(special);
            }
        }
    }
    types
}

impl Plan {
    /// Chooses. `expected` are mean run times in seconds by type, from earlier runs.
    ///
    /// Fails with everything that is wrong with what the command line says of modes.
    pub(crate) fn make(
        args: &ClusterArgs,
        workflow: &Workflow,
        files: Files,
        expected: &BTreeMap<String, f64>,
    ) -> Result<Self> {
        let names = workflow.type_names();
        let wishes = wishes(&args.mode, names).map_err(|faults| invalid(faults.join("\n")))?;
        let around = Circumstances {
            connects: args.reach != "none",
            // Kueue lets Jobs in one by one: a pool would hold its place for the whole run.
            pools_allowed: args.queue.is_none(),
            most_pods: Some(args.max_pods),
            models: files.models.as_ref(),
            agglomerations: &files.agglomerations,
            costs: Costs::default(),
        };
        let seen = look_at(workflow, args, files.image.as_ref());
        let mut plan =
            Self { choices: Vec::new(), modes: Vec::new(), built_in: Vec::new(), template: None };
        let mut refused = Vec::new();
        for ((name, seen), wish) in names.iter().zip(seen).zip(wishes) {
            if !seen.in_pods {
                plan.built_in.push(name.clone());
                plan.modes.push(Mode::Pool);
                continue;
            }
            let recorded = (seen.recorded.1 > 0).then(|| seen.recorded.0 / seen.recorded.1 as f64);
            let task = TaskType {
                name,
                count: seen.count,
                mean_seconds: expected.get(name).copied().or(recorded),
                special: seen.special,
                wish,
            };
            let choice = mode::choose(&task, &around);
            if choice.reason.no_connection && wish.is_some() {
                refused.push(name.as_str());
            }
            plan.modes.push(choice.mode);
            plan.choices.push(choice);
        }
        if !refused.is_empty() {
            return Err(invalid(format!(
                "--reach none: pods cannot reach the engine, but pools and groups were asked for ({}): \
                 say --reach relay or an address, or --mode job",
                refused.join(", ")
            )));
        }
        plan.template = files.template.map(|template| (template, files.given));
        Ok(plan)
    }

    /// The choices and their reasons, for people.
    pub(crate) fn table(&self) -> String {
        let mut out = mode::table(&self.choices);
        if !self.built_in.is_empty() {
            let _ = writeln!(out, "run by the engine itself: {}", self.built_in.join(", "));
        }
        out
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({"types": self.choices, "engine": self.built_in})
    }

    /// Tasks that share a Job at most.
    pub(crate) fn largest_group(&self) -> usize {
        let sizes = self.modes.iter().map(|mode| match mode {
            Mode::Clustered { size, .. } => *size as usize,
            Mode::Pool | Mode::Job => 1,
        });
        sizes.max().unwrap_or(1).max(1)
    }

    /// Whether the modes of any type need a connection to the engine.
    pub(crate) fn connects(&self) -> bool {
        self.choices.iter().any(|choice| choice.mode != Mode::Job)
    }

    /// Whether there are pools.
    pub(crate) fn has_pools(&self) -> bool {
        self.choices.iter().any(|choice| choice.mode == Mode::Pool)
    }
}
