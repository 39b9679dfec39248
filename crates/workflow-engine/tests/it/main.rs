//! The engine from outside: real files, `HyperFlow`'s observed behaviour, crashes, edits, processes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions, and take `json!` in place"
)]

mod carry;
mod data;
mod local;
mod net;
mod probes;
mod resume;
mod schedule;
mod support;
