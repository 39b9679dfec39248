//! Versions of containerd and of the schema of its configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version of the schema: the key `version` of `config.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Schema {
    /// containerd 1.0; also what a file without a version is.
    V1,
    /// containerd 1.3 and later.
    V2,
    /// containerd 2.0 and later.
    V3,
    /// containerd 2.3 and later.
    V4,
}

impl Schema {
    /// The schema of a number.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            4 => Some(Self::V4),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

/// A version of containerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub patch: u32,
}

impl Version {
    /// A version from its numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads what `containerd --version` prints: the program, its package, the version, the commit.
    ///
    /// ```
    /// use node_bootstrap::text::containerd::Version;
    ///
    /// let said = "containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7\n";
    /// assert_eq!(Version::of_program(said), Some(Version::new(2, 1, 4)));
    /// ```
    #[must_use]
    pub fn of_program(said: &str) -> Option<Self> {
        Self::parse(said.split_whitespace().nth(2)?)
    }

    /// Reads a version, also one of a package: `v2.1.4`, `1.6.20~ds1-1`, `2.3.0-rc.1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        let mut number = || {
            let part = parts.next()?;
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        };
        Some(Self { major: number()?, minor: number()?, patch: number().unwrap_or(0) })
    }

    /// The newest schema that it reads.
    #[must_use]
    pub fn schema(self) -> Schema {
        match (self.major, self.minor) {
            (..=1, _) => Schema::V2,
            (2, ..=2) => Schema::V3,
            _ => Schema::V4,
        }
    }

    /// Whether the kubelet learns the cgroup driver from it; with 1.x the kubelet's own setting must match.
    #[must_use]
    pub fn tells_cgroup_driver(self) -> bool {
        self.major >= 2
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
