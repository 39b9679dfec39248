//! firewalld: elements of the permanent zones, and a reload.

use std::collections::BTreeSet;

use super::{Firewall, Opening, Openings, carrier};
use crate::change::{Change, ChangeError, Poke};
use crate::data::ports::Carrier;
use crate::edit::{Edit, EditError};
use crate::host::{HostError, Output};
use crate::plan::{Planning, Step};
use crate::text::key_value;
use crate::text::zone::{self, Element};

const OWN: &str = "/etc/firewalld/zones";
const VENDOR: &str = "/usr/lib/firewalld/zones";
/// All is let in that comes from there.
const TRUSTED: &str = "trusted";

pub(super) fn plan(planning: &mut Planning<'_>, openings: &Openings) -> Result<(), ChangeError> {
    for zone in zones(planning)? {
        let standing = text(planning, &zone)?;
        let path = format!("{OWN}/{zone}.xml");
        let there = zone::elements(&standing)
            .map_err(|fault| ChangeError::Edit { path, source: EditError::new(fault) })?;
        let has_ssh = there.contains(&Element::new("service", &[("name", "ssh")]));
        let is_there = |opening: &&Opening| {
            let is_ssh = opening.carrier == Carrier::Tcp
                && opening.from.is_empty()
                && opening.port.is_some_and(|port| port.first == 22 && port.last == 22);
            has_ssh && is_ssh
        };
        let wanted = openings.inbound.iter().filter(|opening| !is_there(opening));
        write(planning, &zone, standing, wanted.flat_map(elements).collect())?;
    }
    let standing = text(planning, TRUSTED)?;
    let source =
        |network: &crate::spec::Cidr| Element::new("source", &[("address", &network.to_string())]);
    write(planning, TRUSTED, standing, openings.trusted.iter().map(source).collect())?;
    if planning.has_changes() {
        let lost = lost_by_reload(planning);
        if !lost.is_empty() {
            planning.refuse(format!(
                "firewalld has rules now that are not in its files, and a reload drops them: {}. Keep them by \
                 `firewall-cmd --runtime-to-permanent`, or drop them by `firewall-cmd --reload`",
                lost.join(", ")
            ));
        }
    }
    planning.poke_if_changed(Poke::Program(vec!["firewall-cmd".to_owned(), "--reload".to_owned()]));
    Ok(())
}

/// Has a zone have elements, and not those that were put there earlier and are wished no more.
fn write(
    planning: &mut Planning<'_>,
    zone: &str,
    base: String,
    mut elements: Vec<Element>,
) -> Result<(), ChangeError> {
    let path = format!("{OWN}/{zone}.xml");
    let there = zone::elements(&base)
        .map_err(|fault| ChangeError::Edit { path: path.clone(), source: EditError::new(fault) })?;
    let mut without = earlier(planning, &planning.resolve(&path)?);
    without.retain(|element| there.contains(element) && !elements.contains(element));
    // ssh may still come in there.
    without
        .retain(|element| *element != Element::new("port", &[("port", "22"), ("protocol", "tcp")]));
    // What others have put there is not ours to take away later.
    elements.retain(|element| !there.contains(element));
    if elements.is_empty() && without.is_empty() {
        return Ok(());
    }
    planning.write(&path, Edit::Zone { base, elements, without }, None)
}

/// What earlier runs put into a zone.
fn earlier(planning: &Planning<'_>, zone: &str) -> Vec<Element> {
    let mut ours = Vec::new();
    for change in planning.changed_earlier(Firewall.id()) {
        if let Change::WriteFile { path, edit: Edit::Zone { elements, without, .. }, .. } = change
            && path == zone
        {
            ours.retain(|element| !without.contains(element));
            ours.extend(elements);
        }
    }
    ours
}

/// What the firewall that runs has, and its files have not.
fn lost_by_reload(planning: &Planning<'_>) -> Vec<String> {
    if !planning.is_live() {
        return Vec::new();
    }
    let said = |argv: &[&str]| {
        let said = planning.look(argv).ok().filter(Output::is_ok);
        said.map(|said| listed(&said.stdout)).unwrap_or_default()
    };
    let mut lost = Vec::new();
    for list in
        [&["--list-all-zones"][..], &["--list-all-policies"], &["--direct", "--get-all-rules"]]
    {
        let now = said(&[&["firewall-cmd"], list].concat());
        if !now.is_empty() {
            let kept = said(&[&["firewall-cmd", "--permanent"], list].concat());
            lost.extend(now.difference(&kept).cloned());
        }
    }
    lost
}

