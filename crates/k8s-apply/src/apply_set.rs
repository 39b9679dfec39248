//! Sets: which objects belong together, kept in the cluster as an ApplySet (KEP-3659).
//!
//! A set has a parent, a Secret or a ConfigMap, that says which kinds and namespaces its members are of. Every member
//! has a label with the id of the parent. Other tools that know ApplySets can list them, and refuse to touch a set of
//! ours, as we refuse theirs.
//!
//! The parent is written before the members, with what it has and what it will have. So a run that is cut short leaves
//! nothing behind that the next one would not find.

mod history;
mod parent;
pub mod removal;

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

pub use history::{Entry, Revision};
pub use parent::{Parent, ParentError, RunEnded};

use crate::object::{GroupKind, ObjectKey};

/// The label of members; its value is the id of the set.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";

/// What keeps the contents of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentKind {
    /// A Secret, as `kubectl apply --applyset` does by default.
    Secret,
    /// A `ConfigMap`.
    ConfigMap,
}

impl ParentKind {
    /// The kind's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }
}

/// Names a set: its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRef {
    /// What the parent is.
    pub kind: ParentKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl SetRef {
    /// Reads `NAME`, `secret/NAME` or `configmap/NAME`, as `kubectl --applyset` does.
    ///
    /// # Errors
    /// If the kind is another one, or the name is empty. Says what was expected.
    pub fn parse(text: &str, namespace: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            None => (ParentKind::Secret, text),
            Some(("secret" | "secrets", name)) => (ParentKind::Secret, name),
            Some(("configmap" | "configmaps" | "cm", name)) => (ParentKind::ConfigMap, name),
            Some((other, _)) => {
                return Err(format!("a set is kept in a secret or a configmap, not in {other:?}"));
            }
        };
        crate::name::Subdomain::try_new(name)
            .map_err(|fault| format!("{name:?} is no name of a set: {fault}"))?;
        Ok(Self { kind, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The id of the set, as KEP-3659 computes it.
    #[must_use]
    pub fn id(&self) -> String {
        let text = format!("{}.{}.{}.", self.name, self.namespace, self.kind.name());
        format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }

    /// Whether this object is its parent.
    #[must_use]
    pub fn is_kept_in(&self, key: &ObjectKey) -> bool {
        key.group_kind.is("", self.kind.name())
            && key.namespace.as_deref() == Some(&self.namespace)
            && key.name == self.name
    }

    /// What selects the members.
    #[must_use]
    pub fn selector(&self) -> String {
        format!("{PART_OF}={}", self.id())
    }
}

impl fmt::Display for SetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// Where the members of a set are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Their kinds.
    pub kinds: BTreeSet<GroupKind>,
    /// Their namespaces; that of the parent need not be among them.
    pub namespaces: BTreeSet<String>,
}

impl Reach {
    /// The kinds and namespaces of some objects.
    pub fn of<'k>(keys: impl IntoIterator<Item = &'k ObjectKey>) -> Self {
        let mut reach = Self::default();
        for key in keys {
            reach.kinds.insert(key.group_kind.clone());
            reach.namespaces.extend(key.namespace.clone());
        }
        reach
    }

    /// This reach and another one together.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            kinds: self.kinds.union(&other.kinds).cloned().collect(),
            namespaces: self.namespaces.union(&other.namespaces).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_kep() {
        // printf 'web.apps.Secret.' | openssl dgst -sha256 -binary | basenc --base64url
        let set = SetRef::parse("web", "apps").unwrap();
        assert_eq!(set.id(), "applyset-R-DTMhsR-wNnD3SvElWn9nny_xClwC0_bvNfvb6aJQ0-v1");
        assert_eq!(SetRef::parse("cm/web", "apps").unwrap().kind, ParentKind::ConfigMap);
        assert!(SetRef::parse("deployment/web", "apps").is_err());
        assert!(SetRef::parse("We b", "apps").is_err());
    }
}
