//! Secrets taken out of texts of which lines are shown.

use std::collections::HashSet;

use diagnostics::{Problem, Source, nearest, render};
use secret::REDACTED;

use crate::set::SourceFile;

/// Words in the names of keys whose values are not shown, however they are misspelled.
const LONG_WORDS: [&str; 4] = ["password", "passwd", "secret", "credential"];

/// Parts of the names of keys whose values are not shown, and which need not be whole words.
const WORDS: [&str; 7] = ["password", "passwd", "pwd", "secret", "token", "mysql", "credential"];

/// The same text, line by line, with everything taken out that stands after a key that is, or looks like, that of a
/// secret. A value on the lines below such a key is taken out as well.
///
/// ```
/// let text = "username: ops\npassword: hunter2\n";
/// assert_eq!(openpai::hide_secrets(text), "username: ops\npassword: <secret>\n");
/// ```
#[must_use]
pub fn hide_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // The indentation of the key whose value is being taken out.
    let mut below: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if below.is_some_and(|key| indent > key && !line.trim().is_empty()) {
            out.push_str(&line[..indent]);
            out.push_str(REDACTED);
            out.push('\n');
            continue;
        }
        below = None;
        match secret_starts(line) {
            Some(at) => {
                below = Some(indent);
                out.push_str(&line[..at]);
                if !line[at..].trim().is_empty() {
                    out.push(' ');
                    out.push_str(REDACTED);
                }
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Problems as text with their lines, of which secrets are taken out, and the value of every key that is not known: nobody
/// can say that it is none.
#[must_use]
pub fn report(problems: &[Problem], files: &[SourceFile<'_>]) -> String {
    let hidden: Vec<(&str, String)> =
        files.iter().map(|file| (file.path, hide_values(file, problems))).collect();
    let sources: Vec<Source<'_>> =
        hidden.iter().map(|(file, text)| Source { file, text }).collect();
    render(problems, &sources)
}

fn hide_values(file: &SourceFile<'_>, problems: &[Problem]) -> String {
    let text = hide_secrets(file.text);
    let unknown: HashSet<usize> = problems
        .iter()
        .filter(|problem| problem.code == "unknown-key")
        .filter_map(|problem| problem.place.as_ref())
        .filter(|place| place.file == file.path)
        .map(|place| place.line)
        .collect();
    if unknown.is_empty() {
        return text;
    }
    let lines = text.lines().enumerate().map(|(index, line)| match line.split_once(':') {
        Some((key, value)) if unknown.contains(&(index + 1)) && !value.trim().is_empty() => {
            format!("{key}: ...\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Where the value of a secret begins: after the colon that follows such a word.
fn secret_starts(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let known = WORDS.iter().filter_map(|word| lower.find(word));
    // Misspelled words are as good.
    let mut offset = 0;
    let near = lower.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).filter_map(|part| {
        let at = offset;
        offset += part.len();
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        (word.len() >= 5 && nearest(word, LONG_WORDS).is_some()).then_some(at)
    });
    let word = known.chain(near).min()?;
    Some(word + lower[word..].find(':')? + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_taken_out_wherever_they_stand() {
        let text = "a: {user: b, password: c, x: d}\njwt-secret:\n    line one\n    line two\nport: 1\n- passwrod: a\n\
                    openi_db_pwd : \"p:q\"\n";
        assert_eq!(
            hide_secrets(text),
            "a: {user: b, password: <secret>\njwt-secret:\n    <secret>\n    <secret>\nport: 1\n- passwrod: <secret>\n\
             openi_db_pwd : <secret>\n"
        );
    }
}
