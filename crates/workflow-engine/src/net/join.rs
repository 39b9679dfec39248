//! `join` processes: fire with the first branches of a group, discard the rest of it.
//!
//! A group has `Nb` branches of which the first `Nj` to arrive make the firing. Both come from the
//! matching `merge` signal where the join has one, else from `activeBranchesCount` and `joinCount`
//! (default: all data inputs).

use std::sync::Arc;

use super::{Input, Net};
use crate::model::{Control, SignalId};

impl Net {
    /// (Nb, Nj) of the current group; `None` while its merge signal has not come.
    fn group_size(&self, process: u32) -> Option<(usize, usize)> {
        let workflow = &self.workflow;
        let range = workflow.ins_range(process);
        for port in range.clone() {
            let signal = workflow.in_ports[port];
            if workflow.signals[signal as usize].control == Some(Control::Merge) {
                let merge = self.tokens.front(&self.queues[port])?.as_deref();
                let number = |key: &str| {
                    merge.and_then(|value| value.get(key)?.as_u64()).unwrap_or(0) as usize
                };
                return Some((number("Nb"), number("Nj")));
            }
        }
        let branches = range
            .filter(|&port| workflow.signals[workflow.in_ports[port] as usize].control.is_none())
            .count();
        let rare = workflow.rare(process);
        let active = rare.and_then(|rare| rare.active_branches).map_or(branches, |n| n as usize);
        let join = rare.and_then(|rare| rare.join_count).map_or(active, |n| n as usize);
        let active = active.max(join);
        Some((active, join))
    }

    /// Drops what is left of a group that has fired, and opens the next group.
    pub(super) fn discard_surplus(&mut self, process: u32) {
        loop {
            let Some((active, _)) = self.group_size(process) else { return };
            let Some(special) = self.specials.get_mut(&process) else { return };
            if special.group_fired || active == 0 {
                let mut at = 0;
                while at < special.arrivals.len() && special.taken.len() < active {
                    let port = special.arrivals[at];
                    if special.taken.contains(&port) {
                        at += 1;
                        continue;
                    }
                    special.taken.push(port);
                    special.arrivals.remove(at);
                    let _ = self.tokens.pop(&mut self.queues[port as usize]);
                }
            }
            if active > 0 && (!special.group_fired || special.taken.len() < active) {
                return;
            }
            special.taken.clear();
            special.group_fired = false;
            if !self.pop_merge(process) && active == 0 {
                return;
            }
        }
    }

    fn pop_merge(&mut self, process: u32) -> bool {
        let workflow = Arc::clone(&self.workflow);
        for port in workflow.ins_range(process) {
            let signal = workflow.in_ports[port] as usize;
            if workflow.signals[signal].control == Some(Control::Merge) {
                return self.tokens.pop(&mut self.queues[port]).is_some();
            }
        }
        false
    }

    /// The in-ports of the next firing, in the order of arrival.
    pub(super) fn next_group(&self, process: u32) -> Option<Vec<u32>> {
        let (_, join) = self.group_size(process)?;
        let special = self.specials.get(&process)?;
        if special.group_fired || join == 0 || special.arrivals.len() < join {
            return None;
        }
        let mut ports = Vec::with_capacity(join);
        for &port in &special.arrivals {
            if !ports.contains(&port) {
                ports.push(port);
                if ports.len() == join {
                    return Some(ports);
                }
            }
        }
        None
    }

    pub(super) fn take_group(&mut self, process: u32, ports: &[u32]) -> Arc<[Input]> {
        let mut sorted = ports.to_vec();
        sorted.sort_unstable();
        let mut inputs = Vec::with_capacity(sorted.len());
        for &port in &sorted {
            let token = self.tokens.pop(&mut self.queues[port as usize]);
            let signal = SignalId(self.workflow.in_ports[port as usize]);
            inputs.push(Input { signal, values: token.into_iter().collect() });
        }
        if let Some(special) = self.specials.get_mut(&process) {
            for &port in ports {
                if let Some(at) = special.arrivals.iter().position(|&arrived| arrived == port) {
                    special.arrivals.remove(at);
                }
            }
            special.taken = ports.to_vec();
            special.group_fired = true;
        }
        self.discard_surplus(process);
        inputs.into()
    }
}
