//! References: each names something that must be there.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Rule;
use super::context::{Context, Placed};
use super::findings::Findings;
use crate::address::{is_local, normal};
use crate::tree::Element;
use crate::view::Part;

/// Components that cannot work without Dali.
const NEED_DALI: [&str; 7] = [
    "DfuServerProcess",
    "EclAgentProcess",
    "EclCCServerProcess",
    "EclSchedulerProcess",
    "EspProcess",
    "SashaServerProcess",
    "ThorCluster",
];

/// A reference to a component by name.
struct Reference {
    /// The tag that has it; `*` for any.
    tag: &'static str,
    attribute: &'static str,
    /// The tag of the component.
    target: &'static str,
    rule: Rule,
}

const REFERENCES: [Reference; 9] = [
    reference("*", "daliServers", "DaliServerProcess", Rule::UnknownDali),
    reference("EspBinding", "service", "EspService", Rule::UnknownEspService),
    reference("*", "ldapServer", "LDAPServerProcess", Rule::UnknownLdapServer),
    reference("SparkThorProcess", "ThorClusterName", "ThorCluster", Rule::UnknownThorCluster),
    reference("NodeGroup", "name", "ThorCluster", Rule::UnknownThorCluster),
    reference("*", "siteCertificate", "SiteCertificate", Rule::UnknownComponent),
    reference("EspService", "LoggingManager", "LoggingManager", Rule::UnknownComponent),
    reference("EspService", "loggingManager", "LoggingManager", Rule::UnknownComponent),
    reference("EspBinding", "LoggingManager", "LoggingManager", Rule::UnknownComponent),
];

const fn reference(
    tag: &'static str,
    attribute: &'static str,
    target: &'static str,
    rule: Rule,
) -> Reference {
    Reference { tag, attribute, target, rule }
}

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let mut names: HashMap<&str, HashSet<&str>> = HashMap::new();
    for placed in &context.components {
        names.entry(placed.component.process).or_default().insert(&placed.component.name);
    }
    let services: HashMap<Cow<'_, str>, &Element> = context
        .of("EspService")
        .map(|placed| (placed.component.name.clone(), placed.component.element))
        .collect();
    for placed in &context.components {
        instances(context, placed, found);
        let mut chain = vec![placed.software];
        walk(context, &names, placed.component.element, &mut chain, found);
        if placed.is("DropZone") {
            drop_zone(context, placed, found);
        }
        if placed.is("EspProcess") {
            ldap(placed, found);
            bindings(placed, &services, found);
        }
        needs_dali(placed, found);
    }
}

/// Where instances are.
fn instances<'d>(context: &Context<'_, 'd>, placed: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    for instance in &placed.component.instances {
        let chain = placed.below(instance.element);
        let Some(name) = instance.computer.as_deref().filter(|name| !name.is_empty()) else {
            found.add(
                Rule::MissingComputer,
                &chain,
                Some("computer"),
                format!(
                    "this instance of {} is on no computer, so it is not started",
                    placed.title()
                ),
                "set computer to the name of a computer",
            );
            continue;
        };
        let Some(computer) = context.environment.computer(name) else { continue };
        if computer.address.is_empty() {
            continue;
        }
        let own = instance.element.get("netAddress").unwrap_or_default();
        let needed = matches!(instance.part, Part::Process | Part::RoxieServer);
        if own.is_empty() && needed {
            found.add(
                Rule::AddressMismatch,
                &chain,
                Some("netAddress"),
                format!("this instance of {} has no address, so it is not started", placed.title()),
                format!("set netAddress to that of computer {name}, {}", computer.address),
            );
        } else if !own.is_empty() && normal(&own) != normal(&computer.address) {
            found.add(
                Rule::AddressMismatch,
                &chain,
                Some("netAddress"),
                format!("the address is {own}, but computer {name} has {:?}", &*computer.address),
                "set netAddress to the computer's address, or name the right computer",
            );
        }
    }
}

/// All references of an element and those below it.
fn walk<'d>(
    context: &Context<'_, 'd>,
    names: &HashMap<&str, HashSet<&str>>,
    element: &'d Element,
    chain: &mut Vec<&'d Element>,
    found: &mut Findings<'d>,
) {
    chain.push(element);
    for attribute in ["computer", "backupComputer"] {
        let Some(name) = element.get(attribute).filter(|name| !name.is_empty()) else { continue };
        if context.environment.computer(&name).is_none() {
            let address = element.get("netAddress").unwrap_or_default();
            let help = match context.machine(&address) {
                Some(machine) => {
                    format!("did you mean {}?", context.machines[machine].title())
                }
                None => "add the computer below Hardware, or name one that is there".to_owned(),
            };
            found.add(
                Rule::UnknownComputer,
                chain,
                Some(attribute),
                format!("there is no computer named {name:?}"),
                help,
            );
        }
    }
    for reference in &REFERENCES {
        if reference.tag != "*" && reference.tag != element.name() {
            continue;
        }
        let Some(value) = element.get(reference.attribute) else { continue };
        for name in value.split([',', ';']).map(str::trim).filter(|name| !name.is_empty()) {
            if names.get(reference.target).is_some_and(|known| known.contains(name)) {
                continue;
            }
            if reference.attribute == "name" && idle_backupnode(context, names, chain, found) {
                continue;
            }
            found.add(
                reference.rule,
                chain,
                Some(reference.attribute),
                format!("there is no {} named {name:?}", reference.target),
                known(names, reference.target),
            );
        }
    }
    if element.name() == "EspService" {
        service_targets(context, element, chain, found);
    }
    for child in element.elements() {
        walk(context, names, child, chain, found);
    }
    chain.pop();
}

