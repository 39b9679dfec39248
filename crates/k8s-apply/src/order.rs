//! In which order objects are applied and deleted.
//!
//! Kinds come in [`Stage`]s. Over them are edges: a namespace comes before what is in it, a definition before its custom
//! resources, and what the annotation `config.kubernetes.io/depends-on` names before who names it. Edges win: a
//! Service may depend on a Deployment, though Services come first otherwise.
//!
//! Stages are not moved for the sake of a dependency. So everything that an object may need silently, such as its
//! Secret or volume, is there before anything waits for it to become ready.
//!
//! ```
//! use k8s_apply::Object;
//! use k8s_apply::order::plan;
//!
//! let object = |api: &str, kind: &str| -> Object {
//!     serde_json::from_value(serde_json::json!(
//!         {"apiVersion": api, "kind": kind, "metadata": {"name": "web"}}
//!     ))
//!     .unwrap()
//! };
//! let (workload, service) = (object("apps/v1", "Deployment"), object("v1", "Service"));
//! let (schedule, faults) = plan(&[&workload, &service], "default", |_| None);
//! assert!(faults.is_empty());
//! assert_eq!(schedule.steps, [vec![1], vec![0]]);
//! ```

mod depends_on;
mod stage;
mod steps;

use diagnostics::{Place, Problem};

use crate::manifest::Manifest;
use crate::object::Object;
pub use depends_on::{DEPENDS_ON, Reference};
pub use stage::{Stage, stage_of};

/// Why an object comes after another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// It is in that namespace.
    Namespace,
    /// It is a custom resource that the other one defines.
    Definition,
    /// Its annotation names the other one.
    DependsOn,
}

/// That one object comes before another one. Both are indexes into the objects that were planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// What is applied first.
    pub before: usize,
    /// What is applied afterwards.
    pub after: usize,
    /// Why.
    pub kind: EdgeKind,
}

impl Edge {
    /// Whether the first object must be ready, not only there: a definition established, a workload running.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.kind != EdgeKind::Namespace
    }
}

/// What goes when. All numbers are indexes into the objects that were planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Steps, one after another. The objects of a step may go at once; they are sorted by what identifies them.
    pub steps: Vec<Vec<usize>>,
    /// All edges, sorted. In the order for applying, `before` is in an earlier step than `after`; in the one for
    /// deleting in a later one. Those that would close a circle are left out.
    pub edges: Vec<Edge>,
}

impl Schedule {
    /// What must be ready before an object is applied.
    pub fn waits_of(&self, index: usize) -> impl Iterator<Item = Edge> + '_ {
        self.edges.iter().copied().filter(move |edge| edge.after == index && edge.waits())
    }

    /// What must be ready before a step begins, sorted and each once. Looks at all edges.
    #[must_use]
    pub fn waits_before(&self, step: usize) -> Vec<usize> {
        let Some(members) = self.steps.get(step) else { return Vec::new() };
        let members: std::collections::HashSet<usize> = members.iter().copied().collect();
        let mut found: Vec<usize> = self
            .edges
            .iter()
            .filter(|edge| edge.waits() && members.contains(&edge.after))
            .map(|edge| edge.before)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Something wrong with an object, and which one by its index.
pub type Fault = (usize, Problem);

/// The order in which objects are applied, and what is wrong with what they depend on.
///
/// The same objects give the same steps, in whatever order they come. Namespaced objects that name no namespace count as
/// in `default_namespace`. `place` says where an object was read, for the messages about circles.
///
/// Every object is in the schedule, even if there are faults; but then it should not be used.
#[must_use]
pub fn plan(
    objects: &[&Object],
    default_namespace: &str,
    place: impl Fn(usize) -> Option<Place>,
) -> (Schedule, Vec<Fault>) {
    let (edges, mut faults) = depends_on::edges(objects, default_namespace);
    let (schedule, circles) = steps::schedule(objects, edges, steps::Direction::Apply);
    for circle in circles {
        faults.push(steps::circle_fault(objects, &circle, &place));
    }
    (schedule, faults)
}

/// The order for manifests, and the problems with their places.
#[must_use]
pub fn plan_manifests(manifests: &[Manifest], default_namespace: &str) -> (Schedule, Vec<Problem>) {
    let objects: Vec<&Object> = manifests.iter().map(|manifest| &manifest.object).collect();
    let place = |index: usize| manifests.get(index).map(|manifest| manifest.origin.place());
    let (schedule, faults) = plan(&objects, default_namespace, place);
    let settle = |(index, problem): Fault| match manifests.get(index) {
        Some(manifest) => manifest.origin.settle(problem),
        None => problem,
    };
    (schedule, faults.into_iter().map(settle).collect())
}

/// The order in which objects are deleted: the stages backwards, and dependents before what they depend on. So admission
/// webhooks, which could refuse the rest, and custom resources, whose finalizers need their controller, go first;
/// definitions and namespaces go last.
///
/// A dependency that is not among the objects is gone already, and does not matter.
#[must_use]
pub fn plan_deletion(objects: &[&Object], default_namespace: &str) -> Schedule {
    let (edges, _) = depends_on::edges(objects, default_namespace);
    steps::schedule(objects, edges, steps::Direction::Delete).0
}

#[cfg(test)]
mod tests;
