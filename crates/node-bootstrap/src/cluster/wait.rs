//! Waiting for a node to become Ready.

use std::time::{Duration, Instant};

use crate::facts::Facts;
use crate::host::{Command, Host, HostError};

/// How long is paused before it is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long kubectl waits at a time.
const SLICE: Duration = Duration::from_secs(30);

/// Why nothing more is waited for.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It took too long.
    #[error("the node {name} is not Ready after {} s{}", limit.as_secs(), because(why))]
    Deadline {
        /// The node.
        name: String,
        /// How long it was waited for.
        limit: Duration,
        /// What the kubelet says; empty if it says nothing.
        why: String,
    },
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

/// The name of a host as a node: kubeadm takes the host's, in small letters.
#[must_use]
pub fn node_name(facts: &Facts) -> String {
    facts.hostname.trim().to_lowercase()
}

/// Whether the runtime has the configuration of a network plugin. Without one no node becomes Ready.
///
/// # Errors
/// If it cannot be looked at.
pub fn has_network(host: &dyn Host) -> Result<bool, HostError> {
    let is_configuration =
        |name: &String| [".conf", ".conflist", ".json"].iter().any(|ending| name.ends_with(ending));
    Ok(host.list("/etc/cni/net.d")?.iter().any(is_configuration))
}

/// Waits until a node is Ready. The kubeconfig is the administrator's, or the kubelet's own. Answers `false` where `stop`
/// said to wait no longer; it is asked every few seconds.
///
/// # Errors
/// If it is not Ready in time; the error has what the kubelet says of it.
pub fn wait_ready(
    host: &dyn Host,
    kubeconfig: &str,
    name: &str,
    limit: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<bool, NotReady> {
    let kubectl = ["kubectl", "--kubeconfig", kubeconfig];
    let node = format!("node/{name}");
    let mut left = limit;
    // kubectl gives up at once where the node has not registered yet, and when the connection breaks.
    while !left.is_zero() {
        if stop() {
            return Ok(false);
        }
        let begin = Instant::now();
        let slice = left.min(SLICE);
        let timeout = format!("--timeout={}s", slice.as_secs().max(1));
        let wait = ["wait", "--for=condition=Ready", &timeout, &node];
        let command = Command::new([&kubectl[..], &wait].concat());
        if host.run(&command.within(slice + Duration::from_secs(10)))?.is_ok() {
            return Ok(true);
        }
        left = left.saturating_sub(begin.elapsed() + PAUSE);
        host.run(&Command::new(["sleep".to_owned(), PAUSE.as_secs().to_string()]))?;
    }
    let path = r#"-o=jsonpath={.status.conditions[?(@.type=="Ready")].message}"#;
    let asked = host.run(&Command::new(
        [&kubectl[..], &["--request-timeout=10s", "get", &node, path]].concat(),
    ))?;
    let said = if asked.is_ok() { asked.stdout } else { asked.stderr };
    Err(NotReady::Deadline { name: name.to_owned(), limit, why: said.trim().to_owned() })
}
