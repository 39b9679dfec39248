//! What a judgement says.

use std::fmt;

use serde::Serialize;

/// How ready an object is.
///
/// Shown as `ready`, `ready (suspended)`, `progressing: 2 of 3 replicas are available`. As JSON it has a `state`:
///
/// ```json
/// {"state": "progressing", "text": "...", "stuck": {"kind": "unschedulable", "since": "2026-11-21T10:00:00Z"}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Readiness {
    /// It does what it is to do.
    Ready {
        /// What a person should know all the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<Note>,
    },
    /// It is not ready, and may become so without a change.
    Progressing(Reason),
    /// It will not become ready without a change or a new attempt.
    Failed(Reason),
    /// It is being deleted.
    Terminating(Reason),
}

/// Something to know about an object that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Such as `waits for its first consumer`.
    pub text: String,
    /// Whether it may be not what was meant, such as a `DaemonSet` that no node wants.
    pub warning: bool,
}

/// Why an object is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Such as `2 of 3 replicas are available`.
    pub text: String,
    /// Set if waiting alone hardly helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
}

/// Why waiting alone hardly helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// What it is stuck at.
    pub kind: StuckKind,
    /// Since when, in the form of RFC 3339, if the object tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// What an object can be stuck at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StuckKind {
    /// The API server refuses its pods: a quota, an admission webhook, a service account that is missing.
    Refused,
    /// An image cannot be had.
    Image,
    /// A container cannot be set up or started: its `ConfigMap`, Secret or program is missing.
    Configuration,
    /// A container ends again and again.
    Crash,
    /// No node can take a pod.
    Unschedulable,
    /// A scheduling gate holds a pod back.
    Gated,
    /// A volume cannot be had.
    Volume,
    /// Something else that the controller of the object reports as an error.
    Controller,
}

impl Readiness {
    /// Ready, with nothing to say.
    #[must_use]
    pub const fn ready() -> Self {
        Self::Ready { note: None }
    }

    /// Whether it is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// Whether waiting on is pointless.
    #[must_use]
    pub const fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// The word for the state: `ready`, `progressing`, `failed` or `terminating`.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::Progressing(_) => "progressing",
            Self::Failed(_) => "failed",
            Self::Terminating(_) => "terminating",
        }
    }

    /// What there is to say beside the state: the reason, or the note.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Ready { note } => note.as_ref().map(|note| note.text.as_str()),
            Self::Progressing(reason) | Self::Failed(reason) | Self::Terminating(reason) => {
                Some(&reason.text)
            }
        }
    }

    /// Whether waiting alone hardly helps, and since when.
    #[must_use]
    pub fn stuck(&self) -> Option<&Stuck> {
        match self {
            Self::Ready { .. } => None,
            Self::Progressing(reason) | Self::Failed(reason) | Self::Terminating(reason) => {
                reason.stuck.as_ref()
            }
        }
    }

    pub(super) fn ready_note(text: impl Into<String>) -> Self {
        Self::Ready { note: Some(Note { text: text.into(), warning: false }) }
    }

    pub(super) fn ready_warning(text: impl Into<String>) -> Self {
        Self::Ready { note: Some(Note { text: text.into(), warning: true }) }
    }

    pub(super) fn progressing(text: impl Into<String>) -> Self {
        Self::Progressing(Reason { text: text.into(), stuck: None })
    }

    pub(super) fn stuck_at(kind: StuckKind, text: impl Into<String>, since: Option<&str>) -> Self {
        let stuck = Stuck { kind, since: since.map(str::to_owned) };
        Self::Progressing(Reason { text: text.into(), stuck: Some(stuck) })
    }

    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(Reason { text: text.into(), stuck: None })
    }

    pub(super) fn terminating(text: impl Into<String>) -> Self {
        Self::Terminating(Reason { text: text.into(), stuck: None })
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state())?;
        match self {
            Self::Ready { note: None } => Ok(()),
            Self::Ready { note: Some(note) } => write!(f, " ({})", note.text),
            Self::Progressing(reason) | Self::Failed(reason) | Self::Terminating(reason) => {
                write!(f, ": {}", reason.text)
            }
        }
    }
}
