//! Rows about the Montage graph with /bin/true in place of its programs.

use super::{Files, Outcome, SLOTS, TRUE, recorded_or_not, wf_run};
use crate::bars::Bar;
use crate::cli::{Form, Shape};
use crate::contest::{Contestant, hold};
use crate::settings::{Plan, Settings, empty};
use crate::wf_run::{Executor, journal_seconds};

/// How often the small graph is run for each run of the large one.
const SMALL_REPEATS: u32 = 20;

/// The recorded graph: make, ninja, wf-run.
pub(super) fn montage(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = settings.montage();
    let files = Files::write(settings, "montage", &plan)?;
    let contestants = [files.make(SLOTS), files.ninja(SLOTS), files.wf_run(settings, SLOTS)];
    let standings = hold("montage", &contestants, settings)?;
    let slower = standings.speed_ratio("make", "wf-run");
    Ok(Outcome {
        title: format!("Montage graph, {} /bin/true, {SLOTS} slots", plan.tasks),
        standings,
        bars: vec![Bar::at_most("wf-run's wall time over make's", slower, 1.0, "x")],
        notes: recorded_or_not(&plan),
    })
}

/// CPU time per task at 100,000 tasks against 1,000.
pub(super) fn scaling(settings: &Settings) -> anyhow::Result<Outcome> {
    let folder = settings.fresh_folder("scaling")?;
    let mut contestants = Vec::new();
    for (name, full, repeats) in [("small", 1_000, SMALL_REPEATS), ("large", 100_000, 1)] {
        let plan = Plan::generated(Shape::Layers, settings.count(full));
        let file = folder.join(format!("{name}.json"));
        settings.write_graph(&plan, Form::Workflow, TRUE.as_ref(), "command", &file)?;
        let contestant = wf_run(settings, name, plan.tasks, SLOTS, file, Executor::Local);
        contestants.push(contestant.repeated(repeats));
    }
    let standings = hold("scaling", &contestants, settings)?;
    let tasks = |name| standings.of(name).map(|standing| standing.tasks as f64);
    let growth = tasks("large").zip(tasks("small")).and_then(|(large, small)| {
        standings
            .compare("large", "small", |l, s| (l.cpu_seconds() / large) / (s.cpu_seconds() / small))
    });
    let what = "CPU per task, large over small";
    Ok(Outcome {
        title: "wf-run on Montage-like layers of 1,000 (small) and 100,000 (large) /bin/true"
            .into(),
        standings,
        bars: vec![Bar::at_most(what, growth, 1.1, "x")],
        notes: vec![format!("small is run {SMALL_REPEATS} times a round; its figures are sums")],
    })
}

/// The journal's share of the wall time of the Montage run.
pub(super) fn journal(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = settings.montage();
    let folder = settings.fresh_folder("journal")?;
    let file = folder.join("workflow.json");
    settings.write_graph(&plan, Form::Workflow, TRUE.as_ref(), "command", &file)?;
    let runs = folder.join("runs");
    let contestant = Contestant::new("wf-run", plan.tasks, || {
        empty(&runs)?;
        Ok(settings.wf_run.run_with_report(&file, SLOTS, &runs))
    });
    let standings = hold("journal", &[contestant.reporting(journal_seconds)], settings)?;
    let share = standings
        .of("wf-run")
        .and_then(|wf_run| {
            wf_run.median(|s| s.reported.unwrap_or(f64::NAN) / s.wall_seconds * 100.0)
        })
        .filter(|share| share.is_finite());
    let mut notes = recorded_or_not(&plan);
    if share.is_none() {
        notes.push("the report of wf-run has no figure for the journal".to_owned());
    }
    Ok(Outcome {
        title: format!("the journal in a Montage run of {} /bin/true", plan.tasks),
        standings,
        bars: vec![Bar::at_most("journal's share of the wall time", share, 5.0, "%")],
        notes,
    })
}
