//! The library as its users see it.

mod compat;
mod data;
mod edit;
