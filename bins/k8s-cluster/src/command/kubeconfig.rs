//! `kubeconfig`: the administrator's access comes to the desk.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ::cli::{Exit, invalid, note};
use anyhow::{Context, Result, bail};
use fleet::ask;
use node_bootstrap::agent::{Answer, Request};
use node_bootstrap::kubeadm::kubeconfig::Kubeconfig;

use crate::desk::Desk;
use crate::{cli, private};

pub(crate) fn kubeconfig(asked: &cli::Desk, to: Option<&Path>) -> Result<Exit> {
    let path = match to {
        Some(path) => path.to_owned(),
        None => of_user()?,
    };
    let shown = path.display().to_string();
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let speaker = desk.speaker()?;
    let Answer::Text(text) = ask(&*desk.contact, &speaker, &Request::AdminConfig, &desk.teller)?
    else {
        bail!("{speaker} answered something else than its kubeconfig")
    };
    let admin = Kubeconfig::read(&format!("the kubeconfig of {speaker}"), text.expose())?;
    let standing = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(invalid(format!("failed to read {shown}: {error}"))),
    };
    let before = Kubeconfig::read(&shown, &standing).map_err(|error| invalid(error.to_string()))?;
    let mut after = before.clone();
    let context = after.admit(&admin)?;
    if before == after {
        note(&format!("{shown} has the access to the cluster already, as the context {context}"));
        return Ok(Exit::Ok);
    }
    if let files::Outcome::Replaced { backup: Some(backup) } =
        private::replace(&path, after.write()?.expose().as_bytes())?
        && !standing.is_empty()
    {
        note(&format!("what stood there is in {}", backup.display()));
    }
    note(&format!("{shown} has the access to the cluster, as the context {context}"));
    Ok(Exit::Ok)
}

/// Where kubectl looks; the folder is made.
fn of_user() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| invalid("there is no HOME; say --to FILE"))?;
    let folder = PathBuf::from(home).join(".kube");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder.join("config"))
}
