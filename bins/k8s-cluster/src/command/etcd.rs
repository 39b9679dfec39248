//! `etcdfix`, `etcd`: the members of etcd.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use ::cli::{Exit, OutputFormat, bytes, confirmed, counted, invalid, note};
use anyhow::{Result, bail};
use fleet::etcd::{Goal, OrderError, Orders, Pace, Plan, Step, plan};
use fleet::run::{members, snapshot_path};
use node_bootstrap::agent::EtcdHere;
use serde_json::json;

use super::change::{now, shown};
use crate::cli::{self, Go};
use crate::desk::Desk;
use crate::private;

/// A snapshot that is larger is not what etcd makes: it advises against more than 8 GB of data.
const LARGEST_BYTES: u64 = 16 << 30;

pub(crate) fn fix(asked: &cli::Desk, hosts: &[String], go: &Go) -> Result<Exit> {
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    are_control_planes(&desk, hosts)?;
    let goal = Goal::Mend { hosts: hosts.to_vec(), snapshot: snapshot_path("mend", &now()) };
    reach(&desk, &goal, None, go, "mend etcd")
}

fn are_control_planes(desk: &Desk, hosts: &[String]) -> Result<()> {
    let control_planes = members(&desk.inventory);
    for host in hosts {
        if !control_planes.iter().any(|(name, _)| name == host) {
            return Err(invalid(format!(
                "`{host}` is no control plane of {}",
                desk.source.display()
            )));
        }
    }
    Ok(())
}

pub(crate) fn snapshot(asked: &cli::Desk, to: &Path) -> Result<Exit> {
    if to.exists() {
        return Err(invalid(format!(
            "{} is there already; give another name, or move it away",
            to.display()
        )));
    }
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let hosts = members(&desk.inventory);
    let orders = orders(&desk, &hosts, None);
    let path = format!("/var/lib/node-prep/etcd/snapshot-{}.db", now());
    let report = match orders.carry_out(&Goal::Snapshot { path }) {
        Err(OrderError::Stopped) => return Ok(Exit::Interrupted),
        report => report?,
    };
    let Some((host, made)) = report.snapshot else { bail!("no host made a snapshot") };
    let sum = private::create(to, 0o600, |file| {
        let mut summed = private::Summed::new(file);
        desk.contact.fetch(&host, &made.path, &mut summed)?;
        Ok(summed.sha256())
    })?;
    if sum != made.sha256 {
        fs::remove_file(to)?;
        bail!(
            "the snapshot of {host} did not come whole: its SHA-256 is {sum}, and {} there",
            made.sha256
        );
    }
    note(&format!(
        "{} has revision {} of etcd, from {host} ({}, SHA-256 {sum}); it stays there, too, as {}",
        to.display(),
        made.revision,
        bytes(made.bytes),
        made.path
    ));
    Ok(Exit::Ok)
}

pub(crate) fn restore(
    asked: &cli::Desk,
    from: &Path,
    without: &[String],
    force: bool,
    go: &Go,
) -> Result<Exit> {
    let shown = from.display();
    let failed = |error: std::io::Error| invalid(format!("failed to read {shown}: {error}"));
    if fs::metadata(from).map_err(failed)?.len() > LARGEST_BYTES {
        return Err(invalid(format!("{shown} is larger than any snapshot of etcd")));
    }
    let content = fs::read(from).map_err(failed)?;
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    are_control_planes(&desk, without)?;
    let hosts = members(&desk.inventory).into_iter().map(|(name, _)| name);
    let now = now();
    let goal = Goal::Restore {
        hosts: hosts.filter(|name| !without.contains(name)).collect(),
        without: without.to_vec(),
        path: format!("/var/lib/node-prep/etcd/restore-{now}.db"),
        token: format!("restored-{now}"),
        revision: None,
        force,
    };
    reach(&desk, &goal, Some(&content), go, "restore")
}

fn orders<'a>(
    desk: &'a Desk,
    hosts: &'a [(String, String)],
    snapshot: Option<&'a [u8]>,
) -> Orders<'a> {
    Orders { contact: &*desk.contact, watch: &desk.teller, hosts, snapshot, pace: Pace::default() }
}

