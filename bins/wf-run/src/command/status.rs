//! `wf-run status`: where a run stands, as its journal says.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use cli::{Exit, OutputFormat, seconds};
use serde_json::{Value, json};
use workflow_engine::model::ProcessId;
use workflow_engine::store::{Contents, RunState, read};

use crate::cli::StatusArgs;
use crate::cluster::{self, outside};
use crate::runs;

/// A run in one line.
pub(super) struct Standing {
    pub(super) run: String,
    pub(super) source: String,
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) total: u32,
    pub(super) begun: String,
    pub(super) state: String,
    pub(super) seconds: f64,
    pub(super) sessions: usize,
}

impl Standing {
    pub(super) fn json(&self) -> Value {
        json!({
            "run": self.run, "workflow": self.source, "done": self.done, "failed": self.failed,
            "processes": self.total, "begun": self.begun, "state": self.state,
            "seconds": self.seconds, "sessions": self.sessions,
        })
    }
}

/// Whether an engine holds the run's lock.
fn is_held(dir: &Path) -> bool {
    File::open(dir.join("lock")).is_ok_and(|file| file.try_lock_shared().is_err())
}

fn of(dir: &Path, contents: &Contents) -> Standing {
    let state = match &contents.state {
        RunState::Closed(status) => status.to_string(),
        RunState::Open if is_held(dir) => "running".to_owned(),
        RunState::Open => "its engine died; resume it".to_owned(),
    };
    let micros = i64::try_from(contents.begin.epoch_micros).unwrap_or(0);
    let begun = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    Standing {
        run: contents.begin.run.clone(),
        source: contents.begin.source.clone(),
        done: contents.history.records.iter().filter(|record| record.done).count(),
        failed: contents.history.failed.len(),
        total: contents.begin.processes,
        begun: begun.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        state,
        seconds: contents.last_micros as f64 / 1e6,
        sessions: contents.sessions.len(),
    }
}

/// Reads where a run stands.
pub(super) fn standing(dir: &Path) -> Result<Standing> {
    Ok(of(dir, &read(dir)?))
}

/// What a cluster holds of a run.
fn on_cluster(args: &StatusArgs, namespace: &str, id: &str) -> Result<Exit> {
    let standing = cluster::asking(async {
        let at = (args.kubeconfig.as_deref(), args.context.as_deref());
        let cluster = cluster::connect(at.0, at.1).await?;
        outside::Standing::of(&cluster, namespace, id).await
    })?;
    let shown = match args.runs.output {
        OutputFormat::Json => format!("{:#}\n", standing.json()),
        OutputFormat::Text => standing.text(),
    };
    std::io::stdout().lock().write_all(shown.as_bytes())?;
    Ok(Exit::Ok)
}

pub(super) fn status(args: &StatusArgs) -> Result<Exit> {
    if let (Some(namespace), Some(id)) = (&args.namespace, &args.run) {
        return on_cluster(args, namespace, id);
    }
    let folder = runs::folder_here(args.runs.runs.as_deref());
    let dir = runs::find(&folder, args.run.as_deref())?;
    let (contents, workflow) = runs::open(&dir)?;
    let standing = of(&dir, &contents);
    let mut types = vec![(0_usize, 0_usize, 0_u64); workflow.type_names().len()];
    for process in workflow.processes() {
        types[process.type_index()].1 += 1;
    }
    for record in contents.history.records.iter().filter(|record| record.done) {
        let of_type = &mut types[workflow.process(ProcessId(record.process)).type_index()];
        of_type.0 += 1;
        of_type.2 += record.took_micros();
    }
    let label = |process: u32, firing: u32| workflow.process(ProcessId(process)).task_label(firing);
    let running: Vec<String> = contents
        .running
        .iter()
        .map(|started| {
            let label = label(started.process, started.firing);
            match started.pid {
                0 => label,
                pid => format!("{label} (process {pid})"),
            }
        })
        .collect();
    let mut failed: Vec<&(u32, u32)> = contents.history.failed.iter().collect();
    failed.sort_unstable();
    let failed: Vec<String> = failed.iter().map(|(p, f)| label(*p, *f)).collect();
    let mut out = std::io::stdout().lock();
    if args.runs.output == OutputFormat::Json {
        let mut report = standing.json();
        report["types"] = workflow
            .type_names()
            .iter()
            .zip(&types)
            .map(|(name, (done, total, micros))| {
                json!({"name": name, "done": done, "total": total, "total_seconds": *micros as f64 / 1e6})
            })
            .collect();
        report["running"] = json!(running);
        report["failed_tasks"] = json!(failed);
        writeln!(out, "{report:#}")?;
        return Ok(Exit::Ok);
    }
    writeln!(out, "run {}: {}", standing.run, standing.state)?;
    writeln!(out, "workflow {}", standing.source)?;
    writeln!(
        out,
        "begun {} UTC, last news after {}, {} session{}",
        standing.begun,
        seconds(standing.seconds),
        standing.sessions,
        if standing.sessions == 1 { "" } else { "s" }
    )?;
    for (name, (done, total, _)) in workflow.type_names().iter().zip(&types) {
        writeln!(out, "  {name:<24} {done:>7} / {total}")?;
    }
    for task in running.iter().take(20) {
        writeln!(out, "running: {task}")?;
    }
    for task in failed.iter().take(20) {
        writeln!(out, "failed: {task}")?;
    }
    Ok(Exit::Ok)
}
