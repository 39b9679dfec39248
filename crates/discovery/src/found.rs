//! From pods to a placement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use diagnostics::Problem;
use serde::Serialize;
use thiserror::Error;
use topology::{ClusterSpec, HpccVersion, Machine, Placement, Pod, PodState, Role, RoleKey};

use crate::classify::{Evidence, classify, path};
use crate::complete::{Missing, missing};
use crate::version::image_version;

/// What to look for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The namespace; without it, the one that all pods are in.
    pub namespace: Option<&'a str>,
    /// Whether machines are known by the host names that their services give them, which stay when a pod
    /// gets another address.
    pub host_names: bool,
    /// What the user wants; tells when a set is complete.
    pub spec: Option<&'a ClusterSpec>,
}

/// Why a pod is no part of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It does not run yet.
    Pending,
    /// It runs and is not ready.
    NotReady,
    /// It is ready and has no address.
    NoAddress,
    /// It is being deleted.
    Terminating,
    /// It has ended.
    Finished,
    /// Its state is not known.
    Unknown,
    /// It is in another namespace.
    OtherNamespace,
    /// Neither labels nor name say what it is for.
    NoRole,
    /// It looks after the cluster and is no part of it.
    Admin,
}

impl Reason {
    /// Whether the pod is on its way: it would be part of the cluster if it were ready.
    #[must_use]
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Pending | Self::NotReady | Self::NoAddress | Self::Unknown)
    }

    /// Whether the pod is on its way out. A stateful set makes it again under the same name, unless it shrinks;
    /// other controllers have made another one already.
    #[must_use]
    pub fn is_leaving(self) -> bool {
        matches!(self, Self::Terminating | Self::Finished)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "does not run yet",
            Self::NotReady => "runs, but is not ready",
            Self::NoAddress => "has no address",
            Self::Terminating => "is being deleted",
            Self::Finished => "has ended",
            Self::Unknown => "is in an unknown state",
            Self::OtherNamespace => "is in another namespace",
            Self::NoRole => "has no role of HPCC",
            Self::Admin => "only looks after the cluster",
        })
    }
}

/// A pod that is part of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundPod {
    /// Its name.
    pub name: String,
    /// What made it, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem: Option<String>,
    /// Its number in a stateful set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<u32>,
    /// Its roles.
    pub roles: Vec<RoleKey>,
    /// How they are known.
    pub evidence: Evidence,
}

/// A pod that is no part of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Why it is left out.
    pub reason: Reason,
    /// The roles that it would have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleKey>,
    /// What made it, as far as that is known.
    #[serde(skip)]
    pub(crate) stem: Option<String>,
    /// Its number in a stateful set.
    #[serde(skip)]
    pub(crate) ordinal: Option<u32>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}/{} {}", self.namespace, self.name, self.reason)
    }
}

/// What was found among some pods. It does not depend on the order of the pods.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The namespace, unless there are no pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The version of HPCC that the images name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<HpccVersion>,
    /// The machines by role.
    pub placement: Placement,
    /// The pods of the placement, by name.
    pub pods: Vec<FoundPod>,
    /// All other pods, by name.
    pub left_out: Vec<LeftOut>,
    /// What is missing before the set is complete.
    pub missing: Vec<Missing>,
    /// What is wrong or odd.
    pub problems: Vec<Problem>,
}

/// A set of pods that cannot be used.
#[derive(Debug, Clone, Error)]
#[error("{}", self.lines().join("\n"))]
pub struct Refused {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is missing.
    pub missing: Vec<Missing>,
}

impl Refused {
    /// Everything against the set, a line each.
    fn lines(&self) -> Vec<String> {
        let problems = self.problems.iter().map(ToString::to_string);
        problems.chain(self.missing.iter().map(|missing| format!("missing: {missing}"))).collect()
    }
}

impl Found {
    /// The placement, if nothing is wrong and nothing is missing. With `allow_partial`, an incomplete set will do.
    ///
    /// # Errors
    /// With everything that is wrong or missing.
    pub fn accept(&self, allow_partial: bool) -> Result<&Placement, Refused> {
        let problems: Vec<Problem> =
            self.problems.iter().filter(|problem| problem.is_error()).cloned().collect();
        let missing = if allow_partial { Vec::new() } else { self.missing.clone() };
        if problems.is_empty() && missing.is_empty() {
            Ok(&self.placement)
        } else {
            Err(Refused { problems, missing })
        }
    }
}

