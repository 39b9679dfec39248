//! The moving part: takes results in, journals them, and starts what they enabled.
//!
//! There is no dispatcher thread. Whoever reports a result (usually a slot's thread) takes the lock,
//! applies it, hands the journal to the kernel, and starts what follows; if another thread is at that
//! already, it only leaves its result in the inbox. So a chain of tasks runs on one thread without a
//! switch, and results that arrive together share one write. The thread that called
//! [`Run::execute`](super::Run::execute) sleeps, and wakes for deadlines, retries, intervals, `fdatasync`
//! and cancellation.

mod drive;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hashbrown::HashMap;
use rustix::time::{ClockId, clock_gettime};

use super::Status;
use super::events::{Event, Observer};
use super::options::{CancelToken, RunOptions};
use super::ready::{Ready, ReadyQueue};
use super::report::{FailedTask, Tally};
use crate::exec::{Attempt, Executor, Failure, Outcome, Stop, TaskId};
use crate::journal::{Ended, JournalError, Record, Started, Verdict, Writer};
use crate::model::{SignalId, Workflow};
use crate::net::{Firing, Net, Outputs};
use crate::store::{TaskRecord, encode_outputs};

pub(in crate::run) use drive::execute;

/// `fdatasync` comes at most this late.
const SYNC_EVERY: Duration = Duration::from_millis(200);
/// How long killed tasks may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// What attempts and the engine share.
pub(crate) struct Shared {
    workflow: Arc<Workflow>,
    state: Mutex<State>,
    changed: Condvar,
    clock: Clock,
    cancel: CancelToken,
}

/// Times of a run: microseconds since its epoch.
#[derive(Debug, Clone, Copy)]
struct Clock {
    origin: Instant,
    offset_micros: u64,
}

impl Clock {
    fn new(epoch_micros: Option<u64>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let offset_micros = epoch_micros.map_or(0, |epoch| now.saturating_sub(epoch));
        Self { origin: Instant::now(), offset_micros }
    }

    fn micros(&self) -> u64 {
        self.offset_micros + u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Microseconds since boot: what process start times are compared with.
pub(crate) fn boot_micros() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1000).unwrap_or(0)
}

enum Message {
    RunsAs(Started),
    Began { task: TaskId, at_micros: u64 },
    Finished { task: TaskId, outcome: Outcome, at_micros: u64 },
}

struct Running {
    firing: Firing,
    queued_micros: u64,
    started_micros: u64,
    /// The engine has asked for its end because of this deadline, in milliseconds.
    timed_out: Option<u64>,
}

/// Why nothing more is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Exited,
    Failed,
    Interrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Retry { process: u32, firing: u32 },
    Deadline(TaskId),
    Kill(TaskId),
    Interval { process: u32, millis: u64 },
}

/// A task's own word on deadlines and retries.
#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    timeout: Option<Duration>,
    retries: Option<u32>,
}

/// What earlier engines tried of a firing that is not done.
#[derive(Debug, Clone, Copy, Default)]
struct Earlier {
    attempts: u32,
    uncounted: u32,
    /// Attempts of this engine that the platform failed.
    failed_by_platform: u32,
}

struct State {
    executor: Option<Arc<dyn Executor>>,
    net: Net,
    ready: ReadyQueue,
    running: HashMap<TaskId, Running>,
    waiting: HashMap<(u32, u32), Ready>,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
    inbox: Vec<Message>,
    pumping: bool,
    /// The sleeping thread has something new to look at.
    wake: bool,
    /// What was journaled and is to be told to the executor.
    recorded: Vec<TaskId>,
    phase: Phase,
    /// An earlier engine's task asked for the end: only what was at work then is brought to its end.
    exiting: bool,
    journal: Option<Writer>,
    journal_error: Option<JournalError>,
    observer: Option<Box<dyn Observer>>,
    events: Vec<Event>,
    enabled: Vec<Firing>,
    tally: Tally,
    failed: Vec<FailedTask>,
    options: RunOptions,
    limits: HashMap<u32, Limits>,
    /// (process, firing) -> attempts of earlier engines, and how many of these use up no retries.
    earlier: HashMap<(u32, u32), Earlier>,
    random: u64,
}

impl Shared {
    pub(crate) fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn runs_as(&self, task: TaskId, pid: u32) {
        let started = Started {
            process: task.process,
            firing: task.firing,
            attempt: task.attempt,
            pid,
            boot_micros: boot_micros(),
        };
        let mut state = self.lock();
        if state.journal.is_some() {
            // Goes to the kernel with the next result, or within 200 ms: nothing depends on it, since the
            // tasks of a dead engine are found by their marker.
            state.inbox.push(Message::RunsAs(started));
        }
    }

