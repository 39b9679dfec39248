//! `wf-run resume`: goes on where a run was left, with the workflow as it is now.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cli::{Exit, counted, invalid, note};
use hashbrown::HashSet;
use workflow_engine::exec::TaskId;
use workflow_engine::model::{ProcessId, Variables, Workflow};
use workflow_engine::read_file;
use workflow_engine::store::{Carried, Contents, History, RunStore, carry};

use super::execute::{Prepared, check_inputs, execute, executor_name, refuse_impossible};
use crate::cli::{ExecutorKind, FilesMode, OrphanMode, ResumeArgs};
use crate::cluster::{Files, Known, Place};
use crate::problems::render;
use crate::{input, runs, source};

pub(super) fn resume(args: &ResumeArgs) -> Result<Exit> {
    resume_with(args, None)
}

/// The same, with the folder that HyperFlow's files are in, where that is not the workflow's.
pub(super) fn resume_with(args: &ResumeArgs, config_dir: Option<&Path>) -> Result<Exit> {
    let folder = runs::folder_here(args.runs.as_deref());
    let dir = runs::find(&folder, args.run.as_deref())?;
    let (store, contents) = RunStore::open(&dir).context("cannot resume")?;
    if contents.torn {
        note(&format!(
            "the journal ended in {} bytes that are no whole record; they are kept in journal.torn, and \
             tasks that only they knew of count as not done",
            contents.torn_bytes
        ));
    }
    refuse_other_executor(&contents, args)?;
    settle_orphans(&store, &contents, args)?;

    let work_dir = PathBuf::from(&contents.begin.work_dir);
    let variables = variables(&contents, args)?;
    let (path, text) = current_text(&dir, &contents, args)?;
    let same = workflow_engine::store::text_hash(&text) == contents.begin.workflow_hash
        && variables.iter().eq(contents
            .begin
            .variables
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str())));
    let workflow = Workflow::from_text(text, &variables).map_err(|(text, problems)| {
        let shown = render(&path, &text, &problems.problems, cli::colours(&std::io::stderr()));
        note(shown.trim_end());
        invalid(format!("{} cannot be run as it is", path.display()))
    })?;
    let workflow = Arc::new(workflow);
    refuse_impossible(&workflow, &args.execution)?;
    let inputs = input::read(&args.execution)?;
    input::refuse(&args.execution, &work_dir)?;
    let place = if args.execution.executor == ExecutorKind::K8s {
        let beside = config_dir.or(path.parent()).unwrap_or(Path::new("."));
        let (files, is_sound) = Files::read(beside, &args.execution.cluster, &variables);
        if !is_sound {
            return Err(invalid(format!("files in {} cannot be used", beside.display())));
        }
        Some(Place::choose(&args.execution.cluster, &workflow, files, &folder)?)
    } else {
        None
    };
    if args.execution.cluster.explain {
        return super::run::explain(place.as_ref(), &args.execution);
    }
    if let Some(exit) = input::bring(&inputs, &args.execution, &work_dir)? {
        return Ok(exit);
    }
    let recorded = contents.ended.iter().map(|ended| TaskId {
        process: ended.process,
        firing: ended.firing,
        attempt: ended.attempt,
    });
    let recorded = recorded.collect();
    let gone = if same && args.execution.files == FilesMode::Strict {
        lost_outputs(&workflow, &contents.history, &work_dir)
    } else {
        HashSet::new()
    };
    let (store, history) = if same && gone.is_empty() {
        check_inputs(&workflow, &work_dir, &args.execution)?;
        (store, contents.history)
    } else {
        let (_, old) = runs::open(&dir)?;
        let gone = if same { gone } else { old_gone(&old, &contents.history, &work_dir, args) };
        let carried = carry(&old, &contents.history, &workflow, &gone);
        if !carried.identical {
            explain(&carried);
        }
        if args.exact && !same && !carried.identical {
            return Err(invalid(format!(
                "{} is not what the run began with, and --exact was given",
                path.display()
            )));
        }
        check_inputs(&workflow, &work_dir, &args.execution)?;
        let store = store
            .rewrite(
                workflow.file_text(),
                &variables,
                workflow.process_count(),
                &contents,
                &carried,
            )
            .context("cannot keep the run for the changed workflow")?;
        (store, carried.history)
    };
    let known = Known { recorded, done: done_firings(&history), same, is_new: false };
    execute(
        Prepared { workflow, store, history, runs: folder, work_dir, known, place },
        &args.execution,
    )
}

