//! A cluster goes to the next minor, or to another patch.

use std::collections::BTreeMap;

use node_bootstrap::agent::{Standing, Survey, UpgradePart, Wish};
use node_bootstrap::spec::KubernetesVersion;
use topology::inventory::{Host, HostRole};

use super::deploy::{look_at, mendable, parked, plain, task};
use super::{Action, CORDONED, Drain, Order, Plan, Task};
use crate::run::snapshot_path;
use crate::survey::{Seen, together};
use crate::wish::version_of;

/// What brings the cluster to the version of its inventory: control planes first, each host by itself. Snapshots of etcd
/// are named after `now`, such as `20260131-120000`.
#[must_use]
pub fn upgrade(seen: Seen<'_>, wishes: &BTreeMap<String, Wish>, drain: &Drain, now: &str) -> Plan {
    let mut plan = Plan::default();
    let Some(speaker) = seen.speaker() else {
        let why = "no API server of the cluster answers; `k8s-cluster status` shows what there is";
        plan.refuse(mendable(seen).unwrap_or_else(|| why.to_owned()));
        return plan;
    };
    plan.refusals.extend(together(seen));
    plan.refusals.extend(seen.situation().alarm());
    let nodes = || seen.inventory.hosts.iter().filter(|host| host.role != HostRole::Proxy);
    let mut states = Vec::new();
    for host in nodes() {
        let name = &host.name;
        if let Some(why) = seen.silence(name) {
            plan.refuse(format!(
                "{name}: {why}; an upgrade leaves no node behind: mend or remove it first"
            ));
            continue;
        }
        let Some(survey) = seen.of(name) else { continue };
        let Some(to) = wishes.get(name).and_then(version_of) else {
            plan.refuse(format!("{name}: the inventory names no version of Kubernetes"));
            continue;
        };
        if !matches!(survey.standing, Standing::Node { .. }) {
            // What else is wrong with it is told as deploy tells it.
            look_at(&mut plan, seen, wishes, host);
            plan.note(format!(
                "{name} is no node yet; `k8s-cluster deploy` or `add` takes it in afterwards"
            ));
            continue;
        }
        plan.refusals.extend(parked(name, survey));
        match seen.node(name) {
            None => plan.refuse(format!("the cluster has no node {name}")),
            Some(node) if !node.ready => plan
                .refuse(format!("the node {name} is not Ready ({}); mend it first", node.message)),
            Some(_) => {}
        }
        let refusal = survey.upgrade_left.as_ref().and_then(|left| left.refusal.as_ref());
        plan.refusals.extend(refusal.map(|why| format!("{name}: {why}")));
        let running = seen.node(name).and_then(|node| plain(&node.version).parse().ok());
        states.push((host, State { running, ..State::of(survey) }, to));
    }
    for (host, state, to) in &states {
        let from = state.api_server.or(state.kubelet);
        let Some(from) = from else {
            plan.refuse(format!("{}: the version of its kubelet is not known", host.name));
            continue;
        };
        if to.minor < from.minor || is_older_patch(*to, from) {
            plan.refuse(format!(
                "{}: it has {from}, and Kubernetes is never taken back, to {to}",
                host.name
            ));
        } else if to.minor.minor > from.minor.minor + MOST {
            plan.refuse(format!(
                "{}: from {from} to {to} is too far at once; upgrade to {}.{} first",
                host.name,
                from.minor.major,
                from.minor.minor + MOST
            ));
        }
    }
    let target = states.iter().filter(|state| state.0.role == HostRole::ControlPlane);
    if let Some(target) = target.map(|(.., to)| to.minor).min() {
        for (host, _, to) in states.iter().filter(|(.., to)| to.minor > target) {
            plan.refuse(format!("{}: its node.yaml wants {to}, and no kubelet may be newer than a control plane, {target}", host.name));
        }
    }
    let todo = |(host, state, to): &(&Host, State, KubernetesVersion)| -> Vec<Part> {
        let mut parts = state.lacks(*to, host.role, host.name == speaker.name);
        let node = seen.node(&host.name);
        // A node that someone else keeps pods away from stays so, and gets no mark.
        let is_ours = node.is_some_and(|node| node.annotations.contains_key(CORDONED));
        let was_open = node.is_some_and(|node| !node.cordoned);
        let stops = parts.iter().position(|part| part.stops_pods());
        if let Some(at) = stops.filter(|_| is_ours || was_open) {
            parts.insert(at, Part::Cordon);
        }
        if is_ours || was_open && stops.is_some() {
            parts.push(Part::Uncordon);
        }
        parts
    };
    if states.iter().all(|state| todo(state).is_empty()) {
        plan.note("every host has the version of the inventory");
        return plan;
    }
    // Where etcd is elsewhere, its snapshots are, too.
    let has_member = seen.of(&speaker.name).is_some_and(|survey| survey.etcd.is_some());
    if has_member
        && states
            .iter()
            .any(|state| state.0.role == HostRole::ControlPlane && !todo(state).is_empty())
    {
        let path = snapshot_path("upgrade", now);
        plan.phase("snapshot", Order::OneByOne, vec![task(speaker, Action::Snapshot { path })]);
    }
    let mut ordered: Vec<_> = states.iter().collect();
    // The one that upgrades the cluster comes first, workers last.
    ordered
        .sort_by_key(|(host, ..)| (host.role != HostRole::ControlPlane, host.name != speaker.name));
    for state in ordered {
        let (host, _, to) = state;
        let tasks: Vec<Task> = todo(state)
            .into_iter()
            .flat_map(|part| part.actions(&to.to_string(), drain))
            .map(|action| task(host, action))
            .collect();
        plan.phase(format!("upgrade {}", host.name), Order::OneByOne, tasks);
    }
    plan.settled()
}

