//! Ports, files and folders that have to be free, programs that have to be there, and room on the disk.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::look::Looker;
use super::{Findings, Looked, Outcome, Purpose, Verdict, fail, pass, skip, warn};
use crate::data::preflight;
use crate::listening;
use crate::spec::{ExternalEtcd, Minor};

const MANIFESTS: &str = "/etc/kubernetes/manifests";
const KUBELET: u16 = 10250;
/// With less than this on /var, in GiB, the kubelet soon throws pods out.
const SCARCE: u64 = 2;
/// With less than this a few images fill it.
const LITTLE: u64 = 10;

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    if looker.becomes_node() {
        add_ports(looker, found);
        for path in files(looker) {
            found.add(format!("FileAvailable-{}", path.replace('/', "-")), is_free(looker, &path));
        }
    }
    if looker.has_etcd() {
        found.add("DirAvailable--var-lib-etcd", is_empty(looker, "/var/lib/etcd"));
    }
    if let Some(etcd) = external_etcd(looker) {
        found.add(
            "ExternalEtcdVersion",
            Ok(skip("it is not asked: kubeadm itself does so at init")),
        );
        found.add("ExternalEtcdClientCertificates", client_certificates(looker, etcd));
    }
    let minor = looker.minor().unwrap_or(Minor::new(u32::MAX));
    for program in preflight::get().programs_of(minor) {
        let there = looker.has(&program.name);
        let told = if there { "is there" } else { "is in no folder of programs" };
        let verdict = match (there, program.mandatory) {
            (true, _) => Verdict::Pass,
            (false, true) => Verdict::Fail,
            (false, false) => Verdict::Warn,
        };
        let help = (!there).then(|| format!("install the package with {}", program.name));
        let message = format!("{} {told}", program.name);
        found.add(format!("FileExisting-{}", program.name), Ok(Outcome { verdict, message, help }));
    }
    found.live(looker, "DiskSpace", disk_space);
}

/// The etcd elsewhere that a control plane shall use.
fn external_etcd<'l>(looker: &'l Looker<'_>) -> Option<&'l ExternalEtcd> {
    let etcd = looker.node.kubeadm.as_ref()?.etcd.as_ref()?;
    etcd.external.as_ref().filter(|_| looker.becomes_control_plane())
}

fn client_certificates(looker: &Looker<'_>, etcd: &ExternalEtcd) -> Looked {
    let mut missing = Vec::new();
    for path in [&etcd.ca_file, &etcd.cert_file, &etcd.key_file] {
        if !looker.exists(path)? {
            missing.push(path.as_str());
        }
    }
    Ok(if missing.is_empty() {
        pass("the certificates for etcd are there")
    } else {
        let help = "copy them from a machine of etcd (`etcd.external`)";
        fail(format!("{} is not there", missing.join(", ")), help)
    })
}

fn add_ports(looker: &Looker<'_>, found: &mut Findings) {
    let bind = looker.node.kubeadm.as_ref().map_or(6443, |kubeadm| kubeadm.bind_port);
    let mut wanted = Vec::new();
    if looker.becomes_control_plane() {
        wanted.extend([bind, 10259, 10257]);
    }
    wanted.push(KUBELET);
    if looker.has_etcd() {
        wanted.extend([2379, 2380]);
    }
    let taken = if looker.facts.live { listening::all(looker.host).map(Some) } else { Ok(None) };
    for port in wanted {
        let outcome = match &taken {
            Ok(None) => Ok(skip("the host does not run")),
            Ok(Some(taken)) => Ok(port_free(port, taken)),
            Err(error) => Ok(fail(super::told_whole(error), "have /proc readable")),
        };
        found.add(format!("Port-{port}"), outcome);
    }
}

fn port_free(port: u16, taken: &BTreeSet<SocketAddr>) -> Outcome {
    let by: Vec<String> =
        taken.iter().filter(|at| at.port() == port).map(|at| at.ip().to_string()).collect();
    if by.is_empty() {
        return pass(format!("nobody listens on port {port}"));
    }
    fail(
        format!("somebody listens on port {port} of {}", by.join(", ")),
        format!(
            "`ss -ltnp sport = :{port}` tells who; after a former cluster `node-prep reset` ends it"
        ),
    )
}

/// What kubeadm would write and does not overwrite.
fn files(looker: &Looker<'_>) -> Vec<String> {
    let mut files = Vec::new();
    if looker.becomes_control_plane() {
        for part in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"] {
            files.push(format!("{MANIFESTS}/{part}.yaml"));
        }
    }
    if let Purpose::Join { control_plane } = looker.purpose {
        files.push("/etc/kubernetes/kubelet.conf".to_owned());
        files.push("/etc/kubernetes/bootstrap-kubelet.conf".to_owned());
        if !control_plane {
            files.push("/etc/kubernetes/pki/ca.crt".to_owned());
        }
    }
    files
}

const RESET: &str = "if it is of a former cluster, `node-prep reset` takes it away";

fn is_free(looker: &Looker<'_>, path: &str) -> Looked {
    Ok(if looker.exists(path)? {
        fail(format!("{path} is there"), RESET)
    } else {
        pass(format!("{path} is not there"))
    })
}

fn is_empty(looker: &Looker<'_>, folder: &str) -> Looked {
    let names = looker.host.list(folder)?;
    Ok(if names.is_empty() {
        pass(format!("{folder} is empty or not there"))
    } else {
        let help = "these may be the data of a cluster: save them; `node-prep reset --with-data` takes them away";
        fail(format!("{folder} holds {}", names.join(", ")), help)
    })
}

fn disk_space(looker: &Looker<'_>) -> Looked {
    // Of a folder that is not there yet the nearest one above it.
    let mut folder = "/var/lib/containerd";
    while folder != "/" && !looker.exists(folder)? {
        folder = crate::host::folder_of(folder);
    }
    let Some(output) = looker.ask(&["df", "-Pk", "--", folder])? else {
        return Ok(skip("there is no program df"));
    };
    let available = output.stdout.lines().nth(1).and_then(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3)?.parse::<u64>().ok()
    });
    let Some(available) = available else {
        return Ok(skip(format!("df does not tell how much is free at {folder}")));
    };
    let gib = available >> 20;
    let message = format!("{gib} GiB are free at {folder}");
    let help = "images and logs need room: give /var more, or a disk of its own";
    Ok(match gib {
        0..SCARCE => fail(message, help),
        SCARCE..LITTLE => warn(message, help),
        _ => pass(message),
    })
}
