//! What a server fills in and leaves out before it compares an object with the schema: defaults, and nulls where null may
//! not be.

use serde_json::Value;

use super::schema::{Member, Schema};

/// Fills in defaults at every depth.
pub(super) fn fill(schema: Schema<'_>, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in schema.properties() {
                if let Some(default) = property.get("default")
                    && !map.contains_key(name)
                {
                    map.insert(name.to_owned(), default.clone());
                }
            }
            map.retain(|key, child| match schema.member(key) {
                Member::Schema(member) => {
                    let stays = !member.drops(child) || member.get("default").is_some();
                    replace(member, child);
                    stays
                }
                Member::Any | Member::Unknown => true,
            });
        }
        Value::Array(items) => {
            if let Some(schema) = schema.below("items") {
                for item in items {
                    replace(schema, item);
                }
            }
        }
        _ => {}
    }
}

/// Puts the default in place of a null, and fills what is below.
fn replace(schema: Schema<'_>, value: &mut Value) {
    if schema.drops(value)
        && let Some(default) = schema.get("default")
    {
        value.clone_from(default);
    }
    fill(schema, value);
}
