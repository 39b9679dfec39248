//! Everything that is done with a workflow file before it runs: load, check, figures, pictures.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use workflow_engine::check::Surroundings;
use workflow_engine::draw::{self, Collapse, DrawOptions};
use workflow_engine::model::{Variables, Workflow};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    windlass_fuzz::mutate_json(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut variables = Variables::new();
    variables.set("x", "va\"lue{{x}}");
    match Workflow::parse(text, &variables) {
        Err(invalid) => {
            assert!(!invalid.problems.is_empty(), "refused without a reason");
            for problem in &invalid.problems {
                let _ = problem.to_string();
                if let Some(at) = problem.position {
                    assert!(at.offset <= text.len() && at.line >= 1 && at.column >= 1, "{problem:?}");
                    assert!(text.is_char_boundary(at.offset), "{problem:?}");
                }
            }
        }
        Ok(workflow) => {
            assert!(
                serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
                "accepted what is no JSON"
            );
            let shape = workflow.shape();
            assert!(shape.levels <= workflow.process_count(), "{shape:?}");
            assert!(shape.width <= workflow.process_count(), "{shape:?}");
            for problem in workflow.warnings(&Surroundings::default()) {
                let _ = problem.to_string();
            }
            for process in workflow.processes() {
                let _ = (process.task_label(1), process.parallel_limit(), process.firing_limit());
                if let Some(command) = process.command() {
                    let _ = command.display_line();
                }
            }
            for signal in workflow.signals() {
                assert_eq!(signal.initial_count(), signal.initial_values().len());
            }
            let whole = DrawOptions { collapse: Collapse::Never, ..DrawOptions::default() };
            let _ = (draw::dot(&workflow, &whole), draw::mermaid(&workflow, &whole));
            let types = DrawOptions { collapse: Collapse::Always, ..DrawOptions::default() };
            let _ = draw::dot(&workflow, &types);
        }
    }
});
