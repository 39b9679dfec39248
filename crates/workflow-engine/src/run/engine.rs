//! The moving part: takes results in, journals them, and starts what they enabled.
//!
//! There is no dispatcher thread. Whoever reports a result (usually a slot's thread) takes the lock,
//! applies it, hands the journal to the kernel, and starts what follows; if another thread is at that
//! already, it only leaves its result in the inbox. So a chain of tasks runs on one thread without a
//! switch, and results that arrive together share one write. The thread that called
//! [`Run::execute`](super::Run::execute) sleeps, and wakes for deadlines, retries, intervals, `fdatasync`
//! and cancellation.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hashbrown::HashMap;
use rustix::time::{ClockId, clock_gettime};

use super::events::{Event, Observer};
use super::options::{CancelToken, RunOptions};
use super::ready::{Ready, ReadyQueue};
use super::report::{FailedTask, Report, Tally};
use super::{Run, RunError, Status, priorities};
use crate::exec::{Attempt, Executor, Failure, Outcome, Stop, TaskId};
use crate::journal::{Closed, Ended, JournalError, Record, Started, Verdict, Writer};
use crate::model::{ProcessId, SignalId, Workflow};
use crate::net::{Firing, Net, Outputs};
use crate::store::{RunStore, TaskRecord, decode_outputs, encode_outputs};

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
#[derive(Debug, Clone, Copy)]
struct Earlier {
    attempts: u32,
    uncounted: u32,
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
        let limits = state.limits.get(&id.process).copied().unwrap_or_default();
        if let Some(timeout) = limits.timeout.or(state.options.timeout) {
            let due = now + u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX / 2);
            state.timers.push(Reverse((due, Timer::Deadline(id))));
            state.wake = true;
        }
        let running = Running { firing, queued_micros, started_micros: now, timed_out: None };
        state.running.insert(id, running);
        state.tally.started(&self.workflow, id.process);
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
            Message::Finished { task, outcome, at_micros } => {
                self.apply_finished(workflow, task, outcome, at_micros);
            }
        }
    }

    fn apply_finished(&mut self, workflow: &Workflow, task: TaskId, outcome: Outcome, now: u64) {
        let Some(running) = self.running.remove(&task) else { return };
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
        let limits = self.limits.get(&process).copied().unwrap_or_default();
        let retries = limits.retries.unwrap_or(self.options.retry.retries);
        let mut retry_in = None;
        let verdict = match &result {
            Ok(_) if outcome.ends_workflow => Verdict::Exit,
            Ok(Outputs::Plain) => Verdict::Done,
            Ok(outputs) => Verdict::DoneWith(encode_outputs(outputs)),
            Err(Failure::Stopped) => Verdict::Stopped,
            Err(failure) => {
                let uncounted =
                    self.earlier.get(&(process, number)).map_or(0, |earlier| earlier.uncounted);
                if task.attempt.saturating_sub(uncounted) <= retries && self.phase == Phase::Running
                {
                    let jitter = self.jitter();
                    retry_in = Some(self.options.retry.delay(task.attempt - uncounted, jitter));
                }
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
                self.tally.stopped(workflow, process);
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
                    self.tally.stopped(workflow, process);
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

/// Own words of tasks on deadlines and retries, for those that have any.
fn task_limits(workflow: &Workflow) -> HashMap<u32, Limits> {
    let mut limits = HashMap::new();
    for process in workflow.processes() {
        let config = process.config_json();
        if (config.contains("\"timeout\"") || config.contains("\"retries\""))
            && let Some(command) = process.command()
        {
            let own = Limits { timeout: command.timeout, retries: command.retries };
            limits.insert(process.id().0, own);
        }
    }
    limits
}

/// See [`Run::execute`].
pub(super) fn execute(run: Run, executor: &Arc<dyn Executor>) -> Result<Report, RunError> {
    let Run { workflow, options, observer, store, history, cancel } = run;
    let clock = Clock::new(store.as_ref().map(RunStore::epoch_micros));
    let priorities = priorities(&workflow, &options.expected_seconds);
    let mut net = Net::new(Arc::clone(&workflow), |function| executor.wants_inputs(function));
    let mut tally = Tally::new(&workflow, options.slots);
    let ready = ReadyQueue::new(&workflow, &options, priorities);
    let now = clock.micros();

    let mut enabled = Vec::new();
    net.start(&mut enabled);
    let mut ended = false;
    // A firing that failed last of its process is taken as still at work: what comes after it waits for it.
    let mut latest: HashMap<u32, u32> = HashMap::new();
    if !history.failed.is_empty() {
        let records = history.records.iter().map(|record| (record.process, record.firing));
        for (process, firing) in records.chain(history.attempts.keys().copied()) {
            let known = latest.entry(process).or_insert(firing);
            *known = firing.max(*known);
        }
    }
    let mut passed_over = hashbrown::HashSet::new();
    for record in &history.records {
        ended |= record.ends_workflow;
        tally.replayed(&workflow, record);
        let key = (record.process, record.firing);
        if history.failed.contains(&key) {
            if latest.get(&record.process).is_none_or(|&latest| latest <= record.firing) {
                continue;
            }
            passed_over.insert(key);
        }
        replay(&mut net, record, &mut enabled);
    }
    // Attempts are numbered on. A crash takes no tries away; what had failed for good has all of them anew.
    let earlier = history
        .attempts
        .iter()
        .map(|(&firing, &attempts)| {
            let tries = history.tries.get(&firing).copied().unwrap_or(0);
            (firing, Earlier { attempts, uncounted: attempts.saturating_sub(tries) })
        })
        .collect();
    // What is outstanding after the replay: enabled, and not known as done.
    let done: hashbrown::HashSet<(u32, u32)> = history
        .records
        .iter()
        .filter(|record| record.done)
        .map(|record| (record.process, record.firing))
        .collect();
    if !done.is_empty() {
        enabled.retain(|firing| !done.contains(&(firing.process, firing.number)));
    }
    for firing in &enabled {
        if passed_over.contains(&(firing.process, firing.number)) {
            net.revive(firing.process);
        }
    }
    let mut journal = None;
    if let Some(store) = store {
        let mut writer = store.into_writer(&options, executor.name(), now)?;
        writer.set_durable(options.durable);
        journal = Some(writer);
    }
    let sync_file = journal.as_ref().map(Writer::sync_handle).transpose()?;
    let seed = now ^ u64::from(std::process::id()) ^ 0x9e37_79b9_7f4a_7c15;
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            executor: Some(Arc::clone(executor)),
            net,
            ready,
            running: HashMap::new(),
            waiting: HashMap::new(),
            timers: BinaryHeap::new(),
            inbox: Vec::new(),
            pumping: false,
            wake: false,
            phase: Phase::Running,
            exiting: false,
            journal,
            journal_error: None,
            observer,
            events: Vec::new(),
            enabled,
            tally,
            failed: Vec::new(),
            limits: task_limits(&workflow),
            earlier,
            options,
            random: seed | 1,
        }),
        workflow,
        changed: Condvar::new(),
        clock,
        cancel: cancel.clone(),
    });
    let for_waker = Arc::downgrade(&shared);
    cancel.on_cancel(move || {
        // Without the lock, so that an observer may cancel; missed, it is seen within 200 ms.
        if let Some(shared) = for_waker.upgrade() {
            shared.changed.notify_all();
        }
    });

    let mut state = shared.lock();
    if ended {
        let earlier = std::mem::take(&mut state.enabled);
        let was_at_work =
            |firing: &Firing| state.earlier.contains_key(&(firing.process, firing.number));
        state.enabled = earlier.into_iter().filter(was_at_work).collect();
    }
    state.queue_enabled(now);
    state.exiting = ended;
    for (process, millis) in state.net.interval_sources() {
        let due = now.saturating_add(millis.saturating_mul(1000));
        state.timers.push(Reverse((due, Timer::Interval { process, millis })));
    }
    let state = shared.pump(state, Some(Instant::now() + SYNC_EVERY));
    let result = attend(&shared, state, executor.as_ref(), &cancel, sync_file.as_ref());
    cancel.forget_waker();
    let mut state = shared.lock();
    state.executor = None;
    let ended_at = shared.clock.micros();
    let status = state.status(&shared.workflow);
    // Tasks that could not be ended are still to be found by the next engine: the run stays open.
    if result.is_ok() {
        state.write(&Record::Closed(Closed { at_micros: ended_at, status: status.clone() }));
    }
    state.flush();
    if let Some(file) = &sync_file
        && let Some(journal) = &mut state.journal
    {
        let before = Instant::now();
        let path = journal.path().to_owned();
        let too = journal.take_sync_too();
        let synced = too.iter().try_for_each(File::sync_all).and_then(|()| file.sync_data());
        synced.map_err(|source| JournalError::Write { path, source })?;
        journal.spent_nanos += before.elapsed().as_nanos() as u64;
    }
    result?;
    if let Some(error) = state.journal_error.take() {
        return Err(error.into());
    }
    let journal_seconds =
        state.journal.as_ref().map_or(0.0, |journal| journal.spent_nanos as f64 / 1e9);
    let dropped = state
        .net
        .dropped()
        .iter()
        .map(|(&signal, &count)| {
            (shared.workflow.signal(SignalId(signal)).name().to_owned(), count)
        })
        .collect();
    let failed = std::mem::take(&mut state.failed);
    let report = state.tally.report(&shared.workflow, status, failed, dropped);
    Ok(Report { journal_seconds, wall_seconds: (ended_at - now) as f64 / 1e6, ..report })
}

