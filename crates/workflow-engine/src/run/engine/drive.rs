//! A run from its begin to its end: what an earlier engine left, the first pump, and the thread that waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::{Clock, Earlier, KILL_PATIENCE, Limits, Phase, SYNC_EVERY, Shared, State, Timer};
use crate::exec::{Executor, Stop, TaskId};
use crate::journal::{Closed, JournalError, Record, Writer};
use crate::model::{ProcessId, SignalId, Workflow};
use crate::net::{Firing, Net, Outputs};
use crate::run::ready::ReadyQueue;
use crate::run::report::{Report, Tally};
use crate::run::{Run, RunError, priorities};
use crate::store::{RunStore, TaskRecord, decode_outputs};

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

/// See [`Run::execute`](crate::run::Run::execute).
pub(in crate::run) fn execute(run: Run, executor: &Arc<dyn Executor>) -> Result<Report, RunError> {
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
            (
                firing,
                Earlier {
                    attempts,
                    uncounted: attempts.saturating_sub(tries),
                    ..Earlier::default()
                },
            )
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
            recorded: Vec::new(),
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
    let result = attend(&shared, state, executor.as_ref(), sync_file.as_ref());
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
        let calls = shared.cancel.calls();
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
