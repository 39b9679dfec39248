//! Standard output for data, standard error for people.

use std::borrow::Cow;
use std::io::{self, BufRead as _, IsTerminal, Write};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::exit::invalid;

/// How results are printed: the values of `-o`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON value.
    Json,
}

// Not derived: the names say it all, and descriptions would make every help text longer.
impl ValueEnum for OutputFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Text => "text",
            Self::Json => "json",
        }))
    }
}

/// Whether an error is only that the reader has gone.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// A line for people. Standard error may be closed; nothing can be done about it.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A line for people that may hold what stood in a file: see [`printable`].
pub fn say(text: &str) {
    note(&printable(text));
}

/// Asks a person whether to go on with `what` ("delete 3 objects"). Where nobody can be asked, `verb` has to be allowed
/// by `--yes`.
///
/// # Errors
/// If standard input is no terminal: [`InvalidInput`](crate::InvalidInput).
pub fn confirmed(what: &str, verb: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(invalid(format!("say --yes to {verb} without being asked")));
    }
    note(&format!("{what}? [y/N]"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Text without control characters but line breaks and tabs: what comes from files must not command a terminal.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_safe = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    if text.chars().all(is_safe) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_safe(c) { c.to_string() } else { c.escape_default().to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// An error with its causes, after the program's name.
pub fn error(program: &str, error: &anyhow::Error) {
    say(&error_line(program, error));
}

fn error_line(program: &str, error: &anyhow::Error) -> String {
    let mut text = format!("{program}: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        last = cause;
    }
    text
}

/// Whether a stream is a terminal that takes colours.
#[must_use]
pub fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Prints the completions of a command line for a shell.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn print_completions(
    shell: clap_complete::Shell,
    mut command: clap::Command,
) -> io::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    io::stdout().lock().write_all(&script)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\tc\n"), "a\\u{1b}[31mb\tc\n");
        assert!(matches!(printable("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn an_error_names_each_cause_once() {
        let cause = io::Error::other("disk full");
        let error = Err::<(), _>(cause).context("failed to write a: disk full");
        let error = error.context("failed to save").unwrap_err();
        assert_eq!(
            error_line("tool", &error),
            "tool: failed to save: failed to write a: disk full"
        );
    }

    #[test]
    fn a_reader_that_has_gone_is_found_below_other_errors() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&Err::<(), _>(gone).context("printing").unwrap_err()));
        assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
    }
}
