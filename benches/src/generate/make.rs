//! Makefiles.

use std::io::{self, Write};

use crate::graph::Graph;

/// Phony targets: every run carries out every task.
pub(super) fn write_phony(graph: &Graph, program: &str, out: &mut impl Write) -> io::Result<()> {
    write!(out, ".PHONY: all")?;
    write_all_targets(graph, out)?;
    write_rules(graph, program, out)
}

/// Real targets, made by touching them: a second run has nothing to do.
pub(super) fn write_files(graph: &Graph, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, ".PHONY: all")?;
    write_rules(graph, "touch $@", out)
}

fn write_rules(graph: &Graph, recipe: &str, out: &mut impl Write) -> io::Result<()> {
    write!(out, "all:")?;
    write_all_targets(graph, out)?;
    let producers = graph.producers();
    for task in 0..graph.task_count() {
        write!(out, "t{task}:")?;
        for before in graph.predecessors(task, &producers) {
            write!(out, " t{before}")?;
        }
        writeln!(out, "\n\t{recipe}")?;
    }
    Ok(())
}

fn write_all_targets(graph: &Graph, out: &mut impl Write) -> io::Result<()> {
    for task in 0..graph.task_count() {
        write!(out, " t{task}")?;
    }
    writeln!(out)
}
