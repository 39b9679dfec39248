//! Tests of the crate through its public face.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions"
)]

mod convert;
mod folder;
mod legacy;
mod negative;
mod node_lists;
mod sets;
mod speed;
mod upstream;
