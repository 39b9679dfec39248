//! `convert`: a cluster.yaml made of OpenPAI's files.

use std::io::Write as _;
use std::path::Path;

use ::cli::{Exit, counted, note};
use anyhow::Result;
use diagnostics::yaml;

use crate::intake;

pub(crate) fn convert(input: &Path) -> Result<Exit> {
    let Some(cluster) = intake::cluster(input)? else { return Ok(Exit::Invalid) };
    let converted = openpai::convert(&cluster);
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Made of OpenPAI's files. What is not in it, or has to be looked at:")?;
    for lost in &converted.notes {
        writeln!(out, "# - {lost}")?;
    }
    out.write_all(yaml::write(&converted.inventory)?.as_bytes())?;
    let notes = counted(converted.notes.len(), "thing");
    note(&format!("{notes} to look at: see the comments at the top"));
    Ok(Exit::Ok)
}
