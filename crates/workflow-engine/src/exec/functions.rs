//! HyperFlow's functions: which run a command, which are built in, and what the built-in ones do.
//!
//! Source: `functions/index.js` of HyperFlow 1.7, as behaviour. Functions that need JavaScript of the
//! user (`functions.js`) are not run; they are named as missing.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Attempt, Failure, Outcome};
use crate::net::{Output, Outputs};

/// What a function name means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionSupport {
    /// Runs the task's command.
    Command,
    /// Is built in.
    BuiltIn(Function),
    /// Is not to be had here.
    Missing,
}

/// The end of a task whose function is not to be had.
pub(crate) fn missing(name: &str) -> Outcome {
    Outcome::failed(Failure::Function(format!(
        "function `{name}` is not built in; functions of a functions.js cannot be run yet"
    )))
}

/// The built-in functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Does nothing.
    Noop,
    /// Ends the workflow.
    Exit,
    /// Writes the task's name and command to its log.
    Print,
    /// Writes its inputs to its log.
    PrintInputs,
    /// Writes the command to the log instead of running it.
    CommandPrint,
    /// Checks that input files exist and creates empty output files.
    CommandMock,
    /// Passes its first input on.
    Echo,
    /// Sums `value` of all inputs.
    Add,
    /// Squares `value` of its first input.
    Sqr,
    /// Chooses its first output where the sum of `value` is even, else the second.
    ChooseEvenOdd,
    /// Chooses its only output where the second input contains the first input's text.
    Match,
    /// Adds one to each value of its first input.
    Count,
    /// Emits the numbers from 1 to its first input's value.
    GenCollection,
}

/// What a function name means here. The empty name is `{{function}}` with no variable set.
#[must_use]
pub fn support(name: &str) -> FunctionSupport {
    use Function as F;
    use FunctionSupport::{BuiltIn, Command, Missing};
    match name {
        ""
        | "command"
        | "k8sCommand"
        | "bojK8sCommand"
        | "redisCommand"
        | "amqpCommand"
        | "command_notifyevents" => Command,
        "noop" => BuiltIn(F::Noop),
        "exit" => BuiltIn(F::Exit),
        "print" => BuiltIn(F::Print),
        "print2" => BuiltIn(F::PrintInputs),
        "command_print" => BuiltIn(F::CommandPrint),
        "commandLocalMock" => BuiltIn(F::CommandMock),
        "echo" | "echoWithDelay" => BuiltIn(F::Echo),
        "add" => BuiltIn(F::Add),
        "sqr" => BuiltIn(F::Sqr),
        "chooseEvenOdd" => BuiltIn(F::ChooseEvenOdd),
        "match" => BuiltIn(F::Match),
        "count" => BuiltIn(F::Count),
        "genCollection" => BuiltIn(F::GenCollection),
        _ => Missing,
    }
}

/// Values of an input, those without data left out.
fn values(attempt: &Attempt, input: usize) -> impl Iterator<Item = &Value> {
    attempt
        .inputs()
        .get(input)
        .into_iter()
        .flat_map(|input| input.values.iter().filter_map(|value| value.as_deref()))
}

/// The number in `{"value": n}`, or the value itself where it is a number.
fn number(value: &Value) -> Option<f64> {
    let inner = value.get("value").unwrap_or(value);
    inner.as_f64().or_else(|| inner.as_str()?.trim().parse().ok())
}

fn first_number(attempt: &Attempt) -> Result<f64, Failure> {
    values(attempt, 0).find_map(number).ok_or_else(|| {
        let function = attempt.process().function();
        Failure::Function(format!("`{function}` needs a number in its first input"))
    })
}

fn numeric(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}

/// Runs a built-in function; the text is its log.
pub(crate) fn call(function: Function, attempt: &Attempt, work_dir: &Path) -> (Outcome, String) {
    match try_call(function, attempt, work_dir) {
        Ok((outputs, log)) => {
            let ends_workflow = function == Function::Exit;
            (Outcome { ends_workflow, ..Outcome::emit(outputs) }, log)
        }
        Err(failure) => (Outcome::failed(failure), String::new()),
    }
}

