//! The raw command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::k8s::Setting;

/// Measures wf-run beside its floor and its peers, and judges it by the bars.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) helper: Option<Helper>,
    #[command(flatten)]
    pub(crate) measurement: MeasurementArguments,
}

/// What `bench` starts of itself as a child process.
#[derive(Debug, Subcommand)]
pub(crate) enum Helper {
    /// The floor: nothing but processes started and awaited from a few threads.
    Floor(FloorArguments),
    /// Writes a task graph as workflow.json, Makefile or build.ninja.
    Generate(GenerateArguments),
    /// wf-run on control planes of Kubernetes whose nodes are played.
    K8s(K8sArguments),
}

/// A measurement: which rows, with what, and where the figures go.
#[derive(Debug, Args)]
pub(crate) struct MeasurementArguments {
    /// Rows to measure, in this order.
    #[arg(value_enum, value_name = "ROW", required = true)]
    rows: Vec<RowChoice>,
    /// Rounds of each row; the tables show medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The binary to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/wf-run")]
    pub(crate) wf_run: PathBuf,
    /// The `hpcc-envgen` to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/hpcc-envgen")]
    pub(crate) hpcc_envgen: PathBuf,
    /// The `k8s-apply` to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/k8s-apply")]
    pub(crate) k8s_apply: PathBuf,
    /// The `kubectl` beside it. Both use the cluster that KUBECONFIG names.
    #[arg(long, value_name = "FILE", default_value = "kubectl")]
    pub(crate) kubectl: PathBuf,
    /// Where `benches/peers` installed the peers.
    #[arg(long, value_name = "DIR", default_value = "benches/.peers")]
    pub(crate) peers: PathBuf,
    /// Generated graphs, run folders and outputs of the contestants.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub(crate) scratch: PathBuf,
    /// Appends every single measurement to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) raw: Option<PathBuf>,
    /// Divides all task counts, for trying things out; bars are then not judged.
    #[arg(long, value_name = "DIVISOR", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shrink: u32,
    /// Ends a contestant that takes longer than this.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) limit: u64,
}

impl MeasurementArguments {
    /// The rows asked for, with `all` spelled out.
    pub(crate) fn selected(&self) -> Vec<RowChoice> {
        if self.rows.contains(&RowChoice::All) {
            RowChoice::value_variants()
                .iter()
                .copied()
                .filter(|row| *row != RowChoice::All)
                .collect()
        } else {
            self.rows.clone()
        }
    }
}

/// The rows, in the order of `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowChoice {
    /// 10,000 independent tasks: floor, make, ninja, wf-run.
    Ind10000,
    /// 1,000 independent tasks: wf-run, `HyperQueue`, HyperFlow, Snakemake.
    Ind1000,
    /// CPU time per task above the floor, with true0 and with /bin/true.
    Cpu,
    /// The 16,413-process Montage graph with /bin/true: make, ninja, wf-run.
    Montage,
    /// CPU time per task at 100,000 tasks against 1,000.
    Scaling,
    /// The Montage graph without processes: wf-run against HyperFlow.
    Noop,
    /// Load and check the 7 MB Montage file.
    Check,
    /// A million tasks in three shapes: memory per task and growth of CPU time.
    Million,
    /// A chain of 1,000 tasks in one slot.
    Chain,
    /// Resume of a finished Montage run against null builds.
    Resume,
    /// The journal's share of the wall time of the Montage run.
    Journal,
    /// hpcc-envgen: 10,000 machines generated, checked, compared; 203 as a whole process.
    Hpcc,
    /// k8s-apply: 500 objects into the cluster of KUBECONFIG, and again.
    Apply,
    /// All of them.
    All,
}

impl RowChoice {
    /// Its name on the command line and in the raw figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ind10000 => "ind10000",
            Self::Ind1000 => "ind1000",
            Self::Cpu => "cpu",
            Self::Montage => "montage",
            Self::Scaling => "scaling",
            Self::Noop => "noop",
            Self::Check => "check",
            Self::Million => "million",
            Self::Chain => "chain",
            Self::Resume => "resume",
            Self::Journal => "journal",
            Self::Hpcc => "hpcc",
            Self::Apply => "apply",
            Self::All => "all",
        }
    }
}

