//! `envgen`'s layout, and a canonical form for comparing.

use std::fmt::Write as _;

use super::{Document, Element, Node, write};

/// `envgen` breaks the line before each attribute when there are more than this many.
const ATTRIBUTES_ON_ONE_LINE: usize = 3;

pub(super) fn document(document: &Document) -> String {
    let mut out = String::new();
    for node in &document.prologue {
        match node {
            Node::Verbatim(text) | Node::Text(text) => out.push_str(text),
            Node::Element(_) => {}
        }
    }
    element(&mut out, &document.root, 0);
    out
}

/// One element as jlib's `toXML` writes it with sorted tags (system/jlib/jptree.cpp).
fn element(out: &mut String, element: &Element, indent: usize) {
    let spaces = |out: &mut String, count: usize| out.extend(std::iter::repeat_n(' ', count));
    spaces(out, indent);
    out.push('<');
    out.push_str(&element.name);
    let mut attributes: Vec<_> = element.attributes.iter().collect();
    attributes.sort_by(|a, b| caseless(&a.name, &b.name));
    let one_line = attributes.len() <= ATTRIBUTES_ON_ONE_LINE;
    for (index, attribute) in attributes.iter().enumerate() {
        if index == 0 || one_line {
            out.push(' ');
        } else {
            out.push('\n');
            spaces(out, indent + 2 + element.name.len());
        }
        let _ = write!(out, "{}=\"{}\"", attribute.name, write::escape(&attribute.value()));
    }
    let mut children: Vec<&Element> = element.elements().collect();
    children.sort_by(|a, b| caseless(&a.name, &b.name));
    let text = element.text();
    // jlib reads text without the white space around it.
    let text = text.trim();
    if children.is_empty() && text.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push('>');
    let inline = attributes.is_empty() && children.is_empty();
    if !inline {
        out.push('\n');
    }
    for child in children {
        self::element(out, child, indent + 1);
    }
    if !text.is_empty() {
        if inline {
            out.push_str(&escape_text(text));
        } else {
            spaces(out, indent + 1);
            out.push_str(&escape_text(text));
            out.push('\n');
        }
    }
    if !inline {
        spaces(out, indent);
    }
    let _ = writeln!(out, "</{}>", element.name);
}

/// Text keeps its line breaks; only values of attributes have them escaped.
fn escape_text(text: &str) -> String {
    write::escape(text).replace("&#10;", "\n").replace("&#13;", "\r")
}

/// The order of `stricmp`: bytes, with letters in lower case.
fn caseless(left: &str, right: &str) -> std::cmp::Ordering {
    let lower = |text: &str| text.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
    lower(left).cmp(&lower(right))
}

/// The text of an element with attributes and siblings sorted and without comments and layout: two
/// environments say the same when their canonical forms are equal.
#[must_use]
pub fn canonical(element: &Element) -> String {
    let mut attributes: Vec<String> = element
        .attributes
        .iter()
        .map(|a| format!(" {}=\"{}\"", a.name, write::escape(&a.value())))
        .collect();
    attributes.sort();
    let mut children: Vec<String> = element.elements().map(canonical).collect();
    children.sort();
    let mut text = format!("<{}{}>", element.name, attributes.concat());
    let _ = write!(text, "{}{}", write::escape(element.text().trim()), children.concat());
    let _ = write!(text, "</{}>", element.name);
    text
}

#[cfg(test)]
mod tests {
    use crate::Document;

    #[test]
    fn what_was_laid_out_is_laid_out_the_same_again() {
        let text = "<E a='1' b='2'>\n \n x<!-- c -->A\n\n<B/><a>  y </a></E>";
        let once = Document::parse(text).unwrap().to_envgen_text();
        assert_eq!(Document::parse(&once).unwrap().to_envgen_text(), once);
        assert_eq!(once, "<E a=\"1\" b=\"2\">\n <a>y</a>\n <B/>\n xA\n</E>\n");
    }
}
