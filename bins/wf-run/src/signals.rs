//! Ctrl-C and SIGTERM: the first ends tasks in order, the second at once.

use std::thread::JoinHandle;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use workflow_engine::run::CancelToken;

use crate::output::note;

/// Watches for signals until it is dropped.
pub(crate) struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn new(token: CancelToken) -> Result<Self> {
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).context("failed to watch for signals")?;
        let handle = signals.handle();
        let thread = std::thread::spawn(move || {
            for (count, _) in signals.forever().enumerate() {
                if count == 0 {
                    note("stopping: tasks get SIGTERM; press Ctrl-C again to kill them");
                } else if count == 1 {
                    note("killing the tasks");
                }
                token.cancel();
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
