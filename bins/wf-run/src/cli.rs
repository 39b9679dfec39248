//! The command line as it is typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::{OutputFormat, invalid};

/// Runs workflow graphs (HyperFlow's workflow.json, WfFormat) on this machine.
///
/// `wf-run FILE` is short for `wf-run run FILE`. A run can be killed at any moment and resumed.
#[derive(Debug, Parser)]
#[command(name = "wf-run", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 a task failed, or the run waits for a signal from \
outside; 2 usage or invalid input; 130 interrupted (resume with `wf-run resume`).";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a workflow
    Run(RunArgs),
    /// Go on with a run that was interrupted, killed or failed
    Resume(ResumeArgs),
    /// Report everything that is wrong with a workflow, with its place
    Check(CheckArgs),
    /// Draw the graph as dot or mermaid
    Graph(GraphArgs),
    /// List runs
    Ls(RunsArgs),
    /// Show where a run stands
    Status(StatusArgs),
    /// Show what a task wrote
    Logs(LogsArgs),
    /// Write what happened in a run, attempt by attempt
    Trace(TraceArgs),
    /// Run a workflow by an engine in the cluster, and follow it
    Submit(SubmitArgs),
    /// Delete everything that a run made on a cluster
    Cancel(CancelArgs),
    /// Print the smallest Role that a run on a cluster needs
    Rbac(RbacArgs),
    /// Generate workflows
    #[command(subcommand)]
    Gen(GenCommand),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where runs are kept.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Folder of all runs [default: .windlass/runs in the work directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExecutorKind {
    /// Processes of this machine
    Local,
    /// Every task succeeds at once
    Noop,
    /// Pods of a Kubernetes cluster
    K8s,
}

/// How a workflow runs on a cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "On a cluster (--executor k8s)")]
pub(crate) struct ClusterArgs {
    /// Namespace of all that the run makes [default: the context's]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// How to reach the cluster [default: $KUBECONFIG, ~/.kube/config, or this pod's account]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Image of tasks that name none
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Image with /wf-worker, which init containers bring into the tasks' pods
    #[arg(long, value_name = "IMAGE")]
    pub(crate) worker_image: Option<String>,
    /// When images are pulled
    #[arg(long, value_name = "POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    pub(crate) image_pull_policy: Option<String>,
    /// Secret for pulling images; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) image_pull_secret: Vec<String>,
    /// `PersistentVolumeClaim` with the work directory, and a folder in it; without one small files go over the workers'
    /// connections
    #[arg(long, value_name = "NAME[/FOLDER]")]
    pub(crate) claim: Option<String>,
    /// The work directory in pods
    #[arg(long, value_name = "DIR", default_value = "/work")]
    pub(crate) pod_work_dir: String,
    /// pool, job, clustered, or clustered:SIZE, for all task types or as TYPE=MODE; may be repeated [default: by the
    /// rule that --explain shows]
    #[arg(long, value_name = "[TYPE=]MODE")]
    pub(crate) mode: Vec<String>,
    /// Show which mode each task type is run in, and why; run nothing
    #[arg(long)]
    pub(crate) explain: bool,
    /// How workers reach this engine: at an address of this machine (IP:PORT), through a relay in the cluster, or not at
    /// all (single Jobs only)
    #[arg(long, value_name = "IP:PORT|relay|none", default_value = "relay")]
    pub(crate) reach: String,
    /// Where to listen for workers [default: the port of --reach on all addresses]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Pods at once
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_pods: u32,
    /// Tasks that one worker of a pool runs at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) pool_slots: u32,
    /// A task that ran out of memory gets twice as much at its next attempt, up to this, such as 8Gi
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_memory: Option<String>,
    /// User and group that pods run as [default: those of this process]
    #[arg(long, value_name = "UID:GID")]
    pub(crate) run_as: Option<String>,
    /// Service account of the tasks' pods, without its token
    #[arg(long, value_name = "NAME")]
    pub(crate) service_account: Option<String>,
    /// Nodes that pods may run on; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) node_selector: Vec<String>,
    /// Taint of nodes that pods tolerate; may be repeated
    #[arg(long, value_name = "KEY[=VALUE][:EFFECT]")]
    pub(crate) toleration: Vec<String>,
    /// Affinity of pods: a file with the JSON of `spec.affinity`
    #[arg(long, value_name = "FILE")]
    pub(crate) affinity: Option<PathBuf>,
    /// `PriorityClass` of pods
    #[arg(long, value_name = "NAME")]
    pub(crate) priority_class: Option<String>,
    /// Queue of Kueue
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Annotation of all pods; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) annotation: Vec<String>,
    /// HyperFlow's template for Jobs [default: job-template.yaml beside the workflow, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) job_template: Option<PathBuf>,
    /// Image of which the files at /PATH are copied to the claim before the run; may be repeated [default path: /data]
    #[arg(long, value_name = "IMAGE[:/PATH]")]
    pub(crate) input_image: Vec<String>,
    /// Seconds that this may take
    #[arg(long, value_name = "SECONDS", default_value_t = 1800.0)]
    pub(crate) input_wait: f64,
    /// Seconds that a Job is kept after its end, should no engine be there to delete it
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) ttl: u32,
    /// Seconds to wait for an image, or for a container that cannot be made
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    pub(crate) image_wait: f64,
    /// Seconds to wait for room on a node
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0)]
    pub(crate) schedule_wait: f64,
    /// Seconds to wait for room in a quota
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0)]
    pub(crate) quota_wait: f64,
    /// Seconds that a worker keeps its tasks when it has lost its engine
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    pub(crate) lease: f64,
    /// Seconds after which a worker without a task is let go
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) idle: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilesMode {
    /// Record sizes; warn once about what is missing
    Auto,
    /// Do not look at files
    Off,
    /// Missing inputs stop the run before it begins; a missing output fails its task
    Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// `live` on a terminal, else `plain`
    Auto,
    /// A view that is redrawn
    Live,
    /// A line now and then
    Plain,
    /// One JSON object an event, on standard error
    Json,
    /// Failures only
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrphanMode {
    /// End the tasks that a dead engine left behind
    End,
    /// Wait until they have ended by themselves
    Wait,
}

/// How tasks are run.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExecutionArgs {
    /// Tasks at once [default: cores that this process may use]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) jobs: Option<u32>,
    /// What runs the tasks
    #[arg(long, value_enum, default_value_t = ExecutorKind::Local)]
    pub(crate) executor: ExecutorKind,
    /// Sleep each task's recorded run time times FACTOR instead of running it (WfFormat)
    #[arg(long, value_name = "FACTOR", conflicts_with = "executor")]
    pub(crate) replay: Option<f64>,
    /// Memory that running tasks may request together, such as 8Gi [default: this machine's]
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: Option<String>,
    /// Further attempts for a failed task
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,
    /// Seconds before the second attempt; doubles, with jitter, up to a minute
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) retry_delay: f64,
    /// Seconds that an attempt may take, where the task does not say
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
    /// Seconds between SIGTERM and SIGKILL
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub(crate) grace: f64,
    /// After a failure go on with everything that does not depend on it
    #[arg(short, long)]
    pub(crate) keep_going: bool,
    /// What to do about files that tasks read and make
    #[arg(long, value_enum, default_value_t = FilesMode::Auto)]
    pub(crate) files: FilesMode,
    /// Wait for the disk at every record of the journal, not only every 200 ms
    #[arg(long)]
    pub(crate) durable: bool,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) output: OutputFormat,
    /// Mark where the summary begins and ends, for who reads it from a log
    #[arg(long, hide = true)]
    pub(crate) framed: bool,
    /// Files to fetch into the work directory before the run: lines of URL [sha256=HEX] [path=NAME]
    #[arg(long, value_name = "FILE")]
    pub(crate) input_urls: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Which workflow.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// The workflow: a file (.json, .json.gz) or a folder with a workflow.json
    pub(crate) file: PathBuf,
    /// Value of {{NAME}}; wins over `HF_VAR_NAME` in the environment
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
    /// Directory that tasks run in [default: the workflow file's]
    #[arg(short = 'C', long, value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    /// Folder of all runs [default: .windlass/runs in the work directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// Treat warnings of `check` as errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the tasks in the order in which they would start, with their commands; run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on with a run that HyperFlow began: its log of `hflow run --persist`
    #[arg(long, value_name = "LOG", conflicts_with = "dry_run")]
    pub(crate) hyperflow_log: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// What `submit` says to the engine that it starts.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// Id of the run; goes on with it if it is there
    #[arg(long, value_name = "ID", hide = true, conflicts_with = "dry_run")]
    pub(crate) run_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    /// Image with /wf-run [default: the worker image]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) engine_image: Option<String>,
    /// Service account of the engine, as `wf-run rbac --submit` makes it
    #[arg(long, value_name = "NAME", default_value = "windlass-engine")]
    pub(crate) engine_account: String,
    /// Do not follow the run
    #[arg(long)]
    pub(crate) detach: bool,
}

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Namespace of the run
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: String,
    /// How to reach the cluster [default: $KUBECONFIG, ~/.kube/config, or this pod's account]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run's id
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// Seconds to wait until its pods are gone
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    pub(crate) timeout: f64,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id [default: the newest]
    pub(crate) run: Option<String>,
    /// Folder of all runs [default: .windlass/runs in the work directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// The workflow, where it has moved
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Value of {{NAME}}; replaces what the run began with
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
    /// Refuse when the workflow was changed since
    #[arg(long)]
    pub(crate) exact: bool,
    /// What to do about tasks that a dead engine left running
    #[arg(long, value_enum, default_value_t = OrphanMode::End)]
    pub(crate) orphans: OrphanMode,
    /// Seconds to wait for them at most
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) orphan_deadline: f64,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    Pool,
    Job,
    Clustered,
}

