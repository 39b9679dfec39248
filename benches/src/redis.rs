//! A Redis server of our own for HyperFlow, on a free loopback port.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::peers::in_search_path;

/// A running server; it is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    server: Child,
    port: u16,
}

impl Redis {
    /// Starts a server that keeps everything in memory, and awaits its first answer.
    ///
    /// # Errors
    /// When it is not installed or does not answer within ten seconds.
    pub(crate) fn try_start(folder: &Path) -> anyhow::Result<Self> {
        let program = in_search_path("redis-server")?;
        let port = free_port().context("failed to find a free port for redis-server")?;
        let server = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start redis-server")?;
        let redis = Self { server, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while redis.ask("PING").is_err() {
            if Instant::now() > deadline {
                bail!("redis-server does not answer on port {port}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(redis)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// Its address for clients.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Forgets what earlier runs left, which HyperFlow never deletes.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        self.ask("FLUSHALL").context("failed to clear redis-server")
    }

    fn ask(&self, question: &str) -> std::io::Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "{question}\r\n")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        if first == *b"+" { Ok(()) } else { Err(std::io::Error::other("an error reply")) }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It keeps nothing on disk, so there is nothing to save first.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
