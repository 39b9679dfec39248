//! What came of a run: how long, how well, what bound it, what failed.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::Status;
use crate::exec::{Failure, TaskId};
use crate::graph;
use crate::model::{ProcessId, SignalId, Workflow};
use crate::store::TaskRecord;

/// A task that failed for good.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedTask {
    /// Which, with its last attempt.
    pub task: TaskId,
    /// Why.
    pub failure: Failure,
    /// How long the last attempt ran.
    pub took: Duration,
    /// Where its output was kept; empty where it said nothing.
    pub logs: Vec<PathBuf>,
}

/// Counts and times of one task type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeReport {
    /// Its name.
    pub name: String,
    /// Firings that ended well in this session.
    pub done: u64,
    /// Firings that an earlier engine had finished; their times are not counted here.
    pub kept: u64,
    /// Firings that failed for good.
    pub failed: u64,
    /// Sum of run times in seconds.
    pub total_seconds: f64,
    /// Longest run time in seconds.
    pub max_seconds: f64,
    /// Sum of CPU times in seconds.
    pub cpu_seconds: f64,
    /// Highest peak memory in bytes.
    pub peak_memory_bytes: u64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The state it was left in.
    pub status: Status,
    /// Firings that ended well in this session.
    pub done: u64,
    /// Firings that an earlier engine had finished.
    pub kept: u64,
    /// Processes that never fired.
    pub never_fired: u64,
    /// Seconds from the start of this engine to its end.
    pub wall_seconds: f64,
    /// Seconds from the first start of a task to the last end of one, in this session.
    pub makespan_seconds: f64,
    /// Sum of the run times of this session's tasks, in seconds.
    pub work_seconds: f64,
    /// Run time of the heaviest chain of tasks of this session, in seconds.
    pub critical_path_seconds: f64,
    /// Slots that it ran with.
    pub slots: usize,
    /// Seconds spent writing the journal.
    pub journal_seconds: f64,
    /// Task types in order of first appearance.
    pub types: Vec<TypeReport>,
    /// What failed for good.
    pub failed: Vec<FailedTask>,
    /// File signals whose files were not there after their task had ended well.
    pub missing_files: Vec<String>,
    /// Signals that arrived at finished processes, with how many instances were dropped.
    pub dropped_signals: Vec<(String, u64)>,
}

impl Report {
    /// No schedule is shorter: the critical path, or the work shared by all slots.
    #[must_use]
    pub fn lower_bound_seconds(&self) -> f64 {
        self.critical_path_seconds.max(self.work_seconds / self.slots.max(1) as f64)
    }

    /// Lower bound by makespan, at most 1; `None` where nothing ran.
    #[must_use]
    pub fn efficiency(&self) -> Option<f64> {
        (self.makespan_seconds > 0.0)
            .then(|| (self.lower_bound_seconds() / self.makespan_seconds).min(1.0))
    }

