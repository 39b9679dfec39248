//! The library as its users see it.

mod compat;
mod data;
mod diff;
mod list;
mod small;
