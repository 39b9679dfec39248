//! The command line of HPCC's `envgen`, apart from the program that takes it.
//!
//! Three steps, each a pure function: [`argv`] parts envgen's arguments from our own before clap sees them,
//! [`envgen_args`] makes a typed value of them, and [`intake`] turns what is wrong into what is printed, with
//! its exit code.

pub mod argv;
pub mod envgen_args;
pub mod intake;
