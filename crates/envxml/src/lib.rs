//! The environment of an HPCC Systems cluster: the file `environment.xml`.
//!
//! - [`tree`] reads the file without losing a byte and writes it back, or in `envgen`'s own layout.
//! - [`view`] shows the machines, components and instances that a tree describes.
//! - [`diff`] compares two environments: machines, components, instances, attributes.
//! - [`plan`] tells from two environments what must restart, in which order, and what may be lost.
//!
//! The crate does no input or output of its own: it takes text and gives text.

pub mod diff;
pub mod plan;
pub mod tree;
pub mod view;

pub use diff::Diff;
pub use plan::RestartPlan;
pub use tree::{Document, Element, ReadError};
pub use view::Environment;
