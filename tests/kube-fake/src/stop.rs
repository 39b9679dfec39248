//! Stops: from some write on nothing is answered, as for a client that was killed there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use http::request::Parts;
use serde_json::Value;
use tokio::sync::watch;

/// Where to stop, and whether it came to that.
#[derive(Debug)]
pub(crate) struct Stop {
    state: Mutex<State>,
    reached: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    writes: usize,
    /// Counted from the first write of all.
    at: Option<At>,
    is_on: bool,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Before(usize),
    After(usize),
}

/// What becomes of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Do,
    DoAndHang,
    Hang,
}

impl Default for Stop {
    fn default() -> Self {
        Self { state: Mutex::default(), reached: watch::channel(false).0 }
    }
}

impl Stop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, writes: usize, is_after: bool) {
        let mut state = self.state();
        let write = state.writes + writes;
        state.at = Some(if is_after { At::After(write) } else { At::Before(write + 1) });
    }

    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.at = None;
        state.is_on = false;
        self.reached.send_replace(false);
    }

    pub(crate) fn writes(&self) -> usize {
        self.state().writes
    }

    pub(crate) fn arrived(&self, is_write: bool) -> Verdict {
        let mut state = self.state();
        if state.is_on {
            return Verdict::Hang;
        }
        if !is_write {
            return Verdict::Do;
        }
        state.writes += 1;
        match state.at {
            Some(At::Before(write)) if write == state.writes => {
                state.is_on = true;
                self.is_reached();
                Verdict::Hang
            }
            Some(At::After(write)) if write == state.writes => {
                state.is_on = true;
                Verdict::DoAndHang
            }
            _ => Verdict::Do,
        }
    }

    pub(crate) fn is_reached(&self) {
        self.reached.send_replace(true);
    }

    pub(crate) async fn reached(&self) {
        // The sender is here.
        let _ = self.reached.subscribe().wait_for(|reached| *reached).await;
    }
}

/// Whether a request changes something.
pub(crate) fn is_write(parts: &Parts, body: &[u8]) -> bool {
    let is_dry = if parts.method == Method::DELETE && !body.is_empty() {
        serde_json::from_slice(body).is_ok_and(|options: Value| options["dryRun"].is_array())
    } else {
        parts.uri.query().is_some_and(|query| query.contains("dryRun="))
    };
    matches!(parts.method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE) && !is_dry
}
