//! Conflicts between field managers, as the server tells them.

use std::fmt;

use kube::core::Status;
use serde::Serialize;
use serde_json::Value;

use super::{FieldPath, entries};
use crate::object::Object;

/// Who wrote a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldManager {
    /// Its name.
    pub name: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The subresource that it wrote through; empty for the object itself.
    pub subresource: String,
    /// When it last changed something (RFC 3339); empty where the server keeps no time.
    pub time: String,
}

impl fmt::Display for FieldManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if !self.subresource.is_empty() {
            write!(f, " through {}", self.subresource)?;
        }
        if !self.time.is_empty() {
            write!(f, " at {}", self.time)?;
        }
        Ok(())
    }
}

/// A field that the manifest sets and another manager owns with another value.
#[derive(Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// The field.
    pub field: FieldPath,
    /// Who owns it.
    pub manager: FieldManager,
    /// What the manifest says.
    pub ours: Option<Value>,
    /// What the cluster has.
    pub theirs: Option<Value>,
}

impl fmt::Debug for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conflict({} of {})", self.field, self.manager)
    }
}

/// The conflicts in a refusal; empty if it is about something else.
#[must_use]
pub fn conflicts(status: &Status, manifest: &Object, live: &Object) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| {
            let field = FieldPath::read_along(&cause.field, manifest.value());
            Conflict {
                manager: manager(&cause.message, live),
                ours: field.find(manifest.value()).cloned(),
                theirs: field.find(live.value()).cloned(),
                field,
            }
        })
        .collect()
}

/// The manager that a cause names: `conflict with "kubectl" with subresource "scale" using apps/v1 at <time>`.
fn manager(message: &str, live: &Object) -> FieldManager {
    let after = |words: &str| message.split_once(words).map(|(_, rest)| rest);
    let quoted = |text: &str| {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        values.next().and_then(Result::ok)
    };
    let name = after("conflict with ").and_then(quoted).unwrap_or_default();
    let subresource = after(" with subresource ").and_then(quoted).unwrap_or_default();
    let told = after(" at ").unwrap_or_default().trim();
    // An applier's cause says neither version nor time.
    let operation = if message.contains(" using ") { "Update" } else { "Apply" };
    let entry = entries(live).find(|entry| {
        entry.manager() == name
            && entry.operation() == operation
            && entry.subresource() == subresource
    });
    let time = if told.is_empty() { entry.map_or("", super::Entry::time) } else { told };
    FieldManager { time: time.to_owned(), operation: operation.to_owned(), name, subresource }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_told_by_field_manager_and_both_values() {
        let manifest = Object::try_from(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "command": ["b"]}]}}},
        }))
        .unwrap();
        let live = Object::try_from(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "managedFields": [
                {"manager": "one", "operation": "Apply", "time": "2026-01-02T03:04:05Z"},
            ]},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "command": ["a"]}]}}},
        }))
        .unwrap();
        // The words of a real API server, 1.35.
        let status: Status = serde_json::from_value(json!({
            "code": 409, "reason": "Conflict", "message": "Apply failed with 2 conflicts",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"one\"",
                 "field": ".spec.template.spec.containers[name=\"web\"].command"},
                {"reason": "FieldManagerConflict",
                 "message": "conflict with \"kubectl\" with subresource \"scale\" using apps/v1 at 2026-11-21T10:32:00Z",
                 "field": ".spec.replicas"},
            ]},
        }))
        .unwrap();
        let told: Vec<String> = conflicts(&status, &manifest, &live)
            .into_iter()
            .map(|one| {
                let value = |value: Option<Value>| value.unwrap_or_default();
                format!(
                    "{}: {} | {} | {}",
                    one.field,
                    one.manager,
                    value(one.ours),
                    value(one.theirs)
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        spec.template.spec.containers[name="web"].command: one at 2026-01-02T03:04:05Z | ["b"] | ["a"]
        spec.replicas: kubectl through scale at 2026-11-21T10:32:00Z | 2 | 3
        "#);
    }
}
