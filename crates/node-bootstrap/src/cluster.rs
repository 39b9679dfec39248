//! From a prepared host to a node of a cluster: `kubeadm init` and `kubeadm join`, and what belongs to them.
//!
//! kubeadm is not called with many arguments, but with a file that is made from `node.yaml`. [`Init`] and [`Join`] are
//! [steps](crate::plan::Step) like others: they show what they would do, and their changes are in the journal. What comes
//! after the first, [`after_init`], needs the files that kubeadm has made, so it is planned when they are there.

mod documents;
mod ended;
mod found;
mod init;
mod join;
mod kubeconfig;
mod network;
mod part;
mod single_node;
#[cfg(test)]
mod tests;
mod token;
mod upgrade;
mod wait;

pub use documents::{Given, InitDocuments, Invitation, PATCHES, init, join, kubelet_patch};
pub(crate) use ended::Ended;
pub use found::{ADMIN, KUBELET};
pub(crate) use found::{Found, kubectl};
pub use init::Init;
pub use join::Join;
pub use kubeconfig::Kubeconfigs;
pub use network::{MANIFEST, Network, needs};
pub use part::{
    InitPlan, Preflight, PreflightError, Ready, ReadyError, is_fresh, plan_init, plan_of,
    preflight, ready,
};
pub use single_node::SingleNode;
pub use token::{
    ListedToken, TokenError, certificates_token, create, delete, invite, list, upload_certificates,
};
pub use upgrade::Upgrade;
pub(crate) use upgrade::upgrade_left;
pub use wait::{NotReady, has_network, node_name, wait_ready};

use crate::change::kubeadm::{DOCUMENT, Unfinished, Verb, reset_document};
use crate::change::{Change, ChangeError};
use crate::edit::{Edit, EditError};
use crate::plan::{Planning, Step};
use crate::steps::cluster_dns::kubelet::{Resolver, resolver};

/// What has to be done once the control plane is there. It needs what was fetched for [`needs`].
#[must_use]
pub fn after_init() -> &'static [&'static dyn Step] {
    &[&Kubeconfigs, &SingleNode, &Network]
}

fn document_error(fault: impl std::fmt::Display) -> ChangeError {
    ChangeError::Edit { path: DOCUMENT.to_owned(), source: EditError::new(fault) }
}

/// Takes away what a run that was cut short has left.
fn reset(
    planning: &mut Planning<'_>,
    unfinished: &Unfinished,
    what: &str,
) -> Result<(), ChangeError> {
    planning.note(format!("{what}; what it left is taken away, and it begins anew"));
    let document = reset_document(unfinished.own_authority, !unfinished.own_data)?;
    planning.live(Change::Kubeadm { verb: Verb::Reset, document });
    Ok(())
}

/// Writes what is true of this host's kubelet alone where kubeadm looks for it. Answers whether there is anything.
fn patch(planning: &mut Planning<'_>, joins: bool) -> Result<bool, ChangeError> {
    let path = format!("{PATCHES}/kubeletconfiguration+merge.yaml");
    let resolv_conf = resolv_conf(planning)?;
    let Some(text) = kubelet_patch(planning.node, resolv_conf, joins).map_err(document_error)?
    else {
        planning.remove(&path)?;
        return Ok(false);
    };
    planning.write(&path, Edit::Content(text), Some(0o644))?;
    Ok(true)
}

/// The file with name servers that pods can reach, where it is not the host's own: the same that the step of the kubelet
/// gives it.
fn resolv_conf(planning: &mut Planning<'_>) -> Result<Option<String>, ChangeError> {
    Ok(match resolver(planning)? {
        Resolver::Own => None,
        Resolver::File { path, .. } => Some(path),
        Resolver::Loop(why) => {
            planning.refuse(why);
            None
        }
    })
}
