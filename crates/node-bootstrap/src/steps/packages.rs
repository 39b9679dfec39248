//! Packages: Kubernetes' own at their version and held, containerd, what kubeadm calls, and those of `node.yaml`.

#[cfg(test)]
mod tests;

use crate::change::{ChangeError, Wanted};
use crate::data::distribution::{Family, PackageManager};
use crate::data::kubernetes as minors;
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec::{ContainerdSource, KubernetesVersion, Minor, ProxyMode};

use super::modules;

/// Packages.
#[derive(Debug)]
pub(super) struct Packages;

impl Step for Packages {
    fn id(&self) -> &'static str {
        "packages"
    }

    fn why(&self) -> &'static str {
        "kubelet, kubeadm and kubectl are there in the version that is wished, and an upgrade of the system leaves them \
         alone. So are containerd and the programs that kubeadm and kube-proxy call."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let mut wanted = Vec::new();
        for name in programs(planning)? {
            wanted.push(Wanted { name: name.to_owned(), version: None });
        }
        wanted.extend(containerd(planning)?);
        wanted.extend(more_modules(planning)?);
        let mut held: Vec<&str> = Vec::new();
        for package in &node.packages {
            let names = planning.facts.distribution.names(&package.name);
            for name in names {
                wanted.push(Wanted { name: name.clone(), version: package.version.clone() });
            }
            if package.hold {
                held.extend(names.iter().map(String::as_str));
            }
        }
        planning.want_packages(&wanted, &[])?;
        if planning.manager() == PackageManager::Dnf && !held.is_empty() {
            planning.note(format!(
                "dnf holds packages by `exclude` in the file of their repository: add it there for {}",
                held.join(", ")
            ));
        }
        if let Some(kubernetes) = &node.kubernetes {
            let version = pattern(kubernetes.version);
            let own = kubernetes
                .packages
                .iter()
                .map(|name| Wanted { name: name.clone(), version: Some(version.clone()) });
            if is_step(planning, kubernetes.version)? {
                planning.want_packages(&own.collect::<Vec<_>>(), &["kubernetes"])?;
            }
            if kubernetes.hold {
                held.extend(kubernetes.packages.iter().map(String::as_str));
            }
        }
        if !held.is_empty() {
            planning.want_held(&held)?;
        }
        Ok(())
    }
}

/// The newest patch of a minor, or exactly one patch in any packaging.
pub(crate) fn pattern(version: KubernetesVersion) -> String {
    match version.patch {
        None => format!("{}.*", version.minor),
        // Not `1.35.4*`: that is 1.35.40 as well.
        Some(_) => format!("{version}-*"),
    }
}

/// The packages with the programs that kubeadm and kube-proxy call.
fn programs<'h>(planning: &Planning<'h>) -> Result<Vec<&'h str>, HostError> {
    let (node, distribution) = (planning.node, planning.facts.distribution);
    let names = &distribution.packages;
    let mut wanted: Vec<&str> = Vec::new();
    if node.kubernetes.as_ref().is_some_and(|wish| !wish.packages.is_empty()) {
        wanted.extend([&*names.conntrack, &names.socat, &names.ebtables, &names.ethtool]);
        wanted.extend([&*names.ip, &names.tc, &names.iptables]);
        let mode = node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.proxy_mode);
        wanted.extend((mode == Some(ProxyMode::Ipvs)).then_some(&*names.ipvsadm));
    }
    if node.containerd.is_some() && super::containerd::enforces_selinux(planning)? {
        wanted.extend(names.container_selinux.as_deref());
    }
    let mut known = std::collections::BTreeSet::new();
    wanted.retain(|name| known.insert(*name));
    Ok(wanted)
}

