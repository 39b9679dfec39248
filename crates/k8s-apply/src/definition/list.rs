//! Lists.

use std::collections::HashMap;

use diagnostics::DataPath;
use serde_json::Value;

use super::describe::{are, quoted_value};
use super::schema::Schema;
use super::value::Checker;

impl Checker {
    pub(super) fn list(&mut self, schema: Schema<'_>, items: &[Value], path: &DataPath) {
        let length = items.len();
        let plural = if length == 1 { "" } else { "s" };
        let has = || format!("the list has {length} item{plural}");
        if let Some(least) = schema.count("minItems").filter(|least| length < *least) {
            self.add("items", has(), format!("at least {} expected", are(least)), path);
        }
        if let Some(most) = schema.count("maxItems").filter(|most| length > *most) {
            self.add("items", has(), format!("at most {} expected", are(most)), path);
        }
        self.duplicates(schema, items, path);
        if let Some(schema) = schema.below("items") {
            for (index, item) in items.iter().enumerate() {
                self.value(schema, item, &path.join(index));
            }
        }
    }

    /// Items that may stand once only: those of sets, and those of lists with keys.
    fn duplicates(&mut self, schema: Schema<'_>, items: &[Value], path: &DataPath) {
        let kind = schema.text("x-kubernetes-list-type");
        let keys: Vec<&str> = match kind {
            Some("map") => schema.texts("x-kubernetes-list-map-keys").collect(),
            Some("set") => Vec::new(),
            _ if schema.flag("uniqueItems") => Vec::new(),
            _ => return,
        };
        let default = |key: &str| schema.below("items")?.property(key)?.get("default");
        let mut seen: HashMap<Vec<Option<&Value>>, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let identity: Vec<Option<&Value>> = if kind == Some("map") {
                keys.iter().map(|key| item.get(key).or_else(|| default(key))).collect()
            } else {
                vec![Some(item)]
            };
            // Without any of its keys an item is refused for that.
            if identity.iter().all(Option::is_none) {
                continue;
            }
            let Some(first) = seen.get(&identity) else {
                seen.insert(identity, index);
                continue;
            };
            let shown: Vec<String> = identity.into_iter().flatten().map(quoted_value).collect();
            let message = format!("{} stands twice", shown.join(", "));
            let help = format!("it is at {} too", path.join(*first));
            self.add("duplicate", message, help, &path.join(index));
        }
    }
}
