//! `wf-run run`: a new run.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use cli::{Exit, OutputFormat, invalid};
use serde_json::json;
use workflow_engine::check::Surroundings;
use workflow_engine::exec::TaskId;
use workflow_engine::hyperflow_log::{self, LogError, TornEnd};
use workflow_engine::model::{ProcessId, Workflow};
use workflow_engine::run::{self, PlanLimits};
use workflow_engine::store::{History, NewRun, RunStore, StoreError, read};

use super::execute::{Prepared, check_inputs, execute, options, refuse_impossible};
use super::resume::resume_with;
use crate::cli::{ExecutionArgs, ExecutorKind, OrphanMode, ResumeArgs, RunArgs};
use crate::cluster::{Files, Known, OWN_FILES, Place};
use crate::problems::render;
use crate::source::Source;
use crate::{input, runs};

pub(super) fn run(args: &RunArgs) -> Result<Exit> {
    let source = Source::new(&args.source)?;
    let on_cluster = args.execution.executor == ExecutorKind::K8s || args.execution.cluster.explain;
    let known: &[&str] = if on_cluster { &OWN_FILES } else { &[] };
    let mut faults = source.check_config_files(known)?;
    let folder = runs::folder(args.runs.as_deref(), &source.work_dir);
    if let Some(exit) = begun_before(args, &folder, &source)? {
        return Ok(exit);
    }
    let mut files = None;
    if on_cluster {
        let (read, is_sound) =
            Files::read(source.folder(), &args.execution.cluster, &source.variables);
        if !is_sound {
            faults.push(format!("files in {} cannot be used", source.folder().display()));
        }
        files = Some(read);
    }
    let loaded = source.load();
    if !faults.is_empty() {
        return Err(invalid(faults.join("\n")));
    }
    let workflow = Arc::new(loaded?);
    let place = files
        .map(|files| Place::choose(&args.execution.cluster, &workflow, files, &folder))
        .transpose()?;
    if args.execution.cluster.explain {
        return explain(place.as_ref(), &args.execution);
    }
    refuse_impossible(&workflow, &args.execution)?;
    let inputs = input::read(&args.execution)?;
    input::refuse(&args.execution, &source.work_dir)?;
    let simulated =
        args.execution.executor == ExecutorKind::Noop || args.execution.replay.is_some();
    if !args.strict && !simulated {
        tell_warnings(&source, &workflow);
    }
    if args.strict {
        let warnings = source.warnings(&workflow);
        if !warnings.is_empty() {
            let shown = render(
                &source.path,
                workflow.file_text(),
                &warnings,
                cli::colours(&std::io::stderr()),
            );
            cli::note(shown.trim_end());
            return Err(invalid("not run, because --strict makes warnings errors"));
        }
    }
    if args.dry_run {
        return dry_run(&workflow, args, &folder);
    }
    if let Some(exit) = input::bring(&inputs, &args.execution, &source.work_dir)? {
        return Ok(exit);
    }
    check_inputs(&workflow, &source.work_dir, &args.execution)?;
    let history = match &args.hyperflow_log {
        Some(log) => begun_by_hyperflow(log, &workflow)?,
        None => History::default(),
    };
    let label = label_of(&workflow, &source);
    let mut store = RunStore::create(&NewRun {
        runs_dir: &folder,
        source: &source.path,
        text: workflow.file_text(),
        work_dir: &source.work_dir,
        variables: &source.variables,
        processes: workflow.process_count(),
        label: &label,
        id: args.engine.run_id.as_deref(),
    })
    .context("cannot begin the run")?;
    store.import(&history).context("cannot take over what HyperFlow has done")?;
    execute(
        Prepared {
            workflow,
            store,
            history,
            runs: folder,
            work_dir: source.work_dir,
            known: Known::nothing(),
            place,
        },
        &args.execution,
    )
}

/// A word for the run's id.
pub(super) fn label_of(workflow: &Workflow, source: &Source) -> String {
    if workflow.name().is_empty() {
        source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    } else {
        workflow.name().to_owned()
    }
}

