//! What a reset plan names is taken away.

use std::io;
use std::time::Duration;

use super::{Action, ResetPlan, Rules, crictl, mounted, mounted_below, network};
use crate::check::told_whole;
use crate::host::{ACT, Command, Entry, Host, HostError, Kind, Output};
use crate::text::{firewall, mounts};

/// How long `kubeadm reset` may take; it is known to hang where the runtime does.
const KUBEADM: Duration = Duration::from_mins(5);
/// How often something that is mounted is tried to be unmounted before it is only taken out of sight.
const TRIES: usize = 3;

/// What happens, to be told.
#[derive(Debug)]
pub enum Event<'a> {
    /// It begins.
    Doing(&'a Action),
    /// It is done.
    Done(&'a Action),
    /// It did not work as it should; what comes after does not depend on it.
    Warning(String),
}

/// Who watches, and who may stop it.
pub struct Watch<'a> {
    /// Hears of everything that happens.
    pub tell: &'a mut dyn FnMut(&Event<'_>),
    /// Whether to stop before the next action.
    pub stop: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// Why a host was not reset to the end. What was done stays done; the next run goes on.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The host cannot be changed by us now.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Some actions did not work. All others were done.
    #[error("{} of {all} actions did not work: {}", failed.len(), failed.join("; "))]
    Left {
        /// How many there were.
        all: usize,
        /// Those that did not work, with what went wrong.
        failed: Vec<String>,
    },
    /// It was stopped.
    #[error("stopped after {done} of {all} actions")]
    Stopped {
        /// How many were done.
        done: usize,
        /// How many there are.
        all: usize,
    },
}

