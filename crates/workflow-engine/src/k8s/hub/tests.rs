use std::net::Ipv4Addr;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use worker::protocol::{
    PART, Part, SERVER_NAME, StopHow, Tail, TaskEnd, TaskKey, TaskResult, VERSION,
};

use super::frames::Frames;
use super::*;

const RUN: &str = "r1";
/// Nothing here takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_secs(100);

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

struct Engine {
    identity: Identity,
    hub: Hub,
    events: UnboundedReceiver<HubEvent>,
    address: SocketAddr,
}

impl Engine {
    async fn start(silence: Duration) -> Self {
        let identity = Identity::create().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let hub = Hub::new(&identity, RUN, silence, sender).unwrap();
        let address = hub.listen(loopback()).await.unwrap();
        Self { identity, hub, events, address }
    }

    async fn event(&mut self) -> HubEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event").unwrap()
    }

    async fn turned(&mut self) -> String {
        match self.event().await {
            HubEvent::Turned { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    async fn joined(&mut self) -> ConnectionId {
        match self.event().await {
            HubEvent::Joined { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    async fn left(&mut self, whom: ConnectionId) -> String {
        match self.event().await {
            HubEvent::Left { id, why } if id == whom => why,
            other => panic!("{other:?}"),
        }
    }

    async fn worker(&mut self) -> (Client<TcpStream>, ConnectionId) {
        let mut client = Client::connect(self.address, self.identity.client_config()).await;
        client.say(&FromWorker::Hello(hello())).await;
        assert!(matches!(client.hear().await, Some(ToWorker::Welcome { .. })));
        (client, self.joined().await)
    }
}

fn hello() -> Hello {
    Hello {
        version: VERSION,
        run: RUN.to_owned(),
        pod: "pod-1".to_owned(),
        node: String::new(),
        class: "small".to_owned(),
        slots: 1,
        running: Vec::new(),
        ended: Vec::new(),
    }
}

fn key(process: u32) -> TaskKey {
    TaskKey { process, firing: 1, attempt: 1 }
}

struct Client<S> {
    stream: TlsStream<S>,
    frames: Frames,
}

impl Client<TcpStream> {
    async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream, config).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn over(stream: S, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let stream = TlsConnector::from(config).connect(name, stream).await.unwrap();
        Self { stream, frames: Frames::new() }
    }

    async fn say(&mut self, message: &FromWorker) {
        self.stream.write_all(&encode(message).unwrap()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next message that says something; `None`: the connection is over.
    async fn hear(&mut self) -> Option<ToWorker> {
        let next = async {
            loop {
                match self.frames.next::<ToWorker>().unwrap() {
                    Some(ToWorker::Alive) => {}
                    Some(message) => return Some(message),
                    None => match self.frames.read(&mut self.stream).await {
                        Ok(0) | Err(_) => return None,
                        Ok(_) => {}
                    },
                }
            }
        };
        timeout(PATIENCE, next).await.expect("a message or the end")
    }
}

/// What a client without the certificate gets: not a byte of the hub's.
async fn gets_nothing(address: SocketAddr, config: ClientConfig) {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    // With TLS 1.3 the client may think that it is connected until it reads.
    let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await else {
        return;
    };
    let _ = stream.write_all(&encode(&FromWorker::Hello(hello())).unwrap()).await;
    let mut got = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut got)).await.expect("the end");
    assert!(read.is_err() && got.is_empty(), "{read:?} {got:?}");
}

fn client_of(
    authority: &Identity,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let mut roots = RootCertStore::empty();
    let [(_, ca), ..] = authority.worker_files();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
}

#[tokio::test]
async fn without_a_certificate_of_the_run_nobody_gets_anything() {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let mut engine = Engine::start(LONG).await;
    gets_nothing(engine.address, client_of(&engine.identity).with_no_client_auth()).await;
    assert!(engine.turned().await.contains("no connection of this run"));

    let [_, (_, certificate), (_, private)] = Identity::create().unwrap().worker_files();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let private = PrivateKeyDer::from_pem_slice(private.as_bytes()).unwrap();
    let config =
        client_of(&engine.identity).with_client_auth_cert(vec![certificate], private).unwrap();
    gets_nothing(engine.address, config).await;
    assert!(engine.turned().await.contains("no connection of this run"));

    // No TLS at all.
    let mut plain = TcpStream::connect(engine.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(engine.turned().await.contains("no connection of this run"));
    assert_eq!(engine.hub.connections(), 0);
    engine.hub.close().await;
}

#[tokio::test]
async fn a_worker_does_not_talk_to_another_engine() {
    let engine = Engine::start(LONG).await;
    let stranger = Identity::create().unwrap();
    let stream = TcpStream::connect(engine.address).await.unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let connected = TlsConnector::from(stranger.client_config()).connect(name, stream).await;
    assert!(connected.is_err());
}

#[tokio::test]
async fn a_worker_of_another_run_or_version_is_refused_and_told_why() {
    let mut engine = Engine::start(LONG).await;
    let other_run = FromWorker::Hello(Hello { run: "r2".to_owned(), ..hello() });
    let other_version = FromWorker::Hello(Hello { version: VERSION + 1, ..hello() });
    for (message, word) in
        [(other_run, "r2"), (other_version, "version"), (FromWorker::Alive, "first")]
    {
        let mut client = Client::connect(engine.address, engine.identity.client_config()).await;
        client.say(&message).await;
        let Some(ToWorker::Refused(why)) = client.hear().await else { panic!("not refused") };
        assert!(why.contains(word), "{why}");
        assert_eq!(client.hear().await, None);
        assert_eq!(engine.turned().await, why);
    }
    // Bytes of another protocol, in a frame.
    let mut client = Client::connect(engine.address, engine.identity.client_config()).await;
    client.stream.write_all(&[0, 0, 0, 2, 0xff, 0xff]).await.unwrap();
    assert!(matches!(client.hear().await, Some(ToWorker::Refused(_))));
    assert_eq!(engine.hub.connections(), 0);
}

#[tokio::test]
async fn messages_go_both_ways_in_their_order() {
    let mut engine = Engine::start(LONG).await;
    let (mut client, id) = engine.worker().await;
    for number in 0..1000 {
        assert!(engine.hub.send(id, &ToWorker::Stop { key: key(number), how: StopHow::Kill }));
        client.say(&FromWorker::Began(key(number))).await;
    }
    for number in 0..1000 {
        let expected = ToWorker::Stop { key: key(number), how: StopHow::Kill };
        assert_eq!(client.hear().await, Some(expected));
        let HubEvent::Said { id: who, message } = engine.event().await else { panic!("silent") };
        assert_eq!((who, message), (id, FromWorker::Began(key(number))));
    }
    drop(client);
    engine.left(id).await;
    assert!(!engine.hub.send(id, &ToWorker::Leave));
    assert_eq!(engine.hub.queued(id), None);
}

#[tokio::test]
async fn big_frames_go_both_ways() {
    let mut engine = Engine::start(LONG).await;
    let (client, id) = engine.worker().await;
    let text = "x".repeat(20 << 20);
    let end = TaskEnd {
        key: key(1),
        result: TaskResult::Exit(0),
        wall_micros: 1,
        cpu_micros: 1,
        peak_bytes: 1,
        files: Vec::new(),
        out: Tail { total: 1, text: text.clone() },
        err: Tail::default(),
    };
    let part = Part {
        key: key(1),
        path: "p".to_owned(),
        offset: 0,
        bytes: vec![7; PART],
        is_last: false,
        is_program: false,
    };
    for _ in 0..80 {
        assert!(engine.hub.send(id, &ToWorker::Part(part.clone())));
    }
    assert!(engine.hub.send(id, &ToWorker::Refused(text)));
    // Both at once: neither side waits for the other to read.
    let (mut reader, mut writer) = split(client.stream);
    let mut frames = client.frames;
    let message = FromWorker::Ended(end);
    let frame = encode(&message).unwrap();
    let write = async {
        writer.write_all(&frame).await.unwrap();
        writer.flush().await.unwrap();
    };
    let read = async {
        let mut parts = 0;
        loop {
            match frames.next::<ToWorker>().unwrap() {
                Some(ToWorker::Part(got)) if got == part => parts += 1,
                Some(ToWorker::Refused(got)) => {
                    assert_eq!((parts, got.len()), (80, 20 << 20));
                    break;
                }
                Some(ToWorker::Alive) => {}
                Some(other) => panic!("{other:?}"),
                None => assert!(frames.read(&mut reader).await.unwrap() > 0),
            }
        }
    };
    timeout(PATIENCE, async { tokio::join!(write, read) }).await.expect("all comes");
    let HubEvent::Said { message: got, .. } = engine.event().await else { panic!("silent") };
    assert!(got == message);
    assert!(engine.hub.drained(id, 0).await);
    assert_eq!(engine.hub.queued(id), Some(0));
}

#[tokio::test]
async fn silence_is_noticed_on_both_sides_but_not_without_reason() {
    let silence = Duration::from_millis(600);
    let mut engine = Engine::start(silence).await;
    let (mut client, id) = engine.worker().await;
    // For three times that long it says that it is there, and hears the same.
    let until = Instant::now() + 3 * silence;
    let mut longest = Duration::ZERO;
    let mut heard = Instant::now();
    let mut alive = 0;
    while Instant::now() < until {
        client.say(&FromWorker::Alive).await;
        let _ = timeout(silence / 6, client.frames.read(&mut client.stream)).await;
        while let Some(message) = client.frames.next::<ToWorker>().unwrap() {
            assert_eq!(message, ToWorker::Alive);
            alive += 1;
            longest = longest.max(heard.elapsed());
            heard = Instant::now();
        }
    }
    assert!(alive >= 3, "{alive}");
    assert!(longest < silence, "{longest:?}");
    assert_eq!(engine.hub.connections(), 1);
    let begun = Instant::now();
    assert!(engine.left(id).await.contains("nothing came from it for 600 ms"));
    assert!(begun.elapsed() >= silence / 2, "{:?}", begun.elapsed());
    assert!(!engine.hub.send(id, &ToWorker::Leave));
}

#[tokio::test]
async fn what_was_queued_is_sent_before_a_connection_is_dropped() {
    let mut engine = Engine::start(LONG).await;
    let (mut client, id) = engine.worker().await;
    assert!(engine.hub.send(id, &ToWorker::Refused("no".to_owned())));
    engine.hub.drop_connection(id, "not wanted");
    assert!(!engine.hub.send(id, &ToWorker::Leave));
    // It says much that nobody reads; even so it hears what was said to it.
    let _ = client.stream.write_all(&encode(&FromWorker::Alive).unwrap().repeat(1000)).await;
    assert_eq!(client.hear().await, Some(ToWorker::Refused("no".to_owned())));
    assert_eq!(client.hear().await, None);
    drop(client);
    assert_eq!(engine.left(id).await, "not wanted");
    assert_eq!(engine.hub.connections(), 0);
}

#[tokio::test]
async fn a_worker_that_does_not_read_is_too_slow_in_the_end() {
    let mut engine = Engine::start(LONG).await;
    let (client, id) = engine.worker().await;
    let message = ToWorker::Refused("x".repeat(32 << 20));
    let mut sent = 0;
    while engine.hub.send(id, &message) {
        sent += 1;
        assert!(sent < 16, "nothing bounds the queue");
        tokio::task::yield_now().await;
    }
    assert!(sent >= 7, "{sent}");
    assert!(engine.left(id).await.contains("too slow"));
    drop(client);
}

#[tokio::test]
async fn a_hub_that_closes_ends_everything() {
    let mut engine = Engine::start(LONG).await;
    let (mut first, one) = engine.worker().await;
    let (second, two) = engine.worker().await;
    // One that is at its handshake still.
    let idle = TcpStream::connect(engine.address).await.unwrap();
    assert!(engine.hub.send(one, &ToWorker::Leave));
    let other = engine.hub.clone();
    let hear = async {
        let heard = [first.hear().await, first.hear().await];
        drop((first, second));
        heard
    };
    let (heard, ()) = tokio::join!(hear, engine.hub.close());
    assert_eq!(heard, [Some(ToWorker::Leave), None]);
    let mut left = Vec::new();
    while let Ok(event) = engine.events.try_recv() {
        let HubEvent::Left { id, why } = event else { panic!("{event:?}") };
        assert_eq!(why, "the engine ends");
        left.push(id);
    }
    left.sort();
    assert_eq!(left, [one, two]);
    assert!(!other.send(two, &ToWorker::Leave));
    assert!(TcpStream::connect(engine.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn without_a_handle_the_connections_are_cut() {
    let mut engine = Engine::start(LONG).await;
    let (mut client, id) = engine.worker().await;
    drop(engine.hub);
    assert_eq!(client.hear().await, None);
    let event = timeout(PATIENCE, engine.events.recv()).await.unwrap();
    assert!(matches!(event, Some(HubEvent::Left { id: who, .. }) if who == id), "{event:?}");
    assert!(timeout(PATIENCE, engine.events.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn connections_may_come_from_elsewhere_in_pieces() {
    let mut engine = Engine::start(LONG).await;
    // Ten bytes at a time.
    let (ours, theirs): (DuplexStream, DuplexStream) = duplex(10);
    engine.hub.accept(theirs, "a relay");
    let mut client = Client::over(ours, engine.identity.client_config()).await;
    client.say(&FromWorker::Hello(hello())).await;
    assert!(matches!(client.hear().await, Some(ToWorker::Welcome { .. })));
    let id = engine.joined().await;
    assert!(engine.hub.send(id, &ToWorker::Leave));
    assert_eq!(client.hear().await, Some(ToWorker::Leave));
    client.say(&FromWorker::Began(key(3))).await;
    assert!(matches!(engine.event().await, HubEvent::Said { message: FromWorker::Began(_), .. }));
}

#[tokio::test]
async fn handshakes_are_bounded_in_number() {
    let mut engine = Engine::start(LONG).await;
    let mut idle = Vec::new();
    // The listener holds one for whoever comes next.
    tokio::task::yield_now().await;
    for _ in 0..HANDSHAKES {
        let (ours, theirs) = duplex(64);
        engine.hub.accept(theirs, "somebody");
        idle.push(ours);
    }
    assert!(engine.turned().await.contains("others are at their handshakes"));
    // Those that went make room.
    drop(idle);
    while engine.hub.owner.shared.handshakes.available_permits() < HANDSHAKES - 1 {
        tokio::task::yield_now().await;
    }
    let (ours, theirs) = duplex(64);
    engine.hub.accept(theirs, "somebody");
    let mut client = Client::over(ours, engine.identity.client_config()).await;
    client.say(&FromWorker::Hello(hello())).await;
    assert!(matches!(client.hear().await, Some(ToWorker::Welcome { .. })));
}

#[tokio::test]
async fn many_workers_are_served_at_once_and_soon() {
    const WORKERS: u32 = 96;
    const ROUNDS: u32 = 20;
    let mut engine = Engine::start(LONG).await;
    let config = engine.identity.client_config();
    let address = engine.address;
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let config = Arc::clone(&config);
        workers.spawn(async move {
            let mut client = Client::connect(address, config).await;
            client.say(&FromWorker::Hello(hello())).await;
            loop {
                match client.hear().await {
                    Some(ToWorker::Stop { key, .. }) => client.say(&FromWorker::Began(key)).await,
                    Some(ToWorker::Leave) | None => return,
                    Some(_) => {}
                }
            }
        });
    }
    let mut ids = Vec::new();
    for _ in 0..WORKERS {
        ids.push(engine.joined().await);
    }
    assert_eq!(engine.hub.connections(), 96);
    // One at a time: there and back.
    let mut times = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let begun = Instant::now();
        let stop = ToWorker::Stop { key: key(number as u32), how: StopHow::Kill };
        assert!(engine.hub.send(*id, &stop));
        assert!(matches!(engine.event().await, HubEvent::Said { id: who, .. } if who == *id));
        times.push(begun.elapsed());
    }
    times.sort();
    assert!(times[times.len() / 2] < Duration::from_millis(250), "{:?}", times[times.len() / 2]);
    // All at once, each sent the next when it answers.
    for id in &ids {
        assert!(engine.hub.send(*id, &ToWorker::Stop { key: key(0), how: StopHow::Kill }));
    }
    let mut answers = HashMap::new();
    for _ in 0..WORKERS * ROUNDS {
        let HubEvent::Said { id, message: FromWorker::Began(got) } = engine.event().await else {
            panic!("silent");
        };
        let answered: &mut u32 = answers.entry(id).or_default();
        assert_eq!(got, key(*answered));
        *answered += 1;
        if *answered < ROUNDS {
            let stop = ToWorker::Stop { key: key(*answered), how: StopHow::Kill };
            assert!(engine.hub.send(id, &stop));
        }
    }
    for id in &ids {
        assert!(engine.hub.send(*id, &ToWorker::Leave));
    }
    while let Some(worker) = timeout(PATIENCE, workers.join_next()).await.expect("they end") {
        worker.unwrap();
    }
    engine.hub.close().await;
}

#[tokio::test]
async fn a_long_frame_gets_room_as_it_comes() {
    let (mut ours, mut theirs) = duplex(1 << 20);
    let mut frames = Frames::new();
    // It says 60 MiB and sends little.
    ours.write_all(&(60_u32 << 20).to_be_bytes()).await.unwrap();
    let mut came = 4;
    for _ in 0..20 {
        ours.write_all(&[0; 5000]).await.unwrap();
        came += 5000;
        let mut read = 0;
        while read < 5000 {
            read += frames.read(&mut theirs).await.unwrap();
            assert!(frames.next::<ToWorker>().unwrap().is_none());
        }
        assert!(frames.capacity() <= (2 * came).max(8 << 10), "{} of {came}", frames.capacity());
    }
    // One that is too long is refused at once.
    let mut frames = Frames::new();
    let mut wire = &[0xff_u8; 4][..];
    frames.read(&mut wire).await.unwrap();
    assert!(frames.next::<ToWorker>().is_err());
    assert!(frames.read(&mut wire).await.is_err());
}

#[tokio::test]
async fn frames_come_out_however_they_are_cut() {
    let messages: Vec<ToWorker> =
        (0..50_usize).map(|number| ToWorker::Refused("y".repeat(number * number * 7))).collect();
    let wire: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
    for piece in [1, 2, 3, 5, 7, 64, 1000, 9000, wire.len()] {
        let mut frames = Frames::new();
        let mut got = Vec::new();
        for mut bytes in wire.chunks(piece) {
            while !bytes.is_empty() {
                assert!(frames.read(&mut bytes).await.unwrap() > 0);
                while let Some(message) = frames.next::<ToWorker>().unwrap() {
                    got.push(message);
                }
            }
        }
        assert!(got == messages, "{piece}");
        assert!(frames.capacity() <= 40 << 10, "{}", frames.capacity());
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused() {
    let identity = Identity::create().unwrap();
    let (sender, _events) = mpsc::unbounded_channel();
    let short = Hub::new(&identity, RUN, Duration::from_millis(1), sender.clone());
    assert!(matches!(short, Err(HubError::Silence(_))));
    let elsewhere = std::thread::spawn(move || Hub::new(&identity, RUN, LONG, sender)).join();
    assert!(matches!(elsewhere.unwrap(), Err(HubError::NoRuntime)));
}