/// Goes on with the run that was begun under the given id, if there is one: the engine's pod was made again.
fn begun_before(args: &RunArgs, folder: &Path, source: &Source) -> Result<Option<Exit>> {
    let Some(id) = &args.engine.run_id else { return Ok(None) };
    let dir = folder.join(id);
    if !dir.exists() {
        return Ok(None);
    }
    let contents = match read(&dir) {
        Ok(contents) => contents,
        Err(error) => {
            let is_begun =
                dir.join("journal").exists() && !matches!(error, StoreError::NotBegun { .. });
            if is_begun {
                return Err(error).with_context(|| format!("cannot go on with run {id}"));
            }
            // It died before it had done anything.
            std::fs::remove_dir_all(&dir)
                .with_context(|| format!("cannot remove {}", dir.display()))?;
            return Ok(None);
        }
    };
    cli::note(&format!("run {id} was begun by an earlier engine; going on with it"));
    let resume = ResumeArgs {
        run: Some(id.clone()),
        runs: Some(folder.to_owned()),
        file: Some(dir.join(&contents.begin.copy)),
        variables: Vec::new(),
        exact: false,
        orphans: OrphanMode::End,
        orphan_deadline: 60.0,
        execution: args.execution.clone(),
    };
    resume_with(&resume, Some(source.folder())).map(Some)
}

/// Which mode each task type is run in, and why.
pub(super) fn explain(place: Option<&Place>, args: &ExecutionArgs) -> Result<Exit> {
    let Some(place) = place else { return Ok(Exit::Ok) };
    let shown = match args.output {
        OutputFormat::Json => format!("{:#}\n", place.plan.json()),
        OutputFormat::Text => place.plan.table(),
    };
    std::io::stdout().lock().write_all(shown.as_bytes())?;
    Ok(Exit::Ok)
}

/// What can be foreseen from the workflow alone, such as functions that cannot be run here.
fn tell_warnings(source: &Source, workflow: &Workflow) {
    let warnings = workflow.warnings(&Surroundings::default());
    if !warnings.is_empty() {
        let colours = cli::colours(&std::io::stderr());
        cli::note(render(&source.path, workflow.file_text(), &warnings, colours).trim_end());
    }
}

/// Prints the tasks in the order in which they would start, with their commands.
fn dry_run(workflow: &Arc<Workflow>, args: &RunArgs, folder: &Path) -> Result<Exit> {
    let options = options(&args.execution, folder)?;
    let plan = run::plan(Arc::clone(workflow), &options, PlanLimits::default())?;
    let task = |task: &TaskId| {
        let process = workflow.process(ProcessId(task.process));
        let line = match process.command() {
            Some(command) => command.display_line(),
            None if process.function().is_empty() => "(no command)".to_owned(),
            None => format!("({})", process.function()),
        };
        (process.task_label(task.firing), line)
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    if args.execution.output == OutputFormat::Json {
        let rows: Vec<_> = plan
            .tasks
            .iter()
            .map(task)
            .map(|(label, line)| json!({"task": label, "command": line}))
            .collect();
        writeln!(out, "{:#}", json!({"tasks": rows, "complete": !plan.cut}))?;
    } else {
        for (label, line) in plan.tasks.iter().map(task) {
            writeln!(out, "{label}\t{line}")?;
        }
    }
    out.flush()?;
    let total = plan.tasks.len();
    if plan.cut {
        cli::note(&format!("... it goes on: only the first {total} tasks are shown"));
    } else {
        cli::note(&format!("{total} tasks would run; nothing was run"));
    }
    Ok(Exit::Ok)
}

/// What HyperFlow's own log says was done.
fn begun_by_hyperflow(log: &Path, workflow: &Arc<Workflow>) -> Result<History> {
    let file = File::open(log).map_err(|error| {
        invalid(format!("cannot read HyperFlow's log {}: {error}", log.display()))
    })?;
    let imported = match hyperflow_log::read(BufReader::new(file), workflow, TornEnd::Drop) {
        Ok(imported) => imported,
        Err(LogError::Invalid { problems }) => {
            for problem in &problems {
                cli::note(&format!("{}:{}: error: {}", log.display(), problem.line, problem.kind));
            }
            return Err(invalid(format!("{} cannot be resumed from", log.display())));
        }
        Err(error) => return Err(error.into()),
    };
    let done = imported.history.records.iter().filter(|record| record.done).count();
    cli::note(&format!("HyperFlow had finished {}; kept", cli::counted(done, "task")));
    if imported.torn {
        cli::note("the log's last line was cut off; its task runs again");
    }
    Ok(imported.history)
}
