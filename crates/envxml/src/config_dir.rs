//! The configuration directory of 2019: files of an HPCC cluster's `ConfigMap`, read into edits.
//!
//! | file | holds |
//! |---|---|
//! | `topology.properties` | `default=true`, or `CLUSTER.name=...`, `.topology`, `.eclagent`, `.eclccserver`, `.eclscheduler` |
//! | `category.properties` | `log=/folder/[NAME]/[INST]` |
//! | `override.envgen2` | `BUILDSET,@ATTRIBUTE,VALUE` |
//! | `xpath_attributes.envgen2` | `XPATH,ATTRIBUTE,VALUE` |
//! | `roxie.envgen2` and every other `.envgen2` | arguments of `envgen2` |
//! | `contents/*.xml` | `<!--XPATH: Hardware -->` and elements to be added there |
//!
//! `#` begins a comment line. Every edit knows its file and line, problems know the column too, and all of them are
//! reported together. A value that looks mistaken gets a warning.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! let file = |text: &str| text.to_owned();
//! let files = BTreeMap::from([
//!     (file("override.envgen2"), file("# ours\nroxie,@copyResources,ture\n")),
//!     (file("xpath_attributes.properties"), file("a,b,c\n")),
//! ]);
//! let config = envxml::config_dir::read(&files).unwrap();
//! assert_eq!(config.sources[0].to_string(), "override.envgen2:2");
//! let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
//! assert_eq!(warnings, [
//!     "override.envgen2:2:22: \"ture\" looks like a slip for \"true\"",
//!     "xpath_attributes.properties:1:1: no one reads this file; did you mean xpath_attributes.envgen2?",
//! ]);
//! ```

use std::collections::BTreeMap;
use std::fmt;

use diagnostics::nearest;
use thiserror::Error;

use crate::edit::Edit;

mod contents;
mod lines;
mod properties;
mod settings;
mod suspicious;
#[cfg(test)]
mod tests;

/// What a directory asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigDir {
    /// The edits in the order in which they are to be applied: components, topology, directories, overrides, paths,
    /// contents.
    pub edits: Vec<Edit>,
    /// Where each edit comes from.
    pub sources: Vec<Source>,
    /// What looks mistaken, sorted by place.
    pub warnings: Vec<Finding>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The file's name in the directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The character within the line, from 1.
    pub column: u32,
}

/// Something to say about a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The place.
    pub source: Source,
    /// What is the matter.
    pub message: String,
}

/// A directory that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", shown(errors))]
pub struct ConfigDirError {
    /// All problems, sorted by place; at least one.
    pub errors: Vec<Finding>,
    /// What looks mistaken beside them.
    pub warnings: Vec<Finding>,
}

fn shown(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.source, self.source.column, self.message)
    }
}

/// Files of component settings in the order in which the scripts of 2019 applied them; others follow by name.
const ORDER: [&str; 8] = ["support", "dali", "esp", "roxie", "thor", "eclcc", "scheduler", "spark"];
/// The files that are not component settings.
const NAMED: [&str; 4] =
    ["topology.properties", "category.properties", "override.envgen2", "xpath_attributes.envgen2"];

/// Reads a directory given as names with texts. Names are relative: `thor.envgen2`, `contents/machine.xml`; a
/// mounted `ConfigMap` is flat, so `machine.xml` will do.
///
/// # Errors
///
/// All problems of all files.
pub fn read(files: &BTreeMap<String, String>) -> Result<ConfigDir, ConfigDirError> {
    let mut reader = Reader { files, config: ConfigDir::default(), errors: Vec::new() };
    let mut settings = Vec::new();
    let mut contents = Vec::new();
    for name in files.keys() {
        let base = name.rsplit('/').next().unwrap_or(name);
        if NAMED.contains(&name.as_str()) || base.starts_with('.') || base.starts_with("README") {
            continue;
        }
        match base.rsplit_once('.') {
            Some((stem, "envgen2")) if meant(stem).is_none() => settings.push((rank(stem), name)),
            Some((_, "xml")) => contents.push((base, name)),
            _ => reader.nobody_reads(name, base),
        }
    }
    settings.sort();
    contents.sort();
    for (_, name) in settings {
        reader.settings(name);
    }
    for name in NAMED {
        let Some(text) = files.get(name) else { continue };
        match name {
            "topology.properties" => reader.topology(name, text),
            "category.properties" => reader.categories(name, text),
            "override.envgen2" => reader.overrides(name, text),
            _ => reader.paths(name, text),
        }
    }
    for (_, name) in contents {
        reader.content(name);
    }
    reader.finish()
}

fn rank(stem: &str) -> usize {
    ORDER.iter().position(|known| *known == stem).unwrap_or(ORDER.len())
}

/// The file that is not one of component settings that a stem may stand for.
fn meant(stem: &str) -> Option<&'static str> {
    let stems = NAMED.iter().filter_map(|name| name.split('.').next());
    let near = nearest(stem, stems)?;
    NAMED.into_iter().find(|name| name.starts_with(near))
}

/// A directory in the middle of being read.
struct Reader<'f> {
    files: &'f BTreeMap<String, String>,
    config: ConfigDir,
    errors: Vec<Finding>,
}

impl Reader<'_> {
    fn edit(&mut self, edit: Edit, source: Source) {
        self.config.edits.push(edit);
        self.config.sources.push(source);
    }

    fn error(&mut self, source: Source, message: impl Into<String>) {
        self.errors.push(Finding { source, message: message.into() });
    }

    fn warn(&mut self, source: Source, message: impl Into<String>) {
        self.config.warnings.push(Finding { source, message: message.into() });
    }

    /// Warns of a value that looks mistaken.
    fn suspect(&mut self, source: &Source, value: &str) {
        if let Some(message) = suspicious::value(value) {
            self.warn(source.clone(), message);
        }
    }

    fn nobody_reads(&mut self, name: &str, base: &str) {
        let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
        let meant = meant(stem).map(str::to_owned).or_else(|| {
            let near = nearest(stem, ORDER.into_iter().chain(["ldap"]))?;
            Some(format!("{near}.envgen2"))
        });
        let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        let source = Source { file: name.to_owned(), line: 1, column: 1 };
        self.warn(source, format!("no one reads this file{hint}"));
    }

    fn finish(mut self) -> Result<ConfigDir, ConfigDirError> {
        self.config.warnings.sort();
        if self.errors.is_empty() {
            return Ok(self.config);
        }
        self.errors.sort();
        Err(ConfigDirError { errors: self.errors, warnings: self.config.warnings })
    }
}