fn done_firings(history: &History) -> HashSet<(u32, u32)> {
    let done = history.records.iter().filter(|record| record.done);
    done.map(|record| (record.process, record.firing)).collect()
}

/// What was only simulated was not done, and what was done is not to be mixed with simulated tasks.
fn refuse_other_executor(contents: &Contents, args: &ResumeArgs) -> Result<()> {
    let Some(session) = contents.sessions.last() else { return Ok(()) };
    let now = executor_name(&args.execution);
    // Those of one sort work in the same place.
    let sort = |name: &str| match name {
        "local" => 0,
        "k8s" => 1,
        _ => 2,
    };
    if sort(&session.executor) != sort(now) {
        return Err(invalid(format!(
            "the run was begun with the {} executor and cannot go on with the {now} one; \
             use the same, or begin a new run",
            session.executor
        )));
    }
    Ok(())
}

fn settle_orphans(store: &RunStore, contents: &Contents, args: &ResumeArgs) -> Result<()> {
    if matches!(contents.state, workflow_engine::store::RunState::Closed(_)) {
        return Ok(());
    }
    let orphans = store.orphans(contents).context("cannot look for tasks of the dead engine")?;
    if orphans.is_empty() {
        return Ok(());
    }
    let end_them = args.orphans == OrphanMode::End;
    let what = if end_them { "ending" } else { "waiting for" };
    for orphan in &orphans {
        note(&format!(
            "{what} a task of the dead engine: process {} ({})",
            orphan.pid, orphan.command
        ));
    }
    let deadline = Duration::try_from_secs_f64(args.orphan_deadline)
        .map_err(|_| invalid("--orphan-deadline takes a number of seconds from 0"))?;
    store
        .settle_orphans(contents, end_them, deadline)
        .context("nothing was started, because tasks of the dead engine could still write")?;
    Ok(())
}

/// What the run began with, unless the command line says otherwise.
fn variables(contents: &Contents, args: &ResumeArgs) -> Result<Variables> {
    let mut variables = runs::recorded_variables(contents);
    for text in &args.variables {
        let (name, value) = source::parse_variable(text)?;
        variables.set(name, value);
    }
    Ok(variables)
}

/// The workflow file as it is now; the run's own copy where the file is gone.
fn current_text(dir: &Path, contents: &Contents, args: &ResumeArgs) -> Result<(PathBuf, String)> {
    let path = args.file.clone().unwrap_or_else(|| PathBuf::from(&contents.begin.source));
    if args.file.is_none() && !path.exists() {
        let copy = dir.join(&contents.begin.copy);
        note(&format!("{} is gone; going on with the run's copy of it", path.display()));
        return Ok((copy.clone(), read_file(&copy)?));
    }
    let text = read_file(&path)?;
    Ok((path, text))
}

/// Done processes of which a file that the format says they made is not there any more.
fn lost_outputs(workflow: &Workflow, history: &History, work_dir: &Path) -> HashSet<u32> {
    let done = history.records.iter().filter(|record| record.done);
    done.filter(|record| {
        let process = workflow.process(ProcessId(record.process));
        let command = process.command();
        let mut dir = work_dir.to_owned();
        if let Some(command) = &command {
            dir.extend(command.work_dir.iter().chain(&command.output_dir));
        }
        process.outputs().any(|signal| signal.is_file() && !dir.join(signal.name()).exists())
    })
    .map(|record| record.process)
    .collect()
}

fn old_gone(old: &Workflow, history: &History, work_dir: &Path, args: &ResumeArgs) -> HashSet<u32> {
    if args.execution.files == FilesMode::Strict {
        lost_outputs(old, history, work_dir)
    } else {
        HashSet::new()
    }
}

fn explain(carried: &Carried) {
    note(&format!(
        "the workflow was changed: {} kept, {} new, {} gone",
        counted(carried.kept, "finished task"),
        counted(carried.added, "process"),
        carried.removed
    ));
    for change in &carried.changes {
        let again =
            if change.reason.contains("not in the workflow") { "dropped" } else { "to run again" };
        note(&format!(
            "  {}: {} {again}, because {}",
            change.type_name,
            counted(change.tasks, "task"),
            change.reason
        ));
    }
}
