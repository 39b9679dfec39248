//! Tasks as processes of this machine: one thread a slot, which makes a process and waits for it.
//!
//! What keeps a task cheap (measured in `docs/benchmarks.md`): `posix_spawn` (nothing here needs `pre_exec`, which
//! would make it `fork`), output to scratch files that a silent task leaves empty for the next one, and
//! no lookups per task. Every task is the leader of its own process group, which ends with it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::fstat;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use wait4::Wait4;

use super::functions::{self, FunctionSupport, support};
use super::pool::Pool;
use super::{Attempt, Executor, Failure, Outcome, Stop, TaskId};
use crate::model::{Command, Format, Redirect, SignalId};

/// What to do about files: signals of which the format says that they are files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Files {
    /// Do not look at them.
    #[default]
    Off,
    /// Record their sizes.
    Record,
    /// Fail a task that did not make its files.
    Require,
}

/// Options of the local executor.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    /// Threads, at least as many as tasks shall run at once.
    pub slots: usize,
    /// Directory that tasks run in, absolute.
    pub work_dir: PathBuf,
    /// This process is in that directory already and its standard input is empty: tasks inherit both,
    /// which saves some system calls for each.
    pub surroundings_set: bool,
    /// The run's folder, absolute: output of tasks is kept in its `logs`. `None`: output is discarded.
    pub run_dir: Option<PathBuf>,
    /// Where logs are kept; `None`: in `logs` of the run's folder.
    pub log_dir: Option<PathBuf>,
    /// What to do about the files that the format says tasks make.
    pub files: Files,
    /// Sleep the recorded run time, scaled by this, instead of running anything.
    pub replay: Option<f64>,
}

/// The local executor could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("failed to prepare {path} for the output of tasks")]
pub struct LocalError {
    /// The file or folder.
    path: PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

/// Runs tasks as processes of this machine.
pub struct Local {
    inner: Arc<Inner>,
    pool: Pool,
}

struct Inner {
    options: LocalOptions,
    null: File,
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    busy: Mutex<Busy>,
    scratch: Mutex<Option<Scratch>>,
}

/// What a slot is at, for those who want to end it.
#[derive(Default)]
struct Busy {
    task: Option<TaskId>,
    /// Set while its process exists and was not reaped: only then may its id be used.
    pid: Option<Pid>,
    stop: Option<Stop>,
}

/// Two files that take the output of one task after another as long as they stay empty.
struct Scratch {
    paths: [PathBuf; 2],
    files: [File; 2],
}

impl Scratch {
    fn open(dir: &Path, slot: usize) -> io::Result<Self> {
        let open = |name: String| -> io::Result<(PathBuf, File)> {
            let path = dir.join(name);
            // Never what an earlier task may have left there.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let file = File::options().append(true).create_new(true).open(&path)?;
            Ok((path, file))
        };
        let (out_path, out) = open(format!("{slot}.out"))?;
        let (err_path, err) = open(format!("{slot}.err"))?;
        Ok(Self { paths: [out_path, err_path], files: [out, err] })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Local {
    /// Starts the slots' threads.
    ///
    /// # Errors
    /// When the files for the tasks' output cannot be made.
    pub fn new(options: LocalOptions) -> Result<Self, LocalError> {
        let null_path = PathBuf::from("/dev/null");
        let null = File::options()
            .read(true)
            .write(true)
            .open(&null_path)
            .map_err(|source| LocalError { path: null_path, source })?;
        let count = options.slots.max(1);
        let mut slots: Vec<Slot> = Vec::new();
        slots.resize_with(count, Slot::default);
        if let Some(run_dir) = &options.run_dir {
            let dir = run_dir.join("slots");
            // Left by a dead engine: nothing there belongs to a finished task.
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).map_err(|source| LocalError { path: dir.clone(), source })?;
        }
        let inner = Arc::new(Inner { options, null, slots });
        let for_pool = Arc::clone(&inner);
        let pool = Pool::with_slots(count, move |slot, attempt| for_pool.run(slot, attempt));
        Ok(Self { inner, pool })
    }
}

impl Executor for Local {
    fn start(&self, attempt: Attempt) {
        self.pool.start(attempt);
    }

    fn stop(&self, task: TaskId, how: Stop) {
        if let Some(attempt) = self.pool.withdraw(task) {
            return attempt.finish(Outcome::failed(Failure::Stopped));
        }
        for slot in &self.inner.slots {
            let mut busy = lock(&slot.busy);
            // Asked once: a second SIGTERM would end many programs in disorder.
            if busy.task == Some(task) && busy.stop != Some(how) {
                busy.stop = Some(how);
                if let Some(pid) = busy.pid {
                    signal_group(pid, how);
                }
            }
        }
    }

    fn name(&self) -> &'static str {
        if self.inner.options.replay.is_some() { "replay" } else { "local" }
    }

