//! Reads the persistence log of HyperFlow (`hflow run --persist`), so that a run which HyperFlow began is
//! resumed here.
//!
//! The log has one JSON object a line, `{"0": time, "1": event, "2": annotations?}`. Events, as
//! `common/wfRun.js` and `engine2/{index,process}.js` of HyperFlow write them:
//!
//! - `["info", work directory, options as JSON text]`, first line;
//! - `["input", wfId, signal]`: an instance that no process made. HyperFlow writes its `next`, `done` and
//!   `count` signals so as well; they follow from the firings and are passed over here;
//! - `["fired", wfId, procId, firingId, outs | null, ins]` when a firing has ended, before its outputs are
//!   sent. Ids count from 1; `outs` has an object for each data output in order, with `data` where the
//!   function set it and `"condition": "true"` where a choice chose it.
//!
//! The log is believed as far as the workflow confirms it: each firing must be one that the workflow's own
//! rules enable at that point. A firing that runs in parallel to another of its process is logged under
//! the other's number by HyperFlow (it writes its counter of the moment); where that may have happened,
//! the log is refused. Times are not taken over: the log knows ends only, so kept firings have all times
//! zero.
//!
//! ```
//! use std::sync::Arc;
//! use workflow_engine::exec::{Outcome, Pool};
//! use workflow_engine::hyperflow_log::{self, TornEnd};
//! use workflow_engine::model::{Variables, Workflow};
//! use workflow_engine::run::Run;
//!
//! let text = r#"{"processes": [{"name": "a", "firingLimit": 1, "ins": [0], "outs": [1]},
//!                              {"name": "b", "firingLimit": 1, "ins": [1], "outs": []}],
//!                "signals": [{"name": "in", "data": [{}]}, {"name": "x"}], "ins": [0], "outs": []}"#;
//! let workflow = Arc::new(Workflow::parse(text, &Variables::new())?);
//! let log = br#"{"0":"2026-11-21T05:12:00.000Z","1":["info","/data","{}"]}
//! {"0":"2026-11-21T05:12:00.100Z","1":["input",1,{"name":"in","data":[{}],"_id":1,"sigIdx":1}]}
//! {"0":"2026-11-21T05:12:09.500Z","1":["fired",1,1,1,[{"name":"x","_id":2,"source":1,"firingId":1}],[]]}
//! "#;
//! let imported = hyperflow_log::read(&log[..], &workflow, TornEnd::Refuse)?;
//! let pool = Pool::new(1, |attempt| {
//!     assert_eq!(attempt.process().name(), "b", "a is done");
//!     Outcome::done()
//! });
//! let report = Run::new(workflow).history(imported.history).execute(Arc::new(pool))?;
//! assert_eq!((report.kept, report.done), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::{self, BufRead};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::journal::{Ended, Verdict};
use crate::model::{Kind, ProcessId, Signal, SignalId, Workflow};
use crate::net::{Firing, Net, Output, Outputs};
use crate::store::{History, TaskRecord, decode_outputs, encode_outputs};

/// What to do with a last line that is cut off, as a killed HyperFlow may leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TornEnd {
    /// It is a problem as any other.
    Refuse,
    /// It is left out: what it recorded runs again.
    Drop,
}

/// What a log brings to a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Imported {
    /// For [`Run::history`](crate::run::Run::history).
    pub history: History,
    /// The work directory that HyperFlow ran in.
    pub work_dir: Option<String>,
    /// HyperFlow's options, as JSON text.
    pub options_json: Option<String>,
    /// Firings that are logged, but run again: they or something before them carry `forceRecompute`.
    pub recomputed: usize,
    /// The last line was cut off and left out.
    pub torn: bool,
}

/// One thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProblem {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: LogProblemKind,
}

impl fmt::Display for LogProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

