//! Claims, volumes, and the storage classes that they depend on.

use std::collections::BTreeMap;

use super::condition::one_line;
use super::verdict::Readiness;
use crate::object::Object;

/// What is known of the storage classes of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageClasses {
    /// By name: whether volumes wait for the first consumer.
    waits: BTreeMap<String, bool>,
    default: Option<String>,
}

impl StorageClasses {
    /// From the objects of the kind `StorageClass`; others are passed over.
    #[must_use]
    pub fn of<'o>(objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let mut classes = Self::default();
        let mut newest = None;
        for object in objects.into_iter().filter(|one| one.is("storage.k8s.io", "StorageClass")) {
            let waits = object.text("/volumeBindingMode") == Some("WaitForFirstConsumer");
            classes.waits.insert(object.name().to_owned(), waits);
            // Of several defaults the newest counts (Kubernetes 1.26).
            let made = (object.text("/metadata/creationTimestamp"), object.name());
            if is_default(object) && newest.is_none_or(|newest| newest < made) {
                newest = Some(made);
                classes.default = Some(object.name().to_owned());
            }
        }
        classes
    }

    /// Whether claims of a class wait for their first consumer. None is the class of claims that name none; the
    /// empty name is that of claims that want no class. A class that is not known does not wait.
    #[must_use]
    pub fn wait_for_first_consumer(&self, class: Option<&str>) -> bool {
        let class = class.or(self.default.as_deref());
        class.and_then(|class| self.waits.get(class)).copied().unwrap_or_default()
    }

    /// Whether the class is known. If none is, the cluster may not have been asked.
    fn lacks(&self, class: &str) -> bool {
        !self.waits.is_empty() && !self.waits.contains_key(class)
    }
}

fn is_default(class: &Object) -> bool {
    [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ]
    .iter()
    .any(|key| class.annotation(key) == Some("true"))
}

/// The class that a claim names.
fn class_of(claim: &Object) -> Option<&str> {
    claim
        .annotation("volume.beta.kubernetes.io/storage-class")
        .or_else(|| claim.text("/spec/storageClassName"))
}

/// How ready a claim is. One that waits for its first consumer is as ready as it can be.
pub(super) fn claim(object: &Object, classes: &StorageClasses) -> Readiness {
    match object.text("/status/phase").unwrap_or_default() {
        "Bound" => return Readiness::ready(),
        "Lost" => return Readiness::failed("its volume is gone (Lost)"),
        _ => {}
    }
    if let Some(volume) = object.text("/spec/volumeName") {
        return Readiness::progressing(format!("it is not bound to its volume {volume} yet"));
    }
    let class = class_of(object);
    if let Some(node) = object.annotation("volume.kubernetes.io/selected-node") {
        return Readiness::progressing(format!("a volume for the node {node} is being made"));
    }
    if classes.wait_for_first_consumer(class) {
        return Readiness::ready_note("waits for its first consumer");
    }
    Readiness::progressing(match class {
        None => "it is not bound: it names no storage class".to_owned(),
        Some("") => "it is not bound: no free volume without a class fits".to_owned(),
        Some(class) if classes.lacks(class) => {
            format!("it is not bound: there is no storage class {class}, nor a free volume of it")
        }
        Some(class) => format!("it is not bound to a volume of the class {class} yet"),
    })
}

/// How ready a volume is.
pub(super) fn volume(object: &Object) -> Readiness {
    let message = one_line(object.text("/status/message").unwrap_or_default());
    match object.text("/status/phase").unwrap_or_default() {
        "Available" | "Bound" => Readiness::ready(),
        "Released" => {
            Readiness::ready_warning("released: its claim is gone, and no other can have it")
        }
        "Failed" if message.is_empty() => Readiness::failed("it could not be given back"),
        "Failed" => Readiness::failed(message),
        _ => Readiness::progressing("it is not available yet"),
    }
}
