//! What `run` and `resume` share: from options to a finished run and its summary.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use cli::{Exit, OutputFormat, invalid};
use workflow_engine::check::missing_inputs;
use workflow_engine::exec::{Executor, Files, Local, LocalOptions, Noop};
use workflow_engine::model::{Format as WorkflowFormat, Workflow, parse_bytes};
use workflow_engine::run::{CancelToken, Retry, Run, RunOptions, Status};
use workflow_engine::store::{History, RunStore};

use crate::cli::{ExecutionArgs, ExecutorKind, FilesMode, duration};
use crate::cluster::{self, Known, Place, follow};
use crate::progress::Progress;
use crate::signals::Watch;
use crate::{history, summary};

/// Slots of the no-op executor: nothing there takes time, so everything ready starts.
const UNLIMITED: usize = 1 << 30;

/// Memory that tasks may request together: what is given, or what this machine (or its cgroup) has.
fn memory(given: Option<&str>) -> Result<Option<u64>> {
    if let Some(text) = given {
        let parsed = parse_bytes(text).filter(|bytes| *bytes > 0);
        return parsed.map(Some).ok_or_else(|| {
            invalid(format!("--memory {text}: expected an amount such as 8Gi or 512Mi"))
        });
    }
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    let group = group_memory();
    Ok(match (total, group) {
        (Some(total), Some(group)) => Some(total.min(group)),
        (total, group) => total.or(group),
    })
}

/// The memory limit of this process's control group or of one above it (version 2, or the root of version 1).
fn group_memory() -> Option<u64> {
    let limit = |path: &Path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let root = Path::new("/sys/fs/cgroup");
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let groups = root.join(own);
    let above = groups.ancestors().take_while(|group| group.starts_with(root));
    let limits = above.filter_map(|group| limit(&group.join("memory.max")));
    limits.min().or_else(|| limit(&root.join("memory/memory.limit_in_bytes")))
}

/// The engine's options from the command line.
pub(super) fn options(args: &ExecutionArgs, runs: &Path) -> Result<RunOptions> {
    let defaults = RunOptions::default();
    let slots = match (args.jobs, args.executor) {
        (Some(jobs), _) => jobs as usize,
        (None, ExecutorKind::Noop) => UNLIMITED,
        (None, ExecutorKind::Local) => defaults.slots,
        (None, ExecutorKind::K8s) => {
            args.cluster.max_pods as usize * args.cluster.pool_slots as usize
        }
    };
    let on_cluster = args.executor == ExecutorKind::K8s;
    Ok(RunOptions {
        slots,
        slots_are_cores: !on_cluster,
        memory_bytes: if on_cluster { None } else { memory(args.memory.as_deref())? },
        retry: Retry {
            retries: args.retries,
            first_delay: duration("retry-delay", args.retry_delay)?,
            ..Retry::default()
        },
        timeout: args.timeout.map(|seconds| duration("timeout", seconds)).transpose()?,
        keep_going: args.keep_going,
        durable: args.durable,
        grace: duration("grace", args.grace)?,
        expected_seconds: history::expected(runs),
    })
}

/// The name under which the journal knows the executor.
pub(super) fn executor_name(args: &ExecutionArgs) -> &'static str {
    match (args.executor, args.replay) {
        (ExecutorKind::Noop, _) => "noop",
        (ExecutorKind::K8s, _) => "k8s",
        (ExecutorKind::Local, Some(_)) => "replay",
        (ExecutorKind::Local, None) => "local",
    }
}

/// Makes this process what its tasks are to inherit: in the work directory, with nothing to read.
fn set_surroundings(work_dir: &Path) -> Result<()> {
    std::env::set_current_dir(work_dir)
        .with_context(|| format!("cannot enter {}", work_dir.display()))?;
    let null = std::fs::File::open("/dev/null").context("cannot open /dev/null")?;
    rustix::stdio::dup2_stdin(&null).context("cannot replace standard input")?;
    Ok(())
}

/// Refuses what cannot work before anything is written.
pub(super) fn refuse_impossible(workflow: &Workflow, args: &ExecutionArgs) -> Result<()> {
    let runs_commands = args.executor != ExecutorKind::Noop && args.replay.is_none();
    if workflow.format() == WorkflowFormat::WfFormat && runs_commands {
        return Err(invalid(
            "a WfFormat instance records commands without their files and surroundings: \
             replay it with --replay FACTOR, or walk its graph with --executor noop",
        ));
    }
    if args.replay.is_some_and(|factor| !(factor >= 0.0 && factor.is_finite())) {
        return Err(invalid("--replay takes a factor from 0, such as 0.01"));
    }
    if args.executor == ExecutorKind::K8s {
        cluster::check(args)?;
    }
    Ok(())
}

