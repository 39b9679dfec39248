//! `install-kubectl`: the kubectl of the cluster comes to the desk.

use std::fs;
use std::path::Path;

use ::cli::{Exit, bytes, invalid, note};
use anyhow::{Context, Result, bail};
use fleet::survey::Depth;
use node_bootstrap::host::sha256;

use crate::desk::{Desk, silence};
use crate::{cli, private};

/// Where packages of Kubernetes put it.
const KUBECTL: &str = "/usr/bin/kubectl";

pub(crate) fn install(asked: &cli::Desk, folder: &Path) -> Result<Exit> {
    if !folder.is_dir() {
        return Err(invalid(format!(
            "there is no folder {}; give one with --to",
            folder.display()
        )));
    }
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let surveys = desk.survey(
        desk.inventory.with_role(topology::inventory::HostRole::ControlPlane),
        &std::collections::BTreeMap::new(),
        Depth::default(),
    );
    let seen = desk.seen(&surveys);
    let speaker = seen.speaker().with_context(|| silence(seen))?;
    let survey = seen.of(&speaker.name).context("it did not say what it is")?;
    let (server, version) = (&survey.versions.api_server, &survey.versions.kubectl);
    let (Some(server), Some(version)) = (server, version) else {
        bail!("{} has no kubectl, or its API server's version is not known", speaker.name)
    };
    let here = rustix::system::uname().machine().to_string_lossy().into_owned();
    if here != survey.architecture {
        bail!(
            "{} is {}, and this machine {here}: take kubectl {server} for it from https://dl.k8s.io/release/v{server}/bin/",
            speaker.name,
            survey.architecture
        );
    }
    let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    if minor(server) != minor(version) {
        note(&format!("kubectl there is {version}, and the API server {server}"));
    }
    let path = folder.join("kubectl");
    // Only where it is another one: what stands there may be of a package.
    let mut content = Vec::new();
    desk.contact.fetch(&speaker.name, KUBECTL, &mut content)?;
    if !content.starts_with(b"\x7fELF") {
        bail!("{KUBECTL} of {} is no program", speaker.name);
    }
    if fs::read(&path).is_ok_and(|standing| standing == content) {
        note(&format!("{} is kubectl {version} already", path.display()));
        return Ok(Exit::Ok);
    }
    if path.exists() {
        return Err(invalid(format!(
            "{} is another kubectl; move it away, or give another folder with --to",
            path.display()
        )));
    }
    private::create(&path, 0o755, |file| Ok(file.write_all(&content)?))?;
    let sum = sha256(&content);
    let size = bytes(content.len() as u64);
    note(&format!(
        "{} is kubectl {version} of {} ({size}, SHA-256 {sum})",
        path.display(),
        speaker.name
    ));
    Ok(Exit::Ok)
}
