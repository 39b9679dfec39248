//! The library as its users see it.

mod compat;
mod data;
mod diff;
mod small;
mod list;
