//! Thor clusters: their master, slaves and copies.

use std::collections::HashSet;

use super::Rule;
use super::context::{Context, Placed};
use super::findings::Findings;
use super::values::{is_true, number};
use crate::view::Part;

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    for thor in context.of("ThorCluster") {
        master(thor, found);
        local(context, thor, found);
        replication(context, thor, found);
        ports(thor, found);
    }
    let masters: Vec<(&Placed<'_, '_>, HashSet<usize>)> =
        context.of("ThorCluster").map(|thor| (thor, machines_of(thor, Part::ThorMaster))).collect();
    for node in context.of("BackupNodeProcess") {
        backupnode(&masters, node, found);
    }
}

/// The machines of a part.
pub(super) fn machines_of(placed: &Placed<'_, '_>, part: Part) -> HashSet<usize> {
    let instances = placed.instances().filter(|(instance, _)| instance.part == part);
    instances.filter_map(|(_, machine)| machine).collect()
}

fn master<'d>(thor: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    let component = thor.component;
    let mut masters = component.part(Part::ThorMaster);
    let master = masters.next();
    if master.is_none() {
        found.add(
            Rule::ThorWithoutMaster,
            &thor.chain(),
            None,
            format!("{} has no ThorMasterProcess", thor.title()),
            "add a ThorMasterProcess with the computer of the master",
        );
    }
    for more in masters {
        found.add(
            Rule::SeveralThorMasters,
            &thor.below(more.element),
            None,
            format!("{} has a master already", thor.title()),
            "keep one ThorMasterProcess",
        );
    }
    if component.part(Part::ThorSlave).next().is_none() {
        found.add(
            Rule::ThorWithoutSlaves,
            &thor.chain(),
            None,
            format!("{} has no ThorSlaveProcess", thor.title()),
            "add a ThorSlaveProcess for each machine that is to work",
        );
    }
    let own = component.element.get("computer").filter(|own| !own.is_empty());
    let on = master.and_then(|master| master.computer.as_deref());
    let runs = !component.instances.is_empty();
    if own.is_none() && runs {
        found.add(
            Rule::ThorWithoutComputer,
            &thor.chain(),
            Some("computer"),
            format!("{} itself names no computer", thor.title()),
            "set computer to the master's",
        );
    }
    if let (Some(own), Some(on)) = (own, on)
        && own != on
    {
        found.add(
            Rule::ThorComputerMismatch,
            &thor.chain(),
            Some("computer"),
            format!("{} names the computer {own}, but its master is on {on}", thor.title()),
            "set computer to the master's",
        );
    }
}

fn local<'d>(context: &Context<'_, 'd>, thor: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    let element = thor.component.element;
    if !is_true(element, "localThor") {
        return;
    }
    let masters = machines_of(thor, Part::ThorMaster);
    let elsewhere = machines_of(thor, Part::ThorSlave);
    let mut elsewhere: Vec<usize> = elsewhere.difference(&masters).copied().collect();
    elsewhere.sort_unstable();
    if let (false, Some(first)) = (masters.is_empty(), elsewhere.first()) {
        found.add(
            Rule::LocalThor,
            &thor.chain(),
            Some("localThor"),
            format!(
                "{} is local, but has slaves on other machines than its master: {}",
                thor.title(),
                context.machines[*first].title()
            ),
            "set localThor to false",
        );
    }
}

fn replication<'d>(context: &Context<'_, 'd>, thor: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    let component = thor.component;
    if !is_true(component.element, "replicateOutputs") {
        return;
    }
    let slaves = machines_of(thor, Part::ThorSlave);
    if slaves.len() == 1 {
        found.add(
            Rule::ReplicateWithoutPeer,
            &thor.chain(),
            Some("replicateOutputs"),
            format!("{} has slaves on one machine only: a copy would be on the same", thor.title()),
            "set replicateOutputs to false, or add slaves on another machine",
        );
        return;
    }
    let mended = context.of("BackupNodeProcess").any(|node| {
        let mut groups = node.component.element.children("NodeGroup");
        let named = groups.any(|group| group.get("name").as_deref() == Some(&component.name));
        named && !node.component.instances.is_empty()
    });
    if !mended && !slaves.is_empty() {
        found.add(
            Rule::ReplicateWithoutBackupnode,
            &thor.chain(),
            Some("replicateOutputs"),
            format!("no backup node with an instance looks after {}", thor.title()),
            "add an Instance to the BackupNodeProcess, on another machine than the master",
        );
    }
}

/// The ports of all slaves of a machine must be there.
fn ports<'d>(thor: &Placed<'_, 'd>, found: &mut Findings<'d>) {
    let (first, last) = slave_ports(thor);
    if u16::try_from(first).is_ok() && u16::try_from(last).is_err() {
        found.add(
            Rule::BadNumber,
            &thor.chain(),
            Some("slaveport"),
            format!("the slaves of one machine need the ports {first} to {last}"),
            "choose a lower slaveport, or fewer slavesPerNode",
        );
    }
}

/// The first and the last port of the slaves of one machine.
pub(super) fn slave_ports(thor: &Placed<'_, '_>) -> (u32, u32) {
    let element = thor.component.element;
    let first = number(element, "slaveport", 20100);
    let step = number(element, "localThorPortInc", 20).max(1);
    let slaves = number(element, "slavesPerNode", 1).max(1);
    (first, first.saturating_add(slaves.saturating_mul(step) - 1))
}

fn backupnode<'d>(
    masters: &[(&Placed<'_, 'd>, HashSet<usize>)],
    node: &Placed<'_, 'd>,
    found: &mut Findings<'d>,
) {
    let groups: HashSet<_> = node
        .component
        .element
        .children("NodeGroup")
        .filter_map(|group| group.get("name"))
        .collect();
    for (instance, machine) in node.instances() {
        let thor = masters.iter().find(|(thor, masters)| {
            let meant = groups.is_empty() || groups.contains(&thor.component.name);
            meant && machine.is_some_and(|machine| masters.contains(&machine))
        });
        if let Some((thor, _)) = thor {
            found.add(
                Rule::BackupnodeOnThorMaster,
                &node.below(instance.element),
                Some("computer"),
                format!("the master of {} is on the same machine", thor.title()),
                "put the backup node on another machine",
            );
        }
    }
}
