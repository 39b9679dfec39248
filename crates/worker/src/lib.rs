//! Tasks in pods: what an engine and its workers say to each other, and the side in the pod.
//!
//! An argument vector travels as data and is never part of a shell line, whatever the pod's image has for a shell.
//! Without the feature `run` only [`protocol`] is there: types and frames, for the engine's side.

pub mod protocol;
