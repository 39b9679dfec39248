//! Workers and an engine that come together in a relay.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use worker::protocol::{TaskResult, ToWorker};
use worker::relay::relay;
use worker::serve::Departure;

use crate::engine::{Engine, PATIENCE, Place, Worker, key, link, shell};

/// A relay, for as long as the tests run: where workers connect, and where the engine does.
fn start() -> (SocketAddr, SocketAddr) {
    let workers = TcpListener::bind("127.0.0.1:0").unwrap();
    let engine = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = (workers.local_addr().unwrap(), engine.local_addr().unwrap());
    std::thread::spawn(move || relay(workers, engine));
    addresses
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn passes(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).unwrap();
    let mut found = vec![0; bytes.len()];
    to.read_exact(&mut found).unwrap();
    assert_eq!(found, bytes);
}

#[test]
fn a_worker_and_an_engine_speak_through_the_relay() {
    let (workers, spares) = start();
    let (engine, place) = (Engine::new(), Place::new());
    let worker = Worker::with(link(workers, engine.authority.dir.path()), &place, |_| {});
    let mut talk = engine.on(connect(spares));
    talk.hello();
    talk.tell(&ToWorker::Welcome { silence_millis: 60_000 });
    assert_eq!(talk.outcome(&shell(1, "true")).result, TaskResult::Exit(0));
    talk.run(&shell(2, "while [ ! -e go ]; do sleep 0.01; done"));
    talk.began();
    // The engine is gone: the worker is told so, and comes again.
    drop(talk);
    let mut talk = engine.on(connect(spares));
    assert_eq!(talk.hello().running, [key(2)]);
    talk.tell(&ToWorker::Welcome { silence_millis: 60_000 });
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(talk.end_recorded().key, key(2));
    talk.tell(&ToWorker::Leave);
    assert_eq!(worker.departure(), Departure::Left);
    // And the other way round.
    assert!(talk.try_hear().is_err());
}

#[test]
fn whoever_comes_first_waits_and_is_served_first() {
    let (workers, spares) = start();
    let mut first = connect(workers);
    first.write_all(b"1").unwrap();
    let mut one = connect(spares);
    let mut byte = [0; 1];
    one.read_exact(&mut byte).unwrap();
    passes(&mut one, &mut first, b"hello");
    let mut two = connect(spares);
    let mut three = connect(spares);
    let mut second = connect(workers);
    passes(&mut second, &mut two, b"second");
    let mut third = connect(workers);
    passes(&mut third, &mut three, b"third");
    passes(&mut two, &mut second, &vec![7; 50_000]);
    // An end is passed on, and nothing that was said before it is lost.
    second.write_all(b"last words").unwrap();
    drop(second);
    let mut rest = String::new();
    two.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "last words");
    passes(&mut third, &mut three, b"others go on");
}

#[test]
fn a_connection_that_hung_up_while_it_waited_is_not_used() {
    let (workers, spares) = start();
    drop(connect(spares));
    let mut dead = connect(spares);
    dead.write_all(b"said something").unwrap();
    drop(dead);
    // Their ends have to reach the relay.
    std::thread::sleep(Duration::from_millis(100));
    let mut spare = connect(spares);
    let mut worker = connect(workers);
    passes(&mut worker, &mut spare, b"to one who listens");
    // Workers too.
    let mut dead = connect(workers);
    dead.write_all(b"half a greeting").unwrap();
    drop(dead);
    let mut worker = connect(workers);
    std::thread::sleep(Duration::from_millis(100));
    let mut spare = connect(spares);
    passes(&mut worker, &mut spare, b"again");
}
