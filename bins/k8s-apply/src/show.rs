//! Plans, progress and reports as text for people.

use std::fmt::{Display, Write};
use std::io::Write as _;

use ::cli::{counted, printable};
use anyhow::Result;
use k8s_apply::ObjectKey;
use k8s_apply::apply::{Applied, Trouble};
use k8s_apply::apply_set::removal::{Fate, Removal, Removed};
use k8s_apply::change;
use k8s_apply::fields::Conflict;
use k8s_apply::plan::{Action, Checked, Plan, Step};
use k8s_apply::wait::{Pending, Progress, Waited};
use serde::Serialize;

/// Prints data.
pub(crate) fn out(text: &str) -> Result<()> {
    std::io::stdout().lock().write_all(printable(text).as_bytes())?;
    Ok(())
}

/// Prints data for programs.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    out(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// What applying would do, with all differences.
pub(crate) fn plan(plan: &Plan, removals: &[Removal], prune: bool) -> String {
    let mut text = String::new();
    for one in plan.steps.iter().filter(|one| one.action != Action::Unchanged || has_news(one)) {
        step(&mut text, one);
    }
    for removal in removals {
        let key = &removal.key;
        let _ = match &removal.fate {
            Fate::Delete if prune => writeln!(text, "- delete    {key}"),
            Fate::Delete => {
                writeln!(text, "  keep      {key} (in the set no more; --prune deletes it)")
            }
            Fate::Detach(why) if prune => writeln!(text, "  detach    {key} ({why})"),
            Fate::Detach(why) | Fate::Keep(why) => writeln!(text, "  keep      {key} ({why})"),
        };
    }
    let _ = writeln!(text, "{}", summary(plan, removals, prune));
    text
}

/// Whether something is to be said about an object that stays as it is.
fn has_news(step: &Step) -> bool {
    !step.left.is_empty() || !step.notes.is_empty()
}

fn step(text: &mut String, step: &Step) {
    let (sign, word) = match step.action {
        Action::Create => ("+", "create"),
        Action::Update => ("~", "update"),
        Action::Adopt => ("~", "adopt"),
        Action::Recreate => ("!", "recreate"),
        Action::Unchanged => ("=", "unchanged"),
    };
    let _ = writeln!(text, "{sign} {word:<9} {}  ({})", step.key, step.place);
    if let Checked::Later { waits_for, looked_at } = &step.checked {
        let _ = writeln!(text, "    to be tried once {waits_for} is there; looked at: {looked_at}");
    }
    if !step.taken_over.is_empty() {
        let _ = writeln!(text, "    takes over the fields of {}", step.taken_over.join(", "));
    }
    if !step.immutable.is_empty() {
        let _ = writeln!(text, "    cannot be changed: {}", step.immutable.join(", "));
    }
    if step.action != Action::Create {
        for line in step.changes.iter().flat_map(change::lines) {
            let _ = writeln!(text, "    {line}");
        }
    }
    for one in &step.forced {
        let _ = writeln!(text, "    takes {}", conflict(one));
    }
    for one in &step.left {
        let _ = writeln!(text, "    leaves {}", conflict(one));
    }
    for note in &step.notes {
        let _ = writeln!(text, "    note: {note}");
    }
}

fn conflict(one: &Conflict) -> String {
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    let (theirs, ours) = (value(&one.theirs), value(&one.ours));
    format!("{} ({theirs}; the manifest: {ours}) of {}", one.field, one.manager)
}

/// One line that counts.
fn summary(plan: &Plan, removals: &[Removal], prune: bool) -> String {
    let counts = [
        (Action::Create, "to create"),
        (Action::Update, "to update"),
        (Action::Adopt, "to adopt"),
        (Action::Recreate, "to recreate"),
        (Action::Unchanged, "unchanged"),
    ];
    let mut words: Vec<String> = counts
        .iter()
        .map(|(action, word)| (plan.count(*action), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let deleted = removals.iter().filter(|one| one.fate == Fate::Delete && prune).count();
    if deleted > 0 {
        words.push(format!("{deleted} to delete"));
    }
    if !plan.problems.is_empty() {
        words.push("what is refused is told below".to_owned());
    }
    format!("{}: {}", counted(plan.steps.len(), "object"), words.join(", "))
}

/// What was done to an object, in one line.
pub(crate) fn written(action: Action, key: &impl Display) -> String {
    let word = match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Adopt => "adopted",
        Action::Recreate => "recreated",
        Action::Unchanged => "unchanged",
    };
    format!("{word:<9} {key}")
}

/// How far a wait is.
pub(crate) fn progress(progress: &Progress) -> String {
    let mut text = format!(
        "waiting for {} of {}, {:.0} s",
        progress.total - progress.ready,
        counted(progress.total, "object"),
        progress.elapsed.as_secs_f64()
    );
    pending(&mut text, &progress.pending);
    text
}

/// How a wait ended that did not end well.
pub(crate) fn waited(waited: &Waited) -> String {
    let mut text = String::new();
    if !waited.failed.is_empty() {
        let _ = write!(text, "failed: {}", counted(waited.failed.len(), "object"));
        pending(&mut text, &waited.failed);
    }
    if !waited.pending.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let why = if waited.timed_out { "the time is up for" } else { "not ready yet:" };
        let _ = write!(text, "{why} {}", counted(waited.pending.len(), "object"));
        pending(&mut text, &waited.pending);
    }
    text
}

fn pending(text: &mut String, pending: &[Pending]) {
    const SHOWN: usize = 10;
    for one in pending.iter().take(SHOWN) {
        let _ = write!(text, "\n  {}: {}", one.key, one.reason);
        for why in &one.why {
            let _ = write!(text, "\n    {why}");
        }
    }
    if pending.len() > SHOWN {
        let _ = write!(text, "\n  and {} more", pending.len() - SHOWN);
    }
}

/// Why applying ended early, but for problems of the manifests, which are shown with their lines.
pub(crate) fn troubles(applied: &Applied) -> String {
    let mut lines = Vec::new();
    for trouble in &applied.troubles {
        match trouble {
            Trouble::Refused(_) => {}
            Trouble::Call { key, error } => lines.push(format!("{key}: {error}")),
            Trouble::NotReady(not) => {
                let not = waited(not);
                lines.push(format!("something that others depend on is not ready\n{not}"));
            }
        }
    }
    if !applied.not_begun.is_empty() {
        lines.push(format!("not begun: {}", keys(&applied.not_begun)));
    }
    lines.join("\n")
}

/// What could not be removed.
pub(crate) fn not_removed(removed: &Removed) -> String {
    let failed = removed.failed.iter();
    let mut lines: Vec<String> =
        failed.map(|(key, why)| format!("{key} could not be removed: {why}")).collect();
    lines.extend(removed.waiting.as_ref().map(waited));
    if !removed.not_begun.is_empty() {
        lines.push(format!("not begun: {}", keys(&removed.not_begun)));
    }
    lines.join("\n")
}

fn keys(keys: &[ObjectKey]) -> String {
    const SHOWN: usize = 8;
    let mut words: Vec<String> = keys.iter().take(SHOWN).map(ToString::to_string).collect();
    if keys.len() > SHOWN {
        words.push(format!("and {} more", keys.len() - SHOWN));
    }
    words.join(", ")
}