/// Arguments of `bench k8s`.
#[derive(Debug, Args)]
pub(crate) struct K8sArguments {
    /// Modes, each with the settings of its control plane: pool, clustered or job, with @default or @tuned.
    #[arg(value_name = "MODE", default_values = ["pool@default", "clustered@tuned", "clustered@default", "job@default"])]
    pub(crate) settings: Vec<Setting>,
    /// How many tasks run at once, in pods of one processor each.
    #[arg(long, default_value_t = SLOTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: u32,
    /// Tasks sleep for their recorded time times this.
    #[arg(long, default_value_t = FACTOR)]
    pub(crate) factor: f64,
    /// How long a run in the mode job is watched: all of it would take hours.
    #[arg(long, value_name = "SECONDS", default_value_t = JOB_SECONDS)]
    pub(crate) job_seconds: u64,
    /// Ends a run that takes longer than this.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    pub(crate) limit: u64,
    /// The binary to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/wf-run")]
    pub(crate) wf_run: PathBuf,
    /// The worker.
    #[arg(long, value_name = "FILE", default_value = "target/release/wf-worker")]
    pub(crate) wf_worker: PathBuf,
    /// The program that plays the nodes.
    #[arg(long, value_name = "FILE", default_value = "target/release/fake-nodes")]
    pub(crate) fake_nodes: PathBuf,
    /// Files of the runs.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub(crate) scratch: PathBuf,
    /// Appends the figures to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) raw: Option<PathBuf>,
    /// Leaves the control planes running, to look at.
    #[arg(long)]
    pub(crate) keep: bool,
    /// More options for wf-run.
    #[arg(last = true)]
    pub(crate) more: Vec<String>,
}

/// The bars are for these.
const SLOTS: u32 = 256;
const FACTOR: f64 = 0.15;
const JOB_SECONDS: u64 = 600;

impl K8sArguments {
    /// Whether this is another measurement than the one that the bars are for.
    pub(crate) fn is_changed(&self) -> bool {
        self.slots != SLOTS
            || (self.factor - FACTOR).abs() > f64::EPSILON
            || self.job_seconds < JOB_SECONDS
    }
}

/// Arguments of `bench floor`.
#[derive(Debug, Args)]
pub(crate) struct FloorArguments {
    /// Program to start, without arguments.
    #[arg(long, default_value = "/bin/true")]
    pub(crate) program: PathBuf,
    /// How many processes in all.
    #[arg(long)]
    pub(crate) count: u64,
    /// Threads that start and await them.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: u32,
}

/// Arguments of `bench generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// Shape of the graph.
    #[arg(long, value_enum)]
    pub(crate) shape: Shape,
    /// Number of tasks; not for a recorded graph.
    #[arg(long, default_value_t = 1000)]
    pub(crate) count: u32,
    /// The workflow.json(.gz) of a recorded graph.
    #[arg(long, value_name = "FILE", required_if_eq("shape", "recorded"))]
    pub(crate) source: Option<PathBuf>,
    /// Format to write.
    #[arg(long, value_enum)]
    pub(crate) form: Form,
    /// Program of every task.
    #[arg(long, default_value = "/bin/true")]
    pub(crate) program: String,
    /// Function of every process (workflow.json).
    #[arg(long, default_value = "command")]
    pub(crate) function: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Shapes of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// No edges.
    Independent,
    /// Each task after the one before it.
    Chain,
    /// One task, then all the others but one, then the last.
    Fan,
    /// The eight layers of Montage, scaled in width.
    Layers,
    /// A real graph, read from a file.
    Recorded,
}

impl Shape {
    /// Its name on the command line and in file names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Chain => "chain",
            Self::Fan => "fan",
            Self::Layers => "layers",
            Self::Recorded => "recorded",
        }
    }
}

/// Formats of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// HyperFlow's workflow.json.
    Workflow,
    /// A Makefile of phony targets.
    Make,
    /// A Makefile in which each task makes a file.
    MakeFiles,
    /// A build.ninja of outputs that never come to exist.
    Ninja,
    /// A build.ninja in which each task makes a file.
    NinjaFiles,
    /// The source itself, unpacked and unchanged.
    Original,
}

impl Form {
    /// Its name on the command line and in file names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Make => "make",
            Self::MakeFiles => "make-files",
            Self::Ninja => "ninja",
            Self::NinjaFiles => "ninja-files",
            Self::Original => "original",
        }
    }
}