/// `envgen` writes a backup node for a Thor cluster also where there is none.
fn idle_backupnode<'d>(
    context: &Context<'_, 'd>,
    names: &HashMap<&str, HashSet<&str>>,
    chain: &[&'d Element],
    found: &mut Findings<'d>,
) -> bool {
    let Some(node) = chain.get(1).filter(|node| node.name() == "BackupNodeProcess") else {
        // Other components' node groups are no references to Thor clusters.
        return true;
    };
    if names.contains_key("ThorCluster") || node.child("Instance").is_some() {
        return false;
    }
    let name =
        context.components.iter().find(|placed| std::ptr::eq(placed.component.element, *node));
    found.add(
        Rule::IdleBackupnode,
        chain,
        Some("name"),
        format!(
            "{} runs nowhere, and its Thor cluster is not there",
            name.map_or_else(|| node.step(), Placed::title)
        ),
        "nothing is wrong; remove the component if it is not wanted",
    );
    true
}

/// What may be named instead.
fn known(names: &HashMap<&str, HashSet<&str>>, target: &str) -> String {
    let mut known: Vec<String> =
        names.get(target).into_iter().flatten().map(|name| (*name).to_owned()).collect();
    known.retain(|name| !name.is_empty());
    known.sort();
    match known.len() {
        0 => format!("add a {target}, or remove the reference"),
        _ => format!("name one that is there: {}", super::context::listed(&known)),
    }
}

/// The clusters that a service is for.
fn service_targets<'d>(
    context: &Context<'_, 'd>,
    service: &'d Element,
    chain: &[&'d Element],
    found: &mut Findings<'d>,
) {
    let known = |name: &str| {
        let mut clusters = context.environment.topology_clusters();
        clusters.any(|cluster| cluster.get("name").as_deref() == Some(name))
    };
    let mut check = |chain: &[&'d Element], attribute, name: Option<Cow<'_, str>>| {
        let Some(name) = name.filter(|name| !name.is_empty() && !known(name)) else { return };
        found.add(
            Rule::UnknownServiceTarget,
            chain,
            Some(attribute),
            format!("the topology has no cluster named {name:?}"),
            "name a Cluster of the topology",
        );
    };
    check(chain, "defaultTargetCluster", service.get("defaultTargetCluster"));
    for target in service.children("Target") {
        let mut chain = chain.to_vec();
        chain.push(target);
        check(&chain, "name", target.get("name"));
    }
}

fn drop_zone<'d>(context: &Context<'_, 'd>, placed: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    let zone = placed.component.element;
    let mut any = zone.get("computer").is_some_and(|computer| !computer.is_empty());
    for server in zone.children("ServerList") {
        let Some(address) = server.get("server").filter(|address| !address.is_empty()) else {
            continue;
        };
        any = true;
        let here = is_local(&address) && !context.several_machines();
        if context.machine(&address).is_none() && !here {
            found.add(
                Rule::UnknownDropZoneServer,
                &placed.below(server),
                Some("server"),
                format!("no computer has the address {address}"),
                "correct the address, or add the computer",
            );
        }
    }
    if !any {
        found.add(
            Rule::DropZoneWithoutServer,
            &placed.chain(),
            None,
            format!("{} is on no machine", placed.title()),
            "add a ServerList with the address of a machine, or remove the drop zone",
        );
    }
}

fn ldap<'d>(placed: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    for authentication in placed.component.element.children("Authentication") {
        let method = authentication.get("method").unwrap_or_default();
        let server = authentication.get("ldapServer").unwrap_or_default();
        if method.starts_with("ldap") && server.is_empty() {
            found.add(
                Rule::LdapWithoutServer,
                &placed.below(authentication),
                Some("ldapServer"),
                format!("{} uses LDAP, but names no server", placed.title()),
                "set ldapServer to the name of an LDAPServerProcess, or choose another method",
            );
        }
    }
}

/// The services that an ESP binds, as far as they are there.
fn bindings<'d>(
    placed: &Placed<'_, 'd>,
    services: &HashMap<Cow<'_, str>, &Element>,
    found: &mut Findings<'d>,
) {
    let own = placed.component.element.get("build").unwrap_or_default();
    for binding in placed.component.element.children("EspBinding") {
        let chain = placed.below(binding);
        let Some(name) = binding.get("service").filter(|name| !name.is_empty()) else {
            found.add(
                Rule::UnknownEspService,
                &chain,
                Some("service"),
                "this binding is for no service",
                "set service to the name of an EspService, or remove the binding",
            );
            continue;
        };
        let kind = services.get(&name).map(|service| {
            service.child("Properties").and_then(|properties| properties.get("type"))
        });
        if kind.is_some_and(|kind| kind.is_none_or(|kind| kind.is_empty())) {
            found.add(
                Rule::EspServiceWithoutType,
                &chain,
                Some("service"),
                format!("service {name} has no Properties with a type, so HPCC knows no definition of it"),
                "give the EspService the Properties of its buildset",
            );
        }
        let build = services.get(&name).map(|service| service.get("build").unwrap_or_default());
        if let Some(build) = build.filter(|build| *build != own) {
            found.add(
                Rule::BuildMismatch,
                &chain,
                Some("service"),
                format!("{} is of build {own:?}, but service {name} of {build:?}", placed.title()),
                "use one build for an ESP and its services",
            );
        }
    }
}

fn needs_dali<'d>(placed: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    let component = placed.component;
    let named = component.element.get("daliServers").is_some_and(|name| !name.is_empty());
    if !named && NEED_DALI.contains(&component.process) && !component.instances.is_empty() {
        found.add(
            Rule::MissingDali,
            &placed.chain(),
            Some("daliServers"),
            format!("{} names no Dali", placed.title()),
            "set daliServers to the name of the DaliServerProcess",
        );
    }
}
