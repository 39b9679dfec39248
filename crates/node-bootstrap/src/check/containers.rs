//! The container runtime: whether it answers, is new enough, and agrees with the kubelet.

use super::look::Looker;
use super::{Findings, Looked, Outcome, fail, pass, skip, warn};
use crate::data::kubernetes;
use crate::host::{HostError, folder_of, name_of};
use crate::spec::CgroupDriver;
use crate::text::TextError;
use crate::text::containerd::{Settings, Version, imports, read};

const CONFIG: &str = "/etc/containerd/config.toml";
/// Sockets at which a runtime may listen, as kubeadm knows them.
const SOCKETS: [&str; 3] =
    ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/cri-dockerd.sock"];

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    if !looker.becomes_node() {
        return;
    }
    found.live(looker, "CRI", cri);
    found.live(looker, "ContainerdVersion", containerd_version);
    found.add("CgroupDriverMatch", cgroup_driver_match(looker));
    found.add("SandboxImage", sandbox_image(looker));
}

fn cri(looker: &Looker<'_>) -> Looked {
    // The kernel lists what is listened on: a file of a dead runtime is not in it.
    let sockets = looker.text("/proc/net/unix")?;
    let listened: Vec<&str> = sockets.lines().filter_map(listened_at).collect();
    let there: Vec<&str> = SOCKETS
        .into_iter()
        .filter(|path| {
            let former = format!("/var{path}");
            listened.iter().any(|at| at == path || *at == former)
        })
        .collect();
    let settings = match config(looker)? {
        Ok(settings) => settings,
        Err(error) => return Ok(broken(&error)),
    };
    Ok(match there[..] {
        [] => fail(
            "no container runtime listens",
            "`systemctl status containerd` tells why; `node-prep apply` with `containerd` in node.yaml installs it",
        ),
        [SOCKET, ..] if settings.cri_disabled => fail(
            format!("{CONFIG} switches the CRI plugin off (`disabled_plugins`)"),
            "take it out of the list and restart containerd; `node-prep apply` does both",
        ),
        [one] => pass(format!("a container runtime listens at {one}")),
        _ => warn(
            format!("more than one container runtime listens: {}", there.join(", ")),
            "say which one to kubeadm (`criSocket`), or stop the others",
        ),
    })
}

const SOCKET: &str = SOCKETS[0];

/// The path of a socket that is listened at: flag 10000 is `SO_ACCEPTCON`.
fn listened_at(line: &str) -> Option<&str> {
    let mut fields = line.split_whitespace();
    let flags = fields.nth(3)?;
    let path = fields.nth(3)?;
    (flags == "00010000").then_some(path)
}

/// What containerd is told, drop-ins included.
fn config(looker: &Looker<'_>) -> Result<Result<Settings, TextError>, HostError> {
    let main = looker.text(CONFIG)?;
    let patterns = match imports(&main) {
        Ok(patterns) => patterns,
        Err(error) => return Ok(Err(error)),
    };
    let mut texts = vec![main];
    for pattern in patterns {
        let (folder, name) = (folder_of(&pattern), name_of(&pattern));
        let (start, end) = name.split_once('*').unwrap_or((name, ""));
        for file in looker.host.list(folder)? {
            let fits = if name.contains('*') {
                file.len() >= start.len() + end.len()
                    && file.starts_with(start)
                    && file.ends_with(end)
            } else {
                file == name
            };
            if fits {
                texts.push(looker.text(&format!("{folder}/{file}"))?);
            }
        }
    }
    Ok(read(texts.iter().map(String::as_str)))
}

fn broken(error: &TextError) -> Outcome {
    fail(format!("{CONFIG} or a file that it imports: {error}"), "mend it, and restart containerd")
}

fn containerd_version(looker: &Looker<'_>) -> Looked {
    let Some(found) = looker.containerd()? else {
        let told = "there is no containerd, or it does not tell its version";
        return Ok(if looker.has("crio") { pass("CRI-O is the runtime") } else { skip(told) });
    };
    let message = format!("containerd is {}.{}.{}", found.major, found.minor, found.patch);
    let Some(minor) = looker.minor().and_then(kubernetes::find) else {
        return Ok(pass(message));
    };
    let (major, floor) = minor.containerd_floor;
    let help = "take a newer one: `containerd: {source: docker}` in node.yaml";
    Ok(if !minor.takes_containerd((found.major, found.minor)) {
        fail(format!("{message}; Kubernetes {} needs {major}.{floor}", minor.minor), help)
    } else if found.major < 2 {
        warn(format!("{message}; Kubernetes 1.35 is the last that takes 1.x"), help)
    } else {
        pass(message)
    })
}

/// The driver that the kubelet is told: its own file counts, as kubeadm wrote it.
fn kubelet_driver(looker: &Looker<'_>) -> Result<CgroupDriver, HostError> {
    let written = looker.text("/var/lib/kubelet/config.yaml")?;
    let line = written.lines().find_map(|line| line.strip_prefix("cgroupDriver:"));
    Ok(match line.map(|value| value.trim().trim_matches('"')) {
        Some("cgroupfs") => CgroupDriver::Cgroupfs,
        Some(_) => CgroupDriver::Systemd,
        None => looker.node.kubelet.as_ref().map_or(CgroupDriver::Systemd, |it| it.cgroup_driver),
    })
}

fn cgroup_driver_match(looker: &Looker<'_>) -> Looked {
    if !looker.has("containerd") {
        return Ok(skip("there is no containerd"));
    }
    let settings = match config(looker)? {
        Ok(settings) => settings,
        Err(error) => return Ok(broken(&error)),
    };
    let name = |systemd: bool| if systemd { "systemd" } else { "cgroupfs" };
    let of_containerd = settings.systemd_cgroup.unwrap_or(false);
    let of_kubelet = kubelet_driver(looker)? == CgroupDriver::Systemd;
    let message = format!(
        "control groups are made by {} for containerd, by {} for the kubelet",
        name(of_containerd),
        name(of_kubelet)
    );
    let help =
        format!("set SystemdCgroup of runc to {of_kubelet} in {CONFIG}, and restart containerd");
    Ok(if of_containerd == of_kubelet {
        pass(message)
    } else if looker.containerd()?.is_some_and(Version::tells_cgroup_driver) {
        warn(format!("{message}; the kubelet will follow containerd"), help)
    } else {
        fail(message, help)
    })
}

fn sandbox_image(looker: &Looker<'_>) -> Looked {
    if !looker.has("containerd") {
        return Ok(skip("there is no containerd"));
    }
    let settings = match config(looker)? {
        Ok(settings) => settings,
        Err(error) => return Ok(broken(&error)),
    };
    let node = looker.node;
    let repository = node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.image_repository.as_deref());
    let of_minor = looker
        .minor()
        .and_then(kubernetes::find)
        .map(|minor| minor.pause_image(repository.unwrap_or("registry.k8s.io")));
    let own = node.containerd.as_ref().and_then(|containerd| containerd.sandbox_image.clone());
    let Some(wanted) = own.or(of_minor) else {
        return Ok(skip("no version of Kubernetes is wished"));
    };
    let help = format!("set it to {wanted} in {CONFIG}, and restart containerd");
    Ok(match settings.sandbox_image {
        Some(found) if found == wanted => pass(format!("the pause image is {found}")),
        Some(found) => warn(format!("the pause image is {found}, that of kubeadm {wanted}"), help),
        None => warn(format!("{CONFIG} names no pause image; that of kubeadm is {wanted}"), help),
    })
}
