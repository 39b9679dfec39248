//! One question to one host.

use std::time::Duration;

use node_bootstrap::agent::{Answer, Event, Request};

use crate::contact::{Contact, ContactError};
use crate::watch::{News, Watch};

/// How long work on a host may take that says nothing else.
pub(crate) const WORK: Duration = Duration::from_mins(10);

/// Has a host do something that takes minutes at most. What happens there is told.
///
/// # Errors
/// If the host cannot be reached, does not answer in ten minutes, or refuses.
pub fn ask(
    contact: &dyn Contact,
    host: &str,
    request: &Request,
    watch: &dyn Watch,
) -> Result<Answer, ContactError> {
    ask_within(contact, host, request, WORK, watch)
}

/// The same with another deadline.
pub(crate) fn ask_within(
    contact: &dyn Contact,
    host: &str,
    request: &Request,
    limit: Duration,
    watch: &dyn Watch,
) -> Result<Answer, ContactError> {
    let mut tell = |event: &Event| watch.hear(&News::Event { host, event });
    contact.call(host, request, limit, &mut tell)
}
