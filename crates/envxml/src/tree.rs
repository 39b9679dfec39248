//! An XML document as a tree that keeps every byte of its source.
//!
//! Beside names and values the tree keeps what lies between them: white space, quotes, comments,
//! entity spellings, the order of attributes. So [`Document::to_text`] of an unchanged document is the
//! text that was read, and an edit changes the edited place only.

use std::borrow::Cow;

mod format;
mod path;
mod place;
mod read;
mod write;

pub use format::canonical;
pub use path::{NodePath, Predicate, Step, XPath, XPathError};
pub use read::ReadError;
pub use write::{is_name, is_text};

/// The attributes that tell siblings apart in [`Element::step`], the first one that is there.
pub(crate) const STEP_KEYS: [&str; 4] = ["name", "computer", "process", "server"];

/// A place in a source text. Both numbers count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The character within the line.
    pub column: u32,
}

/// A whole XML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What stands before the root element: declaration, comments, white space.
    pub(crate) prologue: Vec<Node>,
    /// The root element.
    pub root: Element,
    /// What stands after the root element.
    pub(crate) epilogue: Vec<Node>,
}

/// One child of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text as it is spelled in the source, entities included.
    Text(Box<str>),
    /// A comment, a processing instruction, a CDATA section or a declaration, with its delimiters.
    Verbatim(Box<str>),
}

/// An element with its attributes and children.
///
/// Equality compares the spelling, not the place that it was read from.
#[derive(Debug, Clone)]
pub struct Element {
    name: Box<str>,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
    /// White space before the end of the start tag.
    tail: Option<Box<str>>,
    /// White space before the end of the end tag.
    end_tail: Option<Box<str>>,
    /// Whether it is written as one tag while it has no children.
    self_closing: bool,
    position: Option<Position>,
}

/// An attribute.
///
/// Equality compares the spelling, not the place that it was read from.
#[derive(Debug, Clone)]
pub struct Attribute {
    name: Box<str>,
    /// The value as it is spelled, without its quotes.
    raw: Box<str>,
    /// White space before the name; `None` is one space.
    lead: Option<Box<str>>,
    /// What stands between name and quote; `None` is `=`.
    equals: Option<Box<str>>,
    single_quotes: bool,
    position: Option<Position>,
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.attributes == other.attributes
            && self.children == other.children
            && self.tail == other.tail
            && self.end_tail == other.end_tail
            && self.self_closing == other.self_closing
    }
}

impl Eq for Element {}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.raw == other.raw
            && self.lead == other.lead
            && self.equals == other.equals
            && self.single_quotes == other.single_quotes
    }
}

impl Eq for Attribute {}

