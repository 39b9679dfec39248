//! Names as Kubernetes has them: which texts are allowed where, and what to write instead of the others.
//!
//! The forms are those of the page "Object Names and IDs" of the Kubernetes documentation and of
//! `k8s.io/apimachinery/pkg/util/validation`. A check against them here says what is wrong before anything is
//! sent, and names a text that would do.
//!
//! ```
//! use k8s_apply::{GroupKind, name};
//!
//! let service = GroupKind::new("", "Service");
//! let error = name::check_object(&service, "9_Proxy").unwrap_err();
//! assert_eq!(error.instead.as_deref(), Some("x9-proxy"));
//! ```

mod form;
mod kinds;
mod short;
mod types;

use std::fmt;

use thiserror::Error;

pub use form::Form;
pub use kinds::{NameRule, check_object, rule_of};
pub use short::{LABEL_LIMIT, SUBDOMAIN_LIMIT, shortened};
pub use types::{DnsLabel, FieldManager, LabelKey, LabelValue, ServiceName, Subdomain};

/// A text that may not stand where it was to stand.
///
/// ```text
/// `team.web` is no name of a Namespace: expected at most 63 characters of a-z, 0-9 and `-`, with a letter or a
/// digit at both ends; `team-web` would do
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct NameError {
    /// The text that was given.
    pub given: String,
    /// What it was to be, such as `name of a ConfigMap`.
    pub what: String,
    /// What would be allowed.
    pub expected: String,
    /// A text near to the given one that is allowed.
    pub instead: Option<String>,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { given, what, expected, instead } = self;
        if given.is_empty() {
            write!(f, "an empty text is no {what}: expected {expected}")?;
        } else {
            write!(f, "`{}` is no {what}: expected {expected}", given.escape_debug())?;
        }
        match instead {
            Some(instead) => write!(f, "; `{instead}` would do"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
