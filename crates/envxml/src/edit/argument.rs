//! `envgen2`'s arguments read into edits.

use thiserror::Error;

use super::Edit;
use super::syntax::{Fault, Piece};

mod component;
mod other;

/// Why an argument is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{option}: {message}, at character {at} of {text:?}")]
pub struct ArgumentError {
    /// The index of the argument.
    pub argument: usize,
    /// The option that it belongs to.
    pub option: String,
    /// The argument.
    pub text: String,
    /// Which character of it, from 1.
    pub at: usize,
    /// What was expected.
    pub message: String,
}

/// Gives the text of a file that an argument names, or why it cannot be read.
pub type Files<'f> = dyn Fn(&str) -> Result<String, String> + 'f;

/// What an option does to what its argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Add,
    Modify,
    Remove,
}

/// An option: what it does, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Plain(Action),
    Node(Action),
    Binding(Action),
    Service(Action),
    Topology(Action),
    Directory,
    Override,
    SetPath,
    AddContent,
    RemoveContent,
    Cloud,
}

impl Operation {
    fn of(option: &str) -> Option<Self> {
        let name = option.strip_prefix('-')?;
        let name = name.strip_prefix('-').unwrap_or(name).to_ascii_lowercase().replace('_', "-");
        let plain = match name.as_str() {
            "o" => Self::Directory,
            "override" => Self::Override,
            "set-xpath-attrib-value" => Self::SetPath,
            "add-content" => Self::AddContent,
            "rmv-content" => Self::RemoveContent,
            "cloud" => Self::Cloud,
            _ => {
                let (action, what) = name.split_once('-').unwrap_or((&name, ""));
                let action = match action {
                    "add" => Action::Add,
                    "mod" => Action::Modify,
                    "rmv" => Action::Remove,
                    _ => return None,
                };
                match what {
                    "" => Self::Plain(action),
                    "node" => Self::Node(action),
                    "binding" => Self::Binding(action),
                    "service" => Self::Service(action),
                    "topology" => Self::Topology(action),
                    _ => return None,
                }
            }
        };
        Some(plain)
    }

    fn values(self) -> usize {
        match self {
            Self::SetPath => 3,
            Self::AddContent => 2,
            _ => 1,
        }
    }
}

/// How many values an option takes; `None` when it is not one of an edit.
#[must_use]
pub fn values_of(option: &str) -> Option<usize> {
    Operation::of(option).map(Operation::values)
}

/// Reads options and their values: `-add-node`, `roxie#myroxie@ip=10.1.1.9`, ...
///
/// The options are `-add`, `-mod` and `-rmv`, each also with `-node`, `-binding`, `-service` and
/// `-topology` after it; `-o`, `-override`, `-set-xpath-attrib-value`, `-add-content`, `-cloud`; and
/// `-rmv-content XPATH`, which takes back what `-add-content` did. `files` gives the files of `ipfile=` and
/// `-add-content`.
///
/// # Errors
///
/// Every argument that is not understood, with the place in it and what was expected there.
pub fn parse(
    arguments: &[impl AsRef<str>],
    files: &Files<'_>,
) -> Result<Vec<Edit>, Vec<ArgumentError>> {
    let mut edits = Vec::new();
    let mut errors = Vec::new();
    let mut index = 0;
    while let Some(option) = arguments.get(index).map(AsRef::as_ref) {
        let mut fail = |argument: usize, text: &str, fault: Fault| {
            let Fault { at, message } = fault;
            let (option, text) = (option.to_owned(), text.to_owned());
            errors.push(ArgumentError { argument, option, text, at, message });
        };
        let Some(operation) = Operation::of(option) else {
            let message = "expected an option such as -add-node, -mod or -add-topology";
            fail(index, option, Fault { at: 1, message: message.to_owned() });
            index += 1;
            continue;
        };
        let first = index + 1;
        index = first + operation.values();
        let values: Vec<&str> =
            arguments.iter().skip(first).take(operation.values()).map(AsRef::as_ref).collect();
        if values.len() < operation.values() {
            let message = format!("expected {} value(s) after it", operation.values());
            fail(first - 1, option, Fault { at: option.chars().count() + 1, message });
            continue;
        }
        match operation.read(&values, files) {
            Ok(some) => edits.extend(some),
            Err((value, fault)) => fail(first + value, values[value], fault),
        }
    }
    if errors.is_empty() { Ok(edits) } else { Err(errors) }
}

impl Operation {
    /// Reads the values of one option; a fault comes with the index of its value.
    fn read(self, values: &[&str], files: &Files<'_>) -> Result<Vec<Edit>, (usize, Fault)> {
        let piece = Piece::new(values[0]);
        let read = match self {
            Self::Plain(action) => component::plain(piece, action, files),
            Self::Service(action) => component::in_software(piece, action, files),
            Self::Node(action) => component::node(piece, action, files),
            Self::Binding(action) => other::binding(piece, action).map(|edit| vec![edit]),
            Self::Topology(action) => other::topology(piece, action).map(|edit| vec![edit]),
            Self::Directory => other::directory(piece).map(|edit| vec![edit]),
            Self::Override => other::override_(piece).map(|edit| vec![edit]),
            Self::Cloud => other::cloud(piece),
            Self::RemoveContent => {
                other::path(piece).map(|path| vec![Edit::RemoveContent { path }])
            }
            Self::SetPath => {
                return other::set_path(values).map(|edit| vec![edit]);
            }
            Self::AddContent => {
                let path = other::path(piece).map_err(|fault| (0, fault))?;
                let content = files(values[1])
                    .map_err(|message| (1, Piece::new(values[1]).fault(message)))?;
                return Ok(vec![Edit::AddContent { path, content }]);
            }
        };
        read.map_err(|fault| (0, fault))
    }
}
