//! Who writes `/etc/resolv.conf`.

use super::RESOLV;
use crate::host::{HostError, Kind};
use crate::plan::Planning;
use crate::text::resolv::ResolvConf;

/// Who writes `/etc/resolv.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// systemd-resolved.
    Resolved {
        /// Whether it is asked itself.
        stub: bool,
    },
    /// `NetworkManager`.
    NetworkManager,
    /// Debian's resolvconf.
    Resolvconf,
    /// Nobody, or someone who does not say so.
    File,
    /// It leads to a file that nobody is known to write.
    Unknown {
        /// Where it leads.
        target: String,
    },
}

impl Owner {
    /// Where the real name servers stand, the best first.
    pub(super) fn upstream_files(&self) -> &'static [&'static str] {
        match self {
            Self::Resolved { .. } => &["/run/systemd/resolve/resolv.conf"],
            Self::NetworkManager => &["/run/NetworkManager/no-stub-resolv.conf", RESOLV],
            Self::Resolvconf => &[RESOLV, "/run/dnsmasq/resolv.conf"],
            Self::File | Self::Unknown { .. } => &[RESOLV],
        }
    }
}

/// Looks who it is: by where a link leads, else by what the file says of itself.
pub(super) fn of(planning: &Planning<'_>) -> Result<Owner, HostError> {
    let text = planning.text(RESOLV)?.unwrap_or_default();
    let found = ResolvConf::parse(&text);
    if let Some(Kind::Link(target)) = planning.entry(RESOLV)?.map(|entry| entry.kind) {
        return Ok(if target.contains("systemd/resolv") {
            let is_past = target.ends_with("/resolve/resolv.conf");
            Owner::Resolved { stub: !is_past }
        } else if target.contains("NetworkManager") {
            Owner::NetworkManager
        } else if target.contains("resolvconf") {
            Owner::Resolvconf
        } else {
            Owner::Unknown { target }
        });
    }
    let is_stub = found.loopback().any(|address| address.to_string().starts_with("127.0.0.5"));
    let says =
        |word: &str| text.lines().any(|line| line.starts_with(['#', ';']) && line.contains(word));
    Ok(if says("systemd-resolved") || is_stub {
        Owner::Resolved { stub: is_stub }
    } else if says("NetworkManager") {
        Owner::NetworkManager
    } else if says("resolvconf") && planning.exists("/etc/resolvconf")? {
        Owner::Resolvconf
    } else {
        Owner::File
    })
}

/// Name servers that systemd-resolved asks for all names, but for those of our file: where they stand, and which.
pub(super) fn global_servers(
    planning: &Planning<'_>,
    ours: &str,
) -> Result<Option<(String, String)>, HostError> {
    let main = "/etc/systemd/resolved.conf";
    let mut files = vec![(main.to_owned(), planning.text(main)?.unwrap_or_default())];
    files.extend(planning.drop_ins("systemd/resolved.conf.d")?);
    for (path, text) in files {
        if path == ours {
            continue;
        }
        let mut servers = text.lines().filter_map(|line| line.trim().strip_prefix("DNS="));
        if let Some(found) = servers.find(|found| !found.trim().is_empty()) {
            return Ok(Some((path, found.trim().to_owned())));
        }
    }
    Ok(None)
}
