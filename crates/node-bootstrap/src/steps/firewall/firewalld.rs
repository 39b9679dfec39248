//! firewalld: elements of the permanent zones, and a reload.

use std::collections::BTreeSet;

use super::{Opening, Openings, carrier};
use crate::change::{ChangeError, Poke};
use crate::data::ports::Carrier;
use crate::edit::{Edit, EditError};
use crate::host::HostError;
use crate::plan::Planning;
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
    if !openings.trusted.is_empty() {
        let standing = text(planning, TRUSTED)?;
        let source = |network: &crate::spec::Cidr| {
            Element::new("source", &[("address", &network.to_string())])
        };
        write(planning, TRUSTED, standing, openings.trusted.iter().map(source).collect())?;
    }
    planning.poke_if_changed(Poke::Program(vec!["firewall-cmd".to_owned(), "--reload".to_owned()]));
    Ok(())
}

fn write(
    planning: &mut Planning<'_>,
    zone: &str,
    base: String,
    elements: Vec<Element>,
) -> Result<(), ChangeError> {
    let path = format!("{OWN}/{zone}.xml");
    if elements.iter().all(|element| zone::elements(&base).is_ok_and(|all| all.contains(element))) {
        return Ok(());
    }
    planning.write(&path, Edit::Zone { base, elements }, None)
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

/// The zones that packets may come in by: the default one, and those that links are put into. Not `trusted`.
fn zones(planning: &Planning<'_>) -> Result<BTreeSet<String>, HostError> {
    let text = planning.text("/etc/firewalld/firewalld.conf")?.unwrap_or_default();
    let default = key_value::get(&text, "DefaultZone").ok().flatten();
    let mut zones = BTreeSet::from([default.unwrap_or_else(|| "public".to_owned())]);
    for name in planning.list(OWN)? {
        let Some(zone) = name.strip_suffix(".xml") else { continue };
        let text = planning.text(&format!("{OWN}/{name}"))?.unwrap_or_default();
        let all = zone::elements(&text).unwrap_or_default();
        if all.iter().any(|element| element.name == "interface") {
            zones.insert(zone.to_owned());
        }
    }
    let connections = "/etc/NetworkManager/system-connections";
    for name in planning.list(connections)? {
        let text = planning.text(&format!("{connections}/{name}"))?.unwrap_or_default();
        if let Some(zone) = key_value::get(&text, "zone").ok().flatten()
            && !zone.is_empty()
        {
            zones.insert(zone);
        }
    }
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