/// The kinds of problems with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogProblemKind {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The last line is cut off.
    #[error("the last line is cut off: HyperFlow was ended while it wrote it")]
    Torn,
    /// It is JSON, but none of HyperFlow's records.
    #[error("not a record of HyperFlow's persistence log: {0}")]
    NotARecord(String),
    /// It belongs to another instance than the first record of the log.
    #[error("of workflow instance {found}, while the log began with instance {expected}")]
    OtherInstance {
        /// Its instance.
        found: u64,
        /// That of the first record.
        expected: u64,
    },
    /// The workflow has no such process.
    #[error(
        "process {process} fired, but the workflow has {count} processes: another workflow's log?"
    )]
    UnknownProcess {
        /// Its number, from 1.
        process: u64,
        /// How many there are.
        count: usize,
    },
    /// The workflow has no such signal.
    #[error("signal {signal} came, but the workflow has {count} signals: another workflow's log?")]
    UnknownSignal {
        /// Its number, from 1.
        signal: u64,
        /// How many there are.
        count: usize,
    },
    /// A signal has another name in the workflow.
    #[error(
        "signal {signal} is `{found}` here and `{expected}` in the workflow: another workflow's log?"
    )]
    OtherSignal {
        /// Its number, from 1.
        signal: u64,
        /// Its name in the log.
        found: String,
        /// Its name in the workflow.
        expected: String,
    },
    /// A firing emitted on other outputs than the process has.
    #[error("{task} emitted {found}, but its outputs are {expected}: another workflow's log?")]
    OtherOutputs {
        /// Label of the firing.
        task: String,
        /// Numbers of the signals in the log.
        found: String,
        /// Numbers of the process's data outputs.
        expected: String,
    },
    /// A signal came from outside; what waits for it here would wait in vain.
    #[error("signal `{signal}` came from outside, and the workflow gives it no data: add it there")]
    FromOutside {
        /// Its name.
        signal: String,
    },
    /// The same firing is there twice, or numbers are missing.
    #[error(
        "{task} comes after {previous} firings of its process: it ran in parallel to others, and HyperFlow \
         then logs wrong numbers"
    )]
    Ambiguous {
        /// Label of the firing.
        task: String,
        /// Number of the firing before.
        previous: u32,
    },
    /// The workflow would not have fired this.
    #[error(
        "{task} fired, but with this workflow and what the log says before it could not: another workflow's log?"
    )]
    NotEnabled {
        /// Label of the firing.
        task: String,
    },
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// It cannot be read.
    #[error("failed to read HyperFlow's log")]
    Read(#[source] io::Error),
    /// There is something wrong with it.
    #[error(
        "HyperFlow's log cannot be resumed: {}{}",
        problems.first().map(LogProblem::to_string).unwrap_or_default(),
        more(problems.len())
    )]
    Invalid {
        /// All that was found, by line.
        problems: Vec<LogProblem>,
    },
}

fn more(count: usize) -> String {
    if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "1", borrow)]
    event: Vec<&'a RawValue>,
    #[serde(rename = "2", default)]
    annotations: Option<Value>,
}

/// A number that may be written as text, as Redis gives it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn number(self, what: &str) -> Checked<u64> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text
                .parse()
                .map_err(|_| LogProblemKind::NotARecord(format!("{what} is no number: {text}"))),
        }
    }
}

/// A signal instance, or several, as HyperFlow writes it.
#[derive(Deserialize)]
struct Instance {
    #[serde(rename = "_id")]
    id: u64,
    name: Option<String>,
    data: Option<Vec<Value>>,
    control: Option<Value>,
    source: Option<Value>,
    condition: Option<Value>,
}

struct Fired {
    line: usize,
    process: u32,
    firing: u32,
    /// `None`: plain.
    outputs: Option<String>,
    forced: bool,
}

struct Log<'w> {
    workflow: &'w Workflow,
    instance: Option<u64>,
    work_dir: Option<String>,
    options_json: Option<String>,
    fired: Vec<Fired>,
    /// process -> number of its last logged firing.
    last: HashMap<u32, u32>,
    problems: Vec<LogProblem>,
}

type Checked<T> = Result<T, LogProblemKind>;

