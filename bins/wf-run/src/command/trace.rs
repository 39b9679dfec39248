//! `wf-run trace`: what happened in a run, attempt by attempt, from its journal.

use std::io::{BufWriter, Write};

use anyhow::Result;
use cli::Exit;
use workflow_engine::trace::{rows, write_chrome, write_json, write_tsv};

use crate::cli::{TraceArgs, TraceFormat};
use crate::runs;

pub(super) fn trace(args: &TraceArgs) -> Result<Exit> {
    let folder = runs::folder_here(args.runs.as_deref());
    let dir = runs::find(&folder, args.run.as_deref())?;
    let (contents, workflow) = runs::open(&dir)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.format {
        TraceFormat::Tsv => write_tsv(rows(&contents, &workflow), &mut out)?,
        TraceFormat::Json => write_json(rows(&contents, &workflow), &mut out)?,
        TraceFormat::Chrome => write_chrome(&contents, &workflow, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::Ok)
}
