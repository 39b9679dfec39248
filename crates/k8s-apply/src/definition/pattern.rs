//! Patterns that texts must match. They are written for Go's `regexp`, whose syntax is almost that of the crate `regex`.

#[cfg(feature = "patterns")]
use std::collections::HashMap;

/// Patterns that were read, so that each is read once.
#[cfg(feature = "patterns")]
#[derive(Default)]
pub(super) struct Patterns(HashMap<String, Option<regex::Regex>>);

#[cfg(feature = "patterns")]
impl Patterns {
    /// Whether a text matches somewhere. Yes if the pattern cannot be read here: the server decides then.
    pub(super) fn may_match(&mut self, pattern: &str, text: &str) -> bool {
        if !self.0.contains_key(pattern) {
            self.0.insert(pattern.to_owned(), regex::Regex::new(&translated(pattern)).ok());
        }
        self.0.get(pattern).and_then(Option::as_ref).is_none_or(|regex| regex.is_match(text))
    }
}

/// No pattern is tried without the feature `patterns`.
#[cfg(not(feature = "patterns"))]
#[derive(Default)]
pub(super) struct Patterns;

#[cfg(not(feature = "patterns"))]
impl Patterns {
    /// Whether a text may match: always.
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(super) fn may_match(&mut self, _pattern: &str, _text: &str) -> bool {
        true
    }
}

/// The same pattern with the classes as Go means them: letters and digits are those of ASCII.
#[cfg(feature = "patterns")]
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\x0c\r\x20]"),
            Some('S') => out.push_str(r"[^\t\n\x0c\r\x20]"),
            Some('b') => out.push_str(r"(?-u:\b)"),
            Some('B') => out.push_str(r"(?-u:\B)"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(all(test, feature = "patterns"))]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_server_matches_them() {
        let table = [
            (r"^\d+$", "12", true),
            (r"^\d+$", "٣", false),
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\s]+$", "a b", false),
            (r"\bend\b", "the end", true),
            ("a", "bab", true),
            (r"^\\d$", "\\d", true),
            // What is not understood is left to the server.
            ("(?=a)b", "x", true),
            ("[", "x", true),
            ("\\", "x", true),
        ];
        let mut patterns = Patterns::default();
        for (pattern, text, matches) in table {
            assert_eq!(patterns.may_match(pattern, text), matches, "{pattern} {text}");
        }
    }
}