/// Finds out which pods are part of the cluster, and in what role.
///
/// Part of it is a pod of the namespace that is ready, not being deleted, and has an address and a role. Every
/// other pod is left out with its reason.
#[must_use]
pub fn discover(pods: &[Pod], options: &Options<'_>) -> Found {
    let mut pods: Vec<&Pod> = pods.iter().collect();
    pods.sort_by(|one, other| order(one).cmp(&order(other)));
    let mut found = Found::default();
    let namespaces: BTreeSet<&str> = pods.iter().map(|pod| pod.namespace.as_str()).collect();
    let chosen = match (options.namespace, namespaces.len()) {
        (Some(chosen), _) => Some(chosen),
        (None, 0 | 1) => namespaces.first().copied(),
        (None, _) => {
            found.problems.push(mixed_namespaces(&pods));
            return found;
        }
    };
    found.namespace = chosen.map(str::to_owned);
    if let Some(chosen) = chosen
        && options.namespace.is_some()
        && !namespaces.contains(chosen)
    {
        let names: Vec<&str> = namespaces.into_iter().collect();
        let help = if names.is_empty() {
            "the list is empty".to_owned()
        } else {
            format!("the list has pods of {}", names.join(", "))
        };
        found.problems.push(
            Problem::error("no-pods", format!("there are no pods in namespace {chosen}"))
                .help(help),
        );
    }

    let mut versions: BTreeMap<HpccVersion, Vec<&str>> = BTreeMap::new();
    for pod in pods {
        let left_out = |reason, roles| LeftOut {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            reason,
            roles,
            stem: pod.stem.clone(),
            ordinal: pod.ordinal,
        };
        if Some(pod.namespace.as_str()) != chosen {
            found.left_out.push(left_out(Reason::OtherNamespace, Vec::new()));
            continue;
        }
        let Some((keys, evidence)) = classify(pod, &mut found.problems) else {
            found.left_out.push(left_out(Reason::NoRole, Vec::new()));
            continue;
        };
        if keys.iter().any(|key| key.role() == Role::Admin) {
            found.left_out.push(left_out(Reason::Admin, keys));
            continue;
        }
        let machine = match against(pod) {
            Some(reason) => Err(reason),
            None => pod.machine().ok_or(Reason::NoAddress),
        };
        let machine = match machine {
            Err(reason) => {
                found.left_out.push(left_out(reason, keys));
                continue;
            }
            Ok(machine) if options.host_names => by_host_name(pod, machine, &mut found.problems),
            Ok(machine) => machine,
        };
        if let Some(version) = pod.images.iter().find_map(|image| image_version(image)) {
            versions.entry(version).or_default().push(&pod.name);
        }
        for key in &keys {
            found.placement.insert(key.clone(), machine.clone());
        }
        found.pods.push(FoundPod {
            name: pod.name.clone(),
            stem: pod.stem.clone(),
            ordinal: pod.ordinal,
            roles: keys,
            evidence,
        });
    }
    found.version = one_version(&versions, &mut found.problems);
    found.problems.extend(found.placement.validate());
    if let Some(spec) = options.spec {
        let renamed = found.placement.adopt_names(spec);
        let roles = found.pods.iter_mut().flat_map(|pod| &mut pod.roles);
        for key in roles.chain(found.left_out.iter_mut().flat_map(|pod| &mut pod.roles)) {
            if let Some(name) = renamed.get(key) {
                *key = name.clone();
            }
        }
    }
    let required = options.spec.map(ClusterSpec::required).unwrap_or_default();
    found.missing = missing(&found.placement, &required, &found.pods, &found.left_out);
    found
}

/// What orders pods; the name is not unique in lists that were joined by hand.
fn order(pod: &Pod) -> impl Ord {
    (&pod.namespace, &pod.name, &pod.addresses, pod.state, &pod.labels, &pod.images)
}

/// What speaks against a pod that has a role.
fn against(pod: &Pod) -> Option<Reason> {
    match pod.state {
        PodState::Ready => None,
        PodState::NotReady => Some(Reason::NotReady),
        PodState::Pending => Some(Reason::Pending),
        PodState::Terminating => Some(Reason::Terminating),
        PodState::Finished => Some(Reason::Finished),
        PodState::Unknown => Some(Reason::Unknown),
    }
}

/// The machine under the name that its service gives it.
fn by_host_name(pod: &Pod, machine: Machine, problems: &mut Vec<Problem>) -> Machine {
    if let Some(host_name) = &pod.host_name {
        return Machine { address: host_name.clone(), ..machine };
    }
    problems.push(
        Problem::warning(
            "no-host-name",
            format!("pod {} has no host name; its address {} is used", pod.name, machine.address),
        )
        .at(path(pod))
        .help("give it `hostname` and `subdomain`, or a StatefulSet with a headless service"),
    );
    machine
}

fn mixed_namespaces(pods: &[&Pod]) -> Problem {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in pods {
        let has_role = classify(pod, &mut Vec::new()).is_some();
        *counts.entry(&pod.namespace).or_default() += usize::from(has_role);
    }
    let list: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} ({count} pods of HPCC)")).collect();
    Problem::error(
        "mixed-namespaces",
        format!("the pods are of several namespaces: {}", list.join(", ")),
    )
    .help("choose one of them")
}

fn one_version(
    versions: &BTreeMap<HpccVersion, Vec<&str>>,
    problems: &mut Vec<Problem>,
) -> Option<HpccVersion> {
    if versions.len() > 1 {
        let list = |pods: &[&str]| match pods {
            [first, _, _, ..] => format!("{first} and {} more", pods.len() - 1),
            pods => pods.join(", "),
        };
        let list: Vec<String> =
            versions.iter().map(|(version, pods)| format!("{version} ({})", list(pods))).collect();
        problems.push(
            Problem::error(
                "mixed-versions",
                format!("the pods run several versions: {}", list.join(", ")),
            )
            .help("wait until the roll-out is done, or give all pods the same image"),
        );
    }
    versions.keys().next_back().cloned()
}
