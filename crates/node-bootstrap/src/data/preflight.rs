//! kubeadm's own checks before it starts: their names, and what they demand.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table;
use crate::spec::Minor;

/// The table of checks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preflight {
    /// What a control plane has at least.
    pub minimum: Minimum,
    /// Programs that have to be found.
    pub programs: Vec<Program>,
    /// Kernels that are supported.
    pub kernel: Kernel,
    /// Options of the kernel's configuration.
    pub config: Vec<KernelOption>,
    /// Controllers of control groups.
    pub controllers: Controllers,
    checks: Vec<String>,
    prefixes: Vec<String>,
    named: Vec<String>,
}

/// What a control plane has at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Minimum {
    /// Processors.
    pub cpus: u32,
    /// Memory in units of 2^20 bytes.
    pub memory_megabytes: u64,
}

/// A program that has to be found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Whether it is an error when it is not found; else a warning.
    pub mandatory: bool,
    /// Only minors before this one need it.
    #[serde(default)]
    pub before: Option<Minor>,
    /// Where this is known from.
    pub source: String,
}

/// Kernels that are supported.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kernel {
    /// Long-term versions before `from`: major and minor.
    pub long_term: Vec<(u32, u32)>,
    /// All from this major version.
    pub from: u32,
    /// Where this is known from.
    pub source: String,
}

/// An option of the kernel's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KernelOption {
    /// Its name, without `CONFIG_`.
    pub name: String,
    /// Other names that it had.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether it is an error when it is not set.
    pub required: bool,
    /// Only where control groups have this version.
    #[serde(default)]
    pub cgroup: Option<u8>,
}

/// Controllers of control groups, by version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Controllers {
    /// Required in version 1.
    pub v1: Vec<String>,
    /// Better there in version 1.
    pub v1_optional: Vec<String>,
    /// Required in version 2. `devices` and `freezer` are no controllers there, and always given.
    pub v2: Vec<String>,
    /// Better there in version 2.
    pub v2_optional: Vec<String>,
}

static TABLE: LazyLock<Preflight> =
    LazyLock::new(|| table(include_str!("../../data/preflight.json")));

/// The table.
#[must_use]
pub fn get() -> &'static Preflight {
    &TABLE
}

/// The names of all checks that are known whole.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.checks.iter().chain(&TABLE.named).map(String::as_str)
}

/// Whether kubeadm may have a check of this name, whatever its case. `all` is one.
#[must_use]
pub fn is_known(name: &str) -> bool {
    let prefixed = |prefix: &String| {
        name.len() > prefix.len()
            && name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    name.eq_ignore_ascii_case("all")
        || names().any(|known| known.eq_ignore_ascii_case(name))
        || TABLE.prefixes.iter().any(prefixed)
}

impl Preflight {
    /// The programs that a minor needs.
    pub fn programs_of(&self, minor: Minor) -> impl Iterator<Item = &Program> {
        self.programs
            .iter()
            .filter(move |program| program.before.is_none_or(|before| minor < before))
    }

    /// The kernel options that matter with a version of control groups: 1 or 2.
    pub fn options_of(&self, cgroup: u8) -> impl Iterator<Item = &KernelOption> {
        self.config
            .iter()
            .filter(move |option| option.cgroup.is_none_or(|version| version == cgroup))
    }
}

impl Kernel {
    /// Whether a kernel is supported.
    #[must_use]
    pub fn is_supported(&self, major: u32, minor: u32) -> bool {
        major >= self.from || self.long_term.contains(&(major, minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for name in [
            "NumCPU",
            "numcpu",
            "ALL",
            "Port-6443",
            "port-8443",
            "FileExisting-socat",
            "DirAvailable--var-lib-etcd",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in ["NumCPUs", "", "Port-", "Hostnam", "é"] {
            assert!(!is_known(name), "{name}");
        }
    }

    #[test]
    fn conntrack_is_demanded_before_1_32_only() {
        let has =
            |minor| get().programs_of(Minor::new(minor)).any(|program| program.name == "conntrack");
        assert!(has(31) && !has(32) && !has(35));
        for name in ["mount", "losetup", "cp"] {
            assert!(
                get()
                    .programs_of(Minor::new(35))
                    .any(|program| program.name == name && program.mandatory)
            );
        }
    }

    #[test]
    fn each_version_of_control_groups_has_its_options() {
        let has = |cgroup, name| get().options_of(cgroup).any(|option| option.name == name);
        assert!(has(1, "CGROUP_DEVICE") && !has(2, "CGROUP_DEVICE"));
        assert!(!has(1, "CGROUP_BPF") && has(2, "CGROUP_BPF"));
        assert!(has(1, "NAMESPACES") && has(2, "NAMESPACES"));
        let kernel = &get().kernel;
        assert!(
            kernel.is_supported(5, 15) && kernel.is_supported(6, 18) && kernel.is_supported(7, 0)
        );
        assert!(!kernel.is_supported(5, 14) && !kernel.is_supported(4, 19));
    }

    #[test]
    fn every_module_of_every_node_is_an_option_of_the_kernel_or_a_check_of_ours() {
        let overlay = crate::data::modules::find("overlay").unwrap();
        assert!(get().config.iter().any(|option| option.name == overlay.config));
    }
}
