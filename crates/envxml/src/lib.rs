//! The environment of an HPCC Systems cluster: the file `environment.xml`.
//!
//! - [`tree`] reads the file without losing a byte and writes it back, or in `envgen`'s own layout.
//! - [`address`] reads lists of addresses.
//! - [`catalogue`] knows what the components of an HPCC version consist of.
//! - [`compat`] places components on machines exactly as `envgen` does.
//! - [`place`] places them by role: nobody gets a machine of another role.
//! - [`config_dir`] reads the configuration directory of 2019 into edits.
//! - [`generate`] writes a placement down as an environment.
//! - [`lint`] finds faults, and says how to mend them.
//! - [`list`] gives the lists of `configgen`: machines, instances, services, folders.
//! - [`secret`] knows which values are not for logs.
//! - [`view`] shows the machines, components and instances that a tree describes.
//! - [`edit`] changes an environment: `envgen2`'s operations.
//! - [`explain`] tells where each value comes from.
//! - [`diff`] compares two environments: machines, components, instances, attributes.
//! - [`plan`] tells from two environments what must restart, in which order, and what may be lost.
//!
//! The crate does no input or output of its own: it takes text and gives text.

pub mod address;
pub mod catalogue;
pub mod compat;
pub mod config_dir;
pub mod diff;
pub mod edit;
pub mod explain;
pub mod generate;
pub mod lint;
pub mod list;
pub mod place;
pub mod plan;
pub mod secret;
pub mod tree;
pub mod view;

pub use diff::Diff;
pub use plan::RestartPlan;
pub use tree::{Document, Element, ReadError};
pub use view::Environment;
