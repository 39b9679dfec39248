//! A little engine, and what tests need to have a worker beside it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;
use worker::connection::Identity;
use worker::output::Output;
use worker::protocol::{
    FileRef, FromWorker, Hello, SERVER_NAME, TaskEnd, TaskKey, TaskSpec, ToWorker, read, write,
};
use worker::serve::{Departure, Link, ServeOptions, serve};
use worker::task::Surroundings;

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn key(process: u32) -> TaskKey {
    TaskKey { process, firing: 1, attempt: 1 }
}

pub(crate) fn spec(process: u32, argv: &[&str]) -> TaskSpec {
    TaskSpec {
        key: key(process),
        label: format!("task#{process}"),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        tail_bytes: 1000,
        ..TaskSpec::default()
    }
}

pub(crate) fn shell(process: u32, script: &str) -> TaskSpec {
    spec(process, &["sh", "-c", script])
}

/// Waits for something that only another process does.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn file_ref(path: &str, bytes: &[u8]) -> FileRef {
    FileRef {
        path: path.to_owned(),
        size: bytes.len() as u64,
        hash: xxhash_rust::xxh3::xxh3_64(bytes),
    }
}

/// A run's certificates.
pub(crate) struct Authority {
    /// What a worker finds in its pod.
    pub(crate) dir: TempDir,
    server: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let sign = |name: &str, usage| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.extended_key_usages = vec![usage];
            (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
        };
        let (server, server_key) = sign(SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = sign("worker", ExtendedKeyUsagePurpose::ClientAuth);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.crt"), ca_certificate.pem()).unwrap();
        std::fs::write(dir.path().join("tls.crt"), client).unwrap();
        std::fs::write(dir.path().join("tls.key"), client_key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca_certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(server.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(server_key.as_bytes()).unwrap(),
            )
            .unwrap();
        Self { dir, server: Arc::new(config) }
    }
}

/// Accepts connections of workers.
pub(crate) struct Engine {
    listener: TcpListener,
    pub(crate) authority: Authority,
}

/// One connection.
pub(crate) struct Talk {
    stream: StreamOwned<ServerConnection, TcpStream>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), authority: Authority::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection, before its first message.
    pub(crate) fn accept(&self) -> Talk {
        let (socket, _) = self.accept_plain();
        self.on(socket)
    }

    /// The next connection without TLS.
    pub(crate) fn accept_plain(&self) -> (TcpStream, SocketAddr) {
        let mut fds = [rustix::event::PollFd::new(&self.listener, rustix::event::PollFlags::IN)];
        let patience = rustix::event::Timespec { tv_sec: 30, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut fds, Some(&patience)).unwrap(), 1, "nobody connects");
        self.listener.accept().unwrap()
    }

    /// Speaks over a connection that is there.
    pub(crate) fn on(&self, socket: TcpStream) -> Talk {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let tls = ServerConnection::new(Arc::clone(&self.authority.server)).unwrap();
        Talk { stream: StreamOwned::new(tls, socket) }
    }

    /// The next connection, welcomed with a silence of so many milliseconds.
    pub(crate) fn welcome_for(&self, silence_millis: u32) -> (Talk, Hello) {
        let mut talk = self.accept();
        let hello = talk.hello();
        talk.tell(&ToWorker::Welcome { silence_millis });
        (talk, hello)
    }

    /// The next connection, welcomed.
    pub(crate) fn welcome(&self) -> (Talk, Hello) {
        self.welcome_for(60_000)
    }
}

impl Talk {
    pub(crate) fn tell(&mut self, message: &ToWorker) {
        write(&mut self.stream, message).unwrap();
    }

    pub(crate) fn tell_raw(&mut self, bytes: &[u8]) {
        std::io::Write::write_all(&mut self.stream, bytes).unwrap();
        std::io::Write::flush(&mut self.stream).unwrap();
    }

