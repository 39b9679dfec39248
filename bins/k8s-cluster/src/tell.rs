//! What happens on many hosts, line by line for people.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::cli::say;
use anyhow::{Context, Result};
use fleet::{News, Watch};
use node_bootstrap::agent::EventKind;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Tells what happens on standard error, and stops at the first Ctrl-C or SIGTERM: what hosts have begun they end. At the
/// second the program ends at once.
#[derive(Debug)]
pub(crate) struct Teller {
    stop: Arc<AtomicBool>,
    /// Whether it was told that it stops.
    told: AtomicBool,
}

impl Teller {
    pub(crate) fn new() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
                .context("failed to watch for signals")?;
        }
        Ok(Self { stop, told: AtomicBool::new(false) })
    }

    /// What is set once it stops.
    pub(crate) fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }
}

impl Watch for Teller {
    fn hear(&self, news: &News<'_>) {
        match news {
            News::Phase(name) => say(&format!("== {name}")),
            News::Begun { host, what } => say(&format!("{host:<14} {what} ...")),
            News::Event { host, event } => {
                let (step, text) = (&event.step, &event.text);
                match event.kind {
                    EventKind::Begun => say(&format!("{host:<14}   {step:<14} {text} ...")),
                    EventKind::Done => say(&format!("{host:<14}   {step:<14} {text}")),
                    EventKind::Waiting => say(&format!("{host:<14}   {step:<14} waits: {text}")),
                    EventKind::Warning => say(&format!("{host:<14}   {step:<14} warning: {text}")),
                    EventKind::Note => say(&format!("{host:<14}   {step:<14} note: {text}")),
                }
            }
            News::Done { host, what } => say(&format!("{host:<14} done: {what}")),
            News::Failed { host, what, why } => {
                say(&format!("{host:<14} FAILED to {what}: {why}"));
            }
            News::Note(text) => say(&format!("note: {text}")),
        }
    }

    fn stopped(&self) -> bool {
        let stops = self.stop.load(Ordering::Relaxed);
        if stops && !self.told.swap(true, Ordering::Relaxed) {
            say(
                "stopping: what hosts have begun they end, and nothing more is begun; once more ends at once",
            );
        }
        stops
    }
}
