//! A tree from text. `quick-xml` finds the tags and checks that they match; this module keeps what
//! lies between names and values.

use std::collections::HashSet;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use thiserror::Error;

use super::{Attribute, Document, Element, Node, Position, write};

/// How deep elements may be nested. An environment has some ten levels.
const DEPTH: usize = 200;
/// The byte order mark.
const MARK: &str = "\u{feff}";

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}:{}: {message}", position.line, position.column)]
pub struct ReadError {
    /// Where.
    pub position: Position,
    /// What is wrong there, and what was expected.
    pub message: String,
}

pub(super) fn parse(text: &str) -> Result<Document, ReadError> {
    // A byte order mark is no part of the text: places count without it.
    let (mark, body) = match text.strip_prefix(MARK) {
        Some(body) => (Some(Node::Text(MARK.into())), body),
        None => (None, text),
    };
    if body.starts_with(MARK) {
        // The reader would swallow it.
        let message = "text outside of the root element: a second byte order mark".into();
        return Err(ReadError { position: Place::default().position, message });
    }
    if let Some((offset, character)) = body.char_indices().find(|(_, c)| !write::is_allowed(*c)) {
        let position = Place::default().advance(body, offset);
        let message = format!("the character {} must not stand in XML", character.escape_default());
        return Err(ReadError { position, message });
    }
    let mut document =
        Parser { text: body, at: Place::default(), open: Vec::new(), text_so_far: String::new() }
            .run()?;
    document.prologue.splice(0..0, mark);
    Ok(document)
}

/// How far positions were counted.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    position: Position,
}

impl Default for Place {
    fn default() -> Self {
        Self { offset: 0, position: Position { line: 1, column: 1 } }
    }
}

impl Place {
    /// The position of an offset that is not before the last one asked for.
    fn advance(&mut self, text: &str, offset: usize) -> Position {
        let passed = &text.as_bytes()[self.offset.min(offset)..offset];
        for byte in passed {
            match byte {
                b'\n' => {
                    self.position.line = self.position.line.saturating_add(1);
                    self.position.column = 1;
                }
                // Only first bytes of characters count.
                byte if byte & 0xC0 != 0x80 => {
                    self.position.column = self.position.column.saturating_add(1);
                }
                _ => {}
            }
        }
        self.offset = self.offset.max(offset);
        self.position
    }
}

struct Parser<'t> {
    text: &'t str,
    at: Place,
    open: Vec<Element>,
    /// Text inside the innermost open element that is not stored yet.
    text_so_far: String,
}

