//! Exit codes: one documented set for all tools.

use std::process::ExitCode;

use workflow_engine::store::StoreError;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// A task failed, or the run waits for something from outside.
    Failed = 1,
    /// Usage, or input that cannot be used.
    Invalid = 2,
    /// Stopped by a signal; can be resumed.
    Interrupted = 130,
}

/// An error of the user's input: exit code 2.
#[derive(Debug)]
pub(crate) struct InvalidInput(pub(crate) String);

impl std::fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidInput {}

/// An error for input that cannot be used.
pub(crate) fn invalid(message: impl Into<String>) -> anyhow::Error {
    InvalidInput(message.into()).into()
}

impl Exit {
    /// The exit code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let is_invalid = error.is::<InvalidInput>()
            || error.is::<workflow_engine::LoadError>()
            || matches!(error.downcast_ref(), Some(StoreError::NotBegun { .. }));
        if is_invalid { Self::Invalid } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
