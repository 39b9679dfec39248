//! The model of a workflow: processes joined by signals, as HyperFlow defines them.
//!
//! A [`Workflow`] is read only and compact: flat arrays of `u32` indexes and spans into one text buffer,
//! so that a million processes take some hundred bytes each. [`Process`] and [`Signal`] are views into it.

mod builder;
mod command;
mod hyperflow;
mod text;
mod variables;
mod wfformat;

use std::ops::Range;

use hashbrown::HashMap;

pub use command::{Command, Redirect, parse_bytes};
pub use variables::Variables;

pub(crate) use builder::{Builder, RefFault, RefList, RefProblem};
pub(crate) use command::{RawConfig, RawExecutor};
pub(crate) use hyperflow::{
    CONTROLS, KINDS, parse_control, parse_flag, parse_kind, read as read_json,
};
pub(crate) use text::{Span, Text};

/// Index of a process in the file's order, from 0. Shown to people from 1, as HyperFlow does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

/// Index of a signal in the file's order, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(pub u32);

/// How a process fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Fires when every required input is there; emits every output.
    Dataflow,
    /// As dataflow, but emits only the outputs that its function chose.
    Choice,
    /// Fires with the first branches that arrive and discards the rest of their group.
    Join,
}

/// What a signal is for, besides carrying data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Emitted after each firing; required for each firing.
    Next,
    /// Ends the process that receives it; emitted when its producer has ended.
    Done,
    /// Carries how many instances of another signal belong together.
    Count,
    /// Tells a join how many branches a choice activated.
    Merge,
}

/// The format that a workflow was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// HyperFlow's `workflow.json`.
    HyperFlow,
    /// An instance of WfCommons' WfFormat: it can be simulated or replayed, not run as such.
    WfFormat,
}

/// How many instances of an input one firing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Fixed(u32),
    /// As many as the oldest instance of this `count` signal says.
    Signal(u32),
}

