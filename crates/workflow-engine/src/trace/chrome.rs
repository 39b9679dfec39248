//! The trace event format of Chrome, which Perfetto reads too: one bar an attempt, one lane a slot.
//!
//! Format: "Trace Event Format" of the Chromium project. Complete events (`X`) in microseconds; threads
//! are lanes; metadata events (`M`) name them; instant events (`i`) show when an engine took over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

use serde::Serialize;

use super::{BootClock, Fate, Row, ended_row, running_row, seconds};
use crate::model::Workflow;
use crate::store::Contents;

/// A bar: [start, end), and the lane it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) lane: u32,
}

/// Puts each bar into the lowest lane that is free at its start. Answers how many lanes there are, which
/// is the highest number of bars at one time.
pub(super) fn pack(bars: &mut [Bar]) -> u32 {
    let mut order: Vec<u32> = (0..bars.len() as u32).collect();
    order.sort_unstable_by_key(|&at| {
        let bar = bars[at as usize];
        (bar.start, bar.end, at)
    });
    let mut busy: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
    let mut lanes = 0;
    for at in order {
        let bar = &mut bars[at as usize];
        while let Some(&Reverse((end, lane))) = busy.peek()
            && end <= bar.start
        {
            busy.pop();
            free.push(Reverse(lane));
        }
        bar.lane = if let Some(Reverse(lane)) = free.pop() {
            lane
        } else {
            lanes += 1;
            lanes - 1
        };
        busy.push(Reverse((bar.end, bar.lane)));
    }
    lanes
}

pub(super) fn bars(contents: &Contents, clock: BootClock) -> Vec<Bar> {
    let ended = contents.ended.iter().map(|ended| (ended.started_micros, ended.ended_micros));
    // A running one is drawn up to the journal's last record.
    let running = contents.running.iter().map(|started| {
        let start = clock.run_micros(started.boot_micros).unwrap_or(contents.last_micros);
        (start, contents.last_micros)
    });
    ended.chain(running).map(|(start, end)| Bar { start, end: end.max(start), lane: 0 }).collect()
}

#[derive(Serialize)]
struct Named<'a, N: Serialize> {
    ph: &'static str,
    name: &'static str,
    pid: u32,
    tid: u32,
    args: NamedArgs<'a, N>,
}

#[derive(Serialize)]
struct NamedArgs<'a, N: Serialize> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a N>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_index: Option<u32>,
}

#[derive(Serialize)]
struct Instant {
    ph: &'static str,
    s: &'static str,
    name: String,
    ts: u64,
    pid: u32,
    tid: u32,
}

#[derive(Serialize)]
struct Complete<'a> {
    ph: &'static str,
    name: &'a str,
    cat: &'a str,
    ts: u64,
    dur: u64,
    pid: u32,
    tid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cname: Option<&'static str>,
    args: CompleteArgs<'a>,
}

#[derive(Serialize)]
struct CompleteArgs<'a> {
    result: &'a str,
    process: u32,
    firing: u32,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
}

const PID: u32 = 1;

fn complete<W: Write>(out: &mut W, row: &Row<'_>, bar: Bar) -> io::Result<()> {
    let result = row.result.to_string();
    let event = Complete {
        ph: "X",
        name: &row.task,
        cat: row.type_name,
        ts: bar.start,
        dur: bar.end - bar.start,
        pid: PID,
        tid: bar.lane + 1,
        cname: match row.result {
            Fate::Done => None,
            Fate::Failed(_) => Some("terrible"),
            Fate::Stopped | Fate::Running => Some("grey"),
        },
        args: CompleteArgs {
            result: &result,
            process: row.process,
            firing: row.firing,
            attempt: row.attempt,
            queued_seconds: row.queued_micros.map(seconds),
            waited_seconds: row.queued_micros.map(|at| seconds(bar.start.saturating_sub(at))),
            cpu_seconds: row.cpu_micros.map(seconds),
            peak_memory_bytes: row.peak_memory_bytes,
        },
    };
    event_line(out, &event)
}

fn event_line<W: Write>(out: &mut W, event: &impl Serialize) -> io::Result<()> {
    out.write_all(b",\n")?;
    serde_json::to_writer(out, event).map_err(io::Error::from)
}

/// Writes a trace for `chrome://tracing` and <https://ui.perfetto.dev>: a bar an attempt, categories are
/// task types, lanes are as many as attempts ran at one time.
///
/// # Errors
/// When `out` fails.
pub fn write_chrome(contents: &Contents, workflow: &Workflow, out: impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let clock = BootClock::of(contents);
    let mut bars = bars(contents, clock);
    let lanes = pack(&mut bars);

    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
    let about = serde_json::json!({
        "run": contents.begin.run,
        "workflow": contents.begin.source,
        "engine": contents.begin.engine,
        "epoch_micros": contents.begin.epoch_micros,
    });
    serde_json::to_writer(&mut out, &about)?;
    out.write_all(b",\"traceEvents\":[\n")?;
    let args = NamedArgs { name: Some(&contents.begin.run), sort_index: None };
    let process = Named { ph: "M", name: "process_name", pid: PID, tid: 0, args };
    serde_json::to_writer(&mut out, &process)?;
    for lane in 1..=lanes {
        let name = format!("slot {lane}");
        let args = NamedArgs { name: Some(&name), sort_index: None };
        event_line(&mut out, &Named { ph: "M", name: "thread_name", pid: PID, tid: lane, args })?;
        let args = NamedArgs::<String> { name: None, sort_index: Some(lane) };
        let named = Named { ph: "M", name: "thread_sort_index", pid: PID, tid: lane, args };
        event_line(&mut out, &named)?;
    }
    for session in &contents.sessions {
        let name = format!("engine {} on {}: {} slots", session.pid, session.host, session.slots);
        let ts = session.at_micros;
        event_line(&mut out, &Instant { ph: "i", s: "g", name, ts, pid: PID, tid: 0 })?;
    }
    let (ended, running) = bars.split_at(contents.ended.len());
    for (record, &bar) in contents.ended.iter().zip(ended) {
        complete(&mut out, &ended_row(record, workflow), bar)?;
    }
    for (record, &bar) in contents.running.iter().zip(running) {
        complete(&mut out, &running_row(record, clock, workflow), bar)?;
    }
    out.write_all(b"\n]}\n")?;
    out.flush()
}
