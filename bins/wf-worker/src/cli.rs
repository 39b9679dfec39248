//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs the tasks of a workflow in a pod.
///
/// wf-run puts this program into the pods that it makes, and starts it. It is of little use to people, but for `copy`.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take tasks from an engine, over and over
    #[command(after_help = "Exit codes:
    0  the engine has no more tasks
    1  the worker cannot work, for the reason on standard error
    2  usage, or an identity that cannot be used
   75  there was no engine for as long as the lease; its tasks were ended
   78  the engine has no use for this worker, for the reason on standard error
  143  SIGTERM or SIGINT; its tasks were ended")]
    Serve(Serve),
    /// Run the tasks that stand in the environment, one after another
    #[command(
        after_help = "The tasks stand in the variables WF_BATCH_0, WF_BATCH_1, and so on. What became of them is written to the message
file.

Exit codes of a single task:
  0-255  the exit code of its program
    127  it could not be started
    128  and the number of the signal that ended it
    137  memory ran out
    143  it was stopped
      1  the worker cannot say, or could not bring the task's files
Exit codes of several tasks:
    0  all ended with 0
    1  another did not
And of both:
    1  the worker cannot work, for the reason on standard error
    2  usage, an identity or tasks that cannot be used
   78  the engine has no use for this worker, for the reason on standard error
  143  SIGTERM or SIGINT; tasks that ran were ended"
    )]
    Run(Run),
    /// Copy this program to a directory, for the other containers of the pod
    #[command(after_help = "Exit codes:
    0  it is there
    1  it is not, for the reason on standard error")]
    Install(Install),
    /// Copy a folder: files with modes and times, folders, symbolic links
    #[command(after_help = "Files with the same size and time are left alone. Nothing is deleted.

Exit codes:
    0  all is there
    1  something is not, for the reason on standard error")]
    Copy(Copy),
    /// Bring workers and an engine outside the cluster together
    #[command(after_help = "Exit codes:
    1  it cannot listen, for the reason on standard error
    2  usage")]
    Relay(Relay),
}

/// Where and how tasks run.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Directory of ca.crt, tls.crt and tls.key
    #[arg(long, value_name = "DIR", default_value = "/windlass-id")]
    pub(crate) identity: PathBuf,
    /// Directory that paths of tasks are relative to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) work_dir: PathBuf,
    /// How long to hold tasks without an engine
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) lease: u32,
    /// How long tasks have to end after SIGTERM, before they are killed
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) grace: u32,
    #[arg(long, value_name = "NAME", help = "Name of this pod [default: $WF_POD]")]
    pub(crate) pod: Option<String>,
    #[arg(long, value_name = "NAME", help = "Name of its node [default: $WF_NODE]")]
    pub(crate) node: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address of the engine; names are not looked up
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) engine: String,
    /// Run to work for
    #[arg(long, value_name = "NAME")]
    pub(crate) run: String,
    /// Class of the tasks to take
    #[arg(long, value_name = "NAME")]
    pub(crate) class: String,
    /// How many tasks to run at once
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) slots: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Name of the Job that this is: the tasks in the environment must be its
    pub(crate) id: String,
    /// File for what became of the tasks
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub(crate) message: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Directory to copy it to, as wf-worker
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// Folder of which the contents are copied
    pub(crate) from: PathBuf,
    /// Folder to copy them into
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Relay {
    /// Address to listen on for workers
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) workers: SocketAddr,
    /// Address to listen on for the engine
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) engine: SocketAddr,
}
