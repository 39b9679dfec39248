//! End-to-end tests of the tools, as their users run them.

mod cli;
mod kill;
mod montage;
