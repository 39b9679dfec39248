//! A plan is carried out, change by change, with a journal.

use crate::change::{Change, ChangeError, Poke, State};
use crate::host::{Host, HostError};
use crate::journal::{By, Journal, JournalError, Made, Work};
use crate::plan::Plan;

/// What happens while a host is changed, to be told.
#[derive(Debug)]
pub enum Event<'a> {
    /// A killed run had begun this; it was found made (`true`) or not.
    Settled(&'a Made),
    /// A change is being made.
    Making {
        /// The step that wishes it.
        step: &'a str,
        /// Which.
        change: &'a Change,
    },
    /// It was made.
    Made {
        /// The step that wished it.
        step: &'a str,
        /// Which.
        change: &'a Change,
    },
    /// A change was taken back.
    TakenBack(&'a Made),
    /// Something did not work that nothing else depends on.
    Warning(String),
}

/// Who watches, and who may stop it.
pub struct Watch<'a> {
    /// Hears of everything that happens.
    pub tell: &'a mut dyn FnMut(&Event<'_>),
    /// Whether to stop before the next change.
    pub stop: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// What became of a plan.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// How many changes were made.
    pub changes: usize,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// Why a plan could not be carried out to its end.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A change could not be made.
    #[error("{step}: failed to {what}")]
    Change {
        /// The step that wished it.
        step: String,
        /// What was to be done.
        what: String,
        /// How many changes were made before it.
        made: usize,
        /// What went wrong.
        source: Box<ChangeError>,
    },
    /// The plan says itself that it cannot be carried out.
    #[error("the plan cannot be carried out: {0}")]
    Refused(String),
}

/// Makes the changes of a plan, in its order, and stops at the first that fails. What was made stays, and is in the
/// journal; the next run goes on from there.
///
/// # Errors
/// If another one changes this host, the plan has refusals, the journal cannot be written, or a change fails.
pub fn apply(
    host: &dyn Host,
    plan: &Plan,
    by: By,
    watch: &mut Watch<'_>,
) -> Result<Applied, ApplyError> {
    if let Some(refusal) = plan.refusals().next() {
        return Err(ApplyError::Refused(refusal.to_string()));
    }
    let _lock = host.lock()?;
    let mut journal = Journal::open(host)?;
    for made in journal.settle()? {
        (watch.tell)(&Event::Settled(&made));
    }
    if plan.is_empty() {
        return Ok(Applied::default());
    }
    let pokes = plan.changes().filter_map(|(_, change)| match change {
        // What only waits is owed to nobody: it is planned again as long as it is needed.
        Change::Poke(Poke::Listens { .. }) => None,
        Change::Poke(poke) => Some(poke.clone()),
        _ => None,
    });
    let run = journal.begin(Work::Apply, by, pokes.collect())?;
    let mut applied = Applied::default();
    for (step, change) in plan.changes() {
        if (watch.stop)() {
            applied.stopped = true;
            break;
        }
        (watch.tell)(&Event::Making { step, change });
        if let Err(source) = make(host, &mut journal, step, change)? {
            journal.end(run, false)?;
            return Err(ApplyError::Change {
                step: step.to_owned(),
                what: change.to_string(),
                made: applied.changes,
                source: Box::new(source),
            });
        }
        applied.changes += 1;
        (watch.tell)(&Event::Made { step, change });
    }
    journal.end(run, !applied.stopped)?;
    Ok(applied)
}

/// Makes one change. The outer error is of the journal, the inner of the change.
fn make(
    host: &dyn Host,
    journal: &mut Journal<'_>,
    step: &str,
    change: &Change,
) -> Result<Result<(), ChangeError>, ApplyError> {
    let touches = match change.prepare(host) {
        Ok(touches) => touches,
        Err(error) => return Ok(Err(error.into())),
    };
    let before = change.probe(host)?;
    let number = journal.intend(step, change, before.clone(), touches.clone())?;
    let made = change.make(host);
    // One that failed may have done a part.
    let after = Change::narrowed(&before, change.probe(host)?, touches.as_ref());
    if made.is_err() && (after == before || after == State::Unknown) {
        journal.void(number)?;
    } else {
        journal.done(number, after)?;
    }
    Ok(made)
}
