//! Puts sets of manifests on a Kubernetes cluster, and keeps them there.
//!
//! The steps are usable one by one. Without the feature `client` the crate knows no cluster: objects, their names
//! and readiness are plain data.

pub mod builtin;
pub mod config_map;
pub mod convert;
pub mod manifest;
pub mod object;
pub mod order;

pub use object::{GroupKind, GroupVersionKind, Object, ObjectKey};
