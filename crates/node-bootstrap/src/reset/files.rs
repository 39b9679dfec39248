//! Files and folders that a cluster left.

use super::{Action, ETCD, Options, ResetPlan};
use crate::data::leftovers;
use crate::host::{Host, HostError, Kind, folder_of, name_of};
use crate::kubeadm::kubeconfig::{Endpoint, Kubeconfig};
use crate::spec::Node;
use crate::static_pod;
use crate::text::mounts;

const KUBERNETES: &str = "/etc/kubernetes";
/// What this program has beside kubeadm's own files.
const OURS: &str = "/etc/kubernetes/node-prep";
/// Snapshots of etcd that this program has made.
pub(crate) const SNAPSHOTS: &str = "/var/lib/node-prep/etcd";
const ROOT: &str = "/root";
const CNI: &str = "/etc/cni/net.d";
const ADDRESSES: &str = "/var/lib/cni";
/// What kubeadm and the kubelet write into `/etc/kubernetes`. What else is there is somebody's own, such as the key
/// that etcd's data is encrypted with.
const OF_KUBEADM: [&str; 9] = [
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "bootstrap-kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
    "manifests",
    "pki",
    "tmp",
];
/// Files whose presence means that kubeadm was here.
const TRACES: [&str; 5] = [
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/bootstrap-kubelet.conf",
    "/etc/kubernetes/pki/ca.crt",
    "/var/lib/kubelet/config.yaml",
];
/// What other programs with CNI call theirs.
const FOREIGN: [&str; 2] = ["podman", "nerdctl"];

/// Whether kubeadm was here.
pub(super) fn has_traces(host: &dyn Host) -> Result<bool, HostError> {
    for path in TRACES {
        if host.entry(path)?.is_some() {
            return Ok(true);
        }
    }
    Ok(!host.list("/etc/kubernetes/manifests")?.is_empty())
}

/// The kubeconfig files that lead to the cluster that this host is in.
pub(super) fn forget_cluster(
    host: &dyn Host,
    node: &Node,
    plan: &mut ResetPlan,
) -> Result<(), HostError> {
    if let Some(endpoint) = endpoint(host)? {
        for home in homes(host, node)? {
            let (folder, path) = (format!("{home}/.kube"), format!("{home}/.kube/config"));
            // The user may have made the link, to a file of somebody else.
            let mut link = None;
            for path in [folder, path.clone()] {
                let entry = host.entry(&path)?;
                let is_link = entry.is_some_and(|entry| matches!(entry.kind, Kind::Link(_)));
                link = link.or((is_link && home != ROOT).then_some(path));
            }
            match link {
                Some(link) => {
                    plan.stay(link, "it is a symbolic link of a user, and root follows none");
                }
                None => forget(host, &host.resolve(&path)?, &endpoint, plan)?,
            }
        }
    }
    Ok(())
}

pub(super) fn plan(
    host: &dyn Host,
    options: Options,
    plan: &mut ResetPlan,
) -> Result<(), HostError> {
    for left in &leftovers::get().paths {
        let (path, why) = (left.path.as_str(), left.why.as_str());
        if path == ETCD {
            etcd(host, options, why, plan)?;
            continue;
        }
        let Some(entry) = host.entry(path)? else { continue };
        let names = if entry.kind == Kind::Folder { host.list(path)? } else { Vec::new() };
        match path {
            KUBERNETES => {
                let parked = parked(host)?;
                let all_parked = host.list(OURS)?.len() == parked.len();
                let own = |name: &str| {
                    OF_KUBEADM.contains(&name)
                        || all_parked && OURS == format!("{KUBERNETES}/{name}")
                };
                if !names.iter().all(|name| own(name)) && !all_parked {
                    for path in parked {
                        let why = "static pods of the cluster that were ended for a while";
                        plan.actions.push(Action::Remove { path, why: why.to_owned() });
                    }
                }
                some(path, &names, own, why, "it is not kubeadm's", plan);
            }
            CNI => {
                let own = |name: &str| !is_foreign(name);
                // The folder is the runtime's, and stays: an empty one is not planned again.
                for name in &names {
                    each(path, name, own(name), why, "it is of another program", plan);
                }
            }
            ADDRESSES => addresses(host, &names, why, plan)?,
            _ if stands(host, path)? => {
                for name in host.list(path)? {
                    each(path, &name, true, why, "", plan);
                }
            }
            _ => plan.actions.push(Action::Remove { path: path.to_owned(), why: why.to_owned() }),
        }
    }
    if host.entry("/opt/cni/bin")?.is_some() {
        plan.stay(
            "/opt/cni/bin",
            "packages and other programs have plugins there; they do nothing by themselves",
        );
    }
    Ok(())
}

