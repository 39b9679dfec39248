//! Where the values of an environment come from: the catalogue's default, something else in the environment, or
//! somebody's hand.

use std::fmt;

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::tree::{Document, Position, XPath};
use crate::view::Environment;

mod component;
mod derive;
mod parts;

/// An attribute, or the text of a setting, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The XPath of the attribute.
    pub path: String,
    /// Its value.
    pub value: String,
    /// Where the value comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "origin")]
pub enum Origin {
    /// The value that HPCC's own tables have.
    Default {
        /// The version of the tables: `7.2`.
        version: String,
    },
    /// It follows from something else.
    Derived {
        /// From what: an XPath or a few words.
        from: String,
    },
    /// Somebody set it.
    Override {
        /// What it would be otherwise; `None` when it would not be there, or nobody knows.
        instead_of: Option<String>,
        /// Where it stands in the environment; `None` in one that was not read from a file.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Place>,
    },
}

/// A line of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The character within the line, from 1.
    pub column: u32,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self { line: position.line, column: position.column }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default { version } => write!(f, "default of HPCC {version}"),
            Self::Derived { from } => write!(f, "derived from {from}"),
            Self::Override { instead_of: Some(value), .. } => {
                write!(f, "override (otherwise {value:?})")
            }
            Self::Override { instead_of: None, .. } => f.write_str("override"),
        }
    }
}

/// Explains what a path names: one attribute (`.../@name`), or all attributes of the elements and of those inside them.
///
/// ```
/// use envxml::{Document, catalogue::Catalogue, explain::explain};
///
/// let document = Document::parse(
///     "<Environment><Software>\n<ThorCluster buildSet='thor' name='mythor' masterport='20001'/></Software></Environment>",
/// )?;
/// let path = "Software/ThorCluster/@masterport".parse()?;
/// let found = explain(&document, &path, Catalogue::newest());
/// assert_eq!(found[0].origin.to_string(), "override (otherwise \"20000\")");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn explain(document: &Document, path: &XPath, catalogue: &Catalogue) -> Vec<Explanation> {
    let environment = Environment::new(document);
    let explainer = parts::Explainer { environment: &environment, catalogue };
    let mut found = Vec::new();
    for place in document.root.select_paths(path) {
        explainer.walk(&place, path.attribute.as_deref(), &mut found);
    }
    found
}
