//! Changes to an environment: the operations of `envgen2`, typed.
//!
//! [`parse`] reads `envgen2`'s arguments (`-add-node roxie#myroxie@ip=10.1.1.9`) into [`Edit`]s, and
//! [`apply`] carries a list of them out on a [`Document`]: all or none. What is not touched keeps its
//! bytes. Contents of files are given by the caller.
//!
//! ```
//! use envxml::edit::{EditOptions, apply, parse};
//!
//! let text = "<Environment>\n <Software>\n  <ThorCluster name=\"mythor\" slavesPerNode=\"1\"/>\n </Software>\n</Environment>\n";
//! let mut document = envxml::Document::parse(text)?;
//! let edits = parse(&["-mod", "sw:thor#mythor@slavesPerNode=4"], &|_| Err("no files".into())).unwrap();
//! let outcome = apply(&mut document, &edits, &EditOptions::default()).unwrap();
//! assert_eq!(outcome.applied[0].to_string(), "Software/ThorCluster[@name='mythor']/@slavesPerNode: 1 -> 4");
//! assert!(document.to_text().contains("slavesPerNode=\"4\""));
//! # Ok::<(), envxml::ReadError>(())
//! ```

use std::fmt;

use crate::tree::{Document, XPath};

mod argument;
mod attributes;
mod binding;
mod component;
mod content;
mod error;
mod kind;
mod machine;
mod naming;
mod nodes;
mod reference;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod topology;
mod wellformed;
mod work;

pub use argument::{ArgumentError, Files, parse, values_of};
pub(crate) use content::elements as content_elements;
pub use error::{EditError, Problem};
pub use reference::Reference;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Adds a component, or sets attributes of the one that is there.
    Add {
        /// Which component; without a name it gets one.
        subject: Subject,
        /// The name of a component that it is made like, without its nodes.
        like: Option<String>,
        /// What is set.
        attributes: Vec<Assignment>,
    },
    /// Adds an element inside a component: an ESP binding, a node group, ...
    AddElement {
        /// Which component; it is added when it is not there.
        subject: Subject,
        /// The tags from the component down.
        selector: Selector,
        /// The new element's attributes.
        attributes: Vec<Assignment>,
        /// The new element's children.
        children: Vec<Child>,
    },
    /// Sets attributes of components or of elements inside them.
    Modify {
        /// Which components; without a name all of the kind.
        subject: Subject,
        /// The elements inside; `None` is the component itself.
        selector: Option<Selector>,
        /// What is set, each only where its former value fits.
        attributes: Vec<Assignment>,
    },
    /// Removes components or elements inside them.
    Remove {
        /// Which components; without a name all of the kind.
        subject: Subject,
        /// The element inside; `None` is the component itself.
        selector: Option<Selector>,
        /// Values that the removed element must have.
        conditions: Vec<Assignment>,
    },
    /// Removes attributes of components or of elements inside them.
    RemoveAttributes {
        /// Which components; without a name all of the kind.
        subject: Subject,
        /// The elements inside; `None` is the component itself.
        selector: Option<Selector>,
        /// The attributes' names.
        names: Vec<String>,
    },
    /// Puts a component on machines, which are added when they are not there.
    AddNodes(Nodes),
    /// Moves a component's node to another machine.
    MoveNode {
        /// The component: `dali`, `roxie`, ...
        component: String,
        /// Its name.
        name: String,
        /// The part that moves; `None` is the kind's only one.
        part: Option<NodePart>,
        /// The new address.
        to: String,
        /// The former address; may be left out where there is one node only.
        from: Option<String>,
    },
    /// Takes a component off machines. A machine that is left without work goes too.
    RemoveNodes(Nodes),
    /// Adds a cluster to a topology, or processes to the cluster that is there.
    AddCluster(Cluster),
    /// Changes processes and attributes of a cluster of a topology.
    ModifyCluster(Cluster),
    /// Removes a cluster of a topology, or processes of it.
    RemoveCluster(Cluster),
    /// Adds the clusters that `envgen` gives an environment: one for Thor, one for Roxie, one for both.
    AddDefaultTopology,
    /// Adds the topology's entry of a Thor or Roxie cluster.
    AddClusterOf(ClusterOf),
    /// Adds the topology's entry of each Thor and Roxie cluster that has none.
    AddMissingClusters,
    /// Sets a common directory.
    SetDirectory {
        /// The category: `log`, `data`, ...
        category: String,
        /// The folder, with `[NAME]` and `[INST]` or `[COMPONENT]`.
        folder: String,
    },
    /// Sets an attribute of all components of a build set.
    Override {
        /// The build set.
        build_set: String,
        /// The elements from the component down; an empty path is the component itself.
        path: XPath,
        /// The attribute.
        attribute: String,
        /// Its value.
        value: String,
    },
    /// Sets an attribute of what a path names; adds the element when there is none.
    SetPath {
        /// The path.
        path: XPath,
        /// The attribute.
        attribute: String,
        /// Its value.
        value: String,
    },
    /// Adds elements below the one that a path names.
    AddContent {
        /// The path.
        path: XPath,
        /// XML text of one or more elements.
        content: String,
    },
    /// Removes the elements that a path names.
    RemoveContent {
        /// The path.
        path: XPath,
    },
}

/// Which component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Where it stands.
    pub category: Category,
    /// `thor`, `ThorCluster`, `espsmc`, `computer`, ...
    pub component: String,
    /// Its name; `None` where it is left out.
    pub name: Option<String>,
}

