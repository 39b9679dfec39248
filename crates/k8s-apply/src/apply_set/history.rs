//! What a set contained, kept in its parent.

use std::fmt::Write as _;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::object::{Object, ObjectKey};

/// How many revisions are kept.
const KEPT: usize = 10;
/// How many bytes of them, packed. The server takes 1 MiB for the whole parent.
const ROOM: usize = 600 * 1024;
/// How many bytes of them, unpacked, are read.
const LONGEST: u64 = 256 * 1024 * 1024;

/// An object of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Kind with group, namespace and name, separated by a blank: `Deployment.apps web/frontend`.
    pub object: String,
    /// The beginning of the SHA-256 of its manifest, in hex. Values of Secrets do not count.
    pub digest: String,
}

/// What a set contained after a run that changed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number, from 1.
    pub revision: u64,
    /// When the run ended (RFC 3339).
    pub time: String,
    /// Who ran it, as far as that is known.
    pub by: String,
    /// The objects, sorted.
    pub objects: Vec<Entry>,
}

/// What stands for the objects of a set in its history.
pub(super) fn entries<'o>(
    objects: impl IntoIterator<Item = (&'o ObjectKey, &'o Object)>,
) -> Vec<Entry> {
    let mut found: Vec<Entry> = objects
        .into_iter()
        .map(|(key, object)| Entry { object: text(key), digest: digest(object) })
        .collect();
    found.sort_unstable_by(|a, b| a.object.cmp(&b.object));
    found
}

fn text(key: &ObjectKey) -> String {
    match &key.namespace {
        Some(namespace) => format!("{} {namespace}/{}", key.group_kind, key.name),
        None => format!("{} {}", key.group_kind, key.name),
    }
}

fn digest(object: &Object) -> String {
    let mut value = object.value().clone();
    if object.is("", "Secret") {
        for field in ["data", "stringData"] {
            if let Some(Value::Object(members)) = value.get_mut(field) {
                members.values_mut().for_each(|member| *member = Value::Null);
            }
        }
    }
    let hash = Sha256::digest(value.to_string());
    hash.iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The history with one more revision, if the set is another one now. Oldest revisions go when there are too many.
pub(super) fn extended(
    mut history: Vec<Revision>,
    objects: Vec<Entry>,
    time: &str,
    by: &str,
) -> Vec<Revision> {
    if history.last().is_some_and(|last| last.objects == objects) {
        return history;
    }
    let revision = history.last().map_or(1, |last| last.revision + 1);
    history.push(Revision { revision, time: time.to_owned(), by: by.to_owned(), objects });
    while history.len() > KEPT || (history.len() > 1 && packed(&history).len() > ROOM) {
        history.remove(0);
    }
    history
}

/// A history as it is kept.
pub(super) fn packed(history: &[Revision]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let text = serde_json::to_vec(history).unwrap_or_default();
    // Writing into memory does not fail.
    let _ = encoder.write_all(&text);
    encoder.finish().unwrap_or_default()
}

/// A history as it was kept; none if it cannot be read.
pub(super) fn unpacked(bytes: &[u8]) -> Option<Vec<Revision>> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).take(LONGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(count: usize, digest: &str) -> Vec<Entry> {
        (0..count)
            .map(|n| Entry { object: format!("ConfigMap a/c{n}"), digest: digest.into() })
            .collect()
    }

    #[test]
    fn only_a_set_that_differs_makes_a_revision() {
        let first = extended(Vec::new(), objects(2, "a"), "t1", "me");
        let same = extended(first.clone(), objects(2, "a"), "t2", "me");
        assert_eq!(first, same);
        let second = extended(same, objects(2, "b"), "t3", "me");
        assert_eq!(second.iter().map(|one| one.revision).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(unpacked(&packed(&second)), Some(second));
        assert_eq!(unpacked(b"no gzip"), None);
    }

    #[test]
    fn the_oldest_revisions_go() {
        let mut history = Vec::new();
        for n in 0..15 {
            history = extended(history, objects(1, &n.to_string()), "t", "me");
        }
        assert_eq!(history.len(), KEPT);
        assert_eq!(history[0].revision, 6);
    }

    #[test]
    fn values_of_secrets_are_in_no_digest() {
        let secret = |value: &str| {
            let value = serde_json::json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"key": value},
            });
            digest(&Object::try_from(value).unwrap())
        };
        assert_eq!(secret("YQ=="), secret("Yg=="));
    }
}
