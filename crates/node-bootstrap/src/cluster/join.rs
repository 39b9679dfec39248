//! The host joins a cluster.

use super::documents::{self, Given, Invitation};
use super::found::Found;
use super::{document_error, patch, reset};
use crate::change::kubeadm::{UNFINISHED, Verb};
use crate::change::{Change, ChangeError};
use crate::kubeadm::{Document, render, render_redacted};
use crate::plan::{Planning, Step};
use crate::spec::Role;

/// `kubeadm join`, where the host is not in this cluster yet.
#[derive(Debug, Clone)]
pub struct Join {
    /// Where, and what lets it in. A control plane has a certificate key.
    pub invitation: Invitation,
    /// Names of kubeadm's checks whose errors become warnings, beside those of `node.yaml`.
    pub ignore_preflight_errors: Vec<String>,
}

impl Step for Join {
    fn id(&self) -> &'static str {
        "join"
    }

    fn why(&self) -> &'static str {
        "kubeadm makes the host a node of a cluster that is there: a worker, or another control plane. The cluster is known by the \
         key of its authority. What a run that was cut short has left is taken away first."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        if !planning.is_live() {
            planning.refuse("a host joins while it runs, a tree of files cannot: leave out --root");
            return Ok(());
        }
        let becomes_control_plane = self.invitation.certificate_key.is_some();
        match planning.node.role {
            Role::ControlPlane if !becomes_control_plane => {
                planning.refuse(
                    "node.yaml has `role: control-plane`, which joins with --control-plane and a certificate key",
                );
                return Ok(());
            }
            Role::Worker if becomes_control_plane => {
                planning.refuse("node.yaml has `role: worker`; leave out --control-plane");
                return Ok(());
            }
            _ => {}
        }
        match Found::of(planning)? {
            Found::Nothing => {}
            Found::Half { unfinished, what } => reset(planning, &unfinished, &what)?,
            Found::Doubtful { why } => {
                planning.refuse(why);
                return Ok(());
            }
            Found::Node(node) if node.authority != self.invitation.ca_cert_hash => {
                let cluster = if node.server.is_empty() {
                    "there are files of another cluster in /etc/kubernetes".to_owned()
                } else {
                    format!("this host is a node of another cluster, at {}", node.server)
                };
                planning.refuse(format!("{cluster}; have `node-prep reset` take it out first"));
                return Ok(());
            }
            Found::Node(node) if node.is_control_plane != becomes_control_plane => {
                let what = if node.is_control_plane { "a control plane" } else { "a worker" };
                planning.refuse(format!(
                    "this host is {what} of this cluster already; to make it something else, have `node-prep reset` take it out first"
                ));
                return Ok(());
            }
            Found::Node(node) => {
                if node.is_marked {
                    planning.remove(UNFINISHED)?;
                }
                return Ok(());
            }
        }
        let given = Given {
            ignore_preflight_errors: self.ignore_preflight_errors.clone(),
            patches: patch(planning, true)?,
        };
        let configuration = documents::join(planning.node, &self.invitation, &given);
        let all = [Document::Join(&configuration)];
        let document = render(&all).map_err(document_error)?;
        let shown = render_redacted(&all).map_err(document_error)?;
        planning.live_shown(Change::Kubeadm { verb: Verb::Join, document }, shown);
        Ok(())
    }
}
