//! What the server says when it refuses an object, as problems with places.

use diagnostics::{DataPath, Problem, Step};
use kube::core::Status;

use super::Prepared;
use crate::change::{Mask, changes};
use crate::fields::{Conflict, FieldPath, PathElement};
use crate::object::Object;

/// The object that was refused.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) prepared: &'a Prepared<'a>,
    pub(crate) item: usize,
}

impl Subject<'_> {
    fn object(&self) -> &Object {
        &self.prepared.items[self.item].object
    }

    /// A problem of a field of the object, with its place.
    pub(crate) fn problem(&self, path: &FieldPath, code: &'static str, message: &str) -> Problem {
        let message = Mask::of(self.object()).text(message);
        let message = format!("{}: {}", self.prepared.items[self.item].key, clipped(&message));
        self.prepared.settle(self.item, Problem::error(code, message).at(self.data_path(path)))
    }

    /// The same path by indices, as in the file.
    fn data_path(&self, path: &FieldPath) -> DataPath {
        let mut here = Some(self.object().value());
        let mut found = DataPath::root();
        let mut so_far = FieldPath::default();
        for element in path.elements() {
            so_far = so_far.join(element.clone());
            let next = so_far.find(self.object().value());
            let step: Step = match element {
                PathElement::Field(name) => name.as_str().into(),
                PathElement::Index(index) => (*index).into(),
                PathElement::Keyed(_) | PathElement::Value(_) => {
                    let items = here.and_then(|value| value.as_array());
                    let at = items.and_then(|items| items.iter().position(|one| Some(one) == next));
                    let Some(at) = at else { break };
                    at.into()
                }
            };
            if next.is_none() {
                break;
            }
            found = found.join(step);
            here = next;
        }
        found
    }
}

/// Not more of a message than a reader can take in.
fn clipped(message: &str) -> String {
    const LONGEST: usize = 600;
    if message.chars().count() <= LONGEST {
        return message.to_owned();
    }
    let head: String = message.chars().take(LONGEST).collect();
    format!("{head} ...")
}

/// All that a refusal says, one problem for each field.
pub(crate) fn problems_of(subject: Subject<'_>, status: &Status) -> Vec<Problem> {
    let value = subject.object().value();
    let unknown = unknown_fields(&status.message);
    if !unknown.is_empty() {
        let problem = |field: &String| {
            let path = FieldPath::read_along(field, value);
            subject
                .problem(&path, "unknown-field", &format!("{path} is no field of this kind"))
                .help("remove it, or look for a spelling mistake; unknown fields would be lost")
        };
        return unknown.iter().map(problem).collect();
    }
    if let Some((field, fault)) = misfit(&status.message) {
        let path = FieldPath::read_along(field, value);
        return vec![subject.problem(&path, "misfit", &format!("{path}: {fault}"))];
    }
    let causes: Vec<_> = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .filter(|cause| !cause.message.is_empty())
        .collect();
    if causes.is_empty() {
        let code = match status.code {
            403 => "forbidden",
            404 => "not-found",
            _ => "refused",
        };
        let said = if status.message.is_empty() { &status.reason } else { &status.message };
        return vec![subject.problem(&FieldPath::default(), code, said)];
    }
    causes
        .iter()
        .map(|cause| {
            let path = FieldPath::read_along(&cause.field, value);
            let message = if cause.field.is_empty() {
                cause.message.clone()
            } else {
                format!("{}: {}", cause.field, cause.message)
            };
            subject.problem(&path, "refused", &message)
        })
        .collect()
}

/// How server-side apply begins when a field does not fit the schema.
const MISFIT: &str = "failed to create typed patch object";

/// Whether the object does not fit the schema of its kind.
pub(super) fn is_misfit(status: &Status) -> bool {
    status.message.contains(MISFIT)
}

/// The field that does not fit, and why: `failed to create typed patch object (a/b; apps/v1, Kind=Deployment):
/// .spec.replicas: expected numeric (int or float), got string`.
fn misfit(message: &str) -> Option<(&str, &str)> {
    let rest = message.split_once(MISFIT)?.1;
    let rest = &rest[rest.find("): .")? + 3..];
    rest.split_once(": ")
}

/// The unknown fields that a refusal names. Server-side apply says `.spec.foo: field not declared in schema`, strict
/// decoding says `unknown field "spec.foo"`.
fn unknown_fields(message: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for part in message.split("unknown field \"").skip(1) {
        if let Some((field, _)) = part.split_once('"') {
            fields.push(format!(".{field}"));
        }
    }
    for (before, _) in message.match_indices(": field not declared in schema") {
        let field = message[..before].rsplit([' ', '\n', '\t']).next().unwrap_or_default();
        fields.push(format!(".{}", field.trim_start_matches('.')));
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// Fields that cannot be changed, if that is why an object was refused.
pub(super) fn immutable_fields(status: &Status, manifest: &Object, live: &Object) -> Vec<String> {
    const WORDS: [&str; 6] = [
        "immutable",
        "may not change",
        "cannot change",
        "are forbidden",
        "may not be changed",
        "may not update",
    ];
    if status.code != 422 {
        return Vec::new();
    }
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut fields = Vec::new();
    for cause in causes.filter(|cause| WORDS.iter().any(|word| cause.message.contains(word))) {
        let path = FieldPath::read_along(&cause.field, manifest.value());
        // Often only `spec` is named: then those that differ under it.
        let under = format!("{path}");
        let mut differing: Vec<String> = changes(Some(live), Some(manifest))
            .into_iter()
            .filter(|change| change.after.is_some())
            .map(|change| change.path.to_string())
            .filter(|one| one.starts_with(&under))
            .collect();
        if differing.is_empty() {
            // A list that the server keeps beside the field that people write.
            let single =
                under.starts_with("spec.clusterIPs") && manifest.at("/spec/clusterIP").is_some();
            differing.push(if single { "spec.clusterIP".to_owned() } else { under });
        }
        fields.extend(differing);
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// Conflicts that nothing was said about.
pub(super) fn conflict_problems(subject: Subject<'_>, conflicts: &[Conflict]) -> Vec<Problem> {
    conflicts
        .iter()
        .map(|conflict| {
            let value = |value: &Option<serde_json::Value>| {
                value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
            };
            let message = format!(
                "{} belongs to {}, which has {}; the manifest says {}",
                conflict.field,
                conflict.manager,
                value(&conflict.theirs),
                value(&conflict.ours),
            );
            subject.problem(&conflict.field, "conflict", &message).help(format!(
                "take it with --force-conflicts-from {:?}, leave it with --on-conflict leave, or remove it from the manifest",
                conflict.manager.name
            ))
        })
        .collect()
}
