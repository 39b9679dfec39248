//! What stands in OpenPAI's files, as it stands there: keys and types are checked, meanings are not.

mod cluster;
mod kubernetes;
mod roles;
mod services;

pub use cluster::{ClusterConfiguration, Login, Machine, MachineSku};
pub use kubernetes::KubernetesConfiguration;
pub use roles::{Component, FileOfComponent, RoleDefinition, RoleEntry};
pub use services::{ServicesConfiguration, VirtualCluster};

pub(crate) use cluster::{machine, skus};