/// A part of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// `Hardware`.
    Hardware,
    /// `Software`.
    Software,
    /// `Programs/Build`.
    Programs,
}

/// Elements inside a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Tags from the component down; `instance` stands for the kind's own tag of an instance.
    pub path: Vec<String>,
    /// The name, or the address of an instance, that the last one has.
    pub key: Option<String>,
}

/// A value for an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The attribute's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Only where it has this value now; letters' case does not matter.
    pub old: Option<String>,
}

/// A child element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The tag, or a component's short name.
    pub tag: String,
    /// Its attributes.
    pub attributes: Vec<Assignment>,
}

/// A component and machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    /// The component: `esp`, `roxie`, `thor`, ...
    pub component: String,
    /// Its name.
    pub name: String,
    /// The name of a component that a new one is made like.
    pub like: Option<String>,
    /// The part that the machines play; `None` is the kind's only one.
    pub part: Option<NodePart>,
    /// The machines' addresses.
    pub addresses: Vec<String>,
    /// Attributes of the new instances.
    pub attributes: Vec<Assignment>,
}

/// What a node does for its component where there is more than one thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodePart {
    /// The master of a Thor cluster.
    Master,
    /// A slave of a Thor cluster.
    Slave,
}

/// A cluster of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The topology's name, mostly `topology`.
    pub topology: String,
    /// The cluster's name.
    pub name: String,
    /// Its other attributes.
    pub attributes: Vec<Assignment>,
    /// Its processes: the tag or short name, and the attribute `process`.
    pub processes: Vec<Child>,
}

/// The topology's entry of a Thor or Roxie cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOf {
    /// The name of the Thor or Roxie cluster.
    pub process: String,
    /// The topology's name; `None` is `topology`.
    pub topology: Option<String>,
    /// The entry's name; `None` is the cluster's.
    pub name: Option<String>,
    /// The name of the ECL agent (Thor only); `None` is the one of the file.
    pub eclagent: Option<String>,
    /// The name of the ECL compiler server; `None` is the one of the file.
    pub eclccserver: Option<String>,
    /// The name of the ECL scheduler; `None` is the one of the file.
    pub eclscheduler: Option<String>,
}

/// How new things are named and what goes with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Style {
    /// Names go on as the file's own do; what depends on a change is changed with it.
    #[default]
    File,
    /// `envgen`'s names: `s1`, `m1`, `farm1`; what depends on a change is changed with it.
    Envgen,
    /// `envgen2`'s names: `s`, `s_2`, `m`, `farm`; nothing is changed that `envgen2` leaves as it is.
    Envgen2,
}

/// How edits are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EditOptions {
    /// Names, and what goes with a change.
    pub style: Style,
    /// Whether references may be left that lead nowhere.
    pub force: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Every change of the tree, in order.
    pub applied: Vec<Applied>,
    /// What looks mistaken, or did nothing.
    pub warnings: Vec<Warning>,
}

/// One change of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The index of the edit that asked for it.
    pub edit: usize,
    /// The element, as an XPath below the root.
    pub path: String,
    /// What happened to it.
    pub change: Change,
}

/// What happened to an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was added.
    Added,
    /// It was removed.
    Removed,
    /// An attribute got another value, or was added or removed.
    Attribute {
        /// The attribute's name.
        name: String,
        /// The former value.
        before: Option<String>,
        /// The new value.
        after: Option<String>,
    },
}

/// Something to look at that did not stop the edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The index of the edit.
    pub edit: usize,
    /// What looks mistaken.
    pub message: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.change {
            Change::Added => write!(f, "{}: added", self.path),
            Change::Removed => write!(f, "{}: removed", self.path),
            Change::Attribute { name, before, after } => {
                let show = |value: &Option<String>| match value.as_deref() {
                    Some("") => "(empty)".to_owned(),
                    Some(value) => crate::secret::shown(name, value).into_owned(),
                    None => "(none)".to_owned(),
                };
                write!(f, "{}/@{name}: {} -> {}", self.path, show(before), show(after))
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Applies edits in their order; in the style of `envgen2` paths and contents come last, as they do there.
///
/// References are looked at after the last edit, so an edit may take away what a later one no longer
/// needs. The document is changed only when all edits could be applied.
///
/// # Errors
///
/// Every problem of every edit; the document is then as it was.
pub fn apply(
    document: &mut Document,
    edits: &[Edit],
    options: &EditOptions,
) -> Result<Outcome, Vec<EditError>> {
    let mut work = work::Work::new(document.clone(), *options);
    let mut order: Vec<(usize, &Edit)> = edits.iter().enumerate().collect();
    if options.style == Style::Envgen2 {
        // `envgen2` sets paths after everything else, and adds contents last.
        order.sort_by_key(|(_, edit)| match edit {
            Edit::SetPath { .. } => 1,
            Edit::AddContent { .. } => 2,
            _ => 0,
        });
    }
    for (index, edit) in order {
        work.start(index);
        let faults = wellformed::check(edit);
        if !faults.is_empty() {
            for fault in faults {
                work.fail(fault);
            }
            continue;
        }
        if let Err(problem) = work.carry_out(edit) {
            work.fail(problem);
        }
    }
    let (changed, outcome) = work.finish(document)?;
    *document = changed;
    Ok(outcome)
}
