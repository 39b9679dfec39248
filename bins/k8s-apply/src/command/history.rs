//! `history`: what a set contained.

use std::fmt::Write;

use ::cli::{Exit, OutputFormat, counted, invalid};
use anyhow::Result;
use k8s_apply::apply_set::{Parent, ParentError, Revision};

use crate::cli::Connection;
use crate::session::{Session, run};
use crate::show;

pub(super) fn history(connection: &Connection, set: &str, revision: Option<u64>) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let set = session.set(set)?;
        let parent = Parent::read(&session.cluster, &set).await?;
        if !parent.exists {
            return Err(ParentError::Missing(set).into());
        }
        match (revision, connection.output) {
            (None, OutputFormat::Json) => show::json(&parent.history)?,
            (None, OutputFormat::Text) => show::out(&list(&parent.history))?,
            (Some(number), output) => {
                let found = parent.history.iter().find(|one| one.revision == number);
                let Some(found) = found else {
                    let known: Vec<String> =
                        parent.history.iter().map(|one| one.revision.to_string()).collect();
                    let known = known.join(", ");
                    return Err(invalid(format!(
                        "there is no revision {number} of {set}, only {known}"
                    )));
                };
                match output {
                    OutputFormat::Json => show::json(found)?,
                    OutputFormat::Text => show::out(&objects(found))?,
                }
            }
        }
        Ok(Exit::Ok)
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}

/// The revisions, each with what changed since the one before.
fn list(history: &[Revision]) -> String {
    let mut text = String::new();
    for (at, one) in history.iter().enumerate() {
        let count = counted(one.objects.len(), "object");
        let by = if one.by.is_empty() { String::new() } else { format!(" by {}", one.by) };
        let _ = writeln!(text, "{}  {}{by}  {count}", one.revision, one.time);
        let Some(before) = at.checked_sub(1).map(|before| &history[before]) else { continue };
        let had = |object: &str| before.objects.iter().find(|entry| entry.object == object);
        for entry in &one.objects {
            let sign = match had(&entry.object) {
                None => '+',
                Some(old) if old.digest != entry.digest => '~',
                Some(_) => continue,
            };
            let _ = writeln!(text, "   {sign} {}", entry.object);
        }
        for entry in &before.objects {
            if !one.objects.iter().any(|now| now.object == entry.object) {
                let _ = writeln!(text, "   - {}", entry.object);
            }
        }
    }
    text
}

fn objects(revision: &Revision) -> String {
    let mut text = String::new();
    for one in &revision.objects {
        let _ = writeln!(text, "{}  {}", one.digest, one.object);
    }
    text
}
