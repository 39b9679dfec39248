//! The library as its users see it.

mod data;
mod lint;
mod list;
