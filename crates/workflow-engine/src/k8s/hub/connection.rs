//! One connection, from the first byte to the last.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use worker::protocol::{FromWorker, Hello, ProtocolError, ToWorker, VERSION, encode};

use super::frames::Frames;
use super::queue::{Next, Queue};
use super::{ConnectionId, HANDSHAKE, HubEvent, LINGER, Shared, closing, lock};

/// Takes a connection from its beginning to its end. `_permit` is the right to be at the handshake.
pub(super) async fn serve<S>(
    shared: Arc<Shared>,
    permit: OwnedSemaphorePermit,
    stream: S,
    peer: String,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let met = tokio::select! {
        met = timeout(HANDSHAKE, meet(&shared, stream)) => met,
        () = closing(shared.closing.subscribe()) => return,
    };
    drop(permit);
    let (mut line, hello) = match met {
        Ok(Ok(met)) => met,
        Ok(Err(Refusal { why, line })) => {
            shared.turn(&peer, why);
            if let Some(line) = line {
                line.bid_farewell().await;
            }
            return;
        }
        Err(_) => {
            let seconds = HANDSHAKE.as_secs();
            shared.turn(&peer, format!("did not say who it is within {seconds} s"));
            return;
        }
    };

    let queue = Arc::new(Queue::new());
    let silence_millis = u32::try_from(shared.silence.as_millis()).unwrap_or(u32::MAX);
    if let Ok(frame) = encode(&ToWorker::Welcome { silence_millis }) {
        queue.push(&frame);
    }
    let Some(id) = shared.join(hello, &queue) else { return };
    let mut place = Place { shared, id, queue, why: None };
    let why = line.talk(&place.shared, id, &place.queue).await;
    let flushed = place.queue.ended().is_some_and(|end| end.flush);
    // From here on nobody can send to it.
    place.queue.cut(&why);
    place.why = Some(why);
    if flushed {
        line.bid_farewell().await;
    }
}

/// A worker's place among the connections. It is given back, and said so, however the task ends.
struct Place {
    shared: Arc<Shared>,
    id: ConnectionId,
    queue: Arc<Queue>,
    why: Option<String>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let why = self.why.take().or_else(|| self.queue.ended().map(|end| end.why));
        let why = why.unwrap_or_else(|| "the engine cut it".to_owned());
        self.queue.cut(&why);
        lock(&self.shared.connections).queues.remove(&self.id);
        self.shared.tell(HubEvent::Left { id: self.id, why });
    }
}

/// Why a peer is not let in.
struct Refusal<S> {
    why: String,
    /// Where it was told so.
    line: Option<Line<S>>,
}

impl<S> Refusal<S> {
    fn silent(why: String) -> Self {
        Self { why, line: None }
    }
}

