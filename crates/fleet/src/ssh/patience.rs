//! A host that another one works on is waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use node_bootstrap::agent::{Answer, Event, EventKind, Failure, FailureKind};

use crate::contact::ContactError;

/// What comes of a call.
pub(super) type Asked = Result<Answer, ContactError>;

/// One call, within this time; what happens is told.
pub(super) type Once<'a> = dyn FnMut(Duration, &mut dyn FnMut(&Event)) -> Asked + 'a;

/// What it is that is waited for, as events have it.
pub(super) const LOCK: &str = "lock";
/// How long to wait before a host is asked again that somebody else works on: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// How long it may take until it is noticed that somebody asked to stop.
const LOOK: Duration = Duration::from_millis(200);

/// How long a host is waited for.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    /// When the call began.
    pub(super) begin: Instant,
    /// How long all of it may take.
    pub(super) limit: Duration,
    /// Whether somebody asked to stop.
    pub(super) stop: Option<&'a AtomicBool>,
}

impl Patience<'_> {
    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begin.elapsed())
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Asks a host, and again while another one works on it. That it waits is told, once.
    pub(super) fn ask(
        &self,
        what: &str,
        tell: &mut dyn FnMut(&Event),
        once: &mut Once<'_>,
    ) -> Asked {
        let (mut pause, longest) = AGAIN;
        let mut is_told = false;
        loop {
            if self.left().is_zero() {
                return Err(ContactError::Deadline { what: what.to_owned(), limit: self.limit });
            }
            let busy = match once(self.left(), tell) {
                Err(ContactError::Host(failure)) if failure.kind == FailureKind::Busy => failure,
                other => return other,
            };
            let left = self.left();
            if left <= pause {
                return Err(busy.into());
            }
            if !is_told {
                is_told = true;
                let text = format!(
                    "{}; it is waited for, {} s at most, and nothing is begun before",
                    busy.message,
                    left.as_secs()
                );
                tell(&Event { kind: EventKind::Waiting, step: LOCK.to_owned(), text });
            }
            if !self.pause(pause) {
                let message = format!("stopped before it was begun: {}", busy.message);
                return Err(Failure { kind: FailureKind::Stopped, message, changes: 0 }.into());
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Answers whether nobody asked to stop meanwhile.
    fn pause(&self, pause: Duration) -> bool {
        let begin = Instant::now();
        while !self.is_stopped() {
            let left = pause.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(LOOK));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Asked {
        let message = "another run holds /run/node-prep.lock".to_owned();
        Err(Failure { kind: FailureKind::Busy, message, changes: 0 }.into())
    }

    fn patience(seconds: u64, stop: Option<&AtomicBool>) -> Patience<'_> {
        Patience { begin: Instant::now(), limit: Duration::from_secs(seconds), stop }
    }

    #[test]
    fn whoever_is_asked_to_stop_waits_no_more_for_what_others_do() {
        let stop = AtomicBool::new(false);
        let mut told = Vec::new();
        let mut asked = 0;
        // Forty minutes, and asked to stop while it waits for the second time.
        let answer = patience(2400, Some(&stop)).ask(
            "apply",
            &mut |event: &Event| told.push((event.kind, event.text.clone())),
            &mut |_, _| {
                asked += 1;
                stop.store(asked == 2, Ordering::Relaxed);
                busy()
            },
        );
        let Err(ContactError::Host(failure)) = answer else { panic!("{answer:?}") };
        assert_eq!(failure.kind, FailureKind::Stopped);
        assert_eq!(asked, 2);
        let [(EventKind::Waiting, text)] = &told[..] else { panic!("{told:?}") };
        assert!(text.contains("it is waited for, 2399 s at most"), "{text}");
    }

    #[test]
    fn a_host_that_is_free_again_is_asked_and_one_that_is_not_is_given_up_in_time() {
        let mut asked = 0;
        let answer = patience(60, None).ask("undo", &mut |_| {}, &mut |_, _| {
            asked += 1;
            if asked < 2 { busy() } else { Err(ContactError::Broken("x".to_owned())) }
        });
        assert!(matches!(answer, Err(ContactError::Broken(_))), "{answer:?}");
        let answer = patience(1, None).ask("undo", &mut |_| {}, &mut |_, _| busy());
        let Err(ContactError::Host(failure)) = answer else { panic!("{answer:?}") };
        assert_eq!(failure.kind, FailureKind::Busy);
        let answer = patience(0, None).ask("undo", &mut |_| {}, &mut |_, _| busy());
        assert!(matches!(answer, Err(ContactError::Deadline { .. })), "{answer:?}");
    }
}
