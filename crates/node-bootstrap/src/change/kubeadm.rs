//! kubeadm makes this host a node, or takes that back.
//!
//! Its document is in a file of its own while it runs: `/run` is memory, so nothing of it is left on a disk. Before it
//! starts, [`UNFINISHED`] says so, and says what stood there: where that file is left, kubeadm did not come to its end,
//! and what it left belongs to no cluster that anyone uses.

use serde::{Deserialize, Serialize};

use super::{ChangeError, State};
use crate::edit::EditError;
use crate::host::{Command, Entry, Host, HostError, INSTALL, Kind, Meta};
use crate::journal::FOLDER;
use crate::kubeadm::{Document, ResetConfiguration, render};
use crate::secret::Secret;

/// Where the document is while kubeadm runs.
pub const DOCUMENT: &str = "/run/node-prep-kubeadm.yaml";
/// Is there from before kubeadm starts until it has succeeded.
pub const UNFINISHED: &str = "/var/lib/node-prep/kubeadm-unfinished";
/// Is there from before an upgrade of this node, until it becomes a node anew.
pub const UPGRADE: &str = "/var/lib/node-prep/kubeadm-upgrade";
/// What etcd has stored.
const ETCD: &str = "/var/lib/etcd/member";
/// The line of [`UNFINISHED`] that says that data of etcd stay.
const DATA: &str = "data of etcd";
/// Where kubeadm has its files.
const KUBERNETES: &str = "/etc/kubernetes";
/// What kubeadm and the kubelet leave there, by which a node is known.
const MARKS: [&str; 7] = [
    "admin.conf",
    "bootstrap-kubelet.conf",
    "kubelet.conf",
    "manifests/etcd.yaml",
    "manifests/kube-apiserver.yaml",
    "pki/ca.crt",
    "pki/ca.key",
];

/// What kubeadm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It makes a cluster, with this host as its first control plane.
    Init,
    /// It takes this host into a cluster.
    Join,
    /// It takes away what it has left on this host.
    Reset,
    /// It brings the first control plane, and what the cluster has once, to another version.
    UpgradeApply,
    /// It brings another node to the version of the cluster.
    UpgradeNode,
}

impl Verb {
    /// As it is written after `kubeadm`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Join => "join",
            Self::Reset => "reset",
            Self::UpgradeApply => "upgrade apply",
            Self::UpgradeNode => "upgrade node",
        }
    }

    /// Whether it makes this host a node.
    #[must_use]
    pub fn makes_node(self) -> bool {
        matches!(self, Self::Init | Self::Join)
    }

    /// Whether it brings a node to another version.
    #[must_use]
    pub fn upgrades(self) -> bool {
        matches!(self, Self::UpgradeApply | Self::UpgradeNode)
    }

    /// The program and its arguments. All that is secret is in the document.
    #[must_use]
    pub fn argv(self) -> Vec<String> {
        let mut argv = vec!["kubeadm"];
        argv.extend(self.as_str().split(' '));
        argv.extend(["--config", DOCUMENT]);
        if self == Self::Init {
            argv.extend(["--skip-token-print", "--skip-certificate-key-print"]);
        }
        argv.into_iter().map(str::to_owned).collect()
    }
}

/// How far the last upgrade of this node came: in the file [`UPGRADE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgraded {
    /// It was begun, to this version, and did not come to its end.
    Begun(String),
    /// It came to its end.
    Done(String),
}

impl Upgraded {
    /// Reads [`UPGRADE`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim_end().split_once(' ')? {
            ("begun", version) => Some(Self::Begun(version.to_owned())),
            ("done", version) => Some(Self::Done(version.to_owned())),
            _ => None,
        }
    }

    /// The first line of the document for an upgrade: it says to which version, which that of a node does not.
    #[must_use]
    pub fn head(version: &str) -> String {
        format!("{HEAD}{version}\n")
    }
}

const HEAD: &str = "# Kubernetes ";