fn part<'a, T: Deserialize<'a>>(event: &[&'a RawValue], at: usize, what: &str) -> Checked<T> {
    let raw =
        event.get(at).ok_or_else(|| LogProblemKind::NotARecord(format!("{what} is missing")))?;
    serde_json::from_str(raw.get())
        .map_err(|error| LogProblemKind::NotARecord(format!("{what}: {}", without_place(&error))))
}

/// Places inside a line would be taken for places in the file.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

fn numbers(ids: impl Iterator<Item = u64>) -> String {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") }
}

impl<'w> Log<'w> {
    fn take(&mut self, line: usize, text: &str) -> Checked<()> {
        let parsed: Line<'_> = serde_json::from_str(text).map_err(|error| {
            if error.is_data() {
                LogProblemKind::NotARecord(without_place(&error))
            } else {
                LogProblemKind::NotJson(format!(
                    "{} at column {}",
                    without_place(&error),
                    error.column()
                ))
            }
        })?;
        let event = parsed.event.as_slice();
        let kind: String = part(event, 0, "the event's kind")?;
        match kind.as_str() {
            "info" => {
                self.work_dir = part(event, 1, "the work directory")?;
                self.options_json = part(event, 2, "the options")?;
                Ok(())
            }
            "input" => {
                self.check_instance(part(event, 1, "the instance")?)?;
                self.input(&part(event, 2, "the signal")?)
            }
            "fired" => {
                self.check_instance(part(event, 1, "the instance")?)?;
                let forced = parsed.annotations.is_some_and(|annotations| {
                    let flags = annotations.get("flags").and_then(Value::as_array);
                    flags.is_some_and(|flags| flags.iter().any(|flag| flag == "forceRecompute"))
                });
                self.fired(line, event, forced)
            }
            other => Err(LogProblemKind::NotARecord(format!("unknown event `{other}`"))),
        }
    }

    fn check_instance(&mut self, found: Id) -> Checked<()> {
        let found = found.number("the instance")?;
        let expected = *self.instance.get_or_insert(found);
        if found == expected {
            Ok(())
        } else {
            Err(LogProblemKind::OtherInstance { found, expected })
        }
    }

    fn signal(&self, instance: &Instance) -> Checked<Signal<'w>> {
        let count = self.workflow.signal_count();
        let index = instance.id.checked_sub(1).filter(|&index| index < count as u64);
        let Some(index) = index else {
            return Err(LogProblemKind::UnknownSignal { signal: instance.id, count });
        };
        let signal = self.workflow.signal(SignalId(index as u32));
        match &instance.name {
            Some(name) if name != signal.name() => Err(LogProblemKind::OtherSignal {
                signal: instance.id,
                found: name.clone(),
                expected: signal.name().to_owned(),
            }),
            _ => Ok(signal),
        }
    }

    fn input(&self, instance: &Instance) -> Checked<()> {
        let signal = self.signal(instance)?;
        // Control signals follow from firings, and none carries a source in HyperFlow's log.
        let follows = instance.control.is_some()
            || instance.source.is_some()
            || signal.control().is_some()
            || signal.producers().len() > 0;
        if follows || signal.initial_count() > 0 {
            Ok(())
        } else {
            Err(LogProblemKind::FromOutside { signal: signal.name().to_owned() })
        }
    }

    fn fired(&mut self, line: usize, event: &[&RawValue], forced: bool) -> Checked<()> {
        let number = part::<Id>(event, 2, "the process")?.number("the process")?;
        let firing: u32 = part(event, 3, "the firing")?;
        let outs: Option<Vec<Instance>> = part(event, 4, "the outputs")?;
        let count = self.workflow.process_count();
        let Some(index) = number.checked_sub(1).filter(|&index| index < count as u64) else {
            return Err(LogProblemKind::UnknownProcess { process: number, count });
        };
        let process = self.workflow.process(ProcessId(index as u32));
        let task = || process.task_label(firing);
        let index = index as u32;
        let previous = self.last.insert(index, firing).unwrap_or(0);
        if previous.checked_add(1) != Some(firing) {
            return Err(LogProblemKind::Ambiguous { task: task(), previous });
        }
        let outputs = match outs {
            None => Outputs::Nothing,
            Some(outs) => {
                let data_outputs = || process.outputs().filter(|signal| signal.control().is_none());
                let same = outs.len() == data_outputs().count()
                    && outs
                        .iter()
                        .zip(data_outputs())
                        .all(|(out, signal)| out.id == u64::from(signal.id().0) + 1);
                if !same {
                    return Err(LogProblemKind::OtherOutputs {
                        task: task(),
                        found: numbers(outs.iter().map(|out| out.id)),
                        expected: numbers(data_outputs().map(|s| u64::from(s.id().0) + 1)),
                    });
                }
                for out in &outs {
                    self.signal(out)?;
                }
                let plain =
                    process.kind() != Kind::Choice && outs.iter().all(|out| out.data.is_none());
                if plain {
                    Outputs::Plain
                } else {
                    let output = |out: Instance| Output {
                        chosen: out.condition.is_some_and(|condition| condition == "true"),
                        values: out.data,
                    };
                    Outputs::Explicit(outs.into_iter().map(output).collect())
                }
            }
        };
        let outputs = (outputs != Outputs::Plain).then(|| encode_outputs(&outputs));
        self.fired.push(Fired { line, process: index, firing, outputs, forced });
        Ok(())
    }
}

