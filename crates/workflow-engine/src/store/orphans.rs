//! Tasks that outlived their engine.
//!
//! Every task, and everything that it starts, inherits the run's marker file open. So the tasks of a dead
//! engine are found even if it died between starting a process and writing that down. The journal's own
//! records of processes (id, start time, boot) find those that closed all their files. Source:
//! proc(5), `/proc/PID/fd` and field 22 of `/proc/PID/stat`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{StoreError, boot_id, io_error};
use crate::store::Contents;

/// A living process of a run whose engine is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its process id.
    pub pid: u32,
    /// Its command line, cut at 80 characters.
    pub command: String,
}

/// Orphans that did not end in time.
#[derive(Debug, thiserror::Error)]
#[error("{} of the dead engine still run after {seconds} s: {}", if pids.len() == 1 { "a task" } else { "tasks" }, pids.join(", "))]
pub struct OrphanError {
    /// Their process ids with command lines.
    pub pids: Vec<String>,
    /// How long was waited.
    pub seconds: u64,
}

/// Start times in `/proc` are in ticks of 10 ms, and a loaded machine may be late in recording.
const START_TOLERANCE_MICROS: u64 = 5_000_000;
const TICK_MICROS: u64 = 10_000;

pub(super) fn find(marker: &Path, contents: &Contents) -> Result<Vec<Orphan>, StoreError> {
    let target = fs::metadata(marker).map_err(io_error("read", marker))?;
    let own = std::process::id();
    let mut found = BTreeMap::new();
    let Ok(processes) = fs::read_dir("/proc") else { return Ok(Vec::new()) };
    for entry in processes.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if pid != own && holds(&entry.path(), &target) {
            found.insert(pid, command_line(pid));
        }
    }
    let same_boot = contents.sessions.last().is_some_and(|session| session.boot_id == boot_id());
    if same_boot {
        for started in contents.running.iter().filter(|started| started.pid != 0) {
            let begun = start_micros(started.pid);
            let matches = begun.is_some_and(|at| {
                at <= started.boot_micros + 2 * TICK_MICROS
                    && at + START_TOLERANCE_MICROS >= started.boot_micros
            });
            if matches {
                found.entry(started.pid).or_insert_with(|| command_line(started.pid));
            }
        }
    }
    Ok(found.into_iter().map(|(pid, command)| Orphan { pid, command }).collect())
}

fn holds(process: &Path, target: &fs::Metadata) -> bool {
    // Other users' processes cannot be looked into, and are none of ours.
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| {
        fs::metadata(file.path())
            .is_ok_and(|open| open.ino() == target.ino() && open.dev() == target.dev())
    })
}

fn command_line(pid: u32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&raw).replace('\0', " ");
    text.trim().chars().take(80).collect()
}

/// When a process started, in microseconds since boot; `None` if it is gone or a zombie.
fn start_micros(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name in parentheses may hold anything, so count from its end.
    let after = stat.rsplit_once(')')?.1;
    let mut fields = after.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse::<u64>().ok().map(|ticks| ticks * TICK_MICROS)
}

pub(super) fn settle(
    marker: &Path,
    contents: &Contents,
    end_them: bool,
    deadline: Duration,
) -> Result<Vec<Orphan>, StoreError> {
    let begun = Instant::now();
    let mut all: Vec<Orphan> = Vec::new();
    loop {
        let living = find(marker, contents)?;
        for orphan in &living {
            if !all.iter().any(|known| known.pid == orphan.pid) {
                all.push(orphan.clone());
            }
        }
        if living.is_empty() {
            return Ok(all);
        }
        if begun.elapsed() > deadline {
            let pids = living.iter().map(|o| format!("{} ({})", o.pid, o.command)).collect();
            let error = OrphanError { pids, seconds: deadline.as_secs() };
            return Err(io_error("end the tasks that hold", marker)(std::io::Error::other(error)));
        }
        if end_them {
            // Killed at once: what an orphan has half written is written again by its successor.
            for orphan in &living {
                if let Some(pid) = i32::try_from(orphan.pid).ok().and_then(Pid::from_raw) {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(if end_them { 2 } else { 50 }));
    }
}