/// With `--files strict` every input file must be there before anything starts.
pub(super) fn check_inputs(
    workflow: &Workflow,
    work_dir: &Path,
    args: &ExecutionArgs,
) -> Result<()> {
    let looks = args.executor == ExecutorKind::Local && args.replay.is_none();
    if args.files == FilesMode::Off || !looks {
        return Ok(());
    }
    let missing: Vec<String> = missing_inputs(workflow, work_dir)
        .into_iter()
        .map(|(_, path)| path.strip_prefix(work_dir).unwrap_or(&path).display().to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let first: Vec<&str> = missing.iter().take(10).map(String::as_str).collect();
    let more = missing.len().saturating_sub(first.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text =
        format!("input files are missing in {}: {}{more}", work_dir.display(), first.join(", "));
    if args.files == FilesMode::Strict {
        return Err(invalid(text));
    }
    cli::note(&format!("warning: {text}"));
    Ok(())
}

/// The command that goes on with the run, from where the user is.
fn resume_hint(id: &str, runs: &Path, simulated: bool, args: &ExecutionArgs) -> Result<String> {
    let here = std::env::current_dir().context("cannot tell the current directory")?;
    let mut hint = format!("wf-run resume {id}");
    if here.join(".windlass/runs") != runs {
        let shown = runs.strip_prefix(&here).unwrap_or(runs);
        let _ = write!(hint, " --runs {}", shown.display());
    }
    if simulated {
        match args.replay {
            Some(factor) => {
                let _ = write!(hint, " --replay {factor}");
            }
            None => hint.push_str(" --executor noop"),
        }
    }
    Ok(hint)
}

/// A run that is ready to go.
pub(super) struct Prepared {
    pub(super) workflow: Arc<Workflow>,
    pub(super) store: RunStore,
    pub(super) history: History,
    pub(super) runs: std::path::PathBuf,
    pub(super) work_dir: std::path::PathBuf,
    /// What a cluster may still hold of it.
    pub(super) known: Known,
    /// Where on a cluster it runs, if it does.
    pub(super) place: Option<Place>,
}

/// Runs to the end, shows how it goes, and prints what came of it.
pub(super) fn execute(prepared: Prepared, args: &ExecutionArgs) -> Result<Exit> {
    let Prepared { workflow, store, history: kept, runs, work_dir, known, place } = prepared;
    let mut options = options(args, &runs)?;
    if let Some(place) = &place {
        // Tasks of a group wait for each other in one pod: as many groups as pods are to be full.
        options.slots = options.slots.saturating_mul(place.plan.largest_group());
    }
    let id = store.id().to_owned();
    let simulated = args.executor == ExecutorKind::Noop || args.replay.is_some();
    let resume_hint = resume_hint(&id, &runs, simulated, args)?;
    if args.executor != ExecutorKind::K8s {
        set_surroundings(&work_dir)?;
    }
    let files = match args.files {
        FilesMode::Off => Files::Off,
        FilesMode::Auto => Files::Record,
        FilesMode::Strict => Files::Require,
    };
    let mut on_cluster = None;
    let executor: Arc<dyn Executor> = match args.executor {
        ExecutorKind::Noop => Arc::new(Noop),
        ExecutorKind::K8s => {
            let place = place.context("there is no plan for the cluster")?;
            let begun = cluster::begin(args, &workflow, &store, &work_dir, files, place, known)?;
            let executor = begun.executor();
            on_cluster = Some(begun);
            executor
        }
        ExecutorKind::Local => Arc::new(Local::new(LocalOptions {
            slots: options.slots,
            work_dir,
            surroundings_set: true,
            run_dir: Some(store.dir().to_owned()),
            log_dir: Some(store.log_dir()),
            files,
            replay: args.replay,
        })?),
    };
    let mut done_before = vec![0_u64; workflow.type_names().len()];
    for record in kept.records.iter().filter(|record| record.done) {
        let process = workflow.process(workflow_engine::model::ProcessId(record.process));
        done_before[process.type_index()] += 1;
    }
    let cancel = CancelToken::new();
    // Its pod is made again, and its successor finds the run's folder on the claim.
    let is_replaced = args.framed && args.cluster.claim.is_some();
    let watch = Watch::new(cancel.clone(), is_replaced)?;
    let progress = Progress::new(args.progress, &workflow, &done_before, options.slots);
    let run = Run::new(Arc::clone(&workflow))
        .options(options)
        .store(store)
        .history(kept)
        .cancel_token(cancel)
        .observer(progress.observer());
    let report = run.execute(executor).with_context(|| format!("run {id} was stopped"));
    if let Some(on_cluster) = on_cluster {
        on_cluster.close();
    }
    drop(progress);
    drop(watch);
    let report = report?;
    if !simulated && report.done > 0 {
        // What was learned is a help for the next run, not part of this one.
        if let Err(error) = history::learn(&runs, &report) {
            cli::note(&format!("warning: {error:#}"));
        }
    }
    let shown = match args.output {
        OutputFormat::Json => format!("{:#}\n", summary::json(&workflow, &id, &report)),
        OutputFormat::Text => summary::text(&workflow, &id, &report, simulated, &resume_hint),
    };
    let shown = if args.framed {
        format!("{}\n{shown}{}\n", follow::SUMMARY_BEGIN, follow::SUMMARY_END)
    } else {
        shown
    };
    let exit = match report.status {
        Status::Interrupted => Exit::Interrupted,
        status if status.is_success() => Exit::Ok,
        _ => Exit::Failed,
    };
    match std::io::stdout().lock().write_all(shown.as_bytes()) {
        // That nobody reads the summary does not change what became of the run.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the summary")
        }
        _ => Ok(exit),
    }
}
