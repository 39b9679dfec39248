//! Kubernetes' own programs and the kubelet's service.

use super::look::{Looker, UnitFile};
use super::{Findings, Looked, Purpose, fail, pass, skip, warn};
use crate::data::kubernetes;
use crate::host::HostError;
use crate::spec::{KubernetesVersion, Minor};

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    if looker.purpose == Purpose::Init {
        found.live(looker, "KubernetesVersion", kubernetes_version);
    }
    if looker.becomes_node() {
        found.live(looker, "KubeletVersion", kubelet_version);
        found.add("Service-Kubelet", service_kubelet(looker));
    }
}

const INSTALL: &str = "`node-prep apply` with `kubernetes` in node.yaml installs it";

/// What `PROGRAM ARGUMENTS` says it is.
enum Found {
    Missing,
    Version(KubernetesVersion),
    Nonsense(String),
}

fn ask(looker: &Looker<'_>, argv: &[&str]) -> Result<Found, HostError> {
    let Some(output) = looker.ask(argv)? else { return Ok(Found::Missing) };
    // `v1.35.4`, or `Kubernetes v1.35.4`; what follows a dash or a plus is the builder's.
    let said = output.stdout.trim();
    let last = said.split_whitespace().next_back().unwrap_or_default();
    let number = last.split(['-', '+']).next().unwrap_or_default();
    Ok(match number.parse() {
        Ok(version) if output.is_ok() => Found::Version(version),
        _ => Found::Nonsense(if said.is_empty() { output.stderr } else { output.stdout }),
    })
}

fn nonsense(program: &str, said: &str) -> super::Outcome {
    let said = said.lines().next().unwrap_or_default();
    fail(
        format!("{program} does not tell its version: {said:?}"),
        format!("install {program} anew"),
    )
}

fn kubernetes_version(looker: &Looker<'_>) -> Looked {
    let found = match ask(looker, &["kubeadm", "version", "-o", "short"])? {
        Found::Missing => return Ok(fail("kubeadm is not installed", INSTALL)),
        Found::Nonsense(said) => return Ok(nonsense("kubeadm", &said)),
        Found::Version(version) => version,
    };
    let Some(wanted) = looker.node.kubernetes.as_ref().map(|kubernetes| kubernetes.version) else {
        return Ok(pass(format!("kubeadm is {found}; no version is wished")));
    };
    let message = format!("kubeadm is {found}, wished is {wanted}");
    let help = format!("install kubeadm {}", wanted.minor);
    Ok(if found.minor.minor > wanted.minor.minor + 1 {
        fail(format!("{message}: kubeadm makes only its own minor and the one before it"), help)
    } else if found < wanted {
        warn(format!("{message}: kubeadm is older"), help)
    } else {
        pass(message)
    })
}

fn kubelet_version(looker: &Looker<'_>) -> Looked {
    let found = match ask(looker, &["kubelet", "--version"])? {
        Found::Missing => return Ok(fail("the kubelet is not installed", INSTALL)),
        Found::Nonsense(said) => return Ok(nonsense("kubelet", &said)),
        Found::Version(version) => version,
    };
    let Some(wanted) = looker.minor() else {
        return Ok(pass(format!("the kubelet is {found}; no version is wished")));
    };
    let message = format!("the kubelet is {found}, the control plane {wanted}");
    Ok(if kubernetes::skew().kubelet_fits(found.minor, wanted) {
        pass(message)
    } else {
        let oldest = Minor {
            minor: wanted.minor - kubernetes::skew().kubelet_older.min(wanted.minor),
            ..wanted
        };
        fail(message, format!("install a kubelet from {oldest} to {wanted}"))
    })
}

fn service_kubelet(looker: &Looker<'_>) -> Looked {
    Ok(match looker.unit("kubelet.service")? {
        UnitFile::Enabled => pass("kubelet.service is started at every boot"),
        UnitFile::Missing if !looker.facts.systemd && looker.facts.live => {
            skip("systemd does not run this host")
        }
        UnitFile::Missing => warn("there is no kubelet.service", INSTALL),
        UnitFile::Masked => {
            warn("kubelet.service is masked", "`systemctl unmask kubelet.service`, then enable it")
        }
        UnitFile::Disabled => warn(
            "kubelet.service is not started at boot",
            "`systemctl enable kubelet.service`; `node-prep apply` with `kubelet` in node.yaml does it",
        ),
    })
}
