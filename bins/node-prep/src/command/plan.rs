//! `node-prep plan`.

use std::io::Write as _;
use std::path::Path;

use ::cli::{Exit, OutputFormat};
use anyhow::{Context, Result};
use node_bootstrap::plan::Plan;

use crate::cli::Wish;
use crate::session::Session;
use crate::show;

pub(crate) fn plan(session: &Session, wish: &Wish, save: Option<&Path>) -> Result<Exit> {
    let node = Session::node(wish)?;
    let (_, plan) = session.plan(&node)?;
    print(session, &plan)?;
    if let Some(path) = save {
        let text = serde_json::to_vec_pretty(&plan)?;
        std::fs::write(path, text)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(if plan.refusals().next().is_some() {
        Exit::Failed
    } else if plan.is_empty() {
        Exit::Ok
    } else {
        Exit::Differences
    })
}

/// Prints a plan as it was asked for.
pub(super) fn print(session: &Session, plan: &Plan) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match session.output {
        OutputFormat::Text => out.write_all(::cli::printable(&show::plan(plan)).as_bytes())?,
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(plan)?)?,
    }
    Ok(out.flush()?)
}
