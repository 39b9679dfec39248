//! What must hold beyond types: references resolve, every process can fire, every input has a source.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use super::{Place, Problem, Step, has_bad_reference};
use crate::exec::{FunctionSupport, support};
use crate::graph;
use crate::model::{
    Control, Format, Kind, ProcessId, RefFault, RefList, RefProblem, Signal, SignalId, Workflow,
};

/// What warnings may look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// The directory that tasks run in; `None`: files are not looked for.
    pub work_dir: Option<&'a Path>,
    /// The value of `PATH`; `None`: programs are not looked for.
    pub search_path: Option<&'a str>,
}

fn process_place(process: u32, key: &'static str) -> Place {
    Place::Path(vec![Step::Key("processes"), Step::Index(process), Step::Key(key)])
}

fn signal_place(signal: u32) -> Place {
    Place::Path(vec![Step::Key("signals"), Step::Index(signal), Step::Key("name")])
}

fn process_name(workflow: &Workflow, process: u32) -> String {
    let name = workflow.process(ProcessId(process)).name();
    if name.is_empty() {
        format!("process {}", process + 1)
    } else {
        format!("process {} `{name}`", process + 1)
    }
}

fn signal_name(workflow: &Workflow, signal: u32) -> String {
    let name = workflow.signal(SignalId(signal)).name();
    if name.is_empty() { format!("signal {signal}") } else { format!("signal `{name}`") }
}

