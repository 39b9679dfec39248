//! `apply`: brings manifests into a cluster.

use std::fmt::Write;

use ::cli::{Exit, OutputFormat, counted, note, say};
use anyhow::Result;
use k8s_apply::apply::{Done, Event as ApplyEvent, Trouble};
use k8s_apply::apply_set::removal::{Event as RemovalEvent, Fate, is_large};
use k8s_apply::manifest::Loaded;
use k8s_apply::run::{Event, Report, propose};
use k8s_apply::wait::Waited;
use serde::Serialize;

use super::diff::has_leavers;
use super::options::run_options;
use crate::cli::{Applying, Connection};
use crate::session::{Session, run};
use crate::{intake, show};

/// A report for programs.
#[derive(Serialize)]
struct Shown<'a> {
    complete: bool,
    applied: &'a [Done],
    deleted: Vec<String>,
    detached: Vec<String>,
    waited: Option<&'a Waited>,
    not_begun: Vec<String>,
}

pub(super) fn apply(
    connection: &Connection,
    arguments: &Applying,
    wait_for_all: bool,
) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let files = &arguments.files;
        let loaded =
            intake::usable_aside(&files.files, !files.not_recursive, &session.namespace).await?;
        let mut options = run_options(&session, arguments)?;
        options.wait_for_all = wait_for_all;
        let proposal = propose(&session.cluster, &loaded.manifests, &options).await?;
        if !proposal.plan.problems.is_empty() {
            intake::show(&proposal.plan.problems, &loaded.sources);
            say("nothing was written");
            return Ok(Exit::Invalid);
        }
        let many = options.prune.as_ref().is_none_or(|rules| rules.many);
        if !many && is_large(&proposal.removals, proposal.members.len()) {
            say("prune would delete most of the set; --prune-many lets it go");
            say("nothing was written");
            return Ok(Exit::Invalid);
        }
        for step in &proposal.plan.steps {
            for text in &step.notes {
                say(&format!("note: {}: {text}", step.key));
            }
            for left in &step.left {
                say(&format!("note: {}: {} is left to {}", step.key, left.field, left.manager));
            }
        }
        for removal in proposal.removals.iter().filter(|_| options.prune.is_some()) {
            if let Fate::Keep(why) = &removal.fate {
                say(&format!("note: {} is kept: {why}", removal.key));
            }
        }
        if has_leavers(&proposal.removals) && options.prune.is_none() {
            let gone = counted(proposal.removals.len(), "object");
            say(&format!(
                "note: {gone} of the set no more among the manifests; diff shows which, --prune deletes"
            ));
        }
        let now = || jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let report = proposal.carry_out(&session.cluster, &options, &now, &tell).await;
        show_report(connection, &report, &loaded)?;
        Ok(if report.is_complete() {
            Exit::Ok
        } else if report.wrote() {
            Exit::Partial
        } else {
            Exit::Failed
        })
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}

/// Tells what happens, for people.
fn tell(event: &Event<'_>) {
    match event {
        Event::Applying(ApplyEvent::Written { key, action }) => say(&show::written(*action, key)),
        Event::Applying(ApplyEvent::Warned { key, text }) => say(&format!("note: {key}: {text}")),
        Event::Applying(ApplyEvent::Waiting(progress)) | Event::Waiting(progress) => {
            say(&show::progress(progress));
        }
        Event::Removing(RemovalEvent::Deleted(key)) => say(&format!("deleted   {key}")),
        Event::Removing(RemovalEvent::Detached(key)) => say(&format!("detached  {key}")),
        Event::Removing(RemovalEvent::Waiting(progress)) => say(&show::progress(progress)),
    }
}

fn show_report(connection: &Connection, report: &Report, loaded: &Loaded) -> Result<()> {
    for trouble in &report.applied.troubles {
        if let Trouble::Refused(problems) = trouble {
            intake::show(problems, &loaded.sources);
        }
    }
    let mut lines = vec![show::troubles(&report.applied)];
    if let Some(waited) = report.waited.as_ref().filter(|one| !one.is_complete()) {
        lines.push(show::waited(waited));
    }
    lines.extend(report.removed.as_ref().map(show::not_removed));
    lines.extend(report.not_pruned.as_ref().map(|why| format!("nothing was pruned {why}")));
    if let Some(error) = &report.parent {
        let error: &dyn std::error::Error = error;
        lines.push(match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        });
    }
    for line in lines.iter().filter(|line| !line.is_empty()) {
        say(line);
    }
    let text =
        |keys: &[k8s_apply::ObjectKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let removed = report.removed.as_ref();
    if connection.output == OutputFormat::Json {
        return show::json(&Shown {
            complete: report.is_complete(),
            applied: &report.applied.done,
            deleted: removed.map(|one| text(&one.deleted)).unwrap_or_default(),
            detached: removed.map(|one| text(&one.detached)).unwrap_or_default(),
            waited: report.waited.as_ref(),
            not_begun: text(&report.applied.not_begun),
        });
    }
    let total = report.applied.done.len();
    let written = report.applied.written();
    let mut words =
        format!("{}: {written} written, {} unchanged", counted(total, "object"), total - written);
    if let Some(removed) = removed {
        let _ = write!(words, ", {} deleted", removed.deleted.len());
    }
    if report.waited.as_ref().is_some_and(Waited::is_complete) {
        words.push_str(", all ready");
    }
    note(&words);
    Ok(())
}
