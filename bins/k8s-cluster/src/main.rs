//! `k8s-cluster`: Kubernetes clusters of many hosts. Reads and checks what describes them.

mod cli;
mod command;
mod intake;
mod nodes;

use std::process::ExitCode;

use ::cli::Exit;
use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    ::cli::finish("k8s-cluster", command::run(&arguments), Exit::of)
}