/// Folders of manifests that the kubelet does not see.
fn parked(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let mut parked = Vec::new();
    for path in [static_pod::PARKED, static_pod::RESTARTING] {
        if host.entry(path)?.is_some() {
            parked.push(path.to_owned());
        }
    }
    Ok(parked)
}

/// What holds data of etcd beside its folder: data that were put away or half restored, and snapshots.
fn more_of_etcd(host: &dyn Host) -> Result<Vec<(String, &'static str)>, HostError> {
    let folder = host.resolve(ETCD)?;
    let (above, name) = (folder_of(&folder), name_of(&folder));
    let mut more = Vec::new();
    for there in host.list(above)? {
        let Some(rest) = there.strip_prefix(name) else { continue };
        let number = rest.strip_prefix(".gone-").or_else(|| rest.strip_prefix(".kept-"));
        let is_away = number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        if is_away || rest == ".restoring" {
            let path = format!("{}/{there}", above.trim_end_matches('/'));
            more.push((path, "data of etcd that were put away"));
        }
    }
    if !host.list(SNAPSHOTS)?.is_empty() {
        more.push((SNAPSHOTS.to_owned(), "snapshots of etcd, with every secret of the cluster"));
    }
    Ok(more)
}

/// Where data of etcd are: its folder, what was put away beside it, and snapshots.
pub(super) fn data_of_etcd(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let own = (!host.list(ETCD)?.is_empty()).then(|| ETCD.to_owned());
    let more = more_of_etcd(host)?.into_iter().map(|(path, _)| path);
    Ok(own.into_iter().chain(more).collect())
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.iter().any(|foreign| name.contains(foreign))
}

/// Whether the folder itself stays, and only what is in it goes: a disk is mounted there, or it is a link to one.
fn stands(host: &dyn Host, path: &str) -> Result<bool, HostError> {
    if host.entry(path)?.is_some_and(|entry| matches!(entry.kind, Kind::Link(_))) {
        return Ok(true);
    }
    let mounts = host.text("/proc/self/mounts")?.unwrap_or_default();
    Ok(host.is_live() && mounts::at(&mounts, path).is_some())
}

fn each(folder: &str, name: &str, goes: bool, why: &str, stays: &str, plan: &mut ResetPlan) {
    let path = format!("{folder}/{name}");
    if goes {
        plan.actions.push(Action::Remove { path, why: why.to_owned() });
    } else {
        plan.stay(path, stays);
    }
}

/// A folder goes whole if all in it are ours; else only those do.
fn some(
    folder: &str,
    names: &[String],
    own: impl Fn(&str) -> bool,
    why: &str,
    stays: &str,
    plan: &mut ResetPlan,
) {
    if names.iter().all(|name| own(name)) {
        plan.actions.push(Action::Remove { path: folder.to_owned(), why: why.to_owned() });
        return;
    }
    for name in names {
        each(folder, name, own(name), why, stays, plan);
    }
}

