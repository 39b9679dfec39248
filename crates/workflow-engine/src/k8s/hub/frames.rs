//! Messages out of a stream of bytes that come as they like.

use std::io;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};
use worker::protocol::{ProtocolError, decode, frame_length};

/// What is kept for a connection on which little comes.
const SMALL: usize = 8 << 10;
/// Bytes of a frame's length.
const HEADER: usize = 4;

/// Bytes that came, and where the first message that was not taken begins.
///
/// A long frame gets room as its bytes come, twice what there is at a time, and never more than it says.
pub(super) struct Frames {
    buffer: Vec<u8>,
    from: usize,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::new(), from: 0 }
    }

    /// The next message, if all of it is there.
    ///
    /// # Errors
    /// If what came is no message.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ProtocolError> {
        let Some(end) = self.end()? else { return Ok(None) };
        let Some(frame) = self.buffer.get(self.from + HEADER..end) else { return Ok(None) };
        let message = decode(frame)?;
        self.from = end;
        Ok(Some(message))
    }

    /// Where the first frame ends; `None`: not even its length is there.
    fn end(&self) -> Result<Option<usize>, ProtocolError> {
        let header = self.buffer.get(self.from..).and_then(|rest| rest.first_chunk::<HEADER>());
        let Some(header) = header else { return Ok(None) };
        Ok(Some(self.from + HEADER + frame_length(*header)?))
    }

    /// Reads more; 0: there is no more. When it is dropped before it completes, nothing is lost.
    ///
    /// # Errors
    /// If the connection breaks, or the frame that is coming is too long.
    pub(super) async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.make_room()?;
        from.read_buf(&mut self.buffer).await
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.from > 0 {
            self.buffer.drain(..self.from);
            self.from = 0;
        }
        let there = self.buffer.len();
        let end = self.end().map_err(io::Error::other)?;
        let most = end.unwrap_or(0).max(SMALL);
        // A long frame that was taken leaves much room.
        self.buffer.shrink_to(most);
        if there == self.buffer.capacity() {
            let wanted = most.min(there.saturating_mul(2)).max(SMALL);
            // At least a byte: with none a read would look like the end.
            self.buffer.reserve_exact(wanted.saturating_sub(there).max(1));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}
