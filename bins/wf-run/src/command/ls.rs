//! `wf-run ls`: the runs of a folder.

use std::io::Write;

use anyhow::Result;
use cli::{Exit, OutputFormat};
use serde_json::json;

use super::status::{Standing, standing};
use crate::cli::RunsArgs;
use crate::runs;

pub(super) fn ls(args: &RunsArgs) -> Result<Exit> {
    let folder = runs::folder_here(args.runs.as_deref());
    let dirs = runs::list(&folder)?;
    let mut out = std::io::stdout().lock();
    if args.output == OutputFormat::Json {
        let rows: Vec<_> = dirs
            .iter()
            .map(|dir| match standing(dir) {
                Ok(standing) => standing.json(),
                Err(error) => json!({"run": dir.file_name().map(|n| n.to_string_lossy()), "error": format!("{error:#}")}),
            })
            .collect();
        writeln!(out, "{:#}", json!(rows))?;
        return Ok(Exit::Ok);
    }
    if dirs.is_empty() {
        writeln!(out, "no runs in {}", folder.display())?;
        return Ok(Exit::Ok);
    }
    writeln!(out, "{:<36} {:>15} {:>7}  {:<20} state", "run", "done", "failed", "begun (UTC)")?;
    for dir in &dirs {
        let id = dir.file_name().unwrap_or_default().to_string_lossy();
        match standing(dir) {
            Ok(Standing { done, total, failed, begun, state, .. }) => {
                let progress = format!("{done}/{total}");
                writeln!(out, "{id:<36} {progress:>15} {failed:>7}  {begun:<20} {state}")?;
            }
            Err(error) => writeln!(out, "{id:<36} cannot be read: {error:#}")?,
        }
    }
    Ok(Exit::Ok)
}
