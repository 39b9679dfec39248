//! The command line as it is typed, after `argv` has translated what is in envgen's style.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::OutputFormat;

/// Generates, checks, compares and changes the environment.xml of HPCC Systems clusters.
#[derive(Debug, Parser)]
#[command(name = "hpcc-envgen", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 usage or invalid input; 3 differences or findings. With --compat as envgen: 0 or 1.

Without a subcommand, generate is meant: hpcc-envgen --pods pods.json -env environment.xml";

const GENERATE_HELP: &str = "\
envgen's own options are understood as well, in any case and mixed with the ones above: -env FILE, -ip LIST, -ipfile FILE, \
-supportnodes N, -roxienodes N, -thornodes N, -espnodes N, -slavesPerNode N, -thorChannelsPerSlave N, \
-roxieChannelsPerSlave N, -roxieondemand 0|1, -o CATEGORY=DIR, -override BUILDSET,@ATTRIBUTE,VALUE, \
-set_xpath_attrib_value XPATH @ATTRIBUTE VALUE, -assign_ips BUILDSET LIST. -help explains them.

Without -env the environment goes to standard output.";

/// Where machines come from if not from a live cluster.
const OTHER_SOURCES: [&str; 3] = ["pods", "addresses", "compat"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate an environment.xml from pods, address files or address lists
    Generate(Box<Generate>),
    /// Find faults of an environment, and say how to mend them
    Lint(Lint),
    /// Compare two environments: machines, instances, attributes
    Diff(Pair),
    /// Tell what must restart to get from one environment to another, in which order, and what may be lost
    Plan(Plan),
    /// List what an environment runs, as configgen does
    List(List),
    /// Tell where values come from: default, derived, or set by hand
    Explain(Explain),
    /// Change an environment with the operations of envgen2; all or none
    Edit(Edit),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = GENERATE_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Generate {
    /// Read pods as `kubectl get pods -o json` prints them; - is standard input
    #[arg(long, value_name = "FILE", group = "source", help_heading = "Machines")]
    pub(crate) pods: Option<PathBuf>,
    /// List the pods of a live cluster; a Role that may list pods in one namespace is enough
    #[arg(long, group = "source", help_heading = "Machines")]
    pub(crate) from_cluster: bool,
    /// Read address files by role as the scripts of 2016 and 2019 leave them: thor-thor1, roxie-roxie1, support, ...
    #[arg(long, value_name = "FOLDER", group = "source", help_heading = "Machines")]
    pub(crate) addresses: Option<PathBuf>,

    /// The namespace of the pods
    #[arg(short, long, value_name = "NAME", help_heading = "Pods")]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME", requires = "from_cluster", conflicts_with_all = OTHER_SOURCES, help_heading = "Pods")]
    pub(crate) context: Option<String>,
    /// The kubeconfig; otherwise KUBECONFIG, ~/.kube/config, or the account of the pod that this runs in
    #[arg(long, value_name = "FILE", requires = "from_cluster", conflicts_with_all = OTHER_SOURCES, help_heading = "Pods")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Write the host names that headless services give to pods of stateful sets, instead of addresses
    #[arg(long, help_heading = "Pods")]
    pub(crate) host_names: bool,
    /// What ends the host names of pods
    #[arg(long, value_name = "NAME", default_value = "cluster.local", help_heading = "Pods")]
    pub(crate) cluster_domain: String,
    /// Go on with an incomplete set of pods
    #[arg(long, help_heading = "Pods")]
    pub(crate) allow_partial: bool,
    /// Wait until the set of pods is complete
    #[arg(
        long,
        requires = "from_cluster",
        conflicts_with_all = ["pods", "addresses", "compat", "allow_partial"],
        help_heading = "Pods"
    )]
    pub(crate) wait: bool,
    /// How long to wait, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 300,
        requires = "wait",
        help_heading = "Pods"
    )]
    pub(crate) timeout: u64,
    /// Print the account and the Role that --from-cluster needs, and do nothing else
    #[arg(long, help_heading = "Pods")]
    pub(crate) print_rbac: bool,

    /// What is wanted of the cluster: an hpcc.yaml
    #[arg(long, value_name = "FILE", help_heading = "Content")]
    pub(crate) cluster: Option<PathBuf>,
    /// A folder of settings as the ConfigMap of 2019 has them: topology.properties, override.envgen2, contents/*.xml, ...
    #[arg(long, value_name = "FOLDER", help_heading = "Content")]
    pub(crate) config_dir: Option<PathBuf>,
    /// The version of HPCC: 7.2, 10; otherwise that of hpcc.yaml or of the pods' images, else the newest
    #[arg(long, value_name = "VERSION", help_heading = "Content")]
    pub(crate) hpcc_version: Option<String>,
    /// The host that the second line of the file names
    #[arg(long, value_name = "HOST", default_value = "hpcc-envgen", help_heading = "Content")]
    pub(crate) host_label: String,
    /// Let roles share machines when an address list is too short
    #[arg(long, help_heading = "Content")]
    pub(crate) share: bool,
    /// Do exactly as envgen 7.2.20 does: placement, messages, exit codes
    #[arg(long, conflicts_with_all = ["source", "cluster", "config_dir", "check", "share"], help_heading = "Content")]
    pub(crate) compat: bool,

    /// Write nothing; compare with the file that is there (exit code 3 when it differs)
    #[arg(long, help_heading = "Output")]
    pub(crate) check: bool,

    #[arg(last = true, hide = true, allow_hyphen_values = true)]
    pub(crate) envgen: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The environment
    pub(crate) file: Option<PathBuf>,
    /// What the cluster runs on: rules about pods run with kubernetes only
    #[arg(long, value_name = "TARGET", value_enum, default_value_t = LintTarget::Host)]
    pub(crate) target: LintTarget,
    /// Compare with pods as `kubectl get pods -o json` prints them; - is standard input. Implies --target kubernetes
    #[arg(long, value_name = "FILE")]
    pub(crate) pods: Option<PathBuf>,
    /// Leave out rules by name
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) disable: Vec<String>,
    /// Print all rules
    #[arg(long)]
    pub(crate) rules: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What a cluster runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintTarget {
    /// Machines with addresses that stay
    Host,
    /// Pods
    Kubernetes,
}

