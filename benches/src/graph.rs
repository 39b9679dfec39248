//! Task graphs in a compact form: tasks, and the signals between them.

mod recorded;
mod shapes;

use std::borrow::Cow;

pub(crate) use recorded::{recorded, unpacked};
pub(crate) use shapes::{chain, fan, independent, layers};

/// No task makes this signal: it is there from the start.
pub(crate) const NOBODY: u32 = u32::MAX;

/// A graph of tasks, each with the numbers of the signals that it takes and makes.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    kind_names: Vec<String>,
    kinds: Vec<u16>,
    ins: Lists,
    outs: Lists,
    signals: u32,
    names: Vec<String>,
}

/// Lists of numbers, one after another in a single vector.
#[derive(Debug, Default)]
struct Lists {
    ends: Vec<usize>,
    items: Vec<u32>,
}

impl Lists {
    fn push(&mut self, list: &[u32]) {
        self.items.extend_from_slice(list);
        self.ends.push(self.items.len());
    }

    fn at(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.items[start..self.ends[index]]
    }
}

impl Graph {
    /// How many tasks it has.
    pub(crate) fn task_count(&self) -> usize {
        self.kinds.len()
    }

    /// How many signals it has.
    pub(crate) fn signal_count(&self) -> u32 {
        self.signals
    }

    /// The task type of a task.
    pub(crate) fn kind(&self, task: usize) -> &str {
        &self.kind_names[usize::from(self.kinds[task])]
    }

    /// The signals that a task takes.
    pub(crate) fn ins(&self, task: usize) -> &[u32] {
        self.ins.at(task)
    }

    /// The signals that a task makes.
    pub(crate) fn outs(&self, task: usize) -> &[u32] {
        self.outs.at(task)
    }

    /// The name of a signal: its own, or one made of its number.
    pub(crate) fn signal_name(&self, signal: u32) -> Cow<'_, str> {
        match self.names.get(signal as usize) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("image-{signal:07}.fits")),
        }
    }

    /// For each signal the task that makes it, or [`NOBODY`].
    pub(crate) fn producers(&self) -> Vec<u32> {
        let mut producers = vec![NOBODY; self.signals as usize];
        for task in 0..self.task_count() {
            for &signal in self.outs(task) {
                producers[signal as usize] = task as u32;
            }
        }
        producers
    }

    /// For each signal whether any task takes it.
    pub(crate) fn taken(&self) -> Vec<bool> {
        let mut taken = vec![false; self.signals as usize];
        for &signal in &self.ins.items {
            taken[signal as usize] = true;
        }
        taken
    }

    /// The tasks that must end before `task`, each once, in ascending order.
    pub(crate) fn predecessors(&self, task: usize, producers: &[u32]) -> Vec<u32> {
        let mut tasks: Vec<u32> = self
            .ins(task)
            .iter()
            .map(|&signal| producers[signal as usize])
            .filter(|&producer| producer != NOBODY)
            .collect();
        tasks.sort_unstable();
        tasks.dedup();
        tasks
    }

    /// A new signal's number.
    fn signal(&mut self) -> u32 {
        self.signals += 1;
        self.signals - 1
    }

    /// `count` new signals' numbers.
    fn signals(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.signal()).collect()
    }

    /// Adds a task.
    fn task(&mut self, kind: &str, ins: &[u32], outs: &[u32]) {
        // Tasks of a kind mostly follow each other: look at the last kind first.
        let known = self.kind_names.iter().rposition(|name| name == kind);
        let kind = known.unwrap_or_else(|| {
            self.kind_names.push(kind.to_owned());
            self.kind_names.len() - 1
        });
        self.kinds.push(kind as u16);
        self.ins.push(ins);
        self.outs.push(outs);
    }
}
