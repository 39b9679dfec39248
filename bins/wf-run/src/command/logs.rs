//! `wf-run logs`: what a task wrote.

use std::io::Write;

use anyhow::{Context, Result};
use cli::{Exit, invalid, note};
use workflow_engine::model::{Process, Workflow};
use workflow_engine::store::{TaskLog, log_dir, task_logs};

use crate::cli::LogsArgs;
use crate::cluster::{self, outside};
use crate::runs;

/// Which task is meant: a number, a name as shown, or a type.
struct Wanted<'a> {
    number: Option<u32>,
    firing: Option<u32>,
    name: &'a str,
}

impl<'a> Wanted<'a> {
    fn new(text: &'a str) -> Self {
        let (name, rest) = match text.rsplit_once('#') {
            Some((name, rest)) => (name, rest),
            None if text.starts_with(|c: char| c.is_ascii_digit()) => ("", text),
            None => return Self { number: None, firing: None, name: text },
        };
        let (number, firing) = match rest.split_once('.') {
            Some((number, firing)) => (number, firing.parse().ok()),
            None => (rest, None),
        };
        match number.parse() {
            Ok(number) => Self { number: Some(number), firing, name },
            Err(_) => Self { number: None, firing: None, name: text },
        }
    }

    fn matches(&self, process: &Process<'_>) -> bool {
        match self.number {
            Some(number) => {
                process.id().0 + 1 == number
                    && (self.name.is_empty() || self.name == process.type_name())
            }
            None => self.name == process.type_name() || self.name == process.name(),
        }
    }
}

/// What the cluster has of it.
fn on_cluster(args: &LogsArgs, namespace: &str, id: &str) -> Result<Exit> {
    let found = cluster::asking(async {
        let at = (args.kubeconfig.as_deref(), args.context.as_deref());
        let cluster = cluster::connect(at.0, at.1).await?;
        outside::logs(&cluster, namespace, id, &args.task).await
    })?;
    let mut out = std::io::stdout().lock();
    for (heading, text) in &found {
        note(&format!("==> {heading}"));
        out.write_all(text.as_bytes())?;
    }
    if found.is_empty() {
        note(&format!(
            "no pod of run {id} in the namespace {namespace} has a log of {}: the ends of logs are kept in the run's folder",
            args.task
        ));
    }
    Ok(Exit::Ok)
}

pub(super) fn logs(args: &LogsArgs) -> Result<Exit> {
    let folder = runs::folder_here(args.runs.as_deref());
    // What the run's folder has is more than what pods still have.
    let is_here = args.run.as_deref().is_some_and(|id| folder.join(id).join("journal").exists());
    if let (Some(namespace), Some(id), false) = (&args.namespace, &args.run, is_here) {
        return on_cluster(args, namespace, id);
    }
    let dir = runs::find(&folder, args.run.as_deref())?;
    let (contents, workflow) = runs::open(&dir)?;
    let log_dir = log_dir(&dir, &contents.begin);
    let wanted = Wanted::new(&args.task);
    let matching: Vec<Process<'_>> =
        workflow.processes().filter(|process| wanted.matches(process)).collect();
    if matching.is_empty() {
        return Err(invalid(format!(
            "there is no task {} in this run; its types are {}",
            args.task,
            names(&workflow)
        )));
    }
    let mut out = std::io::stdout().lock();
    let mut shown = 0;
    for process in matching {
        for TaskLog { path, task, .. } in task_logs(&log_dir, process.id().0)? {
            if wanted.firing.is_some_and(|wanted| wanted != task.firing) {
                continue;
            }
            let raw = std::fs::read(&path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            note(&format!(
                "==> {} attempt {}: {}",
                process.task_label(task.firing),
                task.attempt,
                path.display()
            ));
            out.write_all(&raw)?;
            shown += 1;
        }
        if let Some(command) = process.command() {
            for redirect in [&command.stdout, &command.stderr].into_iter().flatten() {
                note(&format!(
                    "{} writes to its own file {}",
                    process.task_label(1),
                    redirect.path
                ));
            }
        }
    }
    if shown == 0 {
        note(&format!("{} wrote nothing that was kept", args.task));
    }
    Ok(Exit::Ok)
}

fn names(workflow: &Workflow) -> String {
    let names: Vec<&str> = workflow.type_names().iter().take(20).map(String::as_str).collect();
    names.join(", ")
}
