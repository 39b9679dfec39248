//! `wf-run`: runs workflow graphs on this machine.

mod cli;
mod command;
mod exit;
mod history;
mod output;
mod problems;
mod progress;
mod runs;
mod signals;
mod source;
mod summary;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse_from(cli::with_default_command(std::env::args_os()));
    match command::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) if output::is_broken_pipe(&error) => exit::Exit::Ok.into(),
        Err(error) => {
            let exit = exit::Exit::of(&error);
            output::error(&error);
            exit.into()
        }
    }
}
