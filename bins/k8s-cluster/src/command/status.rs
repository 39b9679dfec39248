//! `status`: hosts, nodes and members of etcd.

use std::io::Write as _;

use ::cli::{Exit, OutputFormat};
use anyhow::Result;
use fleet::etcd;
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
    let faults = faults(seen);
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

/// What is wrong of all together.
fn faults(seen: Seen<'_>) -> Vec<String> {
    let mut faults = together(seen);
    faults.extend(seen.cut_off());
    let members = seen.situation();
    if members.has_members() && !matches!(members.standing(), etcd::Standing::Agreed(_)) {
        let what =
            "the members of etcd are not one cluster that can write; see `k8s-cluster etcd status`";
        faults.push(members.alarm().unwrap_or_else(|| what.to_owned()));
    }
    faults
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
                (_, _, false) if !view.alarms.is_empty() => "alarm",
                (_, true, _) => "learner",
                (true, _, true) => "leads",
                (false, _, true) => "member",
                (_, _, false) => "not healthy",
            };
            let count = view.members.len();
            (format!("{what}, {} of {count}", view.version), here.is_well())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fleet::survey::{Surveyed, Surveys};
    use node_bootstrap::agent::{EtcdHere, KubernetesNode, ManifestPlace};
    use serde_json::json;
    use topology::Inventory;

    use super::*;

    const CLUSTER: &str = "\
version: 1
name: lab
kubernetes: {version: '1.35', podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
highAvailability: {kind: proxy, endpoint: '10.20.0.30:6443'}
hosts:
- {name: cp1, address: 10.20.0.11, role: control-plane}
- {name: cp2, address: 10.20.0.12, role: control-plane}
- {name: cp3, address: 10.20.0.13, role: control-plane}
- {name: lb, address: 10.20.0.30, role: proxy}
- {name: w1, address: 10.20.0.21, role: worker}
";

    fn member(at: usize) -> EtcdHere {
        let of = |at: usize| {
            let url = format!("https://10.20.0.1{at}:2380");
            let (id, name) = (format!("a{at}"), format!("cp{at}"));
            json!({"id": id, "name": name, "peerUrls": [url], "clientUrls": [], "learner": false})
        };
        let view = json!({
            "cluster": "c",
            "member": format!("a{at}"),
            "leader": "a1",
            "version": "3.6.6",
            "learner": false,
            "healthy": true,
            "revision": 7,
            "dbBytes": 7,
            "members": [of(1), of(2), of(3)],
        });
        let view = serde_json::from_value(view).unwrap();
        EtcdHere { manifest: ManifestPlace::InPlace, view: Some(view), ..EtcdHere::default() }
    }

    /// All is well, but for what is changed.
    fn shown(change: impl Fn(&str, &mut Survey)) -> (String, bool) {
        let (inventory, _) = Inventory::read("cluster.yaml", CLUSTER).unwrap();
        let node = |name: &str| KubernetesNode {
            name: name.to_owned(),
            ready: true,
            ..KubernetesNode::default()
        };
        let nodes: Vec<_> = ["cp1", "cp2", "cp3", "w1"].map(node).to_vec();
        let mut surveys: Surveys = BTreeMap::new();
        for (at, host) in inventory.hosts.iter().enumerate() {
            let mut survey = Survey { addresses: vec![host.address], ..Survey::default() };
            let controls = host.role == HostRole::ControlPlane;
            if host.role != HostRole::Proxy {
                survey.standing = Standing::Node {
                    server: "https://10.20.0.30:6443".to_owned(),
                    authority: "sha256:aa".to_owned(),
                    control_plane: controls,
                    answers: controls,
                };
            }
            if controls {
                survey.serves = true;
                survey.nodes = Some(nodes.clone());
                survey.etcd = Some(member(at + 1));
            }
            change(&host.name, &mut survey);
            surveys.insert(host.name.clone(), Ok(Surveyed { survey, ahead_ms: 0 }));
        }
        let seen = Seen { inventory: &inventory, surveys: &surveys };
        let mut text = Vec::new();
        let mut well = true;
        for host in &inventory.hosts {
            let line = line(seen, host);
            well &= line.well;
            text.push(format!("{}: {}; {}", line.host, line.state, line.etcd));
        }
        let faults = faults(seen);
        let well = well && faults.is_empty();
        text.extend(faults);
        (text.join("\n"), well)
    }

    fn silent(survey: &mut Survey) {
        if let Standing::Node { answers, .. } = &mut survey.standing {
            *answers = false;
        }
    }

    #[test]
    fn a_proxy_that_leads_nowhere_is_not_taken_for_broken_control_planes() {
        assert!(shown(|_, _| {}).1);
        let (text, well) = shown(|_, survey| silent(survey));
        assert!(!well);
        insta::assert_snapshot!(text, @r"
        cp1: Ready; leads, 3.6.6 of 3
        cp2: Ready; member, 3.6.6 of 3
        cp3: Ready; member, 3.6.6 of 3
        lb: up, and https://10.20.0.30:6443 does not answer; 
        w1: Ready; 
        the API servers of cp1, cp2, cp3 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there)
        ");
    }

    #[test]
    fn a_control_plane_whose_own_server_or_way_is_broken_is_told_from_the_others() {
        let (text, well) = shown(|name, survey| match name {
            "cp1" => silent(survey),
            "cp2" => {
                survey.serves = false;
                survey.ended_certificates = vec!["apiserver".to_owned()];
            }
            _ => {}
        });
        assert!(!well);
        insta::assert_snapshot!(text, @r"
        cp1: Ready; https://10.20.0.30:6443 does not answer it; leads, 3.6.6 of 3
        cp2: its API server does not answer: certificates have ended (apiserver); member, 3.6.6 of 3
        cp3: Ready; member, 3.6.6 of 3
        lb: up; 
        w1: Ready; 
        ");
    }

    #[test]
    fn a_learner_is_not_well_and_neither_are_members_that_do_not_agree() {
        let (text, well) = shown(|name, survey| {
            if let (Some(here), "cp3") = (&mut survey.etcd, name) {
                here.view.as_mut().unwrap().learner = true;
            }
        });
        assert!(!well && text.contains("cp3: Ready; learner, 3.6.6 of 3"), "{text}");
        let (text, well) = shown(|_, survey| {
            if let Some(here) = &mut survey.etcd {
                here.view.as_mut().unwrap().healthy = false;
            }
        });
        assert!(!well && text.contains("not one cluster that can write"), "{text}");
    }
}
