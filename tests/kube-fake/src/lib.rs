//! A small API server inside the test's process, for tests of clients that are run thousands of times.
//!
//! It keeps objects, and tells of them as Kubernetes does: versions and conflicts, lists with selectors and pages,
//! watches with bookmarks, merge and JSON patches, the path of the status, finalizers, preconditions, owners, and errors
//! in Kubernetes' words. It knows the kinds of a table, [`KINDS`], and does not look into their specs.
//!
//! It does nothing on its own. Pods stay as they are until a test writes their status, Jobs have no pods, and there is no
//! server-side apply: for these there is a real API server. The same calls have the same answers, except for times.
//!
//! ```no_run
//! use kube_fake::KubeFake;
//!
//! # async fn run() {
//! let fake = KubeFake::new();
//! fake.stop_after_writes(3); // the fourth write, and what follows, has no answer
//! let client = fake.client("default");
//! tokio::select! {
//!     () = program_under_test(client) => {}
//!     () = fake.stopped() => {} // as if it were killed there
//! }
//! fake.go_on();
//! program_under_test(fake.client("default")).await;
//! # }
//! # async fn program_under_test(_: kube::Client) {}
//! ```

mod delete;
mod discovery;
mod failure;
mod kinds;
mod read;
mod selector;
mod serve;
mod server;
mod stop;
mod store;
mod watch;
mod write;

use std::convert::Infallible;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::Client;
use tokio::sync::watch as channel;

pub use kinds::{KINDS, Kind};
pub use server::Server;

use serve::Body;
use stop::Stop;
use store::Store;
use watch::Signal;

/// An API server. Clones are the same server.
#[derive(Debug, Clone)]
pub struct KubeFake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    kinds: Arc<[Kind]>,
    store: Mutex<Store>,
    signal: channel::Sender<Signal>,
    stop: Stop,
}

impl Inner {
    fn store(&self) -> MutexGuard<'_, Store> {
        // No holder of the lock leaves things half done.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store, to change something: watches look when it is given back.
    fn change(&self) -> Changing<'_> {
        Changing { store: self.store(), signal: &self.signal }
    }
}

struct Changing<'a> {
    store: MutexGuard<'a, Store>,
    signal: &'a channel::Sender<Signal>,
}

impl Deref for Changing<'_> {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        &mut self.store
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let version = self.store.version;
        self.signal
            .send_if_modified(|signal| std::mem::replace(&mut signal.version, version) != version);
    }
}

impl Default for KubeFake {
    fn default() -> Self {
        Self::new()
    }
}

impl KubeFake {
    /// A server with the kinds of [`KINDS`] and the namespaces `default` and `kube-system`.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kinds(&[])
    }

    /// The same with more kinds.
    #[must_use]
    pub fn with_kinds(more: &[Kind]) -> Self {
        let kinds: Arc<[Kind]> = KINDS.iter().chain(more).copied().collect();
        let fake = Self::of(Store::new(kinds));
        for name in ["default", "kube-system"] {
            fake.make_namespace(name);
        }
        fake
    }

    fn of(store: Store) -> Self {
        let (signal, _) = channel::channel(Signal { version: store.version, ..Signal::default() });
        let kinds = Arc::clone(&store.kinds);
        let inner = Inner { kinds, store: Mutex::new(store), signal, stop: Stop::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Another server with the same objects and versions, which goes its own way from here. It does not stop anywhere.
    #[must_use]
    pub fn fork(&self) -> Self {
        let store = self.inner.store().clone();
        Self::of(store)
    }

    /// A client without a network. Must be called inside a tokio runtime, with time for watches that end.
    #[must_use]
    pub fn client(&self, namespace: &str) -> Client {
        Client::new(self.clone(), namespace)
    }

    /// Serves on loopback as well, until the answer is dropped.
    #[must_use]
    pub fn serve(&self) -> Server {
        Server::start(self.clone())
    }

    /// Makes a namespace, unless it is there.
    pub fn make_namespace(&self, name: &str) {
        let mut store = self.inner.change();
        if let Some((kind, _)) = store.namespace_place(name) {
            let namespace = serde_json::json!({"metadata": {"name": name}});
            // If it is there it stays.
            let _ = store.create(kind, None, namespace, false);
        }
    }

    /// Forgets all versions but the present one: watches and pages that begin before it are answered with 410.
    pub fn compact(&self) {
        let mut store = self.inner.store();
        store.compacted = store.version;
    }

    /// Gives every watch that wants bookmarks one.
    pub fn bookmark(&self) {
        self.inner.signal.send_modify(|signal| signal.bookmarks += 1);
    }

    /// Ends all watches that run, as a server does now and then.
    pub fn end_watches(&self) {
        self.inner.signal.send_modify(|signal| signal.ends += 1);
    }

    /// The version of the last change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.store().version
    }

    /// Does so many writes more (calls that change something and are no dry run) and then nothing: the next write and
    /// all calls that follow it have no answer and no effect. Watches that run stay silent too.
    pub fn stop_after_writes(&self, writes: usize) {
        self.inner.stop.set(writes, false);
    }

    /// The same, but the last of these writes is done and has no answer either.
    pub fn stop_at_answer(&self, write: usize) {
        self.inner.stop.set(write, true);
    }

    /// Goes on after a stop. Calls that had no answer never get one.
    pub fn go_on(&self) {
        self.inner.stop.clear();
    }

    /// Waits until a stop was reached.
    pub async fn stopped(&self) {
        self.inner.stop.reached().await;
    }

    /// How many writes came so far, done or not.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.inner.stop.writes()
    }

    async fn answer<B>(self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return std::future::pending().await };
        let body = body.to_bytes();
        let verdict = self.inner.stop.arrived(stop::is_write(&parts, &body));
        if verdict == stop::Verdict::Hang {
            return std::future::pending().await;
        }
        let response = serve::respond(&self.inner, &parts, &body);
        if verdict == stop::Verdict::DoAndHang {
            self.inner.stop.is_reached();
            return std::future::pending().await;
        }
        response
    }
}

impl<B> tower::Service<Request<B>> for KubeFake
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let fake = self.clone();
        Box::pin(async { Ok(fake.answer(request).await) })
    }
}
