//! `node-prep` on hosts of the tests' own, and those hosts themselves.

mod cluster;
mod hosts;
mod tree;