/// Takes away what a plan names. An action that does not work does not keep the others from being done.
///
/// # Errors
/// If another one changes this host, it was stopped, or an action did not work.
pub fn run(host: &dyn Host, plan: &ResetPlan, watch: &mut Watch<'_>) -> Result<(), ResetError> {
    let _lock = host.lock()?;
    let all = plan.actions.len();
    let mut failed = Vec::new();
    for (done, action) in plan.actions.iter().enumerate() {
        if (watch.stop)() {
            return Err(ResetError::Stopped { done, all });
        }
        (watch.tell)(&Event::Doing(action));
        match act(host, action) {
            Ok(()) => (watch.tell)(&Event::Done(action)),
            Err(error) => {
                let told = format!("{action}: {}", told_whole(&error));
                // What it does not do is done by the other actions.
                if !matches!(action, Action::Kubeadm { .. } | Action::RemovePods { .. }) {
                    failed.push(told.clone());
                }
                (watch.tell)(&Event::Warning(told));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(ResetError::Left { all, failed }) }
}

fn act(host: &dyn Host, action: &Action) -> Result<(), HostError> {
    match action {
        Action::Kubeadm { keeps_etcd } => {
            let mut argv = vec!["kubeadm", "reset", "--force"];
            if *keeps_etcd {
                // This phase takes the member out, and tells the next where the data is that it deletes.
                argv.push("--skip-phases=remove-etcd-member");
            }
            host.check(&Command::new(argv).within(KUBEADM)).map(drop)
        }
        Action::StopKubelet => {
            let stop = Command::new(["systemctl", "stop", "--", "kubelet.service"]);
            host.check(&stop.within(ACT)).map(drop)
        }
        Action::RemovePods { .. } => match crictl(host, &["rmp", "--all", "--force"])? {
            Some(command) => host.check(&command.within(ACT)).map(drop),
            None => Ok(()),
        },
        Action::Unmount { path } => unmount(host, path),
        Action::Remove { path, .. } => remove(host, path),
        // The plan has followed what links there were: one that stands here now is a user's.
        Action::ForgetCluster { path, left: None } => host.remove(path),
        Action::ForgetCluster { path, left: Some(left) } => match host.entry(path)? {
            Some(Entry { kind: Kind::File(_), meta }) => {
                let kind = Kind::File(left.expose().as_bytes().to_vec());
                host.put(path, &Entry { kind, meta })
            }
            _ => Ok(()),
        },
        Action::DeleteNamespace { name } => {
            if host.entry(&format!("/run/netns/{name}"))?.is_none() {
                return Ok(());
            }
            host.check(&Command::new(["ip", "netns", "delete", name]).within(ACT)).map(drop)
        }
        Action::DeleteLink { name } => {
            let output = host.run(&Command::new(["ip", "link", "delete", name]).within(ACT))?;
            // Its other end or its pod may have taken it along.
            if output.is_ok() || !network::links(host)?.0.contains(name) {
                return Ok(());
            }
            Err(failed("ip link delete", name, output))
        }
        Action::DeleteChains { rules, .. } => delete_chains(host, *rules),
        Action::DeleteTables { .. } => match firewall::nft_removal(&network::tables(host)?) {
            Some(script) => {
                let nft = Command::new(["nft", "-f", "-"]).reading(script);
                host.check(&nft.within(ACT)).map(drop)
            }
            None => Ok(()),
        },
    }
}

/// The rules are read again: those of pods went with them. Each table changes in one step.
fn delete_chains(host: &dyn Host, rules: Rules) -> Result<(), HostError> {
    let Some(script) = network::removal(&network::save(host, rules)?) else { return Ok(()) };
    let restore = Command::new([rules.restore(), "--noflush", "--wait", "10"]);
    host.check(&restore.within(ACT).reading(script)).map(drop)
}

fn failed(command: &str, what: &str, output: Output) -> HostError {
    HostError::Failed {
        command: format!("{command} {what}"),
        code: output.code,
        stderr: output.stderr,
    }
}

fn unmount(host: &dyn Host, path: &str) -> Result<(), HostError> {
    let is_there =
        || -> Result<bool, HostError> { Ok(mounted(host)?.iter().any(|there| there == path)) };
    for _ in 0..TRIES {
        if !is_there()? {
            return Ok(());
        }
        if host.run(&Command::new(["umount", "--", path]).within(ACT))?.is_ok() {
            return Ok(());
        }
    }
    // Whoever holds it open keeps it; nobody finds it any more.
    host.check(&Command::new(["umount", "--lazy", "--", path]).within(ACT)).map(drop)
}

fn remove(host: &dyn Host, path: &str) -> Result<(), HostError> {
    let Some(entry) = host.entry(path)? else { return Ok(()) };
    if entry.kind != Kind::Folder {
        return host.remove(path);
    }
    let path = &host.resolve(path)?;
    if host.is_live() {
        nothing_mounted(host, path)?;
    }
    let gone = Command::new(["rm", "-rf", "--one-file-system", "--", path]).within(ACT * 5);
    if host.run(&gone)?.is_ok() {
        return Ok(());
    }
    // etcd's and others' files may be marked as never to be changed.
    host.run(&Command::new(["chattr", "-R", "-f", "-i", "--", path]).within(ACT * 5))?;
    host.check(&gone).map(drop)
}

/// What is mounted below a folder has data that is not the folder's: volumes are often bind mounts of the same file
/// system, which `rm --one-file-system` does not know. A pod may have come since the plan was made.
fn nothing_mounted(host: &dyn Host, folder: &str) -> Result<(), HostError> {
    for mount in mounted(host)? {
        if mount == folder || mount.starts_with(&format!("{folder}/")) {
            unmount(host, &mount)?;
        }
    }
    let mut left = mounted_below(host, folder)?;
    let all = host.text("/proc/self/mounts")?.unwrap_or_default();
    left.extend(mounts::at(&all, folder).map(|mounted| mounted.target));
    match left.as_slice() {
        [] => Ok(()),
        left => Err(HostError::Write {
            path: folder.to_owned(),
            source: io::Error::other(format!(
                "nothing is removed while something is mounted there: {}. Unmount it, and run it again",
                left.join(", ")
            )),
        }),
    }
}
