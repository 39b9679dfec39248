//! A worker over loopback, beside a little engine.

#![cfg(feature = "run")]

mod batch;
mod engine;
mod files;
mod pool;
mod relay;
