//! Whole clusters in memory.

mod desk;
mod flows;
mod lab;
mod losses;
