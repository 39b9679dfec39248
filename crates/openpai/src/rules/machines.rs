//! The hosts: names, addresses, roles, members of etcd, who runs the services.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use diagnostics::{Problem, nearest};
use topology::Address;

use super::own_or;
use crate::config::{ClusterConfiguration, Login, Machine, RoleDefinition};
use crate::fields::{Written, address_of, is_placeholder, port_of, shown};

/// What was read of the values of each machine, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(pub(crate) Vec<MachineFacts>);

/// What was read of the values of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct MachineFacts {
    /// Its address.
    pub(crate) address: Option<IpAddr>,
    /// Its port of sshd.
    pub(crate) port: u16,
}

impl Facts {
    /// Reads addresses and ports. The default port is read once, so that its fault is told once.
    pub(crate) fn of(machines: &[Machine], default: &Login, faults: &mut Vec<Problem>) -> Self {
        let default_port =
            default.sshport.as_ref().map_or(Some(22), |port| port_of(port, faults)).unwrap_or(22);
        let facts = machines.iter().map(|machine| {
            let own = machine.login.sshport.as_ref().and_then(|port| port_of(port, faults));
            let address = machine.hostip.as_ref().and_then(|ip| address_of(ip, faults));
            MachineFacts { address, port: own.unwrap_or(default_port) }
        });
        Self(facts.collect())
    }
}

/// All rules of hosts that need no other file.
pub(crate) fn check(cluster: &ClusterConfiguration, facts: &Facts, faults: &mut Vec<Problem>) {
    identities(&cluster.machines, facts, faults);
    for machine in &cluster.machines {
        login(machine, &cluster.default_login, faults);
        machine_type(machine, cluster, faults);
    }
    masters(cluster, faults);
    services(cluster, faults);
}

/// Names and addresses: whether they are some, and nobody else's.
pub(crate) fn identities(machines: &[Machine], facts: &Facts, faults: &mut Vec<Problem>) {
    let names = machines.iter().filter_map(|machine| machine.hostname.as_ref());
    for name in names.clone() {
        host_name(name, faults);
    }
    let real = names.filter(|name| !is_placeholder(&name.value));
    twice(
        real,
        |name| name.value.to_ascii_lowercase(),
        faults,
        |name, first| {
            let message = format!("the hostname {} is that of {first} as well", shown(&name.value));
            let help = "give each host the name that `hostname` says on it; OpenPAI would keep only the last of them";
            name.error("duplicate-hostname", message, help)
        },
    );
    let addresses = machines
        .iter()
        .zip(&facts.0)
        .filter_map(|(machine, facts)| Some((machine.hostip.as_ref()?, facts.address?)));
    twice_by(addresses, faults, |ip, first| {
        let message = format!("the address {} is that of {first} as well", shown(&ip.value));
        ip.error("duplicate-hostip", message, "give each host an address of its own")
    });
    let members = machines
        .iter()
        .filter(|machine| is_master(machine))
        .filter_map(|machine| machine.etcdid.as_ref());
    for id in members.clone() {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.value.is_empty() || !id.value.chars().all(fits) {
            let message = format!("`{}` is no name of a member of etcd", shown(&id.value));
            faults.push(id.error("etcdid", message, "use letters, digits, `-`, `_` and `.`"));
        }
    }
    twice(
        members,
        |id| id.value.clone(),
        faults,
        |id, first| {
            let message = format!("the etcdid {} is that of {first} as well", shown(&id.value));
            id.error("duplicate-etcdid", message, "give each master an etcdid of its own")
        },
    );
    for machine in machines {
        match (is_master(machine), &machine.etcdid) {
            (true, None) => faults.push(machine.entry.error(
                "master-without-etcdid",
                format!("the master {} has no etcdid", name_of(machine)),
                "give it an etcdid that no other master has, such as etcdid1",
            )),
            (false, Some(id)) => faults.push(id.warning(
                "etcdid-without-master",
                format!("{} has an etcdid, but it is no master", name_of(machine)),
                "take it away: only masters are members of etcd",
            )),
            _ => {}
        }
    }
}

fn host_name(name: &Written<String>, faults: &mut Vec<Problem>) {
    if is_placeholder(&name.value) {
        let message = format!("`{}` is still to be filled in", shown(&name.value));
        faults.push(name.error("placeholder", message, "write what `hostname` says on the host"));
        return;
    }
    // An address is no name.
    if name.value.parse::<Address>().is_ok_and(|address| address.host_name().is_some()) {
        return;
    }
    faults.push(name.error(
        "hostname",
        format!("`{}` is no name of a host", shown(&name.value)),
        "use letters, digits and `-`, as `hostname` says on the host",
    ));
}

/// Who logs in, and with what.
pub(crate) fn login(machine: &Machine, default: &Login, faults: &mut Vec<Problem>) {
    super::words::login(&machine.login, faults);
    if own_or(&machine.login, default, |login| login.username.as_ref()).is_none() {
        faults.push(machine.entry.error(
            "missing",
            format!("nobody knows as whom to log in to {}", name_of(machine)),
            "give `username`, here or in default-machine-properties",
        ));
    }
}