fn try_call(
    function: Function,
    attempt: &Attempt,
    work_dir: &Path,
) -> Result<(Outputs, String), Failure> {
    let process = attempt.process();
    let one = |values: Vec<Value>| Outputs::Explicit(vec![Output::values(values)]);
    let command_line =
        || process.command().map(|command| command.display_line()).unwrap_or_default();
    let silent = |outputs| Ok((outputs, String::new()));
    match function {
        Function::Noop | Function::Exit => silent(Outputs::Plain),
        Function::Print => {
            Ok((Outputs::Plain, format!("{}\n{}\n", attempt.label(), command_line())))
        }
        Function::CommandPrint => Ok((Outputs::Plain, format!("{}\n", command_line()))),
        Function::PrintInputs => {
            let mut log = String::new();
            for (at, input) in
                process.inputs().filter(|signal| signal.control().is_none()).enumerate()
            {
                let shown: Vec<&Value> = values(attempt, at).collect();
                let _ = writeln!(log, "{}: {}", input.name(), json!(shown));
            }
            Ok((Outputs::Plain, log))
        }
        Function::CommandMock => {
            for input in process.inputs().filter(|signal| signal.control().is_none()) {
                let path = work_dir.join(input.name());
                if !path.exists() {
                    return Err(Failure::Function(format!(
                        "input file {} does not exist",
                        path.display()
                    )));
                }
            }
            for output in process.outputs().filter(|signal| signal.control().is_none()) {
                let path = work_dir.join(output.name());
                let made = std::fs::File::options().create(true).append(true).open(&path);
                made.map_err(|error| {
                    Failure::Function(format!("cannot create {}: {error}", path.display()))
                })?;
            }
            Ok((Outputs::Plain, format!("{}\n", command_line())))
        }
        Function::Echo => silent(one(values(attempt, 0).cloned().collect())),
        Function::Add => {
            let sum: f64 = (0..attempt.inputs().len())
                .filter_map(|input| values(attempt, input).next().and_then(number))
                .sum();
            silent(one(vec![json!({ "value": numeric(sum) })]))
        }
        Function::Sqr => {
            let root = first_number(attempt)?;
            silent(one(vec![json!({ "value": numeric(root * root) })]))
        }
        Function::ChooseEvenOdd => {
            let sum: f64 = (0..attempt.inputs().len())
                .filter_map(|input| values(attempt, input).next().and_then(number))
                .map(f64::trunc)
                .sum();
            let even = sum % 2.0 == 0.0;
            let branch =
                |chosen| Output { values: Some(vec![json!({ "value": numeric(sum) })]), chosen };
            silent(Outputs::Explicit(vec![branch(even), branch(!even)]))
        }
        Function::Match => {
            let text = |input| {
                values(attempt, input)
                    .next()
                    .and_then(|value| value.get("value").unwrap_or(value).as_str())
                    .unwrap_or_default()
            };
            let pattern = text(0);
            let plain = pattern.strip_prefix('/').and_then(|p| p.rsplit_once('/')).map(|(p, _)| p);
            let Some(plain) = plain
                .filter(|p| !p.contains(['.', '*', '+', '?', '[', '(', '|', '\\', '^', '$', '{']))
            else {
                return Err(Failure::Function(format!(
                    "`match` takes plain patterns such as /word/ here, not {pattern}"
                )));
            };
            let subject = text(1);
            let chosen = subject.contains(plain);
            silent(Outputs::Explicit(vec![Output { values: Some(vec![json!(subject)]), chosen }]))
        }
        Function::Count => {
            let counted = values(attempt, 0).filter_map(number).map(|n| numeric(n + 1.0)).collect();
            silent(one(counted))
        }
        Function::GenCollection => {
            let length = first_number(attempt)?;
            #[expect(clippy::cast_sign_loss, reason = "clamped to what is not negative")]
            let length = length.clamp(0.0, 1e7) as u64;
            silent(one((1..=length).map(|n| json!(n)).collect()))
        }
    }
}

/// Whether a function looks at the data of its inputs.
pub(crate) fn looks_at_inputs(name: &str) -> bool {
    !matches!(support(name), FunctionSupport::Command)
}
