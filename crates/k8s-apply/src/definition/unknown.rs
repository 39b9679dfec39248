//! Fields that no schema knows. A server drops them, and refuses them where it is asked to be strict.

use diagnostics::{DataPath, Problem, nearest};
use serde_json::{Map, Value};

use super::describe::{list_of, quoted};
use super::schema::{Member, Schema};

/// The fields that every object has.
const IMPLICIT: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// The fields of `metadata`. Source: `ObjectMeta` of the API reference.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Adds the unknown fields of a whole object.
pub(super) fn fields(schema: Schema<'_>, value: &Value, problems: &mut Vec<Problem>) {
    below(Some(schema), value, &DataPath::root(), true, problems);
}

/// Adds the unknown fields below a value. Without a schema no field is known. `whole`: it is an object of the API.
fn below(
    schema: Option<Schema<'_>>,
    value: &Value,
    path: &DataPath,
    whole: bool,
    problems: &mut Vec<Problem>,
) {
    let keeps = schema.is_some_and(Schema::keeps_unknown);
    match value {
        // What is of the wrong type is told as that.
        Value::Object(_)
            if schema.and_then(|schema| schema.text("type")).unwrap_or("object") != "object" => {}
        Value::Object(map) => {
            if whole && let Some(Value::Object(metadata)) = map.get("metadata") {
                of_metadata(metadata, &path.join("metadata"), problems);
            }
            for (key, child) in map {
                if whole && IMPLICIT.contains(&key.as_str()) {
                    continue;
                }
                match schema.map_or(Member::Unknown, |schema| schema.member(key)) {
                    Member::Schema(member) => {
                        let path = path.join(key.as_str());
                        below(Some(member), child, &path, member.is_embedded(), problems);
                    }
                    // The field may be there, but nothing is known of what is below it.
                    Member::Any if !keeps => {
                        below(None, child, &path.join(key.as_str()), false, problems);
                    }
                    Member::Unknown if !keeps => {
                        let known = schema.into_iter().flat_map(Schema::properties);
                        let known = known
                            .map(|(name, _)| name)
                            .chain(IMPLICIT.into_iter().filter(|_| whole));
                        problems.push(unknown(key, path, map, known));
                    }
                    Member::Any | Member::Unknown => {}
                }
            }
        }
        Value::Array(items) => {
            let schema = schema.and_then(|schema| schema.below("items"));
            if schema.is_none() && keeps {
                return;
            }
            let whole = schema.is_some_and(Schema::is_embedded);
            for (index, item) in items.iter().enumerate() {
                below(schema, item, &path.join(index), whole, problems);
            }
        }
        _ => {}
    }
}

fn of_metadata(metadata: &Map<String, Value>, path: &DataPath, problems: &mut Vec<Problem>) {
    for key in metadata.keys().filter(|key| !METADATA.contains(&key.as_str())) {
        problems.push(unknown(key, path, metadata, METADATA));
    }
}

/// That a field is unknown. Only fields that are not there yet can be meant.
fn unknown<'k>(
    key: &str,
    parent: &DataPath,
    map: &Map<String, Value>,
    known: impl IntoIterator<Item = &'k str>,
) -> Problem {
    let known: Vec<&str> = known.into_iter().collect();
    let problem = Problem::error("unknown-field", format!("unknown field {}", quoted(key)))
        .at(parent.join(key));
    let free = known.iter().copied().filter(|name| !map.contains_key(*name));
    match nearest(key, free) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => problem.help("the definition knows no fields here"),
        None => problem.help(format!("the definition knows {}", list_of(known, "and"))),
    }
}
