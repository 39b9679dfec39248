//! One file a command.

mod check;
mod convert;
mod render;

use ::cli::Exit;
use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Command};

/// Carries out what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    match &cli.command {
        Command::Check { input, output } => check::check(input, *output),
        Command::Render { folder, legacy } => render::render(&folder.path, legacy),
        Command::Convert { folder } => convert::convert(&folder.path),
        Command::Completions { shell } => {
            ::cli::print_completions(*shell, Cli::command())?;
            Ok(Exit::Ok)
        }
    }
}
