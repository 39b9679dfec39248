//! Ctrl-C and SIGTERM: the first ends tasks in order, the second at once. But an engine in a cluster whose pod is to end
//! leaves them running.

use std::thread::JoinHandle;

use anyhow::{Context, Result};
use cli::note;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use workflow_engine::run::CancelToken;

/// The signals that this process ignores, as a bit set. Source: proc(5), `SigIgn`.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

/// Whether this process ignores a signal, because who started it wants so.
pub(crate) fn is_ignored(signal: i32) -> bool {
    ignored_signals() >> (signal - 1) & 1 == 1
}

/// Watches for signals until it is dropped.
pub(crate) struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// With `leaves` SIGTERM ends this process and nothing else: what runs elsewhere goes on for the next engine of the
    /// run, which finds all that this one knew in the journal.
    pub(crate) fn new(token: CancelToken, leaves: bool) -> Result<Self> {
        // What was ignored when we were started (`nohup`) stays ignored.
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP];
        let wanted = wanted.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = Signals::new(wanted).context("failed to watch for signals")?;
        let handle = signals.handle();
        let thread = std::thread::spawn(move || {
            for (count, signal) in signals.forever().enumerate() {
                if leaves && signal == SIGTERM {
                    note(
                        "this engine is to end; the run's tasks go on, and its next engine takes them over",
                    );
                    std::process::exit(128 + SIGTERM);
                }
                token.cancel();
                if count == 0 {
                    note("stopping: tasks get SIGTERM; press Ctrl-C again to kill them");
                } else if count == 1 {
                    note("killing the tasks");
                }
            }
        });
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