/// The most similar of some names, if any is near enough to be meant.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = |other: &&str| {
        let longer = name.chars().count().max(other.chars().count());
        let distance = strsim::osa_distance(name, other);
        (distance <= longer.div_ceil(3)).then_some(distance)
    };
    known
        .filter(|other| other.len().abs_diff(name.len()) <= 4 && !other.is_empty())
        .filter_map(|other| Some((near(&other)?, other)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// For how many references a similar name is looked for among all signals.
const SUGGESTIONS: usize = 50;

/// References that did not resolve, in words.
pub(super) fn references(workflow: &Workflow, refs: &[RefProblem]) -> Vec<Problem> {
    let numbered = refs.iter().enumerate();
    numbered.map(|(at, problem)| reference(workflow, problem, at < SUGGESTIONS)).collect()
}

fn reference(workflow: &Workflow, problem: &RefProblem, suggest: bool) -> Problem {
    let (mut steps, list) = match problem.list {
        RefList::ProcessIns(p) => (
            vec![Step::Key("processes"), Step::Index(p), Step::Key("ins")],
            format!("`ins` of {}", process_name(workflow, p)),
        ),
        RefList::ProcessOuts(p) => (
            vec![Step::Key("processes"), Step::Index(p), Step::Key("outs")],
            format!("`outs` of {}", process_name(workflow, p)),
        ),
        RefList::ProcessSticky(p) => (
            vec![Step::Key("processes"), Step::Index(p), Step::Key("sticky")],
            format!("`sticky` of {}", process_name(workflow, p)),
        ),
        RefList::WorkflowIns => (vec![Step::Key("ins")], "the workflow's `ins`".to_owned()),
        RefList::WorkflowOuts => (vec![Step::Key("outs")], "the workflow's `outs`".to_owned()),
    };
    steps.push(Step::Index(problem.position));
    let place = Place::Path(steps);
    match &problem.fault {
        RefFault::IndexOutOfRange { index, signals } => {
            let message = format!("{list}: there is no signal {index}");
            let help = match signals {
                0 => "the workflow has no signals".to_owned(),
                count => format!("indexes go from 0 to {}", count - 1),
            };
            Problem::error("index-out-of-range", place, message).help(help)
        }
        RefFault::Unknown { name } => {
            let message = format!("{list}: there is no signal `{name}`");
            let known = workflow.signals().map(|signal| signal.name());
            let near = if suggest { nearest(name, known) } else { None };
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add {{\"name\": \"{name}\"}} to `signals`"),
            };
            Problem::error("unknown-signal", place, message).help(help)
        }
        RefFault::Ambiguous { name } => {
            let message = format!("{list}: several signals are named `{name}`");
            Problem::error("ambiguous-signal", place, message)
                .help("refer to it by its index, or give the signals different names")
        }
        RefFault::ZeroCount { name } => {
            let message = format!("{list}: `{name}` would take no instance at all");
            Problem::error("zero-count", place, message).help("counts go from 1")
        }
        RefFault::NotACount { name, count } => {
            let message = format!("{list}: `{name}` counts by `{count}`, which is no count signal");
            Problem::error("not-a-count", place, message)
                .help(format!("give signal `{count}` the attribute \"control\": \"count\""))
        }
    }
}

/// Which signals can ever carry something, and which processes can ever fire.
struct Reach {
    fires: Vec<bool>,
}

impl Reach {
    fn new(workflow: &Workflow, given: impl Fn(u32) -> bool) -> Self {
        let count = workflow.process_count();
        let port_process = graph::port_processes(workflow);
        let mut missing = vec![0_u32; count];
        for process in 0..count as u32 {
            let ins = workflow.ins_of(process).iter();
            let is_join = workflow.rows[process as usize].kind == Kind::Join;
            let required = ins.filter(|&&s| required(workflow, s, is_join)).count() as u32;
            let branches = workflow
                .rare(process)
                .filter(|_| is_join)
                .and_then(|rare| rare.join_count)
                .unwrap_or(u32::from(is_join && required > 0));
            missing[process as usize] = if is_join { branches.min(required) } else { required };
        }
        let mut has = vec![false; workflow.signals.len()];
        let mut open: VecDeque<u32> = VecDeque::new();
        let mut fires = vec![false; count];
        for signal in 0..workflow.signals.len() as u32 {
            if given(signal) {
                has[signal as usize] = true;
                open.push_back(signal);
            }
        }
        let mut ready: Vec<u32> = (0..count as u32).filter(|&p| missing[p as usize] == 0).collect();
        loop {
            while let Some(process) = ready.pop() {
                if std::mem::replace(&mut fires[process as usize], true) {
                    continue;
                }
                for &signal in workflow.outs_of(process) {
                    if !std::mem::replace(&mut has[signal as usize], true) {
                        open.push_back(signal);
                    }
                }
            }
            let Some(signal) = open.pop_front() else { break };
            for &port in workflow.consumers.of(signal) {
                let process = port_process[port as usize] as usize;
                let is_join = workflow.rows[process].kind == Kind::Join;
                if required(workflow, signal, is_join) {
                    missing[process] = missing[process].saturating_sub(1);
                    if missing[process] == 0 {
                        ready.push(process as u32);
                    }
                }
            }
        }
        Self { fires }
    }
}

fn required(workflow: &Workflow, signal: u32, is_join: bool) -> bool {
    match workflow.signals[signal as usize].control {
        None => true,
        Some(Control::Count | Control::Next) => !is_join,
        Some(Control::Done | Control::Merge) => false,
    }
}

/// Errors of structure: inputs without a source, processes that can never fire.
pub(crate) fn structural(workflow: &Workflow, refs: &[RefProblem]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let outside: BTreeSet<u32> = workflow.outside_ins.iter().copied().collect();
    let unresolved_workflow_ins = refs.iter().any(|problem| problem.list == RefList::WorkflowIns);
    let unresolved_outs = refs.iter().any(|p| matches!(p.list, RefList::ProcessOuts(_)));
    let sourceless = |signal: u32| {
        workflow.signals[signal as usize].initial == 0
            && workflow.producers.of(signal).is_empty()
            && !outside.contains(&signal)
    };
    // References that did not resolve may have been the missing source: they are reported already.
    if !unresolved_workflow_ins && !unresolved_outs {
        for signal in 0..workflow.signals.len() as u32 {
            if !sourceless(signal) || workflow.consumers.of(signal).is_empty() {
                continue;
            }
            let control = workflow.signals[signal as usize].control;
            if matches!(control, Some(Control::Done | Control::Merge)) {
                continue;
            }
            let port = workflow.consumers.of(signal)[0];
            let process = process_of_port(workflow, port);
            let position = port - workflow.rows[process as usize].first_in;
            let message = format!(
                "{} is an input of {}, but nothing produces it",
                signal_name(workflow, signal),
                process_name(workflow, process)
            );
            let place = Place::Path(vec![
                Step::Key("processes"),
                Step::Index(process),
                Step::Key("ins"),
                Step::Index(position),
            ]);
            problems.push(Problem::error("no-producer", place, message).help(
                "give the signal `data`, add it to the workflow's `ins`, or add it to some process's `outs`",
            ));
        }
    }
    let all_given = |signal: u32| {
        let row = &workflow.signals[signal as usize];
        row.initial > 0 || workflow.producers.of(signal).is_empty()
    };
    let reach = Reach::new(workflow, all_given);
    if unresolved_outs {
        return problems;
    }
    let mut stuck = waiting_for_each_other(workflow, &reach);
    for process in 0..workflow.process_count() as u32 {
        if !stuck[process as usize] {
            continue;
        }
        // Only those that wait for themselves, once a circle; what lies behind them follows from it.
        let Some(circle) = circle_through(workflow, &stuck, process) else {
            stuck[process as usize] = false;
            continue;
        };
        for &on_circle in &circle {
            stuck[on_circle as usize] = false;
        }
        if circle.iter().any(|&process| has_bad_reference(refs, process)) {
            continue;
        }
        let message = format!(
            "{} can never fire: {}",
            process_name(workflow, process),
            circle_in_words(workflow, &circle)
        );
        problems.push(
            Problem::error("never-fires", process_place(process, "ins"), message)
                .help("give one of the signals on that way a first value in `data`"),
        );
    }
    problems
}

/// Processes that never fire, without those that only lie behind others: what is left lies on circles or
/// between them.
fn waiting_for_each_other(workflow: &Workflow, reach: &Reach) -> Vec<bool> {
    let port_process = graph::port_processes(workflow);
    let mut stuck: Vec<bool> = reach.fires.iter().map(|fires| !fires).collect();
    let mut consumers = vec![0_u32; stuck.len()];
    for process in 0..stuck.len() as u32 {
        graph::each_successor(workflow, &port_process, process, |to| {
            consumers[process as usize] += u32::from(stuck[to as usize]);
        });
    }
    let mut ends: Vec<u32> = (0..stuck.len() as u32)
        .filter(|&process| stuck[process as usize] && consumers[process as usize] == 0)
        .collect();
    while let Some(process) = ends.pop() {
        stuck[process as usize] = false;
        for &signal in workflow.ins_of(process) {
            for &producer in workflow.producers.of(signal) {
                let left = &mut consumers[producer as usize];
                *left = left.saturating_sub(1);
                if *left == 0 && stuck[producer as usize] {
                    ends.push(producer);
                }
            }
        }
    }
    stuck
}

/// A shortest circle of stuck processes through one of them: each waits for the next.
fn circle_through(workflow: &Workflow, stuck: &[bool], process: u32) -> Option<Vec<u32>> {
    let mut from: BTreeMap<u32, u32> = BTreeMap::new();
    let mut open = VecDeque::from([process]);
    while let Some(at) = open.pop_front() {
        for &signal in workflow.ins_of(at) {
            for &producer in workflow.producers.of(signal) {
                if producer == process {
                    let mut circle = vec![at];
                    while let Some(&step) = from.get(circle.last()?) {
                        circle.push(step);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if stuck[producer as usize] && !from.contains_key(&producer) {
                    from.insert(producer, at);
                    open.push_back(producer);
                }
            }
        }
    }
    None
}

fn circle_in_words(workflow: &Workflow, circle: &[u32]) -> String {
    match circle {
        [_] => "it waits for itself".to_owned(),
        _ if circle.len() > 5 => {
            format!("it waits for itself through {} others", circle.len() - 1)
        }
        _ => {
            let names = circle.iter().chain(circle.first());
            let names: Vec<String> = names.map(|&p| process_name(workflow, p)).collect();
            format!("{}, in a circle", names.join(" waits for "))
        }
    }
}

/// Warnings: see [`Workflow::warnings`](crate::model::Workflow::warnings).
pub(crate) fn warnings(workflow: &Workflow, surroundings: &Surroundings<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    outside_signals(workflow, &mut problems);
    if workflow.format() == Format::HyperFlow {
        functions(workflow, &mut problems);
        programs(workflow, surroundings, &mut problems);
        input_files(workflow, surroundings, &mut problems);
    }
    endless(workflow, &mut problems);
    for name in workflow.unset_variables.iter().filter(|name| *name != "function") {
        let message = format!("variable `{name}` is not set and stands for empty text");
        problems.push(
            Problem::warning("unset-variable", Place::Path(Vec::new()), message)
                .help(format!("--var {name}=VALUE, or HF_VAR_{name} in the environment")),
        );
    }
    for &signal in &workflow.remote_sinks {
        let message = format!("{}: `remoteSinks` are not served", signal_name(workflow, signal));
        problems.push(Problem::warning("remote-sinks", signal_place(signal), message));
    }
    problems
}

fn outside_signals(workflow: &Workflow, problems: &mut Vec<Problem>) {
    for (position, &signal) in workflow.outside_ins.iter().enumerate() {
        let row = &workflow.signals[signal as usize];
        let used = !workflow.consumers.of(signal).is_empty();
        if row.initial == 0 && workflow.producers.of(signal).is_empty() && used {
            let place = Place::Path(vec![Step::Key("ins"), Step::Index(position as u32)]);
            let message = format!(
                "{} comes from outside and has no `data`: the run will wait for it and end",
                signal_name(workflow, signal)
            );
            problems.push(
                Problem::warning("outside-signal", place, message)
                    .help("give it `data`, such as [{}]"),
            );
        }
    }
}

fn functions(workflow: &Workflow, problems: &mut Vec<Problem>) {
    let mut users: BTreeMap<&str, (u32, usize)> = BTreeMap::new();
    for process in workflow.processes() {
        if support(process.function()) == FunctionSupport::Missing {
            users.entry(process.function()).or_insert((process.id().0, 0)).1 += 1;
        }
    }
    for (function, (first, count)) in users {
        let message = format!(
            "function `{function}` is not built in ({count} process{} of type `{}` would fail)",
            if count == 1 { "" } else { "es" },
            workflow.process(ProcessId(first)).type_name()
        );
        problems.push(
            Problem::warning("missing-function", process_place(first, "function"), message).help(
                "functions of a functions.js cannot be run yet; --executor noop runs the graph",
            ),
        );
    }
}

fn programs(workflow: &Workflow, surroundings: &Surroundings<'_>, problems: &mut Vec<Problem>) {
    let Some(search_path) = surroundings.search_path else { return };
    let mut users: BTreeMap<String, (u32, usize)> = BTreeMap::new();
    for process in workflow.processes() {
        if support(process.function()) != FunctionSupport::Command {
            continue;
        }
        let Some(command) = process.command().filter(|command| !command.shell) else { continue };
        let key = match &command.work_dir {
            Some(dir) if command.executable.contains('/') => {
                format!("{dir}/{}", command.executable)
            }
            _ => command.executable,
        };
        users.entry(key).or_insert((process.id().0, 0)).1 += 1;
    }
    for (program, (first, count)) in users {
        let found = if program.contains('/') {
            surroundings.work_dir.is_none_or(|dir| dir.join(&program).exists())
        } else {
            !program.is_empty()
                && std::env::split_paths(search_path).any(|dir| dir.join(&program).is_file())
        };
        if !found {
            let place = Place::Path(vec![
                Step::Key("processes"),
                Step::Index(first),
                Step::Key("config"),
                Step::Key("executor"),
                Step::Key("executable"),
            ]);
            let tasks =
                if count == 1 { "1 process".to_owned() } else { format!("{count} processes") };
            let message = format!("program `{program}` is not to be found here ({tasks})");
            problems.push(
                Problem::warning("missing-program", place, message)
                    .help("install it, or add its folder to PATH"),
            );
        }
    }
}

/// Input files of the workflow that are not where the first task that reads them looks: in its `input_dir`
/// and `work_dir` below the given directory.
#[must_use]
pub fn missing_inputs(workflow: &Workflow, work_dir: &Path) -> Vec<(SignalId, PathBuf)> {
    let mut missing = Vec::new();
    for signal in workflow.signals().filter(Signal::is_file) {
        let Some(&port) = workflow.consumers.of(signal.id().0).first() else { continue };
        if signal.producers().len() > 0 {
            continue;
        }
        let reader = process_of_port(workflow, port);
        let mut path = work_dir.to_owned();
        if let Some(command) = workflow.process(ProcessId(reader)).command() {
            path.extend(command.work_dir.iter().chain(&command.input_dir));
        }
        path.push(signal.name());
        if !path.exists() {
            missing.push((signal.id(), path));
        }
    }
    missing
}

fn process_of_port(workflow: &Workflow, port: u32) -> u32 {
    workflow.rows.partition_point(|row| row.first_in <= port) as u32 - 1
}

/// Missing input files are named one by one up to this many.
const NAMED_FILES: usize = 20;

fn input_files(workflow: &Workflow, surroundings: &Surroundings<'_>, problems: &mut Vec<Problem>) {
    let Some(dir) = surroundings.work_dir else { return };
    let missing = missing_inputs(workflow, dir);
    let more = missing.len().saturating_sub(NAMED_FILES);
    for (signal, path) in missing.into_iter().take(NAMED_FILES) {
        let message = format!("input file {} is not there", path.display());
        problems.push(Problem::warning("missing-input", signal_place(signal.0), message));
    }
    if more > 0 {
        let message = format!("{more} more input files are not there");
        problems.push(Problem::warning("missing-input", Place::Path(Vec::new()), message));
    }
}

/// Cycles on which nothing ever says stop: no limit, and no choice that could leave them.
fn endless(workflow: &Workflow, problems: &mut Vec<Problem>) {
    let free = |process: u32| {
        let row = &workflow.rows[process as usize];
        row.firing_limit == 0
            && row.kind != Kind::Choice
            && !workflow
                .ins_of(process)
                .iter()
                .any(|&signal| workflow.signals[signal as usize].control == Some(Control::Done))
    };
    let count = workflow.process_count();
    let port_process = graph::port_processes(workflow);
    // Kahn's algorithm on the processes that never stop by themselves: what is left lies on a cycle or behind one.
    let mut incoming = vec![0_u32; count];
    for process in (0..count as u32).filter(|&p| free(p)) {
        graph::each_successor(workflow, &port_process, process, |to| incoming[to as usize] += 1);
    }
    let mut open: Vec<u32> =
        (0..count as u32).filter(|&p| free(p) && incoming[p as usize] == 0).collect();
    let mut left: BTreeSet<u32> = (0..count as u32).filter(|&p| free(p)).collect();
    while let Some(process) = open.pop() {
        left.remove(&process);
        graph::each_successor(workflow, &port_process, process, |to| {
            incoming[to as usize] -= 1;
            if incoming[to as usize] == 0 && free(to) {
                open.push(to);
            }
        });
    }
    // Each of these has a predecessor among them: going back as often as there are any ends on a cycle.
    let mut before = vec![u32::MAX; count];
    for &process in &left {
        graph::each_successor(workflow, &port_process, process, |to| before[to as usize] = process);
    }
    let on_cycle = left.first().map(|&first| {
        (0..left.len()).fold(first, |at, _| match before[at as usize] {
            u32::MAX => at,
            earlier => earlier,
        })
    });
    if let Some(first) = on_cycle {
        let message = format!(
            "{} lies on a cycle without a `firingLimit` or a choice: once started it goes on for ever",
            process_name(workflow, first)
        );
        problems.push(
            Problem::warning("endless-cycle", process_place(first, "ins"), message)
                .help("set a `firingLimit` on one of its processes"),
        );
    }
}
