//! The executor under which every task succeeds at once.

use super::{Attempt, Executor, Outcome};

/// Runs nothing: shows the graph's order and the engine's own speed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noop;

impl Executor for Noop {
    fn start(&self, attempt: Attempt) {
        attempt.finish(Outcome::done());
    }

    fn name(&self) -> &'static str {
        "noop"
    }

    fn wants_inputs(&self, _function: &str) -> bool {
        false
    }
}
