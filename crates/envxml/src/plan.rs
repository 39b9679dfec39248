//! What must restart when an environment changes, in which order, and what may be lost.
//!
//! A component must restart when the files that `configgen` generates for it change: see
//! `docs/hpcc-plan.md` for what those files depend on. On top of that come changes of groups: Dali keeps
//! the list of a thor's slaves and of a roxie's servers itself, and published files are spread over such a
//! list. So a change of members is told apart from a change of attributes, and what data may be lost by it
//! is said before anything is done.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::tree::Document;

mod changes;
mod groups;
mod inputs;
mod loss;
mod steps;
mod words;

pub use groups::{GroupChange, GroupKind, Replacement};
pub use loss::{DataLoss, StableStorage};
pub use steps::{Action, GroupCheck, Step};

/// What a change of the environment asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestartPlan {
    /// Whether the new environment says anything else than the old one.
    pub environment_changed: bool,
    /// Addresses and components whose generated files change, come or go.
    pub changed_configuration: BTreeSet<(String, String)>,
    /// The same by component, with reasons.
    pub components: Vec<ChangedComponent>,
    /// Processes that are new on their machine.
    pub start: BTreeSet<Running>,
    /// Processes that are not on their machine any more.
    pub stop: BTreeSet<Running>,
    /// Processes that stay and must restart: their generated files change, or they read a changed part of
    /// the environment themselves.
    pub restart: BTreeSet<Running>,
    /// Changed groups of thor and roxie clusters.
    pub group_changes: Vec<GroupChange>,
    /// Data that may be lost or not be found.
    pub data_loss: Vec<DataLoss>,
    /// What to do, in this order.
    pub steps: Vec<Step>,
}

/// A component on a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Running {
    /// The machine's address.
    pub address: String,
    /// The component's name.
    pub component: String,
    /// The component's tag.
    pub process: String,
}

/// A component whose generated files change on some machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedComponent {
    /// The component's name. Components with one name share a directory and so an entry.
    pub component: String,
    /// The component's tag.
    pub process: String,
    /// Why the files of all its instances change.
    pub reasons: Vec<Reason>,
    /// The machines.
    pub instances: Vec<ChangedInstance>,
}

/// A component's files on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedInstance {
    /// The machine's address.
    pub address: String,
    /// What becomes of the files.
    pub change: FileChange,
    /// Why the files of this instance change, beside what is said about all of them.
    pub reasons: Vec<Reason>,
}

/// What becomes of generated files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileChange {
    /// Files are generated where there were none.
    Added,
    /// Files are not generated any more.
    Removed,
    /// Files have another content.
    Changed,
}

/// A value of the environment that generated files use, and that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// What it is: `attribute ThorCluster/@slavesPerNode`, `RoxieServerProcess`, `address of dali`.
    pub fact: String,
    /// The old value; `None` when there was none.
    pub old: Option<String>,
    /// The new value; `None` when there is none. Without both, only the order changed.
    pub new: Option<String>,
}

impl Reason {
    /// Whether only white space of the files changes. A restart for that alone can be left out: the
    /// content is the same.
    #[must_use]
    pub fn is_layout(&self) -> bool {
        self.fact == inputs::Fact::LAYOUT
    }
}

impl RestartPlan {
    /// Plans the way from an old to a new environment.
    ///
    /// `stable` are the machines that keep their disks when their address changes or their pod restarts.
    ///
    /// ```
    /// use envxml::plan::{RestartPlan, StableStorage};
    /// let environment = envxml::Document::parse("<Environment><Software/></Environment>")?;
    /// let plan = RestartPlan::new(&environment, &environment, &StableStorage::none());
    /// assert!(plan.is_empty());
    /// assert_eq!(plan.to_text(), "nothing to do\n");
    /// # Ok::<(), envxml::ReadError>(())
    /// ```
    #[must_use]
    pub fn new(old: &Document, new: &Document, stable: &StableStorage) -> Self {
        let environment_changed = !crate::Diff::new(old, new).is_empty();
        let (old_source, new_source) = (inputs::Source::new(old), inputs::Source::new(new));
        let (old_inputs, new_inputs) =
            (inputs::Inputs::new(&old_source), inputs::Inputs::new(&new_source));
        let mut plan = Self { environment_changed, ..Self::default() };
        changes::configuration(&mut plan, &old_inputs, &new_inputs);
        changes::processes(&mut plan, (&old_source, &old_inputs), (&new_source, &new_inputs));
        plan.group_changes = groups::changes(&old_source, &new_source);
        plan.data_loss = loss::warnings(&old_source, &new_source, &plan.group_changes, stable);
        plan.steps = steps::steps(&plan, &old_inputs, (&new_source, &new_inputs));
        plan
    }

    /// Whether nothing needs to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.changed_configuration.is_empty()
    }

    /// The plan in words.
    #[must_use]
    pub fn to_text(&self) -> String {
        words::text(self)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fact, old, new } = self;
        if self.is_layout() {
            return f.write_str("only the layout of the files");
        }
        match (old.as_deref(), new.as_deref()) {
            (Some(old), Some(new)) => write!(f, "{fact} {old:?} -> {new:?}"),
            (None, Some("")) => write!(f, "{fact} added"),
            (Some(""), None) => write!(f, "{fact} removed"),
            (None, Some(new)) => write!(f, "{fact} {new} added"),
            (Some(old), None) => write!(f, "{fact} {old} removed"),
            (None, None) => write!(f, "order of {fact}"),
        }
    }
}
