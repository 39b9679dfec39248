//! The marking of a workflow: which signals wait where, which processes may fire, who has finished.
//!
//! This is the pure half of the engine. It knows neither time nor tasks: it is told that a firing ended
//! with certain outputs and answers with the firings that this enabled. Its state is a function of the
//! sequence of these calls alone, which is what lets a journal bring a dead run back.
//!
//! The rules are HyperFlow's; where HyperFlow crashes, hangs or leaks (its shared count table, signals
//! to finished processes, sticky updates), `docs/hyperflow.md` says what happens here instead.

mod emit;
mod join;
mod queue;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::Value;

use crate::model::{Control, Count, Kind, SignalId, Workflow};
use queue::{Queue, Tokens};

/// One instance of a signal as a queue holds it: its value, or nothing but its presence.
pub(crate) type Token = Option<Arc<Value>>;

/// What one firing took from one of its data inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The signal.
    pub signal: SignalId,
    /// The instances taken, oldest first. `None`: an instance without data.
    pub values: Vec<Option<Arc<Value>>>,
}

/// What one firing emits.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Outputs {
    /// One instance without data on every data output (what a command emits).
    #[default]
    Plain,
    /// Nothing at all.
    Nothing,
    /// For each data output in order what it emits; outputs past the end are [`Output::plain`].
    Explicit(Vec<Output>),
}

/// What one firing emits on one of its data outputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// The values, an instance each; `None`: one instance without data.
    pub values: Option<Vec<Value>>,
    /// For a [`Kind::Choice`] process: whether this output was chosen.
    pub chosen: bool,
}

impl Output {
    /// One instance without data, not chosen.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    /// One instance a value.
    #[must_use]
    pub fn values(values: Vec<Value>) -> Self {
        Self { values: Some(values), chosen: false }
    }
}

/// A firing that was enabled and has taken its inputs.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    pub(crate) process: u32,
    /// Counts from 1 for each process.
    pub(crate) number: u32,
    /// What it took; `None` where there was nothing but presence and no one asks for it.
    pub(crate) inputs: Option<Arc<[Input]>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ProcessState {
    /// Required inputs that are not yet there (only for processes without special rules).
    missing: u32,
    fired: u32,
    running: u32,
    /// Interval sources: firings that were due while no more could run.
    owed: u32,
    /// No further firing.
    done: bool,
    finished: bool,
}

/// State that few processes need.
#[derive(Debug, Default)]
struct Special {
    /// `ordering`: the next firing whose outputs go out, and those that wait for it.
    next_to_emit: u32,
    held: BTreeMap<u32, Option<Outputs>>,
    /// All inputs are sticky: a new value has come since the last firing.
    fresh: bool,
    /// Join: in-ports in order of arrival, and the group being collected.
    arrivals: VecDeque<u32>,
    taken: Vec<u32>,
    group_fired: bool,
}

/// How a process decides that it may fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// One instance of every required input: a counter suffices.
    Counter,
    /// Counts or sticky inputs: look at every input.
    Scan,
    Join,
    /// No required input at all.
    Source,
}

/// The marking.
#[derive(Debug)]
pub(crate) struct Net {
    workflow: Arc<Workflow>,
    queues: Vec<Queue>,
    tokens: Tokens,
    port_process: Vec<u32>,
    states: Vec<ProcessState>,
    rules: Vec<Rule>,
    specials: HashMap<u32, Special>,
    /// Functions whose firings need their inputs even when these carry no data.
    wants_inputs: Vec<bool>,
    empty_object: Arc<Value>,
    unfinished: usize,
    finishing: Vec<u32>,
    /// Signals that came to finished processes, with how many instances.
    dropped: BTreeMap<u32, u64>,
}

