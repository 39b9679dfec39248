//! The manifest of the network plugin.

use super::found::{ADMIN, kubectl};
use crate::change::{Change, ChangeError};
use crate::edit::Edit;
use crate::fetch::Need;
use crate::host::{Host, HostError, sha256};
use crate::plan::{Planning, Step};
use crate::spec::{Cni, Node};

/// Where a manifest that was fetched is kept.
pub const MANIFEST: &str = "/etc/kubernetes/node-prep/network.yaml";

/// The network plugin, without which no node becomes Ready.
#[derive(Debug, Clone, Copy)]
pub struct Network;

/// What has to be fetched for [`Network`]; nothing where `node.yaml` names a file, or no plugin, or it is on the host.
///
/// # Errors
/// If the host cannot be looked at.
pub fn needs(host: &dyn Host, node: &Node) -> Result<Option<Need>, HostError> {
    let Some(Cni { url: Some(url), sha256: wanted, .. }) = &node.cni else { return Ok(None) };
    let kept = host.read(MANIFEST)?.map(|content| sha256(&content));
    if kept.is_some() && kept.as_deref() == wanted.as_deref() {
        return Ok(None);
    }
    Ok(Some(Need {
        what: "the manifest of the network plugin".to_owned(),
        place: url.clone(),
        sha256: wanted.clone(),
    }))
}

impl Step for Network {
    fn id(&self) -> &'static str {
        "network"
    }

    fn why(&self) -> &'static str {
        "Pods of different hosts reach each other by a network plugin, which kubeadm does not bring. Its manifest is applied; it comes \
         from a file, or from a URL with its SHA-256."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = planning.node.cni.clone() else { return Ok(()) };
        if !planning.exists(ADMIN)? {
            planning.refuse(format!("there is no {ADMIN}: `node-prep init` makes it"));
            return Ok(());
        }
        // A file that is at the desk comes with the wish, as if it had been fetched.
        let here = wish.file.as_ref().filter(|file| planning.fetched(file).is_none());
        let (path, is_same) = if let Some(file) = here {
            let Some(content) = planning.text(file)? else {
                planning.refuse(format!("cni: there is no file {file}"));
                return Ok(());
            };
            if !fits(planning, &wish, file, &content) {
                return Ok(());
            }
            (file.clone(), true)
        } else {
            let from = wish.file.clone().or_else(|| wish.url.clone()).unwrap_or_default();
            let fetched = planning.fetched(&from).map(|bytes| String::from_utf8(bytes.to_vec()));
            // What is not fetched again is here.
            let kept = if fetched.is_none() { planning.text(MANIFEST)? } else { None };
            let Some(content) = fetched.and_then(Result::ok).or(kept) else {
                planning.refuse(format!("cni: {from} was not fetched, or is not text"));
                return Ok(());
            };
            if !fits(planning, &wish, &from, &content) {
                return Ok(());
            }
            let is_same = planning.text(MANIFEST)?.as_deref() == Some(content.as_str());
            // It is no secret, but too long for a plan to show and a journal to keep.
            planning.write(MANIFEST, Edit::Secret(content.into()), Some(0o600))?;
            (MANIFEST.to_owned(), is_same)
        };
        if is_same && is_applied(planning, &path)? {
            return Ok(());
        }
        let words = |argv: Vec<&str>| argv.into_iter().map(str::to_owned).collect();
        let argv = ["--request-timeout=60s", "apply", "--server-side", "-f", &path];
        let undo = ["delete", "--ignore-not-found", "--wait=false", "-f", &path];
        planning.live(Change::Run {
            argv: words([&["kubectl", "--kubeconfig", ADMIN][..], &argv].concat()),
            creates: None,
            undo: Some(words(kubectl(&undo))),
        });
        Ok(())
    }
}

/// Whether it has the checksum that `node.yaml` names.
fn fits(planning: &mut Planning<'_>, wish: &Cni, from: &str, content: &str) -> bool {
    let found = sha256(content.as_bytes());
    match &wish.sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&found) => {
            planning.refuse(format!(
                "cni: {from} has the SHA-256 {found}, and node.yaml names {wanted}; it is not what it was when that was written"
            ));
            false
        }
        _ => true,
    }
}

/// Whether the cluster has all that the manifest says. What kubectl cannot tell is applied again: that changes nothing
/// which is there already.
fn is_applied(planning: &Planning<'_>, path: &str) -> Result<bool, HostError> {
    Ok(planning.look(&kubectl(&["diff", "--server-side", "-f", path]))?.is_ok())
}
