//! What a configuration of containerd says, drop-ins included.

use toml_edit::{DocumentMut, Item};

use super::tree::look;
use super::{CRI_IMAGES, CRI_RUNTIME, GRPC_CRI, Schema, parse, schema_of, tables};
use crate::text::TextError;

/// What counts for the kubelet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether runc leaves cgroups to systemd. `None` where nothing is said, which means no.
    pub systemd_cgroup: Option<bool>,
    /// The image of the pause container. `None` where nothing is said: containerd has one built in.
    pub sandbox_image: Option<String>,
    /// Whether the CRI plugin is switched off.
    pub cri_disabled: bool,
}

/// Reads a configuration and what it imports, in the order in which containerd reads them: each file in the tables of
/// its own schema, later ones over earlier ones. Lists of disabled plugins are joined.
///
/// ```
/// use node_bootstrap::text::containerd::read;
///
/// let found = read(["disabled_plugins = [\"cri\"]\n"])?;
/// assert!(found.cri_disabled);
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If one is no TOML, or of an unknown schema.
pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Settings, TextError> {
    let mut found = Settings::default();
    for text in texts {
        let document = parse(text)?;
        let schema = schema_of(&document)?.unwrap_or(Schema::V1);
        let (runtime, images) = tables(schema);
        let options =
            ["plugins", runtime, "containerd", "runtimes", "runc", "options", "SystemdCgroup"];
        let systemd = look(&document, &options).and_then(Item::as_bool);
        found.systemd_cgroup = systemd.or(found.systemd_cgroup);
        let image = match schema {
            Schema::V1 | Schema::V2 => look(&document, &["plugins", images, "sandbox_image"]),
            Schema::V3 | Schema::V4 => {
                look(&document, &["plugins", images, "pinned_images", "sandbox"])
            }
        };
        let image = image.and_then(Item::as_str).map(str::to_owned);
        found.sandbox_image = image.or(found.sandbox_image);
        found.cri_disabled |= disables_cri(&document);
    }
    Ok(found)
}

fn disables_cri(document: &DocumentMut) -> bool {
    let list = document.get("disabled_plugins").and_then(Item::as_array);
    let is_cri = |name: &str| ["cri", GRPC_CRI, CRI_RUNTIME, CRI_IMAGES].contains(&name);
    list.into_iter().flatten().filter_map(toml_edit::Value::as_str).any(is_cri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_read_by_its_own_schema_and_later_ones_count() {
        let main = "version = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n\
                    [plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"registry.k8s.io/pause:3.8\"\n\
                    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nSystemdCgroup = false\n";
        let drop_in = "version = 3\n[plugins.\"io.containerd.cri.v1.images\".pinned_images]\nsandbox = \"pause:1\"\n\
                       [plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n";
        let alone = read([main]).unwrap();
        assert_eq!(alone.systemd_cgroup, Some(false));
        assert_eq!(alone.sandbox_image.as_deref(), Some("registry.k8s.io/pause:3.8"));
        let both = read([main, drop_in]).unwrap();
        assert_eq!(both.systemd_cgroup, Some(true));
        assert_eq!(both.sandbox_image.as_deref(), Some("pause:1"));
    }

    #[test]
    fn settings_in_the_tables_of_another_schema_do_not_count() {
        let text = "version = 3\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n";
        assert_eq!(read([text]).unwrap(), Settings::default());
    }

    #[test]
    fn a_plugin_stays_disabled_whoever_says_so() {
        let off = "disabled_plugins = [\"io.containerd.cri.v1.runtime\"]\n";
        assert!(read(["version = 3\n", off]).unwrap().cri_disabled);
        assert!(read([off, "disabled_plugins = []\n"]).unwrap().cri_disabled);
        assert!(!read(["disabled_plugins = [\"btrfs\"]\n"]).unwrap().cri_disabled);
    }
}
