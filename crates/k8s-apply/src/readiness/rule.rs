//! What a user wants to wait for, beside what a kind's own rule says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use super::condition::Condition;
use super::rule_path::Path;
use super::verdict::Readiness;
use crate::object::{GroupKind, Object};

/// The annotation that says when an object is ready: [`Rule`]s with `;` or line breaks between them. All must hold.
pub const READY_WHEN: &str = "windlass.dev/ready-when";

/// The annotation that says when an object has failed. One of its rules is enough.
pub const FAILED_WHEN: &str = "windlass.dev/failed-when";

/// Something that can be true of an object, written as for `kubectl wait --for`.
///
/// - `condition=Established`: the condition is `True`, and not older than the last change.
/// - `condition=Ready=Unknown`: the condition has this status.
/// - `jsonpath={.status.phase}=Running`: the text at a path, all of them if there are several.
/// - `jsonpath={.status.loadBalancer.ingress}`: there is something at the path.
///
/// A path has names (`.a`, `['a.b']`, `.a\.b`), places (`[0]`, `[-1]`), `[*]` and filters
/// (`[?(@.type=="Ready")]`). The braces may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    check: Check,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Check {
    Condition { name: String, status: String },
    Path { path: Path, value: Option<String> },
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is nothing to wait for: {problem}")]
pub struct RuleError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        let fault = |problem: String| RuleError { text: text.to_owned(), problem };
        let check = match text.split_once('=') {
            Some(("condition", rest)) => {
                let (name, status) = rest.split_once('=').unwrap_or((rest, "True"));
                if name.is_empty() || status.is_empty() {
                    return Err(fault("expected condition=NAME or condition=NAME=STATUS".into()));
                }
                Check::Condition { name: name.to_owned(), status: status.to_owned() }
            }
            Some(("jsonpath", rest)) => {
                let (path, value) = Path::parse_with_value(rest).map_err(fault)?;
                Check::Path { path, value }
            }
            _ => {
                return Err(fault("expected condition=NAME or jsonpath={.path}=VALUE".into()));
            }
        };
        Ok(Self { text: text.to_owned(), check })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Rule {
    /// Reads rules with `;` or line breaks between them.
    ///
    /// # Errors
    /// At the first that is none.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, RuleError> {
        text.split([';', '\n']).filter(|one| !one.trim().is_empty()).map(str::parse).collect()
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, object: &Object) -> bool {
        match &self.check {
            Check::Condition { name, status } => Condition::of(object, name).is_some_and(|one| {
                one.status().eq_ignore_ascii_case(status) && !one.is_outdated(object)
            }),
            Check::Path { path, value } => {
                let found = path.find(object.value());
                match value {
                    None => found.iter().any(|one| !is_nothing(one)),
                    Some(value) => {
                        !found.is_empty() && found.iter().all(|one| shown(one) == *value)
                    }
                }
            }
        }
    }

    /// What is there in place of what was waited for.
    fn instead(&self, object: &Object) -> String {
        match &self.check {
            Check::Condition { name, .. } => match Condition::of(object, name) {
                None => "it has no such condition".to_owned(),
                Some(one) if one.is_outdated(object) => {
                    "it is older than the last change".to_owned()
                }
                Some(one) => format!("it is {}: {}", one.status(), one.whole_text()),
            },
            Check::Path { path, .. } => match path.find(object.value()).as_slice() {
                [] => "there is nothing".to_owned(),
                found => {
                    let found: Vec<String> = found.iter().map(|one| shown(one)).collect();
                    format!("it is {}", found.join(", "))
                }
            },
        }
    }
}

/// Whether a value counts as being absent.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value as the user writes it: a text without quotes.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// When an object is ready, and when it has failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomRules {
    /// All of these hold when it is ready. Without any, the rule of its kind counts.
    pub ready_when: Vec<Rule>,
    /// One of these holds when it has failed.
    pub failed_when: Vec<Rule>,
}

impl CustomRules {
    /// How ready an object is by these rules; none if that is left to the rule of its kind.
    pub(super) fn judge(&self, object: &Object) -> Option<Readiness> {
        if let Some(rule) = self.failed_when.iter().find(|rule| rule.holds(object)) {
            return Some(Readiness::failed(format!("{rule}: {}", rule.instead(object))));
        }
        if self.ready_when.is_empty() {
            return None;
        }
        Some(match self.ready_when.iter().find(|rule| !rule.holds(object)) {
            Some(rule) => {
                Readiness::progressing(format!("waits for {rule}: {}", rule.instead(object)))
            }
            None => Readiness::ready(),
        })
    }
}

/// The rules that count for an object, if there are any: those of its annotations, else those of its kind.
pub(super) fn of(
    object: &Object,
    by_kind: &BTreeMap<GroupKind, CustomRules>,
) -> Result<Option<CustomRules>, RuleError> {
    let known = by_kind.get(&object.group_kind());
    let list = |key: &str, known: Option<&Vec<Rule>>| match object.annotation(key) {
        Some(text) => Rule::parse_all(text),
        None => Ok(known.cloned().unwrap_or_default()),
    };
    let rules = CustomRules {
        ready_when: list(READY_WHEN, known.map(|rules| &rules.ready_when))?,
        failed_when: list(FAILED_WHEN, known.map(|rules| &rules.failed_when))?,
    };
    Ok((rules != CustomRules::default()).then_some(rules))
}
