//! One file a command.

mod certs;
mod change;
mod check;
mod convert;
mod drift;
mod etcd;
mod kubeconfig;
mod kubectl;
mod plan;
mod render;
mod status;
mod token;

use ::cli::Exit;
use anyhow::Result;
use clap::CommandFactory;
use fleet::plan::{Clean, Remove};

use crate::cli::{CertsVerb, Cli, Command, EtcdVerb};

/// Carries out what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    match &cli.command {
        Command::Check { input, output } => check::check(input, *output),
        Command::Render { folder, legacy } => render::render(&folder.path, legacy),
        Command::Convert { folder } => convert::convert(&folder.path),
        Command::Plan { desk, offline } => plan::plan(desk, *offline),
        Command::Deploy { desk, prepare_only, go } => change::deploy(desk, *prepare_only, go),
        Command::Clean { desk, with_data, undo, go } => {
            change::clean(desk, Clean { with_data: *with_data, undo: *undo }, go)
        }
        Command::Add { desk, named, go } => change::add(desk, named, go),
        Command::Remove { desk, named, drain, gone, force, go } => {
            let how = Remove { drain: change::drain(drain), force: *force, gone: *gone };
            change::remove(desk, named, &how, go)
        }
        Command::Repair { desk, named, go } => change::repair(desk, named, go),
        Command::Upgrade { desk, drain, go } => change::upgrade(desk, &change::drain(drain), go),
        Command::Etcdfix { desk, hosts, go } => etcd::fix(desk, hosts, go),
        Command::Etcd { verb } => match verb {
            EtcdVerb::Status { desk, output } => etcd::status(desk, *output),
            EtcdVerb::Snapshot { desk, to } => etcd::snapshot(desk, to),
            EtcdVerb::Restore { desk, from, without, force, go } => {
                etcd::restore(desk, from, without, *force, go)
            }
        },
        Command::Certs { verb } => match verb {
            CertsVerb::Check { desk, output } => certs::check(desk, *output),
            CertsVerb::Renew { desk, go } => change::renew(desk, go),
        },
        Command::Status { desk, output } => status::status(desk, *output),
        Command::Drift { desk, output } => drift::drift(desk, *output),
        Command::Token { desk, ttl, control_planes } => token::token(desk, *ttl, *control_planes),
        Command::Kubeconfig { desk, to } => kubeconfig::kubeconfig(desk, to.as_deref()),
        Command::InstallKubectl { desk, to } => kubectl::install(desk, to),
        Command::Completions { shell } => {
            ::cli::print_completions(*shell, Cli::command())?;
            Ok(Exit::Ok)
        }
    }
}
