//! Problems of a workflow, shown with their line as a compiler would.
//!
//! Own code instead of a report crate, because workflow files can be one line of many megabytes: only
//! what surrounds the place is shown.

use std::fmt::Write as _;
use std::path::Path;

use workflow_engine::check::{Problem, Severity};

/// How many characters of a long line are shown on each side.
const AROUND: usize = 50;
/// How many problems are shown in full.
const SHOWN: usize = 100;

/// All problems as text, with a last line that counts them.
pub(crate) fn render(path: &Path, text: &str, problems: &[Problem], colours: bool) -> String {
    let mut out = String::new();
    for problem in problems.iter().take(SHOWN) {
        one(&mut out, path, text, problem, colours);
    }
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let errors = count(Severity::Error);
    let warnings = count(Severity::Warning);
    if problems.len() > SHOWN {
        let _ = writeln!(out, "... and {} more", problems.len() - SHOWN);
    }
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let _ = writeln!(
        out,
        "{}: {}, {}",
        path.display(),
        plural(errors, "error"),
        plural(warnings, "warning")
    );
    out
}

fn one(out: &mut String, path: &Path, text: &str, problem: &Problem, colours: bool) {
    let (word, colour) = match problem.severity {
        Severity::Error => ("error", "\u{1b}[1;31m"),
        Severity::Warning => ("warning", "\u{1b}[1;33m"),
    };
    let (on, off) = if colours { (colour, "\u{1b}[0m") } else { ("", "") };
    // A place first, as editors and people expect it.
    let _ = match problem.position {
        Some(at) => write!(out, "{}:{}:{}: ", path.display(), at.line, at.column),
        None => write!(out, "{}: ", path.display()),
    };
    let _ = writeln!(out, "{on}{word}{off}: {} [{}]", problem.message, problem.code);
    if let Some(at) = problem.position {
        // Only what surrounds the place is looked at: the line may be the whole file.
        let near = floor(text, at.offset.saturating_sub(4 * AROUND));
        let far = floor(text, (at.offset + 4 * (AROUND + 20)).min(text.len()));
        let before = &text[near..at.offset];
        let (before, cut) = match before.rfind('\n') {
            Some(newline) => (&before[newline + 1..], false),
            None => (before, near > 0),
        };
        let after = text[at.offset..far].split('\n').next().unwrap_or_default();
        let line_goes_on = at.offset + after.len() == far && far < text.len();
        let before: Vec<char> = before.chars().collect();
        let after: Vec<char> = after.trim_end_matches('\r').chars().collect();
        let from = before.len().saturating_sub(AROUND);
        let to = after.len().min(AROUND + 20);
        let plain = |c: &char| if *c == '\t' { ' ' } else { *c };
        let shown: String = before[from..].iter().chain(&after[..to]).map(plain).collect();
        let marked = text.get(at.offset..at.offset + at.length).unwrap_or_default();
        let length = marked.lines().next().unwrap_or_default().chars().count();
        let length = length.clamp(1, to.max(1));
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len());
        let lead = if from > 0 || cut { "..." } else { "" };
        let tail = if to < after.len() || line_goes_on { "..." } else { "" };
        let _ = writeln!(out, " {number} | {lead}{shown}{tail}");
        let indent = " ".repeat(before.len() - from + lead.len());
        let _ = writeln!(out, " {gutter} | {indent}{on}{}{off}", "^".repeat(length));
    }
    if let Some(help) = &problem.help {
        let _ = writeln!(out, "   help: {help}");
    }
}

/// The character boundary at or before an offset.
fn floor(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
