//! Puts sets of manifests on a Kubernetes cluster, and keeps them there.
//!
//! The steps are usable one by one. Without the feature `client` the crate knows no cluster: objects, their names
//! and readiness are plain data.

pub mod name;
pub mod object;
pub mod quantity;
pub mod readiness;

pub use object::{GroupKind, GroupVersionKind, Object, ObjectKey};
pub use quantity::Quantity;
pub use readiness::Readiness;
