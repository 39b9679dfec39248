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
    let cli = cli::Cli::parse_from(arguments);
    ::cli::finish("hpcc-envgen", command::run(&cli), Exit::of)
}
