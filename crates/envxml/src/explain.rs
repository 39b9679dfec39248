//! Where the values of an environment come from: a default, another value that they follow, or somebody's
//! wish.
//!
//! The catalogue of the environment's HPCC version says which value a generator gives to an attribute. A
//! value that is another one was wished for: by an override that the caller knows with its place, else by
//! whoever wrote that line of the file.

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::tree::{Document, Element, NodePath, Position, XPath};
use crate::view::Environment;

mod component;
mod fixed;

/// An attribute, or the text of an element, and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its place as an XPath: `Software/ThorCluster[@name='mythor']/@slavesPerNode`, or `.../text()`.
    pub path: String,
    /// Its value; `None` when it is not there.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "origin")]
pub enum Origin {
    /// The value that HPCC has for everyone.
    Default {
        /// What has the default: `HPCC 7.2`.
        of: String,
    },
    /// It follows from something else.
    Derived {
        /// What it follows from, in words.
        from: String,
    },
    /// Somebody wanted it.
    Override {
        /// The file with the wish, or the name of the environment itself.
        file: String,
        /// The line in that file, from 1.
        line: Option<u32>,
        /// The value without the wish, when there is one.
        instead_of: Option<String>,
    },
}

/// A value that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The attribute; several elements may be meant: `Software/*[@buildSet='thor']/@replicateOutputs`.
    pub target: XPath,
    /// The value.
    pub value: String,
    /// The file, or another place such as `command line`.
    pub file: String,
    /// The line in that file, from 1.
    pub line: Option<u32>,
}

/// What is known about the making of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The name of the environment's own file, for values that are set there by hand.
    pub file: String,
    /// The overrides in the order in which they were applied; of several for one attribute the last one wins.
    pub overrides: Vec<Override>,
}

/// What a generator would write, and why.
enum Expected {
    /// This value, as everyone gets it.
    Default(String),
    /// This value, because of something else.
    Derived(String, String),
    /// Any value: it was asked for when the environment was made.
    Given(String),
    /// The catalogue does not know.
    Unknown,
}

/// What rules may ask for.
struct Context<'d> {
    document: &'d Document,
    environment: Environment<'d>,
    catalogue: &'static Catalogue,
}

/// Explains what a path names: an attribute, or all attributes and texts of elements and of all that is in
/// them. An attribute that is named but not there is explained too when the catalogue knows its default.
///
/// ```
/// use envxml::explain::{Origin, Sources, explain};
/// let text = "<Environment><Software>\n<ThorCluster buildSet='thor' name='t' slaveport='1'/></Software></Environment>";
/// let document = envxml::Document::parse(text)?;
/// let sources = Sources { file: "environment.xml".to_owned(), ..Sources::default() };
/// let path = "Software/ThorCluster/@slaveport".parse().unwrap();
/// let found = explain(&document, &path, &sources);
/// assert_eq!(
///     found[0].origin,
///     Origin::Override {
///         file: "environment.xml".to_owned(), line: Some(2), instead_of: Some("20100".to_owned())
///     }
/// );
/// # Ok::<(), envxml::ReadError>(())
/// ```
#[must_use]
pub fn explain(document: &Document, path: &XPath, sources: &Sources) -> Vec<Explanation> {
    let environment = Environment::new(document);
    let version = environment.build();
    let catalogue = version.and_then(|version| Catalogue::for_version(&version));
    let catalogue = catalogue.map_or_else(|| &Catalogue::versions()[0], |found| found.catalogue);
    let context = Context { document, environment, catalogue };
    let overridden = overridden(document, sources);
    let mut found = Vec::new();
    for place in document.root.select_paths(path) {
        let Some(chain) = chain(&document.root, &place) else { continue };
        match &path.attribute {
            Some(name) => {
                if let Some(one) = one(&context, &chain, &place, name, sources, &overridden) {
                    found.push(one);
                }
            }
            None => all(&context, &chain, &place, sources, &overridden, &mut found),
        }
    }
    found
}

/// For each overridden attribute the override that wins, by the element's place.
type Overridden<'s> = std::collections::HashMap<(NodePath, String), &'s Override>;

fn overridden<'s>(document: &Document, sources: &'s Sources) -> Overridden<'s> {
    let mut found = Overridden::new();
    for one in &sources.overrides {
        let Some(name) = &one.target.attribute else { continue };
        for place in document.root.select_paths(&one.target) {
            found.insert((place, name.clone()), one);
        }
    }
    found
}

