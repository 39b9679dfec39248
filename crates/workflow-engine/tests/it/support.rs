//! What the tests share: the data folder, executors that need no time, short ways to workflows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use workflow_engine::exec::{Attempt, Executor, Failure, Outcome, Stop, TaskId};
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::run::{Report, Run, RunError, RunOptions};
use workflow_engine::{Output, Outputs};

/// A folder of the shared data: `WINDLASS_DATA`, else `../shared/data` beside the repository. Says so
/// where it is absent.
pub(crate) fn data_folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WINDLASS_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no data folder {} (WINDLASS_DATA)", folder.display());
    None
}

/// Parses a workflow that must be right.
pub(crate) fn workflow(text: &str) -> Arc<Workflow> {
    match Workflow::parse(text, &Variables::new()) {
        Ok(workflow) => Arc::new(workflow),
        Err(invalid) => panic!("{invalid}\n{text}"),
    }
}

/// A workflow from values; what is not said of a process is `function: log`.
pub(crate) fn made(processes: Value, signals: Value, ins: Value) -> Arc<Workflow> {
    let mut processes = processes;
    for process in processes.as_array_mut().unwrap() {
        let process = process.as_object_mut().unwrap();
        process.entry("function").or_insert(json!("log"));
    }
    workflow(
        &json!({"processes": processes, "signals": signals, "ins": ins, "outs": []}).to_string(),
    )
}

/// One firing as `functions.js` of the probes logs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fire {
    pub(crate) process: String,
    pub(crate) firing: u32,
    /// Signal with its values; `null` where it came without data.
    pub(crate) inputs: Value,
    /// Firings of this process that run, this one included.
    pub(crate) running: u32,
}

impl Fire {
    /// `A#1(x=[1])`
    pub(crate) fn brief(&self) -> String {
        let inputs = self.inputs.as_array().unwrap().iter().map(|input| {
            let name = input[0].as_str().unwrap();
            format!("{name}={}", input[1])
        });
        format!("{}#{}({})", self.process, self.firing, inputs.collect::<Vec<_>>().join(" "))
    }
}

#[derive(Default)]
struct Timeline {
    now: u64,
    arrivals: u64,
    /// (due, arrival) -> the attempt and what it comes to.
    open: BTreeMap<(u64, u64), (Attempt, Outcome)>,
    running: BTreeMap<String, u32>,
    fires: Vec<Fire>,
    fresh: bool,
}

/// An executor with a clock of its own: tasks take as long as `config.delay` says, in no time at all.
#[derive(Clone, Default)]
struct Virtual {
    timeline: Arc<(Mutex<Timeline>, Condvar)>,
}

impl Executor for Virtual {
    fn start(&self, attempt: Attempt) {
        let (delay, outcome) = log(&attempt);
        let mut line = self.timeline.0.lock().unwrap();
        let process = attempt.process().name().to_owned();
        let running = line.running.entry(process.clone()).or_default();
        *running += 1;
        let running = *running;
        let inputs = view(&attempt);
        line.fires.push(Fire { process, firing: attempt.id().firing, inputs, running });
        line.arrivals += 1;
        line.fresh = true;
        let key = (line.now + delay, line.arrivals);
        line.open.insert(key, (attempt, outcome));
        self.timeline.1.notify_all();
    }
}

/// What `functions.js` shows of the inputs.
pub(crate) fn view(attempt: &Attempt) -> Value {
    let inputs = attempt.inputs().iter().map(|input| {
        let name = attempt.workflow().signal(input.signal).name();
        let values: Vec<&Value> = input.values.iter().flatten().map(AsRef::as_ref).collect();
        if values.is_empty() { json!([name, null]) } else { json!([name, values]) }
    });
    inputs.collect()
}

fn turn(value: &Value, firing: u32) -> Value {
    match value {
        Value::Array(turns) => turns[(firing as usize - 1) % turns.len()].clone(),
        other => other.clone(),
    }
}

