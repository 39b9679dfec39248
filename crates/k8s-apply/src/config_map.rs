//! Objects of the kinds ConfigMap and Secret made of files, as `kubectl create configmap` and `kubectl create secret generic` make them.
//!
//! Source of the rules: the help of these two commands, and the validation of both kinds in the API reference.
//!
//! ```
//! use k8s_apply::config_map::{Entry, config_map};
//!
//! let object = config_map("settings", Some("web"), &[Entry::literal("mode=fast").unwrap()]).unwrap();
//! assert_eq!(object.text("/data/mode"), Some("fast"));
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use diagnostics::{Place, Problem};
use serde_json::{Map, Value, json};

use crate::object::Object;

/// How many bytes all values of a ConfigMap or Secret may have together. Source: `MaxSecretSize` of the core API.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How long a key may be. Source: `IsConfigMapKey` of apimachinery.
const MAX_KEY: usize = 253;

/// Something to put into a ConfigMap or Secret.
///
/// `Debug` leaves values out, because they may be secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file, under its own name or another key; or the regular files that are directly in a folder, without those that
    /// links point to.
    File {
        /// The key; by default the name of the file.
        key: Option<String>,
        /// The file or folder.
        path: PathBuf,
    },
    /// A key and its value.
    Literal {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A file with a line `key=value` for each entry. Values are taken as they stand, with quotes if there are any. Empty
    /// lines, and lines that begin with `#`, are left out.
    EnvFile(PathBuf),
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { key, path } => write!(f, "File({key:?}, {path:?})"),
            Self::Literal { key, .. } => write!(f, "Literal({key:?})"),
            Self::EnvFile(path) => write!(f, "EnvFile({path:?})"),
        }
    }
}

impl Entry {
    /// The value of `--from-file`: `PATH` or `KEY=PATH`.
    ///
    /// # Errors
    /// If the key or the path is empty, or there is more than one `=`.
    pub fn file(text: &str) -> Result<Self, Box<Problem>> {
        let fault = |message: &str| {
            let problem = Problem::error("from-file", format!("`{text}`: {message}"));
            Err(Box::new(problem.help("write PATH or KEY=PATH")))
        };
        match text.split_once('=') {
            None if text.is_empty() => fault("a path is expected"),
            None => Ok(Self::File { key: None, path: text.into() }),
            Some((_, path)) if path.contains('=') => fault("neither key nor path may hold `=`"),
            Some(("", _)) => fault("the key before `=` is missing"),
            Some((_, "")) => fault("the path after `=` is missing"),
            Some((key, path)) => Ok(Self::File { key: Some(key.to_owned()), path: path.into() }),
        }
    }

    /// The value of `--from-literal`: `KEY=VALUE`. The value may hold `=` and may be empty.
    ///
    /// # Errors
    /// If there is no key or no `=`. The message does not show the text, which may be secret.
    pub fn literal(text: &str) -> Result<Self, Box<Problem>> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self::Literal { key: key.to_owned(), value: value.to_owned() })
            }
            _ => {
                let message = "KEY=VALUE is expected, with a key";
                Err(Box::new(Problem::error("from-literal", message)))
            }
        }
    }
}

/// A ConfigMap. Values that are UTF-8 go into `data`, others into `binaryData`.
///
/// # Errors
/// Everything that is wrong: files that cannot be read, keys that may not be or stand twice, more than [`MAX_BYTES`].
pub fn config_map(
    name: &str,
    namespace: Option<&str>,
    entries: &[Entry],
) -> Result<Object, Vec<Problem>> {
    let found = collect(entries)?;
    let (mut data, mut binary) = (Map::new(), Map::new());
    for (key, bytes) in found {
        match String::from_utf8(bytes) {
            Ok(text) => data.insert(key, Value::String(text)),
            Err(error) => binary.insert(key, encoded(error.as_bytes())),
        };
    }
    let mut value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    for (key, map) in [("data", data), ("binaryData", binary)] {
        if !map.is_empty() {
            value[key] = Value::Object(map);
        }
    }
    finish(value, namespace)
}

/// A Secret of a type, by default `Opaque`. No problem shows a value.
///
/// # Errors
/// As [`config_map`].
pub fn secret(
    name: &str,
    namespace: Option<&str>,
    kind: Option<&str>,
    entries: &[Entry],
) -> Result<Object, Vec<Problem>> {
    let data: Map<String, Value> =
        collect(entries)?.into_iter().map(|(key, bytes)| (key, encoded(&bytes))).collect();
    let value = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": kind.unwrap_or("Opaque"),
        "data": data,
    });
    finish(value, namespace)
}

fn encoded(bytes: &[u8]) -> Value {
    Value::String(BASE64_STANDARD.encode(bytes))
}

