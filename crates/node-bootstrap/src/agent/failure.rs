//! What went wrong, as a desk has to know it.

use super::{Event, EventKind, Failure, FailureKind};
use crate::apply::{self, ApplyError};
use crate::change::{Change, ChangeError};
use crate::check::told_whole;
use crate::cluster::{PreflightError, ReadyError, TokenError};
use crate::facts::FactsError;
use crate::host::HostError;
use crate::journal::JournalError;
use crate::plan::PlanError;
use crate::reset::{self, ResetError};
use crate::undo::UndoError;

impl Failure {
    /// Nothing was changed: it would have been wrong.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Refused, message: message.into(), changes: 0 }
    }

    /// It failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Failed, message: message.into(), changes: 0 }
    }

    /// Somebody asked to stop, after this many changes.
    #[must_use]
    pub fn stopped(changes: usize) -> Self {
        let message = format!("stopped after {changes} changes; the next run goes on");
        Self { kind: FailureKind::Stopped, message, changes }
    }

    /// The same, with what was changed before.
    #[must_use]
    pub fn after(mut self, changes: usize) -> Self {
        self.changes += changes;
        // What was done before it is no refusal any more.
        if self.changes > 0 && self.kind == FailureKind::Refused {
            self.kind = FailureKind::Failed;
        }
        self
    }

    fn of(error: &dyn std::error::Error, host: Option<&HostError>) -> Self {
        let is_locked =
            matches!(host, Some(HostError::Locked { .. } | HostError::Straggler { .. }));
        let kind = if is_locked { FailureKind::Busy } else { FailureKind::Failed };
        Self { kind, message: told_whole(error), changes: 0 }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::of(&error, Some(&error))
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::of(&error, None)
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::of(&error, None)
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        let host = if let ChangeError::Host(host) = &error { Some(host) } else { None };
        Self::of(&error, host)
    }
}

impl From<FactsError> for Failure {
    fn from(error: FactsError) -> Self {
        match error {
            FactsError::Unsupported(error) => Self::refused(told_whole(&error)),
            FactsError::Host(error) => error.into(),
        }
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match &error {
            ApplyError::Refused(why) => Self::refused(why.clone()),
            ApplyError::Host(host) => Self::of(&error, Some(host)),
            ApplyError::Change { made, .. } => Self { changes: *made, ..Self::of(&error, None) },
            ApplyError::Journal(_) => Self::of(&error, None),
        }
    }
}

impl From<UndoError> for Failure {
    fn from(error: UndoError) -> Self {
        match &error {
            UndoError::Changed(_) => Self::refused(error.to_string()),
            UndoError::Host(host) => Self::of(&error, Some(host)),
            UndoError::Change { taken_back, .. } => {
                Self { changes: *taken_back, ..Self::of(&error, None) }
            }
            UndoError::Journal(_) => Self::of(&error, None),
        }
    }
}

impl From<ResetError> for Failure {
    fn from(error: ResetError) -> Self {
        match &error {
            ResetError::Host(host) => Self::of(&error, Some(host)),
            ResetError::Left { all, failed } => {
                Self { changes: all - failed.len(), ..Self::of(&error, None) }
            }
            ResetError::Stopped { done, .. } => Self::stopped(*done),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match &error {
            TokenError::NoCluster { .. } | TokenError::NoSharedEndpoint => {
                Self::refused(error.to_string())
            }
            TokenError::Host(host) => Self::of(&error, Some(host)),
            _ => Self::of(&error, None),
        }
    }
}

impl From<PreflightError> for Failure {
    fn from(error: PreflightError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<ReadyError> for Failure {
    fn from(error: ReadyError) -> Self {
        match error {
            ReadyError::Facts(error) => error.into(),
            ReadyError::NotReady(error) => Self::of(&error, None),
        }
    }
}

impl Event {
    /// Something that happens.
    #[must_use]
    pub fn new(kind: EventKind, step: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, step: step.into(), text: text.into() }
    }

    /// What is told of a plan that is carried out; `None` for what need not be.
    #[must_use]
    pub fn of_apply(event: &apply::Event<'_>) -> Option<Self> {
        let (kind, step, text) = match event {
            apply::Event::Settled(made) => {
                let text = format!("an interrupted run had begun this: {}", made.change);
                (EventKind::Note, made.step.as_str(), text)
            }
            // What may take long is told before it is done.
            apply::Event::Making {
                step,
                change:
                    change @ (Change::Install { .. } | Change::Run { .. } | Change::Kubeadm { .. }),
            } => (EventKind::Begun, *step, change.to_string()),
            apply::Event::Making { .. } => return None,
            apply::Event::Made { step, change } => (EventKind::Done, *step, change.to_string()),
            apply::Event::TakenBack(made) => {
                (EventKind::Done, made.step.as_str(), format!("taken back: {}", made.change))
            }
            apply::Event::Warning(warning) => (EventKind::Warning, "", warning.clone()),
        };
        Some(Self::new(kind, step, text))
    }

    /// What is told of a reset.
    #[must_use]
    pub fn of_reset(event: &reset::Event<'_>) -> Self {
        let (kind, text) = match event {
            reset::Event::Doing(action) => (EventKind::Begun, action.to_string()),
            reset::Event::Done(action) => (EventKind::Done, action.to_string()),
            reset::Event::Warning(warning) => (EventKind::Warning, warning.clone()),
        };
        Self::new(kind, "reset", text)
    }
}
