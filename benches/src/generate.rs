//! `bench generate`: writes a graph for one of the contestants.
//!
//! It runs as a child process, so that the measuring process stays small: Linux counts the
//! memory of the process that starts another towards the peak of the one that is started.

mod make;
mod ninja;
mod workflow;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};

use anyhow::{Context as _, bail};

use crate::cli::{Form, GenerateArguments, Shape};
use crate::graph::{self, Graph};

/// Writes a graph whose tasks sleep, each for so many seconds.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_sleepers(
    graph: &Graph,
    name: &str,
    program: &str,
    seconds: &[f64],
    out: &mut impl std::io::Write,
) -> std::io::Result<()> {
    let argument = |task: usize| vec![format!("{:.3}", seconds[task])];
    workflow::write(graph, name, program, "command", argument, out)
}

/// Writes the file asked for, streaming.
///
/// # Errors
/// When the source cannot be read or the file not be written.
pub(crate) fn run(arguments: &GenerateArguments) -> anyhow::Result<()> {
    let failed = || format!("failed to write graph {}", arguments.out.display());
    if arguments.form == Form::Original {
        let Some(source) = &arguments.source else { bail!("only a recorded graph is original") };
        return fs::write(&arguments.out, graph::unpacked(source)?).with_context(failed);
    }
    let graph = build(arguments)?;
    let mut out =
        BufWriter::with_capacity(1 << 16, File::create(&arguments.out).with_context(failed)?);
    let program = arguments.program.as_str();
    match arguments.form {
        Form::Workflow => {
            let name = format!("{}-{}", arguments.shape.name(), graph.task_count());
            workflow::write(&graph, &name, program, &arguments.function, |_| Vec::new(), &mut out)
        }
        Form::Make => make::write_phony(&graph, program, &mut out),
        Form::MakeFiles => make::write_files(&graph, &mut out),
        Form::Ninja => ninja::write(&graph, program, &mut out),
        Form::NinjaFiles => ninja::write(&graph, "touch $out", &mut out),
        Form::Original => Ok(()),
    }
    .and_then(|()| out.flush())
    .with_context(failed)
}

fn build(arguments: &GenerateArguments) -> anyhow::Result<Graph> {
    let count = arguments.count;
    Ok(match (arguments.shape, &arguments.source) {
        (Shape::Independent, _) => graph::independent(count),
        (Shape::Chain, _) => graph::chain(count),
        (Shape::Fan, _) => graph::fan(count),
        (Shape::Layers, _) => graph::layers(count),
        (Shape::Recorded, Some(source)) => graph::recorded(source)?,
        (Shape::Recorded, None) => bail!("a recorded graph needs its --source"),
    })
}
