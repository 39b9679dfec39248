//! Workers that do not work, and proxies that lead nowhere.

use std::collections::BTreeMap;

use node_bootstrap::agent::{Standing, Wish};
use topology::inventory::HostRole;

use super::deploy::{join, lead, look_at, mendable, prepare, task};
use super::{Action, Order, Plan};
use crate::survey::{Seen, identities};

/// What a worker's containers need.
const UNITS: [&str; 2] = ["containerd", "kubelet"];

/// What mends these workers. Whether they are workers is known before anything is touched.
#[must_use]
pub fn repair(seen: Seen<'_>, wishes: &BTreeMap<String, Wish>, names: &[String]) -> Plan {
    let mut plan = Plan::default();
    let is_named = |name: &str| names.iter().any(|named| named == name);
    let hosts: Vec<_> = seen.inventory.hosts.iter().filter(|host| is_named(&host.name)).collect();
    plan.refusals.extend(identities(seen));
    // What mends the way to the API servers comes first.
    let leads = hosts.iter().any(|host| host.role == HostRole::Proxy);
    let mut restarts = Vec::new();
    let mut waits = Vec::new();
    for host in hosts {
        let name = &host.name;
        look_at(&mut plan, seen, wishes, host);
        if let Some(why) = seen.silence(name) {
            plan.refuse(format!("{name} cannot be mended from here: {why}"));
            continue;
        }
        let Some(survey) = seen.of(name) else { continue };
        let has_manifests = matches!(survey.standing, Standing::Node { control_plane: true, .. })
            || survey.etcd.is_some();
        if host.role == HostRole::ControlPlane || has_manifests {
            plan.refuse(format!(
                "{name} is a control plane: nothing was touched. `k8s-cluster etcdfix {name}` mends its member of etcd, `k8s-cluster remove` and \
                 `add` make it anew"
            ));
            continue;
        }
        if host.role == HostRole::Proxy {
            continue;
        }
        if seen.speaker().is_none() && !(leads && seen.server().is_some()) {
            let why = "no API server of the cluster answers: first mend its control planes";
            plan.refuse(mendable(seen).unwrap_or_else(|| why.to_owned()));
        }
        if matches!(survey.standing, Standing::Node { .. }) {
            if seen.node(name).is_some_and(|node| node.ready) {
                plan.note(format!(
                    "{name} is Ready; its runtime and kubelet are not started again"
                ));
            } else {
                let units = UNITS.map(str::to_owned).to_vec();
                restarts.push(task(host, Action::Restart { units }));
                waits.push(task(host, Action::WaitReady { version: None }));
            }
        }
    }
    let phases = prepare(&mut plan, seen, &|host| is_named(&host.name));
    plan.phases.extend(phases);
    if leads {
        lead(&mut plan, seen, &|host| is_named(&host.name));
    }
    plan.phase("runtime and kubelet", Order::Together, restarts);
    join(&mut plan, seen, &|host| is_named(&host.name));
    plan.phase("until they are Ready", Order::Together, waits);
    plan.settled()
}
