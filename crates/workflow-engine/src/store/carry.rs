//! Edit and resume: what of a run is still true of a changed workflow.
//!
//! Every process gets an identity: a hash of its type, command and configuration, of the names and
//! initial data of its inputs, of its outputs, and of the identities of everything that produces its
//! inputs. So one change alters the identities of all that comes after it, and of nothing else. Firings
//! whose process has the same identity in both workflows are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh3::Xxh3;

use super::History;
use crate::graph;
use crate::model::{Count, ProcessId, SignalId, Workflow};

/// Why tasks of one type run again (or run at all).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The task type.
    pub type_name: String,
    /// The reason, to be read after "because".
    pub reason: &'static str,
    /// How many firings that were done.
    pub tasks: usize,
}

/// What was kept for the changed workflow.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The kept firings, under the changed workflow's indexes.
    pub history: History,
    /// Both workflows are the same in everything that matters (not in white space or order).
    pub identical: bool,
    /// For each process of the old workflow the same one in the changed workflow, if it is there.
    pub targets: Vec<Option<u32>>,
    /// How many firings were kept.
    pub kept: usize,
    /// What was done and is to be done again.
    pub changes: Vec<Change>,
    /// Processes of the changed workflow that the old one did not have.
    pub added: usize,
    /// Processes of the old workflow that the changed one does not have.
    pub removed: usize,
}

struct Identities {
    whole: Vec<u128>,
    /// Command and configuration alone.
    command: Vec<u64>,
    /// Names and initial data of inputs alone.
    inputs: Vec<u64>,
    /// What the process is for: type and outputs.
    purpose: Vec<u64>,
}

fn canonical(json: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(json) {
        Ok(value) => value.to_string(),
        Err(_) => json.to_owned(),
    }
}

fn identities(workflow: &Workflow, gone: &HashSet<u32>) -> Identities {
    let count = workflow.process_count();
    let mut ids = Identities {
        whole: vec![0; count],
        command: Vec::with_capacity(count),
        inputs: Vec::with_capacity(count),
        purpose: Vec::with_capacity(count),
    };
    for process in workflow.processes() {
        let mut command = Xxh3::new();
        let row = &workflow.rows[process.id().0 as usize];
        command.update(process.function().as_bytes());
        command.update(&[0, row.kind as u8]);
        command.update(&row.firing_limit.to_le_bytes());
        command.update(canonical(process.config_json()).as_bytes());
        if let Some(rare) = workflow.rare(process.id().0) {
            // Signals by name: their numbers change when others are added.
            let named = |signal: u32| workflow.signal(SignalId(signal)).name();
            let sticky: Vec<&str> = rare.sticky.iter().map(|&signal| named(signal)).collect();
            let in_counts: Vec<(u32, String)> = rare
                .in_counts
                .iter()
                .map(|&(at, count)| match count {
                    Count::Fixed(count) => (at, count.to_string()),
                    Count::Signal(signal) => (at, format!(":{}", named(signal))),
                })
                .collect();
            let out_counts: Vec<(u32, &str)> =
                rare.out_counts.iter().map(|&(at, signal)| (at, named(signal))).collect();
            let numbers = (
                rare.parlevel,
                rare.ordering,
                rare.join_count,
                rare.active_branches,
                rare.firing_interval_ms,
            );
            command.update(format!("{numbers:?}{sticky:?}{in_counts:?}{out_counts:?}").as_bytes());
        }
        ids.command.push(command.digest());

        let mut inputs = Xxh3::new();
        for signal in process.inputs() {
            inputs.update(signal.name().as_bytes());
            inputs.update(&[0, signal.control().map_or(0, |control| control as u8 + 1)]);
            let row = &workflow.signals[signal.id().0 as usize];
            match workflow.text.get(row.data) {
                plain @ ("" | "[{}]") => inputs.update(plain.as_bytes()),
                data => inputs.update(canonical(data).as_bytes()),
            }
            inputs.update(&[0]);
        }
        ids.inputs.push(inputs.digest());

        let mut purpose = Xxh3::new();
        purpose.update(process.name().as_bytes());
        for signal in process.outputs() {
            purpose.update(&[0]);
            purpose.update(signal.name().as_bytes());
        }
        ids.purpose.push(purpose.digest());
    }

    let port_process = graph::port_processes(workflow);
    let order = graph::order(workflow, &port_process);
    // What lies in or behind a cycle shares one identity: a change there repeats all of it.
    let mut knot = Xxh3::new();
    for &process in &order.processes[order.acyclic..] {
        let at = process as usize;
        for part in [ids.command[at], ids.inputs[at], ids.purpose[at]] {
            knot.update(&part.to_le_bytes());
        }
    }
    let knot = knot.digest();
    let mut seen: HashMap<u128, u32> = HashMap::with_capacity(count);
    for (position, &process) in order.processes.iter().enumerate() {
        let at = process as usize;
        let mut whole = Xxh3::new();
        for part in [ids.command[at], ids.inputs[at], ids.purpose[at]] {
            whole.update(&part.to_le_bytes());
        }
        if position >= order.acyclic {
            whole.update(&knot.to_le_bytes());
        }
        for &signal in workflow.ins_of(process) {
            let mut producers: Vec<u128> = workflow
                .producers
                .of(signal)
                .iter()
                .map(|&producer| ids.whole[producer as usize])
                .collect();
            producers.sort_unstable();
            for producer in producers {
                whole.update(&producer.to_le_bytes());
            }
            whole.update(&[0xff]);
        }
        if gone.contains(&process) {
            whole.update(b"its outputs are gone");
        }
        // Processes alike in everything are told apart by their order.
        let alike = seen.entry(whole.digest128()).or_insert(0);
        whole.update(&alike.to_le_bytes());
        *alike += 1;
        ids.whole[at] = whole.digest128();
    }
    ids
}

