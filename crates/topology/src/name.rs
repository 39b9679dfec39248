//! Names of HPCC clusters.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest name: what a label of Kubernetes can carry.
const LONGEST: usize = 63;

/// The name of a thor, roxie or esp cluster, such as `thor1`.
///
/// It becomes the name of a component in `environment.xml`, of directories, and of a label of pods. So it
/// starts with a letter or digit, ends with one, and has letters, digits, `-`, `_` and `.` between, 63
/// characters at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(Box<str>);

/// Why a text is no name of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing is there.
    #[error("the name of a cluster is empty")]
    Empty,
    /// More than 63 characters.
    #[error("`{0}` is longer than 63 characters")]
    Long(String),
    /// A character that cannot stand in a name, or not at its ends.
    #[error(
        "`{0}` is no name of a cluster: letters, digits, `-`, `_` and `.` are allowed, and a letter or digit \
         first and last"
    )]
    Characters(String),
}

impl ClusterName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > LONGEST {
            return Err(NameError::Long(text.to_owned()));
        }
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if !text.chars().all(inner) || !ends(text.chars().next()) || !ends(text.chars().next_back())
        {
            return Err(NameError::Characters(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl AsRef<str> for ClusterName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClusterName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kubernetes_and_files_can_carry_are_taken() {
        for good in ["thor1", "t", "thor-a.b_c", "400way", "x".repeat(63).as_str()] {
            assert_eq!(good.parse::<ClusterName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "a/b", "a b", "thör", "x".repeat(64).as_str()] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
        }
    }
}
