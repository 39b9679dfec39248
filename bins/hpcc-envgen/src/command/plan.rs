//! `hpcc-envgen plan`: what must restart, in which order, and what may be lost.

use anyhow::Result;
use cli::{Exit, OutputFormat};
use envxml::RestartPlan;
use envxml::plan::StableStorage;

use crate::cli::Plan;
use crate::file;

/// Prints the plan; exit code 3 when there is something to do.
pub(super) fn plan(arguments: &Plan) -> Result<Exit> {
    let stable = if arguments.all_stable {
        StableStorage::everywhere()
    } else {
        StableStorage::of(arguments.stable.iter().cloned())
    };
    let pair = &arguments.pair;
    let plan = RestartPlan::new(&file::read(&pair.old)?, &file::read(&pair.new)?, &stable);
    match pair.output.output {
        OutputFormat::Text => file::print_text(&plan.to_text())?,
        OutputFormat::Json => file::print_json(&plan)?,
    }
    Ok(if plan.is_empty() { Exit::Ok } else { Exit::Differences })
}