fn machine_type(machine: &Machine, cluster: &ClusterConfiguration, faults: &mut Vec<Problem>) {
    let Some(wanted) = &machine.machine_type else { return };
    let names = || cluster.skus.iter().map(|sku| sku.name.value.as_str());
    if names().any(|name| name == wanted.value) {
        return;
    }
    let message = format!("there is no machine-sku `{}`", shown(&wanted.value));
    faults.push(wanted.error("unknown-machine-type", message, meant(&wanted.value, names())));
}

/// Roles that the role definition does not have.
pub(crate) fn roles(
    cluster: &ClusterConfiguration,
    roles: &RoleDefinition,
    faults: &mut Vec<Problem>,
) {
    let names = || roles.roles.iter().map(|role| role.name.value.as_str());
    for machine in &cluster.machines {
        let Some(role) = &machine.k8s_role else { continue };
        if !names().any(|name| name == role.value) {
            let message =
                format!("there is no k8s-role `{}` in the role definition", shown(&role.value));
            faults.push(role.error("unknown-role", message, meant(&role.value, names())));
        }
    }
}

fn meant<'w>(word: &str, known: impl Iterator<Item = &'w str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// How many members etcd has: an even number bears no more losses than one less.
fn masters(cluster: &ClusterConfiguration, faults: &mut Vec<Problem>) {
    let masters: Vec<&Machine> =
        cluster.machines.iter().filter(|machine| is_master(machine)).collect();
    let Some(last) = masters.last() else {
        faults.push(cluster.machine_list.error(
            "no-master",
            "no host has the k8s-role master",
            "give one, three or five hosts the role master, each with an etcdid",
        ));
        return;
    };
    let count = masters.len();
    if count.is_multiple_of(2) {
        let quorum = count / 2 + 1;
        let role = last.k8s_role.as_ref().map_or_else(
            || last.entry.clone(),
            |role| Written { value: (), path: role.path.clone(), place: role.place.clone() },
        );
        faults.push(role.warning(
            "even-masters",
            format!(
                "{count} masters: etcd needs {quorum} of them, so it bears the loss of {}, no more than with {}",
                count - quorum,
                count - 1
            ),
            "make them an odd number",
        ));
    }
}

/// Where the services of OpenPAI run.
fn services(cluster: &ClusterConfiguration, faults: &mut Vec<Problem>) {
    let set = |flag: &Option<Written<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let flags = |part: fn(&Machine) -> &Option<Written<bool>>| {
        let machines = cluster.machines.iter().filter(move |machine| set(part(machine)));
        machines.filter_map(move |machine| Some((machine, part(machine).as_ref()?)))
    };
    // Where one says neither yes nor no, it is that which is to be mended.
    let unclear = faults.iter().any(|fault| {
        fault.code == "boolean"
            && fault.path.steps().last().is_some_and(|step| *step == "dashboard".into())
    });
    if flags(|machine| &machine.dashboard).next().is_none() && !unclear {
        faults.push(cluster.machine_list.error(
            "no-dashboard",
            "no host has `dashboard: \"true\"`",
            "say of one master that the dashboard runs there",
        ));
    }
    let mut first = None;
    for (machine, flag) in flags(|machine| &machine.dashboard) {
        match &first {
            None => first = Some(name_of(machine)),
            Some(name) => faults.push(flag.warning(
                "two-dashboards",
                format!("the dashboard is to run on {name} already"),
                "leave one of them; the first counts here, the last for OpenPAI's own program",
            )),
        }
    }
    let mut first = None;
    for (machine, flag) in flags(|machine| &machine.service_master) {
        if machine.zkid.is_none() {
            faults.push(machine.entry.error(
                "zkid-missing",
                format!("{} runs the services and has no zkid", name_of(machine)),
                "give it `zkid: \"1\"`: ZooKeeper runs there",
            ));
        }
        match &first {
            None => first = Some(name_of(machine)),
            Some(name) => faults.push(flag.error(
                "two-openi-masters",
                format!("the services are to run on {name} already"),
                "leave one of them: OpenPAI would take the first and say nothing",
            )),
        }
    }
}

/// Whether a machine's role is that of a master.
pub(crate) fn is_master(machine: &Machine) -> bool {
    has_role(machine, "master")
}

/// Whether a machine has a role.
pub(crate) fn has_role(machine: &Machine, role: &str) -> bool {
    machine.k8s_role.as_ref().is_some_and(|found| found.value == role)
}

/// The name of a machine, for people.
pub(crate) fn name_of(machine: &Machine) -> String {
    let name = machine.hostname.as_ref().or(machine.hostip.as_ref());
    name.map_or_else(|| machine.entry.path.to_string(), |name| shown(&name.value))
}

/// Notes every value that stands a second time, with the place of the first.
fn twice<'m, K: Eq + Hash>(
    values: impl Iterator<Item = &'m Written<String>>,
    key: impl Fn(&Written<String>) -> K,
    faults: &mut Vec<Problem>,
    problem: impl Fn(&Written<String>, String) -> Problem,
) {
    twice_by(values.map(|value| (value, key(value))), faults, problem);
}

fn twice_by<'m, K: Eq + Hash>(
    values: impl Iterator<Item = (&'m Written<String>, K)>,
    faults: &mut Vec<Problem>,
    problem: impl Fn(&Written<String>, String) -> Problem,
) {
    let mut known: HashMap<K, &Written<String>> = HashMap::new();
    for (value, key) in values {
        if let Some(first) = known.get(&key) {
            faults.push(problem(value, format!("line {}", first.place.line)));
        } else {
            known.insert(key, value);
        }
    }
}
