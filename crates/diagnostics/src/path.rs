//! A path into a document: keys and indexes from its top.

use std::fmt;

use serde::{Serialize, Serializer};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The value at a key of a mapping.
    Key(String),
    /// The item of a list, counted from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<String> for Step {
    fn from(key: String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path into a document. Shown as `overrides[2].attribute`; the empty path is the whole document.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPath(Vec<Step>);

impl DataPath {
    /// The whole document.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// This path and one step more.
    ///
    /// ```
    /// use diagnostics::DataPath;
    ///
    /// let path = DataPath::root().join("overrides").join(2).join("attribute");
    /// assert_eq!(path.to_string(), "overrides[2].attribute");
    /// ```
    #[must_use]
    pub fn join(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// The steps, from the top.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<Step>> FromIterator<S> for DataPath {
    fn from_iter<I: IntoIterator<Item = S>>(steps: I) -> Self {
        Self(steps.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<Step>, const N: usize> From<[S; N]> for DataPath {
    fn from(steps: [S; N]) -> Self {
        steps.into_iter().collect()
    }
}

impl fmt::Display for DataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a key can be shown without quotes and still be told from its neighbours.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '@' | '/'))
}

impl Serialize for DataPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_dots_is_quoted() {
        let path = DataPath::from(["metadata", "labels"]).join("windlass.dev/hpcc-role");
        assert_eq!(path.to_string(), "metadata.labels[\"windlass.dev/hpcc-role\"]");
    }

    #[test]
    fn the_root_is_empty() {
        assert!(DataPath::root().is_root());
        assert_eq!(DataPath::root().to_string(), "");
        assert_eq!(DataPath::root().join(0).to_string(), "[0]");
    }
}