impl Document {
    /// A document with an XML declaration, the given comment lines and a root element, in `envgen`'s
    /// layout when it is written by [`Document::to_envgen_text`].
    #[must_use]
    pub fn new(root: Element) -> Self {
        let declaration = Node::Verbatim(r#"<?xml version="1.0" encoding="UTF-8"?>"#.into());
        Self { prologue: vec![declaration, Node::Text("\n".into())], root, epilogue: Vec::new() }
    }

    /// Adds a comment line before the root element.
    ///
    /// `--` cannot stand in a comment; it becomes `- -`.
    pub fn push_comment(&mut self, text: &str) {
        let text = text.replace("--", "- -");
        self.prologue.push(Node::Verbatim(format!("<!-- {text} -->").into()));
        self.prologue.push(Node::Text("\n".into()));
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// When the text is not well-formed XML, with the place of the first problem.
    ///
    /// ```
    /// let text = "<Environment><!-- ours --><Software  a='1'/></Environment>\n";
    /// let document = envxml::Document::parse(text)?;
    /// assert_eq!(document.to_text(), text);
    /// # Ok::<(), envxml::ReadError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        read::parse(text)
    }

    /// The text: that of the source where nothing was changed.
    #[must_use]
    pub fn to_text(&self) -> String {
        write::document(self)
    }

    /// The text in `envgen`'s layout: one space a level, children sorted by tag, attributes by name.
    ///
    /// Comments inside the root element have no place in that layout and are left out.
    #[must_use]
    pub fn to_envgen_text(&self) -> String {
        format::document(self)
    }
}

impl Element {
    /// An element without attributes and children.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            attributes: Vec::new(),
            children: Vec::new(),
            tail: None,
            end_tail: None,
            self_closing: true,
            position: None,
        }
    }

    /// The same element with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// The tag.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was read from; `None` when it was made.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// All attributes in their order.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// An attribute by name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }

    /// An attribute's value with its entities resolved.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.attribute(name).map(Attribute::value)
    }

    /// Sets an attribute; a new one is added as the last.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some(attribute) = self.attributes.iter_mut().find(|a| &*a.name == name) {
            attribute.set_value(value);
            return;
        }
        // A new attribute stands where the last one does: on its own line when that has its own line.
        let lead = match self.attributes.as_slice() {
            [.., last] if self.attributes.len() > 1 => last.lead.clone(),
            _ => None,
        };
        self.attributes.push(Attribute {
            name: name.into(),
            raw: write::escape(value).into(),
            lead,
            equals: None,
            single_quotes: false,
            position: None,
        });
    }

    /// Sorts the attributes of a new element and of all inside it by name, as generators write them.
    pub(crate) fn sort_attributes(&mut self) {
        self.attributes.sort_by_key(|attribute| attribute.name.to_ascii_lowercase());
        for child in self.elements_mut() {
            child.sort_attributes();
        }
    }

    /// Removes an attribute and tells whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.attributes.len();
        self.attributes.retain(|attribute| &*attribute.name != name);
        before != self.attributes.len()
    }

    /// All children: elements, text, comments.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.children
    }

    /// The child elements.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &Self> {
        self.children.iter().filter_map(Node::as_element)
    }

    /// The child elements, to be changed.
    pub fn elements_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Self> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) | Node::Verbatim(_) => None,
        })
    }

    /// The child elements with a tag.
    #[must_use = "iterators are lazy"]
    pub fn children<'e>(&'e self, name: &str) -> impl DoubleEndedIterator<Item = &'e Self> {
        self.elements().filter(move |element| &*element.name == name)
    }

    /// The first child element with a tag.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.elements().find(|element| &*element.name == name)
    }

    /// The first child element with a tag, to be changed.
    pub fn child_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.elements_mut().find(|element| &*element.name == name)
    }

    /// The text inside, with entities resolved, without that of child elements.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for node in &self.children {
            match node {
                Node::Text(raw) => text.push_str(&write::unescape(raw)),
                Node::Verbatim(raw) => {
                    if let Some(data) = raw.strip_prefix("<![CDATA[") {
                        text.push_str(data.strip_suffix("]]>").unwrap_or(data));
                    }
                }
                Node::Element(_) => {}
            }
        }
        text
    }

    /// Adds a child at the end without any white space, as a generator does.
    pub fn push(&mut self, child: Self) {
        self.children.push(Node::Element(child));
    }

    /// Adds text at the end; characters with a meaning in XML are escaped.
    pub fn push_text(&mut self, text: &str) {
        self.children.push(Node::Text(write::escape(text).into()));
    }

    /// Replaces all text by another; child elements stay.
    pub fn set_text(&mut self, text: &str) {
        self.children.retain(|node| node.as_element().is_some());
        if !text.is_empty() {
            self.push_text(text);
        }
    }

    /// This element's step in an XPath: the tag, with `[@name='...']` where it has a name, else with
    /// `[@computer='...']`.
    #[must_use]
    pub fn step(&self) -> String {
        for key in STEP_KEYS {
            if let Some(value) = self.get(key).filter(|value| !value.is_empty()) {
                let quote = if value.contains('\'') { '"' } else { '\'' };
                return format!("{}[@{key}={quote}{value}{quote}]", self.name);
            }
        }
        self.name.to_string()
    }
}

impl Attribute {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value with its entities resolved.
    #[must_use]
    pub fn value(&self) -> Cow<'_, str> {
        write::unescape(&self.raw)
    }

    /// Where it was read from; `None` when it was made.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    fn set_value(&mut self, value: &str) {
        // An equal value keeps its spelling.
        if self.value() != value {
            self.raw = write::escape(value).into();
        }
    }
}

impl Node {
    /// The element, when it is one.
    #[must_use]
    pub fn as_element(&self) -> Option<&Element> {
        match self {
            Self::Element(element) => Some(element),
            Self::Text(_) | Self::Verbatim(_) => None,
        }
    }

    /// Whether it is text of white space only.
    #[must_use]
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.chars().all(char::is_whitespace))
    }
}
