//! Values and schemas in words.

use serde_json::Value;

use super::schema::Schema;

/// How many characters of a value or description are shown.
const SHOWN: usize = 100;

/// How many words of a list are shown.
const LISTED: usize = 12;

/// A text between backquotes, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", cut(text).escape_debug())
}

/// A value between backquotes: text without its quotes, others as JSON.
pub(super) fn quoted_value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("...".chars()).collect()
}

/// Words between backquotes, the last one after `and` or `or`.
pub(super) fn list_of<'w>(words: impl IntoIterator<Item = &'w str>, last: &str) -> String {
    let mut words: Vec<String> = words.into_iter().map(quoted).collect();
    if words.len() > LISTED {
        let more = words.len() - (LISTED - 1);
        words.truncate(LISTED - 1);
        words.push(format!("{more} others"));
    }
    match words.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        Some((end, _)) => end.clone(),
        None => String::new(),
    }
}

/// A count with its verb: `1 is`, `2 are`.
pub(super) fn are(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

/// What a value is.
pub(super) fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) if is_whole(value) => "a whole number",
        Value::Number(_) => "a number with a fraction",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// Whether a value is a number without a fraction, however it is written.
pub(super) fn is_whole(value: &Value) -> bool {
    let Value::Number(number) = value else { return false };
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// What a schema expects, if it says so.
pub(super) fn expected(schema: Schema<'_>) -> Option<&'static str> {
    if schema.flag("x-kubernetes-int-or-string") {
        return Some("a whole number or a text");
    }
    Some(match schema.text("type")? {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "a boolean",
        _ => return None,
    })
}

/// The first sentence of the description of a schema.
pub(super) fn description(schema: Schema<'_>) -> Option<String> {
    let text = schema.text("description")?.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = text.split_once(". ").map_or(text.as_str(), |(first, _)| first);
    let sentence = sentence.trim_end_matches('.');
    (!sentence.is_empty()).then(|| cut(sentence))
}

/// What a schema expects, with its description.
pub(super) fn wanted(schema: Schema<'_>) -> Option<String> {
    let kind = expected(schema).map(|kind| format!("{kind} is expected"));
    match (kind, description(schema)) {
        (Some(kind), Some(text)) => Some(format!("{kind}: {text}")),
        (kind, text) => kind.or(text),
    }
}
