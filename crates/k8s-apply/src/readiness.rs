//! Whether an object does what it was made for, judged by the object alone.
//!
//! [`of`] is a pure function. It begins with what all kinds have in common, as the library kstatus
//! (`sigs.k8s.io/cli-utils/pkg/kstatus`) does: deletion, `observedGeneration`, the conditions `Reconciling` and
//! `Stalled`. Then a rule for the kind follows, or what the user wants to wait for ([`Rule`]), or the condition
//! `Ready`. Where it differs from kstatus:
//!
//! | kind | here |
//! |---|---|
//! | `ReplicationController` | has a rule: replicas, and how many of them are available |
//! | `Job` | is ready when complete; to have started is enough on request |
//! | `Pod` | has failed if its phase says so; what may pass in time is no failure, but [`Stuck`] |
//! | `PersistentVolumeClaim` | is ready while it waits for its first consumer |
//! | `Service` | a load balancer needs an address, unless told otherwise |
//! | `StatefulSet`, `DaemonSet` | are not ready before their controller has seen them; with `OnDelete` their pods count |
//! | `HorizontalPodAutoscaler`, `PersistentVolume`, `Node`, `Namespace`, `Ingress`, `APIService` | have rules |
//!
//! Time plays no part: the caller holds the clock. What waiting alone will hardly cure is marked as [`Stuck`], and for
//! how long to be patient with that is the caller's choice. [`pods`] tells more about why a workload is not ready.
//!
//! ```
//! use k8s_apply::{Object, readiness::{self, Options}};
//! use serde_json::json;
//!
//! let object = Object::try_from(json!({
//!     "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "thor", "generation": 1},
//!     "spec": {"replicas": 3},
//!     "status": {"observedGeneration": 1, "replicas": 3, "readyReplicas": 2, "availableReplicas": 2},
//! }))?;
//! let readiness = readiness::of(&object, &Options::default());
//! assert_eq!(readiness.to_string(), "progressing: 2 of 3 replicas are available");
//! # Ok::<(), k8s_apply::object::NotAnObject>(())
//! ```

mod autoscaling;
mod condition;
mod containers;
mod extension;
mod generic;
mod job;
mod network;
mod pod;
pub mod pods;
mod replicas;
mod rule;
mod rule_path;
mod selector;
mod stateful;
mod storage;
mod verdict;

use std::collections::BTreeMap;

use crate::object::{GroupKind, Object};

pub use rule::{CustomRules, FAILED_WHEN, READY_WHEN, Rule, RuleError};
pub use selector::{PodQuery, pods_of};
pub use storage::StorageClasses;
pub use verdict::{Note, Readiness, Reason, Stuck, StuckKind};

/// When a Job counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobGoal {
    /// When it is complete.
    #[default]
    Complete,
    /// When its first pod was started.
    Started,
}

/// Whether an object needs an address from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Without one it is not ready.
    Required,
    /// Without one it is ready, with a note.
    Optional,
}

/// What counts as ready where that is a matter of taste, and what an object alone does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// When a Job is ready.
    pub jobs: JobGoal,
    /// Whether a Service of the type `LoadBalancer` must have an address. Required by default.
    pub load_balancer_address: Address,
    /// Whether an Ingress must have an address. Optional by default: many controllers never write one.
    pub ingress_address: Address,
    /// The storage classes of the cluster.
    pub storage_classes: StorageClasses,
    /// What to wait for, by kind. The annotations of an object count more.
    pub rules: BTreeMap<GroupKind, CustomRules>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: JobGoal::default(),
            load_balancer_address: Address::Required,
            ingress_address: Address::Optional,
            storage_classes: StorageClasses::default(),
            rules: BTreeMap::new(),
        }
    }
}

/// How ready an object of a cluster is.
#[must_use]
pub fn of(object: &Object, options: &Options) -> Readiness {
    if let Some(readiness) = generic::before(object) {
        return readiness;
    }
    match rule::of(object, &options.rules) {
        Ok(Some(rules)) => {
            if let Some(readiness) = rules.judge(object) {
                return readiness;
            }
        }
        Ok(None) => {}
        Err(error) => return Readiness::failed(error.to_string()),
    }
    by_kind(object, options).unwrap_or_else(|| generic::after(object))
}

/// How ready an object is that the cluster does not have. `wanted` is as it was applied or last seen.
///
/// A Job with `ttlSecondsAfterFinished` goes away by itself once it has ended; how it ended is then not known.
#[must_use]
pub fn absent(wanted: &Object) -> Readiness {
    match wanted.number("/spec/ttlSecondsAfterFinished") {
        Some(seconds) if wanted.is("batch", "Job") => {
            Readiness::ready_warning(format!("gone, as jobs are {seconds} s after their end"))
        }
        _ => Readiness::progressing("it is not there"),
    }
}

/// The rule of a built-in kind. None for all that is without status or follows the common conditions.
fn by_kind(object: &Object, options: &Options) -> Option<Readiness> {
    let gvk = object.gvk();
    let readiness = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps" | "extensions", "Deployment") => replicas::deployment(object),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            replicas::replica_set(object)
        }
        ("apps" | "extensions", "DaemonSet") => replicas::daemon_set(object),
        ("apps", "StatefulSet") => stateful::stateful_set(object),
        ("", "Pod") => pod::pod(object),
        ("batch", "Job") => job::job(object, options.jobs),
        ("batch", "CronJob") => job::cron_job(object),
        ("", "PersistentVolumeClaim") => storage::claim(object, &options.storage_classes),
        ("", "PersistentVolume") => storage::volume(object),
        ("", "Service") => network::service(object, options.load_balancer_address),
        ("networking.k8s.io" | "extensions", "Ingress") => {
            network::ingress(object, options.ingress_address)
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => extension::definition(object),
        ("apiregistration.k8s.io", "APIService") => extension::api_service(object),
        ("", "Namespace") => extension::namespace(object),
        ("", "Node") => extension::node(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::autoscaler(object),
        ("policy", "PodDisruptionBudget") => autoscaling::disruption_budget(object),
        _ => return None,
    };
    Some(readiness)
}

#[cfg(test)]
mod tests;
