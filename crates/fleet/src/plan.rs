//! What has to be done with a cluster, as data: what is shown is what is carried out.

mod add;
mod clean;
mod deploy;
mod remove;
mod renew;
mod repair;
#[cfg(test)]
mod tests;
mod upgrade;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use node_bootstrap::agent::UpgradePart;
use serde::Serialize;
use topology::inventory::HostRole;

pub use add::add;
pub use clean::{Clean, clean};
pub use deploy::{deploy, prepare_hosts};
pub use remove::{Remove, remove};
pub use renew::renew;
pub use repair::repair;
pub use upgrade::{coming_back, upgrade};

/// The annotation of nodes that this program keeps new pods away from.
pub const CORDONED: &str = "k8s-cluster/cordoned";

/// What has to be done with a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The parts of the work, in their order.
    pub phases: Vec<Phase>,
    /// Why it cannot be done.
    pub refusals: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Hosts that are left out, and why: something stays undone.
    pub left_out: BTreeMap<String, String>,
}

/// A part of the work. It begins when the one before it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// What it is for.
    pub name: String,
    /// Whether hosts do it at once or one after another.
    pub order: Order,
    /// What hosts do. Those of one host are done in this order.
    pub tasks: Vec<Task>,
}

/// How the hosts of a phase follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after another: nothing more is begun where one failed.
    OneByOne,
    /// Several at once: one that fails does not stop the others.
    Together,
}

/// Something for a host to do, or to be done with its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// The host.
    pub host: String,
    /// What the host is for.
    pub role: HostRole,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// What is done with a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// It becomes what it shall be.
    Apply {
        /// The changes that it said it needs; none where it could not say yet.
        changes: Vec<String>,
    },
    /// It becomes the first control plane.
    Init,
    /// It gets what follows that, where a run was cut short before.
    Follow,
    /// What a killed join left of it among the members of etcd is taken out.
    ClearEtcd,
    /// It joins.
    Join,
    /// Its node gets these labels.
    Label {
        /// By their keys.
        labels: BTreeMap<String, String>,
    },
    /// No new pods come to its node.
    Cordon {
        /// Whether the node is marked, so that this program lets pods come again, and nobody else's wish is undone.
        mark: bool,
    },
    /// The pods of its node go elsewhere.
    Drain(Drain),
    /// New pods may come again.
    Uncordon,
    /// Its node becomes Ready.
    WaitReady {
        /// With a kubelet of this version, such as `1.36` or `1.36.1`: what a former one said does not count.
        version: Option<String>,
    },
    /// An API server answers it at the address that all use.
    WaitApi {
        /// That address.
        url: String,
    },
    /// Its member leaves etcd.
    LeaveEtcd {
        /// Also below a quorum.
        force: bool,
    },
    /// Its node is deleted.
    DeleteNode,
    /// What the cluster left on it is taken away.
    Reset {
        /// The data of etcd as well.
        with_data: bool,
    },
    /// What was changed on it is taken back.
    Undo,
    /// Units are started again.
    Restart {
        /// Which.
        units: Vec<String>,
    },
    /// A snapshot of etcd is taken.
    Snapshot {
        /// Where, on the host.
        path: String,
    },
    /// A part of an upgrade.
    Upgrade {
        /// Which.
        part: UpgradePart,
        /// To this version.
        to: String,
    },
    /// The certificates of its control plane are renewed.
    Renew,
    /// They are renewed, and nothing is started again yet.
    RenewFiles,
    /// Its control plane reads them.
    ReadCertificates,
    /// The API server of the host itself answers.
    WaitServer,
}

/// How a node is emptied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drain {
    /// How long it may take.
    pub limit: Duration,
    /// Whether pods with data in an `emptyDir` go, which loses these data.
    pub empty_dirs: bool,
    /// Whether pods go that nothing will make anew.
    pub bare_pods: bool,
}

