//! One change to a host: what it touches, how it is made, and how it is taken back.
//!
//! A [`Change`] says what shall be, not how it was. Its [`State`] is read from the host before and after it is made, and
//! with the two it can be taken back.

pub mod kubeadm;
mod package;
pub(crate) mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use package::Wanted;
pub(crate) use package::is_of;
pub use unit::Enablement;

use crate::data::distribution::PackageManager;
use crate::edit::{Edit, EditError};
use crate::host::{ACT, Command, Entry, Host, HostError, Kind, Meta, folder_of, sha256, shown};
use crate::listening;
use crate::secret::Secret;
use crate::text::{kernel_command_line, mounts, swaps, sysctl};

/// One change to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A file has this content, mode and owner.
    WriteFile {
        /// Where. A link there is followed when the change is planned.
        path: String,
        /// How the content comes from what stands there.
        edit: Edit,
        /// Permission bits; what it has, or 0644, where that does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<u32>,
        /// Owner and group; what it has, or root's, where that does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<(u32, u32)>,
    },
    /// A file or a link is not there.
    RemoveFile {
        /// Where.
        path: String,
    },
    /// A folder is there.
    MakeFolder {
        /// Where.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Owner and group.
        owner: (u32, u32),
    },
    /// A symbolic link is there.
    MakeLink {
        /// Where.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// The kernel has this value now.
    SetSysctl {
        /// Its name, such as `net.ipv4.ip_forward`.
        key: String,
        /// The value.
        value: String,
    },
    /// A module of the kernel is loaded.
    LoadModule {
        /// Its name.
        name: String,
    },
    /// Nothing is swapped to this device or file.
    SwapOff {
        /// Its path.
        device: String,
    },
    /// The host has this name now.
    SetHostname {
        /// The name.
        name: String,
    },
    /// `SELinux` enforces its rules, or only tells of them.
    SetSelinux {
        /// Whether it enforces.
        enforcing: bool,
    },
    /// A file system is mounted.
    Mount {
        /// What: a device, or `server:/path`.
        what: String,
        /// Where.
        path: String,
        /// Its type, such as `nfs4`.
        kind: String,
        /// Options, such as `ro`.
        options: Vec<String>,
    },
    /// All boot entries have this word on the kernel's command line, by `grubby`.
    KernelWord {
        /// The word, such as `systemd.swap=0`.
        word: String,
    },
    /// A unit of systemd is enabled or runs.
    Unit {
        /// Its name with its type, such as `kubelet.service`.
        unit: String,
        /// Whether it comes at boot; `None` where that does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        enablement: Option<Enablement>,
        /// Whether it runs; `None` where that does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        active: Option<bool>,
    },
    /// Packages are there, in these versions.
    Install {
        /// Who installs.
        manager: PackageManager,
        /// Which.
        packages: Vec<Wanted>,
        /// Repositories whose `exclude` does not count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        despite_excludes: Vec<String>,
    },
    /// Packages are not changed by upgrades of the system.
    Hold {
        /// Who installs.
        manager: PackageManager,
        /// Which.
        packages: Vec<String>,
    },
    /// A rule that a program adds and removes, such as `ufw`. To add or remove it twice is as good as once.
    Rule {
        /// What adds it.
        add: Vec<String>,
        /// What removes it.
        remove: Vec<String>,
        /// By what it is known to be there.
        shown: Shown,
    },
    /// Something reads its files again. To do it twice is as good as once.
    Poke(Poke),
    /// A program that changes something which only it knows.
    Run {
        /// The program and its arguments.
        argv: Vec<String>,
        /// What it makes: where that is, it has run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        creates: Option<String>,
        /// What takes it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Vec<String>>,
    },
    /// kubeadm makes this host a node, or takes that back.
    Kubeadm {
        /// What it does.
        verb: kubeadm::Verb,
        /// What it is told.
        document: Secret,
    },
}

/// By what a rule is known to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// A line of a file begins so.
    Line {
        /// The file.
        path: String,
        /// The beginning of the line, up to a blank or its end.
        line: String,
    },
    /// What a program says has this in it.
    Said {
        /// The program, which only looks.
        argv: Vec<String>,
        /// The text.
        text: String,
    },
    /// This is not so.
    Not(Box<Self>),
}

