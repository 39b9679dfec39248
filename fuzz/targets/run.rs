//! The engine on whatever the loader accepts: plans are made by the real scheduler.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{self, PlanLimits, RunOptions};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    windlass_fuzz::mutate_json(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Intervals make runs slow, not different.
    if text.contains("firingInterval") {
        return;
    }
    let Ok(workflow) = Workflow::parse(text, &Variables::new()) else { return };
    let limits = PlanLimits { tasks: 500, time: Duration::from_millis(50) };
    let workflow = Arc::new(workflow);
    let Ok(plan) = run::plan(Arc::clone(&workflow), &RunOptions::default(), limits) else {
        panic!("a plan failed");
    };
    assert!(plan.tasks.len() <= limits.tasks);
    for task in &plan.tasks {
        let process = workflow.process(workflow_engine::model::ProcessId(task.process));
        assert!(process.firing_limit().is_none_or(|limit| task.firing <= limit), "{task:?}");
    }
});
