//! A worker over loopback, beside a little engine.

#![cfg(feature = "run")]

mod engine;
mod pool;
