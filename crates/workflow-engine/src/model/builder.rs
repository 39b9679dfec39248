//! From what a file says to a [`Workflow`]: collects rows, then resolves references.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::text::{ExtraText, Span, Text};
use super::{Control, Count, Format, Kind, ProcessRow, Rare, SignalRow, Uses, Variables, Workflow};

/// A reference to a signal as the file writes it.
#[derive(Debug, Clone)]
pub(crate) enum RawRef<'a> {
    Index(u64),
    Name(Cow<'a, str>),
    /// Already reported as wrong: nothing more is to be said about it.
    Ignored,
}

/// A process as the file writes it.
#[derive(Debug)]
pub(crate) struct NewProcess<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) type_name: Option<Cow<'a, str>>,
    pub(crate) kind: Kind,
    pub(crate) function: Cow<'a, str>,
    /// JSON text of `config`, variables expanded.
    pub(crate) config: Option<Cow<'a, str>>,
    pub(crate) firing_limit: u32,
    pub(crate) ins: Vec<RawRef<'a>>,
    pub(crate) outs: Vec<RawRef<'a>>,
    pub(crate) sticky: Vec<RawRef<'a>>,
    pub(crate) rare: Option<Rare>,
    pub(crate) runtime: Option<f32>,
}

/// A signal as the file writes it.
#[derive(Debug)]
pub(crate) struct NewSignal<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) data: Option<Cow<'a, str>>,
    pub(crate) initial: u32,
    pub(crate) control: Option<Control>,
    pub(crate) is_file: bool,
}

/// Which list a reference stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefList {
    ProcessIns(u32),
    ProcessOuts(u32),
    ProcessSticky(u32),
    WorkflowIns,
    WorkflowOuts,
}

/// A reference that does not resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefProblem {
    pub(crate) list: RefList,
    pub(crate) position: u32,
    pub(crate) fault: RefFault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RefFault {
    IndexOutOfRange {
        index: u64,
        signals: u32,
    },
    Unknown {
        name: String,
    },
    Ambiguous {
        name: String,
    },
    /// `sig:0`
    ZeroCount {
        name: String,
    },
    /// `sig:x` where `x` is a signal, but not a `count` control signal.
    NotACount {
        name: String,
        count: String,
    },
}

const NAMED: u32 = 1 << 31;
const IGNORED: u32 = u32::MAX;

/// Lists of references of every process: flat, in the file's order.
#[derive(Debug, Default)]
struct Refs {
    refs: Vec<u32>,
    ends: Vec<u32>,
}

impl Refs {
    fn close(&mut self) {
        self.ends.push(self.refs.len() as u32);
    }

    fn of(&self, process: usize) -> &[u32] {
        let start = if process == 0 { 0 } else { self.ends[process - 1] as usize };
        &self.refs[start..self.ends[process] as usize]
    }
}

/// Too many or too long: what the 32-bit indexes of the model cannot hold.
#[derive(Debug)]
pub(crate) struct TooLarge;

/// Collects a workflow while its file is read.
pub(crate) struct Builder<'v> {
    pub(crate) extra: ExtraText,
    pub(crate) variables: &'v Variables,
    pub(crate) format: Format,
    name: Span,
    rows: Vec<ProcessRow>,
    ins: Refs,
    outs: Refs,
    sticky: Vec<(u32, Vec<u32>)>,
    outside_ins: Vec<u32>,
    outside_outs: Vec<u32>,
    named: Vec<Span>,
    /// Indexes too large for a `u32`, kept for the report.
    huge: Vec<(RefList, u32, u64)>,
    signals: Vec<SignalRow>,
    rare: HashMap<u32, Rare>,
    runtimes: Vec<f32>,
    types: Interner,
    functions: Interner,
    pub(crate) remote_sinks: Vec<u32>,
}

#[derive(Debug, Default)]
struct Interner {
    names: Vec<String>,
    index: HashMap<String, u32>,
}

impl Interner {
    fn id(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.index.get(name) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.index.insert(name.to_owned(), id);
        id
    }
}