    pub(crate) fn began(self: &Arc<Self>, task: TaskId) {
        let at_micros = self.clock.micros();
        let mut state = self.lock();
        state.inbox.push(Message::Began { task, at_micros });
        if !state.pumping {
            drop(self.pump(state, None));
        }
    }

    pub(crate) fn finished(self: &Arc<Self>, task: TaskId, outcome: Outcome) {
        let at_micros = self.clock.micros();
        let mut state = self.lock();
        state.inbox.push(Message::Finished { task, outcome, at_micros });
        if !state.pumping {
            drop(self.pump(state, None));
        }
    }

    /// Applies what has come in and starts what follows, until there is nothing of either or `until` has
    /// come.
    fn pump<'s>(
        self: &'s Arc<Self>,
        mut state: MutexGuard<'s, State>,
        until: Option<Instant>,
    ) -> MutexGuard<'s, State> {
        state.pumping = true;
        let mut batch = Vec::new();
        // What is still in the inbox then is taken up at the next call.
        while !until.is_some_and(|until| !state.inbox.is_empty() && Instant::now() >= until) {
            for message in std::mem::take(&mut state.inbox) {
                state.apply(&self.workflow, message);
            }
            state.flush();
            if !state.recorded.is_empty() {
                state.tell_recorded();
            }
            if self.cancel.calls() > 0 {
                state.interrupt();
            }
            let now = self.clock.micros();
            while state.phase == Phase::Running
                && let Some(ready) = state.ready.take()
            {
                batch.push(self.begin(&mut state, ready, now));
            }
            state.tell();
            if batch.is_empty() {
                break;
            }
            let Some(executor) = state.executor.clone() else { break };
            drop(state);
            for attempt in batch.drain(..) {
                executor.start(attempt);
            }
            drop(executor);
            state = self.lock();
        }
        state.pumping = false;
        if state.wake || state.is_over() {
            self.changed.notify_all();
        }
        state
    }

    /// Makes the attempt of a ready firing.
    fn begin(self: &Arc<Self>, state: &mut State, ready: Ready, now: u64) -> Attempt {
        let Ready { firing, attempt, queued_micros, .. } = ready;
        let id = TaskId { process: firing.process, firing: firing.number, attempt };
        let inputs = firing.inputs.clone();
        if !state.executor.as_ref().is_some_and(|executor| executor.tells_begin()) {
            state.set_deadline(id, now);
        }
        let running = Running { firing, queued_micros, started_micros: now, timed_out: None };
        state.running.insert(id, running);
        state.tally.started(id.process);
        if state.observer.is_some() {
            state.events.push(Event::Started { task: id });
        }
        Attempt { engine: Arc::clone(self), id, inputs, finished: false }
    }
}

impl State {
    fn write(&mut self, record: &Record) {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.push(record)
        {
            self.journal_failed(error);
        }
    }

    fn flush(&mut self) {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.flush()
        {
            self.journal_failed(error);
        }
    }

    /// Journals the processes of tasks that are still at work.
    fn flush_inbox_of_starts(&mut self) {
        if self.pumping || !self.inbox.iter().all(|message| matches!(message, Message::RunsAs(_))) {
            return;
        }
        for message in std::mem::take(&mut self.inbox) {
            if let Message::RunsAs(started) = message {
                self.write(&Record::Started(started));
            }
        }
        self.flush();
    }

    /// Without a journal nothing may be shown as done: everything stops, and the run can be resumed.
    fn journal_failed(&mut self, error: JournalError) {
        self.journal = None;
        // What did not reach the kernel is not shown as done.
        self.events.clear();
        self.journal_error.get_or_insert(error);
        self.interrupt();
    }

    fn interrupt(&mut self) {
        if self.phase != Phase::Interrupted {
            self.phase = Phase::Interrupted;
            self.ready.clear();
            self.waiting.clear();
            self.wake = true;
        }
    }

    /// Without a journal an end is as sure as it will be.
    fn tell_recorded(&mut self) {
        if let Some(executor) = &self.executor
            && self.journal_error.is_none()
        {
            executor.recorded(&self.recorded);
        }
        self.recorded.clear();
    }