    /// One line on what kept the run from being shorter.
    #[must_use]
    pub fn bound(&self) -> String {
        let shared = self.work_seconds / self.slots.max(1) as f64;
        let Some(efficiency) = self.efficiency() else { return "nothing ran".to_owned() };
        if efficiency < 0.7 {
            return format!(
                "waiting: only {:.0} % of the time is explained by tasks; they start late or one by one",
                efficiency * 100.0
            );
        }
        if self.critical_path_seconds > shared {
            format!(
                "the critical path ({:.2} s of dependent tasks): more slots would not help",
                self.critical_path_seconds
            )
        } else {
            format!(
                "the {} slots ({:.2} s of work for each): more slots would help",
                self.slots, shared
            )
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct TypeTally {
    done: u64,
    kept: u64,
    failed: u64,
    total_micros: u64,
    max_micros: u64,
    cpu_micros: u64,
    peak_kib: u64,
}

/// Counts while the run goes on.
#[derive(Debug)]
pub(super) struct Tally {
    slots: usize,
    types: Vec<TypeTally>,
    /// Run time of each process in this session, in seconds.
    seconds: Vec<f32>,
    fired: Vec<bool>,
    done: u64,
    kept: u64,
    work_micros: u64,
    first_start: u64,
    last_end: u64,
    missing: Vec<u32>,
}

impl Tally {
    pub(super) fn new(workflow: &Workflow, slots: usize) -> Self {
        Self {
            slots,
            types: vec![TypeTally::default(); workflow.types.len()],
            seconds: vec![0.0; workflow.process_count()],
            fired: vec![false; workflow.process_count()],
            done: 0,
            kept: 0,
            work_micros: 0,
            first_start: u64::MAX,
            last_end: 0,
            missing: Vec::new(),
        }
    }

    fn of_type(&mut self, workflow: &Workflow, process: u32) -> &mut TypeTally {
        &mut self.types[workflow.rows[process as usize].type_id as usize]
    }

    fn ran(&mut self, record: &TaskRecord) {
        let micros = record.took_micros();
        self.seconds[record.process as usize] += micros as f32 / 1e6;
        self.work_micros += micros;
        self.first_start = self.first_start.min(record.started_micros);
        self.last_end = self.last_end.max(record.ended_micros);
    }

    pub(super) fn missing(&mut self, files: &[(u32, Option<u64>)]) {
        self.missing.extend(files.iter().filter(|(_, size)| size.is_none()).map(|(s, _)| *s));
    }

    pub(super) fn started(&mut self, process: u32) {
        self.fired[process as usize] = true;
    }

    pub(super) fn finished(&mut self, workflow: &Workflow, record: &TaskRecord) {
        self.ran(record);
        self.done += 1;
        self.add_to_type(workflow, record).done += 1;
    }

    fn add_to_type(&mut self, workflow: &Workflow, record: &TaskRecord) -> &mut TypeTally {
        let micros = record.took_micros();
        let tally = self.of_type(workflow, record.process);
        tally.total_micros += micros;
        tally.max_micros = tally.max_micros.max(micros);
        tally.cpu_micros += record.cpu_micros;
        tally.peak_kib = tally.peak_kib.max(record.peak_kib);
        tally
    }

    pub(super) fn failed(&mut self, workflow: &Workflow, record: &TaskRecord) {
        self.ran(record);
        self.add_to_type(workflow, record).failed += 1;
    }

    /// Counts what an earlier engine finished.
    pub(super) fn replayed(&mut self, workflow: &Workflow, record: &TaskRecord) {
        if record.done {
            self.fired[record.process as usize] = true;
            self.kept += 1;
            self.of_type(workflow, record.process).kept += 1;
        }
    }

    pub(super) fn report(
        &self,
        workflow: &Workflow,
        status: Status,
        failed: Vec<FailedTask>,
        dropped_signals: Vec<(String, u64)>,
    ) -> Report {
        let critical = if self.done == 0 {
            0.0
        } else {
            graph::bottom_levels(workflow, |process| self.seconds[process as usize])
                .into_iter()
                .fold(0.0, f32::max)
        };
        let seconds = |micros: u64| micros as f64 / 1e6;
        let types = workflow.types.iter().zip(&self.types).map(|(name, tally)| TypeReport {
            name: name.clone(),
            done: tally.done,
            kept: tally.kept,
            failed: tally.failed,
            total_seconds: seconds(tally.total_micros),
            max_seconds: seconds(tally.max_micros),
            cpu_seconds: seconds(tally.cpu_micros),
            peak_memory_bytes: tally.peak_kib * 1024,
        });
        Report {
            status,
            done: self.done,
            kept: self.kept,
            never_fired: self.fired.iter().filter(|&&fired| !fired).count() as u64,
            wall_seconds: 0.0,
            makespan_seconds: seconds(self.last_end.saturating_sub(self.first_start)),
            work_seconds: seconds(self.work_micros),
            critical_path_seconds: f64::from(critical),
            slots: self.slots,
            journal_seconds: 0.0,
            types: types.collect(),
            failed,
            missing_files: self
                .missing
                .iter()
                .map(|&signal| workflow.signal(SignalId(signal)).name().to_owned())
                .collect(),
            dropped_signals,
        }
    }
}

/// The label of a failed task in its workflow.
impl FailedTask {
    /// Its name as shown to people.
    #[must_use]
    pub fn label(&self, workflow: &Workflow) -> String {
        workflow.process(ProcessId(self.task.process)).task_label(self.task.firing)
    }
}
