//! The commands.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::cli::{bytes, counted, error, invalid, note};
use anyhow::{Context, Result};
use worker::batch::{self, BatchError, BatchOptions};
use worker::connection::{Identity, address};
use worker::output::Output;
use worker::protocol::{BATCH_ENV, Batch};
use worker::serve::{Departure, Link, ServeOptions, serve, termination};
use worker::task::Surroundings;

use crate::cli::{Cli, Command, Common, Relay, Run, Serve};

/// Exit code: no engine for as long as the lease.
const LEASE_OVER: u8 = 75;
/// How long the end of a single task is told to an engine that is not there: its message says all.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(cli: Cli) -> Result<u8> {
    match cli.command {
        Command::Serve(options) => run_serve(options),
        Command::Run(options) => run_batch(options),
        Command::Install(options) => {
            let at = worker::install::install(Path::new("/proc/self/exe"), &options.dir)
                .with_context(|| format!("failed to install into {}", options.dir.display()))?;
            note(&format!("wf-worker: installed {}", at.display()));
            Ok(0)
        }
        Command::Copy(options) => {
            let copied = worker::copy::copy(&options.from, &options.to)?;
            note(&format!(
                "wf-worker: copied {} ({}), {}, {}; {} unchanged, {} skipped",
                counted(copied.files as usize, "file"),
                bytes(copied.bytes),
                counted(copied.links as usize, "link"),
                counted(copied.folders as usize, "folder"),
                copied.unchanged,
                copied.skipped
            ));
            Ok(0)
        }
        Command::Relay(options) => run_relay(&options),
    }
}

fn absolute(dir: &Path) -> Result<PathBuf> {
    let found = dir.canonicalize().with_context(|| {
        format!("the work directory {} is not there; --work-dir names another", dir.display())
    })?;
    Ok(found)
}

fn surroundings(common: &Common, hidden: Vec<String>) -> Result<Arc<Surroundings>> {
    let output = Output::new(Box::new(io::stdout()), Box::new(io::stderr()));
    Ok(Arc::new(Surroundings::new(absolute(&common.work_dir)?, output, hidden)))
}

/// As given, or as in the environment, or unknown.
fn named(given: Option<&String>, variable: &str) -> String {
    given.cloned().or_else(|| std::env::var(variable).ok()).unwrap_or_default()
}

fn link(common: &Common, engine: &str, run: String, class: String) -> Result<Link> {
    let of_input = |failure: worker::connection::ConnectionError| {
        let mut text = failure.to_string();
        let mut cause = std::error::Error::source(&failure);
        while let Some(source) = cause {
            text = format!("{text}: {source}");
            cause = source.source();
        }
        invalid(text)
    };
    Ok(Link {
        engine: address(engine).map_err(of_input)?,
        identity: Identity::load(&common.identity).map_err(of_input)?,
        run,
        pod: named(common.pod.as_ref(), "WF_POD"),
        node: named(common.node.as_ref(), "WF_NODE"),
        class,
    })
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn refused(why: &str) -> u8 {
    error("wf-worker", &anyhow::anyhow!("the engine has no use for this worker: {why}"));
    batch::REFUSED
}

fn run_serve(options: Serve) -> Result<u8> {
    let common = options.common;
    let link = link(&common, &options.engine, options.run, options.class)?;
    let departure = serve(ServeOptions {
        link,
        slots: options.slots,
        lease: seconds(common.lease),
        grace: seconds(common.grace),
        surroundings: surroundings(&common, Vec::new())?,
        terminated: Some(termination()?),
    })?;
    Ok(match departure {
        Departure::Left => 0,
        Departure::LeaseOver => LEASE_OVER,
        Departure::Refused(why) => refused(&why),
        Departure::Terminated => batch::TERMINATED,
    })
}

fn run_batch(options: Run) -> Result<u8> {
    let common = options.common;
    let batch = Batch::from_env(|name| std::env::var(name).ok())
        .map_err(|error| invalid(with_source(&error)))?;
    // Tasks need not know of each other.
    let hidden = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(BATCH_ENV))
        .collect();
    let link = match &batch.engine {
        Some(engine) => Some(link(&common, engine, batch.run.clone(), batch.id.clone())?),
        None => None,
    };
    // What does not fit into the message, or has to be brought, is worth waiting for.
    let needs_engine =
        batch.tasks.len() > 1 || batch.tasks.iter().any(|task| !task.bring.is_empty());
    let patience = if needs_engine { seconds(common.lease) } else { PATIENCE };
    let outcome = batch::run(
        batch,
        BatchOptions {
            id: options.id,
            link,
            message: options.message,
            lease: seconds(common.lease),
            patience,
            grace: seconds(common.grace),
            surroundings: surroundings(&common, hidden)?,
            terminated: Some(termination()?),
        },
    );
    match outcome {
        Ok(outcome) => Ok(outcome.refused.as_deref().map_or(outcome.code, refused)),
        Err(error @ BatchError::Id { .. }) => Err(invalid(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_source(source)),
        None => error.to_string(),
    }
}

fn run_relay(options: &Relay) -> Result<u8> {
    let listen = |address| {
        TcpListener::bind(address).with_context(|| format!("failed to listen on {address}"))
    };
    let (workers, engine) = (listen(options.workers)?, listen(options.engine)?);
    note(&format!("wf-worker: relay of {} and {}", options.workers, options.engine));
    worker::relay::relay(workers, engine).context("failed to accept connections")?;
    Ok(0)
}
