//! The part of XPath that HPCC's own tools understand.
//!
//! `Software/Topology/Cluster[@name="thor"]/ThorCluster`, `*[@buildSet='esp']`, `Instance[2]`,
//! `ThorCluster/@slavesPerNode`. A path starts below the root element; `/Environment/`, `Environment/`
//! and `./` in front of it are accepted.

use thiserror::Error;

use super::{Element, Node};

/// A path of steps, and the attribute at its end if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XPath {
    /// The steps from the root element's children down.
    pub steps: Vec<Step>,
    /// The attribute's name of `.../@name`.
    pub attribute: Option<String>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The tag, or `*` for every tag.
    pub tag: String,
    /// What the element must have, in the order of the text.
    pub predicates: Vec<Predicate>,
}

/// What stands in square brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// `[@name='value']`; no value means that the attribute is there.
    Attribute {
        /// The attribute's name.
        name: String,
        /// Its value.
        value: Option<String>,
    },
    /// `[2]`: the second of those that the step has found so far, from 1.
    Index(usize),
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path:?} is not an XPath that is understood here, at character {at}: {message}")]
pub struct XPathError {
    /// The whole text.
    pub path: String,
    /// Which character, from 1.
    pub at: usize,
    /// What was expected.
    pub message: String,
}

/// Where a node is: the index among all nodes of each parent, from the root's children down.
pub type NodePath = Vec<usize>;

impl std::str::FromStr for XPath {
    type Err = XPathError;

    fn from_str(text: &str) -> Result<Self, XPathError> {
        let fail = |rest: &str, message: &str| XPathError {
            path: text.to_owned(),
            at: text[..text.len() - rest.len()].chars().count() + 1,
            message: message.to_owned(),
        };
        let mut rest = text.trim();
        for prefix in ["./", "/", "Environment/"] {
            rest = rest.strip_prefix(prefix).unwrap_or(rest);
        }
        if rest == "Environment" {
            rest = "";
        }
        let mut path = Self { steps: Vec::new(), attribute: None };
        while !rest.is_empty() {
            if let Some(name) = rest.strip_prefix('@') {
                if !super::is_name(name) {
                    return Err(fail(name, "expected one attribute's name after @"));
                }
                path.attribute = Some(name.to_owned());
                break;
            }
            let end = rest.find(|c| !is_name(c) && c != '*').unwrap_or(rest.len());
            let (tag, mut after) = rest.split_at(end);
            if !(tag.is_empty() || tag == "*" || super::is_name(tag)) {
                return Err(fail(rest, "a tag begins with a letter"));
            }
            if tag.is_empty() && !after.starts_with('[') {
                return Err(fail(rest, "expected a tag"));
            }
            let mut predicates = Vec::new();
            // HPCC also writes Tag/[@a='b'] for Tag[@a='b'].
            while let Some(inner) = after.strip_prefix('[').or_else(|| after.strip_prefix("/[")) {
                let (predicate, left) =
                    predicate(inner).map_err(|(at, message)| fail(at, message))?;
                predicates.push(predicate);
                after = left;
            }
            let tag = if tag.is_empty() { "*" } else { tag };
            path.steps.push(Step { tag: tag.to_owned(), predicates });
            rest = match after.strip_prefix('/') {
                Some("") => return Err(fail("", "expected a tag after /")),
                Some(next) => next,
                None if after.is_empty() => after,
                None => return Err(fail(after, "expected / or [")),
            };
        }
        Ok(path)
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ':')
}

/// Reads what follows `[`; gives the rest after `]`.
fn predicate(inner: &str) -> Result<(Predicate, &str), (&str, &'static str)> {
    if let Some(name) = inner.strip_prefix('@') {
        let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        if name.is_empty() {
            return Err((after, "expected an attribute's name"));
        }
        let name = name.to_owned();
        let after = after.trim_start();
        if let Some(after) = after.strip_prefix(']') {
            return Ok((Predicate::Attribute { name, value: None }, after));
        }
        let Some(value) = after.strip_prefix('=') else {
            return Err((after, "expected = or ]"));
        };
        let value = value.trim_start();
        let (value, after) = if let Some(quote @ ('"' | '\'')) = value.chars().next() {
            let inner = &value[1..];
            let end = inner.find(quote).ok_or((value, "expected an end quote"))?;
            (&inner[..end], inner[end + 1..].trim_start())
        } else {
            let end = value.find(']').ok_or((value, "expected ]"))?;
            value.split_at(end)
        };
        let after = after.strip_prefix(']').ok_or((after, "expected ]"))?;
        return Ok((Predicate::Attribute { name, value: Some(value.to_owned()) }, after));
    }
    let end = inner.find(']').ok_or((inner, "expected ]"))?;
    match inner[..end].trim().parse() {
        Ok(index) if index > 0 => Ok((Predicate::Index(index), &inner[end + 1..])),
        _ => Err((inner, "expected @attribute='value' or a number from 1")),
    }
}

