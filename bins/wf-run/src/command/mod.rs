//! One file a command.

mod cancel;
mod check;
mod execute;
mod generate;
mod graph;
mod logs;
mod ls;
mod rbac;
mod resume;
mod run;
mod status;
mod submit;
mod trace;

use anyhow::Result;
use cli::Exit;

use crate::cli::{Cli, Command};

/// Carries out what the command line says.
pub(crate) fn run(cli: Cli) -> Result<Exit> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Check(args) => check::check(&args),
        Command::Ls(args) => ls::ls(&args),
        Command::Status(args) => status::status(&args),
        Command::Logs(args) => logs::logs(&args),
        Command::Submit(args) => submit::submit(&args),
        Command::Cancel(args) => cancel::cancel(&args),
        Command::Rbac(args) => rbac::rbac(&args),
        Command::Graph(args) => graph::graph(&args),
        Command::Trace(args) => trace::trace(&args),
        Command::Gen(command) => generate::generate(&command),
        Command::Completions { shell } => {
            cli::print_completions(shell, <Cli as clap::CommandFactory>::command())?;
            Ok(Exit::Ok)
        }
    }
}
