//! Connections of workers: TLS in, messages out and in.
//!
//! One task a connection. Messages to a worker are queued by whoever sends them and never wait; the connection's task
//! is woken, takes all that is queued and writes it at once. What comes in goes out as [`HubEvent`]s in its order.
//!
//! Nothing is detached: [`Hub::close`] ends all connections in an orderly way, and when the last handle is dropped they
//! are cut.

mod connection;
mod frames;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use worker::protocol::{FromWorker, Hello, ToWorker, encode};

use super::identity::Identity;
use queue::Queue;

/// How long a peer may take from the connection's beginning to its [`Hello`].
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many may be at that at once.
const HANDSHAKES: usize = 1024;
/// How many bytes may wait for a worker that does not read.
const QUEUED: usize = 256 << 20;
/// How long a connection that ends may take for what is still queued.
const LINGER: Duration = Duration::from_secs(3);
/// How long all of them may take when the hub closes.
const CLOSING: Duration = Duration::from_secs(5);
/// How long it waits when the system lets it accept nothing, such as for want of file descriptors.
const NO_ACCEPT: Duration = Duration::from_millis(100);
/// The shortest silence that may be asked for.
const SHORTEST_SILENCE: Duration = Duration::from_millis(30);

/// A connection of a worker. Never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Its number: the connections of a hub are counted from 1.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// What happened on the connections. For each, `Joined` comes first and `Left` last, each once.
#[derive(Debug)]
pub enum HubEvent {
    /// A worker of this run is there, and was welcomed.
    Joined {
        /// Its connection.
        id: ConnectionId,
        /// What it says of itself.
        hello: Hello,
    },
    /// It says something. Neither `Hello` nor `Alive`: the hub sees to these.
    Said {
        /// Who.
        id: ConnectionId,
        /// What.
        message: FromWorker,
    },
    /// It is gone.
    Left {
        /// Who.
        id: ConnectionId,
        /// Why, for people.
        why: String,
    },
    /// Somebody came and was not let in, or nobody can be let in.
    Turned {
        /// Where it came from.
        peer: String,
        /// Why, for people.
        why: String,
    },
}

/// The hub cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// It was made outside of a runtime.
    #[error("the connections of workers need a tokio runtime")]
    NoRuntime,
    /// Too short a silence.
    #[error("a silence of {} ms is too short: at least {} are needed", .0.as_millis(), SHORTEST_SILENCE.as_millis())]
    Silence(Duration),
}

/// A handle to the connections of a run's workers. Clones are handles to the same.
#[derive(Clone)]
pub struct Hub {
    owner: Arc<Owner>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// What ends with the last handle.
struct Owner {
    shared: Arc<Shared>,
    runtime: Handle,
    /// Accept loops, and connections that came from elsewhere. Dropping it ends them.
    tasks: Mutex<JoinSet<()>>,
}

/// What the tasks know.
struct Shared {
    tls: TlsAcceptor,
    run: String,
    silence: Duration,
    events: mpsc::UnboundedSender<HubEvent>,
    connections: Mutex<Connections>,
    next: AtomicU64,
    /// One permit for each handshake.
    handshakes: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

#[derive(Default)]
struct Connections {
    queues: HashMap<ConnectionId, Arc<Queue>>,
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// A hub of the tokio runtime that this is called in. Workers of other runs than `run` are refused. A connection
    /// on which nothing comes for `silence` is ended.
    ///
    /// # Errors
    /// If there is no runtime, or if `silence` is under 30 ms.
    pub fn new(
        identity: &Identity,
        run: &str,
        silence: Duration,
        events: mpsc::UnboundedSender<HubEvent>,
    ) -> Result<Self, HubError> {
        if silence < SHORTEST_SILENCE {
            return Err(HubError::Silence(silence));
        }
        let runtime = Handle::try_current().map_err(|_| HubError::NoRuntime)?;
        let shared = Shared {
            tls: TlsAcceptor::from(identity.server_config()),
            run: run.to_owned(),
            silence,
            events,
            connections: Mutex::default(),
            next: AtomicU64::new(1),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            closing: watch::Sender::new(false),
        };
        let owner = Owner { shared: Arc::new(shared), runtime, tasks: Mutex::new(JoinSet::new()) };
        Ok(Self { owner: Arc::new(owner) })
    }

    /// Listens at an address (port 0: any that is free) and says where. May be called for several.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn listen(&self, addr: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        self.spawn(accept_all(Arc::clone(&self.owner.shared), listener));
        Ok(addr)
    }