/// The firings that a workflow's rules enable, advanced by what a log says.
struct Marking {
    net: Net,
    /// Processes that fire by time.
    intervals: HashSet<u32>,
    enabled: HashSet<(u32, u32)>,
    fresh: Vec<Firing>,
}

impl Marking {
    fn new(workflow: &Arc<Workflow>) -> Self {
        let mut net = Net::new(Arc::clone(workflow), |_| false);
        let mut fresh = Vec::new();
        net.start(&mut fresh);
        let intervals = net.interval_sources().into_iter().map(|(process, _)| process).collect();
        let mut marking = Self { net, intervals, enabled: HashSet::new(), fresh };
        marking.collect();
        marking
    }

    fn collect(&mut self) {
        self.enabled.extend(self.fresh.drain(..).map(|firing| (firing.process, firing.number)));
    }

    /// Applies a firing if it is enabled.
    fn apply(&mut self, fired: &Fired) -> bool {
        let key = (fired.process, fired.firing);
        // What fires by time has no other sign than the firing itself.
        if !self.enabled.contains(&key) && self.intervals.contains(&fired.process) {
            self.net.tick(fired.process, &mut self.fresh);
            self.collect();
        }
        if !self.enabled.remove(&key) {
            return false;
        }
        let outputs = fired.outputs.as_deref().map_or(Outputs::Plain, decode_outputs);
        self.net.complete(fired.process, fired.firing, outputs, &mut self.fresh);
        self.collect();
        true
    }
}

fn record(fired: &Fired) -> TaskRecord {
    let result = match &fired.outputs {
        None => Verdict::Done,
        Some(json) => Verdict::DoneWith(json.clone()),
    };
    TaskRecord::from(&Ended {
        process: fired.process,
        firing: fired.firing,
        attempt: 1,
        queued_micros: 0,
        started_micros: 0,
        ended_micros: 0,
        cpu_micros: 0,
        peak_kib: 0,
        result,
        files: Vec::new(),
    })
}

/// Reads a log for the workflow that it was made with.
///
/// # Errors
/// When it cannot be read, or [`LogError::Invalid`] with all that is wrong.
pub fn read(
    input: impl BufRead,
    workflow: &Arc<Workflow>,
    torn_end: TornEnd,
) -> Result<Imported, LogError> {
    let mut log = Log {
        workflow,
        instance: None,
        work_dir: None,
        options_json: None,
        fired: Vec::new(),
        last: HashMap::new(),
        problems: Vec::new(),
    };
    let torn = read_lines(input, &mut log).map_err(LogError::Read)?;
    if let Some(line) = torn
        && torn_end == TornEnd::Refuse
    {
        log.problems.push(LogProblem { line, kind: LogProblemKind::Torn });
    }
    let Log { work_dir, options_json, fired, mut problems, .. } = log;

    let mut imported = Imported {
        history: History::default(),
        work_dir,
        options_json,
        recomputed: 0,
        torn: torn.is_some(),
    };
    let forced = fired.iter().any(|fired| fired.forced);
    // With a broken line missing, what follows it cannot be judged.
    let judge = problems.is_empty();
    let mut marking = judge.then(|| Marking::new(workflow));
    for fired in &fired {
        let Some(marking) = &mut marking else { break };
        if fired.forced {
            imported.recomputed += 1;
        } else if marking.apply(fired) {
            imported.history.records.push(record(fired));
        } else if forced {
            imported.recomputed += 1;
        } else {
            let task = workflow.process(ProcessId(fired.process)).task_label(fired.firing);
            let kind = LogProblemKind::NotEnabled { task };
            problems.push(LogProblem { line: fired.line, kind });
        }
    }
    if problems.is_empty() { Ok(imported) } else { Err(LogError::Invalid { problems }) }
}

/// Answers the number of the last line where that is cut off.
fn read_lines(mut input: impl BufRead, log: &mut Log<'_>) -> io::Result<Option<usize>> {
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        line += 1;
        let whole = bytes.last() == Some(&b'\n');
        let kind = match std::str::from_utf8(&bytes) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => log.take(line, text).err(),
            Err(error) => Some(LogProblemKind::NotJson(error.to_string())),
        };
        match kind {
            Some(LogProblemKind::NotJson(_)) if !whole => return Ok(Some(line)),
            Some(kind) => log.problems.push(LogProblem { line, kind }),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
