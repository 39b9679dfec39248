//! From arguments in envgen's style to what is to be generated, or to what is answered instead.
//!
//! With `--compat` the first problem is told in envgen's words, with its exit code 1. Otherwise all problems are
//! told together, with exit code 2.

mod usage;

use std::ffi::OsString;
use std::io::{self, Write};

use cli::{Exit, counted};

use envxml::compat::arguments::{ArgumentError, EnvgenArgs, option_names};

pub use usage::USAGE;

/// What is said instead of generating anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// How the program ends.
    pub exit: Exit,
}

/// Reads arguments in envgen's style, without the program's name and our own options.
///
/// With `compat` there is an `-env`, as envgen asks for it. Whether there are addresses is known when their files
/// are read: [`EnvgenArgs::address_texts`]; [`Answer::refusal`] makes an answer of its errors.
///
/// # Errors
///
/// The answer to give instead: what is wrong, or the usage where it is asked for.
pub fn take(arguments: &[OsString], compat: bool) -> Result<EnvgenArgs, Answer> {
    let parsed = if compat {
        EnvgenArgs::parse_first(arguments).map_err(|problem| vec![problem])
    } else {
        EnvgenArgs::parse_all(arguments)
    };
    let args = parsed.map_err(|problems| Answer::refusal(&problems, compat))?;
    if args.help {
        return Err(Answer::help());
    }
    if compat {
        args.require_env().map_err(|problem| Answer::refusal(&[problem], compat))?;
    }
    Ok(args)
}

impl Answer {
    /// The usage.
    #[must_use]
    pub fn help() -> Self {
        Self { stdout: USAGE.to_owned(), stderr: String::new(), exit: Exit::Ok }
    }

    /// What is wrong: with `compat` the first problem as envgen tells it, otherwise all of them.
    #[must_use]
    pub fn refusal(problems: &[ArgumentError], compat: bool) -> Self {
        if compat {
            let first = problems.first();
            let usage = first.is_some_and(ArgumentError::shows_usage);
            return Self {
                stdout: if usage { USAGE.to_owned() } else { String::new() },
                stderr: first.map(|problem| problem.line() + "\n").unwrap_or_default(),
                exit: Exit::Failed,
            };
        }
        let stderr = match problems {
            [only] => format!("hpcc-envgen: {}\n", told(only)),
            several => {
                let number = counted(several.len(), "problem");
                let lines = several.iter().map(|problem| format!("  {}\n", told(problem)));
                format!("hpcc-envgen: {number} in the arguments:\n{}", lines.collect::<String>())
            }
        };
        Self { stdout: String::new(), stderr, exit: Exit::Invalid }
    }

    /// Prints the answer. Standard error comes first, and may be closed.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written to.
    pub fn give(&self) -> io::Result<Exit> {
        let _ = io::stderr().lock().write_all(self.stderr.as_bytes());
        io::stdout().lock().write_all(self.stdout.as_bytes())?;
        Ok(self.exit)
    }
}

/// A problem with its option, its cause, and what may have been meant.
fn told(problem: &ArgumentError) -> String {
    let mut text = match problem.option() {
        Some(option) => format!("{option}: {problem}"),
        None => problem.to_string(),
    };
    if let Some(source) = std::error::Error::source(problem) {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }
    if let ArgumentError::Unknown { argument } = problem
        && let Some(name) = nearest(argument)
    {
        text.push_str("; did you mean ");
        text.push_str(name);
        text.push('?');
    }
    text
}

/// The option that looks most like an argument, be it with one dash or two.
fn nearest(argument: &str) -> Option<&'static str> {
    let typed = argument.strip_prefix('-')?;
    let typed = typed.strip_prefix('-').unwrap_or(typed).to_ascii_lowercase();
    // Without their dashes, which say nothing.
    let near = diagnostics::nearest(&typed, option_names().map(|name| &name[1..]))?;
    option_names().find(|name| &name[1..] == near)
}

#[cfg(test)]
mod tests;
