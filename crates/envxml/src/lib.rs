//! The environment of an HPCC Systems cluster: the file `environment.xml`.
//!
//! - [`tree`] reads the file without losing a byte and writes it back, or in `envgen`'s own layout.
//! - [`lint`] finds faults, and says how to mend them.
//! - [`list`] gives the lists of `configgen`: machines, instances, services, folders.
//! - [`view`] shows the machines, components and instances that a tree describes.
//!
//! The crate does no input or output of its own: it takes text and gives text.

pub mod lint;
pub mod list;
pub mod tree;
pub mod view;

pub use tree::{Document, Element, ReadError};
pub use view::Environment;
