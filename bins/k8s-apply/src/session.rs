//! A command's connection to a cluster.

use std::future::Future;

use ::cli::{invalid, say};
use anyhow::{Context, Result, anyhow};
use k8s_apply::apply_set::SetRef;
use k8s_apply::cluster::{Cluster, Limits};
use k8s_apply::name::DnsLabel;
use k8s_apply::readiness::{Address, JobGoal};
use k8s_apply::wait::WaitOptions;

use crate::cli::{Accept, Connection, Waiting};

/// A cluster, and the namespace of this command.
pub(crate) struct Session {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
}

impl Session {
    /// Connects. What is tried again is told.
    pub(crate) async fn open(arguments: &Connection) -> Result<Self> {
        let limits = Limits {
            request: arguments.request_timeout,
            retry: arguments.retry_for,
            concurrency: arguments.concurrency.max(1),
        };
        let cluster =
            Cluster::connect(arguments.kubeconfig.as_deref(), arguments.context.as_deref(), limits)
                .await?;
        let cluster = cluster.telling(|retrying| {
            // Short hitches are nobody's concern; what lasts is told now and then.
            if retrying.tries == 3 || retrying.tries % 8 == 0 {
                say(&format!(
                    "trying again in {:.1} s to {}: {}",
                    retrying.wait.as_secs_f64(),
                    retrying.what,
                    retrying.why
                ));
            }
        });
        let namespace =
            arguments.namespace.clone().unwrap_or_else(|| cluster.namespace().to_owned());
        let namespace = DnsLabel::try_new(namespace)
            .map_err(|fault| invalid(format!("the namespace cannot be used: {fault}")))?
            .to_string();
        Ok(Self { cluster, namespace })
    }

    /// The set of a name.
    pub(crate) fn set(&self, name: &str) -> Result<SetRef> {
        SetRef::parse(name, &self.namespace).map_err(invalid)
    }
}

/// How to wait, by the command line.
pub(crate) fn wait_options(waiting: &Waiting) -> WaitOptions {
    let mut options = WaitOptions { timeout: waiting.timeout, ..WaitOptions::default() };
    if waiting.accept.contains(&Accept::StartedJobs) {
        options.rules.jobs = JobGoal::Started;
    }
    if waiting.accept.contains(&Accept::NoAddress) {
        options.rules.load_balancer_address = Address::Optional;
    }
    options
}

/// Runs a command's work. A first interruption ends it where it is: everything that was written is complete in itself,
/// and the next run finds it.
pub(crate) fn run<T>(work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start")?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            signal = interrupted() => {
                signal?;
                say("k8s-apply: interrupted; run it again to finish what was begun");
                Ok(None)
            }
            result = work => result.map(Some),
        }
    })
}

/// Does what may block, such as reading standard input, so that an interruption is noticed meanwhile.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    // Nobody waits for this thread: the program may end before it does.
    std::thread::spawn(move || {
        let _ = tell.send(work());
    });
    told.await.context("failed to read")?
}

/// Waits for SIGINT or SIGTERM.
async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).map_err(|error| anyhow!(error))?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.map_err(|error| anyhow!(error)),
        _ = term.recv() => Ok(()),
    }
}
