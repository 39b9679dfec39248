//! `{{name}}` variables: expanded inside strings, after the JSON was parsed.
//!
//! HyperFlow renders the raw text with Mustache before parsing and escapes values for HTML. Here a
//! value can neither break the JSON nor be changed: `{{x}}`, `{{{x}}}` and `{{&x}}` mean the same.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The values of `{{name}}` variables, and which names were asked for in vain.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    unset: RefCell<BTreeSet<String>>,
    used: RefCell<BTreeSet<String>>,
}

impl Variables {
    /// No variables: every `{{name}}` expands to empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable unless it is set already, so that the first source named wins.
    pub fn set_default(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.entry(name.into()).or_insert_with(|| value.into());
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// All set variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Those that a workflow has used so far, with their values.
    #[must_use]
    pub fn used(&self) -> Vec<(String, String)> {
        let used = self.used.borrow();
        let used = self.values.iter().filter(|(name, _)| used.contains(*name));
        used.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Names that were used in the workflow but are not set (they expanded to empty text).
    #[must_use]
    pub fn unset_names(&self) -> Vec<String> {
        self.unset.borrow().iter().cloned().collect()
    }

    /// Whether a text holds something to expand.
    pub(crate) fn occur_in(text: &str) -> bool {
        text.contains("{{")
    }

    /// Replaces every `{{name}}` of a string by its value.
    #[must_use]
    pub fn expand<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !Self::occur_in(text) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, after) = rest.split_at(open);
            let triple = after.starts_with("{{{");
            let (opening, closing) = if triple { (3, "}}}") } else { (2, "}}") };
            let Some(close) = after.get(opening..).and_then(|inner| inner.find(closing)) else {
                break;
            };
            out.push_str(before);
            let name = &after[opening..opening + close];
            let name = name.strip_prefix('&').unwrap_or(name).trim();
            match self.values.get(name) {
                Some(value) => {
                    out.push_str(value);
                    if !self.used.borrow().contains(name) {
                        self.used.borrow_mut().insert(name.to_owned());
                    }
                }
                None => drop(self.unset.borrow_mut().insert(name.to_owned())),
            }
            rest = &after[opening + close + closing.len()..];
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// JSON text with every string in it expanded.
    pub(crate) fn expand_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        if Self::occur_in(json)
            && let Ok(mut value) = serde_json::from_str::<serde_json::Value>(json)
        {
            self.expand_value(&mut value);
            return Cow::Owned(value.to_string());
        }
        Cow::Borrowed(json)
    }

    /// Expands every string (not keys) inside a JSON value.
    pub(crate) fn expand_value(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(expanded) = self.expand(text) {
                    *text = expanded;
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    self.expand_value(item);
                }
            }
            serde_json::Value::Object(map) => {
                for (_, item) in map.iter_mut() {
                    self.expand_value(item);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::new();
        variables.set("x", "a/b&\"c");
        variables
    }

    #[test]
    fn all_three_spellings_expand_without_escaping() {
        let expanded = variables().expand("1{{x}}2{{{x}}}3{{& x }}4").into_owned();
        assert_eq!(expanded, "1a/b&\"c2a/b&\"c3a/b&\"c4");
    }

    #[test]
    fn an_unset_name_becomes_empty_and_is_remembered() {
        let variables = variables();
        assert_eq!(variables.expand("-{{nope}}-"), "--");
        assert_eq!(variables.unset_names(), ["nope"]);
    }

    #[test]
    fn an_unclosed_brace_stays_as_it_is() {
        assert_eq!(variables().expand("a {{x} b"), "a {{x} b");
    }
}
