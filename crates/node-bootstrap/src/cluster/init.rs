//! The host becomes the first control plane of a cluster.

use super::documents::{self, Given};
use super::found::Found;
use super::{document_error, patch, reset};
use crate::change::kubeadm::{UNFINISHED, Verb};
use crate::change::{Change, ChangeError};
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec::{KubernetesVersion, Role};

/// `kubeadm init`, where there is no cluster yet.
#[derive(Debug, Clone, Default)]
pub struct Init {
    /// Names of kubeadm's checks whose errors become warnings, beside those of `node.yaml`.
    pub ignore_preflight_errors: Vec<String>,
}

impl Step for Init {
    fn id(&self) -> &'static str {
        "init"
    }

    fn why(&self) -> &'static str {
        "kubeadm makes the host the first control plane of a new cluster. It reads a file made from node.yaml. What a run that was \
         cut short has left is taken away first."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        if !planning.is_live() {
            planning.refuse(
                "a cluster is made on a host that runs, not in a tree of files: leave out --root",
            );
            return Ok(());
        }
        if planning.node.role == Role::Worker {
            planning.refuse("node.yaml has `role: worker`; a cluster begins with a control plane");
            return Ok(());
        }
        match Found::of(planning)? {
            Found::Nothing => {
                if planning.exists("/etc/kubernetes/pki/ca.crt")? {
                    planning.note("the cluster gets the authority that is in /etc/kubernetes/pki");
                }
            }
            Found::Half { unfinished, what } => reset(planning, &unfinished, &what)?,
            Found::Doubtful { why } => {
                planning.refuse(why);
                return Ok(());
            }
            Found::Node(node) if !node.is_control_plane => {
                planning.refuse(if node.server.is_empty() {
                    "there are files of a cluster in /etc/kubernetes, and this host is not its node; move admin.conf and \
                     kubelet.conf away"
                        .to_owned()
                } else {
                    format!(
                        "this host is a worker of the cluster at {}; have `node-prep reset` take it out first",
                        node.server
                    )
                });
                return Ok(());
            }
            Found::Node(node) if node.answers => {
                if node.is_marked {
                    planning.remove(UNFINISHED)?;
                }
                return Ok(());
            }
            Found::Node(_) => {
                planning.refuse(
                    "there is a control plane here that this program has not made or that was in use, and its API server does not \
                     answer; look at `journalctl -u kubelet` and `crictl ps -a`, and have `node-prep reset` take it away if it is \
                     not needed",
                );
                return Ok(());
            }
        }
        let Some(version) = version(planning)? else { return Ok(()) };
        let given = Given {
            ignore_preflight_errors: self.ignore_preflight_errors.clone(),
            patches: patch(planning, false)?,
        };
        let documents = documents::init(planning.node, &version, &given);
        let document = documents.render().map_err(document_error)?;
        let shown = documents.shown().map_err(document_error)?;
        planning.live_shown(Change::Kubeadm { verb: Verb::Init, document }, shown);
        Ok(())
    }
}

/// The version that kubeadm shall install. kubeadm would ask the Internet for the newest patch of a minor, so where
/// `node.yaml` names none it is kubeadm's own.
pub(super) fn version(planning: &mut Planning<'_>) -> Result<Option<String>, HostError> {
    let own = match planning.look(&["kubeadm", "version", "-o", "short"]) {
        Ok(output) if output.is_ok() => output.stdout.trim().to_owned(),
        Ok(_) | Err(HostError::Run { .. }) => {
            planning.refuse("kubeadm is not installed; `node-prep apply` installs it");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(wish) = &planning.node.kubernetes else { return Ok(Some(own)) };
    // What follows a patch, as in v1.36.0-rc.1, does not matter here.
    let known = own.split(['-', '+']).next().and_then(|own| own.parse::<KubernetesVersion>().ok());
    if known.is_some_and(|known| known.minor != wish.version.minor) {
        let wanted = wish.version;
        planning.refuse(format!(
            "kubeadm is {own}, and node.yaml wants Kubernetes {wanted}; `node-prep apply` installs the kubeadm of it"
        ));
        return Ok(None);
    }
    Ok(Some(if wish.version.patch.is_some() { format!("v{}", wish.version) } else { own }))
}
