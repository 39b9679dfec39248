//! What a worker's own output streams get, and what is kept of a task's.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use crate::protocol::Tail;

/// The two streams that take what tasks write and what the worker has to say: in a pod, its log.
pub struct Output {
    streams: [Mutex<Box<dyn Write + Send>>; 2],
}

/// Which output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl Output {
    /// Output to these two; what the worker itself has to say goes to `err`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self { streams: [Mutex::new(out), Mutex::new(err)] }
    }

    /// No output.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Box::new(io::sink()), Box::new(io::sink()))
    }

    /// Copies what a task wrote. That it cannot be written is no reason to end a task.
    pub(crate) fn copy(&self, stream: Stream, bytes: &[u8]) {
        let mut to = self.streams[stream as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let _ = to.write_all(bytes).and_then(|()| to.flush());
    }

    /// A line of the worker's own.
    pub(crate) fn note(&self, text: &str) {
        // One write: lines of several tasks are not mixed.
        self.copy(Stream::Err, format!("{text}\n").as_bytes());
    }
}

/// The most that is kept of a stream, whatever an engine asks for.
const MOST_KEPT: usize = 4 << 20;

/// Keeps the last bytes of a stream.
#[derive(Debug)]
pub(crate) struct Keep {
    limit: usize,
    total: u64,
    bytes: Vec<u8>,
}

impl Keep {
    pub(crate) fn last(bytes: u32) -> Self {
        Self { limit: MOST_KEPT.min(bytes as usize), total: 0, bytes: Vec::new() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        self.bytes.extend_from_slice(bytes);
        // Not each time: moving what is kept costs as much as what comes.
        if self.bytes.len() > 2 * self.limit {
            self.bytes.drain(..self.bytes.len() - self.limit);
        }
    }

    pub(crate) fn tail(&self) -> Tail {
        let mut bytes = &self.bytes[self.bytes.len().saturating_sub(self.limit)..];
        if self.total > bytes.len() as u64 {
            // The cut may have gone through a character.
            let is_inside = |byte: &u8| byte & 0xc0 == 0x80;
            let from = bytes.iter().take(3).take_while(|byte| is_inside(byte)).count();
            bytes = &bytes[from..];
        }
        Tail { total: self.total, text: String::from_utf8_lossy(bytes).into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_bytes_of_a_stream_are_kept() {
        let mut keep = Keep::last(10);
        for _ in 0..1000 {
            keep.push(b"abc");
            assert!(keep.bytes.len() <= 20);
        }
        assert_eq!(keep.tail(), Tail { total: 3000, text: "cabcabcabc".to_owned() });
        keep.push(&[b'x'; 5000]);
        assert_eq!(keep.tail().text, "x".repeat(10));
        let mut nothing = Keep::last(0);
        nothing.push(b"abc");
        assert_eq!(nothing.tail(), Tail { total: 3, text: String::new() });
    }

    #[test]
    fn a_character_that_was_cut_is_left_out_and_bad_bytes_are_replaced() {
        let mut keep = Keep::last(3);
        keep.push("aää".as_bytes());
        assert_eq!(keep.tail().text, "ä");
        let mut keep = Keep::last(3);
        keep.push(b"a\xffb");
        assert_eq!(keep.tail().text, "a\u{fffd}b");
    }
}
