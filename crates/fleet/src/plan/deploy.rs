//! Bare hosts, and some that are not, become a cluster.

use std::collections::BTreeMap;

use node_bootstrap::agent::{ManifestPlace, Standing, Survey, Wish};
use node_bootstrap::spec::KubernetesVersion;
use topology::inventory::{Host, HostRole};

use super::{Action, Order, Phase, Plan, Task};
use crate::survey::{Seen, together};
use crate::wish::version_of;

/// Where kubeadm has the data of etcd.
const ETCD_DATA: &str = "/var/lib/etcd";

/// What makes the cluster what the inventory says. What is so already stays untouched.
#[must_use]
pub fn deploy(seen: Seen<'_>, wishes: &BTreeMap<String, Wish>) -> Plan {
    let mut plan = Plan::default();
    for host in &seen.inventory.hosts {
        look_at(&mut plan, seen, wishes, host);
    }
    plan.refusals.extend(together(seen));
    plan.phases = prepare(&mut plan, seen, &|_| true);
    lead(&mut plan, seen, &|_| true);
    // Where only the address of the API is silent, it answers once that is mended.
    let speaker = seen.speaker().or_else(|| seen.server());
    let is_there = |host: &Host| {
        seen.of(&host.name).is_some_and(|survey| matches!(survey.standing, Standing::Node { .. }))
    };
    if let Some(speaker) = speaker {
        // A run may have been cut short between kubeadm and what follows it.
        let outlook = seen.of(&speaker.name).and_then(|survey| survey.outlook.as_ref());
        let is_left = outlook.is_some_and(|outlook| !outlook.after_init.is_empty());
        let tasks = is_left.then(|| task(speaker, Action::Follow)).into_iter().collect();
        plan.phase("what follows the beginning", Order::OneByOne, tasks);
    } else if let [_, ..] = seen.ended()[..] {
        plan.refuse(format!(
            "no API server answers, and certificates of {} have ended; `k8s-cluster certs renew` renews them",
            seen.ended().join(", ")
        ));
    } else if let Some(host) = seen.control_planes().find(|host| is_there(host)) {
        plan.refuse(format!(
            "there is a control plane on {}, and no API server answers; look at `journalctl -u kubelet` and `crictl ps -a` there; \
             `k8s-cluster etcd status` shows the members of etcd",
            host.name
        ));
    } else if let Some(host) = seen.inventory.hosts.iter().find(|host| is_there(host)) {
        plan.refuse(format!(
            "{} is a node of a cluster, and none of the control planes of the inventory is: a new cluster would be begun beside it; mend the \
             addresses of the control planes, or have `node-prep reset` take {} out",
            host.name, host.name
        ));
    } else {
        let first = seen.control_planes().next();
        let tasks = first.into_iter().map(|host| task(host, Action::Init)).collect();
        plan.phase("the first control plane", Order::OneByOne, tasks);
    }
    let first = speaker.or_else(|| seen.control_planes().next()).map(|host| host.name.as_str());
    join(&mut plan, seen, &|host| Some(host.name.as_str()) != first);
    label(&mut plan, seen, &|_| true);
    plan.settled()
}

/// What makes hosts ready for the cluster, and begins none.
#[must_use]
pub fn prepare_hosts(seen: Seen<'_>, wishes: &BTreeMap<String, Wish>) -> Plan {
    let mut plan = Plan::default();
    for host in &seen.inventory.hosts {
        look_at(&mut plan, seen, wishes, host);
    }
    plan.refusals.extend(together(seen));
    plan.phases = prepare(&mut plan, seen, &|_| true);
    plan.settled()
}

pub(super) fn task(host: &Host, action: Action) -> Task {
    Task { host: host.name.clone(), role: host.role, action }
}

