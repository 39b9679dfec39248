//! Which ready task starts next: most urgent first, as far as slots and memory go.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;

use crate::model::Workflow;
use crate::net::Firing;
use crate::run::options::RunOptions;

/// A firing that waits for a slot.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) firing: Firing,
    pub(super) attempt: u32,
    pub(super) queued_micros: u64,
    /// How often a smaller task was started although this one was more urgent.
    passed_over: u32,
}

impl Ready {
    pub(super) fn new(firing: Firing, attempt: u32, queued_micros: u64) -> Self {
        Self { firing, attempt, queued_micros, passed_over: 0 }
    }
}

struct Entry {
    /// Urgency as ordered bits; first come, first served among equals.
    key: (u32, Reverse<u64>),
    ready: Ready,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// What a task takes while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) slots: usize,
    pub(super) memory_bytes: u64,
}

const ONE_SLOT: Demand = Demand { slots: 1, memory_bytes: 0 };
/// How many less urgent tasks may overtake one that does not fit before nothing overtakes it any more.
const PATIENCE: u32 = 64;
/// How many ready tasks are looked at for one that fits.
const LOOKAHEAD: usize = 32;

/// The ready tasks, and what is free.
pub(super) struct ReadyQueue {
    heap: BinaryHeap<Entry>,
    arrivals: u64,
    priorities: Vec<f32>,
    demands: HashMap<u32, Demand>,
    total: Demand,
    free: Demand,
}

impl ReadyQueue {
    pub(super) fn new(workflow: &Workflow, options: &RunOptions, priorities: Vec<f32>) -> Self {
        let total = Demand {
            slots: options.slots.max(1),
            memory_bytes: options.memory_bytes.unwrap_or(u64::MAX),
        };
        let mut demands = HashMap::new();
        for process in workflow.processes() {
            let config = process.config_json();
            // Only a config that speaks of them is worth a second parse.
            if !(config.contains("\"cpu") || config.contains("\"mem")) {
                continue;
            }
            let Some(command) = process.command() else { continue };
            let cores =
                if options.slots_are_cores { command.cpu.unwrap_or(1.0).ceil() } else { 1.0 };
            #[expect(clippy::cast_sign_loss, reason = "the reader refuses negative requests")]
            let slots = (cores as usize).clamp(1, total.slots);
            let memory_bytes = command.memory_bytes.unwrap_or(0).min(total.memory_bytes);
            let demand = Demand { slots, memory_bytes };
            if demand != ONE_SLOT {
                demands.insert(process.id().0, demand);
            }
        }
        Self { heap: BinaryHeap::new(), arrivals: 0, priorities, demands, total, free: total }
    }

    pub(super) fn push(&mut self, ready: Ready) {
        // Bits of a non-negative float order as the float does.
        let urgency = self.priorities[ready.firing.process as usize].max(0.0).to_bits();
        self.heap.push(Entry { key: (urgency, Reverse(self.arrivals)), ready });
        self.arrivals += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn demand(&self, process: u32) -> Demand {
        if self.demands.is_empty() {
            return ONE_SLOT;
        }
        self.demands.get(&process).copied().unwrap_or(ONE_SLOT)
    }

    fn fits(&self, demand: Demand) -> bool {
        demand.slots <= self.free.slots && demand.memory_bytes <= self.free.memory_bytes
    }

    /// The most urgent task that fits, with its share taken. A task that does not fit can be overtaken by
    /// smaller ones, but only so often: then the machine is emptied for it.
    pub(super) fn take(&mut self) -> Option<Ready> {
        if self.free.slots == 0 {
            return None;
        }
        let mut held = Vec::new();
        let mut found = None;
        while held.len() < LOOKAHEAD
            && let Some(entry) = self.heap.pop()
        {
            let demand = self.demand(entry.ready.firing.process);
            if self.fits(demand) {
                self.free.slots -= demand.slots;
                self.free.memory_bytes -= demand.memory_bytes;
                found = Some(entry.ready);
                break;
            }
            let exhausted = entry.ready.passed_over >= PATIENCE;
            held.push(entry);
            if exhausted {
                break;
            }
        }
        for mut entry in held {
            entry.ready.passed_over += u32::from(found.is_some());
            self.heap.push(entry);
        }
        found
    }

    /// Gives back what a task took.
    pub(super) fn release(&mut self, process: u32) {
        let demand = self.demand(process);
        self.free.slots = (self.free.slots + demand.slots).min(self.total.slots);
        self.free.memory_bytes =
            self.free.memory_bytes.saturating_add(demand.memory_bytes).min(self.total.memory_bytes);
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Variables;

    fn queue(requests: &[&str], slots: usize) -> ReadyQueue {
        let processes = requests.iter().map(|cpu| {
            format!(r#"{{"name":"t","firingLimit":1,"config":{{"executor":{{"executable":"x","cpu":{cpu}}}}}}}"#)
        });
        let text = format!(
            r#"{{"processes":[{}],"signals":[]}}"#,
            processes.collect::<Vec<_>>().join(",")
        );
        let workflow = Workflow::parse(&text, &Variables::new()).unwrap();
        let options = RunOptions { slots, ..RunOptions::default() };
        ReadyQueue::new(&workflow, &options, vec![0.0; requests.len()])
    }

    fn ready(process: u32) -> Ready {
        Ready::new(Firing { process, number: 1, inputs: None }, 1, 0)
    }

    #[test]
    fn a_large_task_is_overtaken_only_so_often() {
        let mut queue = queue(&["2", "1"], 2);
        queue.push(ready(1));
        assert_eq!(queue.take().unwrap().firing.process, 1);
        queue.push(ready(0));
        for _ in 0..PATIENCE {
            queue.push(ready(1));
            assert_eq!(queue.take().unwrap().firing.process, 1, "fits beside the first");
            queue.release(1);
        }
        queue.push(ready(1));
        assert!(queue.take().is_none(), "the machine is emptied for the large one");
        queue.release(1);
        assert_eq!(queue.take().unwrap().firing.process, 0);
    }

    #[test]
    fn a_request_beyond_the_machine_takes_the_whole_machine() {
        let mut queue = queue(&["64"], 2);
        queue.push(ready(0));
        assert!(queue.take().is_some());
        assert_eq!(queue.free.slots, 0);
    }
}