/// The elements from the root's child down to a place.
fn chain<'d>(root: &'d Element, place: &[usize]) -> Option<Vec<&'d Element>> {
    let mut chain = Vec::new();
    let mut element = root;
    for index in place {
        element = element.nodes().get(*index)?.as_element()?;
        chain.push(element);
    }
    Some(chain)
}

fn all(
    context: &Context<'_>,
    chain: &[&Element],
    place: &NodePath,
    sources: &Sources,
    overridden: &Overridden<'_>,
    found: &mut Vec<Explanation>,
) {
    let element = chain.last().copied().unwrap_or(&context.document.root);
    for attribute in element.attributes() {
        found.extend(one(context, chain, place, attribute.name(), sources, overridden));
    }
    let text = element.text();
    if !text.trim().is_empty() {
        let expected = fixed::text(context, chain, text.trim());
        let value = Some(text.trim().to_owned());
        found.push(Explanation {
            path: format!("{}/text()", path_of(chain)),
            origin: origin(context, expected, value.as_deref(), element.position(), sources),
            value,
        });
    }
    for (index, node) in element.nodes().iter().enumerate() {
        if let Some(child) = node.as_element() {
            let mut place = place.clone();
            place.push(index);
            let mut chain = chain.to_vec();
            chain.push(child);
            all(context, &chain, &place, sources, overridden, found);
        }
    }
}

fn path_of(chain: &[&Element]) -> String {
    let steps: Vec<String> = chain.iter().map(|element| element.step()).collect();
    steps.join("/")
}

/// Explains one attribute; `None` when it is not there and has no default either.
fn one(
    context: &Context<'_>,
    chain: &[&Element],
    place: &NodePath,
    name: &str,
    sources: &Sources,
    overridden: &Overridden<'_>,
) -> Option<Explanation> {
    let element = chain.last().copied().unwrap_or(&context.document.root);
    let separator = if chain.is_empty() { "" } else { "/" };
    let path = format!("{}{separator}@{name}", path_of(chain));
    let Some(attribute) = element.attribute(name) else {
        let of = context.version();
        let default = component::default_of_absent(context, chain, name)?;
        let of = format!("{of}: {default:?}");
        return Some(Explanation { path, value: None, origin: Origin::Default { of } });
    };
    let value = attribute.value().into_owned();
    let expected = component::attribute(context, chain, name)
        .or_else(|| fixed::attribute(context, chain, name))
        .unwrap_or(Expected::Unknown);
    let wish = overridden.get(&(place.clone(), name.to_owned()));
    let origin = match wish {
        Some(wish) if wish.value == value => Origin::Override {
            file: wish.file.clone(),
            line: wish.line,
            instead_of: expected.value().filter(|usual| *usual != value),
        },
        _ => origin(context, expected, Some(&value), attribute.position(), sources),
    };
    Some(Explanation { path, value: Some(value), origin })
}

fn origin(
    context: &Context<'_>,
    expected: Expected,
    value: Option<&str>,
    position: Option<Position>,
    sources: &Sources,
) -> Origin {
    let usual = expected.value();
    match expected {
        Expected::Default(usual) if Some(usual.as_str()) == value => {
            Origin::Default { of: context.version() }
        }
        Expected::Derived(usual, from) if Some(usual.as_str()) == value => Origin::Derived { from },
        Expected::Given(from) => Origin::Derived { from },
        _ => Origin::Override {
            file: sources.file.clone(),
            line: position.map(|position| position.line),
            instead_of: usual,
        },
    }
}

impl Expected {
    fn value(&self) -> Option<String> {
        match self {
            Self::Default(value) | Self::Derived(value, _) => Some(value.clone()),
            Self::Given(_) | Self::Unknown => None,
        }
    }
}

impl Context<'_> {
    fn version(&self) -> String {
        format!("HPCC {}", self.catalogue.version)
    }
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path)?;
        match &self.value {
            Some(value) => write!(f, " = {value:?}: ")?,
            None => write!(f, " is not set: ")?,
        }
        match &self.origin {
            Origin::Default { of } => write!(f, "default of {of}"),
            Origin::Derived { from } => write!(f, "from {from}"),
            Origin::Override { file, line, instead_of } => {
                write!(f, "set in {file}")?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                match instead_of {
                    Some(usual) => write!(f, " instead of {usual:?}"),
                    None => Ok(()),
                }
            }
        }
    }
}
