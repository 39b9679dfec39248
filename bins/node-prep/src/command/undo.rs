//! `node-prep undo`.

use std::io::Write as _;

use ::cli::{Exit, OutputFormat, confirmed, counted, note, say};
use anyhow::Result;
use node_bootstrap::apply::{Event, Watch};
use node_bootstrap::journal::Journal;
use node_bootstrap::undo::{Extent, Options, UndoError, foreign, plan, undo as take_back};

use crate::session::{Session, by, stop};
use crate::show;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) options: Options,
    pub(crate) forget: bool,
    pub(crate) yes: bool,
}

/// What is to be taken back.
pub(crate) fn extent(since: Option<u32>, step: Option<&str>) -> Extent {
    match (since, step) {
        (Some(run), _) => Extent::SinceRun(run),
        (None, Some(step)) => Extent::Step(step.to_owned()),
        (None, None) => Extent::All,
    }
}

pub(crate) fn undo(session: &Session, asked: &Asked, dry_run: bool) -> Result<Exit> {
    session.needs_root("undo")?;
    let journal = Journal::read(&session.host)?;
    let count = shown(session, &journal, &asked.options.extent)?;
    if dry_run {
        return Ok(if count == 0 { Exit::Ok } else { Exit::Differences });
    }
    if count > 0 {
        let question = format!("take back {}", counted(count, "change"));
        if !asked.yes && !confirmed(&question, "undo")? {
            return Ok(Exit::Interrupted);
        }
        let stop = stop()?;
        let mut tell = |event: &Event<'_>| super::apply::tell(event);
        let mut watch = Watch { tell: &mut tell, stop: &stop };
        match take_back(&session.host, &asked.options, by(), &mut watch) {
            Ok(undone) if undone.stopped => {
                note("stopped; run it again to go on");
                return Ok(Exit::Interrupted);
            }
            Ok(undone) if undone.failed > 0 => {
                let (changes, failed) = (counted(undone.changes, "change"), undone.failed);
                note(&format!("{changes} taken back; {failed} could not be, and stand"));
                return Ok(Exit::Partial);
            }
            Ok(undone) => note(&format!("{} taken back", counted(undone.changes, "change"))),
            Err(error @ UndoError::Change { taken_back: 1.., .. }) => {
                ::cli::error("node-prep", &error.into());
                return Ok(Exit::Partial);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if asked.forget {
        forget(session)?;
    }
    Ok(Exit::Ok)
}

/// Prints what would be taken back; answers how much that is.
fn shown(session: &Session, journal: &Journal<'_>, extent: &Extent) -> Result<usize> {
    let plan = plan(journal, extent);
    let mut out = std::io::stdout().lock();
    if session.output == OutputFormat::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?;
    } else {
        for made in &plan {
            writeln!(out, "{}", ::cli::printable(&format!("take back  {}", show::made(made))))?;
        }
        for one in foreign(&session.host, journal, extent)? {
            say(&format!("not without --force: {one}"));
        }
        if plan.is_empty() {
            writeln!(out, "nothing to take back")?;
        }
    }
    out.flush()?;
    Ok(plan.len())
}

fn forget(session: &Session) -> Result<()> {
    let journal = Journal::read(&session.host)?;
    let left = journal.standing().count();
    if left > 0 {
        note(&format!("the journal stays: {} can still be taken back", counted(left, "change")));
        return Ok(());
    }
    Ok(journal.forget()?)
}
