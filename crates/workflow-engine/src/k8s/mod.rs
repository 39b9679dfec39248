//! Tasks as pods of a Kubernetes cluster.
//!
//! Three modes, chosen for each task type ([`mode`]): a *pool* of pods that take tasks from the engine, a *job* for a single
//! task, and *clustered*, a Job for several tasks. In all of them `wf-worker` runs the task (see the crate `worker`).

pub mod fault;
pub mod hub;
pub mod hyperflow;
pub mod identity;
pub mod limit;
pub mod mode;
pub mod name;
pub mod objects;
pub mod rights;
pub mod template;
