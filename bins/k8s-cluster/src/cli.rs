//! The command line as it is written.

use std::path::PathBuf;

use ::cli::OutputFormat;
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

/// Kubernetes clusters of many hosts, described by a cluster.yaml or by the four configuration files of OpenPAI.
///
/// What has to be done is shown before it is done. Nothing is kept at the desk: hosts say what they are, so the same command again goes
/// on where one was cut short.
///
/// Exit codes: 0 done, 1 failed or refused, 2 the input cannot be used, 3 there is something to do (--dry-run, plan) or to mend (status,
/// etcd status, drift, certs check), 4 partly done: run it again, 5 hosts have to be started again first, 130 interrupted or not wanted.
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
    /// Shows what `deploy` would do; exit code 3 if there is something
    Plan {
        #[command(flatten)]
        desk: Desk,
        /// Asks no host: shows what is done where all are bare
        #[arg(long)]
        offline: bool,
    },
    /// Makes the cluster what its description says: prepares hosts, begins the cluster, has hosts join
    Deploy {
        #[command(flatten)]
        desk: Desk,
        /// Only makes hosts ready for the cluster, and begins none: to bring images to them first
        #[arg(long)]
        prepare_only: bool,
        #[command(flatten)]
        go: Go,
    },
    /// Takes the cluster away from all hosts
    Clean {
        #[command(flatten)]
        desk: Desk,
        /// Also the data of etcd: all that is in the cluster
        #[arg(long)]
        with_data: bool,
        /// Also takes back what was changed on the hosts before they joined: packages, settings
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        go: Go,
    },
    /// Takes hosts of the description into the cluster that is there
    Add {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        go: Go,
    },
    /// Takes hosts out: pods move away, the member leaves etcd, the node is deleted, the host is cleaned
    Remove {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        drain: Drain,
        /// The hosts will not come back: nothing is moved away from those that do not answer, and nothing cleaned there
        #[arg(long)]
        gone: bool,
        /// Also takes out a member of etcd that is needed for its quorum
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        go: Go,
    },
    /// Mends workers: what is missing is made up for, runtime and kubelet are started again, those that fell out join again; and
    /// proxies that lead nowhere
    Repair {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        go: Go,
    },
    /// Makes the member of etcd on a control plane anew, where it is dead, wiped or left behind
    Etcdfix {
        #[command(flatten)]
        desk: Desk,
        /// Control planes; more than one only where the others still are enough for a quorum
        #[arg(value_name = "HOST", required = true)]
        hosts: Vec<String>,
        #[command(flatten)]
        go: Go,
    },
    /// The members of etcd together: status, snapshots, restoring one
    Etcd {
        #[command(subcommand)]
        verb: EtcdVerb,
    },
    /// Brings the cluster to the version of its description: one minor, control planes first
    Upgrade {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        drain: Drain,
        #[command(flatten)]
        go: Go,
    },
    /// The certificates of the control planes
    Certs {
        #[command(subcommand)]
        verb: CertsVerb,
    },
    /// Shows hosts, nodes and members of etcd; exit code 3 if anything is not well
    Status {
        #[command(flatten)]
        desk: Desk,
        /// How the result is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: OutputFormat,
    },
    /// Looks on all hosts for what is not as described, and for what `node-prep check` and `verify` find; exit code 3 if there is something
    Drift {
        #[command(flatten)]
        desk: Desk,
        /// How the result is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: OutputFormat,
    },
    /// Makes a token, and prints how hosts join by hand; it is a secret
    Token {
        #[command(flatten)]
        desk: Desk,
        /// How long it is valid
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        ttl: SignedDuration,
        /// Also for control planes, within two hours
        #[arg(long)]
        control_planes: bool,
    },
    /// Merges the administrator's access into a kubeconfig file; what stood there is kept beside it
    Kubeconfig {
        #[command(flatten)]
        desk: Desk,
        /// The file; without it, ~/.kube/config
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Installs kubectl here: the very program of the cluster's control plane, so that versions fit
    InstallKubectl {
        #[command(flatten)]
        desk: Desk,
        /// The folder
        #[arg(long, value_name = "DIR", default_value = "/usr/local/bin")]
        to: PathBuf,
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

/// A cluster, and how its hosts are reached.
#[derive(Debug, Args)]
pub(crate) struct Desk {
    #[command(flatten)]
    pub(crate) input: Input,
    /// A configuration of ssh in place of the user's own
    #[arg(long, value_name = "FILE", help_heading = "How hosts are reached")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// Learns the keys of hosts that are not known yet; changed ones are refused all the same
    #[arg(long, help_heading = "How hosts are reached")]
    pub(crate) accept_new_host_keys: bool,
    /// A file whose first line is the password for sudo
    #[arg(long, value_name = "FILE", help_heading = "How hosts are reached")]
    pub(crate) sudo_password_file: Option<PathBuf>,
    /// How many hosts work at once
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 10,
        help_heading = "How hosts are reached"
    )]
    pub(crate) parallel: usize,
    /// The node-prep that is brought to the hosts; without it, the one beside this program
    #[arg(long, value_name = "FILE", help_heading = "How hosts are reached")]
    pub(crate) node_prep: Option<PathBuf>,
    /// Where a log of each host is written; without it, below ~/.local/state/k8s-cluster
    #[arg(long, value_name = "DIR", help_heading = "How hosts are reached")]
    pub(crate) logs: Option<PathBuf>,
    /// How long a node may take to become Ready
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        help_heading = "How hosts are reached"
    )]
    pub(crate) wait: SignedDuration,
}

/// Whether it is done.
#[derive(Debug, Args)]
pub(crate) struct Go {
    /// Only shows what would be done; exit code 3 if there is something
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// How the plan and the outcome are printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

/// Hosts of the cluster.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Named {
    /// Names of hosts in the description
    #[arg(value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// A list of nodes as OpenPAI has it: their names
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
}

/// How nodes are emptied.
#[derive(Debug, Args)]
#[command(next_help_heading = "How nodes are emptied")]
pub(crate) struct Drain {
    /// How long pods may take to go elsewhere
    #[arg(long = "drain-timeout", value_name = "DURATION", default_value = "5m")]
    pub(crate) limit: SignedDuration,
    /// Pods go that have data in an emptyDir, which are lost
    #[arg(long)]
    pub(crate) delete_emptydir_data: bool,
    /// Pods go that nothing will make anew
    #[arg(long)]
    pub(crate) delete_bare_pods: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EtcdVerb {
    /// Shows the members, who leads, and who is healthy; exit code 3 if one is not
    Status {
        #[command(flatten)]
        desk: Desk,
        /// How the result is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: OutputFormat,
    },
    /// Takes a snapshot and brings it here
    Snapshot {
        #[command(flatten)]
        desk: Desk,
        /// The file; it has all secrets of the cluster, and only its owner can read it
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Begins etcd anew from a snapshot, on all control planes: what was written after it is lost
    Restore {
        #[command(flatten)]
        desk: Desk,
        /// The snapshot
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Leaves a control plane out that is gone for good, and at whose address nothing answers; may be given several times
        #[arg(long, value_name = "HOST")]
        without: Vec<String>,
        /// Also where a quorum is healthy
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        go: Go,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertsVerb {
    /// Shows until when they are valid; exit code 3 if one ends within 30 days
    Check {
        #[command(flatten)]
        desk: Desk,
        /// How the result is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: OutputFormat,
    },
    /// Renews them, one control plane after another; on all at first where they have ended and nothing answers any more
    Renew {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        go: Go,
    },
}