/// The package with modules that images of RHEL 10 and its kin lack, where one of them is wished. It has to be the one
/// of the kernel that runs: that of a newer kernel helps only after a boot.
fn more_modules(planning: &mut Planning<'_>) -> Result<Vec<Wanted>, HostError> {
    let distribution = planning.facts.distribution;
    let (Some(wish), Some(name)) =
        (&planning.node.modules, &distribution.packages.kernel_modules_extra)
    else {
        return Ok(Vec::new());
    };
    if !distribution.modules_extra {
        return Ok(Vec::new());
    }
    let wanted = |name: &str, version: Option<&str>| Wanted {
        name: name.to_owned(),
        version: version.map(str::to_owned),
    };
    if !planning.is_live() {
        return Ok(vec![wanted(name, None)]);
    }
    let mut missing = Vec::new();
    for module in &wish.load {
        if modules::is_missing(planning, module)? {
            missing.push(module.as_str());
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let kernel = modules::kernel_version(&planning.facts.kernel);
    let exact = format!("{name}-{kernel}");
    let known = planning.look(&["dnf", "--quiet", "repoquery", "--", &exact]);
    if known.is_ok_and(|known| known.is_ok() && known.stdout.trim().is_empty()) {
        planning.reboot(format!(
            "{} of {name} is only to be had for a newer kernel than {kernel}, which has to run first",
            missing.join(", ")
        ));
        // It brings the kernel that it is for.
        return Ok(vec![wanted(name, None)]);
    }
    Ok(vec![wanted(name, Some(kernel))])
}

fn containerd(planning: &mut Planning<'_>) -> Result<Option<Wanted>, HostError> {
    let distribution = planning.facts.distribution;
    let Some(wish) = &planning.node.containerd else { return Ok(None) };
    let Some((name, packer)) = distribution.containerd_package(wish.source) else {
        return Ok(None);
    };
    let rivals = [
        distribution.packages.containerd.as_deref(),
        Some(&*distribution.packages.docker_containerd),
    ];
    for rival in rivals.into_iter().flatten().filter(|rival| *rival != name) {
        if planning.installed(rival)?.is_some() {
            let (source, is) = match packer {
                ContainerdSource::Docker => ("distribution", "the distribution's"),
                _ => ("docker", "Docker's"),
            };
            planning.refuse(format!(
                "the package {rival} is installed, and {name} would take its place, with all that depends on it. Say \
                 `containerd: {{source: {source}}}` to keep {is}, or take it away first"
            ));
            return Ok(None);
        }
    }
    let version = wish.version.as_deref().map(|version| match version.split('.').count() {
        _ if version.contains(['*', '-']) => version.to_owned(),
        1 | 2 => format!("{version}.*"),
        // Debian's own have more after the version than a packaging: 1.6.20~ds1-1.
        _ if packer == ContainerdSource::Distribution && distribution.family == Family::Debian => {
            format!("{version}*")
        }
        _ => format!("{version}-*"),
    });
    Ok(Some(Wanted { name: name.to_owned(), version }))
}

/// Whether a node of a cluster may go to a version by its packages. A host that has not joined may go anywhere.
fn is_step(planning: &mut Planning<'_>, wanted: KubernetesVersion) -> Result<bool, HostError> {
    if !planning.exists("/etc/kubernetes/kubelet.conf")? {
        return Ok(true);
    }
    let installed = planning.installed("kubelet")?.and_then(|version| {
        let version = version.split(['-', '+', '~']).next()?;
        version.parse::<KubernetesVersion>().ok()
    });
    let Some(installed) = installed else { return Ok(true) };
    let (from, to): (Minor, Minor) = (installed.minor, wanted.minor);
    if from == to {
        return Ok(true);
    }
    if minors::skew().upgrade_fits(from, to) {
        planning.note(format!(
            "this host is a node of a cluster, and its kubelet goes from {from} to {to}: `kubeadm upgrade` goes first on \
             the control planes, and the node is to be drained"
        ));
        return Ok(true);
    }
    planning.refuse(format!(
        "this host is a node of a cluster with a kubelet of {from}, and {to} is not the next minor: a cluster goes one \
         minor at a time, and never back. Say `kubernetes: {{version: \"{}\"}}` first",
        Minor { minor: from.minor + u32::from(to > from), ..from }
    ));
    Ok(false)
}
