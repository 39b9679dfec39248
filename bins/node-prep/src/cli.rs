//! The command line as it is written.

use std::path::PathBuf;

use ::cli::OutputFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use node_bootstrap::cluster::ADMIN;

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
        /// Only shows what would be done; exit code 3 if there is something
        #[arg(long)]
        dry_run: bool,
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
        /// Also what someone else has changed since, packages of others that need those that go, and those of a node
        #[arg(long)]
        force: bool,
        /// Goes on where a change cannot be taken back: that one stands, and the exit code is 4
        #[arg(long)]
        keep_going: bool,
        /// Also the data of etcd, where kubeadm made this host a control plane
        #[arg(long)]
        with_data: bool,
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
    /// Makes a new cluster, with this host as its first control plane
    ///
    /// kubeadm does it, and reads a file that is made from node.yaml. Then the users that node.yaml names get their
    /// kubeconfig, and the network plugin is applied. What a run that was cut short has left is finished by the next one; where
    /// there is a cluster already, nothing is changed.
    Init {
        #[command(flatten)]
        wish: Wish,
        #[command(flatten)]
        kubeadm: Kubeadm,
        /// Makes a token, and prints how other hosts join; it is a secret
        #[arg(long)]
        print_join: bool,
        /// With --print-join: also for other control planes, within two hours
        #[arg(long, requires = "print_join")]
        upload_certs: bool,
    },
    /// Makes this host a node of a cluster that is there
    ///
    /// `node-prep token create` on a control plane prints how. Where the host is in this cluster already, nothing is changed.
    Join {
        #[command(flatten)]
        wish: MaybeWish,
        #[command(flatten)]
        kubeadm: Kubeadm,
        #[command(flatten)]
        invitation: Invitation,
    },
    /// Tokens that hosts join with; for a control plane
    Token {
        /// The administrator's kubeconfig
        #[arg(long, value_name = "FILE", default_value = ADMIN)]
        kubeconfig: String,
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Answers one call of `k8s-cluster`, which comes on standard input
    #[command(hide = true)]
    Agent,
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
    /// An environment.xml of HPCC: the kernel's buffers are as large as its Roxie clusters demand
    #[arg(long, value_name = "FILE")]
    pub(crate) environment: Option<PathBuf>,
}

/// As [`Wish`], where nothing has to be wished.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the host shall be")]
pub(crate) struct MaybeWish {
    /// A node.yaml
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// A built-in profile; a node.yaml that names none is laid over it
    #[arg(short, long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// How kubeadm is called.
#[derive(Debug, Args)]
pub(crate) struct Kubeadm {
    /// Checks of kubeadm whose errors become warnings, beside those of node.yaml: NumCPU,Mem or all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) ignore_preflight_errors: Vec<String>,
    /// How long to wait for the node to be Ready; 0s for not at all
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub(crate) wait: SignedDuration,
    /// Only shows what would be done; exit code 3 if there is something
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Which cluster, and what lets the host in. Secrets are never arguments: others see those.
#[derive(Debug, Args)]
#[command(next_help_heading = "The cluster")]
pub(crate) struct Invitation {
    /// Where its API server is
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) endpoint: String,
    /// The hash of the key of its authority
    #[arg(long, value_name = "sha256:HEX")]
    pub(crate) ca_cert_hash: String,
    /// A file with the token in its first line
    #[arg(long, value_name = "FILE", required_unless_present = "token_stdin")]
    pub(crate) token_file: Option<PathBuf>,
    /// The token is the first line of standard input; with --control-plane the second may be the certificate key
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token_stdin: bool,
    /// The host becomes another control plane
    #[arg(long)]
    pub(crate) control_plane: bool,
    /// A file with the certificate key in its first line
    #[arg(long, value_name = "FILE", requires = "control_plane")]
    pub(crate) certificate_key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Makes a token, and prints how other hosts join; it is a secret
    Create {
        /// How long it is valid
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        ttl: SignedDuration,
        /// What it is for, for people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Also for other control planes: uploads what they need, encrypted, for two hours
        #[arg(long)]
        upload_certs: bool,
    },
    /// Shows the public parts of the tokens that are valid
    List,
    /// Takes a token away
    Delete {
        /// Its public part: the 6 characters before the dot
        id: String,
    },
}
