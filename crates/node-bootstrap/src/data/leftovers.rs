//! What Kubernetes and network plugins leave on a host, by name and prefix. Nothing else may be taken away.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table;

/// What is left on a host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leftovers {
    /// How the names of firewall chains begin.
    pub chain_prefixes: Vec<String>,
    /// Tables of nftables.
    pub nft_tables: Vec<NftTable>,
    /// Names of links.
    pub links: Vec<String>,
    /// How names of links begin that end in digits of the plugin's own.
    pub numbered_links: Vec<NumberedLinks>,
    /// Links that stay, since the kernel makes them.
    pub kept_links: Vec<String>,
    /// How names of network namespaces begin.
    pub namespace_prefixes: Vec<String>,
    /// Where mounts are that are taken down, the deepest first.
    pub mount_prefixes: Vec<String>,
    /// Files and folders.
    pub paths: Vec<LeftPath>,
}

/// A table of nftables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NftTable {
    /// Its family: ip or ip6.
    pub family: String,
    /// Its name.
    pub name: String,
}

/// Names of links that a network plugin computes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberedLinks {
    /// How they begin.
    pub prefix: String,
    /// How many hexadecimal digits follow, and nothing else.
    pub digits: usize,
}

impl NumberedLinks {
    fn has(&self, name: &str) -> bool {
        name.strip_prefix(self.prefix.as_str()).is_some_and(|digits| {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            digits.len() == self.digits && digits.bytes().all(is_digit)
        })
    }
}

/// A file or folder that is left.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftPath {
    /// Its absolute path.
    pub path: String,
    /// What it is.
    pub why: String,
}

static TABLE: LazyLock<Leftovers> =
    LazyLock::new(|| table(include_str!("../../data/leftovers.json")));

/// The table.
#[must_use]
pub fn get() -> &'static Leftovers {
    &TABLE
}

impl Leftovers {
    /// Whether a firewall chain is of Kubernetes or of a network plugin.
    #[must_use]
    pub fn is_chain(&self, name: &str) -> bool {
        self.chain_prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// Whether a link is of a network plugin.
    #[must_use]
    pub fn is_link(&self, name: &str) -> bool {
        !self.kept_links.iter().any(|kept| kept == name)
            && (self.links.iter().any(|link| link == name)
                || self.numbered_links.iter().any(|links| links.has(name)))
    }

    /// Whether a mount is the kubelet's, or of a pod's network namespace.
    #[must_use]
    pub fn is_mount(&self, path: &str) -> bool {
        self.mount_prefixes.iter().any(|prefix| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || prefix.ends_with('-')
            })
        })
    }

    /// Whether a network namespace is of a pod.
    #[must_use]
    pub fn is_namespace(&self, name: &str) -> bool {
        self.namespace_prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_others_stay() {
        for ours in [
            "KUBE-SERVICES",
            "KUBE-SVC-ABC",
            "cali-INPUT",
            "CNI-1234",
            "FLANNEL-POSTRTG",
            "CILIUM_INPUT",
        ] {
            assert!(get().is_chain(ours), "{ours}");
        }
        for other in [
            "INPUT",
            "DOCKER",
            "DOCKER-USER",
            "f2b-sshd",
            "ufw-user-input",
            "MY-KUBE-",
            "LIBVIRT_INP",
        ] {
            assert!(!get().is_chain(other), "{other}");
        }
    }

    #[test]
    fn links_of_others_stay() {
        for ours in [
            "cni0",
            "flannel.1",
            "cali0a1b2c3d4e5",
            "lxc12ab34cd56ef",
            "lxc_health",
            "kube-ipvs0",
            "vxlan.calico",
        ] {
            assert!(get().is_link(ours), "{ours}");
        }
        for other in [
            "lo",
            "eth0",
            "tunl0",
            "docker0",
            "lxcbr0",
            "lxc",
            "lxc_12ab",
            "lxcbeef",
            "calibad",
            "california",
            "veth1234",
            "dummy0",
        ] {
            assert!(!get().is_link(other), "{other}");
        }
    }

    #[test]
    fn mounts_are_below_the_kubelet_and_not_beside_it() {
        for ours in ["/var/lib/kubelet", "/var/lib/kubelet/pods/1/volumes/x", "/run/netns/cni-1234"]
        {
            assert!(get().is_mount(ours), "{ours}");
        }
        for other in ["/var/lib/kubelet2", "/var/lib", "/", "/run/netns/blue", "/srv/data"] {
            assert!(!get().is_mount(other), "{other}");
        }
    }

    #[test]
    fn no_path_is_of_the_system() {
        for left in &get().paths {
            assert!(
                left.path.starts_with('/') && left.path.matches('/').count() >= 2,
                "{}",
                left.path
            );
            assert!(!left.why.is_empty());
        }
        assert!(get().links.iter().all(|link| get().is_link(link)));
    }
}
