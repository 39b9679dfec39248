//! `k8s-apply`: puts sets of manifests on a Kubernetes cluster, and keeps them there.

mod cli;
mod command;
mod intake;
mod session;
mod show;

use std::process::ExitCode;

use ::cli::Exit;
use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    ::cli::finish("k8s-apply", command::run(&arguments), Exit::of)
}
