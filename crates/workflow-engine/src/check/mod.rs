//! What is wrong with a workflow, all of it at once, with places.
//!
//! The fast reading knows no positions. When it or the rules below find something, the text is read a
//! second time by `shape` and `locate`, which keep nothing but the offsets that were asked for.

mod cursor;
mod locate;
mod rules;
mod shape;

use std::fmt;

use crate::model::{Builder, RefProblem, Variables, Workflow, read_json};

pub use rules::{Surroundings, missing_inputs};
pub(crate) use rules::{structural, warnings};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The workflow may do something else than was meant.
    Warning,
    /// The workflow cannot be run.
    Error,
}

/// One step into a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(&'static str),
    Index(u32),
}

/// Where a problem is, before and after its place was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The value at this path, or what is there of it.
    Path(Vec<Step>),
    /// Byte offset and length.
    Bytes(usize, usize),
}

/// A place in the file, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte offset.
    pub offset: usize,
    /// Length in bytes.
    pub length: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// A short name that does not change, such as `unknown-signal`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Where; `None` where it is about the whole file.
    pub position: Option<Position>,
    pub(crate) place: Place,
}

impl Problem {
    pub(crate) fn error(code: &'static str, place: Place, message: String) -> Self {
        Self { severity: Severity::Error, code, message, help: None, position: None, place }
    }

    pub(crate) fn warning(code: &'static str, place: Place, message: String) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "{}:{}: ", position.line, position.column)?;
        }
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A text that is no workflow that can run: all reasons, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, &self.problems)
    }
}

impl std::error::Error for Invalid {}

/// Each on a line of its own.
pub(crate) fn write_lines(
    f: &mut fmt::Formatter<'_>,
    problems: &[impl fmt::Display],
) -> fmt::Result {
    for (at, problem) in problems.iter().enumerate() {
        if at > 0 {
            f.write_str("\n")?;
        }
        problem.fmt(f)?;
    }
    Ok(())
}

impl Workflow {
    /// Reads a workflow and checks that it can run.
    ///
    /// # Errors
    /// With everything that is wrong, and where.
    pub fn parse(text: &str, variables: &Variables) -> Result<Self, Invalid> {
        Self::from_text(text.to_owned(), variables).map_err(|(_, invalid)| invalid)
    }

    /// As [`Workflow::parse`], without a copy of the text: it becomes part of the workflow, or comes back
    /// with the problems.
    ///
    /// # Errors
    /// With everything that is wrong, and where.
    pub fn from_text(text: String, variables: &Variables) -> Result<Self, (String, Invalid)> {
        let mut problems = Vec::new();
        let built = build(&text, variables, &mut problems);
        let Some(builder) = built else {
            return Err(invalid(text, problems));
        };
        let Ok((workflow, refs)) = builder.finish(text) else {
            let message =
                "the workflow is larger than 4 GiB or has over 2 billion parts".to_owned();
            let problem = Problem::error("too-large", Place::Bytes(0, 0), message);
            return Err((String::new(), Invalid { problems: vec![problem] }));
        };
        problems.extend(rules::references(&workflow, &refs));
        problems.extend(structural(&workflow, &refs));
        if problems.is_empty() {
            return Ok(workflow);
        }
        Err(invalid(workflow.into_file_text(), problems))
    }

    /// Warnings: what may go wrong although the workflow can run. Looks at the surroundings it is given.
    #[must_use]
    pub fn warnings(&self, surroundings: &Surroundings<'_>) -> Vec<Problem> {
        let mut problems = warnings(self, surroundings);
        locate::locate(self.file_text(), &mut problems);
        problems
    }
}

fn invalid(text: String, mut problems: Vec<Problem>) -> (String, Invalid) {
    locate::locate(&text, &mut problems);
    (text, Invalid { problems })
}

/// Reads into a builder; leaves out what is wrong and reports it. `None`: nothing can be made of it.
fn build<'v>(
    text: &str,
    variables: &'v Variables,
    problems: &mut Vec<Problem>,
) -> Option<Builder<'v>> {
    if let Some(offset) = cursor::too_deep(text.as_bytes()) {
        let message = format!("nesting deeper than {} levels", cursor::DEEPEST);
        problems.push(Problem::error("too-deep", Place::Bytes(offset, 1), message));
        return None;
    }
    let mut builder = Builder::new(text, variables);
    match read_json(text, &mut builder) {
        Ok(seen) if seen.processes || seen.wfformat => return Some(builder),
        Ok(_) => {
            let message = "this is neither a HyperFlow workflow (no `processes`) nor a WfFormat instance (no `workflow`)";
            let problem =
                Problem::error("no-processes", Place::Path(Vec::new()), message.to_owned());
            problems.push(
                problem.help("a HyperFlow workflow has `processes`, `signals`, `ins` and `outs`"),
            );
            return None;
        }
        Err(error) => {
            if let Err(syntax) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
                problems.push(from_json_error("syntax", text, &syntax));
                return None;
            }
            let (found, patched) = shape::inspect(text);
            if found.is_empty() {
                problems.push(from_json_error("format", text, &error));
                return None;
            }
            problems.extend(found);
            // What is left after taking the faulty values out may have more to say.
            let mut rest = Builder::new(&patched, variables);
            if read_json(&patched, &mut rest).is_ok()
                && let Ok((workflow, refs)) = rest.finish(patched)
            {
                problems.extend(rules::references(&workflow, &refs));
                problems.extend(structural(&workflow, &refs));
            }
        }
    }
    None
}

fn from_json_error(code: &'static str, text: &str, error: &serde_json::Error) -> Problem {
    let full = error.to_string();
    let message = match full.rfind(" at line ") {
        Some(at) => full[..at].to_owned(),
        None => full,
    };
    if text.starts_with('\u{feff}') {
        let message = "the text starts with a byte-order mark, which is no part of JSON".to_owned();
        return Problem::error(code, Place::Bytes(0, 3), message)
            .help("save it as UTF-8 without a mark");
    }
    let offset = cursor::offset_of(text, error.line(), error.column());
    Problem::error(code, Place::Bytes(offset, 1), message)
}

/// Where a byte offset is, for people.
#[must_use]
pub fn position(text: &str, offset: usize, length: usize) -> Position {
    locate::Lines::default().position(text, offset, length)
}

/// Which processes have references that did not resolve.
pub(crate) fn has_bad_reference(refs: &[RefProblem], process: u32) -> bool {
    use crate::model::RefList;
    refs.iter().any(|problem| {
        matches!(problem.list, RefList::ProcessIns(p) | RefList::ProcessOuts(p) if p == process)
    })
}

#[cfg(test)]
mod tests;