/// A run of kubeadm that did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What it was to do.
    pub verb: Verb,
    /// Whether an authority of the administrator's own was there before.
    pub own_authority: bool,
    /// Whether data of etcd were there before, or are to stay.
    pub own_data: bool,
}

impl Unfinished {
    /// Reads [`UNFINISHED`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let verb = match lines.next() {
            Some("join") => Verb::Join,
            Some("reset") => Verb::Reset,
            _ => Verb::Init,
        };
        let own_authority = lines.clone().any(is_authority);
        Self { verb, own_authority, own_data: lines.any(|line| line == DATA) }
    }
}

fn is_authority(mark: &str) -> bool {
    mark.starts_with("pki/")
}

/// What kubeadm is told to reset: all that it made, but never an authority that was there before. The data of etcd go
/// only `with_data`.
///
/// # Errors
/// If it cannot be written as YAML.
pub fn reset_document(own_authority: bool, with_data: bool) -> Result<Secret, ChangeError> {
    // It empties this folder. There is none of that name.
    let certificates = if own_authority { "/run/node-prep-none" } else { "/etc/kubernetes/pki" };
    let reset = ResetConfiguration {
        force: Some(true),
        certificates_dir: Some(certificates.to_owned()),
        // This phase deletes them as well.
        skip_phases: if with_data { Vec::new() } else { vec!["remove-etcd-member".to_owned()] },
        ..ResetConfiguration::default()
    };
    render(&[Document::Reset(&reset)]).map_err(|error| ChangeError::Edit {
        path: DOCUMENT.to_owned(),
        source: EditError::new(error),
    })
}

/// What is there of a node.
fn marks(host: &dyn Host) -> Result<Vec<&'static str>, HostError> {
    let mut found = Vec::new();
    for mark in MARKS {
        if host.entry(&format!("{KUBERNETES}/{mark}"))?.is_some() {
            found.push(mark);
        }
    }
    Ok(found)
}

pub(super) fn probe(host: &dyn Host, verb: Verb) -> Result<State, HostError> {
    if verb.upgrades() {
        return Ok(State::Value(host.text(UPGRADE)?));
    }
    let found = marks(host)?;
    Ok(State::Value((!found.is_empty()).then(|| found.join(" "))))
}

/// What kubeadm says before it has changed anything, where etcd or an API server was started again a moment ago: by a run that was cut
/// short, or by a new kubelet. Its check that a pod comes to its end within 15 s needs controllers that lead again; and an API server
/// that does not know yet what belongs to a node forbids it to read.
const NOT_YET: [&str; 2] = ["[ERROR CreateJob]", "unable to fetch the kubeadm-config ConfigMap"];
/// How often that is tried, and the seconds in between.
const TRIES: usize = 6;
const BETWEEN: &str = "15";

/// Runs `kubeadm upgrade`, and again where it only came too early.
fn run_upgrade(host: &dyn Host, command: &Command) -> Result<(), HostError> {
    for _ in 1..TRIES {
        match host.check(command) {
            Err(HostError::Failed { stderr, .. })
                if NOT_YET.iter().any(|said| stderr.contains(said)) =>
            {
                host.run(&Command::new(["sleep", BETWEEN]))?;
            }
            ran => return ran.map(drop),
        }
    }
    host.check(command).map(drop)
}

/// `kubeadm upgrade` may be run again; until it has come to its end, the next run does.
fn upgrade(host: &dyn Host, verb: Verb, document: &Secret) -> Result<(), HostError> {
    let head = document.expose().lines().next().unwrap_or_default();
    let version = head.strip_prefix(HEAD).unwrap_or_default();
    if host.entry(FOLDER)?.is_none() {
        host.put(FOLDER, &Entry { kind: Kind::Folder, meta: Meta::root(0o700) })?;
    }
    put(host, UPGRADE, &format!("begun {version}\n"))?;
    put(host, DOCUMENT, document.expose())?;
    // `--yes` is not taken beside `--config` by all versions: it asks, and reads the answer.
    let command = Command::new(verb.argv()).reading("y\n").within(INSTALL);
    let ran = run_upgrade(host, &command);
    host.remove(DOCUMENT)?;
    ran?;
    put(host, UPGRADE, &format!("done {version}\n"))
}