/// TLS, then who it is.
async fn meet<S>(shared: &Shared, stream: S) -> Result<(Line<S>, Hello), Refusal<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = shared
        .tls
        .accept(stream)
        .await
        .map_err(|error| Refusal::silent(format!("no connection of this run: {error}")))?;
    let (reader, writer) = split(stream);
    let mut line = Line { frames: Frames::new(), reader, writer };
    let first = loop {
        match line.frames.next::<FromWorker>() {
            Ok(Some(message)) => break Ok(message),
            Ok(None) => {}
            Err(error) => break Err(error),
        }
        match line.frames.read(&mut line.reader).await {
            Ok(0) => return Err(Refusal::silent("it went before it said who it is".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(Refusal::silent(format!("the connection broke: {error}"))),
        }
    };
    let why = match first {
        Ok(FromWorker::Hello(hello)) => match fault(shared, &hello) {
            None => return Ok((line, hello)),
            Some(why) => why,
        },
        Ok(_) => "a worker says first who it is".to_owned(),
        Err(error) => format!("{error}; this engine speaks version {VERSION}"),
    };
    match line.say(&ToWorker::Refused(why.clone())).await {
        Ok(()) => Err(Refusal { why, line: Some(line) }),
        Err(_) => Err(Refusal::silent(why)),
    }
}

/// What is wrong with a worker.
fn fault(shared: &Shared, hello: &Hello) -> Option<String> {
    if hello.version != VERSION {
        return Some(format!(
            "the worker in pod {} speaks version {}, this engine version {VERSION}: use an image of the worker that was built with the engine",
            hello.pod, hello.version
        ));
    }
    if hello.run != shared.run {
        return Some(format!(
            "the worker in pod {} is of run {}, this is run {}",
            hello.pod, hello.run, shared.run
        ));
    }
    None
}

/// The two directions of a connection.
struct Line<S> {
    frames: Frames,
    reader: ReadHalf<TlsStream<S>>,
    writer: WriteHalf<TlsStream<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    async fn say(&mut self, message: &ToWorker) -> Result<(), ProtocolError> {
        self.writer.write_all(&encode(message)?).await?;
        Ok(self.writer.flush().await?)
    }

    /// Lets the peer have what was sent: says that no more will come and waits until the peer goes too. Without that
    /// what the peer still sends would make the system forget what we sent.
    async fn bid_farewell(mut self) {
        let farewell = async {
            if self.writer.shutdown().await.is_ok() {
                let mut rest = [0_u8; 4096];
                while self.reader.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            }
        };
        // Long enough for one that lives.
        let _ = timeout(LINGER, farewell).await;
    }

    /// Carries messages until the connection ends; says why.
    async fn talk(&mut self, shared: &Shared, id: ConnectionId, queue: &Queue) -> String {
        let silence = shared.silence;
        let pause = silence / 4;
        let mut writing = Writing::default();
        let (mut heard, mut said) = (Instant::now(), Instant::now());
        // Set when the time is over; only if nothing has come soon after that, it was silent and not just we busy.
        let mut overdue = false;
        let mut linger = None;
        let mut timer = pin!(sleep_until(heard + pause));
        loop {
            match self.hand_on(shared, id, queue) {
                Ok(()) => {}
                Err(error) => return error.to_string(),
            }
            if writing.is_done() {
                match queue.next() {
                    Next::Write(chunk) => writing = Writing::of(chunk),
                    Next::Wait => {}
                    Next::End(why) => return why,
                }
            }
            if let Some(end) = queue.ended() {
                if !end.flush {
                    return end.why;
                }
                if linger.is_none() {
                    // What is queued is still to be written, but not for ever.
                    let until = Instant::now() + LINGER;
                    linger = Some(until);
                    timer.as_mut().reset(until);
                }
            }
            let ending = linger.is_some();
            tokio::select! {
                read = self.frames.read(&mut self.reader), if !ending => match read {
                    Ok(0) => return "the worker closed it".to_owned(),
                    Ok(_) => {
                        heard = Instant::now();
                        overdue = false;
                    }
                    Err(error) => return format!("it broke: {error}"),
                },
                written = writing.go_on(&mut self.writer), if !writing.is_done() => match written {
                    Ok(count) => {
                        said = Instant::now();
                        queue.written(count);
                    }
                    Err(error) => return format!("it broke: {error}"),
                },
                () = queue.woken() => {}
                () = &mut timer => {
                    let now = Instant::now();
                    if let Some(until) = linger && now >= until {
                        return queue.ended().map(|end| end.why).unwrap_or_default();
                    }
                    if now >= heard + silence {
                        if overdue {
                            return format!("nothing came from it for {} ms", silence.as_millis());
                        }
                        overdue = true;
                        timer.as_mut().reset(now + grace(silence));
                        continue;
                    }
                    if now >= said + pause {
                        // What waits says it too.
                        if writing.is_done() && let Ok(frame) = encode(&ToWorker::Alive) {
                            queue.push(&frame);
                        }
                        said = now;
                    }
                    timer.as_mut().reset((heard + silence).min(said + pause));
                }
            }
        }
    }

    /// Tells what came.
    fn hand_on(
        &mut self,
        shared: &Shared,
        id: ConnectionId,
        queue: &Queue,
    ) -> Result<(), ProtocolError> {
        while let Some(message) = self.frames.next::<FromWorker>()? {
            match message {
                FromWorker::Alive => {}
                FromWorker::Hello(_) => queue.cut("it said twice who it is"),
                message => shared.tell(HubEvent::Said { id, message }),
            }
        }
        Ok(())
    }
}

/// How long a connection whose time is over gets once more.
fn grace(silence: Duration) -> Duration {
    (silence / 10).min(Duration::from_millis(200))
}

/// A chunk, and how much of it is written.
#[derive(Default)]
struct Writing {
    chunk: Vec<u8>,
    at: usize,
    /// All is written, but may be kept back somewhere.
    flush: bool,
}

impl Writing {
    fn of(chunk: Vec<u8>) -> Self {
        Self { chunk, at: 0, flush: true }
    }

    fn is_done(&self) -> bool {
        self.at == self.chunk.len() && !self.flush
    }

    /// A step; how many bytes it wrote. When it is dropped before it completes, nothing is lost or written twice.
    async fn go_on(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<usize> {
        if let Some(rest) = self.chunk.get(self.at..).filter(|rest| !rest.is_empty()) {
            let count = to.write(rest).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.at += count;
            return Ok(count);
        }
        to.flush().await?;
        *self = Self::default();
        Ok(0)
    }
}