impl Default for Drain {
    fn default() -> Self {
        Self { limit: Duration::from_mins(5), empty_dirs: false, bare_pods: false }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply { changes } if changes.is_empty() => f.write_str("become what it shall be"),
            Self::Apply { changes } => {
                let s = if changes.len() == 1 { "" } else { "s" };
                write!(f, "make {} change{s}", changes.len())
            }
            Self::Init => f.write_str("become the first control plane (kubeadm init)"),
            Self::Follow => f.write_str("get what follows kubeadm init: access, network plugin"),
            Self::ClearEtcd => {
                f.write_str("make place in etcd, should a killed join have left a member")
            }
            Self::Join => f.write_str("join (kubeadm join)"),
            Self::Label { labels } => {
                let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
                write!(f, "label the node: {}", pairs.collect::<Vec<_>>().join(" "))
            }
            Self::Cordon { .. } => f.write_str("keep new pods away (cordon)"),
            Self::Drain(drain) => {
                write!(f, "move the pods away within {} s (drain)", drain.limit.as_secs())
            }
            Self::Uncordon => f.write_str("let pods come again (uncordon)"),
            Self::WaitReady { version: None } => f.write_str("wait until the node is Ready"),
            Self::WaitReady { version: Some(version) } => {
                write!(f, "wait until the node is Ready with kubelet {version}")
            }
            Self::WaitApi { url } => write!(f, "wait until {url} answers"),
            Self::LeaveEtcd { force: false } => f.write_str("take its member out of etcd"),
            Self::LeaveEtcd { force: true } => {
                f.write_str("take its member out of etcd, also below a quorum")
            }
            Self::DeleteNode => f.write_str("delete the node"),
            Self::Reset { with_data: false } => f.write_str("take away what the cluster left"),
            Self::Reset { with_data: true } => {
                f.write_str("take away what the cluster left, and the data of etcd")
            }
            Self::Undo => f.write_str("take back what node-prep changed"),
            Self::Restart { units } => write!(f, "start {} again", units.join(", ")),
            Self::Snapshot { path } => write!(f, "take a snapshot of etcd to {path}"),
            Self::Upgrade { part: UpgradePart::Kubeadm, to } => write!(f, "install kubeadm {to}"),
            Self::Upgrade { part: UpgradePart::First, to } => {
                write!(f, "upgrade the cluster to {to} (kubeadm upgrade apply)")
            }
            Self::Upgrade { part: UpgradePart::Node, to } => {
                write!(f, "upgrade the host to {to} (kubeadm upgrade node)")
            }
            Self::Upgrade { part: UpgradePart::Kubelet, to } => {
                write!(f, "install kubelet and kubectl {to}, and start the kubelet again")
            }
            Self::Renew => {
                f.write_str("renew the certificates, and have the control plane read them")
            }
            Self::RenewFiles => f.write_str("renew the certificates, and start nothing again yet"),
            Self::ReadCertificates => f.write_str("have the control plane read its certificates"),
            Self::WaitServer => f.write_str("wait until its own API server answers"),
        }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phases.iter().all(|phase| phase.tasks.is_empty())
    }

    /// Everything that is to be done, in its order.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.phases.iter().flat_map(|phase| &phase.tasks)
    }

    /// A phase more, if it has tasks.
    fn phase(&mut self, name: impl Into<String>, order: Order, tasks: Vec<Task>) {
        if !tasks.is_empty() {
            self.phases.push(Phase { name: name.into(), order, tasks });
        }
    }

    fn leave_out(&mut self, host: &str, why: &str) {
        self.left_out.insert(host.to_owned(), why.to_owned());
    }

    fn refuse(&mut self, why: impl Into<String>) {
        self.refusals.push(why.into());
    }

    /// What is refused is not shown as if it were done.
    fn settled(mut self) -> Self {
        if !self.refusals.is_empty() {
            self.phases.clear();
        }
        self
    }

    fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in &self.phases {
            let is_one = phase.tasks.iter().all(|task| task.host == phase.tasks[0].host);
            let order = match phase.order {
                _ if is_one => "",
                Order::OneByOne => " (one by one)",
                Order::Together => " (together)",
            };
            writeln!(f, "{}{order}", phase.name)?;
            for task in &phase.tasks {
                writeln!(f, "  {}: {}", task.host, task.action)?;
                if let Action::Apply { changes } = &task.action {
                    for change in changes {
                        writeln!(f, "      {change}")?;
                    }
                }
            }
        }
        for (host, why) in &self.left_out {
            writeln!(f, "left out: {host}: {why}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for why in &self.refusals {
            writeln!(f, "refused: {why}")?;
        }
        Ok(())
    }
}
