//! Repositories of packages: where they are, and where they were.

use std::sync::LazyLock;

use serde::Deserialize;

use super::distribution::{Distribution, PackageManager};
use super::table;
use crate::spec::Minor;

/// Where the packages of a repository are, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// The packages.
    pub packages: String,
    /// The key that signs them.
    pub key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    packages: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Repository {
    base: String,
    deb: Pattern,
    rpm: Pattern,
    rpm_exclude: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Table {
    kubernetes: Repository,
    docker: Repository,
    docker_containerd: (u32, u32),
    stale: Vec<String>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| table(include_str!("../../data/repositories.json")));

impl Repository {
    fn urls(
        &self,
        manager: PackageManager,
        base: Option<&str>,
        minor: &str,
        distribution: &str,
    ) -> Urls {
        let pattern = match manager {
            PackageManager::Apt => &self.deb,
            PackageManager::Dnf => &self.rpm,
        };
        let base = base.unwrap_or(&self.base).trim_end_matches('/');
        let fill = |text: &str| {
            text.replace("{base}", base)
                .replace("{minor}", minor)
                .replace("{distribution}", distribution)
        };
        Urls { packages: fill(&pattern.packages), key: fill(&pattern.key) }
    }
}

/// The repository of a minor of Kubernetes: one each. A `base` takes the place of the project's own host.
#[must_use]
pub fn kubernetes(manager: PackageManager, base: Option<&str>, minor: Minor) -> Urls {
    TABLE.kubernetes.urls(manager, base, &minor.to_string(), "")
}

/// What an upgrade of the system shall leave alone in the repository of Kubernetes (dnf's `exclude`).
#[must_use]
pub fn kubernetes_exclude() -> &'static [String] {
    &TABLE.kubernetes.rpm_exclude
}

/// Docker's repository for a distribution. A `base` takes the place of Docker's own host. For apt, the suite is the
/// codename of the distribution and the component is `stable`.
#[must_use]
pub fn docker(distribution: &Distribution, base: Option<&str>) -> Urls {
    let mut urls = TABLE.docker.urls(distribution.package_manager, base, "", &distribution.docker);
    // Not dnf's own `$releasever`: of a RHEL that is kept at a minor that is 9.4, which Docker has not.
    urls.packages = urls.packages.replace("{version}", &distribution.version);
    urls
}

/// The major and minor of the containerd that Docker's repository gives at least, where no version is named.
#[must_use]
pub fn docker_containerd() -> (u32, u32) {
    TABLE.docker_containerd
}

/// The beginning of the addresses of all minors of Kubernetes: at the project's own host, or at `base`.
#[must_use]
pub fn kubernetes_place(base: Option<&str>) -> String {
    format!("{}/v1.", base.unwrap_or(&TABLE.kubernetes.base).trim_end_matches('/'))
}

/// Hosts that once had the packages of Kubernetes. They are gone since March 2024.
#[must_use]
pub fn stale_hosts() -> &'static [String] {
    &TABLE.stale
}

/// The host of these that a file of repositories names outside of comments, if it does.
#[must_use]
pub fn stale_host(file: &str) -> Option<&'static str> {
    let lines = || file.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    stale_hosts().iter().map(String::as_str).find(|host| lines().any(|line| line.contains(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_has_a_repository_for_each_minor_and_format() {
        let deb = kubernetes(PackageManager::Apt, None, Minor::new(35));
        assert_eq!(deb.packages, "https://pkgs.k8s.io/core:/stable:/v1.35/deb/");
        assert_eq!(deb.key, "https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key");
        let rpm = kubernetes(PackageManager::Dnf, Some("http://mirror:8080/k8s/"), Minor::new(36));
        assert_eq!(rpm.packages, "http://mirror:8080/k8s/v1.36/rpm/");
        assert_eq!(rpm.key, "http://mirror:8080/k8s/v1.36/rpm/repodata/repomd.xml.key");
    }

    #[test]
    fn docker_has_one_for_each_distribution() {
        let rocky = Distribution::find("rocky", "9.4").unwrap();
        assert_eq!(
            docker(rocky, None).packages,
            "https://download.docker.com/linux/rhel/9/$basearch/stable"
        );
        for distribution in Distribution::all() {
            let urls = docker(distribution, None);
            assert!(!urls.packages.contains('{') && !urls.key.contains('{'), "{urls:?}");
        }
    }

    #[test]
    fn a_file_that_names_a_stale_host_is_known() {
        let file = "[kubernetes]\nbaseurl=https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64\n";
        assert_eq!(stale_host(file), Some("packages.cloud.google.com"));
        assert_eq!(stale_host("# deb https://apt.kubernetes.io/ kubernetes-xenial main\n"), None);
        assert_eq!(stale_host("URIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/\n"), None);
    }
}