/// Whether a host can be worked with: what is wrong is refused.
pub(super) fn look_at(
    plan: &mut Plan,
    seen: Seen<'_>,
    wishes: &BTreeMap<String, Wish>,
    host: &Host,
) {
    let name = &host.name;
    if let Some(why) = seen.silence(name) {
        // Other workers need not wait for this one.
        if host.role == HostRole::Worker {
            plan.leave_out(name, why);
        } else {
            plan.refuse(format!("{name}: {why}"));
        }
        return;
    }
    let Some(survey) = seen.of(name) else { return };
    if let Some(outlook) = &survey.outlook {
        plan.refusals.extend(outlook.refusals.iter().map(|why| format!("{name}: {why}")));
    }
    match &survey.standing {
        Standing::Doubtful { why } => plan.refuse(format!("{name}: {why}")),
        Standing::Node { control_plane, .. }
            if *control_plane != (host.role == HostRole::ControlPlane) =>
        {
            let (is, shall) = if *control_plane {
                ("a control plane", "another role")
            } else {
                ("a worker", "the role control-plane")
            };
            plan.refuse(format!(
                "{name} is {is} of the cluster, and has {shall} in the inventory; remove it and add it again"
            ));
        }
        _ => {}
    }
    plan.refusals.extend(parked(name, survey));
    // kubeadm would refuse it, after all was prepared.
    if host.role == HostRole::ControlPlane
        && survey.standing == Standing::Nothing
        && let Some(folder) = survey.etcd_data.iter().find(|folder| *folder == ETCD_DATA)
    {
        plan.refuse(format!(
            "{name} has data of etcd of a former cluster, in {folder}; `k8s-cluster clean --with-data` takes them away"
        ));
    }
    if matches!(survey.standing, Standing::Node { .. })
        && seen.nodes().is_some()
        && seen.node(name).is_none()
    {
        plan.refuse(format!(
            "{name} has the files of a node, and the cluster has no such node; `k8s-cluster remove {name}` and `add` make it anew"
        ));
    }
    if let Some(why) = wishes.get(name).and_then(|wish| other_minor(seen, survey, wish)) {
        plan.refuse(format!("{name}: {why}"));
    }
}

/// What has to come first where a run that was cut short has left a member of etcd parked.
pub(super) fn parked(name: &str, survey: &Survey) -> Option<String> {
    let is_parked = survey.etcd.as_ref()?.manifest == ManifestPlace::Parked;
    is_parked.then(|| {
        format!(
            "{name}: its member of etcd is down, and its API server with it, since an order did not come to its end; the same `k8s-cluster \
             etcdfix {name}` or `etcd restore` goes on"
        )
    })
}

/// A node is not brought to another minor by the way, and none joins that has another one than the cluster.
fn other_minor(seen: Seen<'_>, survey: &Survey, wish: &Wish) -> Option<String> {
    let wanted = version_of(wish)?;
    let read = |version: &str| plain(version).parse::<KubernetesVersion>().ok();
    if matches!(survey.standing, Standing::Node { .. }) {
        let installed = read(survey.versions.kubelet.as_ref()?)?;
        return (installed.minor != wanted.minor).then(|| {
            format!(
                "its kubelet is {installed}, and the inventory wants Kubernetes {wanted}; `k8s-cluster upgrade` goes there, one minor at a time"
            )
        });
    }
    let cluster = read(seen.version()?)?;
    (cluster.minor != wanted.minor).then(|| {
        format!(
            "the cluster is Kubernetes {cluster}, and the inventory wants {wanted} for this host; a host joins with the cluster's minor, and \
             `k8s-cluster upgrade` goes on from there"
        )
    })
}

/// A version without what follows its patch.
pub(super) fn plain(version: &str) -> &str {
    version.split(['-', '+', '~']).next().unwrap_or(version)
}

/// Hosts that lack something become what they shall be: those that answered and fit.
pub(super) fn prepare(
    plan: &mut Plan,
    seen: Seen<'_>,
    is_meant: &dyn Fn(&Host) -> bool,
) -> Vec<Phase> {
    let mut of = |is_one: &dyn Fn(&Host) -> bool| -> Vec<Task> {
        let hosts = seen.inventory.hosts.iter().filter(|host| is_one(host) && is_meant(host));
        let mut tasks = Vec::new();
        for host in hosts {
            let Some(outlook) = seen.of(&host.name).and_then(|survey| survey.outlook.as_ref())
            else {
                continue;
            };
            for note in &outlook.notes {
                plan.note(format!("{}: {note}", host.name));
            }
            for why in &outlook.reboot {
                plan.note(format!("{} has to be started again afterwards: {why}", host.name));
            }
            if !outlook.changes.is_empty() {
                tasks.push(task(host, Action::Apply { changes: outlook.changes.clone() }));
            }
        }
        tasks
    };
    let proxies = of(&|host| host.role == HostRole::Proxy);
    let serves = |host: &Host| {
        host.role == HostRole::ControlPlane
            && seen
                .of(&host.name)
                .is_some_and(|survey| matches!(survey.standing, Standing::Node { .. }))
    };
    let serving = of(&|host| serves(host));
    let others = of(&|host| host.role != HostRole::Proxy && !serves(host));
    let mut phases = Plan::default();
    // Clients go on through the others meanwhile.
    phases.phase("proxies", Order::OneByOne, proxies);
    phases.phase("control planes that serve", Order::OneByOne, serving);
    phases.phase("prepare hosts", Order::Together, others);
    phases.phases
}

