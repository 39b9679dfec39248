//! What happens, to be told.

use node_bootstrap::agent::Event;

/// Something that happens while a cluster is changed.
#[derive(Debug)]
pub enum News<'a> {
    /// A part of the work begins.
    Phase(&'a str),
    /// A host begins with something.
    Begun {
        /// The host.
        host: &'a str,
        /// What.
        what: &'a str,
    },
    /// A host tells.
    Event {
        /// The host.
        host: &'a str,
        /// What it tells.
        event: &'a Event,
    },
    /// A host has done it.
    Done {
        /// The host.
        host: &'a str,
        /// What.
        what: &'a str,
    },
    /// A host has not done it, or not to its end.
    Failed {
        /// The host.
        host: &'a str,
        /// What.
        what: &'a str,
        /// Why.
        why: &'a str,
    },
    /// Good to know; of no single host.
    Note(&'a str),
}

/// Who watches, and who may stop it. Called from several threads.
pub trait Watch: Sync {
    /// Hears of everything that happens.
    fn hear(&self, news: &News<'_>);

    /// Whether to begin nothing more.
    fn stopped(&self) -> bool {
        false
    }
}
