//! The port to the hosts.

use std::io::Write;
use std::time::Duration;

use node_bootstrap::agent::{Answer, Event, Failure, Request};

/// Why a host did not answer, or not well.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// Nothing answers at its address. Nothing was done there.
    #[error("{0}")]
    Unreachable(String),
    /// It is not known to be itself, or cannot be logged in to. Nothing was done there.
    #[error("{0}")]
    Away(String),
    /// It let us in and cannot be used: no sudo, a disk that is full, a machine of another kind. Nothing was done there.
    #[error("{0}")]
    Unusable(String),
    /// The connection broke while it worked. What it had begun it ends, or the next run does.
    #[error("{0}")]
    Broken(String),
    /// It took too long.
    #[error("{what} did not end within {} s", limit.as_secs())]
    Deadline {
        /// What was asked.
        what: String,
        /// How long it was given.
        limit: Duration,
    },
    /// The host says that it could not do it.
    #[error(transparent)]
    Host(#[from] Failure),
}

/// The port to the hosts of a cluster, known by their names.
pub trait Contact: Sync {
    /// Has a host do something, and waits for its answer. What happens there is told as it happens.
    ///
    /// # Errors
    /// If the host cannot be reached, does not answer in time, or refuses.
    fn call(
        &self,
        host: &str,
        request: &Request,
        limit: Duration,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, ContactError>;

    /// Copies a file of a host, that only root may read there. Answers how long it is.
    ///
    /// # Errors
    /// If the host cannot be reached, or the file not be read or written.
    fn fetch(&self, host: &str, path: &str, to: &mut dyn Write) -> Result<u64, ContactError>;

    /// Puts a file on a host that only root may read there.
    ///
    /// # Errors
    /// If the host cannot be reached, or the file not be written.
    fn put(&self, host: &str, path: &str, content: &[u8]) -> Result<(), ContactError>;
}
