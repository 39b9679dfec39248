//! Minor versions of Kubernetes: what each needs and has.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table;
use crate::spec::Minor;

/// What is known of a minor version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesMinor {
    /// The version.
    pub minor: Minor,
    /// The tag of the pause image that kubeadm of this minor has.
    pub pause: String,
    /// The tag of the etcd image, where it is known. It may be newer in later patches.
    pub etcd: Option<String>,
    /// The oldest containerd that its kubelet takes: major and minor.
    pub containerd_floor: (u32, u32),
    /// Whether its kubelet runs with control groups of version 1 unless told otherwise.
    pub cgroup_v1: bool,
    /// The day after which there are no patches, as 2027-02-28, where it is known.
    pub end_of_life: Option<String>,
    /// Where this is known from.
    pub source: String,
}

/// How far versions in a cluster may be apart, in minors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Skew {
    /// How much older than the API server a kubelet may be. It is never newer.
    pub kubelet_older: u32,
    /// How far kubectl may be from the API server, to either side.
    pub kubectl_apart: u32,
    /// How far API servers of a cluster may be apart.
    pub api_servers_apart: u32,
    /// How far one upgrade goes.
    pub upgrade_step: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    skew: Skew,
    minors: Vec<KubernetesMinor>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("../../data/kubernetes.json")));

/// All minors that are known, the oldest first.
#[must_use]
pub fn minors() -> &'static [KubernetesMinor] {
    &TABLE.minors
}

/// The versions of all minors that are known.
#[must_use]
pub fn known() -> Vec<Minor> {
    minors().iter().map(|known| known.minor).collect()
}

/// What is known of a minor.
#[must_use]
pub fn find(minor: Minor) -> Option<&'static KubernetesMinor> {
    minors().iter().find(|known| known.minor == minor)
}

/// How far versions may be apart.
#[must_use]
pub fn skew() -> Skew {
    TABLE.skew
}

impl KubernetesMinor {
    /// The pause image, below a repository such as `registry.k8s.io`.
    #[must_use]
    pub fn pause_image(&self, repository: &str) -> String {
        format!("{}/pause:{}", repository.trim_end_matches('/'), self.pause)
    }

    /// Whether its kubelet takes a containerd of this major and minor.
    #[must_use]
    pub fn takes_containerd(&self, version: (u32, u32)) -> bool {
        version >= self.containerd_floor
    }
}

impl Skew {
    /// Whether a kubelet may run with an API server.
    #[must_use]
    pub fn kubelet_fits(self, kubelet: Minor, api_server: Minor) -> bool {
        kubelet.major == api_server.major
            && kubelet.minor <= api_server.minor
            && api_server.minor - kubelet.minor <= self.kubelet_older
    }

    /// How many minors a host goes at once: a control plane one, as kubeadm does; a kubelet as many as it may be behind.
    #[must_use]
    pub fn step(self, is_control_plane: bool) -> u32 {
        if is_control_plane { self.upgrade_step } else { self.kubelet_older }
    }

    /// Whether one upgrade of a control plane goes from one minor to another.
    #[must_use]
    pub fn upgrade_fits(self, from: Minor, to: Minor) -> bool {
        from.major == to.major
            && from.minor <= to.minor
            && to.minor - from.minor <= self.upgrade_step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minor_from_33_to_37_is_known_once_and_in_order() {
        assert_eq!(known(), [33, 34, 35, 36, 37].map(Minor::new));
        for minor in minors() {
            assert!(!minor.pause.is_empty() && !minor.source.is_empty(), "{minor:?}");
        }
    }

    #[test]
    fn demands_only_grow() {
        for pair in minors().windows(2) {
            assert!(pair[0].containerd_floor <= pair[1].containerd_floor);
            assert!(pair[0].cgroup_v1 >= pair[1].cgroup_v1);
        }
    }

    #[test]
    fn containerd_1_ends_with_1_35_and_cgroup_v1_before_it() {
        let get = |minor| find(Minor::new(minor)).unwrap();
        assert!(get(35).takes_containerd((1, 7)) && !get(36).takes_containerd((1, 7)));
        assert!(get(36).takes_containerd((2, 0)));
        assert!(get(34).cgroup_v1 && !get(35).cgroup_v1);
        assert_eq!(get(35).pause_image("registry.k8s.io/"), "registry.k8s.io/pause:3.10.1");
    }

    #[test]
    fn a_kubelet_is_at_most_three_minors_older_and_never_newer() {
        let fits = |kubelet, server| skew().kubelet_fits(Minor::new(kubelet), Minor::new(server));
        assert!(fits(35, 35) && fits(32, 35));
        assert!(!fits(31, 35) && !fits(36, 35));
        assert_eq!((skew().step(true), skew().step(false)), (1, 3));
        assert!(skew().upgrade_fits(Minor::new(34), Minor::new(35)));
        assert!(!skew().upgrade_fits(Minor::new(33), Minor::new(35)));
        assert!(!skew().upgrade_fits(Minor::new(35), Minor::new(34)));
    }
}
