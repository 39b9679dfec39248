//! `node-prep status`.

use std::io::Write as _;

use ::cli::{Exit, OutputFormat};
use anyhow::Result;
use node_bootstrap::change::Poke;
use node_bootstrap::journal::{Journal, Made, Run};
use node_bootstrap::undo::{Extent, Foreign, foreign};
use serde::Serialize;

use crate::session::Session;
use crate::show;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    runs: &'a [Run],
    interrupted: bool,
    standing: Vec<&'a Made>,
    owed: Vec<&'a Poke>,
    changed_since: &'a [Foreign],
}

pub(crate) fn status(session: &Session) -> Result<Exit> {
    session.needs_root("status")?;
    let journal = Journal::read(&session.host)?;
    let foreign = foreign(&session.host, &journal, &Extent::All)?;
    let mut out = std::io::stdout().lock();
    match session.output {
        OutputFormat::Text => {
            out.write_all(::cli::printable(&show::status(&journal, &foreign)).as_bytes())?;
        }
        OutputFormat::Json => {
            let status = Status {
                runs: journal.runs(),
                interrupted: journal.is_interrupted(),
                standing: journal.standing().collect(),
                owed: journal.owed().collect(),
                changed_since: &foreign,
            };
            writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
        }
    }
    out.flush()?;
    Ok(if foreign.is_empty() && !journal.is_interrupted() { Exit::Ok } else { Exit::Differences })
}
