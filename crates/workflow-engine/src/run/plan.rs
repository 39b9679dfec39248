//! The order in which a run would start its tasks, found by running it with nothing behind the tasks.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{CancelToken, Run, RunError, RunOptions, Status};
use crate::exec::{Attempt, Executor, Failure, Outcome, Stop, TaskId};
use crate::model::Workflow;

/// How far a plan is followed: a workflow may be endless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanLimits {
    /// Most tasks.
    pub tasks: usize,
    /// Longest time; processes with a firing interval are waited for.
    pub time: Duration,
}

impl Default for PlanLimits {
    /// Two million tasks, five seconds.
    fn default() -> Self {
        Self { tasks: 2_000_000, time: Duration::from_secs(5) }
    }
}

/// What [`plan`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The tasks in the order of their start.
    pub tasks: Vec<TaskId>,
    /// The limits ended it: the run would go on from here, perhaps without end.
    pub cut: bool,
    /// How the run would end; [`Status::Interrupted`] where the limits ended it.
    pub status: Status,
}

#[derive(Default)]
struct Planned {
    tasks: Vec<TaskId>,
    /// The one task too many; kept unfinished until the engine stops it.
    held: Option<Attempt>,
}

/// Ends every task at once and notes it.
struct Planner {
    limit: usize,
    planned: Mutex<Planned>,
    cancel: CancelToken,
}

impl Planner {
    fn lock(&self) -> MutexGuard<'_, Planned> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor for Planner {
    fn start(&self, attempt: Attempt) {
        let mut planned = self.lock();
        if planned.tasks.len() < self.limit {
            planned.tasks.push(attempt.id());
            drop(planned);
            attempt.finish(Outcome::done());
        } else {
            planned.held = Some(attempt);
            drop(planned);
            self.cancel.cancel();
        }
    }

    fn stop(&self, _task: TaskId, _how: Stop) {
        let held = self.lock().held.take();
        if let Some(attempt) = held {
            attempt.finish(Outcome::failed(Failure::Stopped));
        }
    }

    fn name(&self) -> &'static str {
        "plan"
    }

    fn wants_inputs(&self, _function: &str) -> bool {
        false
    }
}

/// The order in which the engine would start the tasks with one slot, if each ended well, at once, and
/// without data. It is the real scheduler's order, not an estimate: more slots only take from this
/// order's front. What depends on data (a choice, a count from a task) takes its plain course.
///
/// ```
/// use std::sync::Arc;
/// use workflow_engine::model::{Variables, Workflow};
/// use workflow_engine::run::{self, PlanLimits, RunOptions};
///
/// let text = r#"{"processes": [
///     {"name": "last",  "firingLimit": 1, "ins": [1], "outs": []},
///     {"name": "first", "firingLimit": 1, "ins": [0], "outs": [1]}],
///   "signals": [{"name": "in", "data": [{}]}, {"name": "x"}], "ins": [0], "outs": []}"#;
/// let workflow = Arc::new(Workflow::parse(text, &Variables::new())?);
/// let plan = run::plan(workflow, &RunOptions::default(), PlanLimits::default())?;
/// assert_eq!(plan.tasks.iter().map(|task| task.process).collect::<Vec<_>>(), [1, 0]);
/// assert!(!plan.cut);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Run::execute`]; without a journal there is no cause for any.
pub fn plan(
    workflow: Arc<Workflow>,
    options: &RunOptions,
    limits: PlanLimits,
) -> Result<Plan, RunError> {
    let cancel = CancelToken::new();
    let planner = Arc::new(Planner {
        limit: limits.tasks,
        planned: Mutex::default(),
        cancel: cancel.clone(),
    });
    let options = RunOptions {
        slots: 1,
        expected_seconds: options.expected_seconds.clone(),
        ..RunOptions::default()
    };
    let waits = workflow.rare.values().any(|rare| rare.firing_interval_ms.is_some());
    let run = Run::new(workflow).options(options).cancel_token(cancel.clone());
    let executor: Arc<dyn Executor> = Arc::<Planner>::clone(&planner);
    let report = if waits {
        std::thread::scope(|scope| {
            let (over, is_over) = mpsc::channel::<()>();
            scope.spawn(move || {
                if is_over.recv_timeout(limits.time) == Err(RecvTimeoutError::Timeout) {
                    cancel.cancel();
                }
            });
            let report = run.execute(executor);
            drop(over);
            report
        })
    } else {
        run.execute(executor)
    }?;
    let tasks = std::mem::take(&mut planner.lock().tasks);
    Ok(Plan { tasks, cut: report.status == Status::Interrupted, status: report.status })
}

