//! Log files of tasks: where they are, and what they are called.
//!
//! `logs/0/12-1-2.err` (`logs-2/...` after the first edit of the workflow) is what process 12, firing 1, attempt 2 wrote to standard error; a folder holds a
//! thousand processes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{LOGS, StoreError, io_error};
use crate::exec::TaskId;
use crate::journal::Begin;

/// One log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLog {
    /// The file.
    pub path: PathBuf,
    /// The attempt that wrote it.
    pub task: TaskId,
    /// It holds standard error, not standard output.
    pub is_stderr: bool,
}

/// The folder of a process's logs, below the folder of all logs.
fn folder_of(process: u32) -> String {
    ((u64::from(process) + 1) / 1000).to_string()
}

fn relative(task: TaskId, suffix: &str) -> PathBuf {
    let number = u64::from(task.process) + 1;
    Path::new(&folder_of(task.process))
        .join(format!("{number}-{}-{}.{suffix}", task.firing, task.attempt))
}

/// Where the output of an attempt is kept.
pub(crate) fn log_path(log_dir: &Path, task: TaskId, suffix: &str) -> PathBuf {
    log_dir.join(relative(task, suffix))
}

/// Keeps a text as the log of an attempt, and says where.
#[cfg(feature = "k8s")]
pub(crate) fn write_log(
    log_dir: &Path,
    task: TaskId,
    suffix: &str,
    text: &str,
) -> io::Result<PathBuf> {
    let path = log_path(log_dir, task, suffix);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(&path, text)?;
    Ok(path)
}

/// The folder of a run's logs: each version of its workflow has its own, because numbers change.
#[must_use]
pub fn log_dir(run_dir: &Path, begin: &Begin) -> PathBuf {
    let version = begin.copy.trim_start_matches("workflow").trim_end_matches(".json");
    run_dir.join(format!("{LOGS}{version}"))
}

fn parse(path: PathBuf) -> Option<TaskLog> {
    let is_stderr = match path.extension()?.to_str()? {
        "err" => true,
        "out" => false,
        _ => return None,
    };
    let mut parts = path.file_stem()?.to_str()?.split('-').map(str::parse::<u32>);
    let mut part = || parts.next()?.ok();
    let (number, firing, attempt) = (part()?, part()?, part()?);
    let task = TaskId { process: number.checked_sub(1)?, firing, attempt };
    Some(TaskLog { path, task, is_stderr })
}

fn in_folder(folder: &Path) -> Result<Vec<TaskLog>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| parse(entry.path())).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_error("read", folder)(error)),
    }
}

/// The logs of one process, by firing and attempt.
///
/// # Errors
/// When the folder of logs cannot be read.
pub fn task_logs(log_dir: &Path, process: u32) -> Result<Vec<TaskLog>, StoreError> {
    let mut logs = in_folder(&log_dir.join(folder_of(process)))?;
    logs.retain(|log| log.task.process == process);
    logs.sort_by_key(|log| (log.task, log.is_stderr));
    Ok(logs)
}

/// Links the logs of processes that stay into a new folder, under their new numbers.
pub(super) fn renumber(
    logs: &Path,
    fresh: &Path,
    target: impl Fn(u32) -> Option<u32>,
) -> Result<(), StoreError> {
    if fresh.exists() {
        fs::remove_dir_all(fresh).map_err(io_error("remove", fresh))?;
    }
    fs::create_dir_all(fresh).map_err(io_error("make", fresh))?;
    for folder in fs::read_dir(logs).map_err(io_error("read", logs))?.flatten() {
        for log in in_folder(&folder.path())? {
            let Some(process) = target(log.task.process) else { continue };
            let suffix = if log.is_stderr { "err" } else { "out" };
            let to = fresh.join(relative(TaskId { process, ..log.task }, suffix));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(io_error("make", parent))?;
            }
            fs::hard_link(&log.path, &to).map_err(io_error("link", &to))?;
        }
    }
    Ok(())
}
