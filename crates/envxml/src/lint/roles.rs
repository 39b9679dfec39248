//! Roles that get into each other's way. All need several machines.

use std::collections::HashMap;

use super::Rule;
use super::context::{Context, listed};
use super::findings::Findings;
use crate::view::Part;

/// Who has a role on each machine: the first component.
type Holders<'c> = HashMap<usize, &'c str>;

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    if !context.several_machines() {
        return;
    }
    let holders = |part: Part| -> Holders<'_> {
        let mut holders = HashMap::new();
        for placed in &context.components {
            for (instance, machine) in placed.instances() {
                if let Some(machine) = machine.filter(|_| instance.part == part) {
                    holders.entry(machine).or_insert(&*placed.component.name);
                }
            }
        }
        holders
    };
    let slaves = holders(Part::ThorSlave);
    let servers = holders(Part::RoxieServer);
    let idle: Vec<String> =
        context.idle().iter().map(|machine| context.machines[*machine].title()).collect();
    let elsewhere = match idle.as_slice() {
        [] => "put it on a machine of its own".to_owned(),
        idle => format!("put it on a machine of its own; nothing runs on {}", listed(idle)),
    };
    for placed in &context.components {
        for (instance, machine) in placed.instances() {
            let Some(machine) = machine else { continue };
            let title = || context.machines[machine].title();
            let chain = placed.below(instance.element);
            let mut add = |rule, message: String| {
                found.add(rule, &chain, Some("computer"), message, elsewhere.clone());
            };
            let (slave, server) = (slaves.get(&machine), servers.get(&machine));
            match (placed.component.process, instance.part) {
                (_, Part::ThorSlave) => {
                    if let Some(roxie) = server {
                        let message = format!(
                            "this slave of {} shares {} with Roxie {roxie}",
                            placed.title(),
                            title()
                        );
                        add(Rule::ThorSlaveOnRoxie, message);
                    }
                }
                (_, Part::ThorMaster) => {
                    if let Some(thor) = slave {
                        let message = format!(
                            "the master of {} shares {} with a slave of {thor}",
                            placed.title(),
                            title()
                        );
                        add(Rule::ThorMasterAmongSlaves, message);
                    }
                    if let Some(roxie) = server {
                        let message = format!(
                            "the master of {} shares {} with Roxie {roxie}",
                            placed.title(),
                            title()
                        );
                        add(Rule::ThorMasterOnRoxie, message);
                    }
                }
                ("DaliServerProcess", _) => {
                    let worker = match (slave, server) {
                        (Some(thor), _) => format!("a slave of {thor}"),
                        (None, Some(roxie)) => format!("Roxie {roxie}"),
                        (None, None) => continue,
                    };
                    let message = format!("Dali shares {} with {worker}", title());
                    add(Rule::DaliOnWorker, message);
                }
                _ => {}
            }
        }
    }
}