impl Net {
    /// The marking before anything happened. `wants_inputs` says which functions look at their inputs.
    pub(crate) fn new(workflow: Arc<Workflow>, wants_inputs: impl Fn(&str) -> bool) -> Self {
        let count = workflow.process_count();
        let mut port_process = vec![0_u32; workflow.in_ports.len()];
        let mut states = vec![ProcessState::default(); count];
        let mut rules = Vec::with_capacity(count);
        let mut specials = HashMap::new();
        for process in 0..count as u32 {
            for port in workflow.ins_range(process) {
                port_process[port] = process;
            }
            let required = workflow.ins_of(process).iter();
            let required = required.filter(|&&signal| is_required(&workflow, signal)).count();
            states[process as usize].missing = required as u32;
            let rare = workflow.rare(process);
            let rule = if workflow.rows[process as usize].kind == Kind::Join {
                Rule::Join
            } else if required == 0 {
                Rule::Source
            } else if rare.is_some_and(|rare| !rare.in_counts.is_empty() || !rare.sticky.is_empty())
            {
                Rule::Scan
            } else {
                Rule::Counter
            };
            if rule == Rule::Join
                || rare.is_some_and(|rare| rare.ordering || !rare.sticky.is_empty())
            {
                specials.insert(process, Special { next_to_emit: 1, ..Special::default() });
            }
            rules.push(rule);
        }
        let wants_inputs = workflow.functions.iter().map(|name| wants_inputs(name)).collect();
        Self {
            queues: vec![Queue::default(); workflow.in_ports.len()],
            tokens: Tokens::default(),
            port_process,
            states,
            rules,
            specials,
            wants_inputs,
            empty_object: Arc::new(Value::Object(serde_json::Map::new())),
            unfinished: count,
            finishing: Vec::new(),
            dropped: BTreeMap::new(),
            workflow,
        }
    }

    /// Sends the initial signals and fires the sources.
    pub(crate) fn start(&mut self, ready: &mut Vec<Firing>) {
        let workflow = Arc::clone(&self.workflow);
        for process in 0..self.states.len() as u32 {
            if self.rules[process as usize] == Rule::Source {
                self.fire_if_enabled(process, ready);
            }
        }
        for (index, row) in workflow.signals.iter().enumerate() {
            if row.initial == 0 {
                continue;
            }
            let signal = index as u32;
            if workflow.text.get(row.data) == "[{}]" {
                let token = Some(Arc::clone(&self.empty_object));
                self.deliver(signal, &token, ready);
            } else {
                for value in workflow.signal(SignalId(signal)).initial_values() {
                    self.deliver(signal, &Some(Arc::new(value)), ready);
                }
            }
        }
        self.settle(ready);
    }

    /// A firing ended well.
    pub(crate) fn complete(
        &mut self,
        process: u32,
        number: u32,
        outputs: Outputs,
        ready: &mut Vec<Firing>,
    ) {
        self.end(process, number, Some(outputs), ready);
    }

    /// A firing failed for good: it emits nothing.
    pub(crate) fn fail(&mut self, process: u32, number: u32, ready: &mut Vec<Firing>) {
        self.end(process, number, None, ready);
    }

    /// A firing that failed is to run again.
    pub(crate) fn revive(&mut self, process: u32) {
        let state = &mut self.states[process as usize];
        state.running += 1;
        if std::mem::take(&mut state.finished) {
            self.unfinished += 1;
        }
    }

    /// The interval of a source has passed.
    pub(crate) fn tick(&mut self, process: u32, ready: &mut Vec<Firing>) {
        let state = &mut self.states[process as usize];
        if !state.done {
            state.owed += 1;
            self.fire_if_enabled(process, ready);
            self.settle(ready);
        }
    }

    /// Sources that fire again after an interval, with the interval in milliseconds.
    pub(crate) fn interval_sources(&self) -> Vec<(u32, u64)> {
        let processes = 0..self.states.len() as u32;
        processes
            .filter(|&process| self.rules[process as usize] == Rule::Source)
            .filter_map(|process| Some((process, self.interval(process)?)))
            .collect()
    }

    /// Whether an interval source may still fire.
    pub(crate) fn is_live(&self, process: u32) -> bool {
        !self.states[process as usize].done
    }

    /// How many processes have not finished.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// How often a process has fired.
    pub(crate) fn fired(&self, process: u32) -> u32 {
        self.states[process as usize].fired
    }

    /// Signals that arrived at finished processes, with how many instances were dropped.
    pub(crate) fn dropped(&self) -> &BTreeMap<u32, u64> {
        &self.dropped
    }

    /// Signals that the workflow takes from outside, that never came, and that someone still needs.
    pub(crate) fn waiting_for_outside(&self) -> Vec<u32> {
        let outside = self.workflow.outside_ins.iter().copied();
        outside
            .filter(|&signal| {
                self.workflow.signals[signal as usize].initial == 0
                    && self.workflow.producers.of(signal).is_empty()
                    && self.workflow.consumers.of(signal).iter().any(|&port| {
                        self.queues[port as usize].len == 0
                            && !self.states[self.port_process[port as usize] as usize].finished
                    })
            })
            .collect()
    }

    fn interval(&self, process: u32) -> Option<u64> {
        self.workflow.rare(process)?.firing_interval_ms
    }

