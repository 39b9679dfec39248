//! One file a command.

mod completions;
mod generate;

use anyhow::Result;
use cli::Exit;

use crate::cli::{Cli, Command};

/// Carries out what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    match &cli.command {
        Command::Generate(arguments) => generate::generate(arguments),
        Command::Completions { shell } => completions::completions(*shell),
    }
}
