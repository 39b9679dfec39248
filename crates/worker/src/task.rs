//! One task: from its description to its end.
//!
//! A task is the leader of its own process group, which ends with it. One thread waits for it and reads its output.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, pidfd_open,
    waitid, waitpgid,
};
use wait4::Wait4;

use crate::memory::OomCounter;
use crate::output::{Keep, Output, Stream};
use crate::protocol::{Redirect, StopHow, Tail, TaskEnd, TaskKey, TaskResult, TaskSpec};

/// What all tasks of a worker have in common.
#[derive(Debug)]
pub struct Surroundings {
    work_dir: PathBuf,
    output: Output,
    hidden: Vec<String>,
    oom: OomCounter,
    /// Process groups of ended tasks that may still have processes to reap.
    groups: Mutex<BTreeSet<i32>>,
}

/// Ends a task before its time.
#[derive(Debug, Default)]
pub struct Control(Mutex<Busy>);

#[derive(Debug, Default)]
struct Busy {
    /// Set while its process exists and was not reaped: only then may its id be used.
    pid: Option<Pid>,
    stop: Option<StopHow>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Surroundings {
    /// Tasks in `work_dir` (absolute), whose output goes to `output` too. `hidden` names variables of the worker's own
    /// environment that are no business of tasks.
    #[must_use]
    pub fn new(work_dir: PathBuf, output: Output, hidden: Vec<String>) -> Self {
        Self { work_dir, output, hidden, oom: OomCounter::find(), groups: Mutex::default() }
    }

    /// The directory that paths of tasks are relative to.
    #[must_use]
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    pub(crate) fn note(&self, text: &str) {
        self.output.note(text);
    }

    /// Reaps what ended tasks left behind: as the first process of a pod a worker inherits their children. Never waits.
    fn reap_left_behind(&self, ended: Pid) {
        let mut groups = lock(&self.groups);
        groups.insert(ended.as_raw_nonzero().get());
        groups.retain(|raw| {
            let Some(group) = Pid::from_raw(*raw) else { return false };
            loop {
                match waitpgid(group, WaitOptions::NOHANG) {
                    Ok(Some(_)) | Err(Errno::INTR) => {}
                    // Not dead yet: the next time.
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
        });
    }
}

impl Control {
    /// Says that the task is to end: its process group gets a signal, or it is not started at all.
    pub fn stop(&self, how: StopHow) {
        let mut busy = lock(&self.0);
        // Asked once: a second SIGTERM would end many programs in disorder.
        if busy.stop == Some(how) || busy.stop == Some(StopHow::Kill) {
            return;
        }
        busy.stop = Some(how);
        if let Some(pid) = busy.pid {
            signal_group(pid, how);
        }
    }

    /// Whether it was told to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        lock(&self.0).stop.is_some()
    }
}

fn signal_group(pid: Pid, how: StopHow) {
    let signal = match how {
        StopHow::Terminate => Signal::TERM,
        StopHow::Kill => Signal::KILL,
    };
    // It may be gone already.
    let _ = kill_process_group(pid, signal);
}

/// An end without a process.
pub(crate) fn end_without_process(key: TaskKey, result: TaskResult) -> TaskEnd {
    TaskEnd {
        key,
        result,
        wall_micros: 0,
        cpu_micros: 0,
        peak_bytes: 0,
        files: Vec::new(),
        out: Tail::default(),
        err: Tail::default(),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Runs one task; `began` is called once its program runs. All that can go wrong is said in the end that is returned.
#[must_use]
pub fn run(
    spec: &TaskSpec,
    control: &Control,
    surroundings: &Surroundings,
    began: impl FnOnce(),
) -> TaskEnd {
    if control.is_stopped() {
        return end_without_process(spec.key, TaskResult::Stopped);
    }
    surroundings.note(&format!("== {} (attempt {})", spec.label, spec.key.attempt));
    let killed_before = surroundings.oom.count();
    let start = Instant::now();
    let mut process = match Process::spawn(spec, surroundings) {
        Ok(process) => process,
        Err(why) => {
            surroundings.note(&format!("== not started: {why}"));
            return end_without_process(spec.key, TaskResult::NotStarted(why));
        }
    };
    {
        let mut busy = lock(&control.0);
        busy.pid = Some(process.pid);
        if let Some(how) = busy.stop {
            signal_group(process.pid, how);
        }
    }
    began();
    let mut kept = [Keep::last(spec.tail_bytes), Keep::last(spec.tail_bytes)];
    process.follow(&mut kept, &surroundings.output);
    // The process has ended, but is not reaped: its id is still its own.
    let wall = start.elapsed();
    let stopped = {
        let mut busy = lock(&control.0);
        busy.pid = None;
        busy.stop
    };
    // What a task leaves running in its process group ends with it.
    signal_group(process.pid, StopHow::Kill);
    process.drain(&mut kept, &surroundings.output);
    let reaped = process.child.wait4();
    surroundings.reap_left_behind(process.pid);
    let mut end = end_without_process(spec.key, TaskResult::Stopped);
    end.wall_micros = micros(wall);
    end.out = kept[0].tail();
    end.err = kept[1].tail();
    let reaped = match reaped {
        Ok(reaped) => reaped,
        Err(error) => {
            end.result = TaskResult::Lost(format!("wait4: {error}"));
            return end;
        }
    };
    let ran_out = || surroundings.oom.count() > killed_before;
    // What was asked to end has not done its work, whatever code it ends with.
    end.result = match (stopped, reaped.status.code(), reaped.status.signal()) {
        (Some(_), _, _) => TaskResult::Stopped,
        // 137 is what a shell says of a program that got SIGKILL.
        (None, _, Some(9)) | (None, Some(137), _) if ran_out() => TaskResult::OutOfMemory,
        (None, Some(code), _) => TaskResult::Exit(code),
        (None, None, signal) => TaskResult::Signal(signal.unwrap_or_default()),
    };
    end.cpu_micros = micros(reaped.rusage.utime + reaped.rusage.stime);
    end.peak_bytes = reaped.rusage.maxrss;
    end.files = spec
        .look_at
        .iter()
        .map(|(signal, path)| {
            let size = fs::metadata(surroundings.work_dir.join(path)).ok().map(|file| file.len());
            (*signal, size)
        })
        .collect();
    end
}

/// A running task.
struct Process {
    child: Child,
    pid: Pid,
    /// Becomes readable, or hangs up, when it has ended.
    ended: OwnedFd,
    pipes: [Option<PipeReader>; 2],
}

impl Process {
    fn spawn(spec: &TaskSpec, surroundings: &Surroundings) -> Result<Self, String> {
        let Some((program, arguments)) = spec.argv.split_first() else {
            return Err("it has no program: its argument vector is empty".to_owned());
        };
        let dir = surroundings.work_dir.join(&spec.dir);
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).current_dir(&dir).stdin(Stdio::null());
        for name in &surroundings.hidden {
            command.env_remove(name);
        }
        command.envs(spec.env.iter().map(|(name, value)| (name, value)));
        let (out, out_pipe) = Self::stream(&dir, spec.stdout.as_ref())?;
        let (err, err_pipe) = Self::stream(&dir, spec.stderr.as_ref())?;
        command.stdout(out).stderr(err);
        let spawned = command.spawn();
        // Closes the writing ends of the pipes.
        drop(command);
        let mut child = spawned.map_err(|error| Self::why_not(&error, program, &dir))?;
        // A running process has an id that fits.
        let raw = child.id();
        let Some(pid) = i32::try_from(raw).ok().and_then(Pid::from_raw) else {
            return Err(format!("process id {raw} is not valid"));
        };
        let ended = match end_notice(pid) {
            Ok(ended) => ended,
            Err(error) => {
                signal_group(pid, StopHow::Kill);
                let _ = child.wait();
                return Err(format!("cannot wait for it: {error}"));
            }
        };
        Ok(Self { child, pid, ended, pipes: [out_pipe, err_pipe] })
    }

    fn stream(
        dir: &Path,
        redirect: Option<&Redirect>,
    ) -> Result<(Stdio, Option<PipeReader>), String> {
        if let Some(redirect) = redirect {
            let path = dir.join(&redirect.path);
            let mut options = File::options();
            options.create(true).write(true);
            if redirect.append {
                options.append(true)
            } else {
                options.truncate(true)
            };
            return options.open(&path).map(|file| (Stdio::from(file), None)).map_err(|error| {
                if dir.is_dir() {
                    format!("cannot write {}: {error}", path.display())
                } else {
                    no_directory(dir)
                }
            });
        }
        let pipe = || -> io::Result<_> {
            let (reader, writer) = io::pipe()?;
            // Only this end: the task's own is another open file.
            rustix::io::ioctl_fionbio(&reader, true)?;
            Ok((Stdio::from(writer), Some(reader)))
        };
        pipe().map_err(|error| format!("cannot make a pipe for its output: {error}"))
    }

    fn why_not(error: &io::Error, program: &str, dir: &Path) -> String {
        let is_path = program.contains('/');
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            _ if !dir.is_dir() => no_directory(dir),
            Some(Errno::NOENT) if is_path && dir.join(program).exists() => format!(
                "{program} exists, but the interpreter or loader that it names is not in this image"
            ),
            Some(Errno::NOENT) if is_path => {
                format!("there is no program {} in this image", dir.join(program).display())
            }
            Some(Errno::NOENT) => format!(
                "there is no program `{program}` in PATH in this image; use an image that has it, or give its path"
            ),
            Some(Errno::ACCESS) => format!("{program} is not executable"),
            Some(Errno::NOEXEC) => {
                format!("{program} is no program for this machine, or a script without a `#!` line")
            }
            Some(Errno::TOOBIG) => {
                format!("{program}: its arguments and environment are longer than the system takes")
            }
            _ => format!("{program}: {error}"),
        }
    }

    /// Reads its output until it has ended.
    fn follow(&mut self, kept: &mut [Keep; 2], output: &Output) {
        loop {
            let mut ready = [false; 2];
            {
                let mut fds = vec![PollFd::new(&self.ended, PollFlags::IN)];
                let mut which = Vec::new();
                for (index, pipe) in self.pipes.iter().enumerate() {
                    if let Some(pipe) = pipe {
                        fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
                        which.push(index);
                    }
                }
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    // Waits without the output then.
                    Err(_) => return wait_without_reaping(self.pid),
                }
                if !fds[0].revents().is_empty() {
                    return;
                }
                for (fd, index) in fds[1..].iter().zip(which) {
                    ready[index] = !fd.revents().is_empty();
                }
            }
            for (index, is_ready) in ready.into_iter().enumerate() {
                if is_ready {
                    self.read(index, kept, output);
                }
            }
        }
    }

    /// Reads once; whether there may be more.
    fn read(&mut self, index: usize, kept: &mut [Keep; 2], output: &Output) -> bool {
        let Some(pipe) = &mut self.pipes[index] else { return false };
        let mut bytes = [0_u8; 16 << 10];
        match pipe.read(&mut bytes) {
            Ok(count) if count > 0 => {
                kept[index].push(&bytes[..count]);
                output.copy(if index == 0 { Stream::Out } else { Stream::Err }, &bytes[..count]);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            _ => {
                self.pipes[index] = None;
                false
            }
        }
    }

    /// Reads what is left in the pipes. A process that has left the group may hold them and go on writing.
    fn drain(&mut self, kept: &mut [Keep; 2], output: &Output) {
        for index in 0..2 {
            // More than a pipe holds.
            for _ in 0..128 {
                if !self.read(index, kept, output) {
                    break;
                }
            }
        }
    }
}

fn no_directory(dir: &Path) -> String {
    format!("its directory {} does not exist", dir.display())
}

/// Waits without reaping, so that the id cannot become another process's while others signal it.
fn wait_without_reaping(pid: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
}

/// A descriptor that is ready when the process has ended.
fn end_notice(pid: Pid) -> io::Result<OwnedFd> {
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => Ok(fd),
        // Kernels and sandboxes without it.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => end_notice_by_thread(pid),
        Err(error) => Err(error.into()),
    }
}

fn end_notice_by_thread(pid: Pid) -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    std::thread::Builder::new().name("wait".to_owned()).stack_size(64 << 10).spawn(move || {
        wait_without_reaping(pid);
        drop(writer);
    })?;
    Ok(reader.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(script: &str) -> TaskSpec {
        TaskSpec {
            key: TaskKey { process: 1, firing: 1, attempt: 1 },
            label: "t".to_owned(),
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            tail_bytes: 100,
            ..TaskSpec::default()
        }
    }

    #[test]
    fn memory_that_ran_out_is_told_from_other_kills() {
        let dir = tempfile::tempdir().unwrap();
        let events = dir.path().join("memory.events");
        fs::write(&events, "oom_kill 3\n").unwrap();
        let mut surroundings = Surroundings::new(dir.path().to_owned(), Output::none(), Vec::new());
        surroundings.oom = OomCounter::at(events);
        let run =
            |script: &str| run(&spec(script), &Control::default(), &surroundings, || ()).result;
        assert_eq!(run("kill -KILL $$"), TaskResult::Signal(9));
        // As the kernel counts while the task runs.
        assert_eq!(run("echo oom_kill 4 > memory.events; kill -KILL $$"), TaskResult::OutOfMemory);
        // Of this task nothing was killed: the one before was.
        assert_eq!(run("kill -KILL $$"), TaskResult::Signal(9));
        let in_shell = "echo oom_kill 5 > memory.events; sh -c 'kill -KILL $$'; exit $?";
        assert_eq!(run(in_shell), TaskResult::OutOfMemory);
        assert_eq!(run("echo oom_kill 6 > memory.events; exit 1"), TaskResult::Exit(1));
    }

    #[test]
    fn the_end_of_a_process_is_noticed_without_a_descriptor_for_it() {
        let child = Command::new("sh").args(["-c", "read line"]).stdin(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let notice = end_notice_by_thread(pid).unwrap();
        let is_ready = |seconds| {
            let mut fds = [PollFd::new(&notice, PollFlags::IN)];
            let timeout = rustix::event::Timespec { tv_sec: seconds, tv_nsec: 0 };
            poll(&mut fds, Some(&timeout)).unwrap() == 1
        };
        assert!(!is_ready(0));
        drop(child.stdin.take());
        assert!(is_ready(30));
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn variables_that_are_no_business_of_tasks_are_hidden() {
        let dir = tempfile::tempdir().unwrap();
        let hidden = vec!["PATH".to_owned()];
        let surroundings = Surroundings::new(dir.path().to_owned(), Output::none(), hidden);
        let mut task = spec("echo \"$A\"; /usr/bin/env");
        task.argv[0] = "/bin/sh".to_owned();
        task.tail_bytes = 1 << 20;
        task.env = vec![("A".to_owned(), "1".to_owned())];
        let end = run(&task, &Control::default(), &surroundings, || ());
        assert!(end.out.text.starts_with("1\n"), "{end:?}");
        assert!(!end.out.text.contains("\nPATH="), "{end:?}");
    }
}