    fn end(
        &mut self,
        process: u32,
        number: u32,
        outputs: Option<Outputs>,
        ready: &mut Vec<Firing>,
    ) {
        let ordered = self.workflow.rare(process).is_some_and(|rare| rare.ordering);
        if ordered {
            self.emit_in_order(process, number, outputs, ready);
        } else if let Some(outputs) = outputs {
            self.emit(process, outputs, ready);
        }
        let state = &mut self.states[process as usize];
        state.running = state.running.saturating_sub(1);
        if state.done && state.running == 0 {
            self.finishing.push(process);
        } else {
            self.fire_if_enabled(process, ready);
        }
        self.settle(ready);
    }

    /// Ends the processes that have become finished, with the `done` signals that this sends.
    fn settle(&mut self, ready: &mut Vec<Firing>) {
        while let Some(process) = self.finishing.pop() {
            let state = &mut self.states[process as usize];
            if state.finished || state.running > 0 {
                continue;
            }
            state.finished = true;
            self.unfinished -= 1;
            let workflow = Arc::clone(&self.workflow);
            for &signal in workflow.outs_of(process) {
                if workflow.signals[signal as usize].control == Some(Control::Done) {
                    self.deliver(signal, &None, ready);
                }
            }
        }
    }

    /// Puts one instance of a signal into the queue of each of its consumers.
    fn deliver(&mut self, signal: u32, token: &Token, ready: &mut Vec<Firing>) {
        let workflow = Arc::clone(&self.workflow);
        let control = workflow.signals[signal as usize].control;
        for at in workflow.consumers.range(signal) {
            let port = workflow.consumers.at(at);
            let process = self.port_process[port as usize];
            let state = &mut self.states[process as usize];
            if state.finished {
                *self.dropped.entry(signal).or_default() += 1;
                continue;
            }
            if control == Some(Control::Done) {
                state.done = true;
                if state.running == 0 {
                    self.finishing.push(process);
                }
                continue;
            }
            let queue = &mut self.queues[port as usize];
            let was_empty = queue.len == 0;
            match self.rules[process as usize] {
                // Neither needed nor looked at by a process that is no join.
                Rule::Counter if !is_required(&workflow, signal) => {}
                Rule::Counter => {
                    self.tokens.push(queue, token.clone());
                    if was_empty {
                        state.missing = state.missing.saturating_sub(1);
                    }
                    if state.missing == 0 {
                        self.fire_if_enabled(process, ready);
                    }
                }
                Rule::Scan => {
                    if is_sticky(&workflow, process, signal) {
                        while self.tokens.pop(queue).is_some() {}
                        if let Some(special) = self.specials.get_mut(&process) {
                            special.fresh = true;
                        }
                    }
                    self.tokens.push(queue, token.clone());
                    self.fire_if_enabled(process, ready);
                }
                Rule::Join => {
                    self.tokens.push(queue, token.clone());
                    if control.is_none()
                        && let Some(special) = self.specials.get_mut(&process)
                    {
                        special.arrivals.push_back(port);
                    }
                    self.fire_if_enabled(process, ready);
                }
                Rule::Source => self.tokens.push(queue, token.clone()),
            }
        }
    }

    /// Fires a process as often as its inputs and limits allow.
    fn fire_if_enabled(&mut self, process: u32, ready: &mut Vec<Firing>) {
        let workflow = Arc::clone(&self.workflow);
        let row = &workflow.rows[process as usize];
        let parallel = match workflow.rare(process).and_then(|rare| rare.parlevel) {
            Some(0) => u32::MAX,
            Some(level) => level,
            None => 1,
        };
        let once = self.rules[process as usize] == Rule::Source && self.interval(process).is_none();
        if self.rules[process as usize] == Rule::Join {
            self.discard_surplus(process);
        }
        loop {
            let state = &self.states[process as usize];
            if state.done || state.running >= parallel {
                return;
            }
            let inputs = match self.rules[process as usize] {
                Rule::Counter if state.missing > 0 => return,
                Rule::Counter => self.take_one_each(process, &workflow),
                Rule::Scan => match self.needs(process, &workflow) {
                    Some(needs) => Some(self.take(process, &needs, &workflow)),
                    None => return,
                },
                Rule::Join => match self.next_group(process) {
                    Some(ports) => Some(self.take_group(process, &ports)),
                    None => return,
                },
                Rule::Source => {
                    if !self.source_may_fire(process, row.firing_limit) {
                        return;
                    }
                    None
                }
            };
            let state = &mut self.states[process as usize];
            state.fired += 1;
            state.running += 1;
            // A source without limit and interval would fire for ever as fast as it can: it fires once.
            if state.fired == row.firing_limit || (once && row.firing_limit == 0) {
                state.done = true;
            }
            ready.push(Firing { process, number: state.fired, inputs });
        }
    }

