//! The command line of HPCC's `envgen`, apart from the program that takes it.
//!
//! [`argv`] parts envgen's arguments from our own before clap sees them; [`intake`] turns what is wrong with them
//! into what is printed, with its exit code. What they mean is `envxml::compat`'s affair.

pub mod argv;
pub mod intake;
