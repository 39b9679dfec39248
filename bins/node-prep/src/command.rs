//! One file a command.

mod agent;
mod apply;
mod check;
mod explain;
mod facts;
mod init;
mod join;
mod plan;
mod reset;
mod status;
mod token;
mod undo;
mod verify;

use ::cli::Exit;
use anyhow::Result;
use clap::CommandFactory;
use node_bootstrap::undo::Options;

use crate::cli::{Cli, Command};
use crate::session::Session;

/// Carries out what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    let session = || Session::new(cli);
    match &cli.command {
        Command::Plan { wish, save } => plan::plan(&session()?, wish, save.as_deref()),
        Command::Apply { wish, plan, dry_run, yes } => {
            apply::apply(&session()?, wish, plan.as_deref(), *dry_run, *yes)
        }
        Command::Verify { wish } => verify::verify(&session()?, wish),
        Command::Check { purpose, wish, ignore_preflight_errors } => {
            check::check(&session()?, *purpose, wish, ignore_preflight_errors)
        }
        Command::Reset { wish, with_data, dry_run, yes } => {
            let asked = reset::Asked { with_data: *with_data, dry_run: *dry_run, yes: *yes };
            reset::reset(&session()?, wish, &asked)
        }
        Command::Undo { since, step, force, keep_going, with_data, forget, dry_run, yes } => {
            let options = Options {
                extent: undo::extent(*since, step.as_deref()),
                force: *force,
                keep_going: *keep_going,
                with_data: *with_data,
            };
            let asked = undo::Asked { options, forget: *forget, yes: *yes };
            undo::undo(&session()?, &asked, *dry_run)
        }
        Command::Init { wish, kubeadm, print_join, upload_certs } => {
            init::init(&session()?, wish, kubeadm, *print_join, *upload_certs)
        }
        Command::Join { wish, kubeadm, invitation } => {
            join::join(&session()?, wish, kubeadm, invitation)
        }
        Command::Token { kubeconfig, verb } => token::token(&session()?, kubeconfig, verb),
        Command::Agent => agent::agent(&session()?),
        Command::Status => status::status(&session()?),
        Command::Facts => facts::facts(&session()?),
        Command::Explain { step } => explain::explain(step.as_deref()),
        Command::Completions { shell } => {
            ::cli::print_completions(*shell, Cli::command())?;
            Ok(Exit::Ok)
        }
    }
}
