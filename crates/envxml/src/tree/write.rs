//! Text from a tree, byte for byte as it was read; escaping.

use std::borrow::Cow;

use super::{Attribute, Document, Element, Node};

pub(super) fn document(document: &Document) -> String {
    let mut out = String::new();
    nodes(&mut out, &document.prologue);
    element(&mut out, &document.root);
    nodes(&mut out, &document.epilogue);
    out
}

fn nodes(out: &mut String, nodes: &[Node]) {
    for node in nodes {
        match node {
            Node::Element(child) => element(out, child),
            Node::Text(text) | Node::Verbatim(text) => out.push_str(text),
        }
    }
}

pub(super) fn element(out: &mut String, element: &Element) {
    out.push('<');
    out.push_str(&element.name);
    for one in &element.attributes {
        attribute(out, one);
    }
    out.push_str(element.tail.as_deref().unwrap_or_default());
    if element.children.is_empty() && element.self_closing {
        out.push_str("/>");
        return;
    }
    out.push('>');
    nodes(out, &element.children);
    out.push_str("</");
    out.push_str(&element.name);
    out.push_str(element.end_tail.as_deref().unwrap_or_default());
    out.push('>');
}

fn attribute(out: &mut String, attribute: &Attribute) {
    let quote = if attribute.single_quotes { '\'' } else { '"' };
    out.push_str(attribute.lead.as_deref().unwrap_or(" "));
    out.push_str(&attribute.name);
    out.push_str(attribute.equals.as_deref().unwrap_or("="));
    out.push(quote);
    out.push_str(&attribute.raw);
    out.push(quote);
}

/// Escapes what has a meaning in XML, and line breaks, so that it is safe in text and in either quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            // Callers refuse these; a file that cannot be read must not come out all the same.
            other if !is_allowed(other) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Whether XML 1.0 allows a character at all, also as a reference.
pub(super) fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a text is a name of XML: a letter, `_` or `:` first, then also digits, `-` and `.`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    let first = |c: char| c.is_alphabetic() || c == '_' || c == ':';
    characters.next().is_some_and(first)
        && characters.all(|c| first(c) || c.is_numeric() || matches!(c, '-' | '.' | '\u{b7}'))
}

/// Whether a text can stand in an XML file: it has no control characters but tabs and line breaks.
#[must_use]
pub fn is_text(text: &str) -> bool {
    text.chars().all(is_allowed)
}

/// Resolves the predefined entities and character references; what is neither stays as it is.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let known = rest.find(';').and_then(|end| Some((entity(&rest[1..end])?, end + 1)));
        let (character, length) = known.unwrap_or(('&', 1));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_characters_are_those_of_xml() {
        for name in ["a", "_a", "Ä-1.b", "x:y"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "a b", "a=b", "@a"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_text("tab\t, line\n, \u{e4}"));
        assert!(!is_text("bell\u{7}"));
        // What nobody refused must not make a file that cannot be read.
        assert_eq!(escape("a\u{1b}\tb"), "a\u{fffd}&#9;b");
    }

    #[test]
    fn entities_are_resolved_and_unknown_ones_stay() {
        assert_eq!(unescape("a&lt;b&amp;&#65;&#x42;&nbsp;&"), "a<b&AB&nbsp;&");
        assert_eq!(unescape(&escape("<'\"&>\n\r")), "<'\"&>\n\r");
    }
}
