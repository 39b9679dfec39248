//! `hpcc-envgen`: generates and evolves the environment.xml of HPCC Systems clusters.

mod cli;
mod command;
mod file;
mod problems;
mod settings;
mod source;

use std::process::ExitCode;

use ::cli::Exit;
use clap::{CommandFactory, Parser};
use hpcc_envgen::argv;

fn main() -> ExitCode {
    let arguments = argv::translate(std::env::args_os().collect(), &cli::Cli::command());
    match cli::Cli::try_parse_from(&arguments) {
        Ok(cli) => ::cli::finish("hpcc-envgen", command::run(&cli), Exit::of),
        // envgen has no exit code 2.
        Err(error) if error.use_stderr() && arguments.iter().any(|one| one == "--compat") => {
            ::cli::say(error.to_string().trim_end());
            Exit::Failed.into()
        }
        Err(error) => error.exit(),
    }
}