impl Parser<'_> {
    fn run(mut self) -> Result<Document, ReadError> {
        let mut reader = Reader::from_str(self.text);
        let config = reader.config_mut();
        config.check_comments = true;
        config.expand_empty_elements = false;
        let mut document: Option<Element> = None;
        let mut prologue = Vec::new();
        let mut epilogue = Vec::new();
        let mut start = 0;
        loop {
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let offset = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                    let message = error.to_string();
                    return Err(self.error(offset.min(self.text.len()), message));
                }
            };
            let end = usize::try_from(reader.buffer_position()).unwrap_or(self.text.len());
            let end = end.max(start);
            let source = &self.text[start..end];
            let node = match event {
                Event::Start(tag) => {
                    if self.open.is_empty() && document.is_some() {
                        return Err(self.error(start, "a second root element".into()));
                    }
                    if self.open.len() >= DEPTH {
                        return Err(self
                            .error(start, format!("elements are nested more than {DEPTH} deep")));
                    }
                    let element = self.element(&tag, start, source)?;
                    self.end_text();
                    self.open.push(element);
                    None
                }
                Event::Empty(tag) => {
                    if self.open.is_empty() && document.is_some() {
                        return Err(self.error(start, "a second root element".into()));
                    }
                    let mut element = self.element(&tag, start, source)?;
                    element.self_closing = true;
                    Some(Node::Element(element))
                }
                Event::End(_) => {
                    self.end_text();
                    let Some(mut element) = self.open.pop() else {
                        return Err(self.error(start, "an end tag without its start tag".into()));
                    };
                    let inner = source.strip_prefix("</").unwrap_or(source);
                    let tail = inner.strip_suffix('>').unwrap_or(inner);
                    let tail = tail.get(element.name.len()..).unwrap_or_default();
                    element.end_tail = kept(tail);
                    Some(Node::Element(element))
                }
                Event::Text(_) | Event::GeneralRef(_) => Some(Node::Text(source.into())),
                Event::Comment(_)
                | Event::CData(_)
                | Event::PI(_)
                | Event::Decl(_)
                | Event::DocType(_) => Some(Node::Verbatim(source.into())),
                Event::Eof => break,
            };
            if let Some(node) = node {
                self.store(node, start, &mut document, &mut prologue, &mut epilogue)?;
            }
            start = end;
        }
        if let Some(element) = self.open.last() {
            let message = format!("the end of the file, but <{}> is still open", element.name);
            let message = match element.position {
                Some(at) => format!("{message} (from line {})", at.line),
                None => message,
            };
            return Err(self.error(self.text.len(), message));
        }
        match document {
            Some(root) => Ok(Document { prologue, root, epilogue }),
            None => {
                Err(self.error(self.text.len(), "no root element; expected <Environment>".into()))
            }
        }
    }

    /// Stores the text that was read so far.
    fn end_text(&mut self) {
        if let Some(parent) = self.open.last_mut()
            && !self.text_so_far.is_empty()
        {
            let text = std::mem::take(&mut self.text_so_far);
            parent.children.push(Node::Text(text.into()));
        }
    }

    fn store(
        &mut self,
        node: Node,
        start: usize,
        document: &mut Option<Element>,
        prologue: &mut Vec<Node>,
        epilogue: &mut Vec<Node>,
    ) -> Result<(), ReadError> {
        if let Some(parent) = self.open.last_mut() {
            // The reader gives references one by one; neighbouring text is one node.
            if let Node::Text(more) = node {
                self.text_so_far.push_str(&more);
                return Ok(());
            }
            if !self.text_so_far.is_empty() {
                let text = std::mem::take(&mut self.text_so_far);
                parent.children.push(Node::Text(text.into()));
            }
            parent.children.push(node);
            return Ok(());
        }
        match node {
            Node::Element(root) => *document = Some(root),
            Node::Text(_) if !node.is_blank() => {
                return Err(self.error(start, "text outside of the root element".into()));
            }
            other if document.is_none() => prologue.push(other),
            other => epilogue.push(other),
        }
        Ok(())
    }

    /// An element from its start tag: `source` is the whole tag.
    fn element(
        &mut self,
        tag: &BytesStart<'_>,
        start: usize,
        source: &str,
    ) -> Result<Element, ReadError> {
        let position = self.at.advance(self.text, start);
        let name_length = tag.name().as_ref().len();
        let inner = source.strip_prefix('<').unwrap_or(source);
        let inner = inner.strip_suffix('>').unwrap_or(inner);
        let inner =
            if source.ends_with("/>") { inner.strip_suffix('/').unwrap_or(inner) } else { inner };
        let Some((name, rest)) = inner.split_at_checked(name_length) else {
            return Err(self.error(start, "a tag without a name".into()));
        };
        if !write::is_name(name) {
            return Err(self.error(start, format!("{name:?} is no name of an element")));
        }
        let mut element = Element::new(name);
        element.position = Some(position);
        element.self_closing = false;
        let base = start + 1 + name_length;
        let mut seen: HashSet<Box<str>> = HashSet::new();
        let mut done = 0;
        while let Some(attribute) = self.attribute(rest, &mut done, base)? {
            // A list is quicker than a set while it is short.
            let is_there = if element.attributes.len() < 16 {
                element.attribute(&attribute.name).is_some()
            } else {
                if seen.is_empty() {
                    seen.extend(element.attributes.iter().map(|one| one.name.clone()));
                }
                !seen.insert(attribute.name.clone())
            };
            if is_there {
                let message = format!("attribute {} is there twice", attribute.name);
                let position = attribute.position.unwrap_or(position);
                return Err(ReadError { position, message });
            }
            element.attributes.push(attribute);
        }
        element.tail = kept(&rest[done..]);
        Ok(element)
    }

    /// The next attribute of a start tag; `done` is how far `rest` was read.
    fn attribute(
        &mut self,
        rest: &str,
        done: &mut usize,
        base: usize,
    ) -> Result<Option<Attribute>, ReadError> {
        let here = &rest[*done..];
        let trimmed = here.trim_start();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let lead = &here[..here.len() - trimmed.len()];
        let at = base + *done + lead.len();
        if lead.is_empty() {
            return Err(self.error(at, "expected white space before an attribute".into()));
        }
        let name_end = trimmed.find(|c: char| c == '=' || c.is_whitespace());
        let Some(name_end) = name_end.filter(|end| *end > 0) else {
            return Err(self.error(at, "expected attributes as name=\"value\"".into()));
        };
        let (name, after) = trimmed.split_at(name_end);
        if !write::is_name(name) {
            return Err(self.error(at, format!("{name:?} is no name of an attribute")));
        }
        let value_start = after.find(|c: char| c != '=' && !c.is_whitespace());
        let Some(value_start) = value_start else {
            return Err(self.error(at, format!("attribute {name} has no value")));
        };
        let (equals, value) = after.split_at(value_start);
        if equals.matches('=').count() != 1 {
            return Err(self.error(at, format!("expected one = after attribute {name}")));
        }
        let quote = value.chars().next().unwrap_or_default();
        if quote != '"' && quote != '\'' {
            return Err(self.error(at, format!("the value of attribute {name} is not in quotes")));
        }
        let Some(length) = value[1..].find(quote) else {
            return Err(self.error(at, format!("the value of attribute {name} has no end quote")));
        };
        let raw = &value[1..=length];
        *done += lead.len() + name.len() + equals.len() + length + 2;
        Ok(Some(Attribute {
            name: name.into(),
            raw: raw.into(),
            lead: (lead != " ").then(|| lead.into()),
            equals: (equals != "=").then(|| equals.into()),
            single_quotes: quote == '\'',
            position: Some(self.at.advance(self.text, at)),
        }))
    }

    fn error(&self, offset: usize, message: String) -> ReadError {
        let mut offset = offset;
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let mut place = if self.at.offset <= offset { self.at } else { Place::default() };
        ReadError { position: place.advance(self.text, offset), message }
    }
}

