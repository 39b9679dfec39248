//! Kernel modules: what for, and how a kernel shows that it has them, loaded or built in.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table;

/// What is known of a module.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KernelModule {
    /// Its name.
    pub name: String,
    /// What needs it.
    pub purposes: Vec<Purpose>,
    /// What shows that the running kernel has it, also where it is built in.
    pub feature: Option<Feature>,
    /// The option of the kernel's configuration, without `CONFIG_`.
    pub config: String,
}

/// A file that shows a feature of the running kernel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The file.
    pub file: String,
    /// A word that has to stand in it; without it, the file has to be there.
    pub word: Option<String>,
}

/// What needs a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Every node.
    Base,
    /// kube-proxy in the mode ipvs.
    Ipvs,
    /// kube-proxy in the mode nftables.
    Nftables,
    /// A cache of DNS on each node.
    NodeLocalDns,
    /// Mounting what NFS servers offer.
    NfsClient,
    /// Offering by NFS.
    NfsServer,
    /// Network plugins that encrypt.
    Wireguard,
}

static TABLE: LazyLock<Vec<KernelModule>> =
    LazyLock::new(|| table(include_str!("../../data/modules.json")));

/// All modules that are known.
#[must_use]
pub fn all() -> &'static [KernelModule] {
    &TABLE
}

/// What is known of a module. `-` and `_` are the same in its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static KernelModule> {
    all().iter().find(|module| module.name == name.replace('-', "_"))
}

/// Whether a module brings a key of `/proc/sys`: the one that shows it, or another beside that.
#[must_use]
pub fn brings(module: &str, key: &str) -> bool {
    let file = find(module).and_then(|known| known.feature.as_ref()).map(|feature| &feature.file);
    let folder = file.and_then(|file| file.strip_prefix("/proc/sys/")?.rsplit_once('/'));
    folder.is_some_and(|(folder, _)| key.replace('.', "/").starts_with(&format!("{folder}/")))
}

/// The modules that a purpose needs.
pub fn of(purpose: Purpose) -> impl Iterator<Item = &'static KernelModule> {
    all().iter().filter(move |module| module.purposes.contains(&purpose))
}

impl Feature {
    /// Whether the file, if it is there, shows the feature.
    #[must_use]
    pub fn is_shown(&self, content: Option<&str>) -> bool {
        content.is_some_and(|content| {
            self.word
                .as_deref()
                .is_none_or(|word| content.split_whitespace().any(|other| other == word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_module_and_every_module_is_known_once() {
        for purpose in [
            Purpose::Base,
            Purpose::Ipvs,
            Purpose::Nftables,
            Purpose::NodeLocalDns,
            Purpose::NfsClient,
            Purpose::NfsServer,
            Purpose::Wireguard,
        ] {
            assert!(of(purpose).count() > 0, "{purpose:?}");
        }
        for module in all() {
            assert_eq!(all().iter().filter(|other| other.name == module.name).count(), 1);
            assert!(module.feature.iter().all(|feature| feature.file.starts_with("/proc/")));
        }
        assert_eq!(find("br-netfilter").unwrap().name, "br_netfilter");
    }

    #[test]
    fn a_feature_is_a_file_or_a_word_in_it() {
        let overlay = find("overlay").unwrap().feature.as_ref().unwrap();
        assert!(overlay.is_shown(Some("nodev\tproc\nnodev\toverlay\n")));
        assert!(!overlay.is_shown(Some("nodev\toverlayfs2\n")) && !overlay.is_shown(None));
        let bridge = find("br_netfilter").unwrap().feature.as_ref().unwrap();
        assert!(bridge.is_shown(Some("0\n")) && !bridge.is_shown(None));
    }
}