impl Shown {
    /// Whether it is there.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn is(&self, host: &dyn Host) -> Result<bool, HostError> {
        Ok(match self {
            Self::Line { path, line } => {
                let text = host.text(path)?.unwrap_or_default();
                let fits = |other: &str| {
                    other.strip_prefix(line.as_str()).is_some_and(|rest| {
                        rest.is_empty() || rest.starts_with(char::is_whitespace)
                    })
                };
                text.lines().any(fits)
            }
            Self::Not(other) => !other.is(host)?,
            Self::Said { argv, text } => {
                host.run(&Command::new(argv.iter().cloned()))?.stdout.contains(text.as_str())
            }
        })
    }
}

/// Something reads its files again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Poke {
    /// systemd reads its units.
    DaemonReload,
    /// A unit that runs is stopped and started; one that does not run is started.
    Restart(String),
    /// A program, such as `exportfs -ra`.
    Program(Vec<String>),
    /// Nothing is changed: what a unit serves is waited for, as one that reads its files again may fail without anybody being told.
    Listens {
        /// The unit.
        unit: String,
        /// The port of TCP.
        port: u16,
    },
}

/// What a change touches, as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// What stands at a path.
    Path(Option<Standing>),
    /// A value of the kernel, the host's name and the like; `None` where there is none.
    Value(Option<String>),
    /// Whether it is so: loaded, mounted, swapped to, made.
    Is(bool),
    /// A unit.
    Unit {
        /// As `systemctl is-enabled` says; empty where there is no such unit.
        enabled: String,
        /// Whether it runs.
        active: bool,
    },
    /// Packages by name with their versions, all that are installed.
    Packages(BTreeMap<String, String>),
    /// Of each package whether it is held.
    Held(BTreeMap<String, bool>),
    /// Nothing that could be looked at.
    Unknown,
}

/// What stands at a path, its content by its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is.
    #[serde(flatten)]
    pub what: What,
    /// Whose it is.
    #[serde(flatten)]
    pub meta: Meta,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// A file.
    File {
        /// SHA-256 of its content, in hexadecimal digits.
        sha256: String,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: String,
    },
    /// A folder.
    Folder,
    /// A device, a socket or a pipe.
    Other,
}

impl From<&Entry> for Standing {
    fn from(entry: &Entry) -> Self {
        let what = match &entry.kind {
            Kind::File(content) => What::File { sha256: sha256(content) },
            Kind::Link(target) => What::Link { target: target.clone() },
            Kind::Folder => What::Folder,
            Kind::Other => What::Other,
        };
        Self { what, meta: entry.meta.clone() }
    }
}

/// Why a change could not be made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What stands in a file cannot be understood.
    #[error("{path}: {source}")]
    Edit {
        /// The file.
        path: String,
        /// What is wrong.
        source: EditError,
    },
    /// The kernel said yes, and has another value.
    #[error("{what} is {found} after it was set to {wanted}")]
    NotTaken {
        /// What was set.
        what: String,
        /// To what.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// Something else stands where a file should be.
    #[error("{path} is {what}, and a file is expected")]
    NotAFile {
        /// Where.
        path: String,
        /// What stands there.
        what: &'static str,
    },
    /// The content that was there has gone from where it was kept.
    #[error("the former content of {path} is not kept any more ({kept})")]
    NoBackup {
        /// The file.
        path: String,
        /// Where it should be kept.
        kept: String,
    },
    /// There is no way back from this.
    #[error("{what} cannot be taken back")]
    NoWayBack {
        /// The change.
        what: String,
    },
}

/// Gives former contents by their SHA-256.
pub trait Kept {
    /// The content with this checksum.
    ///
    /// # Errors
    /// If it cannot be read.
    fn content(&self, sha256: &str) -> Result<Option<Vec<u8>>, HostError>;
    /// Where it is kept, to tell.
    fn place(&self, sha256: &str) -> String;
}

const HOSTNAME: &str = "/proc/sys/kernel/hostname";
const ENFORCE: &str = "/sys/fs/selinux/enforce";

