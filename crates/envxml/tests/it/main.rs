//! The library as its users see it.

mod compat;
mod data;
mod diff;
mod edit;
mod explain;
mod laws;
mod lint;
mod list;
mod plan;
mod small;
