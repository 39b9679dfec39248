//! The cluster as data: what is there, and what the user wants of it.
//!
//! - [`Pod`] and [`Host`]: what runs, with names, addresses, labels and readiness.
//! - [`Role`], [`ClusterName`] and [`RoleKey`]: what a pod is for. `thor-slave/thor1` is a key.
//! - [`Placement`]: for each key the machines that carry it, in an order that depends on nothing but the
//!   machines. It is made from sets of machines by role, never from positions in a list.
//! - [`ClusterSpec`]: what stands in `hpcc.yaml`, with a check that names everything that is wrong.
//! - [`Inventory`]: the hosts of a Kubernetes cluster and how they are reached: what stands in `cluster.yaml`.
//!
//! No IO, no async, no client of anything. Who finds the pods is in `discovery`; who makes an
//! `environment.xml` of a placement is in `envxml`.
//!
//! ```
//! use topology::{ClusterName, Machine, Placement, Role, RoleKey};
//!
//! let thor1: ClusterName = "thor1".parse()?;
//! let slaves = RoleKey::of(Role::ThorSlave, &thor1);
//! let mut placement = Placement::new();
//! placement.insert(RoleKey::single(Role::Support), Machine::new("10.1.0.1".parse()?));
//! // Ten comes before nine here, and after it in the placement.
//! for address in ["10.1.2.10", "10.1.2.9"] {
//!     placement.insert(slaves.clone(), Machine::new(address.parse()?));
//! }
//! let addresses: Vec<_> = placement.machines(&slaves).iter().map(|m| m.address.to_string()).collect();
//! assert_eq!(addresses, ["10.1.2.9", "10.1.2.10"]);
//! assert!(placement.validate().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod host;
pub mod inventory;
mod machine;
mod name;
mod network;
mod placement;
mod pod;
mod role;
mod schema;
pub mod spec;
mod text;
mod version;

pub use address::{Address, AddressError};
pub use host::Host;
pub use inventory::Inventory;
pub use machine::Machine;
pub use name::{ClusterName, NameError};
pub use network::{Network, NetworkError};
pub use placement::Placement;
pub use pod::{Pod, PodState};
pub use role::{Role, RoleError, RoleKey};
pub use schema::{cluster_schema, hpcc_schema};
pub use spec::ClusterSpec;
pub use version::{HpccVersion, VersionError};
