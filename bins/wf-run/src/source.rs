//! From a file named on the command line to a checked workflow.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cli::invalid;
use workflow_engine::check::{Problem, Severity, Surroundings};
use workflow_engine::k8s::objects::{WORKFLOW_PARTS, join_workflow};
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::{LoadError, read_file};

use crate::cli::SourceArgs;
use crate::problems::render;

/// A workflow file and where its tasks run.
#[derive(Debug)]
pub(crate) struct Source {
    /// Absolute.
    pub(crate) path: PathBuf,
    /// Absolute.
    pub(crate) work_dir: PathBuf,
    pub(crate) variables: Variables,
    /// The workflow, where it comes in parts.
    text: Option<String>,
}

/// `NAME=VALUE`, split at the first `=`.
pub(crate) fn parse_variable(text: &str) -> Result<(&str, &str)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(invalid(format!("--var {text}: expected NAME=VALUE"))),
    }
}

/// Variables of the command line, then `HF_VAR_*` of the environment.
pub(crate) fn variables(given: &[String]) -> Result<Variables> {
    let mut variables = Variables::new();
    for text in given {
        let (name, value) = parse_variable(text)?;
        variables.set(name, value);
    }
    for (name, value) in std::env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && let Some(name) = name.strip_prefix("HF_VAR_")
        {
            variables.set_default(name, value);
        }
    }
    Ok(variables)
}

/// A workflow that lies in a folder in parts, as in the pod of an engine that was submitted.
fn joined(folder: &Path) -> Result<Option<String>> {
    let mut parts = Vec::new();
    for number in 0..WORKFLOW_PARTS {
        match std::fs::read(folder.join(format!("part-{number}"))) {
            Ok(part) => parts.push(part),
            Err(_) => break,
        }
    }
    if parts.is_empty() {
        return Ok(None);
    }
    join_workflow(&parts).map(Some).with_context(|| format!("{} has no workflow", folder.display()))
}

impl Source {
    /// The folder of the workflow, with the files that belong to it.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Resolves the arguments; a folder means its `workflow.json`.
    pub(crate) fn new(args: &SourceArgs) -> Result<Self> {
        if let Some(text) = joined(&args.file)? {
            let work_dir = args.work_dir.clone().unwrap_or_else(|| PathBuf::from("."));
            let work_dir = work_dir.canonicalize().map_err(|error| {
                invalid(format!("cannot use work directory {}: {error}", work_dir.display()))
            })?;
            let path = args.file.join("workflow.json");
            let variables = variables(&args.variables)?;
            return Ok(Self { path, work_dir, variables, text: Some(text) });
        }
        let file =
            if args.file.is_dir() { args.file.join("workflow.json") } else { args.file.clone() };
        let path = file.canonicalize().map_err(|error| {
            invalid(format!("cannot read workflow {}: {error}", file.display()))
        })?;
        let work_dir = match &args.work_dir {
            Some(dir) => dir.canonicalize().map_err(|error| {
                invalid(format!("cannot use work directory {}: {error}", dir.display()))
            })?,
            None => path.parent().map(Path::to_owned).unwrap_or_default(),
        };
        Ok(Self { path, work_dir, variables: variables(&args.variables)?, text: None })
    }

    /// Reads and checks the workflow. Problems are printed; errors end the program with code 2.
    pub(crate) fn load(&self) -> Result<Workflow> {
        self.try_load()?.map_err(|(text, problems)| {
            let shown = render(&self.path, &text, &problems, cli::colours(&std::io::stderr()));
            cli::note(shown.trim_end());
            invalid(format!("{} cannot be run as it is", self.path.display()))
        })
    }

    /// Reads and checks the workflow; hands back what is wrong, with the text.
    pub(crate) fn try_load(&self) -> Result<Result<Workflow, (String, Vec<Problem>)>> {
        let read = self.text.clone().map_or_else(|| read_file(&self.path), Ok);
        let text = match read {
            Ok(text) => text,
            Err(LoadError::Encoding { problem, .. }) => {
                // What stands around the place is shown with the faulty bytes replaced.
                let bytes = std::fs::read(&self.path).unwrap_or_default();
                let sound = problem.problems.iter().filter_map(|problem| problem.position);
                let sound = sound.map(|at| at.offset).min().unwrap_or(0).min(bytes.len());
                let text = String::from_utf8_lossy(&bytes[..sound]).into_owned();
                return Ok(Err((text + "\u{fffd}", problem.problems)));
            }
            Err(error) => return Err(error).with_context(|| "cannot load the workflow"),
        };
        Ok(Workflow::from_text(text, &self.variables)
            .map_err(|(text, invalid)| (text, invalid.problems)))
    }

    /// Warnings of the workflow in its surroundings here, and of its configuration files.
    pub(crate) fn warnings(&self, workflow: &Workflow) -> Vec<Problem> {
        let path = std::env::var("PATH").unwrap_or_default();
        workflow
            .warnings(&Surroundings { work_dir: Some(&self.work_dir), search_path: Some(&path) })
    }

    /// HyperFlow's `workflow.config.json` and `workflow.config.NAME.json` beside the workflow: they must be
    /// JSON. Their values are for functions and clusters; what runs here takes none of them. Files of the names
    /// `known` are looked at elsewhere.
    pub(crate) fn check_config_files(&self, known: &[&str]) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        let Some(dir) = self.path.parent() else { return Ok(faults) };
        let mut names: Vec<PathBuf> = std::fs::read_dir(dir)
            .with_context(|| format!("failed to read {}", dir.display()))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                name.starts_with("workflow.config.")
                    && !known.contains(&name)
                    && path.extension().is_some_and(|end| end == "json")
            })
            .collect();
        names.sort();
        for name in names {
            let text = std::fs::read_to_string(&name)
                .with_context(|| format!("failed to read {}", name.display()))?;
            if let Err(error) = serde_json::from_str::<serde_json::Value>(&text) {
                faults.push(format!(
                    "{}:{}:{}: error: {error} [config]",
                    name.display(),
                    error.line(),
                    error.column()
                ));
            }
        }
        Ok(faults)
    }
}

/// Whether any of these is an error.
pub(crate) fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}
