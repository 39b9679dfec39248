//! `node-prep` on hosts of the tests' own, and those hosts themselves.

mod cluster;
mod debian;
mod el;
mod faults;
mod hosts;
mod image;
mod kills;
mod leftovers;
mod ready;
mod repositories;
mod tree;
