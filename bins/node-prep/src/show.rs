//! Plans, runs and findings as text.

use std::fmt::Write as _;
use std::io::Write as _;

use ::cli::{Exit, OutputFormat, counted};
use anyhow::Result;
use node_bootstrap::change::Change;
use node_bootstrap::check::{Finding, Verdict};
use node_bootstrap::journal::{Journal, Made, Work};
use node_bootstrap::plan::{Plan, StepPlan};
use node_bootstrap::undo::Foreign;

/// A plan: what each step does, with the lines that differ.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        step_plan(&mut out, step);
    }
    for why in &plan.reboot {
        let _ = writeln!(out, "afterwards the machine has to be started again: {why}");
    }
    out.push_str(&total(plan));
    out.push('\n');
    out
}

fn step_plan(out: &mut String, step: &StepPlan) {
    let _ = writeln!(out, "{}", step.step);
    for planned in &step.changes {
        let _ = writeln!(out, "  {} {}", sign(&planned.change), planned.change);
        for line in planned.diff.iter().flat_map(|diff| diff.lines()) {
            let _ = writeln!(out, "      {line}");
        }
    }
    for change in &step.at_first_boot {
        let _ = writeln!(out, "  > at its first start: {change}");
    }
    for note in &step.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    for refusal in &step.refusals {
        let _ = writeln!(out, "  cannot be done: {refusal}");
    }
    out.push('\n');
}

fn sign(change: &Change) -> char {
    match change {
        Change::WriteFile { .. }
        | Change::MakeFolder { .. }
        | Change::MakeLink { .. }
        | Change::Install { .. } => '+',
        Change::RemoveFile { .. } => '-',
        Change::Poke(_) => '!',
        _ => '~',
    }
}

/// How much there is to do.
pub(crate) fn total(plan: &Plan) -> String {
    let refusals = plan.refusals().count();
    let steps = plan.steps.iter().filter(|step| !step.changes.is_empty()).count();
    let changes = match plan.changes().count() {
        0 => "nothing to do".to_owned(),
        changes => format!("{} in {}", counted(changes, "change"), counted(steps, "step")),
    };
    match refusals {
        0 => changes,
        _ => format!("{changes}; {} that cannot be done", counted(refusals, "thing")),
    }
}

/// A change that was made.
pub(crate) fn made(made: &Made) -> String {
    format!("{:<14} {}", made.step, made.change)
}

/// What was changed, run by run, and what is not as it was left.
pub(crate) fn status(journal: &Journal<'_>, foreign: &[Foreign]) -> String {
    let mut out = String::new();
    if journal.runs().is_empty() {
        out.push_str("nothing was changed by node-prep\n");
        return out;
    }
    for run in journal.runs() {
        let work = match run.work {
            Work::Apply => "apply",
            Work::Undo => "undo",
        };
        let end = match run.ok {
            Some(true) => "",
            Some(false) => ", failed or stopped",
            None => ", interrupted",
        };
        let _ = writeln!(
            out,
            "run {:<3} {work:<6} {}  by {}, {}{end}",
            run.number,
            run.by.at,
            run.by.user,
            counted(run.changes as usize, "change"),
        );
    }
    let standing: Vec<&Made> = journal.standing().collect();
    let _ = writeln!(out, "\n{} can be taken back:", counted(standing.len(), "change"));
    for one in standing {
        let _ = writeln!(out, "  run {:<3} {}", one.run, made(one));
    }
    for poke in journal.owed() {
        let _ = writeln!(out, "owed since a run that was cut short: {poke}");
    }
    if !foreign.is_empty() {
        let _ = writeln!(out, "\nnot as it was left:");
        for one in foreign {
            let _ = writeln!(out, "  {one}");
        }
    }
    out
}

/// Prints findings; the exit code says whether one of them is a failure.
pub(crate) fn findings(output: OutputFormat, findings: &[Finding]) -> Result<Exit> {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let mut out = std::io::stdout().lock();
    if output == OutputFormat::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(findings)?)?;
    } else {
        for finding in findings {
            writeln!(out, "{}", ::cli::printable(&finding.to_string()))?;
        }
        writeln!(
            out,
            "{} passed, {}, {}",
            count(Verdict::Pass),
            counted(count(Verdict::Warn), "warning"),
            counted(count(Verdict::Fail), "failure"),
        )?;
    }
    out.flush()?;
    Ok(if count(Verdict::Fail) == 0 { Exit::Ok } else { Exit::Differences })
}