    /// A source fires at the start, then by its interval, or again at once while a limit is left.
    fn source_may_fire(&mut self, process: u32, limit: u32) -> bool {
        let has_interval = self.interval(process).is_some();
        let state = &mut self.states[process as usize];
        if state.fired == 0 {
            true
        } else if has_interval {
            let due = state.owed > 0;
            state.owed = state.owed.saturating_sub(1);
            due
        } else {
            limit > 0
        }
    }

    fn capture(&self, process: u32, token: &Token) -> bool {
        let function = self.workflow.rows[process as usize].function;
        self.wants_inputs[function as usize]
            || token.as_ref().is_some_and(|value| {
                !Arc::ptr_eq(value, &self.empty_object)
                    && !value.as_object().is_some_and(serde_json::Map::is_empty)
            })
    }

    fn take_one_each(&mut self, process: u32, workflow: &Workflow) -> Option<Arc<[Input]>> {
        let mut captured = Vec::new();
        let mut wanted = false;
        for port in workflow.ins_range(process) {
            let signal = workflow.in_ports[port];
            if !is_required(workflow, signal) {
                continue;
            }
            let queue = &mut self.queues[port];
            let Some(token) = self.tokens.pop(queue) else { continue };
            if queue.len == 0 {
                self.states[process as usize].missing += 1;
            }
            if workflow.signals[signal as usize].control.is_none() {
                if !wanted && self.capture(process, &token) {
                    wanted = true;
                    // What came before carried no data.
                    captured = workflow.in_ports[workflow.ins_range(process).start..port]
                        .iter()
                        .filter(|&&earlier| workflow.signals[earlier as usize].control.is_none())
                        .map(|&earlier| Input { signal: SignalId(earlier), values: vec![None] })
                        .collect();
                }
                if wanted {
                    captured.push(Input { signal: SignalId(signal), values: vec![token] });
                }
            }
        }
        wanted.then(|| captured.into())
    }

    /// For a process with counts or sticky inputs: how many of each in-port, or `None` while not all are there.
    fn needs(&self, process: u32, workflow: &Workflow) -> Option<Vec<usize>> {
        let rare = workflow.rare(process)?;
        let range = workflow.ins_range(process);
        let mut needs = vec![1_usize; range.len()];
        for &(at, count) in &rare.in_counts {
            needs[at as usize] = match count {
                Count::Fixed(count) => count as usize,
                Count::Signal(signal) => {
                    let local = workflow.ins_of(process).iter().position(|&s| s == signal)?;
                    let value = self.tokens.front(&self.queues[range.start + local])?;
                    value.as_ref().and_then(|value| value.as_u64()).unwrap_or(1) as usize
                }
            };
        }
        let mut consumes = false;
        for (local, port) in range.enumerate() {
            let signal = workflow.in_ports[port];
            if !is_required(workflow, signal) {
                needs[local] = 0;
                continue;
            }
            if (self.queues[port].len as usize) < needs[local] {
                return None;
            }
            consumes |= !rare.sticky.contains(&signal);
        }
        if !consumes && !self.specials.get(&process).is_some_and(|special| special.fresh) {
            return None;
        }
        Some(needs)
    }

    fn take(&mut self, process: u32, needs: &[usize], workflow: &Workflow) -> Arc<[Input]> {
        let mut inputs = Vec::new();
        for (local, port) in workflow.ins_range(process).enumerate() {
            let signal = workflow.in_ports[port];
            let queue = &mut self.queues[port];
            let sticky = is_sticky(workflow, process, signal);
            let mut values = Vec::with_capacity(needs[local]);
            for _ in 0..needs[local] {
                let token =
                    if sticky { self.tokens.front(queue).cloned() } else { self.tokens.pop(queue) };
                values.extend(token);
            }
            if workflow.signals[signal as usize].control.is_none() {
                inputs.push(Input { signal: SignalId(signal), values });
            }
        }
        if let Some(special) = self.specials.get_mut(&process) {
            special.fresh = false;
        }
        inputs.into()
    }
}

/// Data, `count` and `next` inputs are needed for a firing; `done` and `merge` are not.
fn is_required(workflow: &Workflow, signal: u32) -> bool {
    matches!(workflow.signals[signal as usize].control, None | Some(Control::Count | Control::Next))
}

fn is_sticky(workflow: &Workflow, process: u32, signal: u32) -> bool {
    workflow.rare(process).is_some_and(|rare| rare.sticky.contains(&signal))
}

#[cfg(test)]
mod tests;
