//! `wf-worker`: runs the tasks of a workflow in a pod, for `wf-run`.

mod cli;
mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match command::run(cli::Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ::cli::finish("wf-worker", Err(error), ::cli::Exit::of),
    }
}
