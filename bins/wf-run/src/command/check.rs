//! `wf-run check`: everything that is wrong, with its place.

use std::io::Write;

use anyhow::Result;
use cli::{Exit, OutputFormat, counted};
use serde_json::json;
use workflow_engine::check::{Problem, Severity};
use workflow_engine::model::Workflow;

use crate::cli::CheckArgs;
use crate::problems::render;
use crate::source::{Source, has_errors};

pub(super) fn check(args: &CheckArgs) -> Result<Exit> {
    let source = Source::new(&args.source)?;
    let config_faults = source.check_config_files(&[])?;
    let (workflow, text, problems) = match source.try_load()? {
        Ok(workflow) => {
            let problems = source.warnings(&workflow);
            (Some(workflow), None, problems)
        }
        Err((text, problems)) => (None, Some(text), problems),
    };
    let invalid =
        has_errors(&problems) || !config_faults.is_empty() || (args.strict && !problems.is_empty());
    let mut out = std::io::stdout().lock();
    match args.output {
        OutputFormat::Json => {
            let report = json!({
                "file": source.path,
                "valid": !invalid,
                "problems": problems.iter().map(as_json).collect::<Vec<_>>(),
                "config_problems": config_faults,
                "workflow": workflow.as_ref().map(figures),
            });
            writeln!(out, "{report:#}")?;
        }
        OutputFormat::Text => {
            for fault in &config_faults {
                writeln!(out, "{fault}")?;
            }
            let text = match (&workflow, &text) {
                (Some(workflow), _) => workflow.file_text(),
                (None, Some(text)) => text,
                (None, None) => "",
            };
            if !problems.is_empty() {
                write!(
                    out,
                    "{}",
                    render(&source.path, text, &problems, cli::colours(&std::io::stdout()))
                )?;
            }
            if let Some(workflow) = &workflow {
                let shape = workflow.shape();
                writeln!(
                    out,
                    "{}: {}, {}, {}, {}, at most {} at once",
                    if workflow.name().is_empty() { "the workflow" } else { workflow.name() },
                    counted(workflow.process_count(), "process"),
                    counted(workflow.signal_count(), "signal"),
                    counted(shape.edges, "edge"),
                    counted(shape.levels, "level"),
                    shape.width
                )?;
            }
        }
    }
    Ok(if invalid { Exit::Invalid } else { Exit::Ok })
}

fn figures(workflow: &Workflow) -> serde_json::Value {
    let shape = workflow.shape();
    json!({
        "name": workflow.name(),
        "processes": workflow.process_count(),
        "signals": workflow.signal_count(),
        "edges": shape.edges,
        "levels": shape.levels,
        "width": shape.width,
    })
}

fn as_json(problem: &Problem) -> serde_json::Value {
    json!({
        "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
        "line": problem.position.map(|at| at.line),
        "column": problem.position.map(|at| at.column),
    })
}
