//! Problems as plain text, each with its line as a compiler would show it.

use std::fmt::Write as _;

use crate::problem::{Problem, Severity};

/// How many characters of a long line are shown on each side of the place.
const AROUND: usize = 60;

/// A text that problems are about, so that their lines can be shown.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name of the file, as in the problems' places.
    pub file: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// All problems as text without colours, each followed by its line if its text is among the sources, and a
/// last line that counts them. Empty if there are none.
#[must_use]
pub fn render(problems: &[Problem], sources: &[Source<'_>]) -> String {
    let mut out = String::new();
    for problem in problems {
        one(&mut out, problem, sources);
    }
    if !problems.is_empty() {
        let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let errors = plural(count(Severity::Error), "error");
        let _ = writeln!(out, "{errors}, {}", plural(count(Severity::Warning), "warning"));
    }
    out
}

fn one(out: &mut String, problem: &Problem, sources: &[Source<'_>]) {
    // A place first, as editors and people expect it.
    if let Some(place) = &problem.place {
        let _ = write!(out, "{place}: ");
    }
    let _ = write!(out, "{}: ", problem.severity);
    if !problem.path.is_root() {
        let _ = write!(out, "{}: ", problem.path);
    }
    let _ = writeln!(out, "{} [{}]", problem.message, problem.code);
    if let Some(place) = &problem.place
        && let Some(source) = sources.iter().find(|source| source.file == place.file)
        && let Some(line) = source.text.lines().nth(place.line.saturating_sub(1))
    {
        let column = place.column.saturating_sub(1);
        let from = column.saturating_sub(AROUND);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let shown: String = line.chars().skip(from).take(2 * AROUND).map(plain).collect();
        let lead = if from > 0 { "..." } else { "" };
        let tail = if line.chars().nth(from + 2 * AROUND).is_some() { "..." } else { "" };
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(column - from + lead.len());
        let _ = writeln!(out, " {number} | {lead}{}{tail}", shown.trim_end());
        let _ = writeln!(out, " {gutter} | {indent}^");
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(out, "   help: {help}");
    }
}
