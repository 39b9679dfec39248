//! Rows about starting many processes: independent ones, a chain, CPU time per task.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::{Files, Outcome, SLOTS, TRUE, wf_run};
use crate::bars::Bar;
use crate::cli::{Form, Shape};
use crate::contest::{Contestant, Standings, hold};
use crate::redis::Redis;
use crate::settings::{Plan, Settings, empty};
use crate::wf_run::Executor;

fn floor<'a>(
    settings: &'a Settings,
    name: &str,
    program: PathBuf,
    count: u32,
    threads: u32,
) -> Contestant<'a> {
    Contestant::new(name, count, move || Ok(settings.floor(&program, count, threads)))
}

/// 10,000 independent /bin/true in two slots.
pub(super) fn ind10000(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = Plan::generated(Shape::Independent, settings.count(10_000));
    let files = Files::write(settings, "ind10000", &plan)?;
    let contestants = [
        floor(settings, "floor", TRUE.into(), plan.tasks, SLOTS),
        files.make(SLOTS),
        files.ninja(SLOTS),
        files.wf_run(settings, SLOTS),
    ];
    let standings = hold("ind10000", &contestants, settings)?;
    let bar = |peer: &str, bound| {
        let ratio = standings.speed_ratio("wf-run", peer);
        Bar::at_least(format!("wf-run's rate over {peer}'s"), ratio, bound, "x")
    };
    let bars = vec![bar("floor", 0.9), bar("make", 0.95), bar("ninja", 1.6)];
    let title = format!("{} independent /bin/true, {SLOTS} slots", plan.tasks);
    Ok(Outcome { title, standings, bars, notes: Vec::new() })
}

/// 1,000 independent /bin/true: workflow systems.
pub(super) fn ind1000(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = Plan::generated(Shape::Independent, settings.count(1_000));
    let files = Files::write(settings, "ind1000", &plan)?;
    let peers = settings.fresh_folder("ind1000-peers")?;
    let redis = Redis::try_start(&peers);
    let mut hyperflow = Contestant::new("HyperFlow", plan.tasks, || {
        let redis = redis.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        redis.clear()?;
        settings.peers.hyperflow(&files.folder, &redis.url())
    });
    if let Ok(redis) = &redis {
        hyperflow = hyperflow.beside(redis.pid());
    }
    let fresh = |name: &str| -> anyhow::Result<PathBuf> {
        let folder = peers.join(name);
        empty(&folder)?;
        Ok(folder)
    };
    let contestants = [
        floor(settings, "floor", TRUE.into(), plan.tasks, SLOTS),
        files.wf_run(settings, SLOTS),
        Contestant::new("HyperQueue", plan.tasks, || {
            settings.peers.hyperqueue(&fresh("hyperqueue")?, plan.tasks, SLOTS)
        }),
        hyperflow,
        Contestant::new("Snakemake", plan.tasks, || {
            settings.peers.snakemake(&fresh("snakemake")?, plan.tasks, SLOTS)
        }),
    ];
    let standings = hold("ind1000", &contestants, settings)?;
    let bar = |peer: &str, bound| {
        let ratio = standings.speed_ratio("wf-run", peer);
        Bar::at_least(format!("wf-run's rate over {peer}'s"), ratio, bound, "x")
    };
    let bars = vec![bar("HyperQueue", 5.0), bar("HyperFlow", 10.0), bar("Snakemake", 40.0)];
    Ok(Outcome {
        title: format!("{} independent /bin/true against workflow systems", plan.tasks),
        bars,
        standings,
        notes: vec![
            "whole programs, start and end included; HyperFlow's CPU time counts its Redis, and \
             it knows no slots: it starts every ready task at once"
                .to_owned(),
        ],
    })
}

/// CPU time per task above the floor.
pub(super) fn cpu(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = Plan::generated(Shape::Independent, settings.count(10_000));
    let folder = settings.fresh_folder("cpu")?;
    let mut contestants = Vec::new();
    for (label, program) in [("true0", settings.true0()?), ("/bin/true", TRUE.into())] {
        let file = folder.join(format!("{}.json", label.trim_start_matches("/bin/")));
        settings.write_graph(&plan, Form::Workflow, &program, "command", &file)?;
        let name = |contestant: &str| format!("{contestant}, {label}");
        contestants.push(floor(settings, &name("floor"), program, plan.tasks, SLOTS));
        contestants.push(wf_run(
            settings,
            &name("wf-run"),
            plan.tasks,
            SLOTS,
            file,
            Executor::Local,
        ));
    }
    let standings = hold("cpu", &contestants, settings)?;
    let bars = vec![
        above_floor(&standings, "/bin/true", 0.10, plan.tasks),
        above_floor(&standings, "true0", 0.03, plan.tasks),
    ];
    let title = format!("CPU time of the process tree, {} tasks, {SLOTS} slots", plan.tasks);
    Ok(Outcome { title, standings, bars, notes: Vec::new() })
}

fn above_floor(standings: &Standings, label: &str, bound: f64, tasks: u32) -> Bar {
    let (engine, floor) = (format!("wf-run, {label}"), format!("floor, {label}"));
    let milliseconds = standings.compare(&engine, &floor, |engine, floor| {
        (engine.cpu_seconds() - floor.cpu_seconds()) * 1e3 / f64::from(tasks)
    });
    Bar::at_most(format!("CPU per task above the floor, {label}"), milliseconds, bound, "ms")
}

/// A chain in one slot: how soon a task follows the one before it.
pub(super) fn chain(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = Plan::generated(Shape::Chain, settings.count(1_000));
    let files = Files::write(settings, "chain", &plan)?;
    let contestants = [
        floor(settings, "floor", Path::new(TRUE).into(), plan.tasks, 1),
        files.make(1),
        files.ninja(1),
        files.wf_run(settings, 1),
    ];
    let standings = hold("chain", &contestants, settings)?;
    let slower = standings.speed_ratio("floor", "wf-run");
    let bars = vec![Bar::at_most("wf-run's wall time over the floor's", slower, 1.15, "x")];
    let title = format!("a chain of {} /bin/true, one slot", plan.tasks);
    Ok(Outcome { title, standings, bars, notes: Vec::new() })
}
