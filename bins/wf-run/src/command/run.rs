//! `wf-run run`: a new run.

use std::sync::Arc;

use anyhow::{Context, Result};
use workflow_engine::store::{History, NewRun, RunStore};

use super::execute::{Prepared, check_inputs, execute, refuse_impossible};
use crate::cli::RunArgs;
use crate::exit::{Exit, invalid};
use crate::problems::render;
use crate::source::Source;
use crate::{output, runs};

pub(super) fn run(args: &RunArgs) -> Result<Exit> {
    let source = Source::new(&args.source)?;
    let faults = source.check_config_files()?;
    if !faults.is_empty() {
        return Err(invalid(faults.join("\n")));
    }
    let workflow = Arc::new(source.load()?);
    refuse_impossible(&workflow, &args.execution)?;
    if args.strict {
        let warnings = source.warnings(&workflow);
        if !warnings.is_empty() {
            let shown = render(&source.path, workflow.file_text(), &warnings, output::colours());
            output::note(shown.trim_end());
            return Err(invalid("not run, because --strict makes warnings errors"));
        }
    }
    check_inputs(&workflow, &source.work_dir, &args.execution)?;
    let folder = runs::folder(args.runs.as_deref(), &source.work_dir);
    let label = if workflow.name().is_empty() {
        source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    } else {
        workflow.name().to_owned()
    };
    let store = RunStore::create(&NewRun {
        runs_dir: &folder,
        source: &source.path,
        text: workflow.file_text(),
        work_dir: &source.work_dir,
        variables: &source.variables,
        processes: workflow.process_count(),
        label: &label,
    })
    .context("cannot begin the run")?;
    let history = History::default();
    execute(
        Prepared { workflow, store, history, runs: folder, work_dir: source.work_dir },
        &args.execution,
    )
}
