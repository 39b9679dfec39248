//! `node-prep verify`.

use std::io::Write as _;

use ::cli::{Exit, OutputFormat, counted};
use anyhow::Result;
use node_bootstrap::plan::Planning;
use node_bootstrap::steps;
use serde::Serialize;

use crate::cli::Wish;
use crate::session::Session;

/// Something that is not as it shall be.
#[derive(Debug, Serialize)]
struct Finding {
    /// The step whose wish is not fulfilled.
    step: String,
    /// What is wrong.
    finding: String,
}

pub(crate) fn verify(session: &Session, wish: &Wish) -> Result<Exit> {
    let node = Session::node(wish)?;
    let (facts, plan) = session.plan(&node)?;
    let mut findings: Vec<Finding> = Vec::new();
    let mut found = |step: &str, finding: String| {
        findings.push(Finding { step: step.to_owned(), finding });
    };
    for (step, change) in plan.changes() {
        found(step, format!("still to do: {change}"));
    }
    for refusal in plan.refusals() {
        found(refusal.step, refusal.why.to_owned());
    }
    for step in steps::all() {
        let planning = Planning::new(&session.host, &node, &facts);
        for finding in planning.verify(*step)? {
            found(step.id(), finding);
        }
    }
    let mut out = std::io::stdout().lock();
    match session.output {
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?,
        OutputFormat::Text => {
            for Finding { step, finding } in &findings {
                writeln!(out, "{}", ::cli::printable(&format!("{step:<14} {finding}")))?;
            }
            match findings.len() {
                0 => writeln!(out, "the host is what it shall be")?,
                count => writeln!(out, "{}", counted(count, "finding"))?,
            }
        }
    }
    out.flush()?;
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Differences })
}
