//! A list of addresses without roles, read in its order.

use diagnostics::Problem;

use super::{Placed, Result};
use crate::address::addresses;
use crate::catalogue::Catalogue;
use crate::compat::addresses::{Lists, numeric};
use crate::compat::wizard::{self, Reading};
use crate::compat::{EnvgenArgs, Resolver};
use crate::generate::{Blueprint, Deployment};

/// Places what a command line of `envgen` asks for: of the general addresses the first are for support components, the
/// next for roxie, the next for thor. Addresses of `-assign_ips` are for their build set only.
///
/// One single address carries everything. With `share` components may share machines where there are too few,
/// as `envgen` would have it.
///
/// # Errors
///
/// Everything that is wrong: addresses that are none, negative numbers, unknown build sets, too few addresses with the
/// number that is missing. Codes: `bad-address`, `no-address`, `bad-count`, `unknown-build-set`, `too-few`.
pub fn from_list(
    arguments: &EnvgenArgs,
    general: &str,
    catalogue: &Catalogue,
    share: bool,
    resolver: Resolver<'_>,
) -> Result {
    let mut problems = Vec::new();
    counts(arguments, &mut problems);
    let general = list("-ip", general, resolver, &mut problems);
    let mut assigned = Vec::new();
    for (build_set, text) in &arguments.assigned {
        if catalogue.build_set(build_set).is_none() {
            let near = catalogue.build_sets.iter().map(crate::catalogue::BuildSet::name);
            let near = near.into_iter().find(|name| name.eq_ignore_ascii_case(build_set));
            let help = near.map_or_else(
                || "build sets are dali, thor, roxie, esp, sasha, ...".to_owned(),
                |name| format!("write {name}"),
            );
            problems.push(
                Problem::error(
                    "unknown-build-set",
                    format!("-assign_ips: HPCC has no build set {build_set}"),
                )
                .help(help),
            );
        }
        let option = format!("-assign_ips {build_set}");
        assigned.push((build_set.clone(), list(&option, text, resolver, &mut problems)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let lists = Lists { general, assigned };
    let mut notes = Vec::new();
    let reading = match missing(arguments, &lists) {
        problems if problems.is_empty() => Reading::InOrder,
        _ if share => {
            notes.push(
                "components share machines, because there are too few addresses (--share)"
                    .to_owned(),
            );
            Reading::Envgen
        }
        problems => return Err(problems),
    };
    let place = |reading| {
        wizard::blueprint(arguments, &lists, catalogue, resolver, reading)
            .map_err(|error| vec![Problem::error("too-few", error.message)])
    };
    let blueprint = place(reading)?;
    if let Some(problem) = backup_on_master(&blueprint) {
        return Err(vec![problem]);
    }
    notes.extend(one_for_all(arguments, &blueprint));
    notes.extend(differences(&blueprint, place(Reading::Envgen).ok().as_ref()));
    notes.extend(left_over(arguments, &lists, &blueprint));
    Ok(Placed { blueprint, notes })
}

/// The addresses of one option; every one that is none is told.
fn list(
    option: &str,
    text: &str,
    resolver: Resolver<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let bad = |address: &str, help: &str| {
        Problem::error("bad-address", format!("{option}: {address} is no address")).help(help)
    };
    let list = match addresses(text) {
        Ok(list) => list,
        Err(errors) => {
            problems.extend(errors.iter().map(|error| {
                let help = if error.text.contains(',') {
                    "addresses are parted by ; and not by ,"
                } else {
                    "expected an IPv4 or IPv6 address, a range as 10.1.0.1-9, or a host name"
                };
                bad(&error.text, help)
            }));
            return Vec::new();
        }
    };
    if list.is_empty() {
        problems.push(
            Problem::error("no-address", format!("{option} has no address"))
                .help("write addresses with ; between them: 10.1.0.1;10.1.2.1-3"),
        );
    }
    for address in &list {
        if numeric(address, resolver).is_none_or(|ip| ip.is_unspecified()) {
            problems.push(bad(address, "a host name must be known to this machine"));
        }
    }
    list
}

fn counts(arguments: &EnvgenArgs, problems: &mut Vec<Problem>) {
    let counts = [
        ("-supportnodes", arguments.support_nodes, 0),
        ("-roxienodes", arguments.roxie_nodes, 0),
        ("-thornodes", arguments.thor_nodes, 0),
        ("-espnodes", arguments.esp_nodes, 0),
        ("-slavesPerNode", arguments.slaves_per_node, 1),
        ("-thorChannelsPerSlave", arguments.thor_channels_per_slave, 1),
        ("-roxieChannelsPerSlave", arguments.roxie_channels_per_slave, 1),
    ];
    for (option, count, least) in counts {
        if count < least {
            problems.push(
                Problem::error("bad-count", format!("{option} is {count}"))
                    .help(format!("expected {least} or more")),
            );
        }
    }
}

/// What there are too few addresses for.
fn missing(arguments: &EnvgenArgs, lists: &Lists) -> Vec<Problem> {
    let count = |number: i32| usize::try_from(number).unwrap_or(0);
    let own = |build_set: &str| {
        let found = lists.assigned.iter().find(|(name, _)| name == build_set);
        found.map(|(_, list)| list.len())
    };
    let mut problems = Vec::new();
    let (support, roxie, thor, esp) = (
        count(arguments.support_nodes),
        count(arguments.roxie_nodes),
        count(arguments.thor_nodes),
        count(arguments.esp_nodes),
    );
    for (build_set, option, wanted, have) in [
        ("roxie", "-roxienodes", roxie, own("roxie")),
        ("thor", "-thornodes", if thor > 0 { thor + 1 } else { 0 }, own("thor")),
        ("esp", "-espnodes", esp, own("esp")),
    ] {
        if let Some(have) = have.filter(|have| *have < wanted) {
            let master = if build_set == "thor" { " and its master" } else { "" };
            problems.push(
                Problem::error(
                    "too-few",
                    format!(
                        "-assign_ips {build_set} has {have} of {wanted} addresses: {} missing",
                        are(wanted - have)
                    ),
                )
                .help(format!("{option} asks for that many{master}")),
            );
        }
    }
    let have = lists.general.len();
    let general_roxie = if own("roxie").is_some() { 0 } else { roxie };
    let general_thor = if own("thor").is_some() { 0 } else { thor };
    let single = have == 1 && lists.assigned.is_empty() && support <= 1;
    let master = usize::from(support == 0 && general_thor > 0);
    let wanted = support + general_roxie + general_thor + master;
    if !single && wanted > have {
        let master = if master > 0 { " and 1 for its master" } else { "" };
        problems.push(
            Problem::error(
                "too-few",
                format!(
                    "{wanted} addresses are needed ({support} for support, {general_roxie} for roxie, {general_thor} for \
                     thor{master}), but there {}: {} missing",
                    if have == 1 { "is 1".to_owned() } else { format!("are {have}") },
                    are(wanted - have)
                ),
            )
            .help("give more addresses, ask for fewer nodes, or let roles share machines with --share"),
        );
    }
    if own("esp").is_none() && esp > 1 && esp > support.max(usize::from(single)) {
        let places = support.max(1);
        problems.push(
            Problem::error(
                "too-few",
                format!("-espnodes {esp} needs {esp} machines, but support has {places}"),
            )
            .help("give the esp servers addresses of their own: -assign_ips esp LIST"),
        );
    }
    problems
}

fn are(number: usize) -> String {
    if number == 1 { "1 is".to_owned() } else { format!("{number} are") }
}

/// A backup node holds the copies of what thor has: on the master they would be gone with it.
fn backup_on_master(blueprint: &Blueprint) -> Option<Problem> {
    let Deployment::Thor { master: Some(master), .. } = blueprint.component("thor")?.deployment
    else {
        return None;
    };
    let Deployment::Instances(backups) = &blueprint.component("backupnode")?.deployment else {
        return None;
    };
    backups.iter().any(|(machine, _)| *machine == master).then(|| {
        let address = &blueprint.machines[master].address;
        Problem::error("backup-on-master", format!("the backup node {address} is the thor master"))
            .help("give -assign_ips backupnode another address")
    })
}

/// Where `envgen` would have placed roxie and thor otherwise.
fn differences(ours: &Blueprint, envgens: Option<&Blueprint>) -> Vec<String> {
    let Some(envgens) = envgens else { return Vec::new() };
    let machines = |blueprint: &Blueprint, build_set: &str, master: bool| -> Vec<String> {
        let name = |index: &usize| blueprint.machines[*index].address.clone();
        match blueprint.component(build_set).map(|component| &component.deployment) {
            Some(Deployment::Thor { master: found, .. }) if master => {
                found.iter().map(name).collect()
            }
            Some(Deployment::Thor { slaves, .. }) => slaves.iter().map(name).collect(),
            Some(Deployment::Roxie { servers, .. }) => servers.iter().map(name).collect(),
            _ => Vec::new(),
        }
    };
    let roxie = machines(ours, "roxie", false);
    let mut notes = Vec::new();
    for (what, build_set, master) in [
        ("roxie servers", "roxie", false),
        ("thor master", "thor", true),
        ("thor slaves", "thor", false),
    ] {
        let (here, there) =
            (machines(ours, build_set, master), machines(envgens, build_set, master));
        if here == there {
            continue;
        }
        let stray: Vec<&String> =
            there.iter().filter(|one| build_set == "thor" && roxie.contains(one)).collect();
        let why = match stray.as_slice() {
            [] => "the same machines in another order".to_owned(),
            [one] => format!("{one} is a roxie server"),
            many => {
                let names: Vec<&str> = many.iter().map(|one| one.as_str()).collect();
                format!("{} are roxie servers", some(&names))
            }
        };
        notes.push(format!("{what}: {} (envgen would use {}; {why})", some(&here), some(&there)));
    }
    notes
}

/// What was asked for and cannot be had on a single machine.
fn one_for_all(arguments: &EnvgenArgs, blueprint: &Blueprint) -> Option<String> {
    let [only] = blueprint.machines.as_slice() else { return None };
    let asked: Vec<String> =
        [("-roxienodes", arguments.roxie_nodes), ("-thornodes", arguments.thor_nodes)]
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(option, count)| format!("{option} {count}"))
            .collect();
    (!asked.is_empty()).then(|| {
        format!(
            "{} carries everything, because it is the only address; {} cannot be had",
            only.address,
            asked.join(" and ")
        )
    })
}

/// A list for people: the first ones and how many more.
fn some<S: AsRef<str>>(list: &[S]) -> String {
    const SHOWN: usize = 8;
    let first: Vec<&str> = list.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match list.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Addresses that got nothing but what runs everywhere.
fn left_over(arguments: &EnvgenArgs, lists: &Lists, blueprint: &Blueprint) -> Option<String> {
    let support = usize::try_from(arguments.support_nodes).unwrap_or(0);
    let used = |address: &String| {
        let Some(machine) = blueprint.machine(address) else { return false };
        blueprint.components.iter().any(|component| match &component.deployment {
            Deployment::Thor { master, slaves, .. } => {
                *master == Some(machine) || slaves.contains(&machine)
            }
            Deployment::Roxie { servers, .. } => servers.contains(&machine),
            Deployment::Instances(all) => {
                let everywhere = matches!(component.build_set.as_str(), "dafilesrv" | "ftslave");
                !everywhere && all.iter().any(|(one, _)| *one == machine)
            }
            Deployment::DropZone(server) => server == address,
            Deployment::None => false,
        })
    };
    let general = lists.general.iter().skip(support);
    let idle: Vec<&str> = general.filter(|one| !used(one)).map(String::as_str).collect();
    (!idle.is_empty()).then(|| {
        format!("no component uses {}: there are more addresses than nodes asked for", some(&idle))
    })
}
