//! What a desk asks of a host, and what the host answers: the types of `node-prep agent`.
//!
//! One [`Request`] is one call of the program: a document of JSON on its standard input. Its standard output are lines
//! of JSON: [`Reply`]s, events first, and one answer at the end. Both sides are of the same build, since the desk brings the program
//! along; so there are no versions of this format. Secrets are in standard input and output only, and only inside of
//! [`exposing`](crate::secret::exposing).

mod certificates;
mod etcd;
mod failure;
mod look;
mod member;
mod serve;
mod survey;

use std::collections::BTreeMap;
use std::time::Duration;

use ::etcd::Vote;
use serde::{Deserialize, Serialize};

use crate::cluster::Invitation;
use crate::secret::Secret;
use crate::spec::Node;

pub use etcd::{Connect, Etcd, etcd_here, serve_etcd};
pub(crate) use look::{image_version, upstream};
pub use serve::{Around, EtcdPart, serve};
pub use survey::{
    EtcdHere, Findings, KubernetesNode, ManifestPlace, Outlook, Standing, Survey, UpgradeLeft,
    Versions,
};

/// What a host shall be, with the files that it names and that are at the desk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    /// What it shall be, with its profile.
    pub node: Node,
    /// Texts of files, by the path that `node` has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// A call, and whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    /// Who asks, for the journal: `user@desk`.
    pub by: String,
    /// What.
    pub request: Request,
}

/// What a desk asks of a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What the host is, what it lacks of a wish, what of a cluster is there. Changes nothing.
    Survey {
        /// What it shall be; nothing is compared without it.
        wish: Option<Box<Wish>>,
        /// Whether to ask the API for its nodes, where this is a control plane.
        nodes: bool,
        /// Whether also to look for what `node-prep check` and `verify` find.
        findings: bool,
    },
    /// Makes the host what it shall be.
    Apply {
        /// What it shall be.
        wish: Box<Wish>,
    },
    /// Makes the host the first control plane of a new cluster, and waits until its node is Ready.
    Init {
        /// What it shall be.
        wish: Box<Wish>,
        /// How long to wait for the node.
        #[serde(with = "seconds")]
        wait: Duration,
    },
    /// The host joins a cluster; waits until its node is Ready.
    Join {
        /// What it shall be.
        wish: Box<Wish>,
        /// Which cluster, and what lets it in; a control plane has a certificate key.
        invitation: Invitation,
        /// How long to wait for the node.
        #[serde(with = "seconds")]
        wait: Duration,
    },
    /// Makes a token, on a control plane.
    Invite {
        /// Whether also for control planes: uploads certificates.
        control_planes: bool,
        /// How long the token is valid.
        #[serde(with = "seconds")]
        lifetime: Duration,
    },
    /// Takes tokens away, on a control plane, and certificates that were uploaded with them. Done if there are none.
    EndTokens {
        /// Their public parts.
        tokens: Vec<String>,
    },
    /// The administrator's kubeconfig, on a control plane.
    AdminConfig,
    /// kubectl as the administrator, on a control plane.
    Kubectl {
        /// Its arguments.
        arguments: Vec<String>,
        /// What it reads from standard input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<String>,
        /// How long it may take.
        #[serde(with = "seconds")]
        limit: Duration,
    },
    /// Takes away what a cluster left.
    Reset {
        /// What the host is.
        wish: Box<Wish>,
        /// Whether etcd's data go, too.
        with_data: bool,
    },
    /// Takes back what `node-prep` changed.
    Undo,
    /// Has units started again, also those that do not run.
    Restart {
        /// Units of systemd.
        units: Vec<String>,
    },
    /// One part of an upgrade to the Kubernetes of the wish.
    Upgrade {
        /// What the host shall be: its version is the new one.
        wish: Box<Wish>,
        /// Which part.
        part: UpgradePart,
    },
    /// Until when the certificates of the control plane are valid.
    Certificates,
    /// Renews them, and has the components of the control plane read them.
    RenewCertificates,
    /// Renews them, and starts nothing again: where nothing answers any more, since those of other control planes have ended as
    /// well.
    RenewFiles,
    /// Has the components of the control plane read them.
    ReadCertificates,
    /// Something about the member of etcd on this host, or about all members, asked of this one.
    Etcd(EtcdRequest),
}

/// A part of an upgrade. Between the parts the desk drains the node, and waits for other hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradePart {
    /// The repository of the new minor, and its kubeadm.
    Kubeadm,
    /// `kubeadm upgrade apply`, on the first control plane.
    First,
    /// `kubeadm upgrade node`, on all others.
    Node,
    /// The kubelet and kubectl; the kubelet is started again.
    Kubelet,
}

