//! One file a command.

mod completions;
mod diff;
mod edit;
mod explain;
mod generate;
mod list;
mod plan;

use anyhow::Result;
use cli::Exit;

use crate::cli::{Cli, Command};

/// Carries out what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    match &cli.command {
        Command::Generate(arguments) => generate::generate(arguments),
        Command::Diff(arguments) => diff::diff(arguments),
        Command::Plan(arguments) => plan::plan(arguments),
        Command::List(arguments) => list::list(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Edit(arguments) => edit::edit(arguments),
        Command::Completions { shell } => completions::completions(*shell),
    }
}