impl<'v> Builder<'v> {
    pub(crate) fn new(file: &str, variables: &'v Variables) -> Self {
        Self {
            extra: ExtraText::new(file),
            variables,
            format: Format::HyperFlow,
            name: Span::EMPTY,
            rows: Vec::new(),
            ins: Refs::default(),
            outs: Refs::default(),
            sticky: Vec::new(),
            outside_ins: Vec::new(),
            outside_outs: Vec::new(),
            named: Vec::new(),
            huge: Vec::new(),
            signals: Vec::new(),
            rare: HashMap::new(),
            runtimes: Vec::new(),
            types: Interner::default(),
            functions: Interner::default(),
            remote_sinks: Vec::new(),
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.name = self.expanded(name);
    }

    /// Expands variables and stores the string.
    fn expanded(&mut self, text: &str) -> Span {
        if Variables::occur_in(text) {
            let expanded = self.variables.expand(text).into_owned();
            self.extra.push(&expanded)
        } else {
            self.extra.borrowed(text)
        }
    }

    /// Stores JSON text, with variables expanded inside its strings.
    fn expanded_json(&mut self, json: &str) -> Span {
        match self.variables.expand_json(json) {
            Cow::Owned(expanded) => self.extra.push(&expanded),
            Cow::Borrowed(json) => self.extra.borrowed(json),
        }
    }

    fn reference(&mut self, raw: RawRef<'_>, list: RefList, position: usize) -> u32 {
        match raw {
            RawRef::Ignored => IGNORED,
            RawRef::Index(index) if index < u64::from(NAMED) => index as u32,
            RawRef::Index(index) => {
                self.huge.push((list, position as u32, index));
                IGNORED
            }
            RawRef::Name(name) => {
                let span = self.expanded(&name);
                self.named.push(span);
                NAMED | (self.named.len() - 1) as u32
            }
        }
    }

    pub(crate) fn workflow_refs(&mut self, refs: Vec<RawRef<'_>>, list: RefList) {
        let resolved = refs
            .into_iter()
            .enumerate()
            .map(|(position, raw)| self.reference(raw, list, position))
            .collect();
        match list {
            RefList::WorkflowIns => self.outside_ins = resolved,
            _ => self.outside_outs = resolved,
        }
    }

    pub(crate) fn push_process(&mut self, process: NewProcess<'_>) {
        let index = self.rows.len() as u32;
        for (at, raw) in process.ins.into_iter().enumerate() {
            let raw = self.reference(raw, RefList::ProcessIns(index), at);
            self.ins.refs.push(raw);
        }
        self.ins.close();
        for (at, raw) in process.outs.into_iter().enumerate() {
            let raw = self.reference(raw, RefList::ProcessOuts(index), at);
            self.outs.refs.push(raw);
        }
        self.outs.close();
        if !process.sticky.is_empty() {
            let list = RefList::ProcessSticky(index);
            let refs = process.sticky.into_iter().enumerate();
            let refs = refs.map(|(at, raw)| self.reference(raw, list, at)).collect();
            self.sticky.push((index, refs));
        }
        let type_id = if let Some(name) = &process.type_name {
            self.types.id(name)
        } else {
            let name = self.variables.expand(&process.name);
            self.types.id(&name)
        };
        let function = self.variables.expand(&process.function);
        let function = self.functions.id(&function);
        if let Some(rare) = process.rare {
            self.rare.insert(index, rare);
        }
        if let Some(runtime) = process.runtime {
            self.runtimes.resize(index as usize, -1.0);
            self.runtimes.push(runtime);
        }
        let row = ProcessRow {
            name: self.expanded(&process.name),
            config: process.config.map_or(Span::EMPTY, |config| self.extra.borrowed(&config)),
            type_id,
            function,
            first_in: 0,
            first_out: 0,
            firing_limit: process.firing_limit,
            kind: process.kind,
            has_rare: false,
        };
        self.rows.push(row);
    }

    pub(crate) fn push_signal(&mut self, signal: NewSignal<'_>) -> u32 {
        let row = SignalRow {
            name: self.expanded(&signal.name),
            data: signal.data.map_or(Span::EMPTY, |data| self.expanded_json(&data)),
            initial: signal.initial,
            control: signal.control,
            is_file: signal.is_file,
        };
        self.signals.push(row);
        (self.signals.len() - 1) as u32
    }

    /// Resolves all references. What does not resolve is left out and reported.
    pub(crate) fn finish(mut self, file: String) -> Result<(Workflow, Vec<RefProblem>), TooLarge> {
        if self.rows.len() >= NAMED as usize
            || self.signals.len() >= NAMED as usize
            || self.extra.total_len() > u32::MAX as usize
        {
            return Err(TooLarge);
        }
        let names = if self.named.is_empty() {
            HashMap::new()
        } else {
            name_index(&self.signals, &self.extra, &file)
        };
        let mut resolver = Resolver {
            names,
            signals: &self.signals,
            named: &self.named,
            extra: &self.extra,
            file: &file,
            problems: self
                .huge
                .iter()
                .map(|&(list, position, index)| RefProblem {
                    list,
                    position,
                    fault: RefFault::IndexOutOfRange { index, signals: self.signals.len() as u32 },
                })
                .collect(),
        };
        let mut in_ports = Vec::with_capacity(self.ins.refs.len());
        let mut out_ports = Vec::with_capacity(self.outs.refs.len());
        let mut ports = Vec::new();
        for (index, row) in self.rows.iter_mut().enumerate() {
            let process = index as u32;
            row.first_in = in_ports.len() as u32;
            ports.clear();
            resolver.list(self.ins.of(index), RefList::ProcessIns(process), &mut ports);
            let counts = distinct(&mut ports);
            in_ports.extend(ports.iter().map(|port| port.signal));
            if counts {
                let rare = self.rare.entry(process).or_default();
                rare.in_counts = ports
                    .iter()
                    .enumerate()
                    .filter_map(|(at, port)| Some((at as u32, port.count?)))
                    .collect();
                add_count_signals(&ports, &mut in_ports, row.first_in as usize);
            }

            row.first_out = out_ports.len() as u32;
            ports.clear();
            resolver.list(self.outs.of(index), RefList::ProcessOuts(process), &mut ports);
            let counts = distinct(&mut ports);
            out_ports.extend(ports.iter().map(|port| port.signal));
            if counts {
                let rare = self.rare.entry(process).or_default();
                rare.out_counts = ports
                    .iter()
                    .enumerate()
                    .filter_map(|(at, port)| match port.count? {
                        Count::Signal(count) => Some((at as u32, count)),
                        Count::Fixed(_) => None,
                    })
                    .collect();
                add_count_signals(&ports, &mut out_ports, row.first_out as usize);
            }
        }
        for (process, refs) in &self.sticky {
            ports.clear();
            resolver.list(refs, RefList::ProcessSticky(*process), &mut ports);
            self.rare.entry(*process).or_default().sticky =
                ports.iter().map(|port| port.signal).collect();
        }
        for process in self.rare.keys() {
            self.rows[*process as usize].has_rare = true;
        }
        let mut of_workflow = |refs: &[u32], list| {
            let mut ports = Vec::new();
            resolver.list(refs, list, &mut ports);
            distinct(&mut ports);
            ports.iter().map(|port| port.signal).collect::<Vec<_>>()
        };
        let outside_ins = of_workflow(&self.outside_ins, RefList::WorkflowIns);
        let outside_outs = of_workflow(&self.outside_outs, RefList::WorkflowOuts);
        let problems = resolver.into_problems();

        let count = self.signals.len();
        let consumers =
            Uses::group(count, in_ports.iter().enumerate().map(|(at, &s)| (s, at as u32)));
        let producers = {
            let rows = &self.rows;
            let out_ports = &out_ports;
            let pairs = (0..rows.len()).flat_map(move |at| {
                let end = rows.get(at + 1).map_or(out_ports.len(), |next| next.first_out as usize);
                out_ports[rows[at].first_out as usize..end].iter().map(move |&s| (s, at as u32))
            });
            Uses::group(count, pairs)
        };
        self.rows.push(ProcessRow {
            name: Span::EMPTY,
            config: Span::EMPTY,
            type_id: 0,
            function: 0,
            first_in: in_ports.len() as u32,
            first_out: out_ports.len() as u32,
            firing_limit: 0,
            kind: Kind::Dataflow,
            has_rare: false,
        });
        if !self.runtimes.is_empty() {
            self.runtimes.resize(self.rows.len() - 1, -1.0);
        }
        let workflow = Workflow {
            text: Text::from_parts(file, self.extra),
            format: self.format,
            name: self.name,
            rows: self.rows,
            signals: self.signals,
            in_ports,
            out_ports,
            types: self.types.names,
            functions: self.functions.names,
            rare: self.rare,
            runtimes: self.runtimes,
            outside_ins,
            outside_outs,
            remote_sinks: self.remote_sinks,
            unset_variables: self.variables.unset_names(),
            consumers,
            producers,
        };
        Ok((workflow, problems))
    }
}

/// A `count` signal named by a modifier is an input or output of the process even if not listed.
fn add_count_signals(ports: &[Port], flat: &mut Vec<u32>, first: usize) {
    for port in ports {
        if let Some(Count::Signal(count)) = port.count
            && !flat[first..].contains(&count)
        {
            flat.push(count);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Port {
    signal: u32,
    count: Option<Count>,
}

/// Keeps each signal once, at its last position. Says whether any port has a count.
fn distinct(ports: &mut Vec<Port>) -> bool {
    let counts = ports.iter().any(|port| port.count.is_some());
    if ports.len() <= 16 {
        let mut at = 0;
        while at < ports.len() {
            if ports[at + 1..].iter().any(|later| later.signal == ports[at].signal) {
                ports.remove(at);
            } else {
                at += 1;
            }
        }
    } else {
        let mut last: HashMap<u32, usize> = HashMap::with_capacity(ports.len());
        for (at, port) in ports.iter().enumerate() {
            last.insert(port.signal, at);
        }
        if last.len() < ports.len() {
            let mut at = 0;
            ports.retain(|port| {
                at += 1;
                last.get(&port.signal) == Some(&(at - 1))
            });
        }
    }
    counts
}

const AMBIGUOUS: u32 = u32::MAX;

fn name_index<'t>(
    signals: &[SignalRow],
    extra: &'t ExtraText,
    file: &'t str,
) -> HashMap<&'t str, u32> {
    let mut index = HashMap::with_capacity(signals.len());
    for (at, signal) in signals.iter().enumerate() {
        index
            .entry(extra.get(file, signal.name))
            .and_modify(|known| *known = AMBIGUOUS)
            .or_insert(at as u32);
    }
    index
}

struct Resolver<'t> {
    names: HashMap<&'t str, u32>,
    signals: &'t [SignalRow],
    named: &'t [Span],
    extra: &'t ExtraText,
    file: &'t str,
    problems: Vec<RefProblem>,
}

impl Resolver<'_> {
    fn into_problems(self) -> Vec<RefProblem> {
        self.problems
    }

