//! One measured process: wall time, CPU time of its tree, peak memory.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use wait4::{ResUse, Wait4 as _};

/// How long a contestant that was asked to end may take over it.
const GRACE: Duration = Duration::from_secs(10);

/// The figures of one process, or the sums over several of the same kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Sample {
    /// From before the start to after the reaping.
    pub(crate) wall_seconds: f64,
    /// In user mode, the process and all descendants that were waited for.
    pub(crate) user_seconds: f64,
    /// In the kernel, likewise.
    pub(crate) system_seconds: f64,
    /// The largest resident set of the process or of any such descendant.
    pub(crate) peak_rss_bytes: u64,
    /// A figure that the contestant itself reports.
    pub(crate) reported: Option<f64>,
}

impl Sample {
    /// User and system time together.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// Sums up two samples; the peak is the higher one.
    pub(crate) fn and(self, other: Self) -> Self {
        let sum = |left: Option<f64>, right: Option<f64>| match (left, right) {
            (Some(left), Some(right)) => Some(left + right),
            (one, other) => one.or(other),
        };
        Self {
            wall_seconds: self.wall_seconds + other.wall_seconds,
            user_seconds: self.user_seconds + other.user_seconds,
            system_seconds: self.system_seconds + other.system_seconds,
            peak_rss_bytes: self.peak_rss_bytes.max(other.peak_rss_bytes),
            reported: sum(self.reported, other.reported),
        }
    }
}

/// The files that take a contestant's standard output and error.
#[derive(Debug, Clone)]
pub(crate) struct OutputFiles {
    /// Standard output.
    pub(crate) out: PathBuf,
    /// Standard error.
    pub(crate) err: PathBuf,
}

/// Runs a command to its end and measures it.
///
/// # Errors
/// When it cannot be started, fails, or takes longer than `limit`; with the end of what it said.
pub(crate) fn run(
    mut command: Command,
    output: &OutputFiles,
    limit: Duration,
) -> anyhow::Result<Sample> {
    let program = command.get_program().to_string_lossy().into_owned();
    let file = |path: &Path| {
        File::create(path).with_context(|| format!("failed to create {}", path.display()))
    };
    command.stdin(Stdio::null()).stdout(file(&output.out)?).stderr(file(&output.err)?);
    let begun = Instant::now();
    let child = command.spawn().with_context(|| format!("failed to start {program}"))?;
    let (usage, in_time) =
        reap(child, limit).with_context(|| format!("failed to await {program}"))?;
    let wall_seconds = begun.elapsed().as_secs_f64();
    if !in_time {
        bail!("{program} did not end within {} s", limit.as_secs());
    }
    require_success(&program, usage.status, output)?;
    Ok(Sample {
        wall_seconds,
        user_seconds: usage.rusage.utime.as_secs_f64(),
        system_seconds: usage.rusage.stime.as_secs_f64(),
        peak_rss_bytes: usage.rusage.maxrss,
        reported: None,
    })
}

/// Awaits the child with its resource usage; says whether it ended within the limit.
fn reap(child: Child, limit: Duration) -> anyhow::Result<(ResUse, bool)> {
    let pid = Pid::from_child(&child);
    let (ended, watched) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        for (wait, signal) in [(limit, Signal::TERM), (GRACE, Signal::KILL)] {
            match watched.recv_timeout(wait) {
                // It may have ended just now: then there is nobody to tell.
                Err(RecvTimeoutError::Timeout) => drop(kill_process(pid, signal)),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return signal == Signal::TERM,
            }
        }
        false
    });
    let usage = child.wait4();
    drop(ended);
    let in_time = watch.join().unwrap_or(false);
    Ok((usage?, in_time))
}

fn require_success(program: &str, status: ExitStatus, output: &OutputFiles) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    let said = [&output.err, &output.out]
        .into_iter()
        .filter_map(|path| tail(path).ok())
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    bail!("{program} ended with {status}: {said}");
}

/// The last words of a file, on one line.
fn tail(path: &Path) -> std::io::Result<String> {
    const LENGTH: u64 = 300;
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LENGTH)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// CPU seconds so far of a process that runs beside a contestant, such as its database.
///
/// # Errors
/// When the kernel's account of the process cannot be read.
pub(crate) fn cpu_seconds_of(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    // The name in parentheses may hold spaces: count fields after it (proc(5), utime is the 14th).
    let (_, fields) = text.rsplit_once(')').unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> OutputFiles {
        OutputFiles { out: folder.join("out"), err: folder.join("err") }
    }

    #[test]
    fn a_failure_quotes_the_last_words() {
        let folder = tempfile::tempdir().expect("scratch folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such star >&2; exit 3"]);
        let error = run(command, &files(folder.path()), Duration::from_mins(1))
            .expect_err("it ends with 3");
        assert!(error.to_string().contains("no such star"), "{error}");
    }

    #[test]
    fn a_contestant_without_end_is_ended() {
        let folder = tempfile::tempdir().expect("scratch folder");
        let mut command = Command::new("sleep");
        command.arg("600");
        let error = run(command, &files(folder.path()), Duration::from_millis(20))
            .expect_err("it is too slow");
        assert!(error.to_string().contains("did not end"), "{error}");
    }
}