/// Two environments.
#[derive(Debug, Args)]
pub(crate) struct Pair {
    /// The former environment
    pub(crate) old: PathBuf,
    /// The new environment
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) pair: Pair,
    /// A machine that keeps its disks when its address changes (address, host name or name of a computer)
    #[arg(long, value_name = "MACHINE", value_delimiter = ',')]
    pub(crate) stable: Vec<String>,
    /// All machines keep their disks
    #[arg(long, conflicts_with = "stable")]
    pub(crate) all_stable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// What to list
    #[arg(value_enum)]
    pub(crate) kind: ListKind,
    /// The environment
    pub(crate) file: PathBuf,
    /// What stands for an address of . (the machine that reads the file)
    #[arg(long, value_name = "ADDRESS", default_value = ".")]
    pub(crate) local: String,
    /// How to print the list: text is configgen's own form
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = ListFormat::Text)]
    pub(crate) output: ListFormat,
}

/// The lists of configgen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListKind {
    /// All instances without thor slaves (-listall)
    #[value(alias = "listall")]
    All,
    /// All instances (-listall2)
    #[value(alias = "listall2")]
    All2,
    /// All machines (-machines)
    Machines,
    /// All ESP services (-listespservices)
    #[value(alias = "listespservices")]
    EspServices,
    /// All common directories (-listcommondirs)
    #[value(alias = "listcommondirs")]
    CommonDirs,
    /// All drop zones (-listdropzones)
    #[value(alias = "listdropzones")]
    DropZones,
    /// All LDAP servers (-listldaps)
    #[value(alias = "listldaps")]
    Ldaps,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// As configgen prints it
    Text,
    /// Columns under their names
    Table,
    /// JSON
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// What to explain: Software/ThorCluster[@name='mythor']/@slavesPerNode, or an element for all that is in it
    pub(crate) xpath: String,
    /// The environment
    pub(crate) file: PathBuf,
    /// The hpcc.yaml that it was generated with, to name the lines of overrides
    #[arg(long, value_name = "FILE")]
    pub(crate) cluster: Option<PathBuf>,
    /// The folder of settings that it was generated with, to name the lines of overrides
    #[arg(long, value_name = "FOLDER")]
    pub(crate) config_dir: Option<PathBuf>,
    /// The version of HPCC; otherwise that of the environment's build
    #[arg(long, value_name = "VERSION")]
    pub(crate) hpcc_version: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The environment
    pub(crate) file: PathBuf,
    /// envgen2's operations: -add-node roxie#myroxie@ip=10.1.1.9 -mod sw:thor#mythor@slavesPerNode=2 ...
    #[arg(
        required = true,
        allow_hyphen_values = true,
        trailing_var_arg = true,
        value_name = "OPERATION"
    )]
    pub(crate) operations: Vec<String>,
    /// Where to write instead of the file itself; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Show the difference and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show what must restart
    #[arg(long)]
    pub(crate) plan: bool,
    /// Leave references that lead nowhere
    #[arg(long)]
    pub(crate) force: bool,
    /// How new instances are named
    #[arg(long, value_name = "STYLE", value_enum, default_value_t = EditStyle::File)]
    pub(crate) style: EditStyle,
}

/// How new instances are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EditStyle {
    /// As the file's own instances
    File,
    /// As envgen: s1, m1, farm1
    Envgen,
    /// As envgen2: `s`, `s_2`, `m`, `farm`; nothing else is changed than what it changes
    Envgen2,
}

/// How a result is printed.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// How to print the result
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