    /// Takes a connection that was made elsewhere. The peer has 10 s from now to say who it is, so a connection that
    /// is kept ready for later is to be handed over when its first byte is there.
    pub fn accept(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: &str) {
        let shared = Arc::clone(&self.owner.shared);
        let Ok(permit) = Arc::clone(&shared.handshakes).try_acquire_owned() else {
            shared.turn(peer, format!("{HANDSHAKES} others are at their handshakes"));
            return;
        };
        self.spawn(connection::serve(shared, permit, stream, peer.to_owned()));
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.owner.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.owner.runtime);
    }

    /// Queues a message for a worker; never waits. `false`: the connection is gone, or the message is longer than a
    /// frame may be. A worker with 256 MiB queued is too slow: its connection is ended.
    ///
    /// `true` does not mean that it arrives.
    #[must_use]
    pub fn send(&self, id: ConnectionId, message: &ToWorker) -> bool {
        // Encoded before anything is locked.
        let Ok(frame) = encode(message) else { return false };
        let Some(queue) = self.owner.shared.queue(id) else { return false };
        queue.push(&frame)
    }

    /// How many bytes wait to be sent to a worker; `None`: the connection is gone.
    #[must_use]
    pub fn queued(&self, id: ConnectionId) -> Option<usize> {
        self.owner.shared.queue(id).map(|queue| queue.bytes())
    }

    /// Waits until at most so many bytes wait to be sent to a worker, for those who have much to send. `false`: the
    /// connection is gone.
    pub async fn drained(&self, id: ConnectionId, bytes: usize) -> bool {
        let Some(queue) = self.owner.shared.queue(id) else { return false };
        queue.drained(bytes).await
    }

    /// Ends a connection. What is queued is still sent, for at most 3 s; then `Left` tells `why`. Nothing more is
    /// `Said`, apart from what is on its way already.
    pub fn drop_connection(&self, id: ConnectionId, why: &str) {
        if let Some(queue) = self.owner.shared.queue(id) {
            queue.end(why);
        }
    }

    /// How many workers are there.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.owner.shared.connections).queues.len()
    }

    /// Ends all connections and listens no more. What is queued is still sent, for at most 5 s. When it returns
    /// nothing of the hub runs any more; other handles can then do nothing.
    pub async fn close(self) {
        let shared = &self.owner.shared;
        let queues: Vec<Arc<Queue>> = {
            let mut connections = lock(&shared.connections);
            connections.closed = true;
            connections.queues.values().cloned().collect()
        };
        for queue in queues {
            queue.end("the engine ends");
        }
        shared.closing.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.owner.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(CLOSING, all).await.is_err() {
            tasks.shutdown().await;
        }
    }
}

impl Shared {
    fn queue(&self, id: ConnectionId) -> Option<Arc<Queue>> {
        lock(&self.connections).queues.get(&id).cloned()
    }

    /// Says something to the owner of the hub. If that is gone nobody wants to know.
    fn tell(&self, event: HubEvent) {
        let _ = self.events.send(event);
    }

    fn turn(&self, peer: &str, why: String) {
        self.tell(HubEvent::Turned { peer: peer.to_owned(), why });
    }

    /// A peer that is known now. `None`: the hub closes.
    fn join(&self, hello: Hello, queue: &Arc<Queue>) -> Option<ConnectionId> {
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let mut connections = lock(&self.connections);
        if connections.closed {
            return None;
        }
        connections.queues.insert(id, Arc::clone(queue));
        // Under the lock: whoever finds it there has its `Joined` before.
        self.tell(HubEvent::Joined { id, hello });
        Some(id)
    }
}

/// Completes when the hub closes.
async fn closing(mut closing: watch::Receiver<bool>) {
    // An error: the hub is gone altogether.
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn accept_all(shared: Arc<Shared>, listener: TcpListener) {
    let mut tasks = JoinSet::new();
    let end = closing(shared.closing.subscribe());
    tokio::pin!(end);
    let mut failing = false;
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(_) = tasks.join_next() => {}
            accepted = accept_one(&shared, &listener) => match accepted {
                Ok((permit, stream, peer)) => {
                    failing = false;
                    // Without it messages wait for each other; a connection works nevertheless.
                    let _ = stream.set_nodelay(true);
                    tasks.spawn(connection::serve(Arc::clone(&shared), permit, stream, peer.to_string()));
                }
                Err(error) => {
                    if !failing {
                        shared.turn("anybody", format!("no connection can be accepted: {error}"));
                    }
                    failing = true;
                    sleep(NO_ACCEPT).await;
                }
            }
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// While all handshakes are taken, peers wait with the kernel.
async fn accept_one(
    shared: &Shared,
    listener: &TcpListener,
) -> io::Result<(OwnedSemaphorePermit, tokio::net::TcpStream, SocketAddr)> {
    let permit = Arc::clone(&shared.handshakes).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((permit, stream, peer))
}