/// Shows what is to be done, asks, and does it.
fn reach(desk: &Desk, goal: &Goal, snapshot: Option<&[u8]>, go: &Go, verb: &str) -> Result<Exit> {
    let hosts = members(&desk.inventory);
    let orders = orders(desk, &hosts, snapshot);
    let plan = plan(goal, &orders.survey());
    shown(print(&plan, go.output), !go.yes && !go.dry_run)?;
    if plan.refusal().is_some() {
        return Ok(Exit::Failed);
    }
    if plan.is_empty() || go.dry_run {
        return Ok(if plan.is_empty() { Exit::Ok } else { Exit::Differences });
    }
    let what = format!("do {}", counted(plan.steps.len(), "step"));
    if !go.yes && !confirmed(&what, verb)? {
        return Ok(Exit::Interrupted);
    }
    match orders.carry_out(goal) {
        Ok(report) => {
            note(&format!("{} done", counted(report.actions.len(), "step")));
            Ok(Exit::Ok)
        }
        Err(OrderError::Stopped) => {
            note("stopped; the same command again goes on from there");
            Ok(Exit::Interrupted)
        }
        Err(error @ OrderError::Refused(_)) => Err(error.into()),
        Err(error) => {
            ::cli::error("k8s-cluster", &error.into());
            note("what was done stays; the same command again goes on from there");
            Ok(Exit::Partial)
        }
    }
}

fn print(plan: &Plan, output: OutputFormat) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Text => out.write_all(::cli::printable(&plan.to_string()).as_bytes())?,
        OutputFormat::Json => {
            let line = |step: &Step| match step {
                Step::Do(action) => action.to_string(),
                Step::Wait(what) => format!("wait for {what}"),
            };
            let lines: Vec<String> = plan.steps.iter().map(line).collect();
            let plan = json!({ "steps": lines, "notes": plan.notes, "refused": plan.refusal() });
            writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?;
        }
    }
    Ok(out.flush()?)
}

pub(crate) fn status(asked: &cli::Desk, output: OutputFormat) -> Result<Exit> {
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let hosts = members(&desk.inventory);
    let situation = orders(&desk, &hosts, None).survey();
    let well = situation.is_well();
    let trouble = situation.lost().or_else(|| situation.alarm());
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Json => {
            let hosts: Vec<_> = situation
                .hosts
                .iter()
                .map(
                    |host| json!({ "host": host.name, "address": host.address, "etcd": host.here }),
                )
                .collect();
            let all = json!({ "well": well, "trouble": trouble, "hosts": hosts });
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        OutputFormat::Text => {
            for host in &situation.hosts {
                let line = match &host.here {
                    Err(why) => format!("does not answer: {why}"),
                    Ok(here) => line(here),
                };
                writeln!(out, "{}", ::cli::printable(&format!("{:<14} {line}", host.name)))?;
            }
            if let Some(trouble) = trouble {
                writeln!(out, "{}", ::cli::printable(&trouble))?;
            }
        }
    }
    out.flush()?;
    Ok(if well { Exit::Ok } else { Exit::Differences })
}

fn line(here: &EtcdHere) -> String {
    let Some(view) = &here.view else {
        let why = here.silence.as_deref().unwrap_or("there is no manifest of etcd");
        let data = if here.has_data { "has data" } else { "has no data" };
        return format!("does not answer, {data}: {why}");
    };
    let leads = view.leader.as_deref() == Some(view.member.as_str());
    let part = match (leads, view.learner) {
        (true, _) => "leads",
        (_, true) => "learner",
        _ => "follows",
    };
    let health = match view.alarms[..] {
        _ if view.healthy => "healthy",
        [] => "NOT healthy",
        _ => "NOT healthy: an alarm",
    };
    let count = counted(view.members.len(), "member");
    let mut line = format!(
        "{} {part}, {health}, {} at revision {}, {}, knows {count}",
        view.member,
        view.version,
        view.revision,
        bytes(view.db_bytes)
    );
    for complaint in &view.complaints {
        line.push_str("; ");
        line.push_str(complaint);
    }
    line
}