/// What is asked of etcd, through its member on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "etcd", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EtcdRequest {
    /// A snapshot, to a file that only root can read. One that is there is replaced once the new one is whole.
    Snapshot {
        /// Where, on the host.
        path: String,
    },
    /// Takes a member out of the cluster. Done if there is none.
    Remove {
        /// Its number, in hexadecimal.
        id: String,
        /// The members that this was decided on. Where etcd has others now it is refused.
        decided_on: Vec<Vote>,
    },
    /// Takes a member in, as a learner. Done if there is one with exactly this URL that has not started.
    AddLearner {
        /// Its peer URL.
        peer_url: String,
        /// The members that this was decided on. Where etcd has others now it is refused.
        decided_on: Vec<Vote>,
        /// How long to go on trying where etcd says that it may pass.
        #[serde(with = "seconds")]
        limit: Duration,
    },
    /// Makes a learner a voting member, once it has caught up. Done if it is one.
    Promote {
        /// Its number, in hexadecimal.
        id: String,
        /// The members that this was decided on. Where etcd has others now it is refused.
        decided_on: Vec<Vote>,
        /// How long to wait for it to catch up.
        #[serde(with = "seconds")]
        limit: Duration,
    },
    /// Has another member lead, if this one does.
    HandOver {
        /// The number of the one to lead, in hexadecimal.
        to: String,
    },
    /// Ends the member of this host: its manifest is parked where the kubelet does not look.
    Park,
    /// Puts the data of a parked member away. They are not deleted.
    PutDataAway {
        /// Whether [`EtcdRequest::DropOldData`] shall never delete them, as those from before a restore.
        #[serde(default)]
        keep: bool,
    },
    /// Deletes what was put away, but for what is to be kept.
    DropOldData,
    /// Starts the parked member with these members.
    Start {
        /// Names and peer URLs of all members, its own among them: `a=https://10.0.0.1:2380`.
        initial_cluster: Vec<String>,
        /// Whether the cluster is there.
        state: ClusterState,
        /// How long it may take until it answers.
        #[serde(with = "seconds")]
        limit: Duration,
    },
    /// Whether this host could make data of a snapshot: it has what does that, and the file is one. Changes nothing; to be asked
    /// while the members still run.
    CanRestore {
        /// The snapshot, on the host.
        path: String,
    },
    /// Makes data of a snapshot, for a parked member whose data are away.
    Restore {
        /// The snapshot, on the host.
        path: String,
        /// Names and peer URLs of all members of the new cluster.
        initial_cluster: Vec<String>,
        /// What tells this cluster from the old one; the same on all members.
        token: String,
    },
    /// Gives the API server of this host these members, and waits until it answers again. Does nothing where it has no list of
    /// several, or this one.
    ApiServer {
        /// Client URLs.
        servers: Vec<String>,
    },
}

/// Whether the cluster is there that a member starts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterState {
    /// No: its members make it together, as after a snapshot was restored on each of them.
    New,
    /// Yes: it has taken this member in before.
    Existing,
}

/// A line of the program's standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "is", content = "of", rename_all = "kebab-case")]
pub enum Reply {
    /// Something happens.
    Event(Event),
    /// It is done; the last line.
    Answer(Answer),
    /// It is not done, or not to its end; the last line.
    Failure(Failure),
}

/// Something that happens on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it is to the reader.
    pub kind: EventKind,
    /// The step of the plan, or the part of the work.
    pub step: String,
    /// What happens.
    pub text: String,
}

/// What an event is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// It begins and may take long.
    Begun,
    /// It was done.
    Done,
    /// It is waited for.
    Waiting,
    /// It did not work, and nothing else depends on it.
    Warning,
    /// Good to know.
    Note,
}

/// What a host answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Survey`].
    Survey(Box<Survey>),
    /// To whatever changes a host.
    Done(Done),
    /// To [`Request::Invite`].
    Invitation(Invited),
    /// To [`Request::AdminConfig`].
    Text(Secret),
    /// To [`Request::Kubectl`].
    Output {
        /// The exit code; `None` for a signal.
        code: Option<i32>,
        /// What it wrote to standard output.
        stdout: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// To [`Request::Certificates`].
    Certificates(Vec<Certificate>),
    /// To [`EtcdRequest::Snapshot`].
    Snapshot(Snapshot),
    /// To [`EtcdRequest::AddLearner`]: the number of the member, in hexadecimal.
    Member(String),
}

/// What lets hosts in, and what it is taken away by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invited {
    /// What lets hosts in.
    pub invitation: Invitation,
    /// The public parts of the tokens that were made for it: the one that hosts join with, and the one that uploaded certificates
    /// end with.
    pub tokens: Vec<String>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Done {
    /// How many changes were made; none where all was as it shall be.
    pub changes: usize,
    /// Why the machine has to be started again.
    pub reboot: Vec<String>,
}

/// A snapshot of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Where, on the host.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The revision of the store that it has at least.
    pub revision: i64,
}

/// A certificate of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// kubeadm's name, such as `apiserver`.
    pub name: String,
    /// Until when it is valid, as RFC 3339 has it.
    pub expires: String,
    /// Whether that is in the past.
    pub expired: bool,
    /// Whether it is renewed elsewhere, or is an authority.
    pub kept_elsewhere: bool,
}

/// Why something was not done, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What it means for who asked.
    pub kind: FailureKind,
    /// What went wrong, with its causes, and how to mend it.
    pub message: String,
    /// How many changes were made before.
    #[serde(default)]
    pub changes: usize,
}

/// What a failure means for who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Nothing was changed: it would have been wrong.
    Refused,
    /// Another one works on this host.
    Busy,
    /// It failed; what was done before stays, and the next run goes on.
    Failed,
    /// Nobody listened any more, or somebody asked to stop.
    Stopped,
}

/// Durations as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
