//! The firewall: what a node has to let in, and nothing else, told to whichever firewall is active.

mod firewalld;
mod nftables;
#[cfg(test)]
mod tests;
mod ufw;

use std::collections::BTreeSet;

use crate::change::{ChangeError, Enablement};
use crate::data::ports::{self, Carrier, Sender};
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec::{Cidr, CniKind, FirewallMode, PortRange, Protocol, Subnets};

/// The firewall.
#[derive(Debug)]
pub(super) struct Firewall;

/// Something that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opening {
    port: Option<PortRange>,
    carrier: Carrier,
    /// From where; from anywhere where it is empty.
    from: Vec<Cidr>,
}

/// What is let through a firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Openings {
    /// In their order; ssh first.
    inbound: Vec<Opening>,
    /// The addresses of pods and services, which are let in and passed on.
    trusted: Vec<Cidr>,
    ssh: BTreeSet<u16>,
}

/// A firewall, by the unit that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Firewalld,
    Ufw,
    Nftables,
    /// Files of `iptables-save`.
    Iptables,
}

/// The units of firewalls, and whether they take only their own rules away when they are stopped.
const UNITS: [(&str, Kind, bool); 6] = [
    ("firewalld.service", Kind::Firewalld, true),
    ("ufw.service", Kind::Ufw, true),
    ("nftables.service", Kind::Nftables, false),
    ("iptables.service", Kind::Iptables, false),
    ("ip6tables.service", Kind::Iptables, false),
    ("netfilter-persistent.service", Kind::Iptables, false),
];

impl Step for Firewall {
    fn id(&self) -> &'static str {
        "firewall"
    }

    fn why(&self) -> &'static str {
        "The firewall that is active lets in what the role and the network plugin of the node need, from the addresses that \
         need it. ssh stays open, no rule of anybody is changed, and no table is flushed."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = &planning.node.firewall else { return Ok(()) };
        match wish.mode {
            FirewallMode::Ignore => Ok(()),
            FirewallMode::Disable => Ok(disable(planning)?),
            FirewallMode::Manage => manage(planning),
        }
    }
}

