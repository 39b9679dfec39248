//! What the checks share: the host, what it is checked for, and what was learned already.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::Purpose;
use crate::facts::Facts;
use crate::host::{Command, Host, HostError, Kind, Output, folder_of, name_of};
use crate::plan::Planning;
use crate::spec::{Minor, Node};
use crate::text::containerd::Version;

/// Where programs of a host are.
const PROGRAMS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Where files of units are, the highest rank first.
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A host that is looked at.
pub(super) struct Looker<'h> {
    pub(super) host: &'h dyn Host,
    pub(super) facts: &'h Facts,
    pub(super) node: &'h Node,
    pub(super) purpose: Purpose,
    programs: BTreeSet<String>,
    containerd: OnceCell<Option<Version>>,
}

/// How the files say that a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitFile {
    Missing,
    Masked,
    Disabled,
    Enabled,
}

impl<'h> Looker<'h> {
    pub(super) fn new(
        host: &'h dyn Host,
        facts: &'h Facts,
        node: &'h Node,
        purpose: Purpose,
    ) -> Self {
        let mut looked: Vec<String> = Vec::new();
        let mut programs = BTreeSet::new();
        for folder in PROGRAMS {
            // `/bin` is `/usr/bin` on most hosts. A folder that cannot be read has no programs for us.
            let real = host.resolve(folder).unwrap_or_else(|_| folder.to_owned());
            if !looked.contains(&real) {
                programs.extend(host.list(&real).unwrap_or_default());
                looked.push(real);
            }
        }
        Self { host, facts, node, purpose, programs, containerd: OnceCell::new() }
    }

    /// The text of a file; empty where there is none.
    pub(super) fn text(&self, path: &str) -> Result<String, HostError> {
        Ok(self.host.text(path)?.unwrap_or_default())
    }

    /// Whether something stands there. The file itself is not read: some are large.
    pub(super) fn exists(&self, path: &str) -> Result<bool, HostError> {
        let names = self.host.list(folder_of(path))?;
        Ok(names.iter().any(|name| name == name_of(path)))
    }

    /// Whether a program is there.
    pub(super) fn has(&self, program: &str) -> bool {
        self.programs.contains(program)
    }

    /// What a program says that only looks; `None` where there is none, and of a tree.
    pub(super) fn ask(&self, argv: &[&str]) -> Result<Option<Output>, HostError> {
        let known = argv.first().is_some_and(|program| self.has(program));
        if !known || !self.facts.live {
            return Ok(None);
        }
        self.host.run(&Command::new(argv.iter().copied())).map(Some)
    }

    /// The version of containerd, asked once; `None` where there is none that tells it.
    pub(super) fn containerd(&self) -> Result<Option<Version>, HostError> {
        if let Some(known) = self.containerd.get() {
            return Ok(*known);
        }
        let asked = self.ask(&["containerd", "--version"])?;
        let version = asked.and_then(|output| Version::of_program(&output.stdout));
        Ok(*self.containerd.get_or_init(|| version))
    }

    /// The files of a folder of drop-ins, in all the places where it may be.
    pub(super) fn drop_ins(&self, folder: &str) -> Result<Vec<(String, String)>, HostError> {
        self.planning().drop_ins(folder)
    }

    pub(super) fn planning(&self) -> Planning<'h> {
        Planning::new(self.host, self.node, self.facts)
    }

    /// How the files say that a unit is. Whether it runs, they do not tell.
    pub(super) fn unit(&self, unit: &str) -> Result<UnitFile, HostError> {
        let mut found = UnitFile::Missing;
        for folder in UNITS {
            if found == UnitFile::Missing && self.exists(&format!("{folder}/{unit}"))? {
                let is_null = match self.host.entry(&format!("{folder}/{unit}"))? {
                    Some(entry) => entry.kind == Kind::Link("/dev/null".to_owned()),
                    None => false,
                };
                found = if is_null { UnitFile::Masked } else { UnitFile::Disabled };
            }
        }
        if found != UnitFile::Disabled {
            return Ok(found);
        }
        for folder in &UNITS[..2] {
            for name in self.host.list(folder)? {
                let kind = name.rsplit_once('.').map(|(_, kind)| kind);
                let pulls = matches!(kind, Some("wants" | "requires"));
                if pulls && self.exists(&format!("{folder}/{name}/{unit}"))? {
                    return Ok(UnitFile::Enabled);
                }
            }
        }
        Ok(UnitFile::Disabled)
    }

    /// Whether a unit runs. It is asked for only where there is a file of it.
    pub(super) fn is_active(&self, unit: &str) -> Result<bool, HostError> {
        if !self.facts.live || self.unit(unit)? == UnitFile::Missing {
            return Ok(false);
        }
        let asked =
            self.host.run(&Command::new(["systemctl", "is-active", "--quiet", "--", unit]))?;
        Ok(asked.is_ok())
    }

    /// The wanted minor of Kubernetes, where one is wanted.
    pub(super) fn minor(&self) -> Option<Minor> {
        self.node.kubernetes.as_ref().map(|kubernetes| kubernetes.version.minor)
    }

    /// Whether it becomes a node now.
    pub(super) fn becomes_node(&self) -> bool {
        self.purpose != Purpose::Host
    }

    /// Whether it becomes a control plane now.
    pub(super) fn becomes_control_plane(&self) -> bool {
        matches!(self.purpose, Purpose::Init | Purpose::Join { control_plane: true })
    }

    /// Whether etcd shall run on it.
    pub(super) fn has_etcd(&self) -> bool {
        let etcd = self.node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.etcd.as_ref());
        self.becomes_control_plane() && etcd.is_none_or(|etcd| etcd.external.is_none())
    }

    /// Whether its pods have addresses of version 4, and of version 6.
    pub(super) fn families(&self) -> (bool, bool) {
        let Some(kubeadm) = &self.node.kubeadm else { return (true, false) };
        let subnets = [&kubeadm.pod_subnet, &kubeadm.service_subnet];
        let mut addresses: Vec<_> = kubeadm.advertise_address.into_iter().collect();
        for subnets in subnets.into_iter().flatten() {
            addresses.extend(subnets.networks().iter().map(|network| network.address));
        }
        let v6 = addresses.iter().any(std::net::IpAddr::is_ipv6);
        (!v6 || addresses.iter().any(std::net::IpAddr::is_ipv4), v6)
    }
}
