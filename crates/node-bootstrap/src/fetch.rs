//! What has to be fetched before a plan can be made: this crate opens no connections.

use std::collections::BTreeMap;

use crate::host::sha256;

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

/// Has one thing fetched; says why where it is not to be had.
pub type Fetch<'a> = dyn Fn(&Need) -> Result<Vec<u8>, String> + 'a;

/// What came of fetching all that is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// What was fetched.
    pub fetched: Fetched,
    /// What the network did not give, and why. A plan refuses what needs it.
    pub away: Vec<String>,
    /// Files that cannot be read, and what is there and is not what was meant.
    pub faults: Vec<String>,
}

/// Fetches all that is needed, and compares it with the checksums that are known.
#[must_use]
pub fn gather(needs: &[Need], fetch: &Fetch<'_>) -> Gathered {
    let mut gathered = Gathered::default();
    for need in needs {
        let told = |fault: &str| format!("{}, {}: {fault}", need.what, need.place);
        match fetch(need) {
            Ok(content) => match check(need, &content) {
                Ok(()) => drop(gathered.fetched.insert(need.place.clone(), content)),
                Err(fault) => gathered.faults.push(told(&fault)),
            },
            Err(fault) if need.is_file() => gathered.faults.push(told(&fault)),
            Err(fault) => gathered.away.push(told(&fault)),
        }
    }
    gathered
}

/// Content is what was meant, or nothing.
fn check(need: &Need, content: &[u8]) -> Result<(), String> {
    let found = sha256(content);
    match &need.sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&found) => {
            Err(format!("its SHA-256 is {found}, and {wanted} is expected"))
        }
        _ => Ok(()),
    }
}
