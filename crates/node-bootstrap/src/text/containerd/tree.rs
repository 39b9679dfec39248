//! Looking up and setting one value of a TOML document by its path.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::text::TextError;

/// A path for people: `plugins."a.b".c`.
pub(super) fn dotted(path: &[&str]) -> String {
    let part =
        |key: &&str| if key.contains('.') { format!("\"{key}\"") } else { (*key).to_owned() };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}

/// What stands at a path.
pub(super) fn look<'a>(document: &'a DocumentMut, path: &[&str]) -> Option<&'a Item> {
    let mut item = document.as_item();
    for key in path {
        item = item.as_table_like()?.get(key)?;
    }
    Some(item)
}

/// Sets a value, and makes the tables that lead to it. One that is the same already is not touched.
pub(super) fn put(
    document: &mut DocumentMut,
    path: &[&str],
    value: Value,
) -> Result<(), TextError> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, key) in parents.iter().enumerate() {
        if table.get(key).is_none() {
            let mut new = Table::new();
            new.set_implicit(true);
            // A table made by dotted keys cannot be gone on with by a header.
            new.set_dotted(table.is_dotted());
            table.insert(key, Item::Table(new));
        }
        let found = table.get(key).map_or("none", Item::type_name).to_owned();
        let next = table.get_mut(key).and_then(Item::as_table_like_mut);
        table = next.ok_or_else(|| TextError::Kind {
            path: dotted(&path[..=depth]),
            expected: "a table",
            found,
        })?;
    }
    match table.get_mut(last) {
        None => {
            let indent = indent(table);
            table.insert(last, Item::Value(value));
            if let (Some(indent), Some(mut key)) = (indent, table.key_mut(last)) {
                key.leaf_decor_mut().set_prefix(indent);
            }
        }
        Some(Item::Value(standing)) => {
            if !same(standing, &value) {
                let decor = standing.decor().clone();
                *standing = value;
                *standing.decor_mut() = decor;
            }
        }
        Some(other) => {
            let found = other.type_name().to_owned();
            return Err(TextError::Kind { path: dotted(path), expected: "a value", found });
        }
    }
    Ok(())
}

/// The blanks before the keys of a table with a header of its own.
fn indent(table: &dyn TableLike) -> Option<String> {
    if table.is_dotted() {
        return None;
    }
    let (name, _) = table.iter().find(|(_, item)| item.is_value())?;
    let prefix = table.key(name)?.leaf_decor().prefix()?.as_str()?;
    let indent = prefix.rsplit('\n').next()?;
    (indent.len() > 1 && indent.trim().is_empty()).then(|| indent.to_owned())
}

pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => false,
    }
}
