//! `drift`: what is not as described.

use std::collections::BTreeMap;
use std::io::Write as _;

use ::cli::{Exit, OutputFormat};
use anyhow::Result;
use fleet::survey::{Depth, together};
use node_bootstrap::agent::{Findings, Outlook};
use serde::Serialize;

use crate::cli;
use crate::desk::Desk;

/// What is not as described on a host.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Drift<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook: Option<&'a Outlook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a Findings>,
}

pub(crate) fn drift(asked: &cli::Desk, output: OutputFormat) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let surveys = desk.survey_all(Depth { nodes: true, findings: true });
    if let Some(exit) = desk.stopped() {
        return Ok(exit);
    }
    let seen = desk.seen(&surveys);
    let faults = together(seen);
    let mut differs = !faults.is_empty();
    let mut all: BTreeMap<&str, Drift<'_>> = BTreeMap::new();
    for host in &desk.inventory.hosts {
        let survey = seen.of(&host.name);
        let drift = Drift {
            silence: seen.silence(&host.name),
            outlook: survey.and_then(|survey| survey.outlook.as_ref()),
            findings: survey.and_then(|survey| survey.findings.as_ref()),
        };
        differs |= drift.silence.is_some()
            || drift.outlook.is_some_and(|it| !it.changes.is_empty() || !it.refusals.is_empty())
            || drift.findings.is_some_and(|it| !it.failures.is_empty());
        all.insert(&host.name, drift);
    }
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Json => {
            let all = serde_json::json!({ "hosts": all, "faults": faults });
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        OutputFormat::Text => {
            let mut line = |text: String| writeln!(out, "{}", ::cli::printable(&text));
            for fault in &faults {
                line(fault.clone())?;
            }
            for (host, drift) in &all {
                if let Some(why) = drift.silence {
                    line(format!("{host}: does not answer: {why}"))?;
                }
                for change in drift.outlook.iter().flat_map(|it| &it.changes) {
                    line(format!("{host}: lacks: {change}"))?;
                }
                for why in drift.outlook.iter().flat_map(|it| &it.refusals) {
                    line(format!("{host}: refused: {why}"))?;
                }
                for finding in drift.findings.iter().flat_map(|it| &it.failures) {
                    line(format!("{host}: FAIL {finding}"))?;
                }
                for finding in drift.findings.iter().flat_map(|it| &it.warnings) {
                    line(format!("{host}: WARN {finding}"))?;
                }
            }
            if !differs {
                line("all hosts are as described".to_owned())?;
            }
        }
    }
    out.flush()?;
    Ok(if differs { Exit::Differences } else { Exit::Ok })
}
