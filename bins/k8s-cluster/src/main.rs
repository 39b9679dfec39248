//! `k8s-cluster`: Kubernetes clusters of many hosts: what describes them is checked, and made true.

mod cli;
mod command;
mod desk;
mod intake;
mod nodes;
mod private;
mod reach;
mod tell;

use std::process::ExitCode;

use ::cli::Exit;
use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    ::cli::finish("k8s-cluster", command::run(&arguments), Exit::of)
}
