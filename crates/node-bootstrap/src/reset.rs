//! What a cluster left on a host, and how it is taken away: only what is Kubernetes' own, by exact names and prefixes.
//!
//! [`plan`] only looks, and names every file, link, mount, namespace, chain and table that goes, and what stays and why.
//! [`run`] takes away what the plan names. It asks `kubeadm reset` first, where there is one, and does not depend on it.
//! The data of etcd stays unless [`Options::with_data`] says otherwise: `kubeadm reset` alone would delete it on a
//! control plane with etcd, and take the member out of the cluster.
//!
//! The lists are those of [`data::leftovers`](crate::data::leftovers). A second run finds nothing to do.

mod files;
mod network;
mod run;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub(crate) use files::SNAPSHOTS;
pub use run::{Event, ResetError, Watch, run};

use crate::check::{Finding, Ignore, Purpose, Verdict, check};
use crate::facts::Facts;
use crate::host::{Command, Host, HostError};
use crate::secret::Secret;
use crate::spec::Node;
use crate::text::mounts;

/// Where etcd's data is.
pub const ETCD: &str = "/var/lib/etcd";
/// Where the kubelet has what it mounts for pods.
const KUBELET: &str = "/var/lib/kubelet";

/// How much goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the data of etcd goes as well, and its member leaves the cluster.
    pub with_data: bool,
}

/// Something that is done, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "do")]
pub enum Action {
    /// `kubeadm reset`, which knows best. What it does not manage is done after it.
    Kubeadm {
        /// Whether it leaves etcd's member and data alone.
        keeps_etcd: bool,
    },
    /// The kubelet is stopped, so that it starts nothing anew.
    StopKubelet,
    /// Pods that run are ended and removed.
    RemovePods {
        /// How many.
        count: usize,
    },
    /// A file system is unmounted.
    Unmount {
        /// Where it is mounted.
        path: String,
    },
    /// A file, or a folder with all that is in it, is removed. What pods have mounted within is unmounted before; where
    /// something else is mounted within, nothing is removed.
    Remove {
        /// Its path.
        path: String,
        /// What it is.
        why: String,
    },
    /// The cluster is taken out of a kubeconfig; the file goes if nothing else is in it.
    ForgetCluster {
        /// The file.
        path: String,
        /// What is left of it; absent where it goes.
        #[serde(skip)]
        left: Option<Secret>,
    },
    /// A network namespace of a pod is deleted.
    DeleteNamespace {
        /// Its name.
        name: String,
    },
    /// A link is deleted.
    DeleteLink {
        /// Its name.
        name: String,
    },
    /// Chains of a firewall go, and the rules that lead to them.
    DeleteChains {
        /// Which set of rules.
        rules: Rules,
        /// The chains, each after its table: `nat KUBE-SERVICES`.
        chains: Vec<String>,
    },
    /// Tables of nftables go.
    DeleteTables {
        /// The tables with their families: `ip kube-proxy`.
        tables: Vec<String>,
    },
}

/// A set of firewall rules: programs that save and restore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the program of this name")]
pub enum Rules {
    Iptables,
    Ip6tables,
    IptablesLegacy,
    Ip6tablesLegacy,
}

/// Something that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stay {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What goes and what stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResetPlan {
    /// What is done, in this order.
    pub actions: Vec<Action>,
    /// What stays although one might think otherwise.
    pub stays: Vec<Stay>,
    /// What a person should know before.
    pub notes: Vec<String>,
}

impl ResetPlan {
    /// Whether nothing is left of a cluster.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    fn stay(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.stays.push(Stay { what: what.into(), why: why.into() });
    }
}

