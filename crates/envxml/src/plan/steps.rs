//! The order of a change.

use std::collections::BTreeSet;

use serde::Serialize;

use super::changes::{is_process, running};
use super::groups::GroupKind;
use super::inputs::{Inputs, Source};
use super::{RestartPlan, Running};

/// One step of a plan. Steps are done one after the other; what is in one step can be done at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Where.
    pub machines: Vec<String>,
    /// The processes that are stopped or started.
    pub processes: Vec<Running>,
    /// What is checked in Dali.
    pub checks: Vec<GroupCheck>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Stop processes, but no dali.
    StopAllButDali,
    /// Stop dali.
    StopDali,
    /// Put the new `environment.xml` on machines and generate their files.
    Push,
    /// Start dali.
    StartDali,
    /// Compare Dali's groups with the environment, and give them to Dali where they differ.
    CheckGroups,
    /// Start all others.
    StartRest,
}

/// A group to be compared with what Dali has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GroupCheck {
    /// The group's name.
    pub group: String,
    /// The cluster.
    pub cluster: String,
    /// Its members, in their order, as the new environment says.
    pub members: Vec<String>,
    /// How often Dali repeats the list of members.
    pub parts_per_member: usize,
    /// Dali's address and port.
    pub dali: String,
    /// Whether Dali must be told even if it was not asked: it goes on running and does not read the new
    /// environment by itself.
    pub update: bool,
}

impl GroupCheck {
    /// The command that lists the slaves that Dali has for a thor; they must be the expected members.
    #[must_use]
    pub fn query(&self) -> String {
        format!("daliadmin server={} clusternodes {} /dev/stdout", self.dali, self.group)
    }
}

pub(super) fn steps(
    plan: &RestartPlan,
    old: &Inputs,
    (source, new): (&Source<'_>, &Inputs),
) -> Vec<Step> {
    if !plan.environment_changed
        && plan.changed_configuration.is_empty()
        && plan.group_changes.is_empty()
    {
        return Vec::new();
    }
    let is_dali = |one: &&Running| one.process == "DaliServerProcess";
    let touched: BTreeSet<&Running> =
        plan.start.iter().chain(&plan.stop).chain(&plan.restart).collect();
    // Dali takes a new group over only when it loads an environment that differs from its last one.
    let dali = touched.iter().copied().any(|one| is_dali(&one)) || !plan.group_changes.is_empty();
    let all = |inputs: &Inputs| -> BTreeSet<Running> {
        inputs
            .running
            .iter()
            .filter(|(_, key)| is_process(&key.0))
            .map(|(address, key)| running(address, key))
            .collect()
    };
    let (old_all, new_all) = (all(old), all(new));
    // Without dali nothing goes on, except the file servers, which do not know it.
    let affected =
        |one: &Running| touched.contains(one) || (dali && one.process != "DafilesrvProcess");
    let pick = |all: &BTreeSet<Running>, of_dali: bool| -> Vec<Running> {
        let kept = |one: &&Running| affected(one) && is_dali(one) == of_dali;
        all.iter().filter(kept).cloned().collect()
    };
    let mut steps = Vec::new();
    let mut add = |action: Action, processes: Vec<Running>| {
        if !processes.is_empty() {
            let machines: BTreeSet<String> = processes.iter().map(|p| p.address.clone()).collect();
            let machines = machines.into_iter().collect();
            steps.push(Step { action, machines, processes, checks: Vec::new() });
        }
    };
    add(Action::StopAllButDali, pick(&old_all, false));
    add(Action::StopDali, pick(&old_all, true));
    let machines: Vec<String> = new.machines.iter().cloned().collect();
    let (processes, checks) = (Vec::new(), Vec::new());
    steps.push(Step { action: Action::Push, machines, processes, checks });
    let mut add = |action: Action, processes: Vec<Running>, checks: Vec<GroupCheck>| {
        if !processes.is_empty() || !checks.is_empty() {
            let machines: BTreeSet<String> = processes.iter().map(|p| p.address.clone()).collect();
            let machines = machines.into_iter().collect();
            steps.push(Step { action, machines, processes, checks });
        }
    };
    add(Action::StartDali, pick(&new_all, true), Vec::new());
    add(Action::CheckGroups, Vec::new(), checks_of(plan, source, dali));
    add(Action::StartRest, pick(&new_all, false), Vec::new());
    steps
}

/// Groups that changed are compared after Dali's start. When only other parts of the environment changed,
/// Dali goes on running with its old copy and is given the new one.
fn checks_of(plan: &RestartPlan, source: &Source<'_>, dali_restarts: bool) -> Vec<GroupCheck> {
    let servers: Vec<String> = source
        .tagged("DaliServerProcess")
        .iter()
        .map(|dali| source.dali(&dali.get("name").unwrap_or_default()))
        .collect();
    let dali = servers.first().cloned().unwrap_or_default();
    if !dali_restarts {
        let (group, cluster, members) = (String::new(), String::new(), Vec::new());
        return vec![GroupCheck {
            group,
            cluster,
            members,
            parts_per_member: 0,
            dali,
            update: true,
        }];
    }
    plan.group_changes
        .iter()
        .filter(|change| change.kind != GroupKind::Dropped)
        .map(|change| GroupCheck {
            group: change.group.clone(),
            cluster: change.cluster.clone(),
            members: change.new.clone(),
            parts_per_member: change.parts_per_member,
            dali: dali.clone(),
            update: false,
        })
        .collect()
}
