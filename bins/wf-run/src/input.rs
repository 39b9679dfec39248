//! Input that is brought into the work directory before a run, by HTTP.

mod fetch;
mod list;

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use cli::{Exit, invalid, note};
use diagnostics::{Source, render};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{ExecutionArgs, ExecutorKind};
use crate::signals::is_ignored;
use fetch::{Fetcher, Patience};
pub(crate) use list::Input;

/// Reads the file of `--input-urls`. Everything that is wrong with it is told.
pub(crate) fn read(args: &ExecutionArgs) -> Result<Vec<Input>> {
    read_text(args).map(|(inputs, _)| inputs)
}

/// The same, with the file's text.
pub(crate) fn read_text(args: &ExecutionArgs) -> Result<(Vec<Input>, Option<String>)> {
    let Some(path) = &args.input_urls else { return Ok((Vec::new(), None)) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("cannot read {}: {error}", path.display())))?;
    let file = path.display().to_string();
    match list::parse(&file, &text) {
        Ok(inputs) => Ok((inputs, Some(text))),
        Err(problems) => {
            note(render(&problems, &[Source { file: &file, text: &text }]).trim_end());
            Err(invalid(format!("--input-urls {file} cannot be used")))
        }
    }
}

/// Refuses to fetch to a work directory that the tasks do not see.
pub(crate) fn refuse(args: &ExecutionArgs, work_dir: &Path) -> Result<()> {
    let on_claim = args.executor == ExecutorKind::K8s && args.cluster.claim.is_some();
    if args.input_urls.is_none() || !on_claim {
        return Ok(());
    }
    // An engine in the cluster has the claim at the same place as the tasks.
    let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let same =
        Path::new(&args.cluster.pod_work_dir).canonicalize().is_ok_and(|dir| dir == work_dir);
    if in_cluster && same {
        return Ok(());
    }
    Err(invalid(
        "--input-urls: the work directory is on a claim, which this engine does not have; use `wf-run submit`, whose \
         engine has it, or --input-image",
    ))
}

/// Brings all that is not there yet. Answers with the program's end if it was interrupted.
pub(crate) fn bring(
    inputs: &[Input],
    args: &ExecutionArgs,
    work_dir: &Path,
) -> Result<Option<Exit>> {
    if inputs.is_empty() {
        return Ok(None);
    }
    if args.executor == ExecutorKind::Noop || args.replay.is_some() {
        note("input: not fetched, because no task is run");
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime for the input")?;
    runtime.block_on(async {
        let fetcher = Fetcher::new(fetch::client()?, Patience::default(), work_dir);
        tokio::select! {
            brought = fetcher.all(inputs) => match brought {
                Ok(()) => Ok(None),
                Err(failures) => Err(anyhow!("{}", failures.join("\n"))
                    .context("not all input could be fetched")),
            },
            // What is half-written goes with the fetcher's work.
            ended = interrupted() => ended.map(|()| {
                note("stopped while input was fetched; what is complete is kept");
                Some(Exit::Interrupted)
            }),
        }
    })
}

/// Returns at Ctrl-C or SIGTERM.
async fn interrupted() -> Result<()> {
    let wait = async |kind: SignalKind| {
        // What was ignored when we were started stays ignored.
        if is_ignored(kind.as_raw_value()) {
            return std::future::pending().await;
        }
        let mut signals = signal(kind).context("failed to watch for signals")?;
        signals.recv().await;
        anyhow::Ok(())
    };
    tokio::select! {
        ended = wait(SignalKind::interrupt()) => ended,
        ended = wait(SignalKind::terminate()) => ended,
    }
}
