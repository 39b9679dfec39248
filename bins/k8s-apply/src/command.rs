//! One file a command.

mod apply;
mod check;
mod configmap;
mod convert;
mod delete;
mod diff;
mod history;
mod objects;
mod options;
mod scale;
mod status;
mod wait;

use ::cli::Exit;
use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Command};

/// Carries out what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    let connection = &cli.connection;
    match &cli.command {
        Command::Check(files) => check::check(connection, files),
        Command::Diff(applying) => diff::diff(connection, applying),
        Command::Apply { applying, no_wait } => apply::apply(connection, applying, !no_wait),
        Command::Wait { which, goal, waiting } => wait::wait(connection, which, goal, waiting),
        Command::Status(which) => status::status(connection, which),
        Command::Delete { which, yes, with_resources, dry_run, waiting } => {
            let asked =
                delete::Asked { yes: *yes, with_resources: *with_resources, dry_run: *dry_run };
            delete::delete(connection, which, &asked, waiting)
        }
        Command::History { set, revision } => history::history(connection, set, *revision),
        Command::Scale { target, replicas, no_wait, waiting } => {
            scale::scale(connection, target, *replicas, !no_wait, waiting)
        }
        Command::Convert(files) => convert::convert(connection, files),
        Command::Configmap { name, from_file, from_literal, from_env_file, secret } => {
            let given =
                configmap::Given { from_file, from_literal, from_env_file, secret: *secret };
            configmap::configmap(connection, name, &given)
        }
        Command::Completions { shell } => {
            ::cli::print_completions(*shell, Cli::command())?;
            Ok(Exit::Ok)
        }
    }
}
