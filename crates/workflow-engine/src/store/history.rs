//! What a journal tells: tasks that ended, tasks that were running, sessions, the state it was left in.

use std::path::Path;

use hashbrown::{HashMap, HashSet};
use serde_json::Value;

use super::{JOURNAL, StoreError};
use crate::exec::Failure;
use crate::journal::{Begin, Ended, Reader, Record, Session, Started, Verdict};
use crate::net::{Output, Outputs};
use crate::run::Status;

/// One firing that ended for good, compact.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Index of the process, from 0.
    pub process: u32,
    /// Number of the firing, from 1.
    pub firing: u32,
    /// Number of its last attempt.
    pub attempt: u32,
    /// It ended well; otherwise it failed for good.
    pub done: bool,
    /// It asked for the end of the workflow.
    pub ends_workflow: bool,
    /// An earlier record says that it had failed for good.
    pub failed_before: bool,
    /// What it emitted, where that was not one plain instance on every output.
    pub outputs: Option<Box<str>>,
    /// Microseconds since the run's epoch.
    pub queued_micros: u64,
    /// Microseconds since the run's epoch.
    pub started_micros: u64,
    /// Microseconds since the run's epoch.
    pub ended_micros: u64,
    /// CPU time.
    pub cpu_micros: u64,
    /// Peak memory.
    pub peak_kib: u64,
    failure: Option<Box<Failure>>,
}

impl TaskRecord {
    /// How long it ran.
    #[must_use]
    pub fn took_micros(&self) -> u64 {
        self.ended_micros.saturating_sub(self.started_micros)
    }

    pub(crate) fn to_ended(&self) -> Ended {
        Ended {
            process: self.process,
            firing: self.firing,
            attempt: self.attempt,
            queued_micros: self.queued_micros,
            started_micros: self.started_micros,
            ended_micros: self.ended_micros,
            cpu_micros: self.cpu_micros,
            peak_kib: self.peak_kib,
            result: match (&self.failure, &self.outputs) {
                (Some(failure), _) => {
                    Verdict::Failed { failure: failure.as_ref().clone(), last: true }
                }
                _ if self.ends_workflow => Verdict::Exit,
                (None, Some(outputs)) => Verdict::DoneWith(outputs.to_string()),
                (None, None) => Verdict::Done,
            },
            files: Vec::new(),
        }
    }
}

impl From<&Ended> for TaskRecord {
    fn from(ended: &Ended) -> Self {
        let (outputs, failure) = match &ended.result {
            Verdict::DoneWith(json) => (Some(json.as_str().into()), None),
            Verdict::Failed { failure, .. } => (None, Some(Box::new(failure.clone()))),
            Verdict::Done | Verdict::Exit | Verdict::Stopped => (None, None),
        };
        Self {
            process: ended.process,
            firing: ended.firing,
            attempt: ended.attempt,
            done: ended.result.is_done(),
            ends_workflow: ended.result == Verdict::Exit,
            failed_before: false,
            outputs,
            queued_micros: ended.queued_micros,
            started_micros: ended.started_micros,
            ended_micros: ended.ended_micros,
            cpu_micros: ended.cpu_micros,
            peak_kib: ended.peak_kib,
            failure,
        }
    }
}

/// What earlier engines brought to an end, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Firings that ended for good.
    pub records: Vec<TaskRecord>,
    /// (process, firing) of those whose last record is a failure.
    pub failed: HashSet<(u32, u32)>,
    /// (process, firing) -> attempts made, for firings that are not done.
    pub attempts: HashMap<(u32, u32), u32>,
    /// (process, firing) -> failed attempts after which another was to follow, for firings that did not
    /// end for good.
    pub tries: HashMap<(u32, u32), u32>,
}

impl History {
    fn add(&mut self, ended: &Ended) {
        let key = (ended.process, ended.firing);
        let last = match &ended.result {
            Verdict::Failed { last, .. } => *last,
            Verdict::Stopped => false,
            Verdict::Done | Verdict::DoneWith(_) | Verdict::Exit => true,
        };
        if !last {
            if matches!(&ended.result, Verdict::Failed { failure, .. } if failure.is_own_fault()) {
                *self.tries.entry(key).or_default() += 1;
            }
            self.attempts.insert(key, ended.attempt);
            return;
        }
        self.tries.remove(&key);
        let mut record = TaskRecord::from(ended);
        if record.done {
            self.attempts.remove(&key);
            record.failed_before = self.failed.remove(&key);
        } else {
            self.attempts.insert(key, ended.attempt);
            record.failed_before = !self.failed.insert(key);
        }
        self.records.push(record);
    }
}

