//! Hosts leave a cluster.

use std::collections::BTreeMap;

use node_bootstrap::agent::Wish;
use topology::inventory::{Host, HostRole};

use super::deploy::{look_at, mendable, prepare, task};
use super::{Action, Drain, Order, Plan};
use crate::etcd::{self, Goal, Situation, Step};
use crate::survey::{Seen, identities};

/// How hosts leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remove {
    /// How their nodes are emptied.
    pub drain: Drain,
    /// Whether a member may leave etcd that it needs for its quorum.
    pub force: bool,
    /// Whether hosts are given up that do not answer: nothing is moved away from them, and nothing cleaned.
    pub gone: bool,
}

/// What takes these hosts out of the cluster, one by one. The surveys of proxies were made with wishes that no longer
/// name them.
#[must_use]
pub fn remove(
    seen: Seen<'_>,
    wishes: &BTreeMap<String, Wish>,
    names: &[String],
    how: &Remove,
) -> Plan {
    let mut plan = Plan::default();
    let mut situation = seen.situation();
    if let Some(why) = situation.alarm() {
        plan.refuse(why);
        return plan;
    }
    let is_named = |host: &Host| names.contains(&host.name);
    let hosts: Vec<&Host> = seen.inventory.hosts.iter().filter(|host| is_named(host)).collect();
    let stays = seen.control_planes().filter(|host| !is_named(host)).count();
    let leaves = hosts.iter().any(|host| host.role == HostRole::ControlPlane);
    if leaves && stays == 0 {
        plan.refuse("a cluster cannot lose its last control plane; `k8s-cluster clean` takes the whole cluster apart");
        return plan;
    }
    let endpoint = seen.inventory.high_availability.as_ref().map(|it| it.endpoint.host());
    for host in hosts.iter().filter(|host| host.role == HostRole::Proxy) {
        if endpoint.is_some_and(|endpoint| *endpoint == host.address.into()) {
            plan.refuse(format!(
                "{} has the address of the API, {}: all nodes would lose the cluster. Give the address to another host first",
                host.name, host.address
            ));
        }
    }
    let speaks = seen.control_planes().any(|host| !is_named(host) && seen.speaks(&host.name));
    if !speaks {
        let lost = situation.lost();
        let help = lost.unwrap_or_else(|| "`k8s-cluster status` shows what there is".to_owned());
        let why = format!("no API server of a control plane that stays answers; {help}");
        plan.refuse(mendable(seen).unwrap_or(why));
        return plan;
    }
    if seen.nodes().is_none() {
        plan.refuse(
            "the API did not tell the nodes of the cluster; see the warning above, and try again",
        );
    }
    plan.refusals.extend(identities(seen));
    if leaves {
        for proxy in seen.inventory.with_role(HostRole::Proxy).filter(|host| !is_named(host)) {
            look_at(&mut plan, seen, wishes, proxy);
        }
        if stays.is_multiple_of(2) {
            plan.note(format!(
                "{stays} control planes stay: etcd bears the loss of {} of them, as with {}",
                (stays - 1) / 2,
                stays - 1
            ));
        }
        let phases =
            prepare(&mut plan, seen, &|host| host.role == HostRole::Proxy && !is_named(host));
        plan.phases.extend(phases);
    }
    for host in hosts {
        let name = &host.name;
        let silence = seen.silence(name);
        match silence {
            Some(why) if !seen.is_unreachable(name) => {
                plan.refuse(format!("{name}: {why}"));
                continue;
            }
            Some(why) if !how.gone => {
                plan.refuse(format!(
                    "{name}: {why}; say --gone if it is switched off and will not come back"
                ));
                continue;
            }
            Some(_) => plan.note(format!(
                "{name} does not answer: nothing is moved away from it, and nothing cleaned on it"
            )),
            None if how.gone => plan.note(format!("{name} answers, so it is not treated as gone")),
            None => {}
        }
        let mut tasks = Vec::new();
        let node = seen.node(name);
        if host.role != HostRole::Proxy {
            if node.is_some() {
                tasks.push(task(host, Action::Cordon { mark: false }));
                if silence.is_none() {
                    tasks.push(task(host, Action::Drain(how.drain.clone())));
                }
            }
            // Where etcd is elsewhere, nobody leaves it.
            if host.role == HostRole::ControlPlane && situation.has_members() {
                match leave(&mut situation, &host.name, how.force) {
                    Ok(notes) => plan.notes.extend(notes),
                    Err(why) => plan.refuse(format!("{name}: {why}")),
                }
                tasks.push(task(host, Action::LeaveEtcd { force: how.force }));
            }
            if node.is_some() {
                tasks.push(task(host, Action::DeleteNode));
            }
        }
        if silence.is_none() {
            // What is left of a member that has left is of no use.
            let with_data = host.role == HostRole::ControlPlane;
            let action = if host.role == HostRole::Proxy {
                Action::Undo
            } else {
                Action::Reset { with_data }
            };
            tasks.push(task(host, action));
        }
        // A worker that stays, since its pods cannot move, keeps no other from leaving.
        plan.phase(format!("remove {name}"), Order::Together, tasks);
    }
    plan.settled()
}

/// Whether the member of a host may leave, before anything is done with the host; then the situation is as it will be.
fn leave(situation: &mut Situation, host: &str, force: bool) -> Result<Vec<String>, String> {
    let goal = Goal::Leave { host: host.to_owned(), force, snapshot: String::new() };
    let order = etcd::plan(&goal, situation);
    if let Some(why) = order.refusal() {
        return Err(why.to_owned());
    }
    for step in &order.steps {
        if let Step::Do(action) = step {
            *situation = situation.after(action);
        }
    }
    Ok(order.notes)
}
