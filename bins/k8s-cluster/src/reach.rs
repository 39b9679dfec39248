//! The way to the hosts: ssh, what is brought to them, where it is logged.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ::cli::invalid;
use anyhow::{Context, Result};
use fleet::{Contact, SshContact, target_of};
use node_bootstrap::secret::Secret;
use remote::{Agent, Options};
use topology::Inventory;

use crate::cli;

/// The program that works on hosts.
const AGENT: &str = "node-prep";
/// No password is longer, in bytes.
const LONGEST: usize = 4096;

/// The hosts of a cluster. None of them is asked yet. Once `stop` is set, those that others work on are waited for no more.
pub(crate) fn contact(
    asked: &cli::Desk,
    inventory: &Inventory,
    stop: Arc<AtomicBool>,
) -> Result<Box<dyn Contact>> {
    let program = match &asked.node_prep {
        Some(path) => path.clone(),
        None => beside()?,
    };
    let agent =
        Agent::read(&program).map_err(|error| invalid(format!("{error}: give --node-prep")))?;
    let options = Options {
        config: asked.ssh_config.clone(),
        accept_new_host_keys: asked.accept_new_host_keys,
        sudo_password: asked.sudo_password_file.as_deref().map(password).transpose()?,
        ..Options::default()
    };
    let hosts: BTreeMap<_, _> = inventory
        .hosts
        .iter()
        .map(|host| (host.name.clone(), target_of(&inventory.ssh_of(host))))
        .collect();
    let logs = match &asked.logs {
        Some(folder) => folder.clone(),
        None => state()?.join(folder_of(inventory.name.as_deref().unwrap_or("cluster"))),
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&logs)
        .with_context(|| format!("failed to make the folder {}", logs.display()))?;
    let contact = SshContact::new(hosts, agent, by(), options, &std::env::temp_dir())?;
    let contact = contact
        .stopped_by(stop)
        .log_to(&logs)
        .with_context(|| format!("failed to write logs to {}", logs.display()))?;
    Ok(Box::new(contact))
}

/// The node-prep that lies beside this program.
fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe().context("failed to find this program's own file")?;
    let program = own.with_file_name(AGENT);
    if program.is_file() {
        return Ok(program);
    }
    Err(invalid(format!(
        "there is no {}, which is to work on the hosts; give --node-prep FILE",
        program.display()
    )))
}

/// The first line of a file that others cannot read.
fn password(path: &Path) -> Result<Secret> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    let failed = |error| invalid(format!("failed to read {shown}: {error}"));
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(invalid(format!(
            "others can read {shown}: `chmod 600` it, and think of another password"
        )));
    }
    let text = Secret::new(fs::read_to_string(path).map_err(failed)?);
    let line = text.expose().lines().next().unwrap_or_default();
    if line.is_empty() || line.len() > LONGEST {
        return Err(invalid(format!("the first line of {shown} is no password")));
    }
    Ok(Secret::new(line))
}

/// Where a program keeps what is to outlive it and is no configuration (XDG base directories).
fn state() -> Result<PathBuf> {
    let of = |name: &str| {
        let folder = std::env::var_os(name).map(PathBuf::from)?;
        folder.is_absolute().then_some(folder)
    };
    let state = of("XDG_STATE_HOME").or_else(|| Some(of("HOME")?.join(".local/state")));
    let state =
        state.ok_or_else(|| invalid("there is no HOME; say where logs are written: --logs"))?;
    Ok(state.join("k8s-cluster"))
}

/// A name as a folder's: one step, and never a way out.
fn folder_of(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// Who asks, for the hosts' journals.
fn by() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let desk = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{desk}")
}