/// Attributes that few processes have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rare {
    pub(crate) parlevel: Option<u32>,
    pub(crate) ordering: bool,
    pub(crate) sticky: Vec<u32>,
    pub(crate) join_count: Option<u32>,
    pub(crate) active_branches: Option<u32>,
    pub(crate) firing_interval_ms: Option<u64>,
    /// (position among the process's ins, count).
    pub(crate) in_counts: Vec<(u32, Count)>,
    /// (position among the process's outs, count signal).
    pub(crate) out_counts: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessRow {
    pub(crate) name: Span,
    pub(crate) config: Span,
    pub(crate) type_id: u32,
    pub(crate) function: u32,
    pub(crate) first_in: u32,
    pub(crate) first_out: u32,
    /// 0: unlimited.
    pub(crate) firing_limit: u32,
    pub(crate) kind: Kind,
    pub(crate) has_rare: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SignalRow {
    pub(crate) name: Span,
    /// The JSON text of `data`; empty where there is none.
    pub(crate) data: Span,
    pub(crate) initial: u32,
    pub(crate) control: Option<Control>,
    pub(crate) is_file: bool,
}

/// For each signal the places that use it, as one flat array.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Uses {
    /// Groups `items[i]` by `keys[i]`, keeping their order.
    pub(crate) fn group(count: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for (key, _) in pairs.clone() {
            starts[key as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut items = vec![0_u32; starts.last().copied().unwrap_or(0) as usize];
        for (key, item) in pairs {
            let at = &mut next[key as usize];
            items[*at as usize] = item;
            *at += 1;
        }
        Self { starts, items }
    }

    pub(crate) fn of(&self, key: u32) -> &[u32] {
        &self.items[self.range(key)]
    }

    pub(crate) fn range(&self, key: u32) -> Range<usize> {
        self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize
    }

    pub(crate) fn at(&self, position: usize) -> u32 {
        self.items[position]
    }
}

/// A loaded workflow.
#[derive(Debug)]
pub struct Workflow {
    pub(crate) text: Text,
    pub(crate) format: Format,
    pub(crate) name: Span,
    /// One row a process, and a last one that only closes the ranges of ports.
    pub(crate) rows: Vec<ProcessRow>,
    pub(crate) signals: Vec<SignalRow>,
    pub(crate) in_ports: Vec<u32>,
    pub(crate) out_ports: Vec<u32>,
    pub(crate) types: Vec<String>,
    pub(crate) functions: Vec<String>,
    pub(crate) rare: HashMap<u32, Rare>,
    /// Recorded run times in seconds (WfFormat), one a process; negative where unknown.
    pub(crate) runtimes: Vec<f32>,
    pub(crate) outside_ins: Vec<u32>,
    pub(crate) outside_outs: Vec<u32>,
    /// Signals with `remoteSinks`, which nothing here serves.
    pub(crate) remote_sinks: Vec<u32>,
    /// Variables that were used but not set.
    pub(crate) unset_variables: Vec<String>,
    /// signal -> in-ports.
    pub(crate) consumers: Uses,
    /// signal -> producing processes.
    pub(crate) producers: Uses,
}

impl Workflow {
    /// The workflow's name; empty where the file has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(self.name)
    }

    /// The format it was read from.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Number of processes.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.rows.len() - 1
    }

    /// Number of signals.
    #[must_use]
    pub fn signal_count(&self) -> usize {
        self.signals.len()
    }

    /// All processes, in the file's order.
    #[must_use]
    pub fn processes(&self) -> impl ExactSizeIterator<Item = Process<'_>> {
        (0..self.process_count() as u32).map(|index| self.process(ProcessId(index)))
    }

    /// All signals, in the file's order.
    #[must_use]
    pub fn signals(&self) -> impl ExactSizeIterator<Item = Signal<'_>> {
        (0..self.signals.len() as u32).map(|index| self.signal(SignalId(index)))
    }

    /// A process by its index.
    ///
    /// # Panics
    /// When the index is not below [`Workflow::process_count`].
    #[must_use]
    pub fn process(&self, id: ProcessId) -> Process<'_> {
        assert!((id.0 as usize) < self.process_count(), "process index {} out of range", id.0);
        Process { workflow: self, id }
    }

    /// A signal by its index.
    ///
    /// # Panics
    /// When the index is not below [`Workflow::signal_count`].
    #[must_use]
    pub fn signal(&self, id: SignalId) -> Signal<'_> {
        assert!((id.0 as usize) < self.signals.len(), "signal index {} out of range", id.0);
        Signal { workflow: self, id }
    }

    /// The names of task types, in order of first appearance; [`Process::type_index`] points here.
    #[must_use]
    pub fn type_names(&self) -> &[String] {
        &self.types
    }

    /// Signals that the whole workflow takes from outside.
    #[must_use]
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Signal<'_>> {
        self.outside_ins.iter().map(|&signal| self.signal(SignalId(signal)))
    }

    /// Signals that the whole workflow is there for.
    #[must_use]
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Signal<'_>> {
        self.outside_outs.iter().map(|&signal| self.signal(SignalId(signal)))
    }

    /// The text that it was read from.
    #[must_use]
    pub fn file_text(&self) -> &str {
        self.text.file()
    }

    pub(crate) fn into_file_text(self) -> String {
        self.text.into_file()
    }

    pub(crate) fn ins_range(&self, process: u32) -> Range<usize> {
        let process = process as usize;
        self.rows[process].first_in as usize..self.rows[process + 1].first_in as usize
    }

    pub(crate) fn ins_of(&self, process: u32) -> &[u32] {
        &self.in_ports[self.ins_range(process)]
    }

    pub(crate) fn outs_of(&self, process: u32) -> &[u32] {
        let process = process as usize;
        let range =
            self.rows[process].first_out as usize..self.rows[process + 1].first_out as usize;
        &self.out_ports[range]
    }

    pub(crate) fn rare(&self, process: u32) -> Option<&Rare> {
        if self.rows[process as usize].has_rare { self.rare.get(&process) } else { None }
    }

    /// Recorded run time in seconds of a process (WfFormat instances only).
    #[must_use]
    pub fn recorded_seconds(&self, id: ProcessId) -> Option<f64> {
        let seconds = self.runtimes.get(id.0 as usize).copied()?;
        (seconds >= 0.0).then_some(f64::from(seconds))
    }
}

/// A view of one process.
#[derive(Debug, Clone, Copy)]
pub struct Process<'a> {
    workflow: &'a Workflow,
    id: ProcessId,
}

