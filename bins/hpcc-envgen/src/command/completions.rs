//! `hpcc-envgen completions`: a script for the shell.

use anyhow::Result;
use clap::CommandFactory;
use cli::Exit;

use crate::cli::Cli;

pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    cli::print_completions(shell, Cli::command())?;
    Ok(Exit::Ok)
}
