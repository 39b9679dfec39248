//! Why an edit cannot be applied.

use thiserror::Error;

use super::reference::Reference;
use crate::tree::XPathError;

/// A problem of one edit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct EditError {
    /// The index of the edit.
    pub edit: usize,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with an edit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The environment lacks a part that every environment has.
    #[error("the environment has no {0}")]
    NoPart(&'static str),
    /// Neither the environment nor a table knows the component.
    #[error("{component:?} is no component{}", suggestion(.like.as_ref()))]
    UnknownComponent {
        /// As it was written.
        component: String,
        /// What may have been meant.
        like: Option<String>,
    },
    /// There is no such component.
    #[error("there is no {tag}{}{}", named(.name.as_ref()), there_are(.have))]
    NoComponent {
        /// The tag.
        tag: String,
        /// Its name.
        name: Option<String>,
        /// Names that are there.
        have: Vec<String>,
    },
    /// There is no such element inside a component.
    #[error("{within} has no {wanted}")]
    NoElement {
        /// The component's path.
        within: String,
        /// What was looked for.
        wanted: String,
    },
    /// More than one element fits where one was meant.
    #[error("{wanted} is not one element but {count}: say which one")]
    Ambiguous {
        /// What was looked for.
        wanted: String,
        /// How many there are.
        count: usize,
    },
    /// A name that XML does not allow.
    #[error("{name:?} cannot be a name: a letter or _ comes first, then also digits, - and .")]
    NotAName {
        /// As it was written.
        name: String,
    },
    /// A value that XML does not allow.
    #[error("{value:?} has a control character, which a file cannot hold")]
    NotText {
        /// As it was written.
        value: String,
    },
    /// The new element is there already.
    #[error("{path} is there already")]
    Exists {
        /// Its path.
        path: String,
    },
    /// Nothing is known of how such a component looks.
    #[error("there is no {tag} that a new one could be made like")]
    NoPattern {
        /// The tag.
        tag: String,
    },
    /// A node lacks what it needs.
    #[error("{path}: {message}")]
    Node {
        /// The component's path.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// No address.
    #[error(transparent)]
    Address(#[from] crate::address::AddressError),
    /// A path that is not understood.
    #[error(transparent)]
    Path(#[from] XPathError),
    /// Content that is not XML.
    #[error("the content is not XML: line {line}, column {column}: {message}")]
    Content {
        /// The line within the content, from 1.
        line: u32,
        /// The character within the line, from 1.
        column: u32,
        /// What is wrong.
        message: String,
    },
    /// A value that is not allowed.
    #[error("{what} cannot be {value:?}: {message}")]
    Value {
        /// What the value is for.
        what: String,
        /// The value.
        value: String,
        /// What is expected.
        message: String,
    },
    /// Something else refers to what would be gone, or would run nowhere.
    #[error(
        "{gone} would {}, but {} to it",
        if *.is_there { "run nowhere" } else { "be gone" },
        refer(.references)
    )]
    Referenced {
        /// The component or machine.
        gone: String,
        /// Whether it would still be there, without nodes.
        is_there: bool,
        /// Who refers to it.
        references: Vec<Reference>,
    },
}

fn suggestion(like: Option<&String>) -> String {
    like.map_or_else(String::new, |like| format!("; did you mean {like:?}?"))
}

fn named(name: Option<&String>) -> String {
    name.map_or_else(String::new, |name| format!(" with the name {name:?}"))
}

fn there_are(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(" (there is {})", names.join(", "))
}

fn refer(references: &[Reference]) -> String {
    let verb = if references.len() == 1 { "refers" } else { "refer" };
    let all: Vec<String> = references.iter().map(ToString::to_string).collect();
    format!("{} {verb}", all.join(", "))
}

impl Problem {
    /// The first of the errors of an address list, which has at least one.
    pub(super) fn from_first(errors: Vec<crate::address::AddressError>, list: &str) -> Self {
        errors.into_iter().next().map_or_else(
            || Self::Value {
                what: "an address".to_owned(),
                value: list.to_owned(),
                message: "expected an address".to_owned(),
            },
            Self::Address,
        )
    }
}
