//! Distributions that are supported, and what they call things.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::table;
use crate::spec::{ContainerdSource, PackageName};

/// A release of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// `ID` of os-release.
    pub id: String,
    /// Its name for people, with the version.
    pub name: String,
    /// The version that counts: 12, 22.04, 9.
    pub version: String,
    /// The codename, where repositories use it.
    pub codename: Option<String>,
    /// Whose ways it has.
    pub family: Family,
    /// What installs packages.
    pub package_manager: PackageManager,
    /// Names of services.
    pub services: Services,
    /// Names of packages.
    pub packages: Packages,
    /// The firewall that it comes with.
    pub firewall: FirewallService,
    /// The containerd that it packs: major and minor. Absent where it packs none.
    pub containerd: Option<(u32, u32)>,
    /// Whether `/etc/sysctl.conf` is read at a boot, last of all.
    pub sysctl_conf: bool,
    /// Whether modules that nodes need are in a package that images lack (`kernel-modules-extra`).
    pub modules_extra: bool,
    /// Whether it comes with `SELinux`.
    pub selinux: bool,
    /// Its folder in Docker's repository.
    pub docker: String,
}

/// Whose ways a distribution has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Debian and Ubuntu.
    Debian,
    /// RHEL and what is built from it.
    Rhel,
}

/// What installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// apt, with .deb packages.
    Apt,
    /// dnf, with .rpm packages.
    Dnf,
}

/// The firewall that a distribution comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirewallService {
    /// None.
    None,
    /// ufw, not active at first.
    Ufw,
    /// firewalld, active.
    Firewalld,
}

/// Names of services, without `.service`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Services {
    /// The container runtime.
    pub containerd: String,
    /// chrony.
    pub chrony: String,
    /// systemd-timesyncd, where there is one.
    pub timesyncd: Option<String>,
    /// The NFS server.
    pub nfs_server: String,
    /// The kubelet.
    pub kubelet: String,
}

/// Names of packages; absent where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the package with what its name says")]
pub struct Packages {
    pub containerd: Option<String>,
    pub docker_containerd: String,
    pub chrony: String,
    pub timesyncd: Option<String>,
    pub nfs_server: String,
    pub nfs_client: String,
    pub conntrack: String,
    pub socat: String,
    pub ebtables: String,
    pub ethtool: String,
    pub ip: String,
    pub tc: String,
    pub iptables: String,
    pub ipvsadm: String,
    pub dnsmasq: String,
    pub dnsmasq_base: String,
    pub container_selinux: Option<String>,
    pub kernel_modules_extra: Option<String>,
}

