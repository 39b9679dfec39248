//! The command line as it is written.

use std::path::PathBuf;

use ::cli::OutputFormat;
use clap::{Args, Parser, Subcommand};

/// Kubernetes clusters of many hosts, described by a cluster.yaml or by the four configuration files of OpenPAI.
///
/// Exit codes: 0 done, 1 failed, 2 the input cannot be used.
#[derive(Debug, Parser)]
#[command(name = "k8s-cluster", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tells everything that is wrong or strange, with file, line and column; exit code 2 if anything is wrong
    Check {
        #[command(flatten)]
        input: Input,
        /// How the result is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: OutputFormat,
    },
    /// Writes the files that OpenPAI would have put on each host, for comparison: Kubernetes 1.9 without TLS
    Render {
        #[command(flatten)]
        folder: Folder,
        /// The folder to write to; it must be empty or not there yet
        #[arg(long, value_name = "DIR")]
        legacy: PathBuf,
    },
    /// Prints a cluster.yaml made of OpenPAI's files; comments at its top say what is lost
    Convert {
        #[command(flatten)]
        folder: Folder,
    },
    /// Prints shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What describes a cluster.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Input {
    /// The folder with OpenPAI's four files
    #[arg(short, long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// A cluster.yaml, or one of OpenPAI's lists of nodes
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// OpenPAI's files.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder with OpenPAI's four files
    #[arg(short, long, value_name = "DIR")]
    pub(crate) path: PathBuf,
}
