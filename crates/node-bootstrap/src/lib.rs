//! Prepares hosts for Kubernetes: probe, plan, apply, verify, undo.

pub mod data;
pub mod kubeadm;
pub mod secret;
pub mod spec;
pub mod text;
