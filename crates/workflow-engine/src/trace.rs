//! What a journal tells about each attempt, as a table and as a picture over time.
//!
//! [`rows`] gives one [`Row`] an attempt, in the journal's order; the writers turn them into TSV, JSON or
//! the trace format of Chrome and Perfetto. Rows are made one by one: a million attempts take no more
//! memory than the journal's records themselves (the picture adds 12 bytes an attempt for its lanes).
//!
//! ```no_run
//! use std::path::Path;
//! use workflow_engine::model::{Variables, Workflow};
//! use workflow_engine::{store, trace};
//!
//! let dir = Path::new(".windlass/runs/20261121-051200-montage");
//! let contents = store::read(dir)?;
//! let text = std::fs::read_to_string(dir.join(&contents.begin.copy))?;
//! let workflow = Workflow::parse(&text, &Variables::new())?;
//! trace::write_tsv(trace::rows(&contents, &workflow), std::io::stdout().lock())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chrome;

use std::fmt;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::exec::Failure;
use crate::journal::{Ended, Started, Verdict};
use crate::model::{ProcessId, Workflow};
use crate::run::boot_micros;
use crate::store::{Contents, boot_id};

pub use chrome::write_chrome;

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It ended well.
    Done,
    /// It failed.
    Failed(Failure),
    /// It was ended because the run was stopped.
    Stopped,
    /// The journal ends while it runs.
    Running,
}

impl fmt::Display for Fate {
    /// In words, short enough for a column: `done`, `exit code 3`, `signal 9`, `timed out`, `stopped`,
    /// `running`; other failures with what the executor said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Stopped | Self::Failed(Failure::Stopped) => f.write_str("stopped"),
            Self::Running => f.write_str("running"),
            Self::Failed(Failure::Signal(signal)) => write!(f, "signal {signal}"),
            Self::Failed(Failure::TimedOut(_)) => f.write_str("timed out"),
            Self::Failed(Failure::NotStarted(why)) => write!(f, "not started: {why}"),
            Self::Failed(Failure::Function(why)) => write!(f, "failed: {why}"),
            Self::Failed(failure) => write!(f, "{failure}"),
        }
    }
}

/// One attempt. In JSON times are in seconds since the run's begin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row<'a> {
    /// The firing's name as shown to people, such as `mProject#12`.
    pub task: String,
    /// The task type.
    #[serde(rename = "type")]
    pub type_name: &'a str,
    /// Number of the process in the file, from 1.
    pub process: u32,
    /// Number of the firing, from 1.
    pub firing: u32,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// When its inputs were there, in microseconds since the run's begin; unknown while it runs.
    #[serde(rename = "queued_seconds", serialize_with = "as_seconds")]
    pub queued_micros: Option<u64>,
    /// When it was started. Of a running attempt only known where this is still the same boot.
    #[serde(rename = "started_seconds", serialize_with = "as_seconds")]
    pub started_micros: Option<u64>,
    /// When it ended; `None` while it runs.
    #[serde(rename = "ended_seconds", serialize_with = "as_seconds")]
    pub ended_micros: Option<u64>,
    /// What it came to.
    #[serde(serialize_with = "as_words")]
    pub result: Fate,
    /// User and system CPU time in microseconds.
    #[serde(rename = "cpu_seconds", serialize_with = "as_seconds")]
    pub cpu_micros: Option<u64>,
    /// Peak memory in bytes.
    pub peak_memory_bytes: Option<u64>,
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn as_seconds<S: Serializer>(micros: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    micros.map(seconds).serialize(serializer)
}

fn as_words<S: Serializer>(fate: &Fate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fate)
}

/// Label and type of a task; the number alone where the journal is of another workflow.
fn names(workflow: &Workflow, process: u32, firing: u32) -> (String, &str) {
    if (process as usize) < workflow.process_count() {
        let process = workflow.process(ProcessId(process));
        (process.task_label(firing), process.type_name())
    } else {
        (format!("#{}.{firing}", process.saturating_add(1)), "")
    }
}

fn ended_row<'a>(ended: &Ended, workflow: &'a Workflow) -> Row<'a> {
    let (task, type_name) = names(workflow, ended.process, ended.firing);
    Row {
        task,
        type_name,
        process: ended.process.saturating_add(1),
        firing: ended.firing,
        attempt: ended.attempt,
        queued_micros: Some(ended.queued_micros),
        started_micros: Some(ended.started_micros),
        ended_micros: Some(ended.ended_micros),
        result: match &ended.result {
            Verdict::Done | Verdict::DoneWith(_) | Verdict::Exit => Fate::Done,
            Verdict::Failed { failure, .. } => Fate::Failed(failure.clone()),
            Verdict::Stopped => Fate::Stopped,
        },
        cpu_micros: Some(ended.cpu_micros),
        peak_memory_bytes: Some(ended.peak_kib.saturating_mul(1024)),
    }
}

