//! Checks of custom resources against the definition that is in the same set.
//!
//! A server cannot be asked about a kind that it does not know yet. So what it would do is done here, in its order:
//! unknown fields are looked for, defaults are filled in, and the result is compared with the schema of the version.
//! Rules that are written in CEL (`x-kubernetes-validations`) are not evaluated: the server has the last word. Patterns
//! are tried with the feature `patterns`, unless they use something that only Go's expressions have.
//!
//! Source of the rules: "Custom Resources: Structural schemas, Pruning, Defaulting and nullability" of the Kubernetes
//! documentation, and the answers of a server of version 1.35.
//!
//! ```
//! use k8s_apply::{Object, definition::check};
//! use serde_json::json;
//!
//! let definition = Object::try_from(json!({
//!     "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
//!     "metadata": {"name": "widgets.example.com"},
//!     "spec": {"versions": [{"name": "v1", "served": true, "schema": {"openAPIV3Schema": {
//!         "type": "object", "properties": {"size": {"type": "integer"}},
//!     }}}]},
//! })).unwrap();
//! let widget = Object::try_from(json!({
//!     "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "sise": 3,
//! })).unwrap();
//! assert_eq!(
//!     check(&definition, &widget)[0].to_string(),
//!     "error: sise: unknown field `sise` [unknown-field] (did you mean `size`?)",
//! );
//! ```

mod describe;
mod fill;
mod format;
mod junction;
mod list;
mod mapping;
mod pattern;
mod scalar;
mod schema;
mod unknown;
mod value;

use std::collections::HashSet;

use diagnostics::{DataPath, Problem};
use serde_json::Value;

use crate::object::Object;
use describe::{list_of, quoted};
use schema::Schema;
use value::Checker;

/// Everything in a custom resource that its definition does not allow, each with its path in the object.
///
/// Warnings are what a server accepts, and few people mean.
#[must_use]
pub fn check(definition: &Object, object: &Object) -> Vec<Problem> {
    let Some(versions) = definition.at("/spec/versions").and_then(Value::as_array) else {
        return Vec::new();
    };
    let gvk = object.gvk();
    let served = |version: &&Value| version.get("served") == Some(&Value::Bool(true));
    let name = |version: &Value| version.get("name").and_then(Value::as_str).map(str::to_owned);
    let version = versions
        .iter()
        .filter(served)
        .find(|version| name(version).as_deref() == Some(&gvk.version));
    let Some(version) = version else {
        let names: Vec<String> = versions.iter().filter(served).filter_map(name).collect();
        return vec![not_served(object, &names)];
    };
    let mut problems: Vec<Problem> = deprecated(object, version).into_iter().collect();
    if let Some(schema) = version.pointer("/schema/openAPIV3Schema").and_then(Schema::of) {
        let has_status = version.pointer("/subresources/status").is_some_and(Value::is_object);
        unknown::fields(schema, object.value(), &mut problems);
        problems.extend(values(schema, object.value().clone(), has_status));
    }
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    problems
}

fn values(schema: Schema<'_>, mut value: Value, has_status: bool) -> Vec<Problem> {
    // A server leaves out the status of what is created, if it has an address of its own.
    if has_status && let Some(map) = value.as_object_mut() {
        map.remove("status");
    }
    fill::fill(schema, &mut value);
    let mut checker = Checker::default();
    checker.value(schema, &value, &DataPath::root());
    checker.problems
}

fn not_served(object: &Object, served: &[String]) -> Problem {
    let version = object.gvk().version;
    let message = format!("{} is not served at the version {}", object.kind(), quoted(&version));
    let problem = Problem::error("version-not-served", message).at(["apiVersion"].into());
    match served {
        [] => problem.help("its definition serves no version: one must have `served: true`"),
        names => problem.help(format!(
            "its definition serves {}",
            list_of(names.iter().map(String::as_str), "and")
        )),
    }
}

fn deprecated(object: &Object, version: &Value) -> Option<Problem> {
    (version.get("deprecated")? == &Value::Bool(true)).then_some(())?;
    let message = match version.get("deprecationWarning").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => format!("{} is deprecated", object.gvk()),
    };
    Some(Problem::warning("deprecated-version", message).at(["apiVersion"].into()))
}

#[cfg(test)]
mod tests;
