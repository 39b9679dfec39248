//! One thing that a host is to do, and what was done.

use std::fmt;

use node_bootstrap::agent::EtcdRequest;

/// One thing that a host is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The host.
    pub host: String,
    /// What.
    pub what: What,
    /// The same for a reader, without the host.
    pub text: String,
}

/// What a host is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// To answer this.
    Ask(EtcdRequest),
    /// To take the snapshot that the desk has.
    Take {
        /// Where it shall be on the host.
        path: String,
    },
}

impl Action {
    pub(super) fn ask(host: &str, request: EtcdRequest, text: impl Into<String>) -> Self {
        Self { host: host.to_owned(), what: What::Ask(request), text: text.into() }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.text)
    }
}

/// What this run has done. It begins with nothing: what other runs did is seen in the hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deeds(Vec<Action>);

impl Deeds {
    /// Notes that an action is done.
    pub fn add(&mut self, action: Action) {
        self.0.push(action);
    }

    /// The actions, in their order.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.0
    }

    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn snapshot(&self) -> bool {
        self.0.iter().any(|action| matches!(action.what, What::Ask(EtcdRequest::Snapshot { .. })))
    }

    pub(super) fn removed(&self) -> bool {
        self.0.iter().any(|action| matches!(action.what, What::Ask(EtcdRequest::Remove { .. })))
    }

    pub(super) fn started(&self, host: &str) -> bool {
        self.of(host).any(|what| matches!(what, What::Ask(EtcdRequest::Start { .. })))
    }

    pub(super) fn restored(&self, host: &str) -> bool {
        self.of(host).any(|what| matches!(what, What::Ask(EtcdRequest::Restore { .. })))
    }

    pub(super) fn took(&self, host: &str) -> bool {
        self.of(host).any(|what| matches!(what, What::Take { .. }))
    }

    /// Whether a host has said that it can restore the snapshot.
    pub(super) fn can_restore(&self, host: &str) -> bool {
        self.of(host).any(|what| matches!(what, What::Ask(EtcdRequest::CanRestore { .. })))
    }

    /// Whether a restore has changed something: not only a file was given to hosts.
    pub(super) fn restoring(&self) -> bool {
        let prepares = |what: &What| {
            matches!(what, What::Take { .. } | What::Ask(EtcdRequest::CanRestore { .. }))
        };
        self.0.iter().any(|action| !prepares(&action.what))
            && self.0.iter().any(|action| matches!(action.what, What::Take { .. }))
    }

    fn of(&self, host: &str) -> impl Iterator<Item = &What> {
        self.0.iter().filter(move |action| action.host == host).map(|action| &action.what)
    }
}
