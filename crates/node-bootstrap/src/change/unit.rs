//! Units of systemd.

use serde::{Deserialize, Serialize};

use super::State;
use crate::host::{ACT, Command, Host, HostError, Kind};

/// Whether a unit comes at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enablement {
    /// It does.
    Enabled,
    /// It does not, by itself.
    Disabled,
    /// It does not, and nobody can start it.
    Masked,
}

impl Enablement {
    /// What `systemctl` calls it.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Enabled => "enable",
            Self::Disabled => "disable",
            Self::Masked => "mask",
        }
    }

    /// Whether a unit in this state, as `systemctl is-enabled` says it, is what is wanted. A unit without an install
    /// section (`static`) cannot be enabled or disabled, and comes when another wants it.
    #[must_use]
    pub fn is(self, enabled: &str) -> bool {
        match self {
            Self::Enabled => matches!(
                enabled,
                "enabled" | "enabled-runtime" | "static" | "alias" | "indirect" | "generated"
            ),
            Self::Disabled => !matches!(enabled, "enabled" | "enabled-runtime"),
            Self::Masked => matches!(enabled, "masked"),
        }
    }
}

/// A unit as it is. Of a tree only whether it is enabled is known.
pub(crate) fn state(host: &dyn Host, unit: &str) -> Result<State, HostError> {
    let enabled = enabled(host, unit)?;
    let active = host.is_live()
        && host.run(&Command::new(["systemctl", "is-active", "--quiet", "--", unit]))?.is_ok();
    Ok(State::Unit { enabled, active })
}

/// How often systemd is asked that cannot answer, as while it reads its files again.
const TRIES: u32 = 20;

/// Whether a unit comes at boot, in systemd's words; empty where there is none. That systemd did not answer is no such word: a
/// unit that is there would be taken for one that is gone.
fn enabled(host: &dyn Host, unit: &str) -> Result<String, HostError> {
    let command = Command::new(["systemctl", "is-enabled", "--", unit]);
    for tried in 1.. {
        // Its exit code says the same as its words, and more codes than one mean "no".
        let said = host.run(&command)?;
        let word = said.stdout.trim();
        let is_missing = said.stderr.trim().is_empty() || said.stderr.contains("No such file");
        if !word.is_empty() || is_missing {
            return Ok(if word == "not-found" { String::new() } else { word.to_owned() });
        }
        if tried == TRIES {
            return Err(HostError::Failed {
                command: command.to_string(),
                code: said.code,
                stderr: said.stderr,
            });
        }
        host.run(&Command::new(["sleep", "0.25"]))?;
    }
    Ok(String::new())
}

fn systemctl(host: &dyn Host, verb: &str, unit: &str) -> Result<(), HostError> {
    host.check(&Command::new(["systemctl", verb, "--", unit]).within(ACT)).map(|_| ())
}

/// Enables and starts a unit, or the opposite.
pub(crate) fn set(
    host: &dyn Host,
    unit: &str,
    enablement: Option<Enablement>,
    active: Option<bool>,
) -> Result<(), HostError> {
    // What is to stop does so before it is masked, what is to start is unmasked before.
    if active == Some(false) && host.is_live() {
        systemctl(host, "stop", unit)?;
    }
    if let Some(wanted) = enablement {
        let State::Unit { enabled, .. } = state(host, unit)? else { return Ok(()) };
        if wanted != Enablement::Masked && enabled == "masked" {
            systemctl(host, "unmask", unit)?;
        }
        systemctl(host, wanted.verb(), unit)?;
    }
    if active == Some(true) && host.is_live() {
        systemctl(host, "start", unit)?;
    }
    Ok(())
}

/// Where links are that have units come at boot.
const LINKS: &str = "/etc/systemd/system";

/// Takes away the links that have a unit come at boot which is gone: nothing else would. systemd may have made one for a run
/// that was killed before it could write that down.
pub(crate) fn drop_links(host: &dyn Host, unit: &str) -> Result<(), HostError> {
    if !enabled(host, unit)?.is_empty() {
        return Ok(());
    }
    for folder in host.list(LINKS)? {
        if !matches!(folder.rsplit_once('.'), Some((_, "wants" | "requires"))) {
            continue;
        }
        let path = format!("{LINKS}/{folder}/{unit}");
        if host.entry(&path)?.is_some_and(|entry| matches!(entry.kind, Kind::Link(_))) {
            host.remove(&path)?;
        }
    }
    Ok(())
}

/// Makes a unit what it was.
pub(crate) fn restore(
    host: &dyn Host,
    unit: &str,
    wanted: Option<Enablement>,
    enabled: &str,
    active: Option<bool>,
) -> Result<(), HostError> {
    let State::Unit { enabled: now, .. } = state(host, unit)? else { return Ok(()) };
    // Packages come back before their units are looked at: one that is not there now stays away.
    if now.is_empty() {
        return Ok(());
    }
    if active == Some(false) {
        systemctl(host, "stop", unit)?;
    }
    if wanted.is_some() && now != enabled {
        if now == "masked" {
            systemctl(host, "unmask", unit)?;
        }
        match enabled {
            "enabled" | "enabled-runtime" => systemctl(host, "enable", unit)?,
            "masked" => systemctl(host, "mask", unit)?,
            "disabled" => systemctl(host, "disable", unit)?,
            // What has no install section has nothing to restore.
            _ => {}
        }
    }
    if active == Some(true) {
        systemctl(host, "start", unit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::host::{Entry, Meta};

    #[test]
    fn a_link_to_a_unit_that_is_gone_is_taken_away_and_no_other() {
        let host = FakeHost::new();
        let link = |unit: &str| format!("{LINKS}/multi-user.target.wants/{unit}");
        for unit in ["gone.service", "there.service"] {
            let kind = Kind::Link(format!("/usr/lib/systemd/system/{unit}"));
            let entry = Entry { kind, meta: Meta::root(0o777) };
            host.with(|world| drop(world.files.insert(link(unit), entry)));
        }
        host.set_unit("there.service", "enabled", true);
        host.set_folder(LINKS);
        host.set_folder(&format!("{LINKS}/multi-user.target.wants"));
        for unit in ["gone.service", "there.service"] {
            drop_links(&host, unit).unwrap();
        }
        assert_eq!(host.entry(&link("gone.service")).unwrap(), None);
        assert!(host.entry(&link("there.service")).unwrap().is_some());
    }
}
