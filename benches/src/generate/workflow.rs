//! HyperFlow's workflow.json.

use std::io::{self, Write};

use serde_json::json;

use crate::graph::{Graph, NOBODY};

/// Writes the graph with one program and one function for all tasks.
pub(super) fn write(
    graph: &Graph,
    name: &str,
    program: &str,
    function: &str,
    arguments: impl Fn(usize) -> Vec<String>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (producers, taken) = (graph.producers(), graph.taken());
    let is_initial = |signal: u32| producers[signal as usize] == NOBODY;
    let (name, function, program) = (json!(name), json!(function), json!(program));
    write!(out, "{{\"name\":{name},\n\"processes\":[")?;
    for task in 0..graph.task_count() {
        let (kind, arguments) = (json!(graph.kind(task)), json!(arguments(task)));
        write!(
            out,
            "{}{{\"name\":{kind},\"type\":\"dataflow\",\"function\":{function},\"firingLimit\":1,\
             \"config\":{{\"executor\":{{\"executable\":{program},\"args\":{arguments}}}}},\"ins\":",
            separator(task)
        )?;
        write_numbers(graph.ins(task).iter().copied(), out)?;
        write!(out, ",\"outs\":")?;
        write_numbers(graph.outs(task).iter().copied(), out)?;
        write!(out, "}}")?;
    }
    write!(out, "\n],\n\"signals\":[")?;
    for signal in 0..graph.signal_count() {
        let name = json!(graph.signal_name(signal));
        let data = if is_initial(signal) { ",\"data\":[{}]" } else { "" };
        write!(out, "{}{{\"name\":{name}{data}}}", separator(signal as usize))?;
    }
    write!(out, "\n],\n\"ins\":")?;
    write_numbers((0..graph.signal_count()).filter(|&signal| is_initial(signal)), out)?;
    write!(out, ",\n\"outs\":")?;
    write_numbers((0..graph.signal_count()).filter(|&signal| !taken[signal as usize]), out)?;
    writeln!(out, "}}")
}

fn separator(index: usize) -> &'static str {
    if index == 0 { "\n" } else { ",\n" }
}

fn write_numbers(numbers: impl Iterator<Item = u32>, out: &mut impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (index, number) in numbers.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{number}")?;
    }
    write!(out, "]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;

    #[test]
    fn a_chain_becomes_processes_with_indexes_and_one_initial_signal() {
        let mut text = Vec::new();
        write(&graph::chain(2), "chain-2", "/bin/true", "command", |_| Vec::new(), &mut text)
            .expect("in memory");
        let workflow: serde_json::Value = serde_json::from_slice(&text).expect("valid JSON");
        let process = json!({
            "name": "link", "type": "dataflow", "function": "command", "firingLimit": 1,
            "config": {"executor": {"executable": "/bin/true", "args": []}},
            "ins": [1], "outs": [2],
        });
        assert_eq!(workflow["processes"][1], process);
        assert_eq!(workflow["signals"][0], json!({"name": "image-0000000.fits", "data": [{}]}));
        assert_eq!(workflow["signals"][1], json!({"name": "image-0000001.fits"}));
        assert_eq!((&workflow["ins"], &workflow["outs"]), (&json!([0]), &json!([2])));
    }
}
