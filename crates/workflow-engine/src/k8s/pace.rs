//! How many objects are made at once: more while the server answers soon, fewer when it asks for mercy.
//!
//! Slow start, then additive increase and multiplicative decrease, as TCP does it, on the number of calls that are under way; so the rate
//! follows what the server can do without anyone knowing that beforehand.

use std::time::Duration;

use tokio::time::Instant;

/// Calls under way to begin with.
const FIRST: f64 = 8.0;
/// Most calls under way.
const MOST: f64 = 64.0;
/// An answer that takes longer says that the server is busy.
const SLOW: Duration = Duration::from_secs(1);
/// The window is made smaller at most this often: many calls tell of the same trouble.
const ONCE: Duration = Duration::from_millis(500);

/// Paces calls. Time is given, so that it can be tested.
#[derive(Debug, Clone)]
pub(in crate::k8s) struct Pace {
    window: f64,
    under_way: usize,
    slowed: Option<Instant>,
    paused_until: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { window: FIRST, under_way: 0, slowed: None, paused_until: None }
    }
}

impl Pace {
    /// Whether another call may be sent now.
    #[must_use]
    pub(in crate::k8s) fn may_send(&self, now: Instant) -> bool {
        (self.under_way + 1) as f64 <= self.window
            && self.paused_until.is_none_or(|until| until <= now)
    }

    /// When the pause that the server asked for is over.
    #[must_use]
    pub(in crate::k8s) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// A call was sent.
    pub(in crate::k8s) fn sent(&mut self) {
        self.under_way += 1;
    }

    /// A call has its answer, after this time.
    pub(in crate::k8s) fn answered(&mut self, took: Duration, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        if took > SLOW {
            self.slow_down(now);
        } else {
            // Twice as many for each full window of answers until the server was busy once; then two more.
            let more = if self.slowed.is_none() { 1.0 } else { 2.0 / self.window.max(1.0) };
            self.window = (self.window + more).min(MOST);
        }
    }

    /// A call failed in a way that says that there are too many of them (it is sent again by who sent it).
    pub(in crate::k8s) fn throttled(&mut self, wait: Option<Duration>, now: Instant) {
        self.slow_down(now);
        if let Some(wait) = wait {
            let until = now + wait;
            self.paused_until = Some(self.paused_until.map_or(until, |known| known.max(until)));
        }
    }

    /// Whether the server has asked for fewer calls in the last seconds.
    #[must_use]
    pub(in crate::k8s) fn is_throttled(&self, now: Instant) -> bool {
        self.slowed.is_some_and(|at| now.duration_since(at) < Duration::from_secs(5))
    }

    fn slow_down(&mut self, now: Instant) {
        if self.slowed.is_none_or(|at| now.duration_since(at) >= ONCE) {
            self.window = (self.window / 2.0).max(1.0);
            self.slowed = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each call after `latency`; how many calls it had answered after a second.
    fn answered_in_a_second(latency: Duration) -> usize {
        let begin = Instant::now();
        let mut pace = Pace::default();
        let (mut sent, mut answered) = (Vec::new(), 0);
        for millis in 0..1000 {
            let now = begin + Duration::from_millis(millis);
            let due: Vec<Instant> =
                sent.iter().copied().filter(|at| *at + latency <= now).collect();
            sent.retain(|at| *at + latency > now);
            for at in due {
                answered += 1;
                pace.answered(now - at, now);
            }
            while pace.may_send(now) {
                pace.sent();
                sent.push(now);
            }
        }
        answered
    }

    #[tokio::test]
    async fn a_server_that_answers_soon_gets_more_than_200_calls_a_second() {
        assert!(answered_in_a_second(Duration::from_millis(20)) > 1000);
        assert!(answered_in_a_second(Duration::from_millis(100)) > 200);
    }

    #[tokio::test]
    async fn a_server_that_asks_for_mercy_gets_half_and_a_pause() {
        let now = Instant::now();
        let mut pace = Pace { window: 32.0, ..Pace::default() };
        pace.throttled(Some(Duration::from_secs(2)), now);
        pace.throttled(None, now);
        assert!((pace.window - 16.0).abs() < 1e-9, "{}", pace.window);
        assert!(!pace.may_send(now + Duration::from_secs(1)));
        assert!(pace.may_send(now + Duration::from_secs(2)));
        assert!(pace.is_throttled(now) && !pace.is_throttled(now + Duration::from_secs(6)));
    }

    #[tokio::test]
    async fn one_call_is_always_allowed() {
        let mut now = Instant::now();
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.throttled(None, now);
            now += Duration::from_secs(1);
        }
        assert!(pace.may_send(now));
    }
}
