//! What is known of versions, ports, repositories, modules and chains: tables, not code.
//!
//! The tables are JSON files under `data/`, built in, and parsed once when they are first asked for.

pub mod distribution;
pub mod host;
pub mod kubernetes;
pub mod leftovers;
pub mod modules;
pub mod ports;
pub mod preflight;
pub mod repositories;
pub mod roxie;

use serde::de::DeserializeOwned;

/// Reads a table that is built in.
#[expect(clippy::expect_used, reason = "the text is built in, and a test of each table reads it")]
fn table<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("a table that is built in fits its type")
}