fn manage(planning: &mut Planning<'_>) -> Result<(), ChangeError> {
    let active = active(planning)?;
    if active.is_empty() {
        return Ok(());
    }
    let Some(openings) = openings(planning)? else { return Ok(()) };
    if openings.trusted.is_empty()
        && planning.node.firewall.as_ref().is_some_and(|wish| wish.cni != CniKind::None)
    {
        planning.note(
            "the addresses of pods are not known (`kubeadm.podSubnet`): packets of pods are not let through by their address",
        );
    }
    for (unit, kind) in active {
        match kind {
            Kind::Firewalld => firewalld::plan(planning, &openings)?,
            Kind::Ufw => ufw::plan(planning, &openings)?,
            Kind::Nftables => nftables::plan(planning, &openings)?,
            Kind::Iptables => {
                let list: Vec<String> = openings.inbound.iter().map(ToString::to_string).collect();
                planning.refuse(format!(
                    "{unit} is active, and its files are not changed by node-prep. Let in {} there, and say `firewall: \
                     {{mode: ignore}}`",
                    list.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// The firewalls that are active; of a tree, those that will be.
fn active(planning: &Planning<'_>) -> Result<Vec<(&'static str, Kind)>, HostError> {
    let mut found: Vec<(&str, Kind)> = Vec::new();
    for (unit, kind, _) in UNITS {
        let (enabled, is_active) = planning.unit(unit)?;
        let counts = if planning.is_live() { is_active } else { enabled == "enabled" };
        // The unit of ufw is active on every Ubuntu, whatever ufw itself is.
        let counts = counts && (kind != Kind::Ufw || ufw::is_enabled(planning)?);
        if counts && !found.iter().any(|(_, known)| *known == kind) {
            found.push((unit, kind));
        }
    }
    Ok(found)
}

fn disable(planning: &mut Planning<'_>) -> Result<(), HostError> {
    for (unit, _, stops_alone) in UNITS {
        let (enabled, is_active) = planning.unit(unit)?;
        if enabled.is_empty() {
            continue;
        }
        let is_coming = !Enablement::Disabled.is(&enabled);
        if stops_alone {
            planning.want_unit(unit, Some(Enablement::Disabled), Some(false))?;
        } else if is_coming {
            planning.want_unit(unit, Some(Enablement::Disabled), None)?;
            if is_active {
                planning.reboot(format!(
                    "the rules of {unit} stay until then: to stop it would flush the rules of containers and of all others"
                ));
            }
        }
    }
    Ok(())
}

impl std::fmt::Display for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let carrier = carrier(self.carrier);
        match self.port {
            Some(port) => write!(f, "{port}/{carrier}")?,
            None => f.write_str(carrier)?,
        }
        let from: Vec<String> = self.from.iter().map(ToString::to_string).collect();
        if from.is_empty() { Ok(()) } else { write!(f, " from {}", from.join(" and ")) }
    }
}

fn carrier(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Tcp => "tcp",
        Carrier::Udp => "udp",
        Carrier::Ipip => "ipip",
        Carrier::Icmp => "icmp",
    }
}

/// What is to be let in. `None` where the port of ssh cannot be known: nothing is done then.
fn openings(planning: &mut Planning<'_>) -> Result<Option<Openings>, HostError> {
    let node = planning.node;
    let Some(wish) = &node.firewall else { return Ok(None) };
    let mut ssh = match ssh_ports(planning)? {
        Ok(ports) => ports,
        Err(why) => {
            planning.refuse(why);
            return Ok(None);
        }
    };
    ssh.extend(wish.ssh_port);
    let mut inbound: Vec<Opening> = Vec::new();
    let mut open = |opening: Opening| {
        if !inbound.contains(&opening) {
            inbound.push(opening);
        }
    };
    for port in &ssh {
        let port = Some(PortRange::one(*port));
        open(Opening { port, carrier: Carrier::Tcp, from: Vec::new() });
    }
    let control_planes: Vec<Cidr> = wish.control_planes.iter().copied().map(Cidr::host).collect();
    for needed in ports::needed(node) {
        let from = match needed.from {
            Sender::Anyone => Vec::new(),
            // Without any, only this host itself reaches it, and that is always so.
            Sender::ControlPlanes if control_planes.is_empty() => continue,
            Sender::ControlPlanes => control_planes.clone(),
        };
        open(Opening { port: needed.port, carrier: needed.protocol, from });
    }
    for extra in &wish.extra_ports {
        let carrier = match extra.protocol {
            Protocol::Tcp => Carrier::Tcp,
            Protocol::Udp => Carrier::Udp,
        };
        open(Opening { port: Some(extra.port), carrier, from: extra.from.clone() });
    }
    let kubeadm = node.kubeadm.as_ref();
    let subnets =
        kubeadm.into_iter().flat_map(|kubeadm| [&kubeadm.pod_subnet, &kubeadm.service_subnet]);
    let trusted = subnets.flatten().flat_map(Subnets::networks).map(Cidr::network);
    Ok(Some(Openings { trusted: trusted.collect(), inbound, ssh }))
}

/// The ports that sshd listens on: `Port`, and the ports of `ListenAddress`; 22 where nothing is said.
fn ssh_ports(planning: &Planning<'_>) -> Result<Result<BTreeSet<u16>, String>, HostError> {
    let folder = "/etc/ssh/sshd_config.d";
    let names = planning.list(folder)?;
    let names = names.iter().filter(|name| name.strip_suffix(".conf").is_some());
    let mut paths: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
    paths.push("/etc/ssh/sshd_config".to_owned());
    let mut ports = BTreeSet::new();
    for path in paths {
        let text = planning.text(&path)?.unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split(|c: char| c.is_whitespace() || c == '=');
            let mut words = words.by_ref().filter(|word| !word.is_empty());
            let (keyword, value) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let value = value.trim_matches('"');
            let port = if keyword.eq_ignore_ascii_case("port") {
                value
            } else if keyword.eq_ignore_ascii_case("listenaddress") {
                let Some(port) = port_of(value) else { continue };
                port
            } else {
                continue;
            };
            match port.parse() {
                Ok(0) | Err(_) => {
                    return Ok(Err(format!(
                        "{path}:{}: `{port}` is no port, so that the one of ssh is not known and cannot be kept open. Mend \
                         that line",
                        index + 1
                    )));
                }
                Ok(port) => ports.insert(port),
            };
        }
    }
    if ports.is_empty() {
        ports.insert(22);
    }
    ports.extend(socket_ports(planning)?);
    Ok(Ok(ports))
}

/// The ports where systemd listens for sshd, as the administrator says; what comes with the package is 22 or taken from
/// the configuration of sshd.
fn socket_ports(planning: &Planning<'_>) -> Result<BTreeSet<u16>, HostError> {
    let mut ports = BTreeSet::new();
    for unit in ["ssh.socket", "sshd.socket"] {
        let mut paths = vec![format!("/etc/systemd/system/{unit}")];
        for parent in ["/etc", "/run"] {
            let folder = format!("{parent}/systemd/system/{unit}.d");
            let names = planning.list(&folder)?.into_iter();
            let names = names.filter(|name| name.strip_suffix(".conf").is_some());
            paths.extend(names.map(|name| format!("{folder}/{name}")));
        }
        for path in paths {
            let text = planning.text(&path)?.unwrap_or_default();
            for line in text.lines() {
                let Some((key, value)) = line.split_once('=') else { continue };
                let value = value.trim();
                if key.trim() == "ListenStream" {
                    ports.extend(port_of(value).unwrap_or(value).parse::<u16>().ok());
                }
            }
        }
    }
    Ok(ports)
}

/// The port of `host:port` and `[address]:port`; an address of IPv6 alone has none.
fn port_of(address: &str) -> Option<&str> {
    if let Some((_, rest)) = address.split_once(']') {
        return rest.strip_prefix(':');
    }
    let (host, port) = address.split_once(':')?;
    (!host.is_empty() && !port.contains(':')).then_some(port)
}