    fn list(&mut self, refs: &[u32], list: RefList, ports: &mut Vec<Port>) {
        for (position, &raw) in refs.iter().enumerate() {
            if raw == IGNORED {
                continue;
            }
            match self.one(raw) {
                Ok(port) => ports.push(port),
                Err(fault) => {
                    self.problems.push(RefProblem { list, position: position as u32, fault });
                }
            }
        }
    }

    fn one(&self, raw: u32) -> Result<Port, RefFault> {
        if raw & NAMED == 0 {
            let signals = self.signals.len() as u32;
            return if raw < signals {
                Ok(Port { signal: raw, count: None })
            } else {
                Err(RefFault::IndexOutOfRange { index: u64::from(raw), signals })
            };
        }
        let name = self.extra.get(self.file, self.named[(raw & !NAMED) as usize]);
        match self.names.get(name) {
            Some(&AMBIGUOUS) => return Err(RefFault::Ambiguous { name: name.to_owned() }),
            Some(&signal) => return Ok(Port { signal, count: None }),
            None => {}
        }
        // `signal:count`: the count is what follows the last colon.
        let Some((base, count)) = name.rsplit_once(':') else {
            return Err(RefFault::Unknown { name: name.to_owned() });
        };
        let signal = match self.names.get(base) {
            Some(&AMBIGUOUS) => return Err(RefFault::Ambiguous { name: base.to_owned() }),
            Some(&signal) => signal,
            None => return Err(RefFault::Unknown { name: base.to_owned() }),
        };
        let not_a_count = || RefFault::NotACount { name: name.to_owned(), count: count.to_owned() };
        let count = match count.parse::<u32>() {
            Ok(0) => return Err(RefFault::ZeroCount { name: name.to_owned() }),
            Ok(count) => Count::Fixed(count),
            Err(_) => match self.names.get(count) {
                Some(&AMBIGUOUS) => return Err(RefFault::Ambiguous { name: count.to_owned() }),
                Some(&id) if self.signals[id as usize].control == Some(Control::Count) => {
                    Count::Signal(id)
                }
                Some(_) => return Err(not_a_count()),
                None => return Err(RefFault::Unknown { name: count.to_owned() }),
            },
        };
        Ok(Port { signal, count: Some(count) })
    }
}
