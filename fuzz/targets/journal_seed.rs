//! Writes a real journal as seed: `journal-seed seeds/journal`.

use std::path::Path;
use std::sync::Arc;

use workflow_engine::exec::{Failure, Outcome, Pool};
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{Run, RunOptions};
use workflow_engine::store::{NewRun, RunStore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "seeds/journal".to_owned());
    let text = std::fs::read_to_string("seeds/workflow/fan.json")?;
    let workflow = Workflow::parse(&text, &Variables::new()).map_err(|e| e.to_string())?;
    let dir = tempfile::tempdir()?;
    let store = RunStore::create(&NewRun {
        runs_dir: dir.path(),
        source: Path::new("/data/workflow.json"),
        text: &text,
        work_dir: Path::new("/data"),
        variables: &Variables::new(),
        processes: workflow.process_count(),
        label: "seed",
        id: None,
    })?;
    let journal = store.dir().join("journal");
    let pool = Pool::new(1, |attempt| {
        attempt.runs_as(4711);
        if attempt.process().name() == "sum" {
            Outcome::failed(Failure::Exit(3))
        } else {
            Outcome::done()
        }
    });
    let options = RunOptions { slots: 1, ..RunOptions::default() };
    Run::new(Arc::new(workflow)).options(options).store(store).execute(Arc::new(pool))?;
    let bytes = std::fs::read(journal)?;
    std::fs::write(Path::new(&out).join("whole"), &bytes)?;
    // The same records without frames, in the form that the target frames itself.
    let mut short = Vec::new();
    let mut rest = &bytes[16..];
    while rest.len() > 8 {
        let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        if length < 256 {
            short.push(length as u8);
            short.extend_from_slice(&rest[8..8 + length]);
        }
        rest = &rest[8 + length..];
    }
    std::fs::write(Path::new(&out).join("records"), short)?;
    Ok(())
}
