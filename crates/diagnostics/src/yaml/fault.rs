//! Reading a type from a tree, and going on after each fault.
//!
//! A type stops at the first fault that it finds. So the fault is noted, what it is about is left out, and the type is
//! read again, until nothing more is wrong. Files that people write have few faults.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::expected;
use super::tree::{Content, Entry, Kind, Reading, Tree};
use crate::nearest::nearest;
use crate::path::DataPath;
use crate::problem::Problem;

/// Reads a type with all faults.
pub(super) fn read_all<T: DeserializeOwned>(tree: &Tree) -> Reading<T> {
    let mut problems = Vec::new();
    let mut left_out = BTreeSet::new();
    let value = loop {
        let root = Reader { tree, path: DataPath::root(), left_out: &left_out };
        let fault = match T::deserialize(root) {
            Ok(value) => break Some(value),
            Err(fault) => fault,
        };
        let path = fault.path.clone().unwrap_or_default();
        if !fault.follows(&path, &left_out) {
            let place = match fault.about {
                About::Value => tree
                    .at(&path)
                    .map_or_else(|| tree.find(&path), |(_, value)| value.place.clone()),
                About::Key | About::Missing(_) => tree.find(&path),
            };
            problems.push(fault.problem.at(path.clone()).placed(place));
        }
        // Nothing is left to be read, or nothing is won by leaving it out once more.
        if path.is_root() || !left_out.insert(path) {
            break None;
        }
    };
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    Reading { value, problems, left_out: left_out.into_iter().collect() }
}

/// One fault.
#[derive(Debug)]
pub(super) struct Fault {
    problem: Box<Problem>,
    /// What it is about, once that is known.
    path: Option<DataPath>,
    about: About,
}

#[derive(Debug)]
enum About {
    Value,
    Key,
    Missing(&'static str),
}

impl Fault {
    fn new(problem: Problem, about: About) -> Self {
        Self { problem: Box::new(problem), path: None, about }
    }

    /// The same fault at a path, if it was not found deeper.
    fn at(mut self, path: impl FnOnce() -> DataPath) -> Self {
        self.path.get_or_insert_with(path);
        self
    }

    /// Whether there is only this fault because something was left out.
    fn follows(&self, path: &DataPath, left_out: &BTreeSet<DataPath>) -> bool {
        match self.about {
            About::Missing(field) => left_out.contains(&path.join(field)),
            About::Key => false,
            About::Value => left_out.iter().any(|part| {
                part.steps().len() > path.steps().len() && part.steps().starts_with(path.steps())
            }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let problem = match message.rsplit_once("; ") {
            Some((wrong, help)) => Problem::error("value", wrong).help(help),
            None => Problem::error("value", message),
        };
        Self::new(problem, About::Value)
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::unfit(found, wanted)
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::unfit(found, wanted)
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(unknown("unknown-key", field, known), About::Key)
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(unknown("unknown-value", variant, known), About::Value)
    }

    fn missing_field(field: &'static str) -> Self {
        let problem = Problem::error("missing", format!("`{field}` is missing"));
        Self::new(problem, About::Missing(field))
    }
}

impl Fault {
    fn unfit(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Bool(value) => value.to_string(),
            Unexpected::Unsigned(value) => value.to_string(),
            Unexpected::Signed(value) => value.to_string(),
            Unexpected::Float(value) => value.to_string(),
            Unexpected::Str(text) => format!("`{}`", text.escape_debug()),
            other => other.to_string(),
        };
        let wanted = wanted.to_string();
        let wanted = match wanted.as_str() {
            "a sequence" => "a list".to_owned(),
            "a string" => "text".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a map" => "a mapping".to_owned(),
            word if word.starts_with("struct ") => "a mapping".to_owned(),
            word if word.starts_with("enum ") => "a word".to_owned(),
            word if word.contains(' ') => wanted,
            word => expected(word),
        };
        Self::new(
            Problem::error("value", format!("{wanted} is expected, not {found}")),
            About::Value,
        )
    }
}

fn unknown(code: &'static str, name: &str, known: &[&'static str]) -> Problem {
    let problem = Problem::error(code, format!("`{}` is not known here", name.escape_debug()));
    match nearest(name, known.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => problem,
        None => problem.help(format!("known are {}", known.join(", "))),
    }
}

/// Reads what is at a path of a tree, but for what is left out.
struct Reader<'t> {
    tree: &'t Tree,
    path: DataPath,
    left_out: &'t BTreeSet<DataPath>,
}

