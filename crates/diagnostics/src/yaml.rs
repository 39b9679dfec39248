//! Reading YAML, and JSON as a part of it, with places; writing it.
//!
//! Reading is fast and keeps no places. When a check of the data finds something, [`Places`] reads the text a
//! second time and knows the line of every key and item.
//!
//! This module is the only one of the workspace that calls the YAML crate.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_saphyr::{DefaultMessageFormatter, Error, MessageFormatter, Options, Spanned};
use thiserror::Error as ThisError;

use crate::nearest::nearest;
use crate::path::{DataPath, Step};
use crate::problem::{Place, Problem};

mod fault;
mod tree;

pub use tree::{Entry, Reading, Shape, Tree};

/// A text that is not what was expected of it. The first fault ends the reading, so there is one problem.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{problem}")]
pub struct Unreadable {
    /// What is wrong, with its place; the code is `yaml`.
    pub problem: Box<Problem>,
}

/// Reads one document of YAML or JSON.
///
/// Numbers that begin with 0 are octal, as file modes are: `0755` is 493. Strings keep what is written:
/// `value: 022` is "022" where text is expected. A key that stands twice is an error.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let modes: BTreeMap<String, u32> = diagnostics::yaml::read("modes.yaml", "file: 0644\n")?;
/// assert_eq!(modes["file"], 0o644);
///
/// let fault = diagnostics::yaml::read::<BTreeMap<String, u32>>("modes.yaml", "a: 1\nb: many\n").unwrap_err();
/// assert!(fault.to_string().starts_with("modes.yaml:2:4: error: "));
/// # Ok::<(), diagnostics::yaml::Unreadable>(())
/// ```
///
/// # Errors
/// If the text is no YAML or does not fit the type, with the place where that shows.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Unreadable> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| unreadable(file, &error))
}

/// A value that YAML cannot hold, such as a map whose keys are lists.
#[derive(Debug, ThisError)]
#[error("the value cannot be written as YAML")]
pub struct Unwritable(#[source] serde_saphyr::ser::Error);

/// Writes one document in block style, keys in the order of the value. Texts that a reader of YAML 1.1 would take
/// for something else are quoted.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let text = diagnostics::yaml::write(&BTreeMap::from([("mode", "0644"), ("switch", "on")]))?;
/// assert_eq!(text, "mode: \"0644\"\nswitch: \"on\"\n");
/// # Ok::<(), diagnostics::yaml::Unwritable>(())
/// ```
///
/// # Errors
/// If the value has a part that YAML cannot hold.
pub fn write<T: Serialize>(value: &T) -> Result<String, Unwritable> {
    // Never folded: base64 is easier to compare in one line.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options).map_err(Unwritable)
}

fn options() -> Options {
    serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        // A list of all objects of a cluster has millions of nodes. Aliases keep the limits of their own.
        budget: serde_saphyr::budget! { max_nodes: 20_000_000, max_events: 40_000_000 },
    }
}

fn unreadable(file: &str, error: &Error) -> Unreadable {
    let mut problem = match error.without_snippet() {
        Error::InvalidScalar { ty, .. } => {
            Problem::error("yaml", format!("{} is expected", expected(ty)))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            Problem::error("yaml", format!("the key `{}` stands twice", key.escape_debug()))
                .help("leave one of them")
        }
        Error::SerdeUnknownField { field: name, expected, .. }
        | Error::SerdeUnknownVariant { variant: name, expected, .. } => {
            let problem =
                Problem::error("yaml", format!("`{}` is not known here", name.escape_debug()));
            match nearest(name, expected.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None if expected.is_empty() => problem,
                None => problem.help(format!("known are {}", expected.join(", "))),
            }
        }
        other => Problem::error("yaml", DefaultMessageFormatter.format_message(other)),
    };
    if let Some(at) = error.location() {
        problem = problem.placed(place(file, at));
    }
    Unreadable { problem: Box::new(problem) }
}

/// What a scalar should have been, for people.
fn expected(ty: &str) -> String {
    let most = match ty {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" | "usize" => u64::MAX,
        "i8" | "i16" | "i32" | "i64" => return "a whole number".to_owned(),
        other => return format!("a value of the type {other}"),
    };
    format!("a whole number from 0 to {most}")
}

fn place(file: &str, at: serde_saphyr::Location) -> Place {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Place { file: file.to_owned(), line: count(at.line()), column: count(at.column()) }
}

/// The places of all keys and items of a document.
#[derive(Debug, Clone)]
pub struct Places {
    file: String,
    root: Node,
}

impl Places {
    /// Reads a text for its places.
    ///
    /// # Errors
    /// If the text is no YAML.
    pub fn of(file: &str, text: &str) -> Result<Self, Unreadable> {
        match serde_saphyr::from_str_with_options(text, options()) {
            Ok(root) => Ok(Self { file: file.to_owned(), root }),
            Err(error) => Err(unreadable(file, &error)),
        }
    }

    /// Where a path is: its key or item, or the last that there is on the way to it.
    #[must_use]
    pub fn find(&self, path: &DataPath) -> Place {
        let mut node = &self.root;
        let mut at = self.root.0.referenced;
        for step in path.steps() {
            let next = match (step, &node.0.value) {
                (Step::Key(key), Content::Mapping(entries)) => {
                    let found = entries.iter().find(|(name, _)| name.value == *key);
                    found.map(|(name, value)| (name.referenced, value))
                }
                (Step::Index(index), Content::List(items)) => {
                    items.get(*index).map(|item| (item.0.referenced, item))
                }
                _ => None,
            };
            let Some((place, value)) = next else { break };
            (at, node) = (place, value);
        }
        place(&self.file, at)
    }

    /// Gives every problem that has no place yet the one of its path, and puts all into the order of the text.
    pub fn settle(&self, problems: &mut [Problem]) {
        for problem in problems.iter_mut().filter(|problem| problem.place.is_none()) {
            problem.place = Some(self.find(&problem.path));
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place));
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
struct Node(Spanned<Content>);

#[derive(Debug, Clone)]
enum Content {
    Scalar,
    List(Vec<Node>),
    Mapping(Vec<(Spanned<String>, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

/// The visits that all mean the same: some scalar.
macro_rules! scalars {
    ($($visit:ident($type:ty)),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Content, E> {
            Ok(Content::Scalar)
        })*
    };
}

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    scalars!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_i128(i128), visit_u128(u128));
    scalars!(visit_f64(f64), visit_str(&str), visit_bytes(&[u8]));

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Content::Mapping(entries))
    }
}

#[cfg(test)]
mod tests;
