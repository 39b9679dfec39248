//! A document as a tree whose every value knows its place, and from which types are read with all of their faults.
//!
//! [`read`](super::read) stops at the first fault and is fast. A file that a person writes by hand is small, and is
//! better read with everything that is wrong at once; and two such files can be laid over each other.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::fault::read_all;
use super::{Unreadable, options, place, unreadable};
use crate::path::{DataPath, Step};
use crate::problem::{Place, Problem};

/// A value with its place, and the place of what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(super) place: Place,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Null,
    Scalar { text: String, kind: Kind },
    List(Vec<Tree>),
    Mapping(Vec<Entry>),
}

/// What YAML takes a scalar for. Its text is kept besides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Text,
    Bool(bool),
    Whole(i128),
    Float(f64),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Tree,
}

impl Entry {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the key is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What stands at the key.
    #[must_use]
    pub fn value(&self) -> &Tree {
        &self.value
    }
}

/// What a value is, for those who read trees by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape<'t> {
    /// Nothing, `~` or `null`.
    Null,
    /// One value, as it is written: `true`, `"true"` and `1.30` are texts alike.
    Scalar(&'t str),
    /// A list.
    List(&'t [Tree]),
    /// A mapping, in the order of the text.
    Mapping(&'t [Entry]),
}

/// What became of a tree that was read as a type.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    /// What was read of the parts without faults; absent if that is nothing whole.
    pub value: Option<T>,
    /// All faults, each with its path and place.
    pub problems: Vec<Problem>,
    /// The paths of what was left out of the value because of its faults.
    pub left_out: Vec<DataPath>,
}

impl<T> Reading<T> {
    /// The path in the document of what is at a path of the value: items of a list that were left out are counted.
    ///
    /// ```
    /// use diagnostics::{DataPath, yaml::Tree};
    ///
    /// let reading = Tree::parse("ports.yaml", "[many, 22]")?.read::<Vec<u16>>();
    /// assert_eq!(reading.value.as_deref(), Some(&[22][..]));
    /// assert_eq!(reading.in_document(&DataPath::from([0])), DataPath::from([1]));
    /// # Ok::<(), diagnostics::yaml::Unreadable>(())
    /// ```
    #[must_use]
    pub fn in_document(&self, path: &DataPath) -> DataPath {
        let mut found = DataPath::root();
        for step in path.steps() {
            let Step::Index(index) = step else {
                found = found.join(step.clone());
                continue;
            };
            // `left_out` is in order, so the indexes of one list are as well.
            let mut index = *index;
            for left_out in &self.left_out {
                if let [before @ .., Step::Index(gone)] = left_out.steps()
                    && before == found.steps()
                    && *gone <= index
                {
                    index += 1;
                }
            }
            found = found.join(index);
        }
        found
    }
}

impl Tree {
    /// Reads one document of YAML or JSON.
    ///
    /// # Errors
    /// If the text is no YAML, or a key stands twice.
    pub fn parse(file: &str, text: &str) -> Result<Self, Unreadable> {
        let raw: Raw = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| unreadable(file, &error))?;
        let text = Text { text, is_ascii: text.is_ascii() };
        Ok(raw.into_tree(file, text))
    }

    /// Where the value is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What the value is.
    ///
    /// ```
    /// use diagnostics::yaml::{Shape, Tree};
    ///
    /// let tree = Tree::parse("hosts.yaml", "worker: true\n")?;
    /// let Shape::Mapping([entry]) = tree.shape() else { panic!() };
    /// assert_eq!((entry.key(), entry.value().shape()), ("worker", Shape::Scalar("true")));
    /// assert_eq!(entry.value().place().column, 9);
    /// # Ok::<(), diagnostics::yaml::Unreadable>(())
    /// ```
    #[must_use]
    pub fn shape(&self) -> Shape<'_> {
        match &self.content {
            Content::Null => Shape::Null,
            Content::Scalar { text, .. } => Shape::Scalar(text),
            Content::List(items) => Shape::List(items),
            Content::Mapping(entries) => Shape::Mapping(entries),
        }
    }

    /// This tree with numbers and truth values as texts where they would not be written again as they are here: `1.30`,
    /// `0755`, `off`. For parts that are kept, and read as something else later.
    #[must_use]
    pub fn as_written(self) -> Self {
        let Self { place, content } = self;
        let content = match content {
            Content::Scalar { text, kind: Kind::Float(_) } => {
                Content::Scalar { text, kind: Kind::Text }
            }
            Content::Scalar { text, kind: Kind::Whole(value) } if value.to_string() != text => {
                Content::Scalar { text, kind: Kind::Text }
            }
            Content::Scalar { text, kind: Kind::Bool(value) } if value.to_string() != text => {
                Content::Scalar { text, kind: Kind::Text }
            }
            Content::List(items) => {
                Content::List(items.into_iter().map(Self::as_written).collect())
            }
            Content::Mapping(entries) => Content::Mapping(
                entries
                    .into_iter()
                    .map(|entry| Entry { value: entry.value.as_written(), ..entry })
                    .collect(),
            ),
            content => content,
        };
        Self { place, content }
    }

    /// Reads this tree as a type, with all faults: of each key that is not known, each value that does not
    /// fit and each that is missing. A message of the type's own that has `; ` in it ends with how to mend it.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use diagnostics::yaml::Tree;
    ///
    /// let tree = Tree::parse("ports.yaml", "http: many\nssh: 22\nhttps: -1\n")?;
    /// let reading = tree.read::<BTreeMap<String, u16>>();
    /// assert_eq!(reading.problems.len(), 2);
    /// assert_eq!(reading.value.unwrap()["ssh"], 22);
    /// # Ok::<(), diagnostics::yaml::Unreadable>(())
    /// ```
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self) -> Reading<T> {
        read_all(self)
    }

    /// The text of the scalar at a path, if there is one.
    #[must_use]
    pub fn text(&self, path: &DataPath) -> Option<&str> {
        match self.at(path)? {
            (_, Self { content: Content::Scalar { text, .. }, .. }) => Some(text),
            _ => None,
        }
    }

    /// Where a path is: its key or item, or the last that there is on the way to it.
    #[must_use]
    pub fn find(&self, path: &DataPath) -> Place {
        let mut steps = path.steps();
        loop {
            let start: DataPath = steps.iter().cloned().collect();
            match (self.at(&start), steps.split_last()) {
                (Some((place, _)), _) => return place.clone(),
                (None, Some((_, before))) => steps = before,
                (None, None) => return self.place.clone(),
            }
        }
    }

    /// Gives every problem that has no place yet the one of its path, and puts all into the order of the text.
    pub fn settle(&self, problems: &mut [Problem]) {
        for problem in problems.iter_mut().filter(|problem| problem.place.is_none()) {
            problem.place = Some(self.find(&problem.path));
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place));
    }

    /// What is at a path, with the place of its key or item.
    pub(super) fn at(&self, path: &DataPath) -> Option<(&Place, &Self)> {
        let mut found = (&self.place, self);
        for step in path.steps() {
            found = match (step, &found.1.content) {
                (Step::Key(key), Content::Mapping(entries)) => {
                    let entry = entries.iter().find(|entry| entry.key == *key)?;
                    (&entry.place, &entry.value)
                }
                (Step::Index(index), Content::List(items)) => {
                    let item = items.get(*index)?;
                    (&item.place, item)
                }
                _ => return None,
            };
        }
        Some(found)
    }

    /// This tree laid over another: mappings are merged key by key, everything else is replaced whole, and
    /// `null` takes away what is below (RFC 7396). Where `whole` says so of a path, a mapping is replaced as well.
    /// Each value keeps its place in the file that it is from.
    #[must_use]
    pub fn laid_over(self, under: Self, whole: &dyn Fn(&DataPath) -> bool) -> Self {
        merge(self, Some(under), &DataPath::root(), whole)
    }

    /// This tree without the entries of mappings that are `null`: they are as good as absent. So an empty document is
    /// an empty mapping.
    #[must_use]
    pub fn without_nulls(self) -> Self {
        let Self { place, content } = self;
        let content = if content == Content::Null { Content::Mapping(Vec::new()) } else { content };
        merge(Self { place, content }, None, &DataPath::root(), &|_| true)
    }
}

