//! What is shown of a run that has ended, and of a task that failed.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cli::{bytes, seconds};
use serde_json::{Value, json};
use workflow_engine::exec::{Failure, TaskId};
use workflow_engine::model::{ProcessId, Workflow};
use workflow_engine::run::{Report, Status};

/// Lines of standard error shown for a failure.
const TAIL_LINES: usize = 8;
/// Bytes of a log that are read for them.
const TAIL_BYTES: u64 = 4096;
/// Failures listed in a summary.
const FAILURES_SHOWN: usize = 10;

/// The last lines of a text file.
fn tail(path: &Path) -> Vec<String> {
    let Ok(mut file) = std::fs::File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut raw = Vec::new();
    if file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).is_err()
        || file.read_to_end(&mut raw).is_err()
    {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&raw);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// A failed attempt: task, command, reason, the last lines it wrote, and where the log is.
pub(crate) fn failure_text(
    workflow: &Workflow,
    task: TaskId,
    failure: &Failure,
    logs: &[PathBuf],
) -> String {
    let process = workflow.process(ProcessId(task.process));
    let attempt =
        if task.attempt > 1 { format!(" (attempt {})", task.attempt) } else { String::new() };
    let mut text = format!("{} failed{attempt}: {failure}", process.task_label(task.firing));
    if let Some(command) = process.command() {
        let line: String = command.display_line().chars().take(400).collect();
        let _ = write!(text, "\n  command: {line}");
        if let Some(redirect) = &command.stderr {
            let _ = write!(text, "\n  its standard error is in {}", redirect.path);
        }
    }
    // Standard error says more about a failure than standard output.
    let told = logs.iter().find(|log| log.extension().is_some_and(|end| end == "err"));
    if let Some(log) = told.or_else(|| logs.first()) {
        for line in tail(log) {
            let _ = write!(text, "\n  | {line}");
        }
        let _ = write!(text, "\n  log: {}", log.display());
    }
    text
}

/// The summary for people.
pub(crate) fn text(
    workflow: &Workflow,
    run: &str,
    report: &Report,
    simulated: bool,
    resume: &str,
) -> String {
    let mut out = String::new();
    let kept = if report.kept > 0 {
        format!(" ({} kept from before)", report.kept)
    } else {
        String::new()
    };
    let _ = writeln!(out, "run {run}: {}", report.status);
    let _ = writeln!(
        out,
        "{} task{} done{kept}, {} failed, in {}",
        report.done,
        if report.done == 1 { "" } else { "s" },
        report.failed.len(),
        seconds(report.wall_seconds)
    );
    if report.done > 0 && !simulated {
        let efficiency = report.efficiency().unwrap_or(1.0) * 100.0;
        let _ = writeln!(
            out,
            "makespan {}; no schedule on {} slots is shorter than {} (critical path {}, work {}): {efficiency:.0} % efficient",
            seconds(report.makespan_seconds),
            report.slots,
            seconds(report.lower_bound_seconds()),
            seconds(report.critical_path_seconds),
            seconds(report.work_seconds),
        );
        let _ = writeln!(out, "bound by {}", report.bound());
        types_table(&mut out, report);
    }
    if report.never_fired > 0 && !matches!(report.status, Status::Interrupted) {
        let plural = if report.never_fired == 1 { "process" } else { "processes" };
        let _ = writeln!(out, "{} {plural} never fired", report.never_fired);
    }
    for (signal, count) in report.dropped_signals.iter().take(FAILURES_SHOWN) {
        let _ = writeln!(
            out,
            "warning: {count} of `{signal}` came to finished processes and were dropped"
        );
    }
    if !report.missing_files.is_empty() {
        let first: Vec<&str> = report.missing_files.iter().take(5).map(String::as_str).collect();
        let more = report.missing_files.len().saturating_sub(first.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ =
            writeln!(out, "warning: tasks ended well without making {}{more}", first.join(", "));
    }
    for failed in report.failed.iter().take(FAILURES_SHOWN) {
        let _ = writeln!(out, "failed: {} ({})", failed.label(workflow), failed.failure);
    }
    if report.failed.len() > FAILURES_SHOWN {
        let _ = writeln!(out, "... and {} more failures", report.failed.len() - FAILURES_SHOWN);
    }
    match report.status {
        Status::Failed | Status::Interrupted => {
            let _ = writeln!(out, "go on with: {resume}");
        }
        _ => {}
    }
    out
}

fn types_table(out: &mut String, report: &Report) {
    let mut types: Vec<_> =
        report.types.iter().filter(|of_type| of_type.done + of_type.failed > 0).collect();
    types.sort_by(|a, b| b.total_seconds.total_cmp(&a.total_seconds));
    let shown = types.len().min(12);
    let widest = types[..shown].iter().map(|t| t.name.chars().count()).max().unwrap_or(0).max(9);
    let _ = writeln!(
        out,
        "{:widest$} {:>7} {:>7} {:>10} {:>10} {:>10} {:>10}",
        "task type", "done", "failed", "run time", "mean", "longest", "memory"
    );
    for of_type in &types[..shown] {
        let mean = of_type.total_seconds / of_type.done.max(1) as f64;
        let _ = writeln!(
            out,
            "{:widest$} {:>7} {:>7} {:>10} {:>10} {:>10} {:>10}",
            of_type.name,
            of_type.done,
            of_type.failed,
            seconds(of_type.total_seconds),
            short(mean),
            short(of_type.max_seconds),
            bytes(of_type.peak_memory_bytes),
        );
    }
    if types.len() > shown {
        let _ = writeln!(out, "... and {} more task types", types.len() - shown);
    }
}

/// Short times in milliseconds.
fn short(time: f64) -> String {
    if time < 0.1 { format!("{:.1} ms", time * 1000.0) } else { seconds(time) }
}

/// The summary for programs.
pub(crate) fn json(workflow: &Workflow, run: &str, report: &Report) -> Value {
    json!({
        "run": run,
        "status": report.status,
        "success": report.status.is_success(),
        "done": report.done,
        "kept": report.kept,
        "never_fired": report.never_fired,
        "wall_seconds": report.wall_seconds,
        "makespan_seconds": report.makespan_seconds,
        "work_seconds": report.work_seconds,
        "critical_path_seconds": report.critical_path_seconds,
        "lower_bound_seconds": report.lower_bound_seconds(),
        "efficiency": report.efficiency(),
        "bound": report.bound(),
        "slots": report.slots,
        "journal_seconds": report.journal_seconds,
        "types": report.types,
        "missing_files": report.missing_files,
        "dropped_signals": report.dropped_signals,
        "failed": report.failed.iter().map(|failed| json!({
            "task": failed.label(workflow),
            "attempt": failed.task.attempt,
            "reason": failed.failure.to_string(),
            "seconds": failed.took.as_secs_f64(),
            "logs": failed.logs,
        })).collect::<Vec<_>>(),
    })
}
