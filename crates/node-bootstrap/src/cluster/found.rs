//! What is there of a cluster on a host.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::change::ChangeError;
use crate::change::kubeadm::{UNFINISHED, Unfinished, Verb};
use crate::host::HostError;
use crate::kubeadm::ca_hash;
use crate::kubeadm::kubeconfig::Kubeconfig;
use crate::plan::Planning;

/// The administrator's kubeconfig of a control plane.
pub const ADMIN: &str = "/etc/kubernetes/admin.conf";
/// The kubeconfig of the kubelet; it may ask for its own node.
pub const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
/// The manifest of the API server of a control plane.
pub(super) const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/// What is there of a cluster on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// What a run of this program left, and nobody uses. It has to be taken away first.
    Half { unfinished: Unfinished, what: String },
    /// What a run of this program left, and nobody can say whether somebody uses it.
    Doubtful { why: String },
    /// A node.
    Node(Node),
}

/// A node of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// The URL of the API server that its kubelet talks to; empty where it cannot be read.
    pub(crate) server: String,
    /// The hash of the key of its cluster's authority; empty where it cannot be read.
    pub(crate) authority: String,
    /// Whether it has the manifests of a control plane.
    pub(crate) is_control_plane: bool,
    /// Whether it is known that its cluster works.
    pub(crate) answers: bool,
    /// Whether a run that was cut short has left its mark although it had come to its end.
    pub(crate) is_marked: bool,
}

impl Found {
    /// Looks for it. Asks the API server only where there is an administrator's kubeconfig.
    pub(crate) fn of(planning: &Planning<'_>) -> Result<Self, ChangeError> {
        // One whose API server is down for a while is one all the same.
        let is_control_plane = planning.is_control_plane()?;
        let has_admin = planning.exists(ADMIN)?;
        let kubelet = planning.text(KUBELET)?;
        let unfinished = planning.text(UNFINISHED)?.map(|text| Unfinished::parse(&text));
        if unfinished.is_none() && !is_control_plane && !has_admin && kubelet.is_none() {
            return Ok(Self::Nothing);
        }
        let answers = has_admin && planning.look(&kubectl(&["get", "--raw", "/readyz"]))?.is_ok();
        let mut node =
            Node { is_control_plane, answers, is_marked: unfinished.is_some(), ..Node::default() };
        if let Some(text) = &kubelet
            && let Ok(config) = Kubeconfig::read(KUBELET, text)
            && let Some(endpoint) = config.endpoint()
        {
            node.server = endpoint.server;
            node.authority = authority(planning, &endpoint.authority)?;
        }
        let Some(unfinished) = unfinished else { return Ok(Self::Node(node)) };
        if let Some(process) = running(planning)? {
            return Ok(Self::Doubtful {
                why: format!("kubeadm still runs (process {process}); wait for its end"),
            });
        }
        let state = match unfinished.verb {
            Verb::Init => init_state(planning, kubelet.as_deref(), answers)?,
            Verb::Join => join_state(planning, kubelet.is_some(), answers, is_control_plane)?,
            _ => State::Half,
        };
        Ok(match state {
            State::Half => Self::Half {
                what: format!(
                    "`kubeadm {}` was begun here and did not end",
                    unfinished.verb.as_str()
                ),
                unfinished,
            },
            State::Whole => Self::Node(node),
            State::Doubtful(why) => Self::Doubtful { why },
        })
    }
}

enum State {
    Half,
    Whole,
    Doubtful(String),
}

