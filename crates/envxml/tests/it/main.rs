//! The library as its users see it.

mod compat;
mod data;
mod diff;
mod edit;
mod explain;
mod list;
mod small;
