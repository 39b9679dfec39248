//! Puts sets of manifests on a Kubernetes cluster, and keeps them there.
//!
//! The steps are usable one by one. Without the feature `client` the crate knows no cluster: objects, their names
//! and readiness are plain data.

#[cfg(feature = "client")]
pub mod apply;
#[cfg(feature = "client")]
pub mod apply_set;
pub mod builtin;
#[cfg(feature = "client")]
pub mod change;
#[cfg(feature = "client")]
pub mod cluster;
pub mod config_map;
pub mod convert;
pub mod definition;
#[cfg(feature = "client")]
pub mod fields;
pub mod manifest;
pub mod name;
pub mod object;
pub mod order;
#[cfg(feature = "client")]
pub mod plan;
pub mod quantity;
pub mod readiness;
#[cfg(feature = "client")]
pub mod run;
#[cfg(feature = "client")]
pub mod wait;

pub use object::{GroupKind, GroupVersionKind, Object, ObjectKey};
pub use quantity::Quantity;
pub use readiness::Readiness;