    fn set_deadline(&mut self, task: TaskId, began_micros: u64) {
        let limits = self.limits.get(&task.process).copied().unwrap_or_default();
        if let Some(timeout) = limits.timeout.or(self.options.timeout) {
            let due = began_micros + u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX / 2);
            self.timers.push(Reverse((due, Timer::Deadline(task))));
            self.wake = true;
        }
    }

    fn apply_began(&mut self, task: TaskId, now: u64) {
        let Some(running) = self.running.get_mut(&task) else { return };
        running.started_micros = now;
        let TaskId { process, firing, attempt } = task;
        // No process of this machine.
        let started = Started { process, firing, attempt, pid: 0, boot_micros: 0 };
        if self.journal.is_some() {
            self.write(&Record::Started(started));
        }
        self.set_deadline(task, now);
        if self.observer.is_some() {
            self.events.push(Event::Began { task });
        }
    }

    /// After how long a failed attempt is followed by another; `None`: it was the last.
    fn retry_after(&mut self, task: TaskId, failure: &Failure) -> Option<Duration> {
        if self.phase != Phase::Running || !failure.helps_to_try_again() {
            return None;
        }
        let limits = self.limits.get(&task.process).copied().unwrap_or_default();
        let jitter = self.jitter();
        let retry = self.options.retry;
        let key = (task.process, task.firing);
        if failure.is_own_fault() {
            let uncounted = self.earlier.get(&key).map_or(0, |earlier| earlier.uncounted);
            let tries = task.attempt.saturating_sub(uncounted);
            let allowed = limits.retries.unwrap_or(retry.retries);
            return (tries <= allowed).then(|| retry.delay(tries, jitter));
        }
        let earlier = self.earlier.entry(key).or_default();
        earlier.attempts = task.attempt;
        earlier.uncounted += 1;
        earlier.failed_by_platform += 1;
        let tries = earlier.failed_by_platform;
        (tries <= retry.platform_retries).then(|| retry.delay(tries, jitter))
    }

    fn tell(&mut self) {
        match &mut self.observer {
            Some(observer) => {
                for event in self.events.drain(..) {
                    observer.event(&event);
                }
            }
            None => self.events.clear(),
        }
    }

    fn apply(&mut self, workflow: &Workflow, message: Message) {
        match message {
            Message::RunsAs(started) => self.write(&Record::Started(started)),
            Message::Began { task, at_micros } => self.apply_began(task, at_micros),
            Message::Finished { task, outcome, at_micros } => {
                self.apply_finished(workflow, task, outcome, at_micros);
            }
        }
    }

    fn apply_finished(&mut self, workflow: &Workflow, task: TaskId, outcome: Outcome, now: u64) {
        let Some(mut running) = self.running.remove(&task) else { return };
        if let Some(ran) = outcome.ran {
            // What lies between its end and now was waiting, as what lies before its begin was.
            let ran = u64::try_from(ran.as_micros()).unwrap_or(u64::MAX);
            running.started_micros = running.started_micros.max(now.saturating_sub(ran));
        }
        self.ready.release(task.process);
        let (process, number) = (task.process, task.firing);
        let stopping = self.phase == Phase::Interrupted;
        let result = match (outcome.result, running.timed_out) {
            (Err(Failure::Stopped | Failure::Signal(_)), Some(limit)) => {
                Err(Failure::TimedOut(limit))
            }
            (Err(Failure::Stopped), None) if !stopping => {
                Err(Failure::Lost("stopped by its executor, unasked".to_owned()))
            }
            // What a stop brings down is not the task's fault.
            (Err(Failure::Signal(_)), None) if stopping => Err(Failure::Stopped),
            (result, _) => result,
        };
        let took = Duration::from_micros(now.saturating_sub(running.started_micros));
        let mut retry_in = None;
        let verdict = match &result {
            Ok(_) if outcome.ends_workflow => Verdict::Exit,
            Ok(Outputs::Plain) => Verdict::Done,
            Ok(outputs) => Verdict::DoneWith(encode_outputs(outputs)),
            Err(Failure::Stopped) => Verdict::Stopped,
            Err(failure) => {
                retry_in = self.retry_after(task, failure);
                Verdict::Failed { failure: failure.clone(), last: retry_in.is_none() }
            }
        };
        let ended = Ended {
            process,
            firing: number,
            attempt: task.attempt,
            queued_micros: running.queued_micros,
            started_micros: running.started_micros,
            ended_micros: now,
            cpu_micros: u64::try_from(outcome.cpu.as_micros()).unwrap_or(u64::MAX),
            peak_kib: outcome.peak_memory_bytes / 1024,
            result: verdict,
            files: outcome.files.iter().map(|(signal, size)| (signal.0, *size)).collect(),
        };
        self.tally.missing(&ended.files);
        if self.journal.is_some() {
            self.write(&Record::Ended(ended.clone()));
        }
        self.recorded.push(task);
        match result {
            Ok(outputs) => {
                self.tally.finished(workflow, &TaskRecord::from(&ended));
                if self.observer.is_some() {
                    self.events.push(Event::Finished { task, took });
                }
                self.net.complete(process, number, outputs, &mut self.enabled);
                self.queue_enabled(now);
                if outcome.ends_workflow {
                    self.drain(Phase::Exited);
                }
            }
            Err(Failure::Stopped) => {
                self.events.push(Event::Stopped { task });
            }
            Err(failure) => {
                self.events.push(Event::Failed {
                    task,
                    failure: failure.clone(),
                    logs: outcome.logs.clone(),
                    retry_in,
                });
                if let Some(delay) = retry_in {
                    let ready = Ready::new(running.firing, task.attempt + 1, now);
                    self.waiting.insert((process, number), ready);
                    let due = now + u64::try_from(delay.as_micros()).unwrap_or(u64::MAX / 2);
                    self.timers.push(Reverse((due, Timer::Retry { process, firing: number })));
                    self.wake = true;
                } else {
                    self.tally.failed(workflow, &TaskRecord::from(&ended));
                    self.failed.push(FailedTask { task, failure, took, logs: outcome.logs });
                    self.net.fail(process, number, &mut self.enabled);
                    self.queue_enabled(now);
                    if !self.options.keep_going {
                        self.drain(Phase::Failed);
                    }
                }
            }
        }
    }

    /// Starts nothing more, but waits for what runs.
    fn drain(&mut self, phase: Phase) {
        if self.phase == Phase::Running {
            self.phase = phase;
            self.ready.clear();
            self.waiting.clear();
            if !self.running.is_empty() {
                let reason = if phase == Phase::Failed { Status::Failed } else { Status::Exited };
                self.events.push(Event::Draining { reason, running: self.running.len() });
            }
        }
    }

    fn queue_enabled(&mut self, now: u64) {
        if self.phase != Phase::Running || self.exiting {
            self.enabled.clear();
            return;
        }
        for firing in self.enabled.drain(..) {
            let earlier = self.earlier.get(&(firing.process, firing.number));
            let attempt = earlier.map_or(1, |earlier| earlier.attempts + 1);
            self.ready.push(Ready::new(firing, attempt, now));
        }
    }

    fn jitter(&mut self) -> f64 {
        // xorshift: enough to keep retries apart, and no dependency.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn has_live_interval(&self) -> bool {
        self.timers.iter().any(|Reverse((_, timer))| match timer {
            Timer::Interval { process, .. } => self.net.is_live(*process),
            _ => false,
        })
    }

    fn is_over(&self) -> bool {
        self.running.is_empty()
            && self.inbox.is_empty()
            && (self.phase != Phase::Running
                || (self.ready.is_empty() && self.waiting.is_empty() && !self.has_live_interval()))
    }

    /// Handles every timer that is due. Answers which tasks are to be stopped.
    fn fire_timers(&mut self, now: u64) -> Vec<(TaskId, Stop)> {
        let mut stops = Vec::new();
        while let Some(&Reverse((due, timer))) = self.timers.peek()
            && due <= now
        {
            self.timers.pop();
            match timer {
                Timer::Retry { process, firing } => {
                    if let Some(ready) = self.waiting.remove(&(process, firing)) {
                        self.ready.push(ready);
                    }
                }
                Timer::Deadline(task) => {
                    if let Some(running) = self.running.get_mut(&task) {
                        running.timed_out = Some((now - running.started_micros) / 1000);
                        stops.push((task, Stop::Terminate));
                        let grace = self.options.grace.as_micros() as u64;
                        self.timers.push(Reverse((now + grace, Timer::Kill(task))));
                    }
                }
                Timer::Kill(task) => {
                    if self.running.contains_key(&task) {
                        stops.push((task, Stop::Kill));
                        let again = now + SYNC_EVERY.as_micros() as u64;
                        self.timers.push(Reverse((again, Timer::Kill(task))));
                    }
                }
                Timer::Interval { process, millis } => {
                    if self.phase == Phase::Running && self.net.is_live(process) {
                        self.net.tick(process, &mut self.enabled);
                        self.queue_enabled(now);
                        // An interval of 0 must not keep this loop from ending.
                        let next = now.saturating_add(millis.saturating_mul(1000).max(1));
                        self.timers.push(Reverse((next, Timer::Interval { process, millis })));
                    }
                }
            }
        }
        stops
    }

    fn status(&self, workflow: &Workflow) -> Status {
        match self.phase {
            Phase::Interrupted => return Status::Interrupted,
            Phase::Exited if self.failed.is_empty() => return Status::Exited,
            Phase::Exited | Phase::Failed => return Status::Failed,
            Phase::Running => {}
        }
        if !self.failed.is_empty() {
            return Status::Failed;
        }
        if self.exiting {
            return Status::Exited;
        }
        let waiting = self.net.waiting_for_outside();
        if !waiting.is_empty() {
            let name = |signal| workflow.signal(SignalId(signal)).name().to_owned();
            return Status::Waiting { signals: waiting.into_iter().map(name).collect() };
        }
        if self.net.unfinished() == 0 { Status::Finished } else { Status::Idle }
    }
}