/// What `firewall-cmd` lists, as single things, each with its zone. Links are bound by those who bring them up.
fn listed(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut zone = "";
    for line in text.lines() {
        let words = line.trim();
        if let Some(direct) = ["ipv4 ", "ipv6 ", "eb "].iter().find(|kind| line.starts_with(**kind))
        {
            found.insert(format!("{direct}{}", &line[direct.len()..]));
        } else if !line.starts_with([' ', '\t']) {
            zone = words.split(' ').next().unwrap_or_default();
        } else if line.starts_with('\t') {
            found.insert(format!("{zone} {words}"));
        } else if let Some((key, values)) = words.split_once(':')
            && key != "interfaces"
        {
            found.extend(values.split_whitespace().map(|value| format!("{zone} {key} {value}")));
        }
    }
    found
}

/// The text of a zone: the host's own, else the one that firewalld comes with.
fn text(planning: &Planning<'_>, zone: &str) -> Result<String, HostError> {
    for folder in [OWN, VENDOR] {
        if let Some(text) = planning.text(&format!("{folder}/{zone}.xml"))? {
            return Ok(text);
        }
    }
    let target = if zone == TRUSTED { " target=\"ACCEPT\"" } else { "" };
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone{target}>\n  <short>{zone}</short>\n</zone>\n"
    ))
}

/// The zones that packets may come in by: the default one, and those that links or addresses are put into. Not `trusted`,
/// nor those that addresses are put into to keep them out.
fn zones(planning: &Planning<'_>) -> Result<BTreeSet<String>, HostError> {
    let text = planning.text("/etc/firewalld/firewalld.conf")?.unwrap_or_default();
    let default = key_value::get(&text, "DefaultZone").ok().flatten();
    let mut zones = BTreeSet::from([default.unwrap_or_else(|| "public".to_owned())]);
    let mut by_address = BTreeSet::new();
    for name in planning.list(OWN)? {
        let Some(zone) = name.strip_suffix(".xml") else { continue };
        let text = planning.text(&format!("{OWN}/{name}"))?.unwrap_or_default();
        for element in zone::elements(&text).unwrap_or_default() {
            match element.name.as_str() {
                "interface" => drop(zones.insert(zone.to_owned())),
                "source" => drop(by_address.insert(zone.to_owned())),
                _ => {}
            }
        }
    }
    for (folder, key) in [
        ("/etc/NetworkManager/system-connections", "zone"),
        ("/run/NetworkManager/system-connections", "zone"),
        ("/etc/sysconfig/network-scripts", "ZONE"),
    ] {
        for name in planning.list(folder)? {
            if key == "ZONE" && !name.starts_with("ifcfg-") {
                continue;
            }
            let text = planning.text(&format!("{folder}/{name}"))?.unwrap_or_default();
            let zone = key_value::get(&text, key).ok().flatten();
            zones.extend(zone.filter(|zone| !zone.is_empty()));
        }
    }
    if planning.is_live() {
        let said = planning.look(&["firewall-cmd", "--get-active-zones"]);
        let said = said.ok().filter(Output::is_ok).map(|said| said.stdout).unwrap_or_default();
        let mut zone = "";
        for line in said.lines() {
            let words = line.trim_start();
            if words == line {
                // `public (default)`
                zone = line.split(' ').next().unwrap_or_default();
            } else if words.starts_with("interfaces:") {
                zones.insert(zone.to_owned());
            } else if words.starts_with("sources:") {
                by_address.insert(zone.to_owned());
            }
        }
    }
    by_address.retain(|zone| !["drop", "block"].contains(&zone.as_str()));
    zones.extend(by_address);
    zones.remove(TRUSTED);
    Ok(zones)
}

fn elements(opening: &Opening) -> Vec<Element> {
    let what = match (opening.carrier, opening.port) {
        // firewalld lets echo in unless told otherwise.
        (Carrier::Icmp, _) => return Vec::new(),
        (_, Some(port)) => {
            let (port, protocol) = (port.to_string(), carrier(opening.carrier));
            Element::new("port", &[("port", &port), ("protocol", protocol)])
        }
        // By number: /etc/protocols says `ipip` to another one, 94.
        (Carrier::Ipip, None) => Element::new("protocol", &[("value", "4")]),
        (other, None) => Element::new("protocol", &[("value", carrier(other))]),
    };
    if opening.from.is_empty() {
        return vec![what];
    }
    let rule = |network: &crate::spec::Cidr| {
        let family = if network.address.is_ipv4() { "ipv4" } else { "ipv6" };
        let mut rule = Element::new("rule", &[("family", family)]);
        let source = Element::new("source", &[("address", &network.to_string())]);
        rule.inside = vec![source, what.clone(), Element::new("accept", &[])];
        rule
    };
    opening.from.iter().map(rule).collect()
}
