//! Tests over the public interface.

#![expect(
    clippy::unwrap_used,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions"
)]

mod data;
mod golden;
