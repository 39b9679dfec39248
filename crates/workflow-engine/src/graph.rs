//! The graph behind a workflow: edges, levels, longest paths. All algorithms are loops, not recursion.

use hashbrown::HashSet;

use crate::model::Workflow;

/// Figures of a workflow's graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Distinct producer-consumer pairs of processes.
    pub edges: usize,
    /// Length of the longest chain of processes, in processes; cycles count once.
    pub levels: usize,
    /// Most processes on one level.
    pub width: usize,
}

/// A topological order of all processes. Edges that close a cycle are left out of it.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) processes: Vec<u32>,
    /// How many of them come before the first that lies in or behind a cycle.
    pub(crate) acyclic: usize,
}

/// Calls `visit` for each consumer of a process, possibly more than once for the same one.
pub(crate) fn each_successor(
    workflow: &Workflow,
    port_process: &[u32],
    process: u32,
    mut visit: impl FnMut(u32),
) {
    for &signal in workflow.outs_of(process) {
        for &port in workflow.consumers.of(signal) {
            visit(port_process[port as usize]);
        }
    }
}

/// in-port -> its process.
pub(crate) fn port_processes(workflow: &Workflow) -> Vec<u32> {
    let mut of = vec![0_u32; workflow.in_ports.len()];
    for process in 0..workflow.process_count() as u32 {
        for port in workflow.ins_range(process) {
            of[port] = process;
        }
    }
    of
}

/// Kahn's algorithm; where only cycles are left, the first process of the file is taken as if ready.
pub(crate) fn order(workflow: &Workflow, port_process: &[u32]) -> Order {
    let count = workflow.process_count();
    let mut incoming = vec![0_u32; count];
    for process in 0..count as u32 {
        each_successor(workflow, port_process, process, |to| incoming[to as usize] += 1);
    }
    let mut processes = Vec::with_capacity(count);
    let mut placed = vec![false; count];
    for process in 0..count as u32 {
        if incoming[process as usize] == 0 {
            placed[process as usize] = true;
            processes.push(process);
        }
    }
    let mut acyclic = None;
    let mut next = 0;
    let mut first_open = 0;
    loop {
        while let Some(&process) = processes.get(next) {
            next += 1;
            each_successor(workflow, port_process, process, |to| {
                let to = to as usize;
                incoming[to] = incoming[to].saturating_sub(1);
                if incoming[to] == 0 && !placed[to] {
                    placed[to] = true;
                    processes.push(to as u32);
                }
            });
        }
        while first_open < count && placed[first_open] {
            first_open += 1;
        }
        if first_open == count {
            let acyclic = acyclic.unwrap_or(processes.len());
            return Order { processes, acyclic };
        }
        acyclic.get_or_insert(processes.len());
        placed[first_open] = true;
        processes.push(first_open as u32);
    }
}

/// For each process the weight of the heaviest chain from it to an end, its own weight included.
pub(crate) fn bottom_levels(workflow: &Workflow, weight: impl Fn(u32) -> f32) -> Vec<f32> {
    let port_process = port_processes(workflow);
    let order = order(workflow, &port_process);
    let mut levels = vec![0.0_f32; workflow.process_count()];
    for &process in order.processes.iter().rev() {
        let mut below = 0.0_f32;
        each_successor(workflow, &port_process, process, |to| {
            below = below.max(levels[to as usize]);
        });
        levels[process as usize] = below + weight(process).max(0.0);
    }
    levels
}

/// For each process its level: 0 for those without predecessors.
pub(crate) fn levels(workflow: &Workflow) -> Vec<u32> {
    let port_process = port_processes(workflow);
    let order = order(workflow, &port_process);
    let mut position = vec![0_u32; workflow.process_count()];
    for (at, &process) in order.processes.iter().enumerate() {
        position[process as usize] = at as u32;
    }
    let mut levels = vec![0_u32; workflow.process_count()];
    for &process in &order.processes {
        let own = levels[process as usize];
        each_successor(workflow, &port_process, process, |to| {
            let to = to as usize;
            if position[to] > position[process as usize] {
                levels[to] = levels[to].max(own + 1);
            }
        });
    }
    levels
}

impl Workflow {
    /// Counts edges and levels.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let port_process = port_processes(self);
        let mut edges = 0;
        let mut seen = HashSet::new();
        for process in 0..self.process_count() as u32 {
            seen.clear();
            each_successor(self, &port_process, process, |to| {
                seen.insert(to);
            });
            edges += seen.len();
        }
        let levels = levels(self);
        let height = levels.iter().max().map_or(0, |&top| top as usize + 1);
        let mut widths = vec![0_usize; height];
        for &level in &levels {
            widths[level as usize] += 1;
        }
        Shape { edges, levels: height, width: widths.into_iter().max().unwrap_or(0) }
    }
}
