//! Collecting facts.

use std::collections::BTreeMap;

use super::source::{Source, value};
use crate::tree::{Attribute, Element};

/// One value that generated files take from the environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fact {
    /// What it is, in words.
    pub(crate) what: String,
    /// The value as the files have it.
    pub(crate) value: String,
}

impl Fact {
    /// Only white space of generated files.
    pub(crate) const LAYOUT: &'static str = "layout";
}

/// Facts in the order of their use.
pub(super) struct Facts<'s> {
    pub(super) source: &'s Source<'s>,
    /// Whether paths are written for Linux.
    linux: bool,
    list: Vec<Fact>,
}

impl<'s> Facts<'s> {
    pub(super) fn new(source: &'s Source<'s>, linux: bool) -> Self {
        Self { source, linux, list: Vec::new() }
    }

    pub(super) fn is_linux(&self) -> bool {
        self.linux
    }

    pub(super) fn into_list(self) -> Vec<Fact> {
        self.list
    }

    pub(super) fn put(&mut self, what: impl Into<String>, value: impl Into<String>) {
        self.list.push(Fact { what: what.into(), value: value.into() });
    }

    /// Attributes of which the value is used, so that an absent one is an empty one.
    pub(super) fn values(&mut self, element: &Element, names: &[&str]) {
        for name in names {
            self.put(what(element, name), value(element, name));
        }
    }

    /// Attributes that are used when they are not empty.
    pub(super) fn given(&mut self, element: &Element, names: &[&str]) {
        for name in names {
            let value = value(element, name);
            if !value.is_empty() {
                self.put(what(element, name), value);
            }
        }
    }

    /// Attributes that are copied also when they are empty.
    pub(super) fn present(&mut self, element: &Element, names: &[&str]) {
        for name in names {
            if let Some(attribute) = element.attribute(name) {
                self.put(what(element, name), attribute.value());
            }
        }
    }

    /// All attributes that are not empty, except some.
    pub(super) fn all_given(&mut self, element: &Element, except: &[&str]) {
        self.all(element, except, false);
    }

    /// All attributes, also empty ones, except some.
    pub(super) fn all_present(&mut self, element: &Element, except: &[&str]) {
        self.all(element, except, true);
    }

    fn all(&mut self, element: &Element, except: &[&str], empty: bool) {
        let mut names: Vec<&str> = element.attributes().iter().map(Attribute::name).collect();
        // Configgen sorts attributes before it transforms anything.
        names.sort_unstable();
        for name in names {
            if !except.contains(&name) {
                let value = value(element, name);
                if empty || !value.is_empty() {
                    self.put(what(element, name), value);
                }
            }
        }
    }

    /// The attributes of all children with a tag, as if they were one: the last value that is not empty counts.
    pub(super) fn merged(&mut self, element: &Element, tag: &str) {
        let mut values = BTreeMap::new();
        for attribute in element.children(tag).flat_map(Element::attributes) {
            let value = attribute.value();
            if !value.is_empty() {
                values.insert(attribute.name(), value);
            }
        }
        for (name, value) in values {
            self.put(format!("attribute {tag}/@{name}"), value);
        }
    }

    /// A flag of which only `true` and `false` are known.
    pub(super) fn flags(&mut self, element: &Element, names: &[&str]) {
        for name in names {
            let value = if value(element, name) == "true" { "1" } else { "0" };
            self.put(what(element, name), value);
        }
    }

    /// An element with all that is in it.
    pub(super) fn subtree(&mut self, element: &Element) {
        self.copied(element, &element.step(), true);
    }

    /// An element with all that is in it, without attributes that are empty.
    pub(super) fn subtree_of_given(&mut self, element: &Element) {
        self.copied(element, &element.step(), false);
    }

    fn copied(&mut self, element: &Element, path: &str, empty: bool) {
        self.put("element", path);
        let mut names: Vec<&str> = element.attributes().iter().map(Attribute::name).collect();
        names.sort_unstable();
        for name in names {
            let value = value(element, name);
            if empty || !value.is_empty() {
                self.put(format!("attribute {path}/@{name}"), value);
            }
        }
        let text = element.text();
        if !text.trim().is_empty() {
            self.put(format!("text of {path}"), text.trim());
        }
        for child in super::order::children(element) {
            self.copied(child, &format!("{path}/{}", child.step()), empty);
        }
        // Where an element ends: its siblings are not its children.
        self.put("end of", path);
    }

    /// A path as the machine wants it: on Linux `\` becomes `/` and `:` becomes `$`, elsewhere the other
    /// way round.
    pub(super) fn path(&self, text: &str) -> String {
        let (from, to) =
            if self.linux { (['\\', ':'], ['/', '$']) } else { (['/', '$'], ['\\', ':']) };
        let change = |c: char| from.iter().position(|one| *one == c).map_or(c, |index| to[index]);
        text.chars().map(change).collect()
    }

    /// A path that starts with a separator.
    pub(super) fn absolute(&self, text: &str) -> String {
        let path = self.path(text);
        let separator = if self.linux { '/' } else { '\\' };
        if path.starts_with(separator) { path } else { format!("{separator}{path}") }
    }

    /// The addresses of the dali that `@daliServers` names.
    pub(super) fn dali(&mut self, element: &Element) {
        let name = value(element, "daliServers");
        self.put("address of dali", self.source.dali(&name));
    }

    pub(super) fn directories(&mut self) {
        for element in self.source.directories() {
            self.subtree(element);
        }
    }
}

/// An attribute in words: `attribute ThorCluster/@slavesPerNode`.
fn what(element: &Element, name: &str) -> String {
    format!("attribute {}/@{name}", element.name())
}
