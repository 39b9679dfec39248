//! `hpcc-envgen diff`: what differs between two environments.

use anyhow::Result;
use cli::{Exit, OutputFormat};
use envxml::Diff;

use crate::cli::Pair;
use crate::file;

/// Prints the differences; exit code 3 when there are some.
pub(super) fn diff(arguments: &Pair) -> Result<Exit> {
    let diff = Diff::new(&file::read(&arguments.old)?, &file::read(&arguments.new)?);
    match arguments.output.output {
        OutputFormat::Text => file::print_text(&diff.to_text())?,
        OutputFormat::Json => file::print_json(&diff)?,
    }
    Ok(if diff.is_empty() { Exit::Ok } else { Exit::Differences })
}
