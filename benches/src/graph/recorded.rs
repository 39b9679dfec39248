//! Real graphs, read from a HyperFlow workflow.json.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, ensure};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::Graph;

/// What the graph needs of a workflow.json whose signals are given by index.
#[derive(Deserialize)]
struct Workflow {
    processes: Vec<Process>,
    signals: Vec<Signal>,
}

#[derive(Deserialize)]
struct Process {
    name: String,
    ins: Vec<u32>,
    outs: Vec<u32>,
}

#[derive(Deserialize)]
struct Signal {
    name: String,
}

/// Reads the graph of `path`, unpacked when its name ends in `.gz`.
///
/// # Errors
/// When the file cannot be read, or names signals otherwise than by index.
pub(crate) fn recorded(path: &Path) -> anyhow::Result<Graph> {
    let text = unpacked(path)?;
    let workflow: Workflow = serde_json::from_slice(&text)
        .with_context(|| format!("failed to understand workflow {}", path.display()))?;
    let mut graph = Graph { signals: workflow.signals.len() as u32, ..Graph::default() };
    for process in &workflow.processes {
        let known = |signal: &u32| *signal < graph.signals;
        ensure!(
            process.ins.iter().all(known) && process.outs.iter().all(known),
            "process {} of {} has a signal that there is not",
            process.name,
            path.display()
        );
        graph.task(&process.name, &process.ins, &process.outs);
    }
    graph.names = workflow.signals.into_iter().map(|signal| signal.name).collect();
    Ok(graph)
}

/// The bytes of a file, unpacked when its name ends in `.gz`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn unpacked(path: &Path) -> anyhow::Result<Vec<u8>> {
    let failed = || format!("failed to read workflow {}", path.display());
    let mut file = File::open(path).with_context(failed)?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).read_to_end(&mut bytes).with_context(failed)?;
    } else {
        file.read_to_end(&mut bytes).with_context(failed)?;
    }
    Ok(bytes)
}
