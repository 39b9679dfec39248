//! Computers, their addresses and types.

use std::collections::{HashMap, HashSet};

use super::Rule;
use super::context::Context;
use super::findings::Findings;
use crate::address::{is_address, is_local};

/// What `ComputerType@opSys` may be.
const OPERATING_SYSTEMS: [&str; 3] = ["linux", "W2K", "solaris"];

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let root = context.environment.root;
    let hardware = |tag| root.children("Hardware").flat_map(move |around| around.children(tag));
    let types: HashSet<_> = hardware("ComputerType").filter_map(|kind| kind.get("name")).collect();
    let domains: HashSet<_> = hardware("Domain").filter_map(|domain| domain.get("name")).collect();
    let mut names = HashSet::new();
    let mut addresses: HashMap<usize, &str> = HashMap::new();
    for (computer, (around, machine)) in
        context.environment.computers.iter().zip(&context.computers)
    {
        let chain = [*around, computer.element];
        let (name, address) = (&*computer.name, &*computer.address);
        if name.is_empty() {
            found.add(
                Rule::MissingName,
                &chain,
                Some("name"),
                "a computer without a name cannot be used",
                "give it a name",
            );
        } else if !names.insert(name) {
            found.add(
                Rule::DuplicateComputer,
                &chain,
                Some("name"),
                format!("another computer is named {name}, too"),
                "give each computer its own name, and point the instances to the right one",
            );
        }
        if !is_computer_name(name) {
            found.add(
                Rule::BadName,
                &chain,
                Some("name"),
                format!("{name:?} is no computer's name"),
                "use letters, digits, `-`, `_` and `.` only",
            );
        }
        if address.is_empty() {
            found.add(
                Rule::BadAddress,
                &chain,
                Some("netAddress"),
                format!("computer {name} has no address"),
                "set netAddress to its IP address or host name",
            );
        } else if !is_address(address) {
            found.add(
                Rule::BadAddress,
                &chain,
                Some("netAddress"),
                format!("{address:?} is neither an IP address nor a host name"),
                "set netAddress to the computer's IP address or host name",
            );
        } else if let Some(other) = addresses.get(machine) {
            found.add(
                Rule::DuplicateAddress,
                &chain,
                Some("netAddress"),
                format!("computer {other} has the address {address}, too"),
                "remove one of the two computers, or correct its address",
            );
        } else if is_local(address) && context.several_machines() {
            found.add(
                Rule::LocalAddress,
                &chain,
                Some("netAddress"),
                format!("each of the machines takes {address} for itself"),
                "set netAddress to an address that the other machines know",
            );
        }
        addresses.entry(*machine).or_insert(name);
        if let Some(kind) =
            computer.element.get("computerType").filter(|kind| !types.contains(kind))
        {
            found.add(
                Rule::UnknownComputerType,
                &chain,
                Some("computerType"),
                format!("there is no ComputerType named {kind:?}"),
                "add the type below Hardware, or name one that is there",
            );
        }
        let domain = computer.element.get("domain").unwrap_or_default();
        if !domains.contains(&domain) {
            found.add(
                Rule::UnknownDomain,
                &chain,
                Some("domain"),
                if domain.is_empty() {
                    format!("computer {name} is in no domain")
                } else {
                    format!("there is no Domain named {domain:?}")
                },
                "add a Domain below Hardware, or name one that is there",
            );
        }
    }
    types_and_domains(context, found);
    unused(context, found);
}

fn types_and_domains<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let (mut types, mut domains) = (HashSet::new(), HashSet::new());
    for around in context.environment.root.children("Hardware") {
        for kind in around.children("ComputerType") {
            let name = kind.get("name").unwrap_or_default();
            if !types.insert(name.clone()) {
                found.add(
                    Rule::DuplicateComputerType,
                    &[around, kind],
                    Some("name"),
                    format!("another computer type is named {name:?}, too"),
                    "remove one of the two: configgen cannot list machines while both are there",
                );
            }
            let system = kind.get("opSys").filter(|system| !system.is_empty());
            let known = |system: &str| {
                OPERATING_SYSTEMS.iter().any(|known| known.eq_ignore_ascii_case(system))
            };
            if let Some(system) = system.filter(|system| !known(system)) {
                found.add(
                    Rule::BadOperatingSystem,
                    &[around, kind],
                    Some("opSys"),
                    format!("HPCC does not know the operating system {system:?}"),
                    "set opSys to linux",
                );
            }
        }
        for domain in around.children("Domain") {
            let name = domain.get("name").unwrap_or_default();
            if !domains.insert(name.clone()) {
                found.add(
                    Rule::DuplicateDomain,
                    &[around, domain],
                    Some("name"),
                    format!("another domain is named {name:?}, too"),
                    "remove one of the two",
                );
            }
        }
    }
}

/// Machines on which only file services run.
fn unused<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    for index in context.idle() {
        let machine = &context.machines[index];
        // The second of two computers with one name cannot be used, which is found as that.
        let named = context.environment.computer(&machine.name);
        if named.is_some_and(|named| !std::ptr::eq(named.element, machine.chain[1])) {
            continue;
        }
        found.add(
            Rule::UnusedComputer,
            &machine.chain,
            None,
            format!("nothing runs on {} but file services", machine.title()),
            "give it a role, or remove it",
        );
    }
}

fn is_computer_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