impl<'a> Process<'a> {
    fn row(&self) -> &'a ProcessRow {
        &self.workflow.rows[self.id.0 as usize]
    }

    /// Its index.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Its name: in HyperFlow's files the task type, in WfFormat the task's own name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.workflow.text.get(self.row().name)
    }

    /// The task type: what run times, logs and progress are grouped by.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        &self.workflow.types[self.row().type_id as usize]
    }

    /// Index of the task type in [`Workflow::type_names`].
    #[must_use]
    pub fn type_index(&self) -> usize {
        self.row().type_id as usize
    }

    /// The function that a firing invokes; empty where the file leaves it open.
    #[must_use]
    pub fn function(&self) -> &'a str {
        &self.workflow.functions[self.row().function as usize]
    }

    /// How it fires.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.row().kind
    }

    /// How often it may fire; `None`: no limit.
    #[must_use]
    pub fn firing_limit(&self) -> Option<u32> {
        match self.row().firing_limit {
            0 => None,
            limit => Some(limit),
        }
    }

    /// How many of its firings may run at once; `None`: no limit.
    #[must_use]
    pub fn parallel_limit(&self) -> Option<u32> {
        match self.workflow.rare(self.id.0).and_then(|rare| rare.parlevel) {
            Some(0) => None,
            Some(level) => Some(level),
            None => Some(1),
        }
    }

    /// Its input signals, control signals included.
    #[must_use]
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Signal<'a>> + use<'a> {
        let workflow = self.workflow;
        workflow.ins_of(self.id.0).iter().map(move |&signal| workflow.signal(SignalId(signal)))
    }

    /// Its output signals, control signals included.
    #[must_use]
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Signal<'a>> + use<'a> {
        let workflow = self.workflow;
        workflow.outs_of(self.id.0).iter().map(move |&signal| workflow.signal(SignalId(signal)))
    }

    /// The JSON text of its `config` object; empty where it has none.
    #[must_use]
    pub fn config_json(&self) -> &'a str {
        self.workflow.text.get(self.row().config)
    }

    /// The command that it runs; `None` where it has no executable.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        if self.workflow.format == Format::WfFormat || self.config_json().is_empty() {
            return None;
        }
        // The loader has read this text once with the same types, so it cannot fail here.
        let config: RawConfig<'_> = serde_json::from_str(self.config_json()).ok()?;
        config
            .executor
            .filter(|raw| raw.executable.is_some())
            .map(command::RawExecutor::into_command)
    }

    /// The name of one of its firings, as shown to people: `mProject#12`, or `Sqr#1.3` where a process
    /// can fire more than once.
    #[must_use]
    pub fn task_label(&self, firing: u32) -> String {
        let number = self.id.0 + 1;
        if self.row().firing_limit == 1 {
            format!("{}#{number}", self.type_name())
        } else {
            format!("{}#{number}.{firing}", self.type_name())
        }
    }
}

/// A view of one signal.
#[derive(Debug, Clone, Copy)]
pub struct Signal<'a> {
    workflow: &'a Workflow,
    id: SignalId,
}

impl<'a> Signal<'a> {
    fn row(&self) -> &'a SignalRow {
        &self.workflow.signals[self.id.0 as usize]
    }

    /// Its index.
    #[must_use]
    pub fn id(&self) -> SignalId {
        self.id
    }

    /// Its name; for a file signal the file's path.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.workflow.text.get(self.row().name)
    }

    /// What it controls; `None` for a data signal.
    #[must_use]
    pub fn control(&self) -> Option<Control> {
        self.row().control
    }

    /// Whether the format says that its name is a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.row().is_file
    }

    /// How many instances are there at the start.
    #[must_use]
    pub fn initial_count(&self) -> usize {
        self.row().initial as usize
    }

    /// Whether the file gives it a `data` array, even an empty one.
    #[must_use]
    pub fn has_data(&self) -> bool {
        !self.row().data.is_empty()
    }

    /// The instances that are there at the start, as many as [`Signal::initial_count`] says. One with a
    /// number beyond the range of `f64` is null, which is what JavaScript makes of infinity.
    #[must_use]
    pub fn initial_values(&self) -> Vec<serde_json::Value> {
        let text = self.workflow.text.get(self.row().data);
        serde_json::from_str(text).unwrap_or_else(|_| {
            // The loader has read this text once as an array of anything, so this cannot fail here.
            let items: Vec<&serde_json::value::RawValue> =
                serde_json::from_str(text).unwrap_or_default();
            items.iter().map(|item| serde_json::from_str(item.get()).unwrap_or_default()).collect()
        })
    }

    /// The processes that produce it.
    #[must_use]
    pub fn producers(&self) -> impl ExactSizeIterator<Item = Process<'a>> + use<'a> {
        let workflow = self.workflow;
        workflow.producers.of(self.id.0).iter().map(move |&p| workflow.process(ProcessId(p)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_does_not_take_the_other_instances_along() {
        let text = r#"{"processes": [{"name": "t", "ins": ["a"]}],
                       "signals": [{"name": "a", "data": [1, 1e+309, "x"]}], "ins": ["a"]}"#;
        let workflow = Workflow::parse(text, &Variables::new()).unwrap();
        let signal = workflow.signal(SignalId(0));
        assert_eq!(signal.initial_count(), 3);
        assert_eq!(signal.initial_values(), [1.into(), serde_json::Value::Null, "x".into()]);
    }
}
