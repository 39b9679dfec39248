//! build.ninja.

use std::io::{self, Write};

use crate::graph::Graph;

/// One edge a task. Tasks whose command makes no file are carried out in every run.
pub(super) fn write(graph: &Graph, command: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "rule task\n  command = {command}")?;
    let producers = graph.producers();
    for task in 0..graph.task_count() {
        write!(out, "build t{task}: task")?;
        for before in graph.predecessors(task, &producers) {
            write!(out, " t{before}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
