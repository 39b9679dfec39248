//! The command line as it is written.

use std::path::PathBuf;

use ::cli::OutputFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Prepares a host for Kubernetes: shows every change before it is made, makes them in order, and takes them back.
///
/// What a host shall be stands in a node.yaml, in a built-in profile (hap-centos, kubeadm, hpcc, hyperflow), or in both.
///
/// Exit codes: 0 done, 1 failed, 2 the input cannot be used, 3 there is something to do (plan) or to mend (check, verify),
/// 4 partly done: run it again, 5 done once the machine is started again, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "node-prep", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Works on the tree of files below this folder (an image, a chroot) instead of this machine
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// How results are printed
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows what has to be done; exit code 3 if there is something
    Plan {
        #[command(flatten)]
        wish: Wish,
        /// Also writes the plan to this file, for `apply --plan`
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Makes the changes, one by one; each is in the journal before it is made
    Apply {
        #[command(flatten)]
        wish: Wish,
        /// Makes these changes and no others: refuses if the host needs others by now
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Looks whether the host is what it shall be, now and after its next start; exit code 3 if not
    Verify {
        #[command(flatten)]
        wish: Wish,
    },
    /// Looks for what would stand in the way of kubeadm, by kubeadm's names and more; exit code 3 if something does
    Check {
        /// What for
        #[arg(value_name = "PURPOSE", default_value = "init")]
        purpose: Purpose,
        #[command(flatten)]
        wish: Wish,
        /// Checks whose failures are only warnings, as kubeadm has it: NumCPU,Mem or all
        #[arg(long, value_name = "NAMES")]
        ignore_preflight_errors: Vec<String>,
    },
    /// Takes away what a cluster left on this host, and nothing of others: pods, links, rules, mounts, files
    Reset {
        #[command(flatten)]
        wish: Wish,
        /// Also the data of etcd, and its member leaves the cluster
        #[arg(long)]
        with_data: bool,
        /// Only shows what goes and what stays; exit code 3 if something goes
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Takes back what was changed, the last change first
    Undo {
        /// Only what this run and those after it changed (see `status`)
        #[arg(long, value_name = "NUMBER", conflicts_with = "step")]
        since: Option<u32>,
        /// Only what this step changed
        #[arg(long, value_name = "STEP")]
        step: Option<String>,
        /// Also what someone else has changed since
        #[arg(long)]
        force: bool,
        /// Also takes the journal and former contents away, once nothing is left to take back
        #[arg(long)]
        forget: bool,
        /// Only shows what would be taken back; exit code 3 if there is something
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Shows what was changed, when and by whom, and whether it is still as it was left
    Status,
    /// Shows what the host is
    Facts,
    /// Says what a step is for, or all of them
    Explain {
        /// The step, such as `sysctls`
        step: Option<String>,
    },
    /// Prints shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What a host is checked for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Purpose {
    /// To begin a cluster
    Init,
    /// To join one as a worker
    Join,
    /// To join one as a control plane
    JoinControlPlane,
    /// To be a sound host, whatever comes
    Host,
}

/// What the host shall be.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the host shall be")]
pub(crate) struct Wish {
    /// A node.yaml
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// A built-in profile; a node.yaml that names none is laid over it
    #[arg(short, long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}
