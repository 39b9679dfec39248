//! Exit codes: one documented set for all programs.

use std::process::ExitCode;

use anyhow::Result;

use crate::output::{error, is_broken_pipe};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and nothing to tell.
    Ok = 0,
    /// What was to be done failed.
    Failed = 1,
    /// Usage, or input that cannot be used.
    Invalid = 2,
    /// A check, a comparison or a plan found something.
    Differences = 3,
    /// Some of it was done and some was not.
    Partial = 4,
    /// Done, and in effect after the machine was started again.
    RebootRequired = 5,
    /// Stopped by a signal.
    Interrupted = 130,
}

impl Exit {
    /// The exit code for an error: [`Exit::Invalid`] for [`InvalidInput`], else [`Exit::Failed`].
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<InvalidInput>() { Self::Invalid } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of the user's input: exit code 2.
#[derive(Debug)]
pub struct InvalidInput(pub String);

impl std::fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidInput {}

/// An error for input that cannot be used.
#[must_use]
pub fn invalid(message: impl Into<String>) -> anyhow::Error {
    InvalidInput(message.into()).into()
}

/// The end of a program's `main`: prints the error if there is one.
///
/// `of` gives the exit code of an error: [`Exit::of`], or a function that knows more errors. That the reader of the
/// output has gone (`program | head`) is no error.
pub fn finish(
    program: &str,
    result: Result<Exit>,
    of: impl Fn(&anyhow::Error) -> Exit,
) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) if is_broken_pipe(&failure) => Exit::Ok,
        Err(failure) => {
            error(program, &failure);
            of(&failure)
        }
    };
    exit.into()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn invalid_input_is_known_below_its_context() {
        let error = Err::<(), _>(invalid("bad")).context("reading").unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Invalid);
        assert_eq!(Exit::of(&anyhow::anyhow!("bad")), Exit::Failed);
    }
}
