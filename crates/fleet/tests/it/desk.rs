//! Commands, as `k8s-cluster` carries them out.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::etcd::Pace;
use fleet::plan::{self, Clean, Drain, Plan, Remove};
use fleet::run::{Outcome, Work, carry_out};
use fleet::survey::{Depth, Seen, Surveys, survey};
use fleet::wish::wishes;
use node_bootstrap::agent::Wish;
use topology::Inventory;

use crate::lab::{Lab, NETWORK};

/// What is asked of the desk.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Deploy,
    Add(&'static str),
    Remove(&'static str),
    /// Hosts that will not come back.
    GiveUp(&'static [&'static str]),
    Repair(&'static str),
    Upgrade,
    Renew,
    Clean(Clean),
}

fn wishes_of(inventory: &Inventory) -> BTreeMap<String, Wish> {
    wishes(inventory, &|_| Ok(NETWORK.to_owned())).unwrap()
}

/// The same cluster with another version.
pub(crate) fn of_version(inventory: &Inventory, version: &str) -> Inventory {
    let mut inventory = inventory.clone();
    inventory.kubernetes.version = Some(version.parse().unwrap());
    inventory
}

/// The same cluster without a host.
pub(crate) fn without(inventory: &Inventory, name: &str) -> Inventory {
    let mut inventory = inventory.clone();
    inventory.hosts.retain(|host| host.name != name);
    inventory
}

impl Command {
    fn plan(&self, seen: Seen<'_>, wishes: &BTreeMap<String, Wish>) -> Plan {
        let named = |name: &&str| vec![(*name).to_owned()];
        match self {
            Self::Deploy => plan::deploy(seen, wishes),
            Self::Add(name) => plan::add(seen, wishes, &named(name)),
            Self::Remove(name) => plan::remove(seen, wishes, &named(name), &Remove::default()),
            Self::GiveUp(hosts) => {
                let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
                let how = Remove { gone: true, ..Remove::default() };
                plan::remove(seen, wishes, &hosts, &how)
            }
            Self::Repair(name) => plan::repair(seen, wishes, &named(name)),
            Self::Upgrade => plan::upgrade(seen, wishes, &Drain::default(), "20260131-120000"),
            Self::Renew => plan::renew(seen),
            Self::Clean(how) => plan::clean(seen, *how),
        }
    }

    /// What hosts shall be: a host that is removed is not described to the others any more.
    fn wishes(&self, inventory: &Inventory) -> BTreeMap<String, Wish> {
        let mut wishes = wishes_of(inventory);
        let leave: &[&str] = match self {
            Self::Remove(name) => &[name],
            Self::GiveUp(names) => names,
            _ => &[],
        };
        if !leave.is_empty() {
            let mut rest = inventory.clone();
            rest.hosts.retain(|host| !leave.contains(&host.name.as_str()));
            wishes.extend(wishes_of(&rest));
        }
        wishes
    }
}

/// What has to be done.
pub(crate) fn planned(lab: &Lab, inventory: &Inventory, command: &Command) -> (Surveys, Plan) {
    let wishes = command.wishes(inventory);
    let hosts: Vec<_> = inventory.hosts.iter().map(|host| (host, wishes.get(&host.name))).collect();
    let depth = Depth { nodes: true, findings: false };
    let surveys = survey(lab, &hosts, depth, 1, lab);
    let plan = command.plan(Seen { inventory, surveys: &surveys }, &wishes);
    (surveys, plan)
}

/// Finds out what has to be done, and does it. The error is why not.
pub(crate) fn run(
    lab: &Lab,
    inventory: &Inventory,
    command: &Command,
) -> Result<Outcome, Vec<String>> {
    let (surveys, plan) = planned(lab, inventory, command);
    if !plan.refusals.is_empty() {
        return Err(plan.refusals);
    }
    let none = Duration::ZERO;
    let whole = Duration::from_mins(1);
    let work = Work {
        contact: lab,
        inventory,
        wishes: &command.wishes(inventory),
        surveys: &surveys,
        watch: lab,
        at_once: 1,
        wait: Duration::from_secs(1),
        now: "20260131-120000",
        pace: Pace { whole, pause: none, settle: none, rounds: 200 },
    };
    Ok(carry_out(work, &plan))
}

/// The same; it comes to its end.
pub(crate) fn done(lab: &Lab, inventory: &Inventory, command: &Command, when: &str) {
    let outcome = run(lab, inventory, command);
    let is_whole = outcome.as_ref().is_ok_and(Outcome::is_whole);
    assert!(is_whole, "{command:?} {when}: {outcome:#?}\n{}", lab.said.lock().unwrap().join("\n"));
}

/// A cluster that is there.
pub(crate) fn made(inventory: &Inventory) -> Lab {
    let lab = Lab::bare(inventory);
    done(&lab, inventory, &Command::Deploy, "at first");
    lab
}
