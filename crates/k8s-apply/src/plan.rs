//! What applying a set would do, known before anything is written.
//!
//! [`prepare`] finds the kinds of a set's objects. [`plan`] reads what the cluster has and asks the server to try
//! every object without keeping it. Only what cannot be tried yet, because its namespace or its kind is in the same
//! set, is marked as such, and is tried as soon as that is there.

mod check;
mod defined;
mod live;
mod prepare;
mod refusal;
mod webhooks;

use diagnostics::{Place, Problem};
use futures_util::{StreamExt, stream};
use serde::Serialize;

pub use prepare::{Item, Prepared, prepare};

use check::check;
pub(crate) use check::{Checking, Refusal, check_now, guard, refused};
pub(crate) use defined::{definition_of, may_be_defined_yet};
pub(crate) use live::Live;
pub(crate) use refusal::Subject;

use crate::change::Change;
use crate::cluster::{CallError, Cluster};
use crate::fields::{Conflict, Migration};
use crate::object::{Object, ObjectKey};
pub(crate) use webhooks::Mutators;

/// The field manager's name unless another one is chosen.
pub const FIELD_MANAGER: &str = "k8s-apply";

/// What to do about fields that another manager owns with another value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnConflict {
    /// Take them, whoever owns them.
    pub force_all: bool,
    /// Take them from these managers.
    pub force_from: Vec<String>,
    /// Leave them to their owners, and do not send ours.
    pub leave: bool,
}

/// Names one or several objects, as a user writes it: `Kind`, `Kind/name` or `Kind/namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    kind: String,
    namespace: Option<String>,
    name: Option<String>,
}

impl Selector {
    /// Reads `Kind`, `Kind/name` or `Kind/namespace/name`; the case of the kind does not count.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let kind = parts.next().unwrap_or_default();
        match (parts.next(), parts.next()) {
            (Some(namespace), Some(name)) => {
                Self { kind, namespace: Some(namespace), name: Some(name) }
            }
            (name, _) => Self { kind, namespace: None, name },
        }
    }

    /// Whether an object is one of these.
    #[must_use]
    pub fn selects(&self, key: &ObjectKey) -> bool {
        let kind = &key.group_kind;
        (self.kind.eq_ignore_ascii_case(&kind.kind)
            || self.kind.eq_ignore_ascii_case(&kind.to_string()))
            && self.name.as_ref().is_none_or(|name| *name == key.name)
            && self.namespace.as_ref().is_none_or(|one| Some(one) == key.namespace.as_ref())
    }
}

/// How a set is to be applied.
#[derive(Debug, Clone)]
pub struct Options {
    /// The field manager.
    pub manager: String,
    /// The namespace of objects that name none.
    pub default_namespace: String,
    /// What to do about conflicts.
    pub on_conflict: OnConflict,
    /// Whether replicas that an autoscaler or `scale` has set are left as they are.
    pub keep_scaled: bool,
    /// Objects that may be deleted and made anew where a field cannot be changed.
    pub recreate: Vec<Selector>,
    /// Other appliers whose objects become ours, such as an older name of this manager.
    pub renamed: Vec<String>,
    /// A label for every object: that of its ApplySet.
    pub label: Option<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            manager: FIELD_MANAGER.to_owned(),
            default_namespace: "default".to_owned(),
            on_conflict: OnConflict::default(),
            keep_scaled: true,
            recreate: Vec::new(),
            renamed: Vec::new(),
            label: None,
        }
    }
}

/// What is to be done about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// Some of its fields differ.
    Update,
    /// All is as it should be, but the fields (or some) do not belong to us yet, or no longer to be ours.
    Adopt,
    /// A field differs that cannot be changed: it is deleted and made anew, as was asked for.
    Recreate,
    /// Nothing.
    Unchanged,
}

/// How it is known that the server will accept an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Checked {
    /// The server tried it.
    DryRun,
    /// The cluster has it, with all fields ours and every value the same: there is nothing to try.
    Settled,
    /// The server will try it once something else is there. What could be seen before is right.
    Later {
        /// What it waits for, such as `Namespace web`.
        waits_for: String,
        /// What was looked at until then.
        looked_at: &'static str,
    },
}

/// What is to be done about one object.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The object.
    pub key: ObjectKey,
    /// Where its manifest is.
    pub place: Place,
    /// What is to be done.
    pub action: Action,
    /// How that is known.
    pub checked: Checked,
    /// Which fields change. Values of Secrets are hidden.
    pub changes: Vec<Change>,
    /// Fields that are taken from other managers.
    pub forced: Vec<Conflict>,
    /// Fields that are left to other managers although the manifest has them.
    pub left: Vec<Conflict>,
    /// Managers whose fields become ours before, such as `kubectl-client-side-apply`.
    pub taken_over: Vec<String>,
    /// Why it has to be made anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub immutable: Vec<String>,
    /// What the server warns of, and what else a reader should know.
    pub notes: Vec<String>,
    /// The item of [`Prepared`] that this is about.
    #[serde(skip)]
    pub(crate) item: usize,
    /// What is sent: the manifest without the fields that are left to others.
    #[serde(skip)]
    pub(crate) send: Object,
    /// What the cluster has.
    #[serde(skip)]
    pub(crate) live: Option<Object>,
    #[serde(skip)]
    pub(crate) migration: Option<Migration>,
}

/// What applying a set would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// The steps, one for each object, in the order of the manifests. Objects that are refused have none.
    pub steps: Vec<Step>,
    /// Why the set cannot be applied as it is; empty if it can.
    pub problems: Vec<Problem>,
}

impl Plan {
    /// How many objects need this.
    #[must_use]
    pub fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }

    /// Whether applying it would write nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count(Action::Unchanged) == self.steps.len()
    }
}

/// Finds out what applying a set would do. Nothing is written.
///
/// # Errors
/// If the server does not answer. What it refuses is in [`Plan::problems`].
pub async fn plan(
    cluster: &Cluster,
    prepared: &Prepared<'_>,
    options: &Options,
) -> Result<Plan, CallError> {
    let live = Live::read(cluster, prepared).await?;
    let mutators = Mutators::read(cluster, &prepared.kinds).await;
    let checking = Checking { cluster, prepared, options, live: &live, mutators: &mutators };
    let mut results: Vec<_> = stream::iter(0..prepared.items.len())
        .map(|item| async move { (item, check(checking, item).await) })
        .buffer_unordered(cluster.limits().concurrency.max(1) * 2)
        .collect()
        .await;
    results.sort_unstable_by_key(|(item, _)| *item);
    let mut plan = Plan { problems: prepared.problems.clone(), ..Plan::default() };
    for (_, result) in results {
        match result {
            Ok(step) => plan.steps.push(step),
            Err(Refusal::Problems(problems)) => plan.problems.extend(problems),
            Err(Refusal::Call(error)) => return Err(error),
        }
    }
    Ok(plan)
}
