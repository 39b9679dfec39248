//! Why a program was not run on a host, or not to its end.

use std::io;
use std::time::Duration;

use crate::trouble::Trouble;

/// Why a program was not run on a host, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Something of this machine: no ssh, no folder for its sockets, a file that cannot be written.
    #[error("{what}")]
    Local {
        /// What could not be done, and what to do.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// We are not let in, or may not become root. Nothing was done on the host.
    #[error("{text}{}", quote(said))]
    NotLetIn {
        /// Why.
        trouble: Trouble,
        /// What it is and what to do.
        text: String,
        /// What ssh or sudo said.
        said: String,
    },
    /// The host cannot be used for this. What was there is as it was.
    #[error("{text}{}", quote(said))]
    Unusable {
        /// Why, and what to do.
        text: String,
        /// What was said there.
        said: String,
    },
    /// The connection broke while a program ran. It may still run, or have done its work.
    #[error("the connection to {shown} broke while it worked on: {what}{}", quote(said))]
    Broken {
        /// The host, as it was logged in to.
        shown: String,
        /// What ran.
        what: String,
        /// What ssh said.
        said: String,
    },
    /// It took too long. It may still run.
    #[error("{what} on {shown} did not end within {} s", limit.as_secs())]
    Deadline {
        /// The host, as it was logged in to.
        shown: String,
        /// What ran.
        what: String,
        /// How long it was given.
        limit: Duration,
    },
    /// Nothing was heard of it for too long. It may still run.
    #[error("nothing was heard of {what} on {shown} for {} s", limit.as_secs())]
    Silent {
        /// The host, as it was logged in to.
        shown: String,
        /// What ran.
        what: String,
        /// How long that may be.
        limit: Duration,
    },
    /// There is no such program on the host.
    #[error(
        "there is no program {program} on {shown}; install it, or is it not where it should be?"
    )]
    NoProgram {
        /// The host, as it was logged in to.
        shown: String,
        /// The program.
        program: String,
    },
    /// A program ended with another exit code than 0.
    #[error("{what} on {shown} ended with exit code {code}{}", quote(said))]
    Failed {
        /// The host, as it was logged in to.
        shown: String,
        /// What ran.
        what: String,
        /// The exit code; 128 and more for a signal.
        code: i32,
        /// What it wrote to standard error.
        said: String,
    },
}

/// The last lines of what somebody said, at the end of a message.
fn quote(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(": {}", lines[lines.len().saturating_sub(4)..].join(" / "))
}
