//! Hosts join a cluster that is there.

use std::collections::BTreeMap;

use node_bootstrap::agent::Wish;
use topology::inventory::HostRole;

use super::Plan;
use super::deploy::{join, label, look_at, mendable, prepare};
use crate::survey::{Seen, together};

/// What takes these hosts of the inventory into its cluster. Proxies learn of new control planes.
#[must_use]
pub fn add(seen: Seen<'_>, wishes: &BTreeMap<String, Wish>, names: &[String]) -> Plan {
    let mut plan = Plan::default();
    if seen.speaker().is_none() {
        let why = "no control plane of the cluster answers; `k8s-cluster deploy` makes a cluster, `k8s-cluster status` shows what there is";
        plan.refuse(mendable(seen).unwrap_or_else(|| why.to_owned()));
        return plan;
    }
    let is_named = |name: &str| names.iter().any(|named| named == name);
    let hosts: Vec<_> = seen.inventory.hosts.iter().filter(|host| is_named(&host.name)).collect();
    for host in &hosts {
        look_at(&mut plan, seen, wishes, host);
        if seen.silence(&host.name).is_some() && host.role == HostRole::Worker {
            plan.refuse(format!("{} was asked for, and does not answer", host.name));
        }
        if seen.is_member(&host.name) && seen.node(&host.name).is_some() {
            plan.note(format!("{} is a node of the cluster already", host.name));
        }
    }
    plan.refusals.extend(together(seen));
    let has_control_plane = hosts.iter().any(|host| host.role == HostRole::ControlPlane);
    if has_control_plane {
        for proxy in seen.inventory.with_role(HostRole::Proxy).filter(|it| !is_named(&it.name)) {
            look_at(&mut plan, seen, wishes, proxy);
        }
    }
    let phases = prepare(&mut plan, seen, &|host| {
        is_named(&host.name) || has_control_plane && host.role == HostRole::Proxy
    });
    plan.phases.extend(phases);
    join(&mut plan, seen, &|host| is_named(&host.name));
    label(&mut plan, seen, &|host| is_named(&host.name));
    plan.settled()
}
