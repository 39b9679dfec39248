//! ufw: rules by its own commands, each with the command that removes it.

use super::{Firewall, Opening, Openings, carrier};
use crate::change::{Change, ChangeError, Shown};
use crate::data::ports::Carrier;
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec::Cidr;
use crate::text::key_value;

const RULES: &str = "/etc/ufw/user.rules";
const RULES_6: &str = "/etc/ufw/user6.rules";
const BEFORE: &str = "/etc/ufw/before.rules";

/// Whether ufw filters, which its unit does not tell.
pub(super) fn is_enabled(planning: &Planning<'_>) -> Result<bool, HostError> {
    let text = planning.text("/etc/ufw/ufw.conf")?.unwrap_or_default();
    let enabled = key_value::get(&text, "ENABLED").ok().flatten();
    Ok(enabled.is_some_and(|enabled| enabled.eq_ignore_ascii_case("yes")))
}

pub(super) fn plan(planning: &mut Planning<'_>, openings: &Openings) -> Result<(), ChangeError> {
    if let Some(line) = closes_ssh(planning, openings)? {
        planning.refuse(format!(
            "{RULES}: the rule `{line}` keeps ssh out, and rules that come later do not count. Take it away by `ufw delete`, \
             or give the port that ssh really has: `firewall: {{sshPort: ...}}`"
        ));
        return Ok(());
    }
    let mut wished = Vec::new();
    for opening in &openings.inbound {
        plan_one(planning, opening, &mut wished)?;
    }
    for network in &openings.trusted {
        let address = address(network);
        let any = if network.address.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let from = ["from", &address];
        let tuple = format!("allow any any {any} any {address} in");
        wished.push(rule(planning, &[], &from, network, &tuple)?);
        let tuple = format!("route:allow any any {any} any {address} in");
        wished.push(rule(planning, &["route"], &from, network, &tuple)?);
        let tuple = format!("route:allow any any {address} any {any} in");
        wished.push(rule(planning, &["route"], &["to", &address], network, &tuple)?);
    }
    take_away(planning, wished)
}

/// Rules of earlier runs that are wished no more go.
fn take_away(planning: &mut Planning<'_>, mut wished: Vec<Shown>) -> Result<(), ChangeError> {
    // ssh may still come in there.
    let line = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in".to_owned();
    wished.push(Shown::Line { path: RULES.to_owned(), line });
    for change in planning.changed_earlier(Firewall.id()) {
        if let Change::Rule { add, remove, shown: shown @ Shown::Line { .. } } = change
            && add.first().is_some_and(|program| program == "ufw")
            && !wished.contains(&shown)
        {
            wished.push(shown.clone());
            planning.want_rule(remove, add, Shown::Not(Box::new(shown)))?;
        }
    }
    Ok(())
}

fn plan_one(
    planning: &mut Planning<'_>,
    opening: &Opening,
    wished: &mut Vec<Shown>,
) -> Result<(), ChangeError> {
    let Some(port) = opening.port else {
        // Echo is let in by /etc/ufw/before.rules.
        if opening.carrier == Carrier::Ipip {
            let text = planning.text(BEFORE)?.unwrap_or_default();
            let is_there = |line: &str| {
                line.starts_with("-A ufw-before-input")
                    && ["-p 4 ", "-p ipip ", "-p ipencap "].iter().any(|name| line.contains(name))
            };
            if !text.lines().any(is_there) {
                planning.refuse(format!(
                    "ufw has no command for IP in IP. Write `-A ufw-before-input -p 4 -j ACCEPT` before COMMIT in {BEFORE} \
                     and run `ufw reload`, or let Calico use VXLAN: `firewall: {{cni: calico-vxlan}}`"
                ));
            }
        }
        return Ok(());
    };
    let protocol = carrier(opening.carrier);
    let port = port.to_string().replace('-', ":");
    let everybody: [Cidr; 1] = [Cidr { address: [0, 0, 0, 0].into(), prefix: 0 }];
    let from = if opening.from.is_empty() { &everybody } else { opening.from.as_slice() };
    for network in from {
        let any = if network.address.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let source = address(network);
        let named = if opening.from.is_empty() { "any" } else { &source };
        let words = ["proto", protocol, "from", named, "to", "any", "port", &port];
        let tuple = format!("allow {protocol} {port} {any} any {source} in");
        wished.push(rule(planning, &[], &words, network, &tuple)?);
    }
    Ok(())
}

/// A network as ufw writes it: of one address without a prefix.
fn address(network: &Cidr) -> String {
    let network = network.network();
    if network == Cidr::host(network.address) {
        network.address.to_string()
    } else {
        network.to_string()
    }
}

fn rule(
    planning: &mut Planning<'_>,
    before: &[&str],
    words: &[&str],
    network: &Cidr,
    tuple: &str,
) -> Result<Shown, HostError> {
    let argv = |verb: &[&str], after: &[&str]| -> Vec<String> {
        let all = [&["ufw"], before, verb, words, after].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let path = if network.address.is_ipv4() { RULES } else { RULES_6 }.to_owned();
    let line = format!("### tuple ### {tuple}");
    let shown = Shown::Line { path, line };
    planning.want_rule(
        argv(&["allow"], &["comment", "node-prep"]),
        argv(&["delete", "allow"], &[]),
        shown.clone(),
    )?;
    Ok(shown)
}

/// The rule that keeps everybody out of a port of ssh, if there is one before any that lets them in.
fn closes_ssh(planning: &Planning<'_>, openings: &Openings) -> Result<Option<String>, HostError> {
    let text = planning.text(RULES)?.unwrap_or_default();
    for port in &openings.ssh {
        let port = port.to_string();
        for line in text.lines() {
            let Some(tuple) = line.strip_prefix("### tuple ### ") else { continue };
            let words: Vec<&str> = tuple.split(' ').collect();
            let [verb, protocol, to, _, _, from, ..] = words[..] else { continue };
            let is_about = to == port && ["tcp", "any"].contains(&protocol) && from == "0.0.0.0/0";
            if is_about && ["deny", "reject"].contains(&verb) {
                return Ok(Some(tuple.to_owned()));
            }
            if is_about {
                break;
            }
        }
    }
    Ok(None)
}
