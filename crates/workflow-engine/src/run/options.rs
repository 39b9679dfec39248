//! How a run is to be carried out, and how it can be stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a failed attempt is followed by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Attempts after the first one.
    pub retries: u32,
    /// Attempts after those that failed by no fault of the task's, counted apart.
    pub platform_retries: u32,
    /// Wait before the second attempt; doubles for each further one.
    pub first_delay: Duration,
    /// Longest wait.
    pub longest_delay: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries: 0,
            platform_retries: 10,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_mins(1),
        }
    }
}

impl Retry {
    /// The wait after attempt `attempt` (from 1) failed: exponential, with up to half of it taken off at
    /// random (`jitter` in 0..1) so that tasks that failed together do not come back together.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self.first_delay.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        doubled.min(self.longest_delay).mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0))
    }
}

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// How much may run at once: a task takes one slot, or as many as the cores it requests.
    pub slots: usize,
    /// Whether a task that requests several cores takes as many slots; otherwise each takes one.
    pub slots_are_cores: bool,
    /// Memory that running tasks may request together, in bytes; `None`: no limit.
    pub memory_bytes: Option<u64>,
    /// What follows a failed attempt.
    pub retry: Retry,
    /// Longest run time of an attempt, where the task does not say its own.
    pub timeout: Option<Duration>,
    /// After a failure go on with everything that does not depend on it.
    pub keep_going: bool,
    /// Wait for the disk at each group of journal records, not only every 200 ms.
    pub durable: bool,
    /// How long a task has between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Mean run times in seconds by task type, from earlier runs: what comes first on the critical path
    /// is started first. Types that are not named count as one second.
    pub expected_seconds: BTreeMap<String, f64>,
}

impl Default for RunOptions {
    /// One slot for each core that this process may use (cgroups and affinity respected).
    fn default() -> Self {
        Self {
            slots: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            slots_are_cores: true,
            memory_bytes: None,
            retry: Retry::default(),
            timeout: None,
            keep_going: false,
            durable: false,
            grace: Duration::from_secs(10),
            expected_seconds: BTreeMap::new(),
        }
    }
}

type Waker = Box<dyn Fn() + Send>;

#[derive(Default)]
struct CancelInner {
    calls: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

/// Stops a run from another thread: once to end tasks in order, twice to end them at once.
#[derive(Clone, Default)]
pub struct CancelToken {
    inner: Arc<CancelInner>,
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("calls", &self.calls()).finish()
    }
}

impl CancelToken {
    /// A token that nothing has cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// First call: start nothing more, ask tasks to end, kill them after the grace time. Second: kill now.
    pub fn cancel(&self) {
        self.inner.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(wake) = &*self.inner.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.inner.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn on_cancel(&self, wake: impl Fn() + Send + 'static) {
        *self.inner.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(wake));
    }

    pub(crate) fn forget_waker(&self) {
        *self.inner.waker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_lose_at_most_half() {
        let retry = Retry { retries: 9, ..Retry::default() };
        assert_eq!(retry.delay(1, 0.0), Duration::from_secs(1));
        assert_eq!(retry.delay(3, 0.0), Duration::from_secs(4));
        assert_eq!(retry.delay(30, 0.0), Duration::from_mins(1));
        assert_eq!(retry.delay(3, 1.0), Duration::from_secs(2));
    }
}