fn finish(value: Value, namespace: Option<&str>) -> Result<Object, Vec<Problem>> {
    let mut object = Object::try_from(value)
        .map_err(|error| vec![Problem::error("not-an-object", error.to_string())])?;
    if let Some(namespace) = namespace {
        object.set_namespace(namespace);
    }
    Ok(object)
}

/// Keys with their values, and what is wrong on the way.
#[derive(Default)]
struct Collected {
    values: BTreeMap<String, Vec<u8>>,
    problems: Vec<Problem>,
}

fn collect(entries: &[Entry]) -> Result<BTreeMap<String, Vec<u8>>, Vec<Problem>> {
    let mut collected = Collected::default();
    for entry in entries {
        match entry {
            Entry::File { key, path } => collected.file(key.as_deref(), path),
            Entry::Literal { key, value } => {
                collected.add(key, value.clone().into_bytes(), None);
            }
            Entry::EnvFile(path) => collected.env_file(path),
        }
    }
    let bytes: usize = collected.values.values().map(Vec::len).sum();
    if bytes > MAX_BYTES {
        let largest = collected.values.iter().max_by_key(|(_, value)| value.len());
        let mut problem = Problem::error(
            "too-large",
            format!("all values have {bytes} bytes together; {MAX_BYTES} is the most"),
        );
        if let Some((key, value)) = largest {
            problem = problem.help(format!("the largest is {key} with {} bytes", value.len()));
        }
        collected.problems.push(problem);
    }
    if collected.problems.is_empty() { Ok(collected.values) } else { Err(collected.problems) }
}

impl Collected {
    fn add(&mut self, key: &str, value: Vec<u8>, place: Option<Place>) {
        let fault = if is_key(key) {
            match self.values.entry(key.to_owned()) {
                btree_map::Entry::Vacant(entry) => {
                    entry.insert(value);
                    return;
                }
                btree_map::Entry::Occupied(_) => {
                    Problem::error("key", format!("the key `{key}` stands twice"))
                        .help("leave one of them, or name another key: KEY=PATH")
                }
            }
        } else {
            let problem =
                Problem::error("key", format!("`{}` cannot be a key", key.escape_debug()));
            problem.help(format!(
                "letters, digits, `-`, `_` and `.` are expected, at most {MAX_KEY}, and no `..` in front"
            ))
        };
        self.problems.push(Problem { place, ..fault });
    }

    fn file(&mut self, key: Option<&str>, path: &Path) {
        if !path.is_dir() {
            let own = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let key = key.map(str::to_owned).or(own).unwrap_or_default();
            if let Some(bytes) = self.read(path) {
                self.add(&key, bytes, Some(start(path)));
            }
            return;
        }
        if key.is_some() {
            let problem = Problem::error(
                "from-file",
                "a folder cannot have a key: its files have their names",
            );
            self.problems.push(problem.placed(start(path)));
            return;
        }
        let files = fs::read_dir(path).and_then(|entries| {
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    files.push(entry.path());
                }
            }
            files.sort();
            Ok(files)
        });
        match files {
            Ok(files) => files.iter().for_each(|file| self.file(None, file)),
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn env_file(&mut self, path: &Path) {
        let Some(bytes) = self.read(path) else { return };
        let Ok(text) = String::from_utf8(bytes) else {
            let problem = Problem::error("from-env-file", "text in UTF-8 is expected");
            self.problems.push(problem.placed(start(path)));
            return;
        };
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { line: index + 1, ..start(path) };
            match line.split_once('=') {
                Some((key, value)) if is_variable(key) => {
                    self.add(key, value.to_owned().into_bytes(), Some(place));
                }
                Some((key, _)) => self.problems.push(
                    Problem::error(
                        "from-env-file",
                        format!("`{}` cannot be a variable", key.escape_debug()),
                    )
                    .placed(place),
                ),
                None => self.problems.push(
                    Problem::error("from-env-file", "KEY=VALUE is expected")
                        .help("values of the environment are not taken: write the value")
                        .placed(place),
                ),
            }
        }
    }

    fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        fs::read(path).map_err(|error| self.unreadable(path, &error)).ok()
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        let problem = Problem::error("unreadable-file", format!("cannot be read: {error}"));
        self.problems.push(problem.placed(start(path)));
    }
}

fn start(path: &Path) -> Place {
    Place { file: path.display().to_string(), line: 1, column: 1 }
}

/// Whether a text may be a key. Source: `IsConfigMapKey` of apimachinery.
fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !key.is_empty()
        && key.len() <= MAX_KEY
        && key.chars().all(plain)
        && key != "."
        && !key.starts_with("..")
}

/// Whether a text may name a variable. Source: `IsEnvVarName` of apimachinery.
fn is_variable(key: &str) -> bool {
    is_key(key) && !key.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
