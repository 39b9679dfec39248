//! `bench`: measures `wf-run` beside its floor and its peers and judges it by the bars.
//!
//! Every row is one interleaved run: the contestants take turns, round by round, because the
//! speed of a shared machine drifts and only figures of one round can be compared. See
//! `benches/README.md` for what the rows mean.

mod bars;
mod cli;
mod contest;
mod floor;
mod generate;
mod graph;
mod k8s;
mod measure;
mod peers;
mod redis;
mod report;
mod rows;
mod settings;
mod statistics;
mod wf_run;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Helper};
use crate::settings::Settings;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(cli) {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; there is nobody else to tell then.
            let _ = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a helper subcommand or the rows. Exit code 3 says that a bar was missed.
fn carry_out(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.helper {
        Some(Helper::Floor(arguments)) => {
            floor::run(&arguments)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Helper::Generate(arguments)) => {
            generate::run(&arguments)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Helper::K8s(arguments)) => {
            let missed = k8s::run(&arguments)?;
            Ok(if missed { ExitCode::from(3) } else { ExitCode::SUCCESS })
        }
        None => {
            let rows = cli.measurement.selected();
            let settings = Settings::try_new(&cli.measurement)?;
            let missed = rows::run(&rows, &settings)?;
            Ok(if missed { ExitCode::from(3) } else { ExitCode::SUCCESS })
        }
    }
}
