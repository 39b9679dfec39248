//! Whole clusters in memory.

#![expect(
    clippy::unwrap_used,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions"
)]

mod desk;
mod disaster;
mod flows;
mod lab;
mod losses;
