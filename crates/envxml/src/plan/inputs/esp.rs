//! Facts of `esp.xml`: the esp itself, its security, and every service that it binds.

use std::borrow::Cow;

use super::deploy::Deployed;
use super::facts::{Facts, path};
use super::order;
use super::security;
use super::service;
use super::source::{Source, value};
use crate::tree::Element;

/// Children of an esp that leave no trace of their own.
const UNCOPIED: [&str; 7] = [
    "EspBinding",
    "Instance",
    "HTTPS",
    "ProtocolX",
    "ESPCacheGroup",
    "AuthDomain",
    "EspControlBinding",
];

/// What all instances share.
pub(super) fn esp(facts: &mut Facts<'_>, esp: &Element) {
    let process = value(esp, "name");
    own(facts, esp);
    facts.put("address of ECL Watch", ecl_watch(facts.source));
    for group in esp.children("ESPCacheGroup") {
        facts.put("ESPCacheGroup", "");
        facts.values(group, &["id", "initString"]);
    }
    let methods: Vec<Cow<'_, str>> =
        esp.children("Authentication").map(|one| value(one, "method")).collect();
    let has = |wanted: &str| methods.iter().any(|method| method == wanted);
    if has("ldap") || has("ldaps") || has("secmgrPlugin") {
        for domain in esp.children("AuthDomain") {
            facts.subtree(domain);
        }
    }
    for authentication in esp.children("Authentication") {
        if matches!(&*value(authentication, "method"), "ldap" | "ldaps") {
            security::esp_ldap(facts, &value(authentication, "ldapServer"));
        }
    }
    if has("secmgrPlugin") {
        security::managers(facts, esp);
    }
    protocols(facts, esp);
    let method = methods.first().cloned().unwrap_or_default();
    let protocol =
        esp.children("EspBinding").find_map(|one| one.get("protocol")).unwrap_or_default();
    let port = value(esp, "controlPort");
    let control = match (&*port, &*protocol) {
        ("", "https") => "18010",
        ("", "http") => "8010",
        ("", _) => "0",
        (port, _) => port,
    };
    facts.put("control port", control);
    if control != "0" {
        facts.put("protocol of the control port", &*protocol);
        if let Some(binding) = esp.child("EspControlBinding") {
            security::rights(facts, binding, &method, security::Rules::All, "");
        }
    }
    service::services(facts, esp, &process, &method);
    for child in order::children(esp) {
        if !UNCOPIED.contains(&child.name()) {
            copied(facts, child);
        }
    }
    facts.directories();
}

fn own(facts: &mut Facts<'_>, esp: &Element) {
    let except = ["buildSet", "maxRequestEntityLength", "daliServers", "computer", "directory"];
    facts.all_given(esp, &except);
    if !value(esp, "daliServers").is_empty() {
        facts.dali(esp);
    }
    // Every instance has its own; a value here only changes the order of attributes.
    for name in ["computer", "directory"] {
        if !value(esp, name).is_empty() {
            facts.put(format!("attribute EspProcess/@{name}"), "set");
        }
    }
}

/// A child that is copied with all that is in it, except two attributes and with dali resolved.
fn copied(facts: &mut Facts<'_>, element: &Element) {
    facts.put("element", element.step());
    facts.all_present(element, &["buildSet", "maxRequestEntityLength", "daliServers"]);
    if element.attribute("daliServers").is_some() {
        facts.dali(element);
    }
    if !element.text().trim().is_empty() {
        facts.put(format!("text of {}", element.name()), element.text().trim());
    }
    for child in order::children(element) {
        // Inside of other elements these have no rule of their own, except bindings, which never leave any.
        if child.name() != "EspBinding" {
            copied(facts, child);
        }
    }
    facts.put("end of", element.name());
}

fn protocols(facts: &mut Facts<'_>, esp: &Element) {
    let uses =
        |wanted: &str| esp.children("EspBinding").any(|one| value(one, "protocol") == wanted);
    let http = uses("http") && !esp.children("EspProtocol").any(|one| value(one, "name") == "http");
    let https = uses("https");
    facts.put("uses http", http.to_string());
    facts.put("uses https", https.to_string());
    if http || https {
        facts.put(
            "attribute EspProcess/@maxRequestEntityLength",
            largest_request(facts.source, esp),
        );
    }
    if https {
        for name in [
            "certificateFileName",
            "privateKeyFileName",
            "passphrase",
            "cipherList",
            "enableVerification",
            "requireAddressMatch",
            "acceptSelfSigned",
            "CA_Certificates_Path",
            "trustedPeers",
        ] {
            let first = esp.children("HTTPS").find_map(|one| one.get(name)).unwrap_or_default();
            facts.put(format!("attribute HTTPS/@{name}"), first);
        }
    }
}

/// The largest of the esp's own limit and those of its services; no number stays no number.
fn largest_request(source: &Source<'_>, esp: &Element) -> String {
    let number = |text: Cow<'_, str>| text.trim().parse::<f64>().unwrap_or(f64::NAN);
    let own = value(esp, "maxRequestEntityLength");
    if esp.child("EspBinding").is_none() {
        return own.into_owned();
    }
    let largest = esp.children("EspBinding").fold(number(own), |largest, binding| {
        let service = source.named("EspService", &value(binding, "service"));
        let own = service.map_or(f64::NAN, |one| number(value(one, "maxRequestEntityLength")));
        if largest < own { own } else { largest }
    });
    largest.to_string()
}

/// The address of ECL Watch: of all instances of all esps that bind it, the first one that no later one
/// repeats or starts with.
fn ecl_watch(source: &Source<'_>) -> String {
    let mut addresses = Vec::new();
    for esp in source.tagged("EspProcess") {
        for binding in esp.children("EspBinding") {
            let (protocol, port) = (value(binding, "protocol"), value(binding, "port"));
            let name = value(binding, "service");
            let watches = source
                .tagged("EspService")
                .iter()
                .filter(|service| value(service, "name") == name)
                .flat_map(|service| service.children("Properties"))
                .any(|properties| value(properties, "type") == "WsSMC");
            if watches && protocol.starts_with("http") && !port.is_empty() {
                for instance in esp.children("Instance") {
                    addresses.push(format!("{protocol}://{}:{port}", source.address_of(instance)));
                }
            }
        }
    }
    let mut later = addresses.as_slice();
    while let [first, rest @ ..] = later {
        if !rest.iter().any(|other| other.contains(first.as_str())) {
            return first.clone();
        }
        later = rest;
    }
    String::new()
}

/// What only this instance has. Instances are found by their names, so of two with one name the first
/// one counts.
pub(super) fn instance(facts: &mut Facts<'_>, deployed: &Deployed<'_>) {
    let name = value(deployed.instance, "name");
    let named = deployed.component.children("Instance").find(|one| value(one, "name") == name);
    let Some(instance) = named else { return };
    let computer = value(instance, "computer");
    facts.put("computer of the instance", &*computer);
    facts.put("directory of the instance", path(&value(instance, "directory")));
    let ldap = deployed
        .component
        .children("Authentication")
        .any(|one| matches!(&*value(one, "method"), "ldap" | "ldaps"));
    if ldap {
        let domain = facts.source.computer(&computer).map(|one| value(one, "domain"));
        facts.put("domain of the computer", domain.unwrap_or_default());
    }
}

/// The white space that the esp's children leave behind: one piece for each, copied or not.
pub(super) fn gaps(esp: &Element) -> String {
    let mut gaps = String::new();
    for child in order::children(esp) {
        gaps.push(if UNCOPIED.contains(&child.name()) { ' ' } else { 'x' });
    }
    gaps
}