impl std::fmt::Display for XPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for step in &self.steps {
            write!(f, "{separator}{}", step.tag)?;
            for predicate in &step.predicates {
                match predicate {
                    Predicate::Attribute { name, value: Some(value) } if value.contains('\'') => {
                        write!(f, "[@{name}=\"{value}\"]")?;
                    }
                    Predicate::Attribute { name, value: Some(value) } => {
                        write!(f, "[@{name}='{value}']")?;
                    }
                    Predicate::Attribute { name, value: None } => write!(f, "[@{name}]")?,
                    Predicate::Index(index) => write!(f, "[{index}]")?,
                }
            }
            separator = "/";
        }
        match &self.attribute {
            Some(name) => write!(f, "{separator}@{name}"),
            None => Ok(()),
        }
    }
}

impl Step {
    /// The indexes of a parent's nodes that this step finds.
    fn find(&self, parent: &Element) -> Vec<usize> {
        let elements = parent.nodes().iter().enumerate();
        let mut found: Vec<(usize, &Element)> = elements
            .filter_map(|(index, node)| Some((index, node.as_element()?)))
            .filter(|(_, element)| self.tag == "*" || element.name() == self.tag)
            .collect();
        for predicate in &self.predicates {
            match predicate {
                Predicate::Attribute { name, value } => found.retain(|(_, element)| {
                    match (element.get(name), value) {
                        (Some(has), Some(wanted)) => has == *wanted,
                        (Some(_), None) => true,
                        // jlib takes an absent attribute for an empty one.
                        (None, Some(wanted)) => wanted.is_empty(),
                        (None, None) => false,
                    }
                }),
                Predicate::Index(index) => {
                    found = found.get(index - 1).copied().into_iter().collect();
                }
            }
        }
        found.into_iter().map(|(index, _)| index).collect()
    }
}

impl Element {
    /// All elements below this one that a path names, in the order of the document.
    #[must_use]
    pub fn select(&self, path: &XPath) -> Vec<&Self> {
        self.select_paths(path).iter().filter_map(|path| self.at(path)).collect()
    }

    /// Where the elements are that a path names.
    #[must_use]
    pub fn select_paths(&self, path: &XPath) -> Vec<NodePath> {
        let mut found: Vec<NodePath> = vec![Vec::new()];
        for step in &path.steps {
            let mut next = Vec::new();
            for place in found {
                let Some(parent) = self.at(&place) else { continue };
                for index in step.find(parent) {
                    let mut child = place.clone();
                    child.push(index);
                    next.push(child);
                }
            }
            found = next;
        }
        found
    }

    /// The element at a place.
    #[must_use]
    pub fn at(&self, place: &[usize]) -> Option<&Self> {
        place.iter().try_fold(self, |element, index| element.nodes().get(*index)?.as_element())
    }

    /// The element at a place, to be changed.
    pub fn at_mut(&mut self, place: &[usize]) -> Option<&mut Self> {
        place.iter().try_fold(self, |element, index| match element.children.get_mut(*index)? {
            Node::Element(child) => Some(child),
            Node::Text(_) | Node::Verbatim(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> XPath {
        text.parse().unwrap()
    }

    #[test]
    fn paths_find_what_they_name() {
        let text = "<E><S><C name='a'><T p='1'/><T p='2'/></C><C name='b'/></S></E>";
        let document = crate::Document::parse(text).unwrap();
        let names = |text: &str| -> Vec<String> {
            document.root.select(&path(text)).iter().map(|e| e.step()).collect()
        };
        assert_eq!(names("S/C"), ["C[@name='a']", "C[@name='b']"]);
        assert_eq!(names("./S/C/[@name=\"b\"]"), ["C[@name='b']"]);
        assert_eq!(names("S/C[1]/T[2][@p='2']"), ["T"]);
        assert_eq!(names("S/*[@name=a]/T[@p]"), ["T", "T"]);
        assert!(names("S/C/T[@p='3']").is_empty());
    }

    #[test]
    fn what_is_not_a_path_is_told_with_its_place() {
        for (text, at) in
            [("S/", 3), ("S//C", 3), ("S[@]", 4), ("S[@a='x]", 6), ("S[0]", 3), ("S)", 2)]
        {
            let error = text.parse::<XPath>().unwrap_err();
            assert_eq!(error.at, at, "{error}");
        }
    }

    #[test]
    fn a_path_is_shown_as_it_is_read() {
        for text in ["Software/Topology/Cluster[@name='thor']/ThorCluster", "A[2]/@b", "*[@x]"] {
            assert_eq!(path(text).to_string(), text);
        }
        assert_eq!(path("/Environment/Software/@a").to_string(), "Software/@a");
    }
}
