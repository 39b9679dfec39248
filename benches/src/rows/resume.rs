//! The row about a finished run that is resumed: nothing is left to do.

use std::path::Path;

use super::{Outcome, SLOTS, TRUE, recorded_or_not};
use crate::bars::Bar;
use crate::cli::Form;
use crate::contest::{Contestant, hold};
use crate::measure::{self, OutputFiles};
use crate::peers::Peers;
use crate::settings::Settings;

/// A null build takes less than a tenth of a second: how often each is run in a round.
const REPEATS: u32 = 5;

/// wf-run's resume against the null builds of make and ninja.
pub(super) fn resume(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = settings.montage();
    let folder = settings.fresh_folder("resume")?;
    let (make, ninja) =
        (settings.fresh_folder("resume/make")?, settings.fresh_folder("resume/ninja")?);
    let workflow = folder.join("workflow.json");
    let program = Path::new(TRUE);
    settings.write_graph(&plan, Form::MakeFiles, program, "command", &make.join("Makefile"))?;
    settings.write_graph(
        &plan,
        Form::NinjaFiles,
        program,
        "command",
        &ninja.join("build.ninja"),
    )?;
    settings.write_graph(&plan, Form::Workflow, program, "command", &workflow)?;
    let runs = folder.join("runs");

    // Once for real, not measured; a contestant that fails here fails again below.
    let mut notes = recorded_or_not(&plan);
    let output = OutputFiles { out: folder.join("first.out"), err: folder.join("first.err") };
    let first = [
        Peers::make(&make, SLOTS),
        Peers::ninja(&ninja, SLOTS),
        Ok(settings.wf_run.run(&workflow, SLOTS, &runs, crate::wf_run::Executor::Local)),
    ];
    for command in first {
        let ran = command.and_then(|command| measure::run(command, &output, settings.limit));
        if let Err(error) = ran {
            notes.push(format!("first run: {error:#}"));
        }
    }

    let contestants = [
        Contestant::new("make", plan.tasks, || Peers::make(&make, SLOTS)),
        Contestant::new("ninja", plan.tasks, || Peers::ninja(&ninja, SLOTS)),
        Contestant::new("wf-run resume", plan.tasks, || Ok(settings.wf_run.resume(&runs))),
    ]
    .map(|contestant| contestant.repeated(REPEATS));
    notes.push(format!("each is run {REPEATS} times a round; the figures are sums"));
    let standings = hold("resume", &contestants, settings)?;
    let slower = standings.speed_ratio("ninja", "wf-run resume");
    Ok(Outcome {
        title: format!(
            "resume of a finished Montage run, {} tasks, against null builds",
            plan.tasks
        ),
        standings,
        bars: vec![Bar::at_most("wf-run's wall time over ninja's", slower, 1.0, "x")],
        notes,
    })
}