/// Where no API server answers: the control planes on which this upgrade has begun. kubeadm starts etcd and API servers again, and so
/// does a new kubelet; a run that was cut short there leaves some that need a while to answer.
#[must_use]
pub fn coming_back<'s>(seen: Seen<'s>, wishes: &BTreeMap<String, Wish>) -> Vec<&'s str> {
    if seen.speaker().is_some() || mendable(seen).is_some() {
        return Vec::new();
    }
    let has_begun = |host: &&Host| {
        let (Some(survey), Some(to)) =
            (seen.of(&host.name), wishes.get(&host.name).and_then(version_of))
        else {
            return false;
        };
        let is_control_plane =
            matches!(survey.standing, Standing::Node { control_plane: true, .. });
        is_control_plane && State::of(survey).kubeadm.is_some_and(|kubeadm| fits(kubeadm, to))
    };
    seen.control_planes().filter(has_begun).map(|host| host.name.as_str()).collect()
}

/// What is installed on a host.
#[derive(Debug, Clone, Copy)]
struct State {
    kubeadm: Option<KubernetesVersion>,
    kubelet: Option<KubernetesVersion>,
    api_server: Option<KubernetesVersion>,
    /// What the kubelet that runs says it is.
    running: Option<KubernetesVersion>,
    /// Whether the host says that kubeadm is not at its end with it: it looks at all components.
    is_half: bool,
}

/// A part of the work on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Kubeadm,
    First,
    Node,
    Cordon,
    Kubelet,
    /// The kubelet is installed, and another one runs.
    Restart,
    Uncordon,
}

impl Part {
    fn stops_pods(self) -> bool {
        matches!(self, Self::Kubelet | Self::Restart)
    }

    fn actions(self, to: &str, drain: &Drain) -> Vec<Action> {
        let upgrade = |part| Action::Upgrade { part, to: to.to_owned() };
        match self {
            Self::Kubeadm => vec![upgrade(UpgradePart::Kubeadm)],
            Self::First => vec![upgrade(UpgradePart::First)],
            Self::Node => vec![upgrade(UpgradePart::Node)],
            Self::Cordon => vec![Action::Cordon { mark: true }],
            Self::Kubelet => {
                vec![
                    Action::Drain(drain.clone()),
                    upgrade(UpgradePart::Kubelet),
                    Action::WaitReady { version: Some(to.to_owned()) },
                ]
            }
            Self::Restart => vec![
                Action::Drain(drain.clone()),
                // What a run that was cut short owes.
                upgrade(UpgradePart::Kubelet),
                Action::Restart { units: vec!["kubelet".to_owned()] },
                Action::WaitReady { version: Some(to.to_owned()) },
            ],
            Self::Uncordon => vec![Action::Uncordon],
        }
    }
}

impl State {
    fn of(survey: &Survey) -> Self {
        let read = |version: &Option<String>| plain(version.as_ref()?).parse().ok();
        let versions = &survey.versions;
        Self {
            kubeadm: read(&versions.kubeadm),
            kubelet: read(&versions.kubelet),
            api_server: read(&versions.api_server),
            running: None,
            is_half: survey.upgrade_left.as_ref().is_some_and(|left| left.node),
        }
    }

    fn lacks(&self, to: KubernetesVersion, role: HostRole, is_first: bool) -> Vec<Part> {
        let differs = |from: Option<KubernetesVersion>| from.is_none_or(|from| !fits(from, to));
        let control = role == HostRole::ControlPlane && (differs(self.api_server) || self.is_half);
        let kubelet = differs(self.kubelet);
        let worker = role == HostRole::Worker && (kubelet || self.is_half);
        let restart = !kubelet && self.running.is_some_and(|running| !fits(running, to));
        let mut parts = Vec::new();
        if !control && !worker && !kubelet && !restart {
            return parts;
        }
        if differs(self.kubeadm) {
            parts.push(Part::Kubeadm);
        }
        if control {
            parts.push(if is_first { Part::First } else { Part::Node });
        } else if worker {
            parts.push(Part::Node);
        }
        if kubelet {
            parts.push(Part::Kubelet);
        } else if restart {
            parts.push(Part::Restart);
        }
        parts
    }
}

/// How many minors a host may go at once: kubeadm refuses more.
const MOST: u32 = 1;

/// Whether what is installed is what is wanted: any patch where none is named.
fn fits(from: KubernetesVersion, to: KubernetesVersion) -> bool {
    from.minor == to.minor && to.patch.is_none_or(|patch| from.patch == Some(patch))
}

fn is_older_patch(to: KubernetesVersion, from: KubernetesVersion) -> bool {
    from.minor == to.minor && to.patch.zip(from.patch).is_some_and(|(to, from)| to < from)
}
