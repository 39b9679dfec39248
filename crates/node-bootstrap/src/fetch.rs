//! What has to be fetched before a plan can be made: this crate opens no connections.

use std::collections::BTreeMap;

/// Something that a plan is made of and that is not on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What it is, for people.
    pub what: String,
    /// Where it is: a URL, or the absolute path of a file beside `node.yaml`.
    pub place: String,
    /// The SHA-256 that it shall have, in hexadecimal digits.
    pub sha256: Option<String>,
}

impl Need {
    /// Whether it is a file, and not a URL.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.place.starts_with('/')
    }
}

/// What was fetched, by its place.
pub type Fetched = BTreeMap<String, Vec<u8>>;
