//! Tests of the crate through its public face.

#![expect(
    clippy::unwrap_used,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions"
)]

mod inventory;
mod placement;
mod schema;
mod spec;
