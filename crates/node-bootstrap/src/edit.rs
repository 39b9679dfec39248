//! How the new content of a file comes from what stands there.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::text::block;

/// A wish about the content of a file. Applied to content that fulfils it, it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// This is all of it.
    Content(String),
    /// This is all of it, and nobody else may see it.
    Secret(Secret),
    /// These lines are in it, between two lines that name us. What stands around them stays.
    Block(Vec<String>),
    /// No lines of ours are in it.
    NoBlock,
}

/// Why a wish cannot be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EditError {
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl EditError {
    /// Of something that says what is wrong.
    pub fn new(fault: impl std::fmt::Display) -> Self {
        Self { message: fault.to_string() }
    }
}

impl Edit {
    /// The content that fulfils the wish. `before` is what stands there; `None` when there is no file.
    ///
    /// # Errors
    /// If what stands there cannot be understood.
    pub fn apply(&self, before: Option<&str>) -> Result<String, EditError> {
        let text = before.unwrap_or_default();
        match self {
            Self::Content(content) => Ok(content.clone()),
            Self::Secret(content) => Ok(content.expose().to_owned()),
            Self::Block(lines) => block::upsert(text, &lines.join("\n")).map_err(EditError::new),
            Self::NoBlock => block::remove(text).map_err(EditError::new),
        }
    }

    /// Whether the content must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}