    fn wants_inputs(&self, function: &str) -> bool {
        functions::looks_at_inputs(function)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(run_dir) = &self.inner.options.run_dir {
            // Only empty scratch files are left; the pool's threads end with the pool.
            let _ = fs::remove_dir_all(run_dir.join("slots"));
        }
    }
}

fn signal_group(pid: Pid, how: Stop) {
    let signal = match how {
        Stop::Terminate => Signal::TERM,
        Stop::Kill => Signal::KILL,
    };
    // It may be gone already.
    let _ = kill_process_group(pid, signal);
}

impl Inner {
    fn run(&self, slot: usize, attempt: &Attempt) -> Outcome {
        {
            let mut busy = lock(&self.slots[slot].busy);
            *busy = Busy { task: Some(attempt.id()), pid: None, stop: None };
        }
        let outcome = self.run_any(slot, attempt);
        lock(&self.slots[slot].busy).task = None;
        outcome
    }

    fn run_any(&self, slot: usize, attempt: &Attempt) -> Outcome {
        let process = attempt.process();
        if let Some(scale) = self.options.replay {
            let seconds = attempt.workflow().recorded_seconds(process.id()).unwrap_or(0.0);
            return self.sleep(slot, Duration::from_secs_f64((seconds * scale).clamp(0.0, 1e7)));
        }
        if attempt.workflow().format() == Format::WfFormat {
            return Outcome::failed(Failure::Function(
                "a WfFormat instance records commands without their files and surroundings; \
                 use `--replay` or `--executor noop`"
                    .to_owned(),
            ));
        }
        match support(process.function()) {
            FunctionSupport::Command => match process.command() {
                Some(command) => {
                    let mut outcome = self.run_command(slot, attempt, &command);
                    if self.options.files != Files::Off && outcome.result.is_ok() {
                        outcome.files = self.look_at_files(attempt, &command);
                        if self.options.files == Files::Require {
                            outcome.require_files(attempt.workflow());
                        }
                    }
                    outcome
                }
                // A process without a command: nothing to do, as with HyperFlow's placeholder tasks.
                None => Outcome::done(),
            },
            FunctionSupport::BuiltIn(function) => {
                let (outcome, log) = functions::call(function, attempt, &self.options.work_dir);
                self.keep_log(slot, attempt, &log, outcome)
            }
            FunctionSupport::Missing => functions::missing(process.function()),
        }
    }

    /// Sleeps, but wakes soon when the task is stopped.
    fn sleep(&self, slot: usize, duration: Duration) -> Outcome {
        let until = Instant::now() + duration;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Outcome::done();
            }
            if lock(&self.slots[slot].busy).stop.is_some() {
                return Outcome::failed(Failure::Stopped);
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }

    fn keep_log(&self, slot: usize, attempt: &Attempt, log: &str, mut outcome: Outcome) -> Outcome {
        let mut scratch = lock(&self.slots[slot].scratch);
        if log.is_empty() || self.provide_scratch(slot, &mut scratch).is_err() {
            return outcome;
        }
        if let Some(files) = &mut *scratch
            && files.files[0].write_all(log.as_bytes()).is_ok()
        {
            outcome.logs = self.collect_logs(&mut scratch, attempt.id());
        }
        outcome
    }

    /// Opens the slot's scratch files, unless they are open or no output is kept.
    fn provide_scratch(&self, slot: usize, scratch: &mut Option<Scratch>) -> Result<(), Failure> {
        if let (None, Some(run_dir)) = (&scratch, &self.options.run_dir) {
            let opened = Scratch::open(&run_dir.join("slots"), slot).map_err(|error| {
                Failure::NotStarted(format!("cannot open files for its output: {error}"))
            })?;
            *scratch = Some(opened);
        }
        Ok(())
    }

    fn directory(&self, command: &Command) -> PathBuf {
        match &command.work_dir {
            Some(dir) => self.options.work_dir.join(dir),
            None => self.options.work_dir.clone(),
        }
    }

    fn look_at_files(&self, attempt: &Attempt, command: &Command) -> Vec<(SignalId, Option<u64>)> {
        let mut dir = self.directory(command);
        if let Some(output_dir) = &command.output_dir {
            dir.push(output_dir);
        }
        let files = attempt.process().outputs().filter(super::super::model::Signal::is_file);
        files
            .map(|signal| {
                let size = fs::metadata(dir.join(signal.name())).ok().map(|file| file.len());
                (signal.id(), size)
            })
            .collect()
    }

    fn stdio(file: &File) -> io::Result<Stdio> {
        file.try_clone().map(Stdio::from)
    }

    fn redirect(dir: &Path, redirect: &Redirect) -> Result<Stdio, Failure> {
        let path = dir.join(&redirect.path);
        let mut options = File::options();
        options.create(true).write(true);
        if redirect.append {
            options.append(true)
        } else {
            options.truncate(true)
        };
        options.open(&path).map(Stdio::from).map_err(|error| {
            Failure::NotStarted(format!("cannot write {}: {error}", path.display()))
        })
    }

