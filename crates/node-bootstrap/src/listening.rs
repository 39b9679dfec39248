//! Who listens on a host.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::host::{Command, Host, HostError};
use crate::text::ports;

/// How often it is looked whether a unit listens, each quarter of a second.
const LOOKS: u32 = 80;
/// How often in a row somebody has to: one that reads its files again may still listen, and fail then.
const STEADY: u32 = 8;

/// All sockets of TCP that listen.
pub(crate) fn all(host: &dyn Host) -> Result<BTreeSet<SocketAddr>, HostError> {
    let mut all = BTreeSet::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        all.extend(ports::listening(&host.text(path)?.unwrap_or_default()));
    }
    Ok(all)
}

/// Whether somebody listens on this port, at any address.
pub(crate) fn is_served(host: &dyn Host, port: u16) -> Result<bool, HostError> {
    Ok(all(host)?.iter().any(|at| at.port() == port))
}

/// Waits until a unit listens on this port.
pub(crate) fn wait(host: &dyn Host, unit: &str, port: u16) -> Result<(), HostError> {
    let mut steady = 0;
    for _ in 0..LOOKS {
        steady = if is_served(host, port)? { steady + 1 } else { 0 };
        let is_active = ["systemctl", "is-active", "--quiet", "--", unit];
        if steady >= STEADY && host.run(&Command::new(is_active))?.is_ok() {
            return Ok(());
        }
        host.run(&Command::new(["sleep", "0.25"]))?;
    }
    Err(HostError::Silent { unit: unit.to_owned(), port, seconds: LOOKS / 4 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;

    #[test]
    fn one_that_never_listens_is_told_with_where_to_look() {
        let host = FakeHost::new();
        let entry = "  sl  local_address rem_address   st\n 0: 00000000:192B 00000000:0000 0A\n";
        host.set("/proc/net/tcp", entry);
        host.set_unit("haproxy.service", "enabled", true);
        wait(&host, "haproxy.service", 6443).unwrap();
        host.set_unit("other.service", "enabled", false);
        assert!(wait(&host, "other.service", 6443).is_err());
        host.calls();
        assert_eq!(
            wait(&host, "haproxy.service", 8443).unwrap_err().to_string(),
            "haproxy.service does not listen on port 8443 after 20 s: `journalctl -u haproxy.service` says why"
        );
        assert_eq!(host.calls().len(), 80);
    }
}
