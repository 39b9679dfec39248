//! A cluster is taken apart.

use node_bootstrap::agent::Standing;
use topology::inventory::{Host, HostRole};

use super::deploy::task;
use super::{Action, Order, Plan, Task};
use crate::survey::{Seen, identities};

/// How a cluster is taken apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clean {
    /// Whether the data of etcd go, and with them all that is in the cluster.
    pub with_data: bool,
    /// Whether hosts become what they were before.
    pub undo: bool,
}

/// What takes the cluster away from all hosts: workers first, then control planes, the first one last.
#[must_use]
pub fn clean(seen: Seen<'_>, how: Clean) -> Plan {
    let mut plan = Plan::default();
    for host in &seen.inventory.hosts {
        if let Some(why) = seen.silence(&host.name) {
            plan.leave_out(&host.name, why);
        }
    }
    plan.refusals.extend(identities(seen));
    let has_something = |host: &&Host| {
        seen.of(&host.name).is_some_and(|survey| {
            survey.standing != Standing::Nothing || how.with_data && !survey.etcd_data.is_empty()
        })
    };
    let reset = |host: &Host| -> Task { task(host, Action::Reset { with_data: how.with_data }) };
    let workers = seen.inventory.with_role(HostRole::Worker).filter(has_something);
    plan.phase("workers", Order::Together, workers.map(reset).collect());
    let mut control_planes: Vec<&Host> = seen.control_planes().filter(has_something).collect();
    control_planes.reverse();
    if !how.with_data && !control_planes.is_empty() {
        plan.note("the data of etcd stay on the control planes; --with-data takes them away");
    }
    let control_planes = control_planes.into_iter().map(reset).collect();
    plan.phase("control planes", Order::OneByOne, control_planes);
    if how.undo {
        let hosts = seen.inventory.hosts.iter().filter(|host| seen.of(&host.name).is_some());
        let tasks = hosts.map(|host| task(host, Action::Undo)).collect();
        plan.phase("what was changed", Order::Together, tasks);
    }
    plan.settled()
}
