//! The worker's side of a connection to an engine: TLS with certificates on both sides.
//!
//! A [`Connection`] never waits. One thread owns it, polls its socket, and calls [`Connection::pump`].

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::protocol::{
    FromWorker, ProtocolError, SERVER_NAME, ToWorker, decode, encode, frame_length,
};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Something else than an IP address and a port.
    #[error(
        "`{0}` is no address: give IP:PORT, as in 10.0.0.7:7070 or [fd00::7]:7070 (names are not looked up)"
    )]
    Address(String),
    /// A file of the worker's identity.
    #[error("failed to read {path}: it must be a PEM file of the run's Secret")]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Certificates that cannot be used.
    #[error("TLS")]
    Tls(#[from] rustls::Error),
    /// The network.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// The engine has closed it.
    #[error("the engine closed the connection")]
    Closed,
    /// What came is no message.
    #[error("what came from the engine cannot be read")]
    Protocol(#[from] ProtocolError),
}

/// Reads an engine's address.
///
/// # Errors
/// If it is not an IP address with a port. A static program cannot look names up, so they are refused.
pub fn address(text: &str) -> Result<SocketAddr, ConnectionError> {
    text.parse().map_err(|_| ConnectionError::Address(text.to_owned()))
}

/// Who the worker is, and whom it trusts.
#[derive(Debug, Clone)]
pub struct Identity {
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
}

impl Identity {
    /// Reads `ca.crt`, `tls.crt` and `tls.key` in a directory.
    ///
    /// # Errors
    /// If one of them is not there or holds something else, or if they cannot be used.
    pub fn load(dir: &Path) -> Result<Self, ConnectionError> {
        let failed = |name: &str| {
            let path = dir.join(name);
            move |source| ConnectionError::Identity { path, source }
        };
        let certificates = |name: &str| -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
            let found = CertificateDer::pem_file_iter(dir.join(name))
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(failed(name))?;
            if found.is_empty() { Err(failed(name)(pem::Error::NoItemsFound)) } else { Ok(found) }
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca.crt")? {
            roots.add(certificate)?;
        }
        let chain = certificates("tls.crt")?;
        let key = PrivateKeyDer::from_pem_file(dir.join("tls.key")).map_err(failed("tls.key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        let server = ServerName::try_from(SERVER_NAME)
            .map_err(|_| rustls::Error::General(format!("{SERVER_NAME} is no name")))?;
        Ok(Self { config: Arc::new(config), server })
    }
}

/// A connection: messages out, messages in, never waiting.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    tls: ClientConnection,
    /// Frames that TLS has not taken yet, and how much of the first it has.
    outgoing: VecDeque<Vec<u8>>,
    taken: usize,
    queued: usize,
    incoming: Vec<u8>,
    /// Bytes came since [`Connection::heard`] was called.
    heard: bool,
    /// The other side has sent its last.
    ended: bool,
}

impl Connection {
    /// Makes one of a socket that is connected. Nothing is sent yet.
    ///
    /// # Errors
    /// If the socket cannot be set up.
    pub fn new(socket: TcpStream, identity: &Identity) -> Result<Self, ConnectionError> {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let tls = ClientConnection::new(Arc::clone(&identity.config), identity.server.clone())?;
        Ok(Self {
            socket,
            tls,
            outgoing: VecDeque::new(),
            taken: 0,
            queued: 0,
            incoming: Vec::new(),
            heard: false,
            ended: false,
        })
    }

    /// Its socket, for `poll`.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Queues a message; [`Connection::pump`] sends it.
    ///
    /// # Errors
    /// If it is too long.
    pub fn send(&mut self, message: &FromWorker) -> Result<(), ConnectionError> {
        let frame = encode(message)?;
        self.queued += frame.len();
        self.outgoing.push_back(frame);
        Ok(())
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Whether the socket is to be polled for writing.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write() || (!self.outgoing.is_empty() && !self.tls.is_handshaking())
    }

    /// Whether anything came since the last call.
    pub fn heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Sends and receives what is possible now, and adds what came to `messages`, in its order.
    ///
    /// # Errors
    /// If the connection has ended or is broken: it is of no more use then. What came before that is in `messages`.
    pub fn pump(&mut self, messages: &mut Vec<ToWorker>) -> Result<(), ConnectionError> {
        self.receive(messages)?;
        if self.ended {
            return Err(ConnectionError::Closed);
        }
        self.transmit()
    }

    /// Says that nothing more comes from this side.
    pub fn close(&mut self) {
        self.tls.send_close_notify();
        let _ = self.transmit();
    }

    fn transmit(&mut self) -> Result<(), ConnectionError> {
        loop {
            while let Some(frame) = self.outgoing.front() {
                // TLS takes only so much before it is sent: what is queued does not grow there.
                let count = self.tls.writer().write(&frame[self.taken..])?;
                if count == 0 {
                    break;
                }
                self.taken += count;
                self.queued -= count;
                if self.taken == frame.len() {
                    self.taken = 0;
                    self.outgoing.pop_front();
                }
            }
            if !self.tls.wants_write() {
                return Ok(());
            }
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn receive(&mut self, messages: &mut Vec<ToWorker>) -> Result<(), ConnectionError> {
        // Bounded, so that a fast engine cannot keep this thread from all else.
        for _ in 0..256 {
            if self.ended {
                return Ok(());
            }
            match self.tls.read_tls(&mut self.socket) {
                Ok(0) => self.ended = true,
                Ok(_) => self.heard = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if let Err(error) = self.tls.process_new_packets() {
                // Tells the other side why.
                let _ = self.tls.write_tls(&mut self.socket);
                return Err(error.into());
            }
            let mut bytes = [0_u8; 16 << 10];
            loop {
                match self.tls.reader().read(&mut bytes) {
                    Ok(0) => {
                        self.ended = true;
                        break;
                    }
                    Ok(count) => self.incoming.extend_from_slice(&bytes[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        self.ended = true;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.take_messages(messages)?;
        }
        Ok(())
    }

    fn take_messages(&mut self, messages: &mut Vec<ToWorker>) -> Result<(), ConnectionError> {
        let mut rest = self.incoming.as_slice();
        while let Some((header, after)) = rest.split_first_chunk::<4>() {
            let length = frame_length(*header)?;
            let Some((frame, after)) = after.split_at_checked(length) else { break };
            messages.push(decode(frame)?);
            rest = after;
        }
        let used = self.incoming.len() - rest.len();
        self.incoming.drain(..used);
        Ok(())
    }
}
