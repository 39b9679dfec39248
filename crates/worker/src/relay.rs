//! Brings workers and an engine outside the cluster together: copies bytes between each worker's connection and one
//! that the engine keeps ready. What they say is encrypted, and no business of the relay's.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::task::lock;

/// The most connections that wait on one side.
pub const MOST_WAITING: usize = 4096;

/// Connections that wait for the other side.
#[derive(Debug, Default)]
struct Waiting {
    workers: VecDeque<TcpStream>,
    spares: VecDeque<TcpStream>,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Worker,
    Engine,
}

/// Accepts connections of workers and of the engine, and pairs them, first come, first served, until a listener fails.
///
/// # Errors
/// The reason why there are no more connections to accept.
pub fn relay(workers: TcpListener, engine: TcpListener) -> io::Result<()> {
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    let (sender, ended) = channel();
    for (listener, side) in [(workers, Side::Worker), (engine, Side::Engine)] {
        let (sender, waiting) = (sender.clone(), Arc::clone(&waiting));
        Builder::new()
            .name("accept".to_owned())
            .spawn(move || sender.send(accept(&listener, side, &waiting)))?;
    }
    drop(sender);
    // Whichever is the first: the other alone is of no use.
    ended.recv().unwrap_or(Ok(()))
}

fn accept(listener: &TcpListener, side: Side, waiting: &Mutex<Waiting>) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((socket, _)) => enter(socket, side, &mut lock(waiting)),
            // Of one connection, or for a moment: others may come.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::Interrupted
                ) => {}
            Err(error) if is_shortage(&error) => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

fn enter(socket: TcpStream, side: Side, waiting: &mut Waiting) {
    let _ = socket.set_nodelay(true);
    let (own, other) = match side {
        Side::Worker => (&mut waiting.workers, &mut waiting.spares),
        Side::Engine => (&mut waiting.spares, &mut waiting.workers),
    };
    while let Some(found) = other.pop_front() {
        if is_alive(&found) {
            return join(socket, found);
        }
    }
    if own.len() >= MOST_WAITING {
        own.retain(is_alive);
    }
    if own.len() < MOST_WAITING {
        own.push_back(socket);
    }
}

/// Whether the other side has not hung up, as far as this side was told.
fn is_alive(socket: &TcpStream) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok()
        && !fds[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
}

/// Copies both ways until either ends; both are closed then.
fn join(one: TcpStream, two: TcpStream) {
    let pair = Arc::new((one, two));
    let copy = |pair: Arc<(TcpStream, TcpStream)>, forth: bool| {
        move || {
            let (mut from, mut to) = if forth { (&pair.0, &pair.1) } else { (&pair.1, &pair.0) };
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    };
    for forth in [true, false] {
        let spawned = Builder::new()
            .name("copy".to_owned())
            .stack_size(128 << 10)
            .spawn(copy(Arc::clone(&pair), forth));
        if spawned.is_err() {
            // No more threads: both try again.
            let _ = pair.0.shutdown(Shutdown::Both);
            let _ = pair.1.shutdown(Shutdown::Both);
            return;
        }
    }
}