/// Others keep the addresses that they gave in a folder of their own below `networks`.
fn addresses(
    host: &dyn Host,
    names: &[String],
    why: &str,
    plan: &mut ResetPlan,
) -> Result<(), HostError> {
    let folder = format!("{ADDRESSES}/networks");
    let networks = host.list(&folder)?;
    if !networks.iter().any(|name| is_foreign(name)) {
        plan.actions.push(Action::Remove { path: ADDRESSES.to_owned(), why: why.to_owned() });
        return Ok(());
    }
    for name in networks {
        each(&folder, &name, !is_foreign(&name), why, "it is of another program", plan);
    }
    for name in names.iter().filter(|name| *name != "networks") {
        each(ADDRESSES, name, !is_foreign(name), why, "it is of another program", plan);
    }
    Ok(())
}

fn etcd(
    host: &dyn Host,
    options: Options,
    why: &str,
    plan: &mut ResetPlan,
) -> Result<(), HostError> {
    for (path, why) in more_of_etcd(host)? {
        if options.with_data {
            plan.actions.push(Action::Remove { path, why: why.to_owned() });
        } else {
            plan.stay(path, format!("it holds {why}; `--with-data` takes it away"));
        }
    }
    if host.list(ETCD)?.is_empty() {
        return Ok(());
    }
    if options.with_data {
        if stands(host, ETCD)? {
            for name in host.list(ETCD)? {
                each(ETCD, &name, true, why, "", plan);
            }
        } else {
            plan.actions.push(Action::Remove { path: ETCD.to_owned(), why: why.to_owned() });
        }
        plan.notes.push(format!(
            "{ETCD} holds the data of a cluster: if no other control plane has it, all of the cluster is lost. Save it first"
        ));
        return Ok(());
    }
    plan.stay(ETCD, "it holds the data of a cluster; `--with-data` takes it away");
    if has_traces(host)? {
        plan.notes.push(
            "this member of etcd stays in the list of the others: if the cluster lives on, take it out there by \
             `etcdctl member remove`"
                .to_owned(),
        );
    }
    Ok(())
}

/// The cluster that this host is in.
fn endpoint(host: &dyn Host) -> Result<Option<Endpoint>, HostError> {
    for path in ["/etc/kubernetes/admin.conf", "/etc/kubernetes/kubelet.conf"] {
        // One that cannot be understood leads nowhere.
        if let Some(text) = host.text(path)?
            && let Ok(config) = Kubeconfig::read(path, &text)
            && let Some(endpoint) = config.endpoint()
        {
            return Ok(Some(endpoint));
        }
    }
    Ok(None)
}

/// The homes of root and of those that node.yaml names.
fn homes(host: &dyn Host, node: &Node) -> Result<Vec<String>, HostError> {
    let users = node.kubeconfig.as_ref().map(|it| it.users.as_slice()).unwrap_or_default();
    let passwd = host.text("/etc/passwd")?.unwrap_or_default();
    let mut homes = vec![ROOT.to_owned()];
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, _, _, _, home, ..] = fields[..]
            && users.iter().any(|user| user == name)
            && home != "/"
        {
            // Above a home only root makes links.
            homes.push(host.resolve(home.trim_end_matches('/'))?);
        }
    }
    homes.dedup();
    Ok(homes)
}

fn forget(
    host: &dyn Host,
    path: &str,
    endpoint: &Endpoint,
    plan: &mut ResetPlan,
) -> Result<(), HostError> {
    let Some(text) = host.text(path)? else { return Ok(()) };
    let mut config = match Kubeconfig::read(path, &text) {
        Ok(config) => config,
        Err(error) => {
            plan.stay(path, error.to_string());
            return Ok(());
        }
    };
    if !config.points_to(endpoint) {
        plan.stay(path, "it does not lead to this cluster");
        return Ok(());
    }
    config.remove(endpoint);
    if config.is_empty() {
        plan.actions.push(Action::ForgetCluster { path: path.to_owned(), left: None });
        return Ok(());
    }
    match config.write() {
        Ok(left) => {
            plan.actions.push(Action::ForgetCluster { path: path.to_owned(), left: Some(left) });
        }
        Err(error) => plan.stay(path, error.to_string()),
    }
    Ok(())
}
