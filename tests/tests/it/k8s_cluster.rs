//! `k8s-cluster` with hosts of the tests' own.

mod transport;
mod whole;
