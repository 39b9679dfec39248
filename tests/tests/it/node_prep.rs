//! `node-prep` on hosts of the tests' own, and those hosts themselves.

mod hosts;
mod tree;
