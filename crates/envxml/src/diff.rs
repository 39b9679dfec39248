//! What differs between two environments, in the terms of the cluster: machines, components,
//! instances, attributes.
//!
//! Elements are matched by what they are, not by where they stand: machines by name and then by address,
//! instances by their machine, everything else by tag and name. So the order of siblings, comments and
//! layout make no difference. An instance's own name (`s3`) is only a running number: when nodes come and
//! go the numbers shift, which is told as one line and not as hundreds of changed attributes.

use serde::Serialize;

use crate::tree::Document;

mod compare;
mod matching;
mod words;

/// All differences between an old and a new environment. Each list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Machines: `Hardware/Computer`.
    pub machines: Vec<MachineChange>,
    /// Components: children of `Software` with a name.
    pub components: Vec<ComponentChange>,
    /// Instances, masters, slaves and servers of components that are in both.
    pub instances: Vec<InstanceChange>,
    /// Instances whose running numbers shifted.
    pub renumbered: Vec<Renumbered>,
    /// Changed attributes and texts.
    pub attributes: Vec<AttributeChange>,
    /// Other elements that are in one environment only: bindings, farms, directories, settings, ...
    pub elements: Vec<ElementChange>,
}

/// On which side something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Only in the old environment.
    Removed,
    /// Only in the new environment.
    Added,
}

/// A machine that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase", tag = "change")]
pub enum MachineChange {
    /// Only in the old environment.
    Removed {
        /// `@name`.
        name: String,
        /// `@netAddress`.
        address: String,
    },
    /// Only in the new environment.
    Added {
        /// `@name`.
        name: String,
        /// `@netAddress`.
        address: String,
    },
    /// The same address under another name.
    Renamed {
        /// The new `@name`.
        name: String,
        /// The old `@name`.
        old_name: String,
        /// `@netAddress` in both.
        address: String,
    },
    /// The same name with another address.
    Readdressed {
        /// `@name` in both.
        name: String,
        /// The old `@netAddress`.
        old_address: String,
        /// The new `@netAddress`.
        address: String,
    },
}

/// A component that is in one environment only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ComponentChange {
    /// The tag.
    pub process: String,
    /// `@name`.
    pub name: String,
    /// Where it is.
    pub change: Side,
    /// How many instances it has.
    pub instances: usize,
}

/// Where an instance runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The machine's name.
    pub computer: String,
    /// Its address; empty when the machine is unknown.
    pub address: String,
}

/// An instance that is not in both environments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct InstanceChange {
    /// The component's tag.
    pub process: String,
    /// The component's name.
    pub component: String,
    /// The instance's tag: `Instance`, `ThorSlaveProcess`, ...
    pub part: String,
    /// Where it was; `None` when it is new.
    pub old: Option<Place>,
    /// Where it is; `None` when it is gone. With both it moved.
    pub new: Option<Place>,
}

/// Instances of a component that stayed where they are and got other names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Renumbered {
    /// The component's tag.
    pub process: String,
    /// The component's name.
    pub component: String,
    /// The instances' tag.
    pub part: String,
    /// How many.
    pub count: usize,
    /// One of them: the machine, the old and the new name.
    pub example: (String, String, String),
}

/// An attribute, or an element's text, with two values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AttributeChange {
    /// The place as an XPath: `Software/ThorCluster[@name='mythor']/@slavesPerNode`, or `.../text()`.
    pub path: String,
    /// The old value; `None` when it was not there.
    pub old: Option<String>,
    /// The new value; `None` when it is not there any more.
    pub new: Option<String>,
}

/// An element that is in one environment only, with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ElementChange {
    /// The place as an XPath.
    pub path: String,
    /// Where it is.
    pub change: Side,
    /// Its attributes, by name.
    pub attributes: Vec<(String, String)>,
    /// How many elements are in it, at all depths.
    pub inner: usize,
}

impl Diff {
    /// Compares two environments.
    ///
    /// ```
    /// let old = envxml::Document::parse("<Environment><Software><ThorCluster name='t' slavesPerNode='1'/></Software></Environment>")?;
    /// let new = envxml::Document::parse("<Environment><Software><ThorCluster slavesPerNode='2' name='t'/></Software></Environment>")?;
    /// let diff = envxml::Diff::new(&old, &new);
    /// assert_eq!(diff.attributes[0].path, "Software/ThorCluster[@name='t']/@slavesPerNode");
    /// # Ok::<(), envxml::ReadError>(())
    /// ```
    #[must_use]
    pub fn new(old: &Document, new: &Document) -> Self {
        compare::documents(&old.root, &new.root)
    }

    /// Whether the two environments say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The differences in words, one line each; the empty text when there are none.
    ///
    /// Lines start with `+` for what is new, `-` for what is gone, `~` for what changed and `>` for what
    /// moved. Long lists of machines are cut; [`Diff`] itself has them in full.
    #[must_use]
    pub fn to_text(&self) -> String {
        words::text(self)
    }
}