fn merge(
    over: Tree,
    under: Option<Tree>,
    path: &DataPath,
    whole: &dyn Fn(&DataPath) -> bool,
) -> Tree {
    let Tree { place, content } = over;
    let (over, mut merged) = match (content, under) {
        (Content::Mapping(over), Some(Tree { content: Content::Mapping(under), .. }))
            if !whole(path) =>
        {
            (over, under)
        }
        (Content::Mapping(over), _) => (over, Vec::new()),
        // An empty document changes nothing.
        (Content::Null, Some(under)) if path.is_root() => return under,
        (content, _) => return Tree { place, content },
    };
    for entry in over {
        let below = merged.iter().position(|other| other.key == entry.key);
        let under = below.map(|at| merged.remove(at).value);
        if entry.value.content != Content::Null {
            let value = merge(entry.value, under, &path.join(entry.key.as_str()), whole);
            // Where it was, so that the order does not depend on who says it.
            let at = below.unwrap_or(merged.len());
            merged.insert(at, Entry { key: entry.key, place: entry.place, value });
        }
    }
    Tree { place, content: Content::Mapping(merged) }
}

/// A value as the YAML crate gives it.
struct Raw(Spanned<RawContent>);

enum RawContent {
    Null,
    Bool(bool),
    Whole(i128),
    Float(f64),
    Text(String),
    List(Vec<Raw>),
    Mapping(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    fn into_tree(self, file: &str, text: Text<'_>) -> Tree {
        let Spanned { value, referenced, defined } = self.0;
        let scalar = |kind, shown: String| Content::Scalar {
            text: written(text, defined).unwrap_or(shown),
            kind,
        };
        let content = match value {
            RawContent::Null => Content::Null,
            RawContent::Bool(value) => scalar(Kind::Bool(value), value.to_string()),
            RawContent::Whole(value) => scalar(Kind::Whole(value), value.to_string()),
            RawContent::Float(value) => scalar(Kind::Float(value), value.to_string()),
            RawContent::Text(text) => Content::Scalar { text, kind: Kind::Text },
            RawContent::List(items) => {
                Content::List(items.into_iter().map(|item| item.into_tree(file, text)).collect())
            }
            RawContent::Mapping(entries) => Content::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        place: place(file, key.referenced),
                        key: key.value,
                        value: value.into_tree(file, text),
                    })
                    .collect(),
            ),
        };
        Tree { place: place(file, referenced), content }
    }
}

