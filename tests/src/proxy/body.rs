//! The body of an answer on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use kube::client::Body as ServerBody;

use super::fault::{Then, gone_event};
use super::shared::Entry;

/// The connection is to end here.
#[derive(Debug, thiserror::Error)]
#[error("the proxy cuts the connection")]
pub(super) struct Cut;

/// Waits until calls that hang are cut.
pub(super) type Hanging = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a body ends before its end.
pub(super) enum Limit {
    None,
    Bytes(usize),
    Events(usize, Then, Hanging),
}

/// A body that passes on what comes from the server as it comes, up to its limit.
pub(super) struct Passing {
    server: Option<ServerBody>,
    limit: Limit,
    phase: Phase,
    /// Dropped with the body: then the call has ended.
    _entry: Option<Entry>,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Open,
    /// What was passed on is to reach the client first.
    Flushing,
    Last,
    Done,
}

impl Passing {
    pub(super) fn new(server: ServerBody, limit: Limit, entry: Entry) -> Self {
        let is_over = matches!(limit, Limit::Bytes(0) | Limit::Events(0, ..));
        let phase = if is_over { Phase::Flushing } else { Phase::Open };
        Self { server: Some(server), limit, phase, _entry: Some(entry) }
    }

    /// No body.
    pub(super) fn nothing() -> Self {
        Self { server: None, limit: Limit::None, phase: Phase::Done, _entry: None }
    }

    /// As much of this as the limit allows.
    fn passed(&mut self, mut data: Bytes) -> Bytes {
        let keep = match &mut self.limit {
            Limit::None => return data,
            Limit::Bytes(left) => {
                let keep = data.len().min(*left);
                *left -= keep;
                if *left > 0 {
                    return data;
                }
                keep
            }
            Limit::Events(left, ..) => {
                // Each event is a line.
                let ends = data.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                let ends: Vec<usize> = ends.map(|(at, _)| at).take(*left).collect();
                *left -= ends.len();
                match ends.last() {
                    Some(end) if *left == 0 => end + 1,
                    _ => return data,
                }
            }
        };
        self.phase = Phase::Flushing;
        self.server = None;
        data.split_to(keep)
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        if this.phase == Phase::Open {
            let Some(server) = &mut this.server else { return Poll::Ready(None) };
            return Poll::Ready(match ready!(Pin::new(server).poll_frame(cx)) {
                Some(Ok(frame)) => Some(Ok(match frame.into_data() {
                    Ok(data) => Frame::data(this.passed(data)),
                    Err(other) => other,
                })),
                Some(Err(_)) => Some(Err(Cut)),
                None if matches!(this.limit, Limit::Bytes(_)) => Some(Err(Cut)),
                None => None,
            });
        }
        if this.phase == Phase::Flushing {
            this.phase = Phase::Last;
            this.server = None;
            // The server's connection writes out what it has when its body has nothing for it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.phase == Phase::Done {
            return Poll::Ready(None);
        }
        match &mut this.limit {
            Limit::Events(_, Then::Gone, _) => {
                this.phase = Phase::Done;
                Poll::Ready(Some(Ok(Frame::data(gone_event().into()))))
            }
            Limit::Events(_, Then::Silence, hanging) => {
                ready!(hanging.as_mut().poll(cx));
                this.phase = Phase::Done;
                Poll::Ready(Some(Err(Cut)))
            }
            _ => {
                this.phase = Phase::Done;
                Poll::Ready(Some(Err(Cut)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.phase {
            Phase::Open => self.server.as_ref().is_none_or(Body::is_end_stream),
            _ => self.phase == Phase::Done,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.limit, &self.server) {
            (Limit::None, Some(server)) => server.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
