//! containerd's `config.toml`, changed by the version of its schema.
//!
//! Version 1 has the settings of the CRI plugin under `plugins.cri`, version 2 under
//! `plugins."io.containerd.grpc.v1.cri"`, versions 3 and 4 under `io.containerd.cri.v1.runtime` and
//! `io.containerd.cri.v1.images`. What stands under the table of another version is silently ignored by
//! containerd, so it is told here. A file without a version is of version 1.

mod read;
#[cfg(test)]
mod tests;
mod tree;
mod version;

use serde::{Deserialize, Serialize};
use toml_edit::{Array, DocumentMut, Item, Value};

use self::tree::{dotted, look, put};
use super::TextError;

pub use read::{Settings, read};
pub use version::{Schema, Version};

/// The program that runs containers, under the name that all versions know.
const RUNC: &str = "io.containerd.runc.v2";
const GRPC_CRI: &str = "io.containerd.grpc.v1.cri";
const CRI_RUNTIME: &str = "io.containerd.cri.v1.runtime";
const CRI_IMAGES: &str = "io.containerd.cri.v1.images";

/// What is wanted of containerd. `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Whether runc leaves cgroups to systemd, as the kubelet must do too.
    pub systemd_cgroup: Option<bool>,
    /// The image of the pause container, as kubeadm of the same minor has it.
    pub sandbox_image: Option<String>,
    /// The folder of `hosts.toml` files, such as `/etc/containerd/certs.d`.
    pub registry_config_path: Option<String>,
    /// Whether containers get labels of `SELinux`.
    pub enable_selinux: Option<bool>,
    /// The folder of CNI plugins.
    pub cni_bin_dir: Option<String>,
    /// Whether the CRI plugin is taken out of `disabled_plugins`.
    pub enable_cri: bool,
}

/// What is to be known of a configuration beside its new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A wished setting stands under the table of another schema, where containerd does not read it.
    Ignored {
        /// Path of the setting.
        path: String,
    },
    /// `registry.mirrors` or the `tls` of a registry stand beside `config_path`: containerd refuses to start.
    RegistryConflict {
        /// Path of the other setting.
        path: String,
    },
    /// The schema is newer than this containerd knows: it will not start.
    TooNew {
        /// The schema of the file.
        schema: Schema,
    },
}

/// A changed configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The new text.
    pub text: String,
    /// The schema it is written in.
    pub schema: Schema,
    /// What else was found.
    pub notes: Vec<Note>,
}

/// Applies a wish to a configuration; one that is missing or empty is begun in the schema of this containerd.
///
/// ```
/// use node_bootstrap::text::containerd::{Version, Wish, apply};
///
/// let wish = Wish { systemd_cgroup: Some(true), enable_cri: true, ..Wish::default() };
/// let done = apply(Some("disabled_plugins = [\"cri\"]\n"), &wish, Version::new(2, 0, 0))?;
/// assert_eq!(
///     done.text,
///     r#"version = 3
/// disabled_plugins = []
///
/// [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
/// runtime_type = "io.containerd.runc.v2"
///
/// [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
/// SystemdCgroup = true
/// "#
/// );
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the text is no TOML, of an unknown schema, or a setting is of another kind than it should be.
pub fn apply(
    before: Option<&str>,
    wish: &Wish,
    containerd: Version,
) -> Result<Configured, TextError> {
    let before = before.unwrap_or_default();
    let mut document = parse(before)?;
    let mut unchanged = before.to_owned();
    let schema = match schema_of(&document)? {
        Some(schema) => schema,
        None if is_blank(&document) => {
            let schema = containerd.schema();
            unchanged = format!("version = {}\n{before}", schema.number());
            document = parse(&unchanged)?;
            schema
        }
        None => Schema::V1,
    };
    let rendered = document.to_string();
    let mut notes = Vec::new();
    if schema > containerd.schema() {
        notes.push(Note::TooNew { schema });
    }
    if wish.enable_cri {
        enable_cri(&mut document)?;
    }
    for (path, value) in settings(wish, schema, &document) {
        if path.last() == Some(&"SystemdCgroup") {
            // An own table of the runtime replaces containerd's default one, so it must name its type.
            let kind = [&path[..path.len() - 2], &["runtime_type"]].concat();
            if look(&document, &kind).is_none() {
                put(&mut document, &kind, RUNC.into())?;
            }
        }
        put(&mut document, &path, value)?;
    }
    notes.extend(ignored(&document, wish, schema));
    if wish.registry_config_path.is_some() {
        let registry = registry(schema);
        let below = |key| [registry.as_slice(), &[key]].concat();
        let entries = |path: &[&str]| look(&document, path).and_then(Item::as_table_like);
        if entries(&below("mirrors")).is_some_and(|mirrors| !mirrors.is_empty()) {
            notes.push(Note::RegistryConflict { path: dotted(&below("mirrors")) });
        }
        for (host, item) in
            entries(&below("configs")).into_iter().flat_map(toml_edit::TableLike::iter)
        {
            if item.as_table_like().is_some_and(|config| config.contains_key("tls")) {
                let path = [below("configs").as_slice(), &[host, "tls"]].concat();
                notes.push(Note::RegistryConflict { path: dotted(&path) });
            }
        }
    }
    let text = document.to_string();
    // What did not change is given back as it was, line endings included.
    let text = if text == rendered { unchanged } else { text };
    Ok(Configured { text, schema, notes })
}

