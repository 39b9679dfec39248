//! Manifests read from files: YAML and JSON, several documents and lists, with the place of every field.
//!
//! All problems of all documents are collected; one bad document does not hide the others. What a server sets by
//! itself is taken out ([`Loaded::problems`] warns of it), so that what is left is what its author wants.
//!
//! ```
//! use k8s_apply::manifest::{Input, LoadOptions, load};
//!
//! let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: 1}\n";
//! let loaded = load(&[Input::text("one.yaml", text)], &LoadOptions::default());
//! assert_eq!(loaded.manifests.len(), 1);
//! assert!(loaded.problems[0].to_string().starts_with("one.yaml:4:8: error: data.a: "));
//! ```

mod check;
mod fields;
mod files;
mod item;
mod sanitise;
mod source;
mod split;
mod tree;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use diagnostics::{DataPath, Place, Problem};

use crate::builtin::{Scope, scope};
use crate::convert::find;
use crate::object::{GroupVersionKind, Object, ObjectKey};
pub use source::Sources;
use source::{Document, Text, concat};

/// Something to read manifests from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, whatever its name ends in, or a folder: of it the files `*.yaml`, `*.yml` and `*.json`, in the order of
    /// their names.
    Path(PathBuf),
    /// A text that is there already, such as what came from standard input, and the name to show for it.
    Text {
        /// The name to show.
        name: String,
        /// What is in it, in UTF-8, or UTF-16 with a byte order mark.
        bytes: Vec<u8>,
    },
}

impl Input {
    /// A text that is there already.
    pub fn text(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self::Text { name: name.into(), bytes: text.into() }
    }
}

/// How to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    /// Whether folders in folders are read too. On by default, unlike kubectl's `-R`: who hands a folder over as a set, and lets
    /// what is no longer in it be deleted, must not lose a part of it without a word. Names that begin with a dot are
    /// left out in any case.
    pub recursive: bool,
    /// The namespace that objects without one will be put into, to tell what stands twice.
    pub default_namespace: String,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { recursive: true, default_namespace: "default".to_owned() }
    }
}

/// Where a manifest was read.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The file, as the user named it.
    pub file: String,
    /// The number of the document in it, from 1. Empty ones do not count.
    pub document: usize,
    /// The template that `helm template` made it of, if a comment `# Source:` says so.
    pub template: Option<String>,
    /// Where in the document it is; the root unless it is an item of a list.
    path: DataPath,
    source: Arc<Document>,
}

impl Origin {
    /// Where it begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.source.find(&self.path)
    }

    /// Where a field of the object is: its key or item, or the last that there is on the way to it.
    ///
    /// The first question about a document reads it a second time; further ones are fast.
    #[must_use]
    pub fn place_of(&self, path: &DataPath) -> Place {
        self.source.find(&concat(&self.path, path))
    }

    /// Gives a problem of the object its place, and names the template that the object was made of.
    #[must_use]
    pub fn settle(&self, mut problem: Problem) -> Problem {
        if problem.place.is_none() {
            problem.path = concat(&self.path, &problem.path);
            problem.place = Some(self.source.find(&problem.path));
            if let Some(template) = &self.template {
                let _ = write!(problem.message, " (made of {template})");
            }
        }
        problem
    }
}

/// An object and where it was read.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The object, without what servers set.
    pub object: Object,
    /// Where it was read.
    pub origin: Origin,
}

impl Manifest {
    /// Where a field is in the source. See [`Origin::place_of`].
    #[must_use]
    pub fn place_of(&self, path: &DataPath) -> Place {
        self.origin.place_of(path)
    }
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The objects, in the order of inputs, files and documents. Some that errors are about may be among them.
    pub manifests: Vec<Manifest>,
    /// Errors and warnings, in that order too.
    pub problems: Vec<Problem>,
    /// The texts, to show lines of.
    pub sources: Sources,
}

impl Loaded {
    /// Whether there is an error among the problems: the manifests should not be used then.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// Reads manifests. Everything that is wrong is in [`Loaded::problems`].
///
/// That there is not a single object in all the inputs is an error as well, because an empty set is hardly what
/// somebody wants to apply.
#[must_use]
pub fn load(inputs: &[Input], options: &LoadOptions) -> Loaded {
    let mut loaded = Loaded::default();
    for input in inputs {
        match input {
            Input::Path(path) => {
                for file in files::find(path, options.recursive, &mut loaded.problems) {
                    let name = file.display().to_string();
                    match std::fs::read(&file) {
                        Ok(bytes) => loaded.read(name, bytes),
                        Err(error) => loaded.problems.push(files::unreadable(&name, &error)),
                    }
                }
            }
            Input::Text { name, bytes } => loaded.read(name.clone(), bytes.clone()),
        }
    }
    if loaded.manifests.is_empty() && !loaded.has_errors() {
        loaded
            .problems
            .push(Problem::error("no-manifests", "there is no object in what was given").help(
                "name a file with manifests, or a folder with *.yaml, *.yml or *.json files",
            ));
    }
    loaded.check_duplicates(&options.default_namespace);
    loaded
}

impl Loaded {
    fn read(&mut self, name: String, bytes: Vec<u8>) {
        let text = match files::decode(bytes) {
            Ok(text) => Arc::new(Text { name, text }),
            Err(message) => {
                let place = Place { file: name, line: 1, column: 1 };
                self.problems.push(Problem::error("unreadable-file", message).placed(place));
                return;
            }
        };
        let before = self.problems.len();
        let (documents, mut hidden) = split::read(&text, &mut self.problems);
        hidden.retain(|part| text.text[part.clone()].contains("Secret"));
        hidden.extend(
            documents
                .iter()
                .filter(|(_, _, value)| item::holds_secret(value))
                .map(|(_, document, _)| document.range()),
        );
        self.sources.add(text, hidden);
        for (number, document, value) in documents {
            let origin = Origin {
                file: document.file().to_owned(),
                document: number,
                template: document.template().map(str::to_owned),
                path: DataPath::root(),
                source: document,
            };
            item::add(value, origin, self);
        }
        // All have places in this text by now.
        self.problems[before..].sort_by(|one, other| one.place.cmp(&other.place));
    }

    fn check_duplicates(&mut self, default_namespace: &str) {
        let mut seen: HashMap<ObjectKey, usize> = HashMap::new();
        let mut found = Vec::new();
        for (index, manifest) in self.manifests.iter().enumerate() {
            let mut key = manifest.object.key();
            if key.group_kind.group == "extensions"
                && let Some((api, _)) = find(&manifest.object).and_then(|row| row.replacement)
            {
                // What moved to another group is still the same object.
                key.group_kind = GroupVersionKind::of(api, &key.group_kind.kind).group_kind();
            }
            let scope = scope(&key.group_kind.group, &key.group_kind.kind);
            if scope == Some(Scope::Cluster) {
                key.namespace = None;
            } else if key.namespace.is_none() {
                key.namespace = Some(default_namespace.to_owned());
            }
            if let Some(first) = seen.get(&key) {
                let first = &self.manifests[*first];
                let mut message = format!("{} stands in {} already", key, first.origin.place());
                if first.object.api_version() != manifest.object.api_version() {
                    let _ = write!(message, ", as {}", first.object.api_version());
                }
                found.push(
                    manifest.origin.settle(
                        Problem::error("duplicate-object", message)
                            .at(["metadata", "name"].into())
                            .help("leave one of them, or give another name or namespace"),
                    ),
                );
            } else {
                seen.insert(key, index);
            }
        }
        self.problems.extend(found);
    }
}

#[cfg(test)]
mod tests;
