//! Edits of a small environment.

use std::fmt::Write as _;

use super::*;

mod inverse;
mod operations;
mod refusals;

/// Three machines, one cluster of each kind.
pub(super) const SMALL: &str = include_str!("fixtures/small.xml");

/// Files that arguments may name.
pub(super) fn files(name: &str) -> Result<String, String> {
    match name {
        "ips" => Ok("10.5.7.1;\n10.5.7.2;\n".to_owned()),
        "switch.xml" => {
            Ok("<?xml version=\"1.0\"?>\n<!-- ours -->\n<Switch name=\"big\"/>\n".to_owned())
        }
        _ => Err(format!("there is no file {name:?}")),
    }
}

/// The edits of arguments, which must be right.
pub(super) fn edits(arguments: &[&str]) -> Vec<Edit> {
    parse(arguments, &files).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The text after edits, which must be possible, and what they did.
pub(super) fn edited(arguments: &[&str], style: Style) -> (String, Outcome) {
    let mut document = Document::parse(SMALL).unwrap();
    let options = EditOptions { style, force: false };
    let outcome = apply(&mut document, &edits(arguments), &options)
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    (document.to_text(), outcome)
}

/// The changed lines: those that are gone and those that are new.
pub(super) fn changes(arguments: &[&str], style: Style) -> String {
    let (text, outcome) = edited(arguments, style);
    let count = |text: &str, line: &str| text.lines().filter(|other| *other == line).count();
    let only = |text: &str, other: &str, sign: &str| {
        let mut seen: Vec<&str> = Vec::new();
        let mut out = String::new();
        for line in text.lines() {
            let more = count(text, line) > count(other, line);
            if more && !seen.contains(&line) {
                seen.push(line);
                let _ = writeln!(out, "{sign} {}", line.trim());
            }
        }
        out
    };
    let mut shown = only(SMALL, &text, "-") + &only(&text, SMALL, "+");
    for warning in outcome.warnings {
        let _ = writeln!(shown, "! {warning}");
    }
    shown
}