    pub(crate) fn try_hear(&mut self) -> Result<FromWorker, worker::protocol::ProtocolError> {
        read(&mut self.stream)
    }

    /// The next message that says something.
    pub(crate) fn hear(&mut self) -> FromWorker {
        loop {
            match self.try_hear().unwrap() {
                FromWorker::Alive => {}
                message => return message,
            }
        }
    }

    pub(crate) fn hello(&mut self) -> Hello {
        match self.hear() {
            FromWorker::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn run(&mut self, spec: &TaskSpec) {
        self.tell(&ToWorker::Run(Box::new(spec.clone())));
    }

    pub(crate) fn stop(&mut self, process: u32, how: worker::protocol::StopHow) {
        self.tell(&ToWorker::Stop { key: key(process), how });
    }

    pub(crate) fn began(&mut self) -> TaskKey {
        match self.hear() {
            FromWorker::Began(key) => key,
            other => panic!("{other:?}"),
        }
    }

    /// The next end; that tasks begin is passed over.
    pub(crate) fn end(&mut self) -> TaskEnd {
        loop {
            match self.hear() {
                FromWorker::Began(_) => {}
                FromWorker::Ended(end) => return end,
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next end, confirmed.
    pub(crate) fn end_recorded(&mut self) -> TaskEnd {
        let end = self.end();
        self.tell(&ToWorker::Recorded(vec![end.key]));
        end
    }

    /// Runs one and returns its end, confirmed.
    pub(crate) fn outcome(&mut self, spec: &TaskSpec) -> TaskEnd {
        self.run(spec);
        self.end_recorded()
    }
}

/// Takes what a worker writes.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A place to work in.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) out: Log,
    pub(crate) err: Log,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, out: Log::default(), err: Log::default() }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn work_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn surroundings(&self, hidden: &[&str]) -> Arc<Surroundings> {
        let output = Output::new(Box::new(self.out.clone()), Box::new(self.err.clone()));
        let hidden = hidden.iter().map(|&name| name.to_owned()).collect();
        Arc::new(Surroundings::new(self.work_dir().to_owned(), output, hidden))
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }
}

pub(crate) fn link(address: SocketAddr, identity: &Path) -> Link {
    Link {
        engine: address,
        identity: Identity::load(identity).unwrap(),
        run: "r1".to_owned(),
        pod: "pod-1".to_owned(),
        node: "node-1".to_owned(),
        class: "small".to_owned(),
    }
}

/// A worker of a pool on a thread of its own.
pub(crate) struct Worker {
    thread: JoinHandle<Departure>,
    /// Becomes readable at its end.
    done: UnixStream,
    terminate: UnixStream,
}

impl Worker {
    pub(crate) fn start(engine: &Engine, place: &Place) -> Self {
        Self::with(link(engine.address(), engine.authority.dir.path()), place, |_| {})
    }

    pub(crate) fn with(link: Link, place: &Place, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let (terminate, terminated) = UnixStream::pair().unwrap();
        let (done, held) = UnixStream::pair().unwrap();
        let mut options = ServeOptions {
            link,
            slots: 1,
            lease: PATIENCE * 2,
            grace: PATIENCE,
            surroundings: place.surroundings(&[]),
            terminated: Some(terminated),
        };
        change(&mut options);
        let thread = std::thread::spawn(move || {
            let _held = held;
            serve(options).unwrap()
        });
        Self { thread, done, terminate }
    }

    /// As SIGTERM does.
    pub(crate) fn terminate(&mut self) {
        std::io::Write::write_all(&mut self.terminate, b"x").unwrap();
    }

    pub(crate) fn departure(self) -> Departure {
        let mut done = self.done;
        done.set_read_timeout(Some(PATIENCE)).unwrap();
        // Goes on after an interruption.
        let read = std::io::Read::read_to_end(&mut done, &mut Vec::new());
        assert_eq!(read.expect("the worker does not end"), 0);
        self.thread.join().unwrap()
    }
}
