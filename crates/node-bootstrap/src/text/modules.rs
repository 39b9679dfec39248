//! Kernel modules: which are loaded, built in, loaded at boot.

use std::collections::BTreeSet;

use serde::Serialize;

use super::drop_in;

/// The name of a module as the kernel shows it: `-` and `_` are the same.
///
/// ```
/// assert_eq!(node_bootstrap::text::modules::normalise("br-netfilter"), "br_netfilter");
/// ```
#[must_use]
pub fn normalise(name: &str) -> String {
    name.trim().replace('-', "_")
}

/// The modules of `/proc/modules`.
#[must_use]
pub fn loaded(proc_modules: &str) -> BTreeSet<String> {
    proc_modules
        .lines()
        .filter_map(|line| Some(normalise(line.split_whitespace().next()?)))
        .collect()
}

/// The modules of `/lib/modules/RELEASE/modules.builtin`.
#[must_use]
pub fn built_in(modules_builtin: &str) -> BTreeSet<String> {
    modules_builtin
        .lines()
        .filter_map(|line| {
            let file = line.trim().rsplit('/').next()?;
            let (name, ending) = file.split_once(".ko")?;
            (ending.is_empty() || ending.starts_with('.')).then(|| normalise(name))
        })
        .collect()
}

/// How a kernel was built as to one feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Built {
    /// `=y`: always there.
    In,
    /// `=m`: a module.
    Module,
}

/// What `/boot/config-RELEASE` or `/proc/config.gz` says of `CONFIG_...`; `None` where it is off or not named.
#[must_use]
pub fn configured(config: &str, option: &str) -> Option<Built> {
    config.lines().find_map(|line| match line.strip_prefix(option)?.strip_prefix('=')?.trim() {
        "y" => Some(Built::In),
        "m" => Some(Built::Module),
        _ => None,
    })
}

/// A module that is loaded at boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Persistent {
    /// Its name, normalised.
    pub module: String,
    /// The file that says so.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// What the files of `modules-load.d`, given as absolute path and text, load at boot. A file that masks others
/// has an empty text; a link such as Debian's to `/etc/modules` is given with the text behind it.
#[must_use]
pub fn persistent(files: &[(&str, &str)]) -> Vec<Persistent> {
    drop_in::ordered("modules-load.d", files)
        .into_iter()
        .flat_map(|(file, text)| {
            text.lines().enumerate().filter_map(move |(index, line)| {
                let line = line.trim();
                let named = !line.is_empty() && !line.starts_with(['#', ';']);
                named.then(|| Persistent {
                    module: normalise(line),
                    file: file.to_owned(),
                    line: index + 1,
                })
            })
        })
        .collect()
}

/// The text of a drop-in for `modules-load.d`.
#[must_use]
pub fn render<'a>(modules: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("# Written by node-prep; it is replaced as a whole.\n");
    for module in modules {
        out.push_str(&normalise(module));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_and_built_in_modules_are_named_alike() {
        let proc_modules = "br_netfilter 32768 0 - Live 0x0000000000000000\nbridge 311296 1 br_netfilter, Live 0x0\n";
        assert_eq!(loaded(proc_modules), ["br_netfilter", "bridge"].map(str::to_owned).into());
        let builtin = "kernel/net/bridge/br-netfilter.ko\nkernel/fs/overlayfs/overlay.ko.zst\nkernel/odd.kox\n\n";
        assert_eq!(built_in(builtin), ["br_netfilter", "overlay"].map(str::to_owned).into());
    }

    #[test]
    fn the_configuration_of_a_kernel_tells_built_in_from_module() {
        let config = "# CONFIG_IP_VS is not set\nCONFIG_BRIDGE=y\nCONFIG_BRIDGE_NETFILTER=m\nCONFIG_HZ=250\n";
        let cases = [
            ("CONFIG_BRIDGE", Some(Built::In)),
            ("CONFIG_BRIDGE_NETFILTER", Some(Built::Module)),
            ("CONFIG_IP_VS", None),
            ("CONFIG_HZ", None),
        ];
        for (option, built) in cases {
            assert_eq!(configured(config, option), built, "{option}");
        }
    }

    #[test]
    fn masked_files_load_nothing_at_boot() {
        let files = [
            ("/etc/modules-load.d/k8s.conf", "# why\noverlay\n\n  br-netfilter\n;x\n"),
            ("/usr/lib/modules-load.d/a.conf", "dummy\n"),
            ("/run/modules-load.d/a.conf", ""),
        ];
        let file = "/etc/modules-load.d/k8s.conf".to_owned();
        assert_eq!(
            persistent(&files),
            [
                Persistent { module: "overlay".to_owned(), file: file.clone(), line: 2 },
                Persistent { module: "br_netfilter".to_owned(), file, line: 4 },
            ]
        );
    }

    #[test]
    fn a_drop_in_is_read_back() {
        let text = render(["overlay", "br-netfilter"]);
        let read: Vec<_> = persistent(&[("/etc/modules-load.d/n.conf", &text)])
            .into_iter()
            .map(|found| found.module)
            .collect();
        assert_eq!(read, ["overlay", "br_netfilter"]);
    }
}
