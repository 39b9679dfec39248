//! The worker of a pool: takes tasks from its engine until it is told to leave.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crate::session::{Life, Over, Plan, Session};
use crate::task::Surroundings;

pub use crate::session::Link;

/// How a worker of a pool is to be.
#[derive(Debug)]
pub struct ServeOptions {
    /// Where the engine is, and who the worker is.
    pub link: Link,
    /// How many tasks it runs at once, at least 1.
    pub slots: u32,
    /// So long it keeps its tasks without an engine.
    pub lease: Duration,
    /// So long its tasks have to end when the pod is deleted; then they are killed.
    pub grace: Duration,
    /// Its work directory and its output.
    pub surroundings: Arc<Surroundings>,
    /// Becomes readable when the worker is to end: see [`termination`].
    pub terminated: Option<UnixStream>,
}

/// Why a worker has ended. No task of it runs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// The engine has no more tasks.
    Left,
    /// There was no engine for as long as the lease.
    LeaseOver,
    /// The engine has no use for it, for this reason.
    Refused(String),
    /// It was told to end ([`ServeOptions::terminated`]).
    Terminated,
}

/// Works until there is nothing more to do. The connection is made again as often as it breaks.
///
/// # Errors
/// If the work directory cannot be opened, or the system has no descriptors left.
pub fn serve(options: ServeOptions) -> io::Result<Departure> {
    let plan = Plan {
        link: Some(options.link),
        life: Life::Pool,
        slots: options.slots,
        lease: options.lease,
        grace: options.grace,
        surroundings: options.surroundings,
        terminated: options.terminated,
        given: Vec::new(),
    };
    Ok(match Session::new(plan, &mut |_| {})?.live() {
        Over::Left | Over::Done => Departure::Left,
        Over::Lease => Departure::LeaseOver,
        Over::Refused(why) => Departure::Refused(why),
        Over::Terminated => Departure::Terminated,
    })
}

/// A stream that becomes readable when this process gets SIGTERM or SIGINT, which no longer end it.
///
/// # Errors
/// If the system has no descriptors left.
pub fn termination() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, writer.try_clone()?)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, writer)?;
    Ok(reader)
}
