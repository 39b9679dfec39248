//! Run times of the recorded tasks, and the least time that any engine needs for them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::graph::{Graph, NOBODY, unpacked};

/// A task as it was recorded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    exec_time_ms: f64,
}

/// The seconds of each task in the graph's order, times a factor.
///
/// # Errors
/// When the file cannot be read, or lacks a task.
pub(crate) fn read(path: &Path, graph: &Graph, factor: f64) -> anyhow::Result<Vec<f64>> {
    let text = unpacked(path)?;
    let recorded: HashMap<u32, Recorded> = serde_json::from_slice(&text)
        .with_context(|| format!("failed to understand run times {}", path.display()))?;
    let seconds = (1..=graph.task_count() as u32)
        .map(|number| Some(recorded.get(&number)?.exec_time_ms / 1e3 * factor))
        .collect::<Option<_>>();
    seconds.with_context(|| format!("{} lacks a task", path.display()))
}

/// What no engine can do better than.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    /// The longest chain of tasks that wait for each other, in seconds.
    pub(crate) critical_path: f64,
    /// All work, in seconds of one slot.
    pub(crate) work: f64,
    /// For each task the longest chain of tasks after it, and its own seconds; the longest chain first.
    tails: Vec<(f64, f64)>,
}

impl Bound {
    /// The bound of a graph.
    ///
    /// # Errors
    /// When tasks wait for each other in a circle.
    pub(crate) fn of(graph: &Graph, seconds: &[f64]) -> anyhow::Result<Self> {
        let producers = graph.producers();
        let mut waiting = vec![0_usize; graph.task_count()];
        let mut successors = vec![Vec::new(); graph.task_count()];
        for (task, waits) in waiting.iter_mut().enumerate() {
            for before in graph.predecessors(task, &producers) {
                debug_assert_ne!(before, NOBODY);
                successors[before as usize].push(task);
                *waits += 1;
            }
        }
        let mut ready: Vec<usize> = (0..waiting.len()).filter(|&task| waiting[task] == 0).collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some(task) = ready.pop() {
            order.push(task);
            for &after in &successors[task] {
                waiting[after] -= 1;
                if waiting[after] == 0 {
                    ready.push(after);
                }
            }
        }
        if order.len() < waiting.len() {
            bail!("{} tasks wait for each other in a circle", waiting.len() - order.len());
        }
        let mut tails = vec![(0_f64, 0_f64); waiting.len()];
        for &task in order.iter().rev() {
            let after = successors[task].iter().map(|&after| tails[after].0 + tails[after].1);
            tails[task] = (after.fold(0.0, f64::max), seconds[task]);
        }
        let critical_path = tails.iter().map(|(tail, own)| tail + own).fold(0.0, f64::max);
        tails.sort_by(|left, right| right.0.total_cmp(&left.0));
        Ok(Self { critical_path, work: seconds.iter().sum(), tails })
    }

    /// A higher bound: what has a tail of so many seconds must have ended so many seconds before all ends, and slots
    /// have to be there for it until then.
    pub(crate) fn seconds_with_tails(&self, slots: u32) -> f64 {
        let mut work = 0.0;
        let with_tail = self.tails.iter().map(|(tail, own)| {
            work += own;
            work / f64::from(slots) + tail
        });
        with_tail.fold(self.critical_path, f64::max)
    }

    /// The least seconds with so many slots.
    pub(crate) fn seconds(&self, slots: u32) -> f64 {
        self.critical_path.max(self.work / f64::from(slots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;

    #[test]
    fn a_chain_is_bound_by_its_length_and_a_crowd_by_its_slots() {
        let chain = Bound::of(&graph::chain(3), &[1.0, 2.0, 3.0]).expect("no circle");
        assert!((chain.critical_path - 6.0).abs() < 1e-9 && (chain.work - 6.0).abs() < 1e-9);
        assert!((chain.seconds(100) - 6.0).abs() < 1e-9);
        assert!((chain.seconds_with_tails(1) - 6.0).abs() < 1e-9);
        let crowd = Bound::of(&graph::independent(4), &[1.0, 1.0, 1.0, 3.0]).expect("no circle");
        assert!((crowd.seconds(1) - 6.0).abs() < 1e-9);
        assert!((crowd.seconds(4) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn work_that_others_wait_for_cannot_fill_their_time() {
        // One before, eight of 1 s, one of 4 s after them.
        let mut seconds = vec![1.0; 10];
        (seconds[0], seconds[9]) = (0.0, 4.0);
        let bound = Bound::of(&graph::fan(10), &seconds).expect("no circle");
        assert!((bound.seconds(4) - 5.0).abs() < 1e-9);
        assert!((bound.seconds_with_tails(4) - 6.0).abs() < 1e-9);
    }
}
