//! Tests over the public interface.

mod data;
//! The library as its users see it, on objects of a real cluster.
#![expect(
    clippy::unwrap_used,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions"
)]
mod golden;
