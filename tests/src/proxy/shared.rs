//! What the test and the server's thread share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::fault::What;
use super::{Call, Fault, Log, Rule};

/// Rules, the log, and whether everything hangs.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Sent to whenever calls that hang are to be cut.
    release: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) log: Log,
    rules: Vec<Rule>,
    stop: Stop,
    /// How often the log was emptied.
    era: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stop {
    #[default]
    No,
    /// Calls hang, and the server still works at the one that began it.
    Coming,
    Reached,
}

impl State {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop == Stop::Reached
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        let (release, _) = watch::channel(());
        Self { state: Mutex::default(), changed: Condvar::new(), release }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder of the lock leaves things half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    pub(super) fn log(&self) -> Log {
        self.state().log.clone()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped()
    }

    pub(super) fn clear(&self, with_log: bool) {
        let mut state = self.state();
        state.rules.clear();
        state.stop = Stop::No;
        if with_log {
            state.log.calls.clear();
            state.era += 1;
        }
        // Within the lock: no call that was told to hang misses it, and none that comes later sees it.
        self.release.send_replace(());
    }

    pub(super) fn wait(&self, limit: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), limit, |state| !is_so(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_so(&state)
    }

    /// Writes a call into the log and decides what goes wrong with it.
    pub(super) fn arrived(self: &Arc<Self>, mut call: Call) -> Arrival {
        let mut state = self.state();
        call.number = state.log.calls.len() + 1;
        let mut fault = None;
        // All of them count.
        for rule in &mut state.rules {
            if rule.is_due(&call) && fault.is_none() {
                fault = Some(rule.fault.clone());
            }
        }
        if state.stop != Stop::No {
            fault = Some(Fault::stall());
            call.fault = Some("stopped".to_owned());
        } else if let Some(fault) = &fault {
            call.fault = Some(fault.name());
            if matches!(fault.what, What::Stop) {
                state.stop = if fault.is_after { Stop::Coming } else { Stop::Reached };
            }
        }
        let entry = Entry { shared: Arc::clone(self), number: call.number, era: state.era };
        state.log.calls.push(call);
        let release = self.release.subscribe();
        self.changed.notify_all();
        Arrival { entry, fault, release }
    }
}

/// A call that came.
pub(super) struct Arrival {
    pub(super) entry: Entry,
    pub(super) fault: Option<Fault>,
    /// Changes when it is to hang no longer.
    pub(super) release: watch::Receiver<()>,
}

/// A call's place in the log. The call has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    shared: Arc<Shared>,
    number: usize,
    era: u64,
}

impl Entry {
    fn change(&self, change: impl FnOnce(&mut Call)) {
        let mut state = self.shared.state();
        if state.era == self.era
            && let Some(call) = state.log.calls.get_mut(self.number - 1)
        {
            change(call);
            self.shared.changed.notify_all();
        }
    }

    pub(super) fn is_forwarded(&self) {
        self.change(|call| call.is_forwarded = true);
    }

    pub(super) fn server_answered(&self, code: u16) {
        self.change(|call| call.server_code = Some(code));
    }

    pub(super) fn is_answered(&self, code: u16) {
        self.change(|call| call.code = Some(code));
    }

    /// The server has done the call after which all others hang.
    pub(super) fn stop_reached(&self) {
        let mut state = self.shared.state();
        if state.era == self.era && state.stop == Stop::Coming {
            state.stop = Stop::Reached;
            self.shared.changed.notify_all();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.change(|call| call.ended = Some(Instant::now()));
    }
}
