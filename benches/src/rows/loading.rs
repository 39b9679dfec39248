//! Rows without processes: load, check, and run of tasks that succeed at once.

use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::{Outcome, SLOTS, TRUE, recorded_or_not, wf_run};
use crate::bars::Bar;
use crate::cli::{Form, Shape};
use crate::contest::{Contestant, Standings, hold};
use crate::measure::Sample;
use crate::redis::Redis;
use crate::settings::{Plan, Settings};
use crate::statistics::exponent;
use crate::wf_run::Executor;

const MEGABYTE: f64 = 1e6;

fn wall_and_memory(
    standings: &Standings,
    wall_bound: f64,
    memory_bound: f64,
) -> impl Iterator<Item = Bar> {
    let standing = standings.of("wf-run");
    let wall = standing.and_then(|s| s.median(|sample| sample.wall_seconds));
    let peak = standing.and_then(|s| s.median(|sample| sample.peak_rss_bytes as f64 / MEGABYTE));
    [
        Bar::at_most("wf-run's wall time", wall, wall_bound, "s"),
        Bar::at_most("wf-run's peak memory", peak, memory_bound, "MB"),
    ]
    .into_iter()
}

/// The Montage graph with tasks that succeed at once, against HyperFlow.
pub(super) fn noop(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = settings.montage();
    let folder = settings.fresh_folder("noop")?;
    let file = folder.join("workflow.json");
    settings.write_graph(&plan, Form::Workflow, Path::new(TRUE), "noop", &file)?;
    let redis = Redis::try_start(&folder);
    let mut hyperflow = Contestant::new("HyperFlow", plan.tasks, || {
        let redis = redis.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        redis.clear()?;
        settings.peers.hyperflow(&folder, &redis.url())
    });
    if let Ok(redis) = &redis {
        hyperflow = hyperflow.beside(redis.pid());
    }
    let ours = wf_run(settings, "wf-run", plan.tasks, SLOTS, file.clone(), Executor::Noop);
    let standings = hold("noop", &[ours, hyperflow], settings)?;
    let mut bars: Vec<Bar> = wall_and_memory(&standings, 0.5, 120.0).collect();
    let ratio = standings.speed_ratio("wf-run", "HyperFlow");
    bars.push(Bar::at_least("wf-run's rate over HyperFlow's", ratio, 75.0, "x"));
    Ok(Outcome {
        title: format!("Montage graph, {} tasks of no work, load to end", plan.tasks),
        standings,
        bars,
        notes: recorded_or_not(&plan),
    })
}

/// Load and check of the Montage file, unchanged.
pub(super) fn check(settings: &Settings) -> anyhow::Result<Outcome> {
    let plan = settings.montage();
    let file = settings.fresh_folder("check")?.join("workflow.json");
    let form = if plan.shape == Shape::Recorded { Form::Original } else { Form::Workflow };
    settings.write_graph(&plan, form, Path::new(TRUE), "command", &file)?;
    let megabytes = std::fs::metadata(&file)?.len() as f64 / MEGABYTE;
    let contestant = Contestant::new("wf-run", plan.tasks, || Ok(settings.wf_run.check(&file)));
    let standings = hold("check", &[contestant], settings)?;
    Ok(Outcome {
        title: format!("load and check of a {megabytes:.2} MB file"),
        bars: wall_and_memory(&standings, 0.15, 60.0).collect(),
        standings,
        notes: recorded_or_not(&plan),
    })
}

/// Up to a million tasks of no work, in three shapes.
pub(super) fn million(settings: &Settings) -> anyhow::Result<Outcome> {
    const SHAPES: [Shape; 3] = [Shape::Layers, Shape::Chain, Shape::Fan];
    const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
    let folder = settings.fresh_folder("million")?;
    let mut contestants = Vec::new();
    for shape in SHAPES {
        for full in SIZES {
            let plan = Plan::generated(shape, settings.count(full));
            let name = contestant_name(shape, full);
            let file = folder.join(format!("{name}.json"));
            settings.write_graph(&plan, Form::Workflow, Path::new(TRUE), "noop", &file)?;
            contestants.push(wf_run(settings, &name, plan.tasks, SLOTS, file, Executor::Noop));
        }
    }
    let standings = hold("million", &contestants, settings)?;
    // About a gigabyte.
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("failed to remove {}", folder.display()))?;
    let mut bars = Vec::new();
    for shape in SHAPES {
        let largest = standings.of(&contestant_name(shape, SIZES[SIZES.len() - 1]));
        let bytes =
            largest.and_then(|s| s.median(|sample| sample.peak_rss_bytes as f64 / s.tasks as f64));
        let name = shape.name();
        bars.push(Bar::at_most(format!("{name}: peak memory per task"), bytes, 1_000.0, "B"));
        let points: Option<Vec<(f64, f64)>> = SIZES
            .iter()
            .map(|&full| {
                let standing = standings.of(&contestant_name(shape, full))?;
                Some((standing.tasks as f64, standing.median(Sample::cpu_seconds)?))
            })
            .collect();
        let fitted = points.as_deref().and_then(exponent);
        bars.push(Bar::at_most(format!("{name}: exponent of CPU time"), fitted, 1.1, ""));
    }
    Ok(Outcome {
        title: "tasks of no work in three shapes".to_owned(),
        standings,
        bars,
        notes: vec!["the exponent is fitted over the three sizes; 1 is linear".to_owned()],
    })
}

fn contestant_name(shape: Shape, full: u32) -> String {
    format!("{}-{full}", shape.name())
}