impl Change {
    /// What the change is about: two changes with the same resource are about the same thing.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Self::WriteFile { path, .. }
            | Self::RemoveFile { path }
            | Self::MakeFolder { path, .. }
            | Self::MakeLink { path, .. } => path.clone(),
            Self::SetSysctl { key, .. } => format!("sysctl {key}"),
            Self::LoadModule { name } => format!("module {name}"),
            Self::SwapOff { device } => format!("swap on {device}"),
            Self::SetHostname { .. } => "host name".to_owned(),
            Self::SetSelinux { .. } => "SELinux".to_owned(),
            Self::Mount { path, .. } => format!("mount at {path}"),
            Self::KernelWord { word } => format!("kernel command line {word}"),
            Self::Unit { unit, .. } => unit.clone(),
            Self::Install { .. } => "packages".to_owned(),
            Self::Hold { .. } => "held packages".to_owned(),
            Self::Poke(poke) => poke.to_string(),
            Self::Rule { add: argv, .. } | Self::Run { argv, .. } => shown(argv),
            Self::Kubeadm { .. } => "node of a cluster".to_owned(),
        }
    }

    /// Whether it can only be made on a host that runs.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self {
            Self::SetSysctl { .. }
            | Self::LoadModule { .. }
            | Self::SwapOff { .. }
            | Self::SetHostname { .. }
            | Self::SetSelinux { .. }
            | Self::Mount { .. }
            | Self::KernelWord { .. }
            | Self::Rule { .. }
            | Self::Poke(_)
            | Self::Run { .. }
            | Self::Kubeadm { .. } => true,
            Self::Unit { active, .. } => active.is_some(),
            Self::WriteFile { .. }
            | Self::RemoveFile { .. }
            | Self::MakeFolder { .. }
            | Self::MakeLink { .. }
            | Self::Install { .. }
            | Self::Hold { .. } => false,
        }
    }

    /// What it touches, as it is now.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn probe(&self, host: &dyn Host) -> Result<State, HostError> {
        Ok(match self {
            Self::WriteFile { path, .. }
            | Self::RemoveFile { path }
            | Self::MakeFolder { path, .. }
            | Self::MakeLink { path, .. } => {
                State::Path(host.entry(path)?.as_ref().map(Standing::from))
            }
            Self::SetSysctl { key, .. } => State::Value(
                value(host, &sysctl::Key::new(key).path())?.map(|value| one_line(&value)),
            ),
            Self::LoadModule { name } => {
                State::Is(host.entry(&format!("/sys/module/{}", name.replace('-', "_")))?.is_some())
            }
            Self::SwapOff { device } => {
                State::Value(swap_on(host, device)?.map(|swap| swap.priority.to_string()))
            }
            Self::SetHostname { .. } => State::Value(value(host, HOSTNAME)?),
            Self::SetSelinux { .. } => State::Value(value(host, ENFORCE)?),
            Self::Mount { path, .. } => State::Is(is_mounted(host, path)?),
            Self::KernelWord { word } => State::Is(boots_have(host, word)?),
            Self::Unit { unit, .. } => unit::state(host, unit)?,
            Self::Install { manager, .. } => State::Packages(manager.present(host)?),
            Self::Hold { manager, packages } => State::Held(manager.held(host, packages)?),
            Self::Rule { shown, .. } => State::Is(shown.is(host)?),
            Self::Run { creates: Some(path), .. } => State::Is(host.entry(path)?.is_some()),
            Self::Kubeadm { verb, .. } => kubeadm::probe(host, *verb)?,
            Self::Poke(_) | Self::Run { creates: None, .. } => State::Unknown,
        })
    }

    /// Makes it.
    ///
    /// # Errors
    /// If the host refuses, or what stands in a file cannot be understood. Files have all of the old content then.
    pub fn make(&self, host: &dyn Host) -> Result<(), ChangeError> {
        match self {
            Self::WriteFile { path, edit, mode, owner } => {
                let standing = host.entry(path)?;
                let is_new = standing.is_none();
                host.put(path, &written(path, standing, edit, *mode, *owner)?)?;
                if is_new {
                    label(host, path)?;
                }
            }
            Self::RemoveFile { path } => host.remove(path)?,
            Self::MakeFolder { path, mode, owner: (uid, gid) } => {
                // Labels of what is there stay.
                let standing = host.entry(path)?;
                let is_new = standing.is_none();
                let xattrs = standing.map(|entry| entry.meta.xattrs).unwrap_or_default();
                let meta = Meta { mode: *mode, uid: *uid, gid: *gid, xattrs };
                host.put(path, &Entry { kind: Kind::Folder, meta })?;
                if is_new {
                    label(host, path)?;
                }
            }
            Self::MakeLink { path, target } => {
                let kind = Kind::Link(target.clone());
                host.put(path, &Entry { kind, meta: Meta::root(0o777) })?;
                label(host, path)?;
            }
            Self::SetSysctl { key, value: wanted } => set_sysctl(host, key, wanted)?,
            Self::LoadModule { name } => {
                host.check(&Command::new(["modprobe", "--", name]).within(ACT))?;
            }
            Self::SwapOff { device } => {
                // One that its service has taken away meanwhile is off.
                if swap_on(host, device)?.is_some() {
                    // What is swapped out comes back to memory: that takes its time.
                    host.check(&Command::new(["swapoff", "--", device]).within(ACT * 5))?;
                }
            }
            Self::SetHostname { name } => host.set_hostname(name)?,
            Self::SetSelinux { enforcing } => {
                host.set_value(ENFORCE, if *enforcing { "1" } else { "0" })?;
            }
            Self::Mount { what, path, kind, options } => {
                let mut argv = vec!["mount", "-t", kind];
                let options = options.join(",");
                if !options.is_empty() {
                    argv.extend(["-o", &options]);
                }
                argv.extend(["--", what, path]);
                host.check(&Command::new(argv).within(ACT))?;
            }
            Self::KernelWord { word } => grubby(host, "args", word)?,
            Self::Unit { unit, enablement, active } => {
                unit::set(host, unit, *enablement, *active)?;
            }
            Self::Install { manager, packages, despite_excludes } => {
                manager.install(host, packages, despite_excludes)?;
            }
            Self::Hold { manager, packages } => {
                let held: Vec<&str> = packages.iter().map(String::as_str).collect();
                manager.set_held(host, &held, true)?;
            }
            Self::Poke(poke) => poke.make(host)?,
            Self::Rule { add, .. } => {
                host.check(&Command::new(add.iter().cloned()).within(ACT))?;
            }
            Self::Kubeadm { verb, document } => kubeadm::make(host, *verb, document)?,
            Self::Run { argv, .. } => {
                host.check(&Command::new(argv.iter().cloned()).within(ACT * 5))?;
            }
        }
        Ok(())
    }

    /// Makes ready for it what is no change of its own, and learns what it will touch beside what it names; `None` where
    /// it touches nothing else.
    ///
    /// # Errors
    /// If the host refuses.
    pub(crate) fn prepare(&self, host: &dyn Host) -> Result<Option<BTreeSet<String>>, HostError> {
        match self {
            Self::Install { manager, packages, despite_excludes } => {
                manager.prepare(host, packages, despite_excludes).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Of what is there now what this change has brought: packages that others have installed or removed meanwhile are
    /// not counted.
    pub(crate) fn narrowed(
        before: &State,
        now: State,
        touches: Option<&BTreeSet<String>>,
    ) -> State {
        let (State::Packages(before), State::Packages(now), Some(touches)) =
            (before, &now, touches)
        else {
            return now;
        };
        let theirs = before.iter().filter(|(name, _)| !touches.contains(*name));
        let ours = now.iter().filter(|(name, _)| touches.contains(*name));
        let both = theirs.chain(ours).map(|(name, version)| (name.clone(), version.clone()));
        State::Packages(both.collect())
    }

    /// What a killed run may have left in between is taken away.
    ///
    /// # Errors
    /// If it cannot be taken away.
    pub(crate) fn tidy(&self, host: &dyn Host) -> Result<(), HostError> {
        match self {
            Self::WriteFile { .. }
            | Self::RemoveFile { .. }
            | Self::MakeFolder { .. }
            | Self::MakeLink { .. } => host.tidy(&self.resource()),
            Self::Install { manager, .. } => manager.tidy(host),
            Self::Kubeadm { .. } => kubeadm::tidy(host),
            _ => Ok(()),
        }
    }

    /// Takes it back: what was touched is as it was before. Answers what had to stay, if anything had to. The data of
    /// etcd go only `with_data`.
    ///
    /// # Errors
    /// If the host refuses, or a former content is not kept any more.
    pub fn take_back(
        &self,
        host: &dyn Host,
        before: &State,
        after: &State,
        kept: &dyn Kept,
        with_data: bool,
    ) -> Result<Option<String>, ChangeError> {
        match (self, before) {
            (Self::MakeFolder { path, .. }, State::Path(None)) if !host.list(path)?.is_empty() => {
                return Ok(Some(format!(
                    "{path} stays: there are files in it that came from elsewhere"
                )));
            }
            (_, State::Path(before)) => restore(host, &self.resource(), before.as_ref(), kept)?,
            (Self::SetSysctl { key, .. }, State::Value(Some(old))) => set_sysctl(host, key, old)?,
            (Self::SetHostname { .. }, State::Value(Some(old))) => host.set_hostname(old)?,
            (Self::SetSelinux { .. }, State::Value(Some(old))) => host.set_value(ENFORCE, old)?,
            (Self::LoadModule { name }, State::Is(false)) => {
                host.check(&Command::new(["modprobe", "-r", "--", name]).within(ACT))?;
            }
            // Its service may have turned it on again.
            (Self::SwapOff { device }, State::Value(Some(priority)))
                if swap_on(host, device)?.is_none() =>
            {
                let mut argv = vec!["swapon"];
                // Those below 0 are the kernel's own choice, and cannot be given.
                if !priority.starts_with('-') {
                    argv.extend(["-p", priority]);
                }
                argv.extend(["--", device]);
                host.check(&Command::new(argv).within(ACT))?;
            }
            (Self::KernelWord { word }, State::Is(false)) => grubby(host, "remove-args", word)?,
            (Self::Mount { path, .. }, State::Is(false)) => {
                host.check(&Command::new(["umount", "--", path]).within(ACT))?;
            }
            (Self::Unit { unit, enablement, active }, State::Unit { enabled, active: was }) => {
                unit::restore(host, unit, *enablement, enabled, active.map(|_| *was))?;
            }
            (Self::Install { manager, .. }, State::Packages(before)) => {
                let empty = BTreeMap::new();
                let after = if let State::Packages(after) = after { after } else { &empty };
                let stays = manager.restore(host, before, after)?;
                return Ok((!stays.is_empty()).then(|| stays.join("; ")));
            }
            (Self::Hold { manager, packages }, State::Held(before)) => {
                let free: Vec<&str> = packages
                    .iter()
                    .filter(|name| before.get(*name) == Some(&false))
                    .map(String::as_str)
                    .collect();
                manager.set_held(host, &free, false)?;
            }
            (Self::Rule { remove, .. }, State::Is(false)) => {
                host.check(&Command::new(remove.iter().cloned()).within(ACT))?;
            }
            (Self::Run { undo: Some(argv), .. }, _) => {
                host.check(&Command::new(argv.iter().cloned()).within(ACT * 5))?;
            }
            (Self::Kubeadm { verb, .. }, before) => {
                return kubeadm::take_back(host, *verb, before, with_data);
            }
            (Self::Run { undo: None, .. }, _) => {
                return Err(ChangeError::NoWayBack { what: self.to_string() });
            }
            // It was so before, or there was nothing to be changed.
            _ => {}
        }
        Ok(None)
    }
}

/// What a file will be.
pub(crate) fn written(
    path: &str,
    standing: Option<Entry>,
    edit: &Edit,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
) -> Result<Entry, ChangeError> {
    let not_a_file = |what| ChangeError::NotAFile { path: path.to_owned(), what };
    let (before, mut meta) = match standing {
        None => (None, Meta::root(0o644)),
        Some(Entry { kind: Kind::File(content), meta }) => {
            let text = String::from_utf8(content)
                .map_err(|_| HostError::NotText { path: path.to_owned() })?;
            (Some(text), meta)
        }
        Some(Entry { kind: Kind::Link(_), .. }) => return Err(not_a_file("a symbolic link")),
        Some(Entry { kind: Kind::Folder, .. }) => return Err(not_a_file("a folder")),
        Some(Entry { kind: Kind::Other, .. }) => {
            return Err(not_a_file("a device, a socket or a pipe"));
        }
    };
    let content = edit
        .apply(before.as_deref())
        .map_err(|source| ChangeError::Edit { path: path.to_owned(), source })?;
    meta.mode = mode.unwrap_or(meta.mode);
    (meta.uid, meta.gid) = owner.unwrap_or((meta.uid, meta.gid));
    Ok(Entry { kind: Kind::File(content.into_bytes()), meta })
}

/// Gives something new the label of `SELinux` that its place has, which is not always that of its folder. It is done with
/// the change itself, so that what the change left has its label already.
fn label(host: &dyn Host, path: &str) -> Result<(), HostError> {
    const PROGRAM: &str = "/usr/sbin/restorecon";
    if host.is_live() && host.entry(ENFORCE)?.is_some() && host.entry(PROGRAM)?.is_some() {
        // File systems without labels take none.
        host.run(&Command::new(["restorecon", "-F", "--", path]).within(ACT))?;
    }
    Ok(())
}

fn value(host: &dyn Host, path: &str) -> Result<Option<String>, HostError> {
    Ok(host.text(path)?.map(|text| text.trim_end().to_owned()))
}

fn set_sysctl(host: &dyn Host, key: &str, wanted: &str) -> Result<(), ChangeError> {
    let path = sysctl::Key::new(key).path();
    host.set_value(&path, wanted)?;
    let found = one_line(&value(host, &path)?.unwrap_or_default());
    if sysctl::same(&found, wanted) {
        return Ok(());
    }
    Err(ChangeError::NotTaken { what: key.to_owned(), wanted: one_line(wanted), found })
}

/// A value with one space between its fields.
pub(crate) fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The area of swap on a device or file, if it is in use.
fn swap_on(host: &dyn Host, device: &str) -> Result<Option<swaps::Swap>, HostError> {
    let swaps = swaps::parse_swaps(&host.text("/proc/swaps")?.unwrap_or_default());
    Ok(swaps.into_iter().find(|swap| swap.path == device))
}

/// Whether the command lines of all boot entries have a word, as `grubby` shows them (`args="..."`).
fn boots_have(host: &dyn Host, word: &str) -> Result<bool, HostError> {
    let all = host.check(&Command::new(["grubby", "--info=ALL"]))?;
    let mut lines = all.lines().filter_map(|line| line.strip_prefix("args=")).peekable();
    let is_any = lines.peek().is_some();
    Ok(is_any && lines.all(|line| kernel_command_line::has(line.trim_matches('"'), word)))
}

fn grubby(host: &dyn Host, verb: &str, word: &str) -> Result<(), HostError> {
    let words = format!("--{verb}={word}");
    let command = Command::new(["grubby", "--update-kernel=ALL", words.as_str()]);
    host.check(&command.within(ACT)).map(|_| ())
}

/// Whether something is mounted there, from the kernel's own list.
fn is_mounted(host: &dyn Host, path: &str) -> Result<bool, HostError> {
    let text = host.text("/proc/self/mounts")?.unwrap_or_default();
    Ok(mounts::at(&text, path).is_some())
}

fn restore(
    host: &dyn Host,
    path: &str,
    before: Option<&Standing>,
    kept: &dyn Kept,
) -> Result<(), ChangeError> {
    let Some(before) = before else {
        return Ok(host.remove(path)?);
    };
    let kind = match &before.what {
        What::File { sha256 } => {
            let content = kept.content(sha256)?.ok_or_else(|| ChangeError::NoBackup {
                path: path.to_owned(),
                kept: kept.place(sha256),
            })?;
            Kind::File(content)
        }
        What::Link { target } => Kind::Link(target.clone()),
        What::Folder => Kind::Folder,
        What::Other => {
            return Err(ChangeError::NoWayBack { what: format!("the former {path}") });
        }
    };
    if host.entry(folder_of(path))?.is_none() {
        // Packages take folders along when they go.
        let meta = Meta::root(0o755);
        host.put(folder_of(path), &Entry { kind: Kind::Folder, meta })?;
    }
    Ok(host.put(path, &Entry { kind, meta: before.meta.clone() })?)
}

impl Poke {
    fn make(&self, host: &dyn Host) -> Result<(), HostError> {
        let argv: Vec<String> = match self {
            Self::DaemonReload => vec!["systemctl".into(), "daemon-reload".into()],
            Self::Restart(unit) => vec!["systemctl".into(), "restart".into(), unit.clone()],
            Self::Program(argv) => argv.clone(),
            Self::Listens { unit, port } => return listening::wait(host, unit, *port),
        };
        host.check(&Command::new(argv).within(ACT)).map(|_| ())
    }

    /// The same after what it was for is taken back: a unit that does not run stays as it is.
    ///
    /// # Errors
    /// If it fails.
    pub fn make_again(&self, host: &dyn Host) -> Result<(), HostError> {
        match self {
            Self::Restart(unit) => {
                let again = Command::new(["systemctl", "try-restart", unit.as_str()]);
                host.check(&again.within(ACT)).map(|_| ())
            }
            // What served it may be gone.
            Self::Listens { .. } => Ok(()),
            other => other.make(host),
        }
    }
}

impl fmt::Display for Poke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DaemonReload => f.write_str("have systemd read its units"),
            Self::Restart(unit) => write!(f, "restart {unit}"),
            Self::Program(argv) => write!(f, "run {}", shown(argv)),
            Self::Listens { unit, port } => write!(f, "wait for {unit} to listen on port {port}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteFile { path, edit, mode, .. } => {
                let verb = if matches!(edit, Edit::Content(_) | Edit::Secret(_)) {
                    "write"
                } else {
                    "edit"
                };
                write!(f, "{verb} {path}")?;
                mode.map_or(Ok(()), |mode| write!(f, " (mode {mode:04o})"))
            }
            Self::RemoveFile { path } => write!(f, "remove {path}"),
            Self::MakeFolder { path, mode, .. } => {
                write!(f, "make folder {path} (mode {mode:04o})")
            }
            Self::MakeLink { path, target } => write!(f, "link {path} to {target}"),
            Self::SetSysctl { key, value } => write!(f, "set {key} to {value} now"),
            Self::LoadModule { name } => write!(f, "load module {name} now"),
            Self::SwapOff { device } => write!(f, "stop swapping to {device}"),
            Self::SetHostname { name } => write!(f, "name the host {name} now"),
            Self::SetSelinux { enforcing: true } => {
                f.write_str("have SELinux enforce its rules now")
            }
            Self::SetSelinux { enforcing: false } => f.write_str("have SELinux only tell, now"),
            Self::Mount { what, path, kind, .. } => write!(f, "mount {what} at {path} ({kind})"),
            Self::KernelWord { word } => write!(f, "have the kernel boot with {word}"),
            Self::Unit { unit, enablement, active } => {
                let active = active.map(|active| if active { "start" } else { "stop" });
                let verbs: Vec<&str> =
                    enablement.map(Enablement::verb).into_iter().chain(active).collect();
                write!(f, "{} {unit}", verbs.join(" and "))
            }
            Self::Install { packages, .. } => {
                let names: Vec<String> = packages.iter().map(ToString::to_string).collect();
                write!(f, "install {}", names.join(", "))
            }
            Self::Hold { packages, .. } => write!(f, "hold {}", packages.join(", ")),
            Self::Poke(poke) => poke.fmt(f),
            Self::Rule { add: argv, .. } | Self::Run { argv, .. } => {
                write!(f, "run {}", shown(argv))
            }
            Self::Kubeadm { verb, .. } => write!(f, "run {}", shown(&verb.argv())),
        }
    }
}
