//! Tasks in pods: what an engine and its workers say to each other, and the side in the pod.
//!
//! An argument vector travels as data and is never part of a shell line, whatever the pod's image has for a shell.
//! Without the feature `run` only [`protocol`] is there: types and frames, for the engine's side.

#[cfg(feature = "run")]
pub mod batch;
#[cfg(feature = "run")]
pub mod connection;
#[cfg(feature = "run")]
pub mod copy;
#[cfg(feature = "run")]
pub mod files;
#[cfg(feature = "run")]
pub mod install;
#[cfg(feature = "run")]
mod memory;
#[cfg(feature = "run")]
pub mod output;
pub mod paths;
pub mod protocol;
#[cfg(feature = "run")]
pub mod relay;
#[cfg(feature = "run")]
pub mod serve;
#[cfg(feature = "run")]
mod session;
#[cfg(feature = "run")]
pub mod task;
