//! `status`: hosts, nodes and members of etcd.

use std::io::Write as _;

use ::cli::{Exit, OutputFormat};
use anyhow::Result;
use fleet::survey::{Depth, Seen, together};
use node_bootstrap::agent::{Standing, Survey};
use serde::Serialize;
use topology::inventory::{Host, HostRole};

use crate::cli;
use crate::desk::Desk;

/// A host, in a few words.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    host: &'a str,
    role: HostRole,
    /// What is there.
    state: String,
    version: String,
    etcd: String,
    /// Whether it is as it should be.
    well: bool,
}

pub(crate) fn status(asked: &cli::Desk, output: OutputFormat) -> Result<Exit> {
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let none = std::collections::BTreeMap::new();
    let depth = Depth { nodes: true, findings: false };
    let surveys = desk.survey(desk.inventory.hosts.iter(), &none, depth);
    if let Some(exit) = desk.stopped() {
        return Ok(exit);
    }
    let seen = desk.seen(&surveys);
    let lines: Vec<Line<'_>> = desk.inventory.hosts.iter().map(|host| line(seen, host)).collect();
    let mut faults = together(seen);
    faults.extend(seen.cut_off());
    let strangers: Vec<&str> = seen
        .nodes()
        .unwrap_or_default()
        .iter()
        .map(|node| node.name.as_str())
        .filter(|name| !desk.inventory.hosts.iter().any(|host| host.name == *name))
        .collect();
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Json => {
            let all =
                serde_json::json!({ "hosts": lines, "faults": faults, "otherNodes": strangers });
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        OutputFormat::Text => {
            writeln!(out, "{:<14} {:<14} {:<10} {:<22} STATE", "HOST", "ROLE", "VERSION", "ETCD")?;
            for line in &lines {
                let Line { host, state, version, etcd, .. } = line;
                let role = role(line.role);
                let text = format!("{host:<14} {role:<14} {version:<10} {etcd:<22} {state}");
                writeln!(out, "{}", ::cli::printable(text.trim_end()))?;
            }
            for fault in &faults {
                writeln!(out, "{}", ::cli::printable(fault))?;
            }
            for name in &strangers {
                writeln!(
                    out,
                    "the node {} is not described in {}",
                    ::cli::printable(name),
                    desk.source.display()
                )?;
            }
        }
    }
    out.flush()?;
    let is_well = lines.iter().all(|line| line.well) && faults.is_empty();
    Ok(if is_well { Exit::Ok } else { Exit::Differences })
}

pub(super) fn role(role: HostRole) -> &'static str {
    match role {
        HostRole::ControlPlane => "control-plane",
        HostRole::Worker => "worker",
        HostRole::Proxy => "proxy",
    }
}

fn line<'a>(seen: Seen<'a>, host: &'a Host) -> Line<'a> {
    let of = |state: String, well| Line {
        host: &host.name,
        role: host.role,
        state,
        version: String::new(),
        etcd: String::new(),
        well,
    };
    let Some(survey) = seen.of(&host.name) else {
        let why = seen.silence(&host.name).unwrap_or("it was not asked");
        return of(format!("does not answer: {why}"), false);
    };
    let (state, well) = state(seen, host, survey);
    let version = survey.versions.kubelet.clone().unwrap_or_default();
    let (etcd, etcd_well) = etcd(survey);
    Line { version, etcd, ..of(state, well && etcd_well) }
}

fn state(seen: Seen<'_>, host: &Host, survey: &Survey) -> (String, bool) {
    match &survey.standing {
        Standing::Nothing if host.role == HostRole::Proxy => {
            if seen.cut_off().is_some() {
                (format!("up, and {} does not answer", seen.url()), false)
            } else {
                ("up".to_owned(), true)
            }
        }
        Standing::Nothing => ("is no node".to_owned(), false),
        Standing::Half { what } => (format!("half done: {what}"), false),
        Standing::Doubtful { why } => (why.clone(), false),
        Standing::Node { control_plane: true, .. } if !survey.serves => {
            let mut state = "its API server does not answer".to_owned();
            let ended = &survey.ended_certificates;
            if !ended.is_empty() {
                state = format!("{state}: certificates have ended ({})", ended.join(", "));
            }
            (state, false)
        }
        Standing::Node { control_plane, server, answers, .. } => {
            let (mut state, mut well) = node(seen, &host.name, server);
            // Where it answers nobody, that is told once.
            if *control_plane && !answers && seen.cut_off().is_none() {
                state = format!("{state}; {} does not answer it", seen.url());
                well = false;
            }
            (state, well)
        }
    }
}

fn node(seen: Seen<'_>, name: &str, server: &str) -> (String, bool) {
    match (seen.nodes(), seen.node(name)) {
        (None, _) => (format!("node of {server}; no API server was asked"), false),
        (Some(_), None) => (format!("has files of a node of {server}, and is none"), false),
        (Some(_), Some(node)) if !node.ready => (format!("not Ready: {}", node.message), false),
        (Some(_), Some(node)) if node.cordoned => ("Ready, without new pods".to_owned(), true),
        _ => ("Ready".to_owned(), true),
    }
}

fn etcd(survey: &Survey) -> (String, bool) {
    let Some(here) = &survey.etcd else { return (String::new(), true) };
    match &here.view {
        None => ("does not answer".to_owned(), false),
        Some(view) => {
            let leads = view.leader.as_deref() == Some(view.member.as_str());
            let what = match (leads, view.learner, view.healthy) {
                (_, true, _) => "learner",
                (true, _, true) => "leads",
                (false, _, true) => "member",
                (_, _, false) => "not healthy",
            };
            let count = view.members.len();
            (format!("{what}, {} of {count}", view.version), view.healthy && !view.learner)
        }
    }
}
