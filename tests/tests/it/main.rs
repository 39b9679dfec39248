//! End-to-end tests of the tools, as their users run them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

mod cli;
mod conformance;
mod example_sets;
mod hpcc;
mod k8s_apply;
mod k8s_cluster;
mod k8s_faults;
mod kill;
mod montage;
mod node_prep;
mod proxy;
mod real_nodes;
mod wf_k8s;
