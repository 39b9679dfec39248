//! What the server knows: the objects, each of their versions, and who owns whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::Kind;
use crate::failure::Failure;

/// The first version. All before it are too old.
const FIRST: u64 = 100;

/// Which object: the place of its kind in the table, and `NAMESPACE/NAME` or `NAME`, which is the order of lists.
pub(crate) type Place = (usize, String);

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) place: Place,
    pub(crate) old: Option<Arc<Value>>,
    pub(crate) new: Option<Arc<Value>>,
}

/// All objects. A clone shares nothing that changes.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) kinds: Arc<[Kind]>,
    objects: BTreeMap<Place, Arc<Value>>,
    by_uid: HashMap<String, Place>,
    dependents: HashMap<String, BTreeSet<Place>>,
    changes: Vec<Change>,
    pub(crate) version: u64,
    pub(crate) compacted: u64,
    /// How many objects were made, for names and UIDs.
    made: u64,
}

impl Store {
    pub(crate) fn new(kinds: Arc<[Kind]>) -> Self {
        Self {
            kinds,
            objects: BTreeMap::new(),
            by_uid: HashMap::new(),
            dependents: HashMap::new(),
            changes: Vec::new(),
            version: FIRST,
            compacted: FIRST,
            made: 0,
        }
    }

    pub(crate) fn kind(&self, place: &Place) -> Kind {
        self.kinds[place.0]
    }

    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Value>> {
        self.objects.get(place).cloned()
    }

    /// The objects of a kind whose keys begin so, in order.
    pub(crate) fn range(&self, kind: usize, prefix: &str) -> Vec<(String, Arc<Value>)> {
        under(&self.objects, kind, prefix)
    }

    /// The same, as they were at a version.
    pub(crate) fn range_at(
        &self,
        kind: usize,
        prefix: &str,
        version: u64,
    ) -> Vec<(String, Arc<Value>)> {
        let mut objects: BTreeMap<Place, Arc<Value>> = self
            .range(kind, prefix)
            .into_iter()
            .map(|(key, object)| ((kind, key), object))
            .collect();
        for change in self.since(version).iter().rev() {
            if change.place.0 == kind && change.place.1.starts_with(prefix) {
                match &change.old {
                    Some(old) => objects.insert(change.place.clone(), Arc::clone(old)),
                    None => objects.remove(&change.place),
                };
            }
        }
        under(&objects, kind, prefix)
    }

    /// All that changed after a version.
    pub(crate) fn since(&self, version: u64) -> &[Change] {
        &self.changes[self.changes.partition_point(|change| change.version <= version)..]
    }

    /// Whether what happened after a version is still known.
    pub(crate) fn knows(&self, version: u64) -> Result<(), Failure> {
        if version >= self.compacted {
            return Ok(());
        }
        Err(Failure::expired(format!("too old resource version: {version} ({})", self.compacted)))
    }

    /// Where the object with this UID is.
    pub(crate) fn owner(&self, uid: &str) -> Option<&Place> {
        self.by_uid.get(uid)
    }

    pub(crate) fn dependents(&self, uid: &str) -> Vec<Place> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Writes an object down as its next version.
    pub(crate) fn put(&mut self, place: Place, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let new = Arc::new(object);
        let old = self.objects.insert(place.clone(), Arc::clone(&new));
        self.changed(place, old, Some(Arc::clone(&new)));
        new
    }

    /// Takes an object away.
    pub(crate) fn take(&mut self, place: &Place) -> Option<Arc<Value>> {
        let old = self.objects.remove(place)?;
        self.version += 1;
        self.changed(place.clone(), Some(Arc::clone(&old)), None);
        Some(old)
    }

    fn changed(&mut self, place: Place, old: Option<Arc<Value>>, new: Option<Arc<Value>>) {
        if let Some(old) = &old {
            self.by_uid.remove(uid(old));
            for owner in owners(old) {
                let all = self.dependents.entry(owner.to_owned()).or_default();
                all.remove(&place);
            }
        }
        if let Some(new) = &new {
            self.by_uid.insert(uid(new).to_owned(), place.clone());
            for owner in owners(new) {
                self.dependents.entry(owner.to_owned()).or_default().insert(place.clone());
            }
        }
        self.changes.push(Change { version: self.version, place, old, new });
    }

    /// A UID that was not there before. The same calls have the same UIDs.
    pub(crate) fn next_uid(&mut self) -> String {
        self.made += 1;
        format!("fa4e0000-0000-4000-8000-{:012x}", self.made)
    }

    /// The end of a name that was not there before, in the letters that Kubernetes uses.
    pub(crate) fn next_suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        self.made += 1;
        let mut rest = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let letters = (0..5).map(|_| {
            let letter = LETTERS[(rest % LETTERS.len() as u64) as usize];
            rest /= LETTERS.len() as u64;
            char::from(letter)
        });
        letters.collect()
    }
}

fn under(
    objects: &BTreeMap<Place, Arc<Value>>,
    kind: usize,
    prefix: &str,
) -> Vec<(String, Arc<Value>)> {
    let from = objects.range((kind, prefix.to_owned())..);
    from.take_while(|((of, key), _)| *of == kind && key.starts_with(prefix))
        .map(|((_, key), object)| (key.clone(), Arc::clone(object)))
        .collect()
}

pub(crate) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

pub(crate) fn owners(object: &Value) -> impl Iterator<Item = &str> {
    let references = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    references.filter_map(|reference| reference["uid"].as_str())
}
