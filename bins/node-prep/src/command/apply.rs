//! `node-prep apply`.

use std::path::Path;

use ::cli::{Exit, OutputFormat, confirmed, counted, invalid, note, say};
use anyhow::{Context, Result};
use node_bootstrap::apply::{ApplyError, Event, Watch, apply as carry_out};
use node_bootstrap::change::Change;
use node_bootstrap::plan::Plan;

use crate::cli::Wish;
use crate::session::{Session, by, stop};

pub(crate) fn apply(
    session: &Session,
    wish: &Wish,
    saved: Option<&Path>,
    dry_run: bool,
    yes: bool,
) -> Result<Exit> {
    session.needs_root("apply")?;
    let node = Session::node(wish)?;
    let (_, plan) = session.plan(&node)?;
    if let Some(path) = saved {
        is_same(&plan, path)?;
    }
    super::plan::print(session, &plan)?;
    if plan.refusals().next().is_some() {
        return Ok(Exit::Failed);
    }
    let count = plan.changes().count();
    if dry_run {
        return Ok(if count == 0 { Exit::Ok } else { Exit::Differences });
    }
    if count > 0 && !yes && !confirmed(&format!("make {}", counted(count, "change")), "apply")? {
        return Ok(Exit::Interrupted);
    }
    make(session, &plan, &stop()?)
}

/// Makes the changes of a plan that was shown.
pub(super) fn make(session: &Session, plan: &Plan, stop: &dyn Fn() -> bool) -> Result<Exit> {
    let mut tell = |event: &Event<'_>| tell(event);
    let applied = carry_out(&session.host, plan, by(), &mut Watch { tell: &mut tell, stop });
    let exit = match applied {
        Ok(applied) if applied.stopped => {
            note(&format!(
                "stopped after {}; run it again to go on",
                counted(applied.changes, "change")
            ));
            return Ok(Exit::Interrupted);
        }
        Ok(applied) => {
            if session.output == OutputFormat::Text && applied.changes > 0 {
                note(&format!("{} made", counted(applied.changes, "change")));
            }
            if plan.reboot.is_empty() { Exit::Ok } else { Exit::RebootRequired }
        }
        Err(error @ ApplyError::Change { made: 1.., .. }) => {
            ::cli::error("node-prep", &error.into());
            note("what was changed before stays, and `node-prep undo` takes it back");
            return Ok(Exit::Partial);
        }
        Err(error) => return Err(error.into()),
    };
    for why in &plan.reboot {
        say(&format!("the machine has to be started again: {why}"));
    }
    Ok(exit)
}

/// What is told while it goes on.
pub(super) fn tell(event: &Event<'_>) {
    match event {
        Event::Settled(made) => {
            say(&format!("an interrupted run had begun this: {} ({})", made.change, made.step));
        }
        // What may take long is told before it is done.
        Event::Making {
            step,
            change: change @ (Change::Install { .. } | Change::Run { .. } | Change::Kubeadm { .. }),
        } => {
            say(&format!("{step:<14} {change} ..."));
        }
        Event::Making { .. } => {}
        Event::Made { step, change } => say(&format!("{step:<14} {change}")),
        Event::TakenBack(made) => say(&format!("{:<14} taken back: {}", made.step, made.change)),
        Event::Warning(warning) => say(&format!("warning: {warning}")),
    }
}

/// Whether the host still needs what the saved plan has.
fn is_same(plan: &Plan, path: &Path) -> Result<()> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("failed to read {shown}"))?;
    let saved: Plan = serde_json::from_slice(&text)
        .map_err(|error| invalid(format!("{shown} is no plan of node-prep: {error}")))?;
    if saved == *plan {
        return Ok(());
    }
    let lines = |plan: &Plan| -> Vec<String> {
        plan.changes().map(|(step, change)| format!("{step}: {change}")).collect()
    };
    let (old, new) = (lines(&saved), lines(plan));
    let only = |one: &[String], other: &[String], sign: char| -> Vec<String> {
        one.iter()
            .filter(|line| !other.contains(line))
            .map(|line| format!("  {sign} {line}"))
            .collect()
    };
    let mut differ = only(&old, &new, '-');
    differ.extend(only(&new, &old, '+'));
    if differ.is_empty() {
        differ.push("  the contents of files differ".to_owned());
    }
    Err(invalid(format!(
        "the host is not as it was when {shown} was made; make a new plan. Against it:\n{}",
        differ.join("\n")
    )))
}
