//! Tests of the crate through its public face.

mod placement;
mod schema;
mod spec;