/// The plan by task type: for each how many tasks, and at which place of the order its first one comes.
#[must_use]
pub fn plan_by_type(workflow: &Workflow, plan: &Plan) -> Vec<(String, usize, usize)> {
    let mut types: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (place, task) in plan.tasks.iter().enumerate() {
        let type_index = workflow.rows[task.process as usize].type_id as usize;
        types.entry(type_index).or_insert((0, place)).0 += 1;
    }
    let mut rows: Vec<_> = types
        .into_iter()
        .map(|(at, (count, first))| (workflow.types[at].clone(), count, first))
        .collect();
    rows.sort_by_key(|&(_, _, first)| first);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Variables;

    fn parse(text: &str) -> Arc<Workflow> {
        Arc::new(Workflow::parse(text, &Variables::new()).unwrap())
    }

    fn processes(plan: &Plan) -> Vec<u32> {
        plan.tasks.iter().map(|task| task.process).collect()
    }

    #[test]
    fn the_critical_path_comes_first() {
        let workflow = parse(
            r#"{"processes": [
            {"name": "side", "firingLimit": 1, "ins": [0], "outs": []},
            {"name": "long", "firingLimit": 1, "ins": [0], "outs": [1]},
            {"name": "tail", "firingLimit": 1, "ins": [1], "outs": []}],
          "signals": [{"name": "in", "data": [{}]}, {"name": "x"}], "ins": [0], "outs": []}"#,
        );
        let options = RunOptions::default();
        let found = plan(Arc::clone(&workflow), &options, PlanLimits::default()).unwrap();
        assert_eq!(processes(&found)[0], 1);
        assert_eq!((found.cut, found.status.clone()), (false, Status::Finished));
        let types = plan_by_type(&workflow, &found);
        assert_eq!(types[0], ("long".to_owned(), 1, 0));
        let options = RunOptions {
            expected_seconds: BTreeMap::from([("side".to_owned(), 100.0)]),
            ..options
        };
        let found = plan(workflow, &options, PlanLimits::default()).unwrap();
        assert_eq!(processes(&found), [0, 1, 2]);
    }

    #[test]
    fn an_endless_cycle_is_cut_and_says_so() {
        let workflow = parse(
            r#"{"processes": [
            {"name": "ping", "ins": [0], "outs": [1]}, {"name": "pong", "ins": [1], "outs": [0]}],
          "signals": [{"name": "a", "data": [{}]}, {"name": "b"}], "ins": [0], "outs": []}"#,
        );
        let limits = PlanLimits { tasks: 1001, ..PlanLimits::default() };
        let found = plan(workflow, &RunOptions::default(), limits).unwrap();
        assert_eq!(found.tasks.len(), 1001);
        assert!(found.cut);
        assert_eq!(found.status, Status::Interrupted);
    }

    #[test]
    fn an_endless_interval_is_cut_by_time() {
        let workflow = parse(
            r#"{"processes": [{"name": "tick", "firingInterval": 10, "ins": [], "outs": [0]}],
          "signals": [{"name": "a"}], "ins": [], "outs": [0]}"#,
        );
        let limits = PlanLimits { time: Duration::from_millis(100), ..PlanLimits::default() };
        let found = plan(workflow, &RunOptions::default(), limits).unwrap();
        assert!(found.cut && !found.tasks.is_empty() && found.tasks.len() < 50, "{found:?}");
    }
}