/// Applies one record of an earlier engine.
fn replay(net: &mut Net, record: &TaskRecord, enabled: &mut Vec<Firing>) {
    let (process, number) = (record.process, record.firing);
    // An interval source fires by time, which leaves no record but that of the firing itself.
    while net.fired(process) < number && net.is_live(process) {
        let before = net.fired(process);
        net.tick(process, enabled);
        if net.fired(process) == before {
            break;
        }
    }
    if record.failed_before {
        net.revive(process);
    }
    if record.done {
        let outputs = match &record.outputs {
            Some(json) => decode_outputs(json),
            None => Outputs::Plain,
        };
        net.complete(process, number, outputs, enabled);
    } else {
        net.fail(process, number, enabled);
    }
}

/// Sleeps until the run is over, and wakes for what time brings.
fn attend<'s>(
    shared: &'s Arc<Shared>,
    mut state: MutexGuard<'s, State>,
    executor: &dyn Executor,
    cancel: &CancelToken,
    sync_file: Option<&File>,
) -> Result<(), RunError> {
    let mut cancelled = 0;
    let mut kill_at: Option<u64> = None;
    let mut give_up_at: Option<u64> = None;
    let mut last_sync = Instant::now();
    loop {
        state.wake = false;
        state.flush_inbox_of_starts();
        let now = shared.clock.micros();
        let mut stops = state.fire_timers(now);
        let calls = cancel.calls();
        if calls > cancelled {
            state.interrupt();
            kill_at =
                Some(if calls > 1 { now } else { now + state.options.grace.as_micros() as u64 });
            cancelled = calls;
        }
        if state.phase == Phase::Interrupted {
            let grace = state.options.grace.as_micros() as u64;
            let kill = *kill_at.get_or_insert(now + grace);
            let how = if now >= kill { Stop::Kill } else { Stop::Terminate };
            if how == Stop::Kill {
                give_up_at.get_or_insert(now + KILL_PATIENCE.as_micros() as u64);
            }
            stops.extend(state.running.keys().map(|&task| (task, how)));
        }
        if !stops.is_empty() {
            drop(state);
            for (task, how) in stops {
                executor.stop(task, how);
            }
            state = shared.lock();
        }
        if !state.pumping && (!state.inbox.is_empty() || !state.ready.is_empty()) {
            state = shared.pump(state, Some(Instant::now() + SYNC_EVERY));
        }
        if state.is_over() && !state.pumping {
            return Ok(());
        }
        if give_up_at.is_some_and(|at| now >= at) {
            let label = |task: &TaskId| {
                shared.workflow.process(ProcessId(task.process)).task_label(task.firing)
            };
            let tasks = state.running.keys().map(label).collect();
            return Err(RunError::Unstoppable { tasks, seconds: KILL_PATIENCE.as_secs() });
        }
        let sync_due = state.journal.as_ref().is_some_and(|journal| journal.unsynced)
            && last_sync.elapsed() >= SYNC_EVERY;
        if sync_due && let Some(file) = sync_file {
            let mut too = Vec::new();
            if let Some(journal) = &mut state.journal {
                journal.unsynced = false;
                too = journal.take_sync_too();
            }
            drop(state);
            let synced = too.iter().try_for_each(File::sync_all).and_then(|()| file.sync_data());
            last_sync = Instant::now();
            state = shared.lock();
            if let Err(source) = synced {
                let path = state.journal.as_ref().map(|j| j.path().to_owned()).unwrap_or_default();
                state.journal_failed(JournalError::Write { path, source });
            }
            continue;
        }
        if state.wake {
            continue;
        }
        if !state.pumping && !state.inbox.is_empty() {
            continue;
        }
        let mut sleep = SYNC_EVERY.saturating_sub(last_sync.elapsed());
        if sleep.is_zero() {
            // Nothing was there to be synced.
            last_sync = Instant::now();
            sleep = SYNC_EVERY;
        }
        if let Some(&Reverse((due, _))) = state.timers.peek() {
            sleep = sleep.min(Duration::from_micros(due.saturating_sub(now)));
        }
        // Notified early: the loop looks at everything again.
        state = shared
            .changed
            .wait_timeout(state, sleep.max(Duration::from_micros(50)))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
