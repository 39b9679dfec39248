//! The environment of an HPCC Systems cluster: the file `environment.xml`.
//!
//! - [`tree`] reads the file without losing a byte and writes it back, or in `envgen`'s own layout.
//! - [`catalogue`] knows what the components of an HPCC version consist of.
//! - [`compat`] places components on machines exactly as `envgen` does.
//! - [`edit`] changes an environment: the operations of `envgen2`.
//! - [`config_dir`] reads the configuration directory of 2019 into edits.
//! - [`generate`] writes a placement down as an environment.
//! - [`view`] shows the machines, components and instances that a tree describes.
//!
//! The crate does no input or output of its own: it takes text and gives text.

pub mod catalogue;
pub mod compat;
pub mod config_dir;
pub mod edit;
pub mod generate;
pub mod tree;
pub mod view;

pub use tree::{Document, Element, ReadError};
pub use view::Environment;
