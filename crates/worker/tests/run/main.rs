//! A worker over loopback, beside a little engine.

#![cfg(feature = "run")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on is to fail"
)]
#![expect(clippy::similar_names, reason = "one talks about tasks")]

mod batch;
mod engine;
mod files;
mod pool;
mod relay;
