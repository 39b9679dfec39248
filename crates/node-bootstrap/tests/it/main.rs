//! Tests of whole hosts in memory: plans, applying, death at any moment, and the way back.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod agent;
mod back;
mod cluster;
mod host;
mod lives;
mod namespace;
mod profiles;
