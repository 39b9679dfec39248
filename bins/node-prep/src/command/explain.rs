//! `node-prep explain`.

use std::io::Write as _;

use ::cli::{Exit, invalid};
use anyhow::Result;
use node_bootstrap::steps;

pub(crate) fn explain(step: Option<&str>) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    let wanted: Vec<_> =
        steps::all().iter().filter(|known| step.is_none_or(|step| known.id() == step)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = steps::all().iter().map(|known| known.id()).collect();
        return Err(invalid(format!("there is no such step; there are {}", names.join(", "))));
    }
    for known in wanted {
        writeln!(out, "{}\n  {}\n", known.id(), known.why())?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}
