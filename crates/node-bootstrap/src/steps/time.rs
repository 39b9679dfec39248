//! One daemon keeps the clock right.

use crate::change::{ChangeError, Enablement, Wanted};
use crate::data::{self, host::KnownDaemon};
use crate::plan::{Planning, Step};
use crate::spec::TimeDaemon;

/// One daemon keeps the clock right.
#[derive(Debug)]
pub(super) struct Time;

/// A daemon that is there.
struct There {
    unit: &'static str,
    enabled: bool,
    active: bool,
}

impl Step for Time {
    fn id(&self) -> &'static str {
        "time"
    }

    fn why(&self) -> &'static str {
        "Certificates and etcd need a right clock. Exactly one daemon keeps it: two would pull at it."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = planning.node.time.as_ref().map(|time| time.daemon) else { return Ok(()) };
        if wish == TimeDaemon::Ignore {
            return Ok(());
        }
        let there = there(planning)?;
        let Some((unit, package)) = chosen(planning, wish, &there) else {
            planning.refuse(format!(
                "{} has no systemd-timesyncd; say `time: {{daemon: chrony}}`",
                planning.facts.distribution.name
            ));
            return Ok(());
        };
        // The others go first: Debian's packages of such daemons exclude each other, and take the former's unit away.
        for other in there.iter().filter(|other| other.unit != unit) {
            if other.enabled || other.active {
                planning.want_unit(other.unit, Some(Enablement::Disabled), Some(false))?;
            }
        }
        if let Some(package) = package {
            planning.want_packages(&[Wanted { name: package, version: None }], &[])?;
        }
        // The clock of a container is that of its machine, and the daemons do not start there.
        let active = (!in_container(planning)?).then_some(true);
        planning.want_unit(&unit, Some(Enablement::Enabled), active)?;
        Ok(())
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let wish = planning.node.time.as_ref().map(|time| time.daemon);
        if wish.is_none_or(|wish| wish == TimeDaemon::Ignore) || !planning.is_live() {
            return Ok(());
        }
        let said = planning.look(&["timedatectl", "show", "-p", "NTPSynchronized", "--value"]);
        if !said.is_ok_and(|said| said.stdout.trim() == "yes") {
            planning.note(
                "the clock is not synchronised (timedatectl: NTPSynchronized is not yes): wait a little, or see \
                 whether the time servers can be reached",
            );
        }
        Ok(())
    }
}

fn in_container(planning: &Planning<'_>) -> Result<bool, ChangeError> {
    // systemd writes it at its start.
    Ok(planning.is_live() && planning.exists("/run/systemd/container")?)
}

/// The known daemons that are there, the preferred first.
fn there(planning: &Planning<'_>) -> Result<Vec<There>, ChangeError> {
    let mut there: Vec<There> = Vec::new();
    for known in &data::host::get().time_daemons {
        let unit = KnownDaemon::unit(known, planning.facts.distribution.family);
        if there.iter().any(|other| other.unit == unit) {
            continue;
        }
        let (enabled, active) = planning.unit(unit)?;
        if !enabled.is_empty() && enabled != "masked" {
            there.push(There { unit, enabled: enabled.starts_with("enabled"), active });
        }
    }
    Ok(there)
}