/// The journal gives the start of a running process in time since boot; this maps it to the run's time.
#[derive(Debug, Clone, Copy)]
struct BootClock {
    /// Run time minus boot time; `None` where the machine was booted since, or is another one.
    offset_micros: Option<i64>,
    /// No running attempt is older than the engine that started it.
    earliest_micros: u64,
}

impl BootClock {
    fn of(contents: &Contents) -> Self {
        let session = contents.sessions.last();
        let same_boot = session.is_some_and(|s| !s.boot_id.is_empty() && s.boot_id == boot_id());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let offset = || {
            let now = i64::try_from(now).ok()?;
            let epoch = i64::try_from(contents.begin.epoch_micros).ok()?;
            now.checked_sub(epoch)?.checked_sub(i64::try_from(boot_micros()).ok()?)
        };
        Self {
            offset_micros: if same_boot { offset() } else { None },
            earliest_micros: session.map_or(0, |session| session.at_micros),
        }
    }

    fn run_micros(self, boot_micros: u64) -> Option<u64> {
        let micros = i64::try_from(boot_micros).ok()?.checked_add(self.offset_micros?)?;
        Some(u64::try_from(micros).unwrap_or(0).max(self.earliest_micros))
    }
}

fn running_row<'a>(started: &Started, clock: BootClock, workflow: &'a Workflow) -> Row<'a> {
    let (task, type_name) = names(workflow, started.process, started.firing);
    Row {
        task,
        type_name,
        process: started.process.saturating_add(1),
        firing: started.firing,
        attempt: started.attempt,
        queued_micros: None,
        started_micros: clock.run_micros(started.boot_micros),
        ended_micros: None,
        result: Fate::Running,
        cpu_micros: None,
        peak_memory_bytes: None,
    }
}

/// One row an attempt: those that ended, in the order of their ends, then those that run.
pub fn rows<'a>(
    contents: &'a Contents,
    workflow: &'a Workflow,
) -> impl Iterator<Item = Row<'a>> + 'a {
    let clock = BootClock::of(contents);
    let ended = contents.ended.iter().map(|ended| ended_row(ended, workflow));
    let running = contents.running.iter();
    ended.chain(running.map(move |started| running_row(started, clock, workflow)))
}

/// The columns of [`write_tsv`]. New ones are only ever added at the end.
pub const TSV_COLUMNS: [&str; 11] = [
    "task",
    "type",
    "process",
    "firing",
    "attempt",
    "queued_seconds",
    "started_seconds",
    "ended_seconds",
    "result",
    "cpu_seconds",
    "peak_memory_bytes",
];

/// Text of one cell: tabs, line ends and backslashes as `\t`, `\n`, `\r` and `\\`.
struct Cell<'a>(&'a str);

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['\t', '\n', '\r', '\\']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'\t' => "\\t",
                b'\n' => "\\n",
                b'\r' => "\\r",
                _ => "\\\\",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// Seconds with six decimals, exactly as recorded; empty where unknown.
struct Seconds(Option<u64>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(micros) => write!(f, "{}.{:06}", micros / 1_000_000, micros % 1_000_000),
            None => Ok(()),
        }
    }
}

/// Writes tab-separated values with a header, [`TSV_COLUMNS`]. What is unknown is empty.
///
/// # Errors
/// When `out` fails.
pub fn write_tsv<'a>(rows: impl IntoIterator<Item = Row<'a>>, out: impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    writeln!(out, "{}", TSV_COLUMNS.join("\t"))?;
    for row in rows {
        write!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t",
            Cell(&row.task),
            Cell(row.type_name),
            row.process,
            row.firing,
            row.attempt,
            Seconds(row.queued_micros),
            Seconds(row.started_micros),
            Seconds(row.ended_micros),
            Cell(&row.result.to_string()),
            Seconds(row.cpu_micros),
        )?;
        match row.peak_memory_bytes {
            Some(bytes) => writeln!(out, "{bytes}")?,
            None => writeln!(out)?,
        }
    }
    out.flush()
}

/// Writes one JSON object a line.
///
/// # Errors
/// When `out` fails.
pub fn write_json_lines<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    out: impl Write,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    for row in rows {
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Writes one JSON array, an object a line.
///
/// # Errors
/// When `out` fails.
pub fn write_json<'a>(rows: impl IntoIterator<Item = Row<'a>>, out: impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let mut before = "[\n";
    for row in rows {
        out.write_all(before.as_bytes())?;
        serde_json::to_writer(&mut out, &row)?;
        before = ",\n";
    }
    out.write_all(if before == "[\n" { b"[]\n" } else { b"\n]\n" })?;
    out.flush()
}

#[cfg(test)]
mod tests;
