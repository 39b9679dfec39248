//! Whether a set of machines is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use topology::{Placement, Role, RoleKey};

use crate::found::{FoundPod, LeftOut, Reason};

/// One thing that is missing before a set is complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "missing", rename_all = "kebab-case")]
pub enum Missing {
    /// A pod with a role is not there yet, or not there again.
    Pod {
        /// Its name.
        name: String,
        /// Its roles.
        roles: Vec<RoleKey>,
        /// Why it is left out.
        reason: Reason,
    },
    /// A set of pods has holes in its numbers.
    Ordinals {
        /// The name of the set.
        set: String,
        /// The numbers that are missing.
        ordinals: Vec<u32>,
    },
    /// A role has fewer machines than `hpcc.yaml` wants.
    Machines {
        /// The role.
        role: RoleKey,
        /// How many there are.
        have: usize,
        /// How many are wanted.
        want: u32,
    },
    /// Components have no machine to run on.
    Support {
        /// The components.
        roles: Vec<Role>,
    },
    /// A thor cluster has a master and no slaves.
    Slaves {
        /// The slaves.
        role: RoleKey,
    },
    /// A thor cluster has slaves, and no machine for its master.
    Master {
        /// The master.
        role: RoleKey,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { name, roles, reason } => {
                write!(f, "pod {name} ({}) {reason}", list(roles))
            }
            Self::Ordinals { set, ordinals } => {
                write!(f, "set {set} lacks {} {}", pods(ordinals.len()), list(ordinals))
            }
            Self::Machines { role, have, want } => {
                write!(f, "{role} has {have} of {want} {}", pods(*want as usize))
            }
            Self::Support { roles } => {
                write!(f, "there is no machine for {}: a support pod is needed", list(roles))
            }
            Self::Slaves { role } => write!(f, "{role} has no pods, but a master"),
            Self::Master { role } => {
                write!(f, "{role} has no pod, and there is no support pod to take it")
            }
        }
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn pods(count: usize) -> &'static str {
    if count == 1 { "pod" } else { "pods" }
}

/// What is missing in a placement, in a fixed order. Empty if it is complete.
///
/// `required` says how many machines each role has to have ([`topology::ClusterSpec::required`]). `pods` and
/// `left_out` tell of pods that are on their way, and of numbers that a stateful set has to have; both are empty
/// where addresses come from files.
#[must_use]
pub fn missing(
    placement: &Placement,
    required: &BTreeMap<RoleKey, u32>,
    pods: &[FoundPod],
    left_out: &[LeftOut],
) -> Vec<Missing> {
    let satisfied = |key: &RoleKey| {
        required.get(key).is_some_and(|want| placement.machines(key).len() >= *want as usize)
    };
    let is_awaited = |pod: &LeftOut| {
        let returns = pod.stem.is_some() && pod.ordinal.is_some() && pod.reason.is_leaving();
        pod.reason.is_temporary() || (returns && !pod.roles.iter().all(satisfied))
    };
    let mut missing = Vec::new();
    for pod in left_out.iter().filter(|pod| is_awaited(pod)) {
        let (name, roles) = (pod.name.clone(), pod.roles.clone());
        missing.push(Missing::Pod { name, roles, reason: pod.reason });
    }
    missing.extend(holes(pods, left_out, &satisfied, &is_awaited));
    for (key, want) in required {
        let have = placement.machines(key).len();
        // A machine that carries everything carries this as well.
        if have < *want as usize && (have > 0 || placement.nodes().len() < *want as usize) {
            missing.push(Missing::Machines { role: key.clone(), have, want: *want });
        }
    }
    let homeless: Vec<Role> = [
        Role::Dali,
        Role::Sasha,
        Role::DfuServer,
        Role::EclAgent,
        Role::EclCcServer,
        Role::EclScheduler,
    ]
    .into_iter()
    .filter(|role| {
        // A compiler or scheduler of some cluster is one.
        placement.keys(*role).next().is_none()
            && placement.candidates(&RoleKey::single(*role)).is_empty()
    })
    .collect();
    if !homeless.is_empty() {
        missing.push(Missing::Support { roles: homeless });
    }
    for key in placement.keys(Role::ThorMaster) {
        let slaves = key.with_role(Role::ThorSlave);
        if placement.candidates(&slaves).is_empty() && !required.contains_key(&slaves) {
            missing.push(Missing::Slaves { role: slaves });
        }
    }
    for key in placement.keys(Role::ThorSlave) {
        let master = key.with_role(Role::ThorMaster);
        if placement.candidates(&master).is_empty() && !required.contains_key(&master) {
            missing.push(Missing::Master { role: master });
        }
    }
    missing
}

/// Numbers between 0 and the highest that a stateful set does not have. A role that has all the machines that
/// are wanted has no holes: a set may begin at another number than 0.
fn holes(
    pods: &[FoundPod],
    left_out: &[LeftOut],
    satisfied: &impl Fn(&RoleKey) -> bool,
    is_awaited: &impl Fn(&LeftOut) -> bool,
) -> Vec<Missing> {
    let mut sets: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut unsatisfied: BTreeSet<&str> = BTreeSet::new();
    for pod in pods {
        if let (Some(stem), Some(ordinal)) = (&pod.stem, pod.ordinal) {
            sets.entry(stem).or_default().insert(ordinal);
            if !pod.roles.iter().all(satisfied) {
                unsatisfied.insert(stem);
            }
        }
    }
    // Those that are awaited were named already.
    for pod in left_out.iter().filter(|pod| is_awaited(pod)) {
        if let (Some(stem), Some(ordinal)) = (&pod.stem, pod.ordinal)
            && let Some(known) = sets.get_mut(stem.as_str())
        {
            known.insert(ordinal);
        }
    }
    let holes = sets.into_iter().filter(|(stem, _)| unsatisfied.contains(stem));
    holes
        .filter_map(|(stem, known)| {
            let last = known.last().copied()?;
            let ordinals: Vec<u32> = (0..last).filter(|at| !known.contains(at)).collect();
            (!ordinals.is_empty()).then(|| Missing::Ordinals { set: stem.to_owned(), ordinals })
        })
        .collect()
}
