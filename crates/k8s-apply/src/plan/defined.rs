//! Custom resources whose definition is in the same set.

use diagnostics::Problem;
use serde_json::Value;

use super::check::{Checking, Refusal};
use super::{Item, Prepared};
use crate::object::Object;

/// The definition of an item's kind, if the set has it.
pub(crate) fn definition_of<'a>(prepared: &'a Prepared<'_>, item: &Item) -> Option<&'a Object> {
    let kind = &item.key.group_kind;
    let at = prepared.definitions.get(&(kind.group.clone(), kind.kind.clone()))?;
    prepared.manifests.get(*at).map(|manifest| &manifest.object)
}

/// Whether the set changes the schema by which the server looks at an item.
pub(super) fn is_renewed(on: Checking<'_>, item: &Item) -> bool {
    let Some(definition) = definition_of(on.prepared, item) else { return false };
    let live = on.live.get(&definition.key());
    live.is_some_and(|live| {
        schema(live, &item.kind.gvk.version) != schema(definition, &item.kind.gvk.version)
    })
}

fn schema<'a>(definition: &'a Object, version: &str) -> Option<&'a Value> {
    let versions = definition.at("/spec/versions")?.as_array()?;
    versions.iter().find(|one| one.get("name").is_some_and(|name| name == version))?.get("schema")
}

/// Looks at an item by the schema that the set has for it. Answers whether there is one.
pub(super) fn look(on: Checking<'_>, at: usize) -> Result<bool, Refusal> {
    let item = &on.prepared.items[at];
    let Some(definition) = definition_of(on.prepared, item) else { return Ok(false) };
    let problems = crate::definition::check(definition, &item.object);
    if problems.iter().any(Problem::is_error) {
        let settled = problems.into_iter().map(|one| on.prepared.settle(at, one));
        return Err(Refusal::Problems(settled.collect()));
    }
    Ok(true)
}

/// Whether all of this may be right once the server knows the new definition.
pub(crate) fn may_be_defined_yet(refusal: &Refusal) -> bool {
    const CODES: [&str; 3] = ["unknown-field", "misfit", "refused"];
    match refusal {
        Refusal::Problems(problems) => problems.iter().all(|one| CODES.contains(&&*one.code)),
        Refusal::Call(_) => false,
    }
}
