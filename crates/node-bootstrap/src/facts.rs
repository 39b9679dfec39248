//! What a host is: distribution, kernel, size.

use serde::Serialize;

use crate::data::distribution::{Distribution, Unsupported};
use crate::host::{Host, HostError};
use crate::text::os_release::OsRelease;
use crate::text::swaps::Memory;

/// How control groups are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cgroups {
    /// One tree: version 2.
    V2,
    /// A tree for each controller: version 1, or both mixed.
    V1,
    /// None that could be seen, as in a tree.
    Unknown,
}

/// What a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Whether it runs; a tree does not.
    pub live: bool,
    /// What it says of its distribution.
    pub os: OsRelease,
    /// What is known of this distribution.
    #[serde(skip)]
    pub distribution: &'static Distribution,
    /// The kernel that runs, such as `6.1.0-18-amd64`; empty for a tree.
    pub kernel: String,
    /// Its name now.
    pub hostname: String,
    /// Number of processors that are online; 0 where unknown.
    pub processors: u32,
    /// Memory and swap.
    pub memory: Memory,
    /// Control groups.
    pub cgroups: Cgroups,
    /// Whether systemd runs it.
    pub systemd: bool,
    /// Whether values of the machine's network can be set: not in a network namespace of its own.
    pub own_network: bool,
}

/// Why nothing can be said of a host.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// It cannot be looked at.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Its distribution is not one of those that are known.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

impl Facts {
    /// Looks at a host.
    ///
    /// # Errors
    /// If it cannot be looked at, or has a distribution that is not supported.
    pub fn of(host: &dyn Host) -> Result<Self, FactsError> {
        let text = |path: &str| host.text(path).map(Option::unwrap_or_default);
        let os = match host.text("/etc/os-release")? {
            Some(text) => text,
            None => text("/usr/lib/os-release")?,
        };
        let os = OsRelease::parse(&os);
        let live = host.is_live();
        let distribution =
            Distribution::find(&os.id, os.version_id.as_deref().unwrap_or_default())?;
        let live_text = |path: &str| if live { text(path) } else { Ok(String::new()) };
        let name = if live { "/proc/sys/kernel/hostname" } else { "/etc/hostname" };
        Ok(Self {
            live,
            distribution,
            kernel: live_text("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            hostname: text(name)?.trim().to_owned(),
            processors: processors(live_text("/sys/devices/system/cpu/online")?.trim()),
            memory: Memory::parse(&live_text("/proc/meminfo")?),
            cgroups: cgroups(host)?,
            systemd: live && host.entry("/run/systemd/system")?.is_some(),
            own_network: match host.entry("/proc/sys/net/core/rmem_max")? {
                // Outside of the machine's own network namespace it can only be read.
                Some(entry) => live && entry.meta.mode & 0o200 != 0,
                None => false,
            },
            os,
        })
    }
}

fn cgroups(host: &dyn Host) -> Result<Cgroups, HostError> {
    Ok(if !host.is_live() {
        Cgroups::Unknown
    } else if host.entry("/sys/fs/cgroup/cgroup.controllers")?.is_some() {
        Cgroups::V2
    } else if host.list("/sys/fs/cgroup")?.is_empty() {
        Cgroups::Unknown
    } else {
        Cgroups::V1
    })
}

/// Counts a list such as `0-3,8`.
fn processors(online: &str) -> u32 {
    let count = |range: &str| -> Option<u32> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    online.split(',').filter_map(count).sum()
}