/// Where a run stands, as its journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// An engine closed it in this state.
    Closed(Status),
    /// No engine closed it: one is at work, or died.
    Open,
}

/// All that a journal says.
#[derive(Debug, Clone)]
pub struct Contents {
    /// What the run is.
    pub begin: Begin,
    /// The engines that worked on it.
    pub sessions: Vec<Session>,
    /// What ended for good.
    pub history: History,
    /// Every attempt that ended, in order.
    pub ended: Vec<Ended>,
    /// Attempts that were running when the journal ends, with their processes.
    pub running: Vec<Started>,
    /// The state it was left in.
    pub state: RunState,
    /// When the last record was written, in microseconds since the epoch, as far as records say.
    pub last_micros: u64,
    /// Bytes of sound journal.
    pub valid_bytes: u64,
    /// The journal ends in something that is no whole record.
    pub torn: bool,
    /// Bytes of it.
    pub torn_bytes: u64,
}

/// Reads the journal in a run's folder, without taking its lock.
///
/// # Errors
/// When it cannot be read or is none.
pub fn read(dir: &Path) -> Result<Contents, StoreError> {
    let path = dir.join(JOURNAL);
    let mut reader = Reader::open(&path)?;
    let Some(Record::Begin(begin)) = reader.next()? else {
        return Err(StoreError::NotBegun { path });
    };
    let mut contents = Contents {
        begin,
        sessions: Vec::new(),
        history: History::default(),
        ended: Vec::new(),
        running: Vec::new(),
        state: RunState::Open,
        last_micros: 0,
        valid_bytes: 0,
        torn: false,
        torn_bytes: 0,
    };
    let mut running: HashMap<(u32, u32, u32), Started> = HashMap::new();
    while let Some(record) = reader.next()? {
        contents.state = RunState::Open;
        match record {
            Record::Begin(_) => {}
            Record::Session(session) => {
                contents.last_micros = contents.last_micros.max(session.at_micros);
                contents.sessions.push(session);
                // What the engine before had running is no concern of this one: it was settled.
                running.clear();
            }
            Record::Started(started) => {
                let key = (started.process, started.firing);
                contents.history.attempts.insert(key, started.attempt);
                running.insert((started.process, started.firing, started.attempt), started);
            }
            Record::Ended(ended) => {
                running.remove(&(ended.process, ended.firing, ended.attempt));
                contents.last_micros = contents.last_micros.max(ended.ended_micros);
                contents.history.add(&ended);
                contents.ended.push(ended);
            }
            Record::Closed(closed) => {
                contents.last_micros = contents.last_micros.max(closed.at_micros);
                contents.state = RunState::Closed(closed.status);
            }
        }
    }
    contents.running = running.into_values().collect();
    contents.running.sort_unstable_by_key(|started| (started.process, started.firing));
    contents.valid_bytes = reader.valid();
    contents.torn = reader.is_torn();
    let length = std::fs::metadata(&path).map_or(0, |file| file.len());
    contents.torn_bytes = length.saturating_sub(contents.valid_bytes);
    Ok(contents)
}

/// `Vec<(chosen, values)>` as JSON; `null` for nothing.
pub(crate) fn encode_outputs(outputs: &Outputs) -> String {
    let Outputs::Explicit(outputs) = outputs else { return "null".to_owned() };
    let rows: Vec<(bool, &Option<Vec<Value>>)> =
        outputs.iter().map(|output| (output.chosen, &output.values)).collect();
    serde_json::to_string(&rows).unwrap_or_else(|_| "null".to_owned())
}

/// The reverse of [`encode_outputs`].
pub(crate) fn decode_outputs(json: &str) -> Outputs {
    let rows: Option<Vec<(bool, Option<Vec<Value>>)>> = serde_json::from_str(json).unwrap_or(None);
    match rows {
        None => Outputs::Nothing,
        Some(rows) => Outputs::Explicit(
            rows.into_iter().map(|(chosen, values)| Output { values, chosen }).collect(),
        ),
    }
}
