//! The floor: what starting and awaiting processes costs when nothing else is done.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};

use crate::cli::FloorArguments;

/// Starts `count` processes from `threads` threads, each awaiting its own before the next.
///
/// The processes inherit everything: no pipe, no log, no record is made of them.
///
/// # Errors
/// When the program cannot be started or fails.
pub(crate) fn run(arguments: &FloorArguments) -> anyhow::Result<()> {
    let started = AtomicU64::new(0);
    let one_slot = || -> anyhow::Result<()> {
        while started.fetch_add(1, Ordering::Relaxed) < arguments.count {
            let status = Command::new(&arguments.program)
                .status()
                .with_context(|| format!("failed to start {}", arguments.program.display()))?;
            ensure!(status.success(), "{} ended with {status}", arguments.program.display());
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..arguments.threads).map(|_| scope.spawn(one_slot)).collect();
        let mut outcome = one_slot();
        for other in others {
            let ended = other.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a slot panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    })
}
