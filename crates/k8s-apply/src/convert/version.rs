//! A version of Kubernetes, without the patch.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A version of Kubernetes, such as 1.35.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 1 so far.
    pub major: u32,
    /// What follows the first point.
    pub minor: u32,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no version of Kubernetes: one such as 1.35 is expected")]
pub struct NotAVersion(String);

impl Version {
    /// A version of its two numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    /// Reads `1.35`, `v1.35.2`, and `1.35+` as some hosted clusters write it.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let fault = || NotAVersion(text.to_owned());
        let mut parts = text.trim().trim_start_matches('v').split(['.', '+', '-']);
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(fault);
        Ok(Self { major: number()?, minor: number()? })
    }
}
