//! What is shown while a run goes on.
//!
//! The engine's events only change counters; a thread of its own draws them a few times a second, so that
//! sixteen thousand short tasks cost sixteen thousand additions and not as many lines.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cli::{note, seconds};
use serde_json::json;
use workflow_engine::exec::TaskId;
use workflow_engine::model::{ProcessId, Workflow};
use workflow_engine::run::Event;

use crate::cli::ProgressMode;
use crate::summary::failure_text;

const REDRAW: Duration = Duration::from_millis(150);
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Most task types that the live view shows, those at work first.
const TYPES_SHOWN: usize = 12;

#[derive(Debug, Default, Clone)]
struct Counts {
    done: u64,
    running: u64,
    failed: u64,
    total: u64,
    seconds: f64,
}

struct State {
    types: Vec<Counts>,
    begun: Instant,
    finished_here: u64,
    events_since: u64,
    closed: bool,
    drawn_lines: usize,
}

struct Shared {
    workflow: Arc<Workflow>,
    state: Mutex<State>,
    wake: Condvar,
    mode: ProgressMode,
    slots: usize,
}

/// The view of one run; goes away when dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// `kept`: for each task type how many firings an earlier engine finished.
    pub(crate) fn new(
        mode: ProgressMode,
        workflow: &Arc<Workflow>,
        kept: &[u64],
        slots: usize,
    ) -> Self {
        let mode = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => ProgressMode::Live,
            ProgressMode::Auto => ProgressMode::Plain,
            other => other,
        };
        let mut types = vec![Counts::default(); workflow.type_names().len()];
        for process in workflow.processes() {
            types[process.type_index()].total += u64::from(process.firing_limit().unwrap_or(1));
        }
        for (counts, kept) in types.iter_mut().zip(kept) {
            counts.done = *kept;
        }
        let shared = Arc::new(Shared {
            workflow: Arc::clone(workflow),
            state: Mutex::new(State {
                types,
                begun: Instant::now(),
                finished_here: 0,
                events_since: 0,
                closed: false,
                drawn_lines: 0,
            }),
            wake: Condvar::new(),
            mode,
            slots,
        });
        let thread = matches!(mode, ProgressMode::Live | ProgressMode::Plain).then(|| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || draw_until_closed(&shared))
        });
        Self { shared, thread }
    }

    /// The observer that feeds the view.
    pub(crate) fn observer(&self) -> impl FnMut(&Event) + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |event: &Event| shared.event(event)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn label(&self, task: TaskId) -> String {
        self.workflow.process(ProcessId(task.process)).task_label(task.firing)
    }

    fn event(&self, event: &Event) {
        let mut state = self.lock();
        let counts = |state: &mut State, task: &TaskId| -> usize {
            let at = self.workflow.process(ProcessId(task.process)).type_index();
            state.events_since += 1;
            at
        };
        match event {
            Event::Started { task } => {
                let at = counts(&mut state, task);
                state.types[at].running += 1;
            }
            Event::Finished { task, took } => {
                let at = counts(&mut state, task);
                let of_type = &mut state.types[at];
                of_type.running = of_type.running.saturating_sub(1);
                of_type.done += 1;
                of_type.seconds += took.as_secs_f64();
                state.finished_here += 1;
            }
            Event::Failed { task, retry_in, .. } => {
                let at = counts(&mut state, task);
                let of_type = &mut state.types[at];
                of_type.running = of_type.running.saturating_sub(1);
                of_type.failed += u64::from(retry_in.is_none());
            }
            Event::Stopped { task } => {
                let at = counts(&mut state, task);
                let of_type = &mut state.types[at];
                of_type.running = of_type.running.saturating_sub(1);
            }
            _ => {}
        }
        if self.mode == ProgressMode::Json {
            drop(state);
            self.json(event);
        } else {
            self.say(&mut state, event);
        }
    }

    /// Failures, and why the engine starts nothing more, are said at once.
    fn say(&self, state: &mut State, event: &Event) {
        let text = match event {
            Event::Failed { task, failure, logs, retry_in } => {
                let mut text = failure_text(&self.workflow, *task, failure, logs);
                if let Some(delay) = retry_in {
                    let _ = write!(text, "\n  next attempt in {}", seconds(delay.as_secs_f64()));
                }
                text
            }
            Event::Draining { reason, running } => {
                format!(
                    "{reason}; waiting for {running} running task{}",
                    if *running == 1 { "" } else { "s" }
                )
            }
            _ => return,
        };
        erase(state);
        note(&text);
    }

    fn json(&self, event: &Event) {
        let object = match event {
            Event::Started { task } => {
                json!({"event": "started", "task": self.label(*task), "attempt": task.attempt})
            }
            Event::Finished { task, took } => {
                json!({"event": "finished", "task": self.label(*task), "attempt": task.attempt, "seconds": took.as_secs_f64()})
            }
            Event::Failed { task, failure, logs, retry_in } => json!({
                "event": "failed", "task": self.label(*task), "attempt": task.attempt,
                "reason": failure.to_string(), "logs": logs,
                "retry_in_seconds": retry_in.map(|delay| delay.as_secs_f64()),
            }),
            Event::Stopped { task } => {
                json!({"event": "stopped", "task": self.label(*task), "attempt": task.attempt})
            }
            Event::Draining { reason, running } => {
                json!({"event": "draining", "reason": reason.to_string(), "running": running})
            }
            _ => return,
        };
        note(&object.to_string());
    }

    /// `1203/16413 done, 2 running, 0 failed, 12.3 s, about 4 m 05 s left`
    fn line(&self, state: &State) -> String {
        let sum = |of: fn(&Counts) -> u64| state.types.iter().map(of).sum::<u64>();
        let (done, total) = (sum(|c| c.done), sum(|c| c.total));
        let mut line = format!(
            "{done}/{total} done, {} running, {} failed, {}",
            sum(|c| c.running),
            sum(|c| c.failed),
            seconds(state.begun.elapsed().as_secs_f64())
        );
        if let Some(left) = self.seconds_left(state) {
            let _ = write!(line, ", about {} left", seconds(left));
        }
        line
    }

    /// Mean run time by type where it is known, else the pace so far.
    fn seconds_left(&self, state: &State) -> Option<f64> {
        let elapsed = state.begun.elapsed().as_secs_f64();
        if state.finished_here < 2 || elapsed < 0.5 {
            return None;
        }
        let pace = elapsed / state.finished_here as f64;
        let mut work = 0.0;
        for counts in &state.types {
            let open = counts.total.saturating_sub(counts.done + counts.failed) as f64;
            let finished = counts.done as f64;
            let mean = if counts.seconds > 0.0 {
                (counts.seconds / finished / self.slots as f64).max(pace.min(0.001))
            } else {
                pace
            };
            work += open * mean;
        }
        Some(work)
    }

    fn view(&self, state: &State, width: usize) -> Vec<String> {
        let names = self.workflow.type_names();
        let mut order: Vec<usize> = (0..names.len()).collect();
        let rank = |at: &usize| {
            let counts = &state.types[*at];
            let over = counts.done + counts.failed >= counts.total;
            (counts.running == 0, over, *at)
        };
        order.sort_by_key(rank);
        let shown = order.len().min(TYPES_SHOWN);
        let mut rows: Vec<usize> = order[..shown].to_vec();
        rows.sort_unstable();
        let widest = rows.iter().map(|&at| names[at].chars().count()).max().unwrap_or(0).min(24);
        let mut lines = Vec::with_capacity(shown + 2);
        for at in rows {
            let counts = &state.types[at];
            let bar_width = 20_usize;
            let filled = (counts.done * bar_width as u64).checked_div(counts.total).unwrap_or(0);
            let filled = usize::try_from(filled).unwrap_or(0).min(bar_width);
            let name: String = names[at].chars().take(24).collect();
            let failed = if counts.failed > 0 {
                format!(", {} failed", counts.failed)
            } else {
                String::new()
            };
            lines.push(format!(
                "{name:widest$} [{}{}] {}/{}{}{failed}",
                "=".repeat(filled),
                " ".repeat(bar_width - filled),
                counts.done,
                counts.total,
                if counts.running > 0 {
                    format!(", {} running", counts.running)
                } else {
                    String::new()
                },
            ));
        }
        if names.len() > shown {
            lines.push(format!("... and {} more task types", names.len() - shown));
        }
        lines.push(self.line(state));
        for line in &mut lines {
            *line = line.chars().take(width).collect();
        }
        lines
    }
}

/// Takes the drawn view away, so that lines can be written above the next one.
fn erase(state: &mut State) {
    if state.drawn_lines > 0 {
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "\u{1b}[{}A\u{1b}[J", state.drawn_lines);
        state.drawn_lines = 0;
    }
}

fn terminal_width() -> usize {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        // Some terminals do not say.
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col).max(20),
        _ => 80,
    }
}

fn draw_until_closed(shared: &Shared) {
    let live = shared.mode == ProgressMode::Live;
    let pause = if live { REDRAW } else { LINE_EVERY };
    let mut state = shared.lock();
    while !state.closed {
        state = shared.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        if state.closed {
            break;
        }
        if live {
            let lines = shared.view(&state, terminal_width() - 1);
            erase(&mut state);
            note(&lines.join("\n"));
            state.drawn_lines = lines.len();
        } else if std::mem::take(&mut state.events_since) > 0 {
            note(&shared.line(&state));
        }
    }
    erase(&mut state);
}
