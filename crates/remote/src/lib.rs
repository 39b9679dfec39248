//! Programs on other hosts, through the system's own `ssh`.
//!
//! The user's configuration, agents, keys and jump hosts are ssh's business. One connection to each host is kept and shared
//! by all calls ([`Sockets`]). A [`Call`] has words, which are quoted one by one since ssh joins them; what goes to its
//! standard input; and deadlines. Whatever fails is told apart ([`Trouble`]) and says how to mend it.
//!
//! What is needed on a host is an sshd, a POSIX shell and coreutils; `sudo` where the login is not root.

mod agent;
mod connection;
mod error;
mod exchange;
mod probe;
mod target;
mod trouble;
mod wrap;

pub use agent::{AGENT_FOLDER, Agent};
pub use connection::{Call, Connection, Ended, Heard, Sockets};
pub use error::RemoteError;
pub use probe::{Elevation, Probe};
pub use target::{Options, Target};
pub use trouble::Trouble;