pub(super) fn make(host: &dyn Host, verb: Verb, document: &Secret) -> Result<(), HostError> {
    if verb.upgrades() {
        return upgrade(host, verb, document);
    }
    host.remove(UPGRADE)?;
    if verb != Verb::Reset {
        begin(host, verb, &marks(host)?, true)?;
    }
    let half = host.text(UNFINISHED)?.map(|text| Unfinished::parse(&text));
    put(host, DOCUMENT, document.expose())?;
    let ran = host.check(&Command::new(verb.argv()).within(INSTALL));
    host.remove(DOCUMENT)?;
    // kubeadm empties the folder of an etcd that still runs, and ends it afterwards. What that wrote meanwhile goes too.
    if verb == Verb::Reset
        && ran.is_ok()
        && half.is_some_and(|half| half.verb != Verb::Join && !half.own_data)
        && host.entry(ETCD)?.is_some()
    {
        host.check(&Command::new(["rm", "-rf", "--one-file-system", "--", ETCD]))?;
    }
    if ran.is_ok() || is_untouched(host)? {
        host.remove(UNFINISHED)?;
    }
    ran.map(drop)
}

/// Whether kubeadm was begun, and nothing is there that was not there before.
fn is_untouched(host: &dyn Host) -> Result<bool, HostError> {
    let text = host.text(UNFINISHED)?;
    let marks = marks(host)?;
    Ok(text.is_some_and(|text| text.lines().skip(1).filter(|line| *line != DATA).eq(marks)))
}

fn begin(host: &dyn Host, verb: Verb, before: &[&str], keeps_data: bool) -> Result<(), HostError> {
    if host.entry(FOLDER)?.is_none() {
        host.put(FOLDER, &Entry { kind: Kind::Folder, meta: Meta::root(0o700) })?;
    }
    let data = (keeps_data && host.entry(ETCD)?.is_some()).then_some(DATA);
    let lines = [verb.as_str()].into_iter().chain(before.iter().copied()).chain(data);
    put(host, UNFINISHED, &lines.flat_map(|line| [line, "\n"]).collect::<String>())
}

fn put(host: &dyn Host, path: &str, content: &str) -> Result<(), HostError> {
    let kind = Kind::File(content.as_bytes().to_vec());
    host.put(path, &Entry { kind, meta: Meta::root(0o600) })
}

/// Everything is as before kubeadm ran. The data of etcd go only `with_data`. Answers what stays.
pub(super) fn take_back(
    host: &dyn Host,
    verb: Verb,
    before: &State,
    with_data: bool,
) -> Result<Option<String>, ChangeError> {
    if verb == Verb::Reset || probe(host, verb)? == *before {
        return Ok(None);
    }
    if verb.upgrades() {
        return Ok(Some("the version of the control plane stays: it never goes back".to_owned()));
    }
    let State::Value(before) = before else { return Ok(None) };
    let before: Vec<&str> = before.iter().flat_map(|marks| marks.split(' ')).collect();
    let own_authority = before.iter().any(|mark| is_authority(mark));
    begin(host, Verb::Reset, &before, !with_data)?;
    make(host, Verb::Reset, &reset_document(own_authority, with_data)?)?;
    let mut stays = "kubeadm leaves rules of the firewall, links and the network plugin's files: `node-prep reset` takes them away".to_owned();
    if host.entry(ETCD)?.is_some() {
        stays.push_str("; the data of etcd stay in /var/lib/etcd: `undo --with-data` or `reset --with-data` takes them away");
    }
    Ok(Some(stays))
}

/// What a killed run may have left is taken away.
pub(super) fn tidy(host: &dyn Host) -> Result<(), HostError> {
    host.tidy(UNFINISHED)?;
    host.tidy(UPGRADE)?;
    host.tidy(DOCUMENT)?;
    host.remove(DOCUMENT)?;
    if is_untouched(host)? {
        host.remove(UNFINISHED)?;
    }
    Ok(())
}