/// The unit of the daemon that is to run, and its package where that is known; `None` where there is none.
fn chosen(
    planning: &Planning<'_>,
    wish: TimeDaemon,
    there: &[There],
) -> Option<(String, Option<String>)> {
    let distribution = planning.facts.distribution;
    let (services, packages) = (&distribution.services, &distribution.packages);
    let chrony = || Some((format!("{}.service", services.chrony), Some(packages.chrony.clone())));
    let timesyncd = || {
        let unit = format!("{}.service", services.timesyncd.as_ref()?);
        Some((unit, packages.timesyncd.clone()))
    };
    match wish {
        TimeDaemon::Chrony => chrony(),
        TimeDaemon::Timesyncd => timesyncd(),
        TimeDaemon::Ignore => None,
        TimeDaemon::Any => {
            let running = there.iter().find(|it| it.active);
            let known = running.or_else(|| there.iter().find(|it| it.enabled)).or(there.first());
            match known {
                Some(known) => Some((known.unit.to_owned(), None)),
                None => timesyncd().or_else(chrony),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::plan::Plan;
    use crate::spec::{self, Node};
    use crate::steps::testing::{debian, findings, lives, package, plan_of, rocky, shown};

    fn node(daemon: TimeDaemon) -> Node {
        Node { time: Some(spec::Time { daemon }), ..Node::default() }
    }

    fn with_packages(host: FakeHost) -> FakeHost {
        let chrony = &crate::facts::Facts::of(&host).unwrap().distribution.services.chrony;
        package(&host, "chrony", &[&format!("{chrony}.service")]);
        package(&host, "systemd-timesyncd", &["systemd-timesyncd.service"]);
        host
    }

    #[test]
    fn the_daemon_of_the_distribution_is_installed_where_there_is_none() {
        let any = node(TimeDaemon::Any);
        insta::assert_snapshot!(lives(|| with_packages(debian()), &any, &Time), @r"
        install systemd-timesyncd
        enable and start systemd-timesyncd.service
        ");
        insta::assert_snapshot!(lives(|| with_packages(rocky()), &any, &Time), @r"
        install chrony
        enable and start chronyd.service
        ");
    }

    #[test]
    fn the_one_that_runs_stays_and_another_goes() {
        let prepare = || {
            let host = with_packages(debian());
            host.set_unit("chrony.service", "enabled", false);
            host.set_unit("systemd-timesyncd.service", "enabled", true);
            host
        };
        insta::assert_snapshot!(lives(prepare, &node(TimeDaemon::Any), &Time), @"disable chrony.service");
    }

    #[test]
    fn a_wished_daemon_takes_the_place_of_another() {
        let prepare = || {
            let host = with_packages(debian());
            host.set_unit("systemd-timesyncd.service", "enabled", true);
            host
        };
        insta::assert_snapshot!(lives(prepare, &node(TimeDaemon::Chrony), &Time), @r"
        disable and stop systemd-timesyncd.service
        install chrony
        enable and start chrony.service
        ");
        insta::assert_snapshot!(shown(&plan_of(&rocky(), &node(TimeDaemon::Timesyncd), &Time)), @"refused: Rocky Linux 9 has no systemd-timesyncd; say `time: {daemon: chrony}`");
    }

    #[test]
    fn a_daemon_whose_package_had_to_go_comes_back() {
        let prepare = || {
            let host = with_packages(debian());
            host.with(|world| {
                let timesyncd = "systemd-timesyncd".to_owned();
                for known in world.available.iter_mut().filter(|known| known.name == "chrony") {
                    known.conflicts.push(timesyncd.clone());
                }
                world.packages.insert(timesyncd, "1.0-1".to_owned());
            });
            host.set_unit("systemd-timesyncd.service", "enabled", true);
            host
        };
        let plan = lives(prepare, &node(TimeDaemon::Chrony), &Time);
        assert!(plan.contains("install chrony"), "{plan}");
    }

    #[test]
    fn nothing_is_started_in_a_container() {
        let prepare = || {
            let host = with_packages(debian());
            host.set("/run/systemd/container", "systemd-nspawn");
            host.set_unit("systemd-timesyncd.service", "enabled", false);
            host
        };
        assert!(plan_of(&prepare(), &node(TimeDaemon::Any), &Time).is_empty());
    }

    #[test]
    fn a_clock_that_is_not_right_is_told() {
        let host = debian();
        host.answer(&["timedatectl"], 0, "no\n");
        assert_eq!(findings(&host, &node(TimeDaemon::Any), &Time).len(), 1);
        host.answer(&["timedatectl"], 0, "yes\n");
        assert!(findings(&host, &node(TimeDaemon::Any), &Time).is_empty());
        assert_eq!(plan_of(&host, &node(TimeDaemon::Ignore), &Time), Plan::default());
    }
}
