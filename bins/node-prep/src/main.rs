//! `node-prep`: prepares a host for Kubernetes, shows every change before it is made, and takes it back.

mod cli;
mod command;
mod etcd;
mod fetch;
mod roxie;
mod session;
mod show;

use std::process::ExitCode;

use ::cli::Exit;
use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    ::cli::finish("node-prep", command::run(&arguments), Exit::of)
}