impl<'t> Reader<'t> {
    fn scalar(&self) -> Option<&'t str> {
        match &self.tree.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { tree, path, left_out } = self;
        let at = path.clone();
        let read = match &tree.content {
            Content::Null => visitor.visit_unit(),
            Content::Scalar { kind: Kind::Bool(value), .. } => visitor.visit_bool(*value),
            Content::Scalar { kind: Kind::Float(value), .. } => visitor.visit_f64(*value),
            Content::Scalar { kind: Kind::Whole(value), .. } => {
                match (i64::try_from(*value), u64::try_from(*value)) {
                    (_, Ok(value)) => visitor.visit_u64(value),
                    (Ok(value), _) => visitor.visit_i64(value),
                    _ => visitor.visit_i128(*value),
                }
            }
            Content::Scalar { text, kind: Kind::Text } => visitor.visit_str(text),
            Content::List(items) => {
                visitor.visit_seq(Items { rest: items.iter().enumerate(), path, left_out })
            }
            Content::Mapping(entries) => {
                visitor.visit_map(Entries { rest: entries.iter(), value: None, path, left_out })
            }
        };
        read.map_err(|fault| fault.at(|| at))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar() {
            // Text keeps what is written, without quotes as well.
            Some(text) => visitor.visit_str(text).map_err(|fault: Fault| fault.at(|| self.path)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.tree.content {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is no mapping, though serde would take its items for fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Content::List(_) = self.tree.content else { return self.deserialize_any(visitor) };
        let wanted = format!("struct {name}");
        let fault: Fault = de::Error::invalid_type(Unexpected::Seq, &wanted.as_str());
        Err(fault.at(|| self.path))
    }

    /// Of enums, those without data: a word each.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.scalar() {
            Some(text) => {
                let word: StrDeserializer<'_, Fault> = text.into_deserializer();
                visitor.visit_enum(word).map_err(|fault| fault.at(|| self.path))
            }
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 bytes byte_buf unit unit_struct seq
        tuple tuple_struct map ignored_any
    }
}

/// The items of a list.
struct Items<'t> {
    rest: std::iter::Enumerate<std::slice::Iter<'t, Tree>>,
    path: DataPath,
    left_out: &'t BTreeSet<DataPath>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        for (index, tree) in self.rest.by_ref() {
            let path = self.path.join(index);
            if !self.left_out.contains(&path) {
                let at = path.clone();
                let read = seed.deserialize(Reader { tree, path, left_out: self.left_out });
                return read.map(Some).map_err(|fault| fault.at(|| at));
            }
        }
        Ok(None)
    }
}

/// The entries of a mapping.
struct Entries<'t> {
    rest: std::slice::Iter<'t, Entry>,
    value: Option<(&'t Tree, DataPath)>,
    path: DataPath,
    left_out: &'t BTreeSet<DataPath>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        for entry in self.rest.by_ref() {
            let path = self.path.join(entry.key.as_str());
            if !self.left_out.contains(&path) {
                self.value = Some((&entry.value, path.clone()));
                let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
                let read = seed.deserialize(key);
                return read
                    .map(Some)
                    .map_err(|fault| Fault { about: About::Key, ..fault }.at(|| path));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (tree, path) = self
            .value
            .take()
            .ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        let at = path.clone();
        let read = seed.deserialize(Reader { tree, path, left_out: self.left_out });
        read.map_err(|fault| fault.at(|| at))
    }
}