fn kept(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use crate::Document;

    #[test]
    fn odd_spelling_is_kept() {
        for text in [
            "\u{feff}<?xml version='1.0'?>\r\n<!DOCTYPE E>\n<!-- a -->\n<E\n\ta = 'x\"y'\r\n b=\"&lt;&#10;\" ><![CDATA[<x>]]>\
             <a></a><b  /><c/ >a &amp; b<?pi x?></E >\n<!-- end -->\n",
            "<É é='ü'/>",
        ] {
            let text = text.replace("<c/ >", "<c/>");
            assert_eq!(Document::parse(&text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn what_is_not_xml_is_told_with_its_place() {
        let told: Vec<String> = [
            "",
            "  \n",
            "text",
            "<E>\n <S>\n</E>",
            "<E>\n <S",
            "<E a=1/>",
            "<E a='1'b='2'/>",
            "<E a='1' a='2'/>",
            "<E>\n<ü a/></E>",
            "<E/><F/>",
            "<E>",
            "<E/>x",
            "</E>",
            "<E><!-- x",
            "< E/>",
            "\u{feff}\u{feff}<E/>",
            "<1E/>",
            "<E 1a='x'/>",
            "<E>\n\u{1b}</E>",
        ]
        .iter()
        .map(|text| format!("{text:?}: {}", Document::parse(text).unwrap_err()))
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn depth_is_bounded() {
        let text = "<E>".repeat(100_000);
        let error = Document::parse(&text).unwrap_err();
        assert_eq!(error.to_string(), "1:601: elements are nested more than 200 deep");
    }
}
