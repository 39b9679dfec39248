//! Run times of earlier runs by task type, kept beside the runs: what critical-path-first goes by.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use workflow_engine::run::Report;

const FILE: &str = "runtimes.json";
/// Earlier runs count as at most this many tasks, so that newer ones are heard.
const MEMORY: u64 = 1000;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    tasks: u64,
    mean_seconds: f64,
}

type Table = BTreeMap<String, Seen>;

fn read(runs: &Path) -> Table {
    // A missing or damaged file only means that nothing is known.
    std::fs::read(runs.join(FILE))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Mean run time in seconds of each task type seen so far.
pub(crate) fn expected(runs: &Path) -> BTreeMap<String, f64> {
    read(runs).into_iter().map(|(name, seen)| (name, seen.mean_seconds)).collect()
}

/// Adds what a run has shown.
pub(crate) fn learn(runs: &Path, report: &Report) -> Result<()> {
    let mut table = read(runs);
    for of_type in report.types.iter().filter(|of_type| of_type.done > 0) {
        let mean = of_type.total_seconds / of_type.done as f64;
        let seen =
            table.entry(of_type.name.clone()).or_insert(Seen { tasks: 0, mean_seconds: 0.0 });
        let before = seen.tasks.min(MEMORY) as f64;
        let now = of_type.done as f64;
        seen.mean_seconds = (seen.mean_seconds * before + mean * now) / (before + now);
        seen.tasks += of_type.done;
    }
    let path = runs.join(FILE);
    let failed = || format!("failed to write {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(runs).with_context(failed)?;
    serde_json::to_writer_pretty(&mut file, &table).with_context(failed)?;
    file.write_all(b"\n").with_context(failed)?;
    file.persist(&path).with_context(failed)?;
    Ok(())
}