/// Looks for what a cluster left. Nothing is changed.
///
/// # Errors
/// If the host cannot be looked at.
pub fn plan(host: &dyn Host, node: &Node, options: Options) -> Result<ResetPlan, HostError> {
    let mut plan = ResetPlan::default();
    // First: what tells which cluster it was goes later.
    files::forget_cluster(host, node, &mut plan)?;
    if files::has_traces(host)? && host.is_live() && has_program(host, "kubeadm")? {
        let keeps_etcd = !options.with_data;
        plan.actions.push(Action::Kubeadm { keeps_etcd });
    }
    if host.is_live() {
        programs(host, &mut plan)?;
        for path in mounted(host)? {
            plan.actions.push(Action::Unmount { path });
        }
    }
    files::plan(host, options, &mut plan)?;
    if host.is_live() {
        network::plan(host, &mut plan)?;
    } else {
        plan.notes
            .push("a tree has no links, rules and mounts: only files were looked at".to_owned());
    }
    Ok(plan)
}

/// Where data of etcd are on a host: `/var/lib/etcd`, what was put away beside it, and snapshots that this program made.
///
/// # Errors
/// If the host cannot be looked at.
pub fn data_of_etcd(host: &dyn Host) -> Result<Vec<String>, HostError> {
    files::data_of_etcd(host)
}

/// Whether a host is clean: what a reset would still do, and the ports, files and folders that kubeadm wants free. The
/// data of etcd that was kept on purpose is a warning.
///
/// # Errors
/// If the host cannot be looked at.
pub fn verify(
    host: &dyn Host,
    facts: &Facts,
    node: &Node,
    options: Options,
) -> Result<Vec<Finding>, HostError> {
    let left = |action: &Action| Finding {
        name: "Reset".to_owned(),
        verdict: Verdict::Fail,
        ignored: false,
        message: format!("left to do: {action}"),
        help: Some("`node-prep reset` does it".to_owned()),
    };
    let mut found: Vec<Finding> = plan(host, node, options)?.actions.iter().map(left).collect();
    for purpose in [Purpose::Init, Purpose::Join { control_plane: false }] {
        for mut finding in check(host, facts, node, purpose, &Ignore::default()) {
            let wanted = ["Port-", "FileAvailable-", "DirAvailable-"];
            if !wanted.iter().any(|prefix| finding.name.starts_with(prefix))
                || found.iter().any(|known| known.name == finding.name)
            {
                continue;
            }
            let is_data = finding.name.starts_with("DirAvailable-");
            if is_data && !options.with_data && finding.verdict == Verdict::Fail {
                finding.verdict = Verdict::Warn;
            }
            found.push(finding);
        }
    }
    Ok(found)
}

