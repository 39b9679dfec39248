//! Prepares hosts for Kubernetes: probe, plan, apply, verify, undo.
//!
//! A [`Node`](spec::Node) says what a host shall be, [`Facts`](facts::Facts) what it is. [`plan`](plan::plan) asks
//! [`steps`] what has to be done; [`apply`](apply::apply) does that, change by change, with a
//! [`journal`], and [`undo`](undo::undo) takes it back. All of it goes through the port [`Host`](host::Host).

pub mod agent;
pub mod apply;
pub mod change;
pub mod check;
pub mod cluster;
pub mod data;
pub mod edit;
pub mod facts;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod fetch;
pub mod host;
pub mod journal;
pub mod kubeadm;
mod listening;
pub mod local;
pub mod plan;
pub mod reset;
pub mod spec;
pub mod static_pod;
pub mod steps;
pub mod text;
pub mod undo;

pub use secret;
