//! `k8s-cluster` with hosts of the tests' own.

mod bed;
mod etcd;
mod faults;
mod ha;
mod lab;
mod transport;
mod upgrade;
mod whole;
