//! Mappings.

use diagnostics::DataPath;
use serde_json::{Map, Value};

use super::describe::{are, found, quoted, wanted};
use super::schema::{Member, Schema};
use super::value::Checker;

impl Checker {
    pub(super) fn mapping(
        &mut self,
        schema: Schema<'_>,
        map: &Map<String, Value>,
        path: &DataPath,
    ) {
        for name in schema.texts("required").filter(|name| !map.contains_key(*name)) {
            let help = schema.property(name).and_then(wanted);
            self.add("required", format!("{} is missing", quoted(name)), help, path);
        }
        if schema.is_embedded() {
            self.embedded(map, path);
        }
        let size = map.len();
        let plural = if size == 1 { "" } else { "s" };
        let has = || format!("the mapping has {size} key{plural}");
        if let Some(least) = schema.count("minProperties").filter(|least| size < *least) {
            self.add("keys", has(), format!("at least {} expected", are(least)), path);
        }
        if let Some(most) = schema.count("maxProperties").filter(|most| size > *most) {
            self.add("keys", has(), format!("at most {} expected", are(most)), path);
        }
        for (key, value) in map {
            if let Member::Schema(member) = schema.member(key) {
                self.value(member, value, &path.join(key.as_str()));
            }
        }
    }

    /// An object of the API inside of another one needs what every object needs.
    fn embedded(&mut self, map: &Map<String, Value>, path: &DataPath) {
        for name in ["apiVersion", "kind"] {
            match map.get(name) {
                Some(Value::String(text)) if !text.is_empty() => {}
                None | Some(Value::String(_) | Value::Null) => {
                    let help =
                        "a whole object is expected here, with apiVersion and kind".to_owned();
                    self.add("required", format!("{} is missing", quoted(name)), help, path);
                }
                Some(other) => {
                    let message = format!("{} is found, where a text is expected", found(other));
                    self.add("wrong-type", message, None, &path.join(name));
                }
            }
        }
        if let Some(metadata) =
            map.get("metadata").filter(|value| !value.is_object() && !value.is_null())
        {
            let message = format!("{} is found, where a mapping is expected", found(metadata));
            self.add("wrong-type", message, None, &path.join("metadata"));
        }
    }
}
