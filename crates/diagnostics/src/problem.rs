//! One thing that is wrong.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::path::DataPath;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may do something else than was meant.
    Warning,
    /// It cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a file, as editors and people count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The name of the file, as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong, and how to mend it.
///
/// ```
/// use diagnostics::{DataPath, Problem};
///
/// let problem = Problem::error("slaves-per-node", "slavesPerNode is 0")
///     .at(DataPath::from(["thor", "thor1", "slavesPerNode"]))
///     .help("give at least 1, or leave it out");
/// assert_eq!(
///     problem.to_string(),
///     "error: thor.thor1.slavesPerNode: slavesPerNode is 0 [slaves-per-node] \
///      (give at least 1, or leave it out)"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// A short name of the rule that does not change, such as `duplicate-address`.
    pub code: Cow<'static, str>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The value that it is about; empty where it is about the whole document.
    #[serde(skip_serializing_if = "DataPath::is_root")]
    pub path: DataPath,
    /// Where that value is, once it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Problem {
    /// Something that cannot be used.
    #[must_use]
    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            message: message.into(),
            help: None,
            path: DataPath::root(),
            place: None,
        }
    }

    /// Something that may do something else than was meant.
    #[must_use]
    pub fn warning(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same problem, of the value at a path.
    #[must_use]
    pub fn at(mut self, path: DataPath) -> Self {
        self.path = path;
        self
    }

    /// The same problem, with a place in a file.
    #[must_use]
    pub fn placed(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same problem, with how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether this is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: ", self.severity)?;
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}
