//! `node-prep reset`.

use std::io::Write as _;

use ::cli::{Exit, OutputFormat, confirmed, counted, note, say};
use anyhow::Result;
use node_bootstrap::check::Verdict;
use node_bootstrap::facts::Facts;
use node_bootstrap::reset::{Event, Options, ResetError, ResetPlan, Watch, plan, run, verify};

use crate::cli::Wish;
use crate::session::{Session, stop};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) with_data: bool,
    pub(crate) dry_run: bool,
    pub(crate) yes: bool,
}

pub(crate) fn reset(session: &Session, wish: &Wish, asked: &Asked) -> Result<Exit> {
    session.needs_root("reset")?;
    let node = Session::node_or_kubeadm(wish)?;
    let options = Options { with_data: asked.with_data };
    let planned = plan(&session.host, &node, options)?;
    print(session, &planned)?;
    let count = planned.actions.len();
    if count == 0 || asked.dry_run {
        return Ok(if count == 0 { Exit::Ok } else { Exit::Differences });
    }
    let question = format!("{}; none of this can be taken back. Go on", counted(count, "action"));
    if !asked.yes && !confirmed(&question, "reset")? {
        return Ok(Exit::Interrupted);
    }
    let stop = stop()?;
    let mut tell = |event: &Event<'_>| match event {
        Event::Doing(action) => say(&format!("{action} ...")),
        Event::Done(_) => {}
        Event::Warning(warning) => say(&format!("warning: {warning}")),
    };
    match run(&session.host, &planned, &mut Watch { tell: &mut tell, stop: &stop }) {
        Ok(()) => {}
        Err(error @ ResetError::Stopped { .. }) => {
            note(&format!("{error}; run it again to go on"));
            return Ok(Exit::Interrupted);
        }
        Err(error @ ResetError::Left { .. }) => {
            ::cli::error("node-prep", &error.into());
            return Ok(Exit::Partial);
        }
        Err(error) => return Err(error.into()),
    }
    let facts = Facts::of(&session.host)?;
    let findings = verify(&session.host, &facts, &node, options)?;
    let left: Vec<_> = findings.iter().filter(|finding| finding.verdict >= Verdict::Warn).collect();
    for finding in &left {
        say(&finding.to_string());
    }
    let is_clean = left.iter().all(|finding| finding.verdict != Verdict::Fail);
    note(if is_clean { "the host is clean" } else { "the host is not clean yet" });
    Ok(if is_clean { Exit::Ok } else { Exit::Partial })
}

fn print(session: &Session, plan: &ResetPlan) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if session.output == OutputFormat::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(plan)?)?;
    } else {
        let mut line = |text: String| writeln!(out, "{}", ::cli::printable(&text));
        for action in &plan.actions {
            line(action.to_string())?;
        }
        for stay in &plan.stays {
            line(format!("stays: {} ({})", stay.what, stay.why))?;
        }
        for note in &plan.notes {
            line(format!("note: {note}"))?;
        }
        if plan.is_empty() {
            line("nothing of a cluster is left here".to_owned())?;
        }
    }
    Ok(out.flush()?)
}