/// Whether a program is in a folder of programs.
pub(crate) fn has_program(host: &dyn Host, name: &str) -> Result<bool, HostError> {
    for folder in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
        if host.list(folder)?.iter().any(|there| there == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What runs.
fn programs(host: &dyn Host, plan: &mut ResetPlan) -> Result<(), HostError> {
    let folders = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
    let mut has_unit = false;
    for folder in folders {
        has_unit |= host.list(folder)?.iter().any(|unit| unit == "kubelet.service");
    }
    if has_unit {
        let asked = Command::new(["systemctl", "is-active", "--quiet", "--", "kubelet.service"]);
        if host.run(&asked)?.is_ok() {
            plan.actions.push(Action::StopKubelet);
        }
    }
    let count = pods(host)?;
    if count > 0 {
        plan.actions.push(Action::RemovePods { count });
    }
    Ok(())
}

/// The socket of containerd.
pub(crate) const CONTAINERD: &str = "/run/containerd/containerd.sock";
/// The sockets of runtimes whose pods are Kubernetes' own.
const SOCKETS: [&str; 2] = [CONTAINERD, "/run/crio/crio.sock"];

/// `crictl` with these arguments, for the runtime that is there; `None` where it or the runtime is not.
pub(crate) fn crictl(host: &dyn Host, arguments: &[&str]) -> Result<Option<Command>, HostError> {
    if !has_program(host, "crictl")? {
        return Ok(None);
    }
    for socket in SOCKETS {
        if host.entry(socket)?.is_some() {
            let endpoint = format!("unix://{socket}");
            let argv = ["crictl", "--runtime-endpoint", &endpoint].into_iter();
            return Ok(Some(Command::new(argv.chain(arguments.iter().copied()))));
        }
    }
    Ok(None)
}

/// How many pods there are. A runtime that does not answer has none that could be removed by it.
fn pods(host: &dyn Host) -> Result<usize, HostError> {
    let Some(command) = crictl(host, &["pods", "--quiet"])? else { return Ok(0) };
    match host.run(&command) {
        Ok(output) if output.is_ok() => {
            Ok(output.stdout.lines().filter(|line| !line.trim().is_empty()).count())
        }
        Ok(_) | Err(HostError::Deadline { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

/// What is mounted below the kubelet's folder, the deepest first. A disk that the folder itself is on stays.
fn mounted(host: &dyn Host) -> Result<Vec<String>, HostError> {
    mounted_below(host, KUBELET)
}

/// What is mounted below a folder now, the deepest first. The kernel tells of paths without links.
fn mounted_below(host: &dyn Host, folder: &str) -> Result<Vec<String>, HostError> {
    let below = format!("{}/", host.resolve(folder)?.trim_end_matches('/'));
    let text = host.text("/proc/self/mounts")?.unwrap_or_default();
    let mut mounts: Vec<String> = mounts::entries(&text)
        .map(|mounted| mounted.target)
        .filter(|path| path.starts_with(&below))
        .collect();
    // Later ones lie over earlier ones.
    mounts.reverse();
    mounts.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
    Ok(mounts)
}

impl Rules {
    /// All that a host may have.
    pub const ALL: [Self; 4] =
        [Self::Iptables, Self::Ip6tables, Self::IptablesLegacy, Self::Ip6tablesLegacy];

    /// The program that saves it.
    #[must_use]
    pub fn save(self) -> &'static str {
        match self {
            Self::Iptables => "iptables-save",
            Self::Ip6tables => "ip6tables-save",
            Self::IptablesLegacy => "iptables-legacy-save",
            Self::Ip6tablesLegacy => "ip6tables-legacy-save",
        }
    }

    /// The program that restores it.
    #[must_use]
    pub fn restore(self) -> &'static str {
        match self {
            Self::Iptables => "iptables-restore",
            Self::Ip6tables => "ip6tables-restore",
            Self::IptablesLegacy => "iptables-legacy-restore",
            Self::Ip6tablesLegacy => "ip6tables-legacy-restore",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeadm { keeps_etcd: true } => {
                f.write_str("run kubeadm reset, but for etcd's member and data")
            }
            Self::Kubeadm { keeps_etcd: false } => f.write_str("run kubeadm reset"),
            Self::StopKubelet => f.write_str("stop the kubelet"),
            Self::RemovePods { count } => write!(f, "end and remove {count} pods"),
            Self::Unmount { path } => write!(f, "unmount {path}"),
            Self::Remove { path, why } => write!(f, "remove {path} ({why})"),
            Self::ForgetCluster { path, left: Some(_) } => {
                write!(f, "take the cluster out of {path}")
            }
            Self::ForgetCluster { path, left: None } => {
                write!(f, "remove {path} (it knows only this cluster)")
            }
            Self::DeleteNamespace { name } => write!(f, "delete network namespace {name}"),
            Self::DeleteLink { name } => write!(f, "delete link {name}"),
            Self::DeleteChains { rules, chains } => {
                let of = rules.save().trim_end_matches("-save");
                write!(f, "delete chains of {of}: {}", chains.join(", "))
            }
            Self::DeleteTables { tables } => {
                write!(f, "delete tables of nftables: {}", tables.join(", "))
            }
        }
    }
}

impl fmt::Display for ResetPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(f, "- {action}")?;
        }
        for stay in &self.stays {
            writeln!(f, "= {} stays: {}", stay.what, stay.why)?;
        }
        for note in &self.notes {
            writeln!(f, "! {note}")?;
        }
        Ok(())
    }
}
