//! `wf-run`: runs workflow graphs on this machine.

mod cli;
mod cluster;
mod command;
mod history;
mod input;
mod problems;
mod progress;
mod runs;
mod signals;
mod source;
mod summary;

use std::process::ExitCode;

use ::cli::Exit;
use clap::Parser;
use workflow_engine::LoadError;
use workflow_engine::store::StoreError;

/// The exit code of an error. What is wrong with a workflow file, or with the name of a run, is the user's input.
fn exit_of(error: &anyhow::Error) -> Exit {
    let is_invalid = error.is::<LoadError>()
        || matches!(error.downcast_ref(), Some(StoreError::NotBegun { .. }));
    if is_invalid { Exit::Invalid } else { Exit::of(error) }
}

fn main() -> ExitCode {
    let cli = cli::Cli::parse_from(cli::with_default_command(std::env::args_os()));
    ::cli::finish("wf-run", command::run(cli), exit_of)
}