/// Maps the history of `old` to `new`. Processes of `old` in `gone` count as changed (their outputs were
/// deleted).
#[must_use]
pub fn carry(old: &Workflow, history: &History, new: &Workflow, gone: &HashSet<u32>) -> Carried {
    let old_ids = identities(old, gone);
    let new_ids = identities(new, &HashSet::new());
    let by_identity: HashMap<u128, u32> =
        new_ids.whole.iter().enumerate().map(|(at, &id)| (id, at as u32)).collect();
    let by_purpose: HashMap<u64, u32> =
        new_ids.purpose.iter().enumerate().map(|(at, &id)| (id, at as u32)).collect();
    let mut target: Vec<Option<u32>> =
        old_ids.whole.iter().map(|id| by_identity.get(id).copied()).collect();

    let mut carried = Carried {
        history: History::default(),
        identical: old_ids.whole.len() == new_ids.whole.len() && target.iter().all(Option::is_some),
        targets: Vec::new(),
        kept: 0,
        changes: Vec::new(),
        added: 0,
        removed: 0,
    };
    if !carried.identical {
        // A task that asked for the end of the workflow asks again when what is new is done.
        for record in history.records.iter().filter(|record| record.ends_workflow) {
            target[record.process as usize] = None;
        }
    }
    let mut changes: BTreeMap<(Arc<str>, &'static str), usize> = BTreeMap::new();
    for record in &history.records {
        let process = record.process as usize;
        if let Some(to) = target.get(process).copied().flatten() {
            carried.kept += usize::from(record.done);
            let mut record = record.clone();
            record.process = to;
            if !record.done {
                carried.history.failed.insert((to, record.firing));
            } else if record.failed_before {
                carried.history.failed.remove(&(to, record.firing));
            }
            carried.history.records.push(record);
        } else if record.done {
            let reason = match by_purpose.get(&old_ids.purpose[process]) {
                _ if gone.contains(&record.process) => "their outputs are gone",
                None => "they are not in the workflow any more",
                Some(&now) if new_ids.command[now as usize] != old_ids.command[process] => {
                    "their command changed"
                }
                Some(&now) if new_ids.inputs[now as usize] != old_ids.inputs[process] => {
                    "their inputs changed"
                }
                Some(_) => "something before them changed",
            };
            let type_name = old.process(ProcessId(record.process)).type_name();
            *changes.entry((type_name.into(), reason)).or_default() += 1;
        }
    }
    for (&(process, firing), &attempts) in &history.attempts {
        if let Some(to) = target.get(process as usize).copied().flatten() {
            carried.history.attempts.insert((to, firing), attempts);
        }
    }
    for (&(process, firing), &tries) in &history.tries {
        if let Some(to) = target.get(process as usize).copied().flatten() {
            carried.history.tries.insert((to, firing), tries);
        }
    }
    carried.changes = changes
        .into_iter()
        .map(|((type_name, reason), tasks)| Change {
            type_name: type_name.to_string(),
            reason,
            tasks,
        })
        .collect();
    let old_purposes: HashSet<u64> = old_ids.purpose.iter().copied().collect();
    carried.added = new_ids.purpose.iter().filter(|id| !old_purposes.contains(*id)).count();
    carried.targets = target;
    carried.removed = old_ids.purpose.iter().filter(|id| !by_purpose.contains_key(*id)).count();
    carried
}