    fn run_command(&self, slot: usize, attempt: &Attempt, command: &Command) -> Outcome {
        let dir = self.directory(command);
        let mut scratch = lock(&self.slots[slot].scratch);
        if let Err(failure) = self.provide_scratch(slot, &mut scratch) {
            return Outcome::failed(failure);
        }
        let child = match self.spawn(&dir, command, scratch.as_ref()) {
            Ok(child) => child,
            Err(failure) => return Outcome::failed(failure),
        };
        // A running process has an id that fits.
        let raw = child.id();
        let Some(pid) = i32::try_from(raw).ok().and_then(Pid::from_raw) else {
            return Outcome::failed(Failure::Lost(format!("process id {raw} is not valid")));
        };
        {
            let mut busy = lock(&self.slots[slot].busy);
            busy.pid = Some(pid);
            if let Some(how) = busy.stop {
                signal_group(pid, how);
            }
        }
        attempt.runs_as(raw);
        // Waits without reaping, so that the id cannot become another process's while others signal it.
        while let Err(rustix::io::Errno::INTR) =
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {}
        let stopped = {
            let mut busy = lock(&self.slots[slot].busy);
            busy.pid = None;
            busy.stop
        };
        // What a task leaves running in its process group ends with it, as it would in a container. The
        // leader is not reaped yet, so the id is still the group's.
        signal_group(pid, Stop::Kill);
        let reaped = match child.wait4() {
            Ok(reaped) => reaped,
            Err(error) => return Outcome::failed(Failure::Lost(format!("wait4: {error}"))),
        };
        // What was asked to end has not done its work, whatever code it ends with.
        let mut outcome = match (stopped, reaped.status.code(), reaped.status.signal()) {
            (Some(_), _, _) => Outcome::failed(Failure::Stopped),
            (None, Some(0), _) => Outcome::done(),
            (None, Some(code), _) => Outcome::failed(Failure::Exit(code)),
            (None, None, signal) => Outcome::failed(Failure::Signal(signal.unwrap_or_default())),
        };
        outcome.cpu = reaped.rusage.utime + reaped.rusage.stime;
        outcome.peak_memory_bytes = reaped.rusage.maxrss;
        outcome.logs = self.collect_logs(&mut scratch, attempt.id());
        outcome
    }

    fn spawn(
        &self,
        dir: &Path,
        command: &Command,
        scratch: Option<&Scratch>,
    ) -> Result<process::Child, Failure> {
        let mut spawn = if command.shell {
            let mut shell = process::Command::new("/bin/sh");
            shell.args(["-c", &command.shell_line()]);
            shell
        } else {
            let mut direct = process::Command::new(&command.executable);
            direct.args(&command.args);
            direct
        };
        let not_started = |error: io::Error| Failure::NotStarted(error.to_string());
        spawn.process_group(0);
        if !self.options.surroundings_set || command.work_dir.is_some() {
            spawn.current_dir(dir);
        }
        if !self.options.surroundings_set {
            spawn.stdin(Self::stdio(&self.null).map_err(not_started)?);
        }
        for (name, value) in &command.env {
            spawn.env(name, value);
        }
        let default =
            |which: usize| Self::stdio(scratch.map_or(&self.null, |scratch| &scratch.files[which]));
        spawn.stdout(match &command.stdout {
            Some(redirect) => Self::redirect(dir, redirect)?,
            None => default(0).map_err(not_started)?,
        });
        spawn.stderr(match &command.stderr {
            Some(redirect) => Self::redirect(dir, redirect)?,
            None => default(1).map_err(not_started)?,
        });
        spawn.spawn().map_err(|error| {
            let executable = &command.executable;
            Failure::NotStarted(match error.kind() {
                io::ErrorKind::NotFound if !dir.is_dir() => {
                    format!("its directory {} does not exist", dir.display())
                }
                io::ErrorKind::NotFound if executable.contains('/') => {
                    format!("there is no program {}", dir.join(executable).display())
                }
                io::ErrorKind::NotFound => {
                    format!(
                        "there is no program `{executable}` in PATH; install it or give its path"
                    )
                }
                io::ErrorKind::PermissionDenied => format!("{executable} is not executable"),
                _ => format!("{executable}: {error}"),
            })
        })
    }

    /// Moves what the task wrote to its own log files. Empty scratch files stay for the next task; if any of
    /// the moves fails, the next task gets new ones.
    fn collect_logs(&self, scratch: &mut Option<Scratch>, task: TaskId) -> Vec<PathBuf> {
        let mut logs = Vec::new();
        let (Some(files), Some(run_dir)) = (scratch.as_ref(), &self.options.run_dir) else {
            return logs;
        };
        let log_dir = self.options.log_dir.clone().unwrap_or_else(|| run_dir.join("logs"));
        let mut used = false;
        for (which, suffix) in ["out", "err"].into_iter().enumerate() {
            if fstat(&files.files[which]).map_or(0, |status| status.st_size) == 0 {
                continue;
            }
            used = true;
            let path = crate::store::log_path(&log_dir, task, suffix);
            let moved = path
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::rename(&files.paths[which], &path));
            if moved.is_ok() {
                logs.push(path);
            }
        }
        if used {
            *scratch = None;
        }
        logs
    }
}