/// A distribution that is not supported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{id} {version} is not supported; supported are {supported}")]
pub struct Unsupported {
    /// `ID` of os-release.
    pub id: String,
    /// `VERSION_ID` of os-release.
    pub version: String,
    supported: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    families: BTreeMap<Family, Ways>,
    releases: Vec<Release>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ways {
    package_manager: PackageManager,
    services: Services,
    packages: Packages,
    selinux: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Release {
    id: String,
    name: String,
    version: String,
    codename: Option<String>,
    family: Family,
    docker: String,
    firewall: FirewallService,
    containerd: Option<(u32, u32)>,
    sysctl_conf: bool,
    modules_extra: bool,
}

static ALL: LazyLock<Vec<Distribution>> = LazyLock::new(|| {
    let Table { families, releases } = table(include_str!("../../data/distributions.json"));
    let whole = |release: Release| {
        let ways = families.get(&release.family)?;
        Some(Distribution {
            id: release.id,
            name: release.name,
            version: release.version,
            codename: release.codename,
            family: release.family,
            package_manager: ways.package_manager,
            services: ways.services.clone(),
            packages: ways.packages.clone(),
            firewall: release.firewall,
            containerd: release.containerd,
            sysctl_conf: release.sysctl_conf,
            modules_extra: release.modules_extra,
            selinux: ways.selinux,
            docker: release.docker,
        })
    };
    releases.into_iter().filter_map(whole).collect()
});

impl Distribution {
    /// All that are supported.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The distribution with `ID` and `VERSION_ID` of os-release. Of the family of RHEL only the major version counts.
    ///
    /// ```
    /// use node_bootstrap::data::distribution::Distribution;
    ///
    /// assert_eq!(Distribution::find("rocky", "9.4")?.name, "Rocky Linux 9");
    /// assert!(Distribution::find("debian", "11").is_err());
    /// # Ok::<(), node_bootstrap::data::distribution::Unsupported>(())
    /// ```
    ///
    /// # Errors
    /// If it is not supported, with the names of those that are.
    pub fn find(id: &str, version: &str) -> Result<&'static Self, Unsupported> {
        let major = version.split('.').next().unwrap_or(version);
        let fits = |known: &&Self| {
            let counts = if known.family == Family::Rhel { major } else { version };
            known.id == id && known.version == counts
        };
        Self::all().iter().find(fits).ok_or_else(|| {
            let names: Vec<&str> = Self::all().iter().map(|known| known.name.as_str()).collect();
            Unsupported {
                id: id.to_owned(),
                version: version.to_owned(),
                supported: names.join(", "),
            }
        })
    }

    /// The package of containerd, and who really packs it: where the distribution packs none, it is Docker.
    /// Absent with [`ContainerdSource::None`].
    #[must_use]
    pub fn containerd_package(&self, source: ContainerdSource) -> Option<(&str, ContainerdSource)> {
        let docker = (self.packages.docker_containerd.as_str(), ContainerdSource::Docker);
        match (source, &self.packages.containerd) {
            (ContainerdSource::None, _) => None,
            (ContainerdSource::Distribution, Some(name)) => {
                Some((name, ContainerdSource::Distribution))
            }
            (ContainerdSource::Distribution, None) | (ContainerdSource::Docker, _) => Some(docker),
        }
    }

    /// The names of a package here.
    #[must_use]
    pub fn names<'a>(&self, package: &'a PackageName) -> &'a [String] {
        match (package, self.family) {
            (PackageName::Same(name), _) => std::slice::from_ref(name),
            (PackageName::ByFamily(names), Family::Debian) => &names.debian,
            (PackageName::ByFamily(names), Family::Rhel) => &names.rhel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_a_family_and_is_found_by_its_own_version() {
        assert_eq!(Distribution::all().len(), 12);
        for known in Distribution::all() {
            assert_eq!(Distribution::find(&known.id, &known.version).unwrap(), known);
            assert_eq!(known.codename.is_some(), known.family == Family::Debian, "{}", known.name);
            assert_eq!(
                known.containerd.is_some(),
                known.packages.containerd.is_some(),
                "{}",
                known.name
            );
            assert_eq!(known.packages.timesyncd.is_some(), known.services.timesyncd.is_some());
        }
    }

    #[test]
    fn only_the_major_version_counts_in_the_family_of_rhel() {
        for (id, version) in
            [("rhel", "9.6"), ("almalinux", "10.1"), ("centos", "10"), ("rocky", "9")]
        {
            assert!(Distribution::find(id, version).is_ok(), "{id} {version}");
        }
        assert!(
            Distribution::find("ubuntu", "22").is_err()
                && Distribution::find("ubuntu", "24.10").is_err()
        );
        assert!(Distribution::find("rocky", "10.0").unwrap().modules_extra);
    }

    #[test]
    fn others_are_refused_by_name() {
        insta::assert_snapshot!(Distribution::find("fedora", "43").unwrap_err(), @r"fedora 43 is not supported; supported are Debian 12, Debian 13, Ubuntu 22.04, Ubuntu 24.04, RHEL 9, RHEL 10, Rocky Linux 9, Rocky Linux 10, AlmaLinux 9, AlmaLinux 10, CentOS Stream 9, CentOS Stream 10");
    }

    #[test]
    fn containerd_comes_from_docker_where_the_distribution_packs_none() {
        let packed = |id, version, source| {
            Distribution::find(id, version).unwrap().containerd_package(source)
        };
        let (ours, docker) = (ContainerdSource::Distribution, ContainerdSource::Docker);
        assert_eq!(packed("debian", "13", ours), Some(("containerd", ours)));
        assert_eq!(packed("debian", "13", docker), Some(("containerd.io", docker)));
        assert_eq!(packed("rocky", "9.4", ours), Some(("containerd.io", docker)));
        assert_eq!(packed("rocky", "9.4", ContainerdSource::None), None);
    }
}
