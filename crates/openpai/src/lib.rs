//! OpenPAI's (and OpenI's) configuration of a Kubernetes cluster as data.
//!
//! - [`load`] reads the four files of 2018 as they are, with everything that is wrong in all of them, and names
//!   files of other generations.
//! - [`Cluster`] is what they mean: hosts in the order of the file, addresses, how the API is reached.
//! - [`legacy::render`] gives the files that OpenPAI would have put on each host, for comparison.
//! - [`convert`] makes a `cluster.yaml` of it, and says what is lost.
//! - [`NodeList::read`] reads lists of nodes in both forms.
//!
//! No IO. Passwords are [`secret::Secret`]s; [`report`] shows problems with their lines, but no passwords.

mod cluster;
mod config;
mod convert;
mod document;
mod fields;
pub mod legacy;
mod mask;
mod node_list;
mod rules;
mod set;

pub use cluster::{Access, Cluster, HighAvailability, Host, Images};
pub use config::{
    ClusterConfiguration, Component, FileOfComponent, KubernetesConfiguration, Login, Machine,
    MachineSku, RoleDefinition, RoleEntry, ServicesConfiguration, VirtualCluster,
};
pub use convert::{Converted, convert};
pub use document::{Document, recognise};
pub use fields::Written;
pub use mask::{hide_secrets, report};
pub use node_list::NodeList;
pub use set::{CLUSTER, KUBERNETES, Loaded, ROLES, SERVICES, Set, SourceFile, load};
