//! The command line as it is typed, after `argv` has translated what is in envgen's style.

use clap::{Parser, Subcommand};

/// Generates and evolves the environment.xml of HPCC Systems clusters.
#[derive(Debug, Parser)]
#[command(name = "hpcc-envgen", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 usage or invalid input.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
