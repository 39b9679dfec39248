//! Who owns which field of an object: `metadata.managedFields`, as server-side apply keeps it.
//!
//! The form of the sets (`f:`, `k:`, `v:`, `.`) is that of structured-merge-diff, "`FieldsV1`" in the API.

mod conflict;
mod left;
mod migrate;
mod path;
mod settled;

pub use conflict::{Conflict, FieldManager, conflicts};
pub use left::left_behind;
pub use migrate::{LAST_APPLIED, Migration, migration};
pub use path::{FieldPath, PathElement};
pub use settled::is_settled;

use serde_json::{Map, Value};

use crate::object::Object;

/// The entry of `metadata.managedFields` of one manager.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'o>(&'o Value);

impl<'o> Entry<'o> {
    fn text(self, key: &str) -> &'o str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The manager's name.
    #[must_use]
    pub fn manager(self) -> &'o str {
        self.text("manager")
    }

    /// `Apply` or `Update`.
    #[must_use]
    pub fn operation(self) -> &'o str {
        self.text("operation")
    }

    /// The version of the object that its fields are written in.
    #[must_use]
    pub fn api_version(self) -> &'o str {
        self.text("apiVersion")
    }

    /// The subresource that it wrote through; empty for the object itself.
    #[must_use]
    pub fn subresource(self) -> &'o str {
        self.text("subresource")
    }

    /// When it last changed something (RFC 3339); empty where the server keeps no time.
    #[must_use]
    pub fn time(self) -> &'o str {
        self.text("time")
    }

    /// Its fields; none if it has none.
    #[must_use]
    pub fn fields(self) -> Option<&'o Map<String, Value>> {
        self.0.get("fieldsV1").and_then(Value::as_object)
    }

    /// Whether it is that of an applier of this name, on the object itself.
    #[must_use]
    pub fn is_applier(self, manager: &str) -> bool {
        self.operation() == "Apply" && self.manager() == manager && self.subresource().is_empty()
    }

    /// Whether it owns the field at a path of plain names, such as `["spec", "replicas"]`.
    #[must_use]
    pub fn owns(self, path: &[&str]) -> bool {
        let mut fields = self.fields();
        for name in path {
            fields = fields
                .and_then(|fields| fields.get(&format!("f:{name}")))
                .and_then(Value::as_object);
        }
        fields.is_some()
    }
}

/// The entries of an object's managers.
pub fn entries(object: &Object) -> impl Iterator<Item = Entry<'_>> {
    object.at("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten().map(Entry)
}