/// The schema that a configuration says it has; `None` where it says nothing.
///
/// # Errors
/// If the text is no TOML, or of an unknown schema.
pub fn schema(text: &str) -> Result<Option<Schema>, TextError> {
    schema_of(&parse(text)?)
}

/// The patterns of files that a configuration takes in, such as `/etc/containerd/conf.d/*.toml`. A drop-in cannot
/// take a plugin out of `disabled_plugins`: containerd joins these lists.
///
/// # Errors
/// If the text is no TOML.
pub fn imports(text: &str) -> Result<Vec<String>, TextError> {
    let document = parse(text)?;
    let list = document.get("imports").and_then(Item::as_array);
    Ok(list.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

/// The wished settings that a drop-in sets to something else, by their paths. It is read after the main file, so it
/// wins.
///
/// # Errors
/// If the text is no TOML, or of an unknown schema.
pub fn overridden(
    drop_in: &str,
    wish: &Wish,
    containerd: Version,
) -> Result<Vec<String>, TextError> {
    let document = parse(drop_in)?;
    let schema = schema_of(&document)?.unwrap_or_else(|| containerd.schema());
    let mut found = Vec::new();
    for (path, value) in settings(wish, schema, &document) {
        let other = look(&document, &path).and_then(Item::as_value);
        if other.is_some_and(|other| !tree::same(other, &value)) {
            found.push(dotted(&path));
        }
    }
    let disabled = document.get("disabled_plugins").and_then(Item::as_array);
    if wish.enable_cri && disabled.into_iter().flatten().any(|name| is_cri(name.as_str())) {
        found.push("disabled_plugins".to_owned());
    }
    Ok(found)
}

fn is_cri(name: Option<&str>) -> bool {
    name.is_some_and(|name| ["cri", GRPC_CRI, CRI_RUNTIME, CRI_IMAGES].contains(&name))
}

fn parse(text: &str) -> Result<DocumentMut, TextError> {
    text.parse().map_err(|error: toml_edit::TomlError| TextError::Toml(error.to_string()))
}

fn schema_of(document: &DocumentMut) -> Result<Option<Schema>, TextError> {
    let Some(item) = document.get("version") else { return Ok(None) };
    let Some(number) = item.as_integer() else {
        return Err(TextError::Kind {
            path: "version".to_owned(),
            expected: "a whole number",
            found: item.type_name().to_owned(),
        });
    };
    Schema::new(number).map(Some).ok_or(TextError::Schema(number))
}

/// Whether nothing in a configuration without a version depends on its schema: no plugin is configured, and none
/// but the CRI one is disabled by its short name. Docker's package brings such a file.
fn is_blank(document: &DocumentMut) -> bool {
    let plugins = document.get("plugins").and_then(Item::as_table_like);
    let names = |key| document.get(key).and_then(Item::as_array).into_iter().flatten();
    plugins.is_none_or(toml_edit::TableLike::is_empty)
        && names("disabled_plugins")
            .chain(names("required_plugins"))
            .all(|name| name.as_str() == Some("cri"))
}

/// Takes every name of the CRI plugin out of `disabled_plugins`.
fn enable_cri(document: &mut DocumentMut) -> Result<(), TextError> {
    let Some(item) = document.get_mut("disabled_plugins") else { return Ok(()) };
    let found = item.type_name().to_owned();
    let Some(list) = item.as_array_mut() else {
        return Err(TextError::Kind {
            path: "disabled_plugins".to_owned(),
            expected: "a list",
            found,
        });
    };
    let first = list.get(0).map(|value| value.decor().clone());
    let before = list.len();
    list.retain(|value| !is_cri(value.as_str()));
    if let (true, Some(decor), Some(value)) = (list.len() < before, first, list.get_mut(0)) {
        *value.decor_mut() = decor;
    }
    Ok(())
}

type Path = Vec<&'static str>;

/// The tables of the CRI plugin: for containers, for images.
fn tables(schema: Schema) -> (&'static str, &'static str) {
    match schema {
        Schema::V1 => ("cri", "cri"),
        Schema::V2 => (GRPC_CRI, GRPC_CRI),
        Schema::V3 | Schema::V4 => (CRI_RUNTIME, CRI_IMAGES),
    }
}

fn registry(schema: Schema) -> Path {
    vec!["plugins", tables(schema).1, "registry"]
}

/// Where each wished setting belongs in a schema, and its value.
fn settings(wish: &Wish, schema: Schema, document: &DocumentMut) -> Vec<(Path, Value)> {
    let (runtime, images) = tables(schema);
    let mut out: Vec<(Path, Value)> = Vec::new();
    if let Some(on) = wish.systemd_cgroup {
        let path =
            ["plugins", runtime, "containerd", "runtimes", "runc", "options", "SystemdCgroup"];
        out.push((path.into(), on.into()));
    }
    if let Some(image) = &wish.sandbox_image {
        let path = match schema {
            Schema::V1 | Schema::V2 => vec!["plugins", images, "sandbox_image"],
            Schema::V3 | Schema::V4 => vec!["plugins", images, "pinned_images", "sandbox"],
        };
        out.push((path, image.into()));
    }
    if let Some(folder) = &wish.registry_config_path {
        out.push(([registry(schema), vec!["config_path"]].concat(), folder.into()));
    }
    if let Some(on) = wish.enable_selinux {
        out.push((vec!["plugins", runtime, "enable_selinux"], on.into()));
    }
    if let Some(folder) = &wish.cni_bin_dir {
        let many = vec!["plugins", runtime, "cni", "bin_dirs"];
        let standing = look(document, &many).and_then(Item::as_array);
        // containerd 2.1 brought the list, 2.3 dropped the single folder.
        if schema == Schema::V4 || standing.is_some() {
            let mut list = standing.cloned().unwrap_or_else(Array::new);
            if !list.iter().any(|there| there.as_str() == Some(folder)) {
                list.push(folder);
            }
            out.push((many, list.into()));
        } else {
            out.push((vec!["plugins", runtime, "cni", "bin_dir"], folder.into()));
        }
    }
    out
}

/// The wished settings that stand where this schema does not look.
fn ignored(document: &DocumentMut, wish: &Wish, schema: Schema) -> Vec<Note> {
    [Schema::V1, Schema::V2, Schema::V3, Schema::V4]
        .into_iter()
        .filter(|other| tables(*other) != tables(schema) && *other != Schema::V4)
        .flat_map(|other| settings(wish, other, document))
        .filter(|(path, _)| look(document, path).is_some())
        .map(|(path, _)| Note::Ignored { path: dotted(&path) })
        .collect()
}
