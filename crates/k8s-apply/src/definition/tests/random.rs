//! Random schemas and resources.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{check, definition};
use crate::object::Object;

/// Keys and words that mean something in schemas, so that random ones are not all empty.
const WORDS: &str = "type|properties|required|items|enum|minimum|maximum|maxLength|minItems|pattern|format|default|\
    nullable|additionalProperties|oneOf|not|allOf|object|array|string|integer|date-time|a|b|multipleOf|\
    x-kubernetes-list-type|x-kubernetes-list-map-keys|map|set|x-kubernetes-embedded-resource|metadata";

fn any_value() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(WORDS.split('|').collect::<Vec<_>>());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6).prop_map(|entries| {
                let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(entries.collect::<Map<_, _>>())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(schema in any_value(), spec in any_value(), versions in any_value()) {
        let object = Object::try_from(json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"},
            "spec": spec, "a": spec,
        })).unwrap();
        let schema = json!({"properties": {"spec": schema, "a": schema}, "items": schema, "not": schema});
        let served = json!([{"name": "v1", "served": true, "schema": {"openAPIV3Schema": schema}}]);
        let _ = check(&definition(served), &object);
        let _ = check(&definition(versions), &object);
    }
}
