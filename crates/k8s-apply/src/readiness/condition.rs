//! Entries of `status.conditions`.

use serde_json::Value;

use crate::object::Object;

/// One entry of `status.conditions`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'o>(&'o Value);

impl<'o> Condition<'o> {
    /// The condition of a type, if the object has it.
    pub(super) fn of(object: &'o Object, name: &str) -> Option<Self> {
        let all = object.at("/status/conditions")?.as_array()?;
        all.iter().find(|one| one.get("type").and_then(Value::as_str) == Some(name)).map(Self)
    }

    /// Whether a condition of the object has a reason.
    pub(super) fn says(object: &Object, reason: &str) -> bool {
        let all = object.at("/status/conditions").and_then(Value::as_array);
        all.into_iter().flatten().any(|one| Condition(one).reason() == reason)
    }

    fn field(self, name: &str) -> &'o str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// `True`, `False` or `Unknown`.
    pub(super) fn status(self) -> &'o str {
        self.field("status")
    }

    pub(super) fn is_true(self) -> bool {
        self.status() == "True"
    }

    pub(super) fn is_false(self) -> bool {
        self.status() == "False"
    }

    pub(super) fn reason(self) -> &'o str {
        self.field("reason")
    }

    pub(super) fn message(self) -> &'o str {
        self.field("message")
    }

    /// When it changed last.
    pub(super) fn since(self) -> Option<&'o str> {
        self.0.get("lastTransitionTime").and_then(Value::as_str)
    }

    /// Whether it speaks of an older generation of its object (KEP 1623).
    pub(super) fn is_outdated(self, object: &Object) -> bool {
        let observed = self.0.get("observedGeneration").and_then(Value::as_i64);
        let generation = object.number("/metadata/generation");
        observed.zip(generation).is_some_and(|(observed, generation)| observed < generation)
    }

    /// The message, else the reason, else the status, on one line.
    pub(super) fn text(self) -> String {
        let text = [self.message(), self.reason()].into_iter().find(|text| !text.is_empty());
        text.map_or_else(|| format!("it is {}", self.status()), one_line)
    }

    /// The reason and the message, on one line.
    pub(super) fn whole_text(self) -> String {
        match (self.reason(), self.message()) {
            ("", _) | (_, "") => self.text(),
            (reason, message) => format!("{reason}: {}", one_line(message)),
        }
    }
}

/// The longest text that is taken over from a message, in characters.
const LONGEST: usize = 300;

/// A message on one line, without the stop at its end, and not too long.
pub(super) fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", line[..end].trim_end()),
        None => line.to_owned(),
    }
}