/// The equal of `functions.js`: `log` with `delay`, `emit` (`n`, `none`, `cond`, `skip`), `retnull`;
/// besides `fail` (attempts up to this one fail).
pub(crate) fn log(attempt: &Attempt) -> (u64, Outcome) {
    let config: Value =
        serde_json::from_str(attempt.process().config_json()).unwrap_or_else(|_| json!({}));
    let firing = attempt.id().firing;
    let delay = turn(&config["delay"], firing).as_u64().unwrap_or(0);
    if attempt.process().function() == "exit" {
        return (delay, Outcome { ends_workflow: true, ..Outcome::done() });
    }
    if turn(&config["fail"], firing).as_u64().is_some_and(|n| u64::from(attempt.id().attempt) <= n)
    {
        return (delay, Outcome::failed(Failure::Exit(7)));
    }
    if config["retnull"] == json!(true) {
        return (delay, Outcome::emit(Outputs::Nothing));
    }
    let outputs = attempt.process().outputs().filter(|signal| signal.control().is_none());
    let outputs = outputs.map(|signal| {
        let how = turn(&config["emit"][signal.name()], firing);
        let count = match how.as_str() {
            Some("none") => return Output::plain(),
            Some(_) => 1,
            None => how.as_u64().unwrap_or(1),
        };
        let name = attempt.process().name();
        let value = |k| match count {
            1 => json!(format!("{name}#{firing}")),
            _ => json!(format!("{name}#{firing}.{k}")),
        };
        Output { values: Some((0..count).map(value).collect()), chosen: how == json!("cond") }
    });
    (delay, Outcome::emit(Outputs::Explicit(outputs.collect())))
}

/// Runs with virtual time; what fired, in order.
pub(crate) fn fire(workflow: &Arc<Workflow>, options: RunOptions) -> (Report, Vec<Fire>) {
    let executor = Virtual::default();
    let timeline = Arc::clone(&executor.timeline);
    let run = Run::new(Arc::clone(workflow)).options(options);
    let engine = std::thread::spawn(move || run.execute(Arc::new(executor)));
    let mut line = timeline.0.lock().unwrap();
    loop {
        // All that starts together is there once nothing new has come for a while.
        let quiet = if line.now == 0 && line.arrivals < 40 { 5 } else { 1 };
        while std::mem::take(&mut line.fresh) {
            line = timeline.1.wait_timeout(line, Duration::from_millis(quiet)).unwrap().0;
        }
        if let Some(((due, _), (attempt, outcome))) = line.open.pop_first() {
            line.now = due;
            let process = attempt.process().name().to_owned();
            *line.running.get_mut(&process).unwrap() -= 1;
            drop(line);
            attempt.finish(outcome);
            line = timeline.0.lock().unwrap();
        } else if engine.is_finished() {
            break;
        } else {
            line = timeline.1.wait_timeout(line, Duration::from_millis(1)).unwrap().0;
        }
    }
    let fires = std::mem::take(&mut line.fires);
    drop(line);
    (engine.join().unwrap().unwrap(), fires)
}

/// Options under which everything that may run at once does.
pub(crate) fn wide() -> RunOptions {
    RunOptions { slots: 64, ..RunOptions::default() }
}

/// What fired, briefly and in order.
pub(crate) fn briefs(fires: &[Fire]) -> Vec<String> {
    fires.iter().map(Fire::brief).collect()
}

/// An executor that runs a function within `start`: one task after the other, the same each time.
pub(crate) struct Inline<F>(pub(crate) F);

impl<F: Fn(&Attempt) -> Outcome + Send + Sync> Executor for Inline<F> {
    fn start(&self, attempt: Attempt) {
        let outcome = (self.0)(&attempt);
        attempt.finish(outcome);
    }
}

/// Runs one task after the other by `log`; which attempts there were, in order.
pub(crate) fn in_turn(run: Run) -> (Result<Report, RunError>, Vec<TaskId>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let executor = Inline(move |attempt: &Attempt| {
        sink.lock().unwrap().push(attempt.id());
        log(attempt).1
    });
    let report = run.execute(Arc::new(executor));
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (report, seen)
}

/// An executor whose tasks end only when they are told to: which stops came, and how.
#[derive(Default)]
pub(crate) struct Stubborn {
    pub(crate) held: Mutex<Vec<Attempt>>,
    pub(crate) stops: Mutex<Vec<Stop>>,
}

impl Executor for Stubborn {
    fn start(&self, attempt: Attempt) {
        self.held.lock().unwrap().push(attempt);
    }

    fn stop(&self, task: TaskId, how: Stop) {
        self.stops.lock().unwrap().push(how);
        if how == Stop::Kill {
            let mut held = self.held.lock().unwrap();
            let at = held.iter().position(|attempt| attempt.id() == task);
            let attempt = at.map(|at| held.remove(at));
            drop(held);
            if let Some(attempt) = attempt {
                attempt.finish(Outcome::failed(Failure::Signal(9)));
            }
        }
    }
}
