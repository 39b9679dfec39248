//! One value and its schema: the type, allowed values, and what else is said of that type.

use diagnostics::{DataPath, Problem, nearest};
use serde_json::Value;

use super::describe::{description, expected, found, is_whole, list_of, quoted_value};
use super::pattern::Patterns;
use super::schema::Schema;

/// Compares values with schemas, and keeps what is wrong.
#[derive(Default)]
pub(super) struct Checker {
    /// What was found.
    pub(super) problems: Vec<Problem>,
    /// Patterns that were read.
    pub(super) patterns: Patterns,
}

impl Checker {
    /// Compares a value, and all that is in it.
    pub(super) fn value(&mut self, schema: Schema<'_>, value: &Value, path: &DataPath) {
        if !is_of_type(schema, value) {
            self.problems.push(wrong_type(schema, value).at(path.clone()));
            return;
        }
        self.problems.extend(not_among(schema, value).map(|problem| problem.at(path.clone())));
        match value {
            // Where null may be, it fits all else.
            Value::Null => return,
            Value::Bool(_) => {}
            Value::Number(number) => self.number(schema, number, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Array(items) => self.list(schema, items, path),
            Value::Object(map) => self.mapping(schema, map, path),
        }
        self.junctions(schema, value, path);
    }

    /// What would be wrong with a value.
    pub(super) fn attempt(
        &mut self,
        schema: Schema<'_>,
        value: &Value,
        path: &DataPath,
    ) -> Vec<Problem> {
        let before = std::mem::take(&mut self.problems);
        self.value(schema, value, path);
        let mut problems = std::mem::replace(&mut self.problems, before);
        problems.retain(Problem::is_error);
        problems
    }

    /// Adds a problem of the value at a path.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
        path: &DataPath,
    ) {
        let problem = Problem::error(code, message).at(path.clone());
        self.problems.push(Problem { help: help.into(), ..problem });
    }
}

fn is_of_type(schema: Schema<'_>, value: &Value) -> bool {
    if value.is_null() && schema.flag("nullable") {
        return true;
    }
    if schema.flag("x-kubernetes-int-or-string") {
        return value.is_string() || is_whole(value);
    }
    match schema.text("type") {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => is_whole(value),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    }
}

fn wrong_type(schema: Schema<'_>, value: &Value) -> Problem {
    let wanted = expected(schema).unwrap_or("something else");
    let message = format!("{} is found, where {wanted} is expected", found(value));
    let reads_as_wanted = |text: &str| {
        let read = serde_json::from_str::<Value>(text);
        read.is_ok_and(|value| !value.is_string() && is_of_type(schema, &value))
    };
    let help = match value {
        Value::Bool(_) | Value::Number(_) if schema.text("type") == Some("string") => {
            Some("put it in quotes".to_owned())
        }
        Value::String(text) if reads_as_wanted(text) => Some("leave the quotes out".to_owned()),
        _ => description(schema),
    };
    Problem { help, ..Problem::error("wrong-type", message) }
}

fn not_among(schema: Schema<'_>, value: &Value) -> Option<Problem> {
    let allowed = schema.get("enum")?.as_array()?;
    if allowed.iter().any(|one| same(one, value)) {
        return None;
    }
    let problem =
        Problem::error("not-allowed-value", format!("{} is not allowed", quoted_value(value)));
    let texts = || allowed.iter().filter_map(Value::as_str);
    if let Some(near) = value.as_str().and_then(|text| nearest(text, texts())) {
        return Some(problem.help(format!("did you mean `{near}`?")));
    }
    let shown: Vec<String> = allowed
        .iter()
        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
        .collect();
    let list = list_of(shown.iter().map(String::as_str), "or");
    Some(problem.help(format!("{list} is expected")))
}

/// Whether two values are the same for a server: `1` and `1.0` are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.as_f64().is_some() && one.as_f64() == other.as_f64())
        }
        _ => one == other,
    }
}