/// What is broken where API servers answer, and the address that all use does not; with what mends it.
pub(super) fn mendable(seen: Seen<'_>) -> Option<String> {
    let why = seen.cut_off()?;
    let proxies: Vec<&str> =
        seen.inventory.with_role(HostRole::Proxy).map(|host| host.name.as_str()).collect();
    Some(if proxies.is_empty() {
        why
    } else {
        format!("{why}; `k8s-cluster repair {}` starts it again", proxies.join(" "))
    })
}

/// The unit of a proxy.
const HAPROXY: &str = "haproxy";

/// Where API servers answer, and the address that all use does not: proxies come first, since nothing else can be done before
/// they work. One that lacks something gets it, one that lacks nothing is started again.
pub(super) fn lead(plan: &mut Plan, seen: Seen<'_>, is_meant: &dyn Fn(&Host) -> bool) {
    let (Some(why), Some(server)) = (seen.cut_off(), seen.server()) else { return };
    let proxies = seen.inventory.with_role(HostRole::Proxy).filter(|host| is_meant(host));
    let proxies: Vec<&Host> = proxies.collect();
    if proxies.is_empty() {
        plan.refuse(why);
        return;
    }
    plan.note(why);
    let changes = |host: &Host| plan.tasks().any(|task| task.host == host.name);
    let units = || vec![HAPROXY.to_owned()];
    let restarts = proxies.iter().filter(|host| !changes(host));
    let restarts =
        restarts.map(|host| task(host, Action::Restart { units: units() })).collect::<Vec<_>>();
    let mut first = Plan::default();
    first.phase("proxies that lead nowhere", Order::OneByOne, restarts);
    let wait = task(server, Action::WaitApi { url: seen.url() });
    first.phase("until the API answers", Order::OneByOne, vec![wait]);
    let is_proxys = |phase: &&Phase| phase.tasks.iter().all(|task| task.role == HostRole::Proxy);
    let at = plan.phases.iter().take_while(is_proxys).count();
    plan.phases.splice(at..at, first.phases);
}

/// Hosts that are no nodes yet join: control planes one by one, since each makes a member of etcd.
pub(super) fn join(plan: &mut Plan, seen: Seen<'_>, is_meant: &dyn Fn(&Host) -> bool) {
    let is_new = |host: &&Host| {
        is_meant(host)
            && seen.of(&host.name).is_some_and(|survey| {
                matches!(survey.standing, Standing::Nothing | Standing::Half { .. })
            })
    };
    let new: Vec<&Host> = seen.control_planes().filter(is_new).collect();
    let steps = |host: &Host| {
        // A join that was cut short late has made a member that votes.
        let has_member = seen.of(&host.name).is_some_and(|survey| {
            matches!(survey.standing, Standing::Half { .. }) && survey.etcd.is_some()
        });
        let leave = has_member.then(|| task(host, Action::LeaveEtcd { force: false }));
        leave.into_iter().chain([task(host, Action::ClearEtcd), task(host, Action::Join)])
    };
    plan.phase("control planes", Order::OneByOne, new.into_iter().flat_map(steps).collect());
    let new = seen.inventory.with_role(HostRole::Worker).filter(is_new);
    plan.phase("workers", Order::Together, new.map(|host| task(host, Action::Join)).collect());
}

/// Labels that nodes lack, or that have other values.
pub(super) fn label(plan: &mut Plan, seen: Seen<'_>, is_meant: &dyn Fn(&Host) -> bool) {
    let mut tasks = Vec::new();
    let hosts = seen.inventory.hosts.iter().filter(|host| is_meant(host));
    for host in hosts.filter(|host| host.role != HostRole::Proxy && !host.labels.is_empty()) {
        if seen.of(&host.name).is_none() {
            continue;
        }
        let has = seen.node(&host.name).map(|node| &node.labels);
        let lacks: BTreeMap<String, String> = host
            .labels
            .iter()
            .filter(|(key, value)| has.and_then(|labels| labels.get(*key)) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !lacks.is_empty() {
            tasks.push(task(host, Action::Label { labels: lacks }));
        }
    }
    plan.phase("labels", Order::Together, tasks);
}