/// A text of which parts are looked up. In one of ASCII alone, that takes no time.
#[derive(Clone, Copy)]
struct Text<'a> {
    text: &'a str,
    is_ascii: bool,
}

impl Text<'_> {
    /// A part, counted in characters.
    fn part(&self, offset: usize, length: usize) -> String {
        if self.is_ascii {
            let end = offset.saturating_add(length).min(self.text.len());
            return self.text.get(offset..end).unwrap_or_default().to_owned();
        }
        self.text.chars().skip(offset).take(length).collect()
    }
}

/// The text of a scalar without quotes, as it is written: `1.30` is not 1.3.
fn written(text: Text<'_>, at: Location) -> Option<String> {
    let count = |n: u64| usize::try_from(n).ok();
    let (offset, length) = (count(at.span().offset())?, count(at.span().len())?);
    let found = text.part(offset, length);
    let found = found.trim();
    (!found.is_empty()).then(|| found.to_owned())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawContent, E> {
        Ok(RawContent::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawContent, E> {
        Ok(RawContent::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawContent, E> {
        Ok(RawContent::Whole(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<RawContent, E> {
        Ok(RawContent::Whole(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawContent, E> {
        Ok(RawContent::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawContent, E> {
        Ok(RawContent::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<RawContent, E> {
        Ok(RawContent::Null)
    }

    fn visit_none<E>(self) -> Result<RawContent, E> {
        Ok(RawContent::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawContent, D::Error> {
        RawContent::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawContent, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(RawContent::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawContent, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawContent::Mapping(entries))
    }
}

#[cfg(test)]
mod tests;