/// How far `kubeadm init` came. What may be in use is never taken for a half.
fn init_state(
    planning: &Planning<'_>,
    kubelet: Option<&str>,
    answers: bool,
) -> Result<State, HostError> {
    // Its last but one phase has the kubelet use certificates that are renewed. From there on it may be in use.
    let is_final = kubelet.is_some_and(|text| !text.contains("client-certificate-data"));
    if answers {
        // The last thing that it makes.
        let proxy = ["-n", "kube-system", "get", "daemonset", "kube-proxy", "-o", "name"];
        let proxy = planning.look(&kubectl(&proxy))?;
        if proxy.is_ok() {
            return Ok(State::Whole);
        }
        let nodes = planning.look(&kubectl(&["get", "nodes", "-o", "name"]))?;
        // Its administrator gets his rights before there is anything by which another host could join.
        let is_early = !is_final && nodes.stderr.contains("(Forbidden)");
        let is_alone = nodes.is_ok() && nodes.stdout.lines().count() <= 1;
        let is_missing = proxy.stderr.contains("(NotFound)");
        let why = if !nodes.is_ok() && is_early || is_alone && is_missing {
            return Ok(State::Half);
        } else if is_alone {
            "the API server does not tell how far it came"
        } else if nodes.is_ok() {
            "yet other hosts have joined"
        } else {
            "the API server does not tell its nodes"
        };
        return Ok(State::Doubtful(format!(
            "`kubeadm init` did not end here, and {why}; look at it with kubectl, and have `node-prep reset` take it away if it \
             is not needed"
        )));
    }
    Ok(if is_final {
        State::Doubtful(
            "`kubeadm init` came near its end here, and the API server does not answer; look at `journalctl -u kubelet` and \
             `crictl ps -a`, and have `node-prep reset` take it away if it is not needed"
                .to_owned(),
        )
    } else {
        State::Half
    })
}

/// How far `kubeadm join` came.
fn join_state(
    planning: &Planning<'_>,
    has_kubelet: bool,
    answers: bool,
    is_control_plane: bool,
) -> Result<State, HostError> {
    if !has_kubelet || planning.exists(BOOTSTRAP)? {
        return Ok(State::Half);
    }
    if !is_control_plane {
        return Ok(State::Whole);
    }
    let unknown = |why: &str| {
        State::Doubtful(format!(
            "`kubeadm join` came near its end here, and the API of its cluster {why}, so nobody can say whether it is a control plane \
             now; mend that first. To give it up, have `k8s-cluster remove` take its member out of etcd before it is cleaned"
        ))
    };
    if !answers {
        return Ok(unknown("does not answer"));
    }
    // The last thing that it does is to give the node this label.
    let label = "--selector=node-role.kubernetes.io/control-plane";
    let nodes = planning.look(&kubectl(&["get", "nodes", label, "-o", "name"]))?;
    if !nodes.is_ok() {
        return Ok(unknown("does not tell its nodes"));
    }
    let name = format!("node/{}", node_name(planning));
    Ok(if nodes.stdout.lines().any(|line| line == name) { State::Whole } else { State::Half })
}

/// The process of a kubeadm that runs.
fn running(planning: &Planning<'_>) -> Result<Option<String>, HostError> {
    for process in planning.list("/proc")? {
        if process.bytes().all(|byte| byte.is_ascii_digit())
            // One that ends meanwhile is none.
            && let Ok(Some(name)) = planning.text(&format!("/proc/{process}/comm"))
            && name.trim_end() == "kubeadm"
        {
            return Ok(Some(process));
        }
    }
    Ok(None)
}

/// The hash of the authority that a kubeconfig names: in base64, or by its file.
fn authority(planning: &Planning<'_>, named: &str) -> Result<String, HostError> {
    let pem = if named.starts_with('/') {
        planning.text(named)?
    } else {
        STANDARD.decode(named).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    };
    Ok(pem.and_then(|pem| ca_hash::of_pem(&pem).ok()).unwrap_or_default())
}

/// The name of this host as a node: kubeadm takes the host's, in small letters.
pub(super) fn node_name(planning: &Planning<'_>) -> String {
    planning.facts.hostname.trim().to_lowercase()
}

/// kubectl as the administrator. It does not wait for long.
pub(crate) fn kubectl<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut argv = vec!["kubectl", "--kubeconfig", ADMIN, "--request-timeout=10s"];
    argv.extend(arguments);
    argv
}
