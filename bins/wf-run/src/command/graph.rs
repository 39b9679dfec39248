//! `wf-run graph`: the graph as dot or mermaid.

use std::io::Write;

use anyhow::Result;
use cli::Exit;
use workflow_engine::draw::{DrawOptions, dot, mermaid};

use crate::cli::{GraphArgs, GraphFormat};
use crate::source::Source;

pub(super) fn graph(args: &GraphArgs) -> Result<Exit> {
    let workflow = Source::new(&args.source)?.load()?;
    let options = DrawOptions { collapse_above: args.collapse_above, ..DrawOptions::default() };
    let drawn = match args.format {
        GraphFormat::Dot => dot(&workflow, &options),
        GraphFormat::Mermaid => mermaid(&workflow, &options),
    };
    std::io::stdout().lock().write_all(drawn.as_bytes())?;
    Ok(Exit::Ok)
}
