//! What is known of hosts beside their packages: who turns swap on, who keeps the clock, whose links are left alone.

use std::sync::LazyLock;

use serde::Deserialize;

use super::distribution::Family;
use super::table;

/// What is known of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostTable {
    /// Units of systemd that turn swap on by themselves.
    pub swap_services: Vec<String>,
    /// What keeps a clock right, the one that is preferred first.
    pub time_daemons: Vec<KnownDaemon>,
    /// Patterns of the names of links that network plugins and kube-proxy make.
    pub plugin_links: Vec<String>,
}

/// A daemon that keeps the clock right.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownDaemon {
    /// Its name.
    pub name: String,
    /// Its units.
    units: Units,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Units {
    debian: String,
    rhel: String,
}

impl KnownDaemon {
    /// Its unit, as distributions of this family call it.
    #[must_use]
    pub fn unit(&self, family: Family) -> &str {
        match family {
            Family::Debian => &self.units.debian,
            Family::Rhel => &self.units.rhel,
        }
    }
}

static TABLE: LazyLock<HostTable> = LazyLock::new(|| table(include_str!("../../data/host.json")));

/// The table.
#[must_use]
pub fn get() -> &'static HostTable {
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_its_type_and_the_daemons_of_the_distributions_are_known() {
        let table = get();
        let units = table
            .time_daemons
            .iter()
            .flat_map(|known| [Family::Debian, Family::Rhel].map(|family| known.unit(family)));
        for unit in units.chain(table.swap_services.iter().map(String::as_str)) {
            assert!(unit.ends_with(".service"), "{unit}");
        }
        for known in crate::data::distribution::Distribution::all() {
            for service in [Some(&known.services.chrony), known.services.timesyncd.as_ref()] {
                let Some(service) = service else { continue };
                let unit = format!("{service}.service");
                assert!(
                    table.time_daemons.iter().any(|daemon| daemon.unit(known.family) == unit),
                    "{}: {unit}",
                    known.name
                );
            }
        }
    }
}
