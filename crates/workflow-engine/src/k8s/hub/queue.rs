//! What waits to be sent on a connection.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::{QUEUED, lock};

/// Frames up to this many bytes together go out as one write.
const CHUNK: usize = 64 << 10;

/// Frames for one connection: pushed by anybody, taken by its task.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Wakes the connection's task.
    wake: Notify,
    /// Wakes those who wait for room.
    room: Notify,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Vec<u8>>,
    /// In `chunks`, and taken but not yet written.
    bytes: usize,
    end: Option<End>,
}

/// Why no more is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// For people.
    pub(super) why: String,
    /// What is queued is still to be sent.
    pub(super) flush: bool,
}

/// What the connection's task is to do.
pub(super) enum Next {
    /// Write this.
    Write(Vec<u8>),
    /// There is nothing.
    Wait,
    /// End.
    End(String),
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), room: Notify::new() }
    }

    /// `false`: it has ended, or does so now because too much waits.
    pub(super) fn push(&self, frame: &[u8]) -> bool {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return false;
        }
        if state.bytes + frame.len() > QUEUED {
            let why = format!("too slow: {} MiB wait to be sent to it", state.bytes >> 20);
            drop(state);
            self.cut(&why);
            return false;
        }
        state.bytes += frame.len();
        match state.chunks.back_mut() {
            Some(last) if last.len() + frame.len() <= CHUNK => last.extend_from_slice(frame),
            _ => state.chunks.push_back(frame.to_vec()),
        }
        drop(state);
        self.wake.notify_one();
        true
    }

    /// Takes no more, and ends when what is there is sent.
    pub(super) fn end(&self, why: &str) {
        self.finish(End { why: why.to_owned(), flush: true });
    }

    /// Ends now.
    pub(super) fn cut(&self, why: &str) {
        self.finish(End { why: why.to_owned(), flush: false });
    }

    fn finish(&self, end: End) {
        let mut state = lock(&self.state);
        if !end.flush {
            state.chunks.clear();
            state.bytes = 0;
        }
        // The first reason is the true one.
        state.end.get_or_insert(end);
        drop(state);
        self.wake.notify_one();
        self.room.notify_waiters();
    }

    /// Why it has ended, if it has.
    pub(super) fn ended(&self) -> Option<End> {
        lock(&self.state).end.clone()
    }

    /// For the connection's task: the next to do.
    pub(super) fn next(&self) -> Next {
        let mut state = lock(&self.state);
        match (state.chunks.pop_front(), &state.end) {
            (Some(chunk), _) => Next::Write(chunk),
            (None, Some(end)) => Next::End(end.why.clone()),
            (None, None) => Next::Wait,
        }
    }

    /// For the connection's task: so much of what it took is written.
    pub(super) fn written(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.room.notify_waiters();
    }

    /// For the connection's task: completes when [`Queue::next`] is to be asked again.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    /// Waits until at most so many bytes are there; `false`: it has ended.
    pub(super) async fn drained(&self, bytes: usize) -> bool {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // From here on it is woken.
            room.as_mut().enable();
            {
                let state = lock(&self.state);
                if state.end.is_some() {
                    return false;
                }
                if state.bytes <= bytes {
                    return true;
                }
            }
            room.await;
        }
    }
}