#[derive(Debug, Args)]
pub(crate) struct RbacArgs {
    /// The namespace that runs are in
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: String,
    /// Modes that are used
    #[arg(
        long,
        value_name = "MODES",
        value_delimiter = ',',
        value_enum,
        default_value = "pool,job,clustered"
    )]
    pub(crate) modes: Vec<ModeName>,
    /// How workers reach an engine that is outside the cluster [default: relay; none for --modes job]
    #[arg(long, value_name = "IP:PORT|relay|none", conflicts_with = "submit")]
    pub(crate) reach: Option<String>,
    /// For `wf-run submit`: the engine's account in the cluster, and the Role of who submits
    #[arg(long)]
    pub(crate) submit: bool,
    /// With --submit --modes job: there is no claim, so that files go over connections
    #[arg(long, requires = "submit")]
    pub(crate) without_claim: bool,
    /// Bind the Role of who runs wf-run to this user instead of a service account
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Bind it to this group
    #[arg(long, value_name = "NAME", conflicts_with = "user")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Exit 2 on warnings too
    #[arg(long)]
    pub(crate) strict: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Dot,
    Mermaid,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The language
    #[arg(long, value_enum, default_value_t = GraphFormat::Dot)]
    pub(crate) format: GraphFormat,
    /// Draw one node a task type above this many processes
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) collapse_above: usize,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run's id [default: the newest]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    /// Ask the cluster: the namespace that the run is in
    #[arg(short, long, value_name = "NAME", requires = "run")]
    pub(crate) namespace: Option<String>,
    /// With --namespace: how to reach the cluster
    #[arg(long, value_name = "FILE", requires = "namespace")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// With --namespace: context of the kubeconfig
    #[arg(long, value_name = "NAME", requires = "namespace")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The task: its number, its name as shown (mProject#12, Sqr#1.3), or a task type
    pub(crate) task: String,
    /// The run's id [default: the newest]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Folder of all runs [default: .windlass/runs in the work directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// Ask the cluster: the namespace that the run is in
    #[arg(short, long, value_name = "NAME", requires = "run")]
    pub(crate) namespace: Option<String>,
    /// With --namespace: how to reach the cluster
    #[arg(long, value_name = "FILE", requires = "namespace")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// With --namespace: context of the kubeconfig
    #[arg(long, value_name = "NAME", requires = "namespace")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    /// Tab-separated values with a header
    Tsv,
    /// A JSON array
    Json,
    /// For <chrome://tracing> and ui.perfetto.dev
    Chrome,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// The run's id [default: the newest]
    pub(crate) run: Option<String>,
    /// The format
    #[arg(long, value_enum, default_value_t = TraceFormat::Tsv)]
    pub(crate) format: TraceFormat,
    /// Folder of all runs [default: .windlass/runs in the work directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GenCommand {
    /// A mosaic of FITS images with the Montage toolkit
    Montage(MontageArgs),
    /// A synthetic sky to make a mosaic of: overlapping images with known stars
    Sky(SkyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct MontageArgs {
    /// Folder of the images (looked through with all folders below it)
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,
    /// The workflow to write; its folder is the work directory
    #[arg(short, long, value_name = "FILE", default_value = "montage.json")]
    pub(crate) out: PathBuf,
    /// 1 (named gray), 3 (red, green, blue: folders of these names among the images), or own names
    #[arg(long, value_name = "BANDS", default_value = "1")]
    pub(crate) bands: String,
    /// Frame of the mosaic: a header as mMakeHdr writes it [default: around all images]
    #[arg(long, value_name = "FILE")]
    pub(crate) region: Option<PathBuf>,
    /// Pixel size of the mosaic in arc seconds [default: that of the images]
    #[arg(long, value_name = "ARCSEC", conflicts_with = "region")]
    pub(crate) pixel_arcsec: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct SkyArgs {
    /// Images: columns x rows, or one number for both
    #[arg(long, value_name = "NXxNY", default_value = "3x3")]
    pub(crate) grid: String,
    /// Width and height of an image in pixels
    #[arg(long, default_value_t = 200)]
    pub(crate) pixels: u32,
    /// 1 (named gray) or 3 (red, green, blue)
    #[arg(long, default_value = "1")]
    pub(crate) bands: String,
    /// Part of an image's width that it shares with its neighbour
    #[arg(long, default_value_t = 0.2)]
    pub(crate) overlap: f64,
    /// Which of the possible skies
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The workflow to write; its folder is the work directory
    #[arg(short, long, value_name = "FILE", default_value = "sky.json")]
    pub(crate) out: PathBuf,
}

/// The time that an option gives in seconds.
pub(crate) fn duration(option: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| invalid(format!("--{option} {seconds}: expected a number of seconds from 0")))
}

/// `wf-run FILE` means `wf-run run FILE`: the name is put in where none of the commands stands.
pub(crate) fn with_default_command(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let known = <Cli as clap::CommandFactory>::command();
    let is_command = |arg: &OsString| known.find_subcommand(arg).is_some();
    let is_general =
        |arg: &OsString| ["-h", "--help", "-V", "--version"].iter().any(|known| arg == known);
    match args.get(1) {
        Some(first) if !is_command(first) && !is_general(first) => args.insert(1, "run".into()),
        _ => {}
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(args: &[&str]) -> Vec<OsString> {
        with_default_command(args.iter().map(OsString::from))
    }

    #[test]
    fn a_file_alone_is_run() {
        assert_eq!(expand(&["wf-run", "m.json"])[1], "run");
        assert_eq!(expand(&["wf-run", "-j", "2", "m.json"])[1], "run");
        assert_eq!(expand(&["wf-run", "check", "m.json"])[1], "check");
        assert_eq!(expand(&["wf-run", "--version"]).len(), 2);
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
