//! XML text that is added as it is, and paths that are removed.

use super::Problem;
use super::work::Work;
use crate::tree::{Document, Element, NodePath, XPath};

impl Work {
    /// Adds elements below the one that a path names.
    pub(super) fn add_content(&mut self, path: &XPath, content: &str) -> Result<(), Problem> {
        let parent = self.one(path)?;
        for element in elements(content)? {
            self.insert_as_is(&parent, element)?;
        }
        Ok(())
    }

    /// Removes the elements that a path names.
    pub(super) fn remove_content(&mut self, path: &XPath) -> Result<(), Problem> {
        let found = self.root().select_paths(path);
        if path.steps.is_empty() || found.is_empty() {
            let (within, wanted) = ("the environment".to_owned(), path.to_string());
            return Err(Problem::NoElement { within, wanted });
        }
        for place in &found {
            for inner in self.below(place).iter().chain([place]) {
                if let Some(computer) = self.value(inner, "computer") {
                    self.leave(computer);
                }
            }
        }
        self.remove_all(found);
        Ok(())
    }

    fn one(&self, path: &XPath) -> Result<NodePath, Problem> {
        let mut found = self.root().select_paths(path);
        match (found.pop(), found.len()) {
            (Some(place), 0) => Ok(place),
            (Some(_), more) => {
                Err(Problem::Ambiguous { wanted: path.to_string(), count: more + 1 })
            }
            (None, _) => {
                let (within, wanted) = ("the environment".to_owned(), path.to_string());
                Err(Problem::NoElement { within, wanted })
            }
        }
    }
}

/// The elements of a text that may hold several, with comments between them.
///
/// # Errors
///
/// [`Problem::Content`] when it is not well-formed, or has no element.
pub(crate) fn elements(content: &str) -> Result<Vec<Element>, Problem> {
    const OPEN: &str = "<_>";
    // The declaration cannot stand inside an element; blanks keep the places.
    let mut text = content.to_owned();
    if let Some(start) = text.find("<?xml").filter(|start| text[..*start].trim().is_empty())
        && let Some(end) = text[start..].find("?>")
    {
        let blank: String =
            text[start..start + end + 2].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        text.replace_range(start..start + end + 2, &blank);
    }
    let wrapped = format!("{OPEN}{text}</_>");
    let document = Document::parse(&wrapped).map_err(|error| {
        let place = error.position;
        let shift = if place.line == 1 { OPEN.len() } else { 0 };
        let column = place.column.saturating_sub(u32::try_from(shift).unwrap_or_default()).max(1);
        Problem::Content { line: place.line, column, message: error.message }
    })?;
    let stray = document.root.text();
    let found: Vec<Element> = document.root.elements().cloned().collect();
    let message = match (found.is_empty(), stray.trim()) {
        (true, _) => "expected an element".to_owned(),
        (false, "") => return Ok(found),
        (false, stray) => format!("expected elements only, not the text {stray:?}"),
    };
    Err(Problem::Content { line: 1, column: 1, message })
}
