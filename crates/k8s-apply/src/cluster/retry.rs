//! Which failures may pass, and how long to wait for that.

use std::time::Duration;

use http::{HeaderMap, header};
use kube::core::Status;

use super::chain;

/// The shortest wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait that was not asked for.
const LONGEST: Duration = Duration::from_secs(5);

/// What a call does, as far as that decides whether a failure may pass.
#[derive(Debug, Clone)]
pub struct Doing {
    /// The call in words, such as `apply Deployment web/frontend`.
    pub what: String,
    /// Whether its kind, or its namespace, was made so recently that the server may not know it everywhere yet.
    pub just_made: bool,
    /// Whether a conflict without a cause may be met by sending the same again.
    pub settles: bool,
}

impl Doing {
    /// A call of which nothing special is known.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), just_made: false, settles: false }
    }

    /// The same call, of a kind or in a namespace that was made just before.
    #[must_use]
    pub fn just_made(mut self, yes: bool) -> Self {
        self.just_made = yes;
        self
    }

    /// The same call, which may be sent again after a conflict that names no field.
    #[must_use]
    pub fn settling(mut self) -> Self {
        self.settles = true;
        self
    }
}

/// How a try ended that brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error.
    Answered { status: Box<Status>, retry_after: Option<Duration> },
    /// There was no answer, or half of one.
    Lost { why: String },
    /// The connection can never come about as it is configured.
    Unusable { why: String },
    /// The answer is no JSON.
    NoJson { fault: String },
}

impl Failure {
    pub(super) fn answered(code: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let status = serde_json::from_slice::<Status>(body)
            .ok()
            .filter(|status| !status.message.is_empty() || !status.reason.is_empty());
        let mut status = status.unwrap_or_else(|| {
            // A proxy, or a part of the server that has no objects for answers.
            let text = String::from_utf8_lossy(body);
            let text: String = text.trim().chars().take(300).collect();
            Status { message: text, ..Status::default() }
        });
        status.code = code;
        let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let seconds = asked.and_then(|text| text.parse::<u64>().ok());
        Self::Answered { status: Box::new(status), retry_after: seconds.map(Duration::from_secs) }
    }

    pub(super) fn of(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Answered { status, retry_after: None },
            other => {
                let why = chain(&other);
                // Such a fault does not mend itself while we wait.
                let lasting =
                    ["invalid peer certificate", "certificate", "auth exec", "unsupported"];
                if lasting.iter().any(|word| why.contains(word)) {
                    Self::Unusable { why }
                } else {
                    Self::Lost { why }
                }
            }
        }
    }
}

/// What to do about a failure.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The server means it.
    Refused(Box<Status>),
    /// Nothing can be made of it.
    Broken(String),
    /// Send it again.
    Again { why: String, wait: Option<Duration> },
}

pub(super) fn verdict(doing: &Doing, failure: Failure) -> Verdict {
    match failure {
        Failure::NoJson { fault } => Verdict::Broken(format!("the answer is no JSON: {fault}")),
        Failure::Unusable { why } => Verdict::Broken(why),
        Failure::Lost { why } => Verdict::Again { why, wait: None },
        Failure::Answered { status, retry_after } => {
            if may_pass(doing, &status) {
                let text = if status.message.is_empty() { &status.reason } else { &status.message };
                let why = format!("{} {text}", status.code);
                Verdict::Again { why: why.trim_end().to_owned(), wait: retry_after }
            } else {
                Verdict::Refused(status)
            }
        }
    }
}

/// Whether what the server says now may be over soon.
fn may_pass(doing: &Doing, status: &Status) -> bool {
    let says = |words: &str| status.message.contains(words);
    match status.code {
        // Server-side apply answers a field that does not fit the schema with a 500.
        500 if says("failed to create typed patch object") => false,
        // Too many requests; a timeout of the server's own; the server or something before it is not well. A webhook
        // that is not up yet is a 500.
        408 | 429 | 500..=599 => true,
        // Two writers met at a quota, which every creation in the namespace updates.
        409 if says("resourcequotas") => true,
        409 => doing.settles && !has_field_conflicts(status),
        // Admission that waits for its caches says so with a 403. The service account of a new namespace is made by a
        // controller, a moment later.
        403 => {
            says("not yet ready to handle request")
                || (doing.just_made && says("error looking up service account"))
        }
        404 => doing.just_made && (status.reason != "NotFound" || is_unserved(status)),
        _ => false,
    }
}

/// Whether a conflict is one between field managers, which stays.
fn has_field_conflicts(status: &Status) -> bool {
    status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .any(|cause| cause.reason == "FieldManagerConflict")
}

/// Whether a 404 is about the kind, not about the object.
pub(super) fn is_unserved(status: &Status) -> bool {
    status.message.contains("could not find the requested resource")
        || status.message.contains("page not found")
}

/// Waits that double, with some chance in them, so that many callers do not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    seed: u64,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        // Any number that differs between calls will do.
        let here = std::ptr::from_ref(&FIRST).addr() as u64;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| u64::from(since.subsec_nanos()));
        Self { next: FIRST, seed: (here ^ now) | 1 }
    }

    /// The next wait; at least what the server asked for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let share = f64::from((self.seed % 1000) as u32) / 1000.0;
        let wait = self.next.mul_f64(0.75 + share / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        asked.map_or(wait, |asked| asked.max(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(doing: &Doing, code: u16, message: &str, reason: &str) -> bool {
        let status =
            Status { message: message.into(), reason: reason.into(), code, ..Status::default() };
        may_pass(doing, &status)
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_stays_is_not() {
        let plain = Doing::new("apply");
        let cases = [
            (429, "", true),
            (500, "failed calling webhook \"a.b\": connect: connection refused", true),
            (
                500,
                "failed to create typed patch object (a/b; /v1, Kind=ConfigMap): .dta: field not declared in schema",
                false,
            ),
            (503, "", true),
            (504, "", true),
            (
                409,
                "Operation cannot be fulfilled on resourcequotas \"q\": the object has been modified",
                true,
            ),
            (409, "Apply failed with 1 conflict", false),
            (403, SERVICE_ACCOUNT, false),
            (403, "User \"x\" cannot patch resource", false),
            (400, "", false),
            (401, "", false),
            (404, "the server could not find the requested resource", false),
            (422, "", false),
        ];
        for (code, message, expected) in cases {
            assert_eq!(passes(&plain, code, message, ""), expected, "{code} {message}");
        }
    }

    const SERVICE_ACCOUNT: &str =
        "error looking up service account a/default: serviceaccount \"default\" not found";

    #[test]
    fn a_kind_that_was_just_made_may_be_unknown_for_a_while() {
        let new = Doing::new("apply").just_made(true);
        assert!(passes(&new, 404, "404 page not found", ""));
        assert!(passes(&new, 404, "the server could not find the requested resource", "NotFound"));
        assert!(passes(&new, 403, SERVICE_ACCOUNT, "Forbidden"));
        assert!(!passes(&new, 404, "haps.hap.org \"a\" not found", "NotFound"));
    }

    #[test]
    fn waits_grow_and_end_at_five_seconds() {
        let mut backoff = Backoff::new();
        let waits: Vec<Duration> = (0..12).map(|_| backoff.next(None)).collect();
        assert!(waits[0] < Duration::from_millis(126), "{waits:?}");
        assert!(waits[11] > Duration::from_millis(3700), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(6250)), "{waits:?}");
        assert!(backoff.next(Some(Duration::from_secs(9))) >= Duration::from_secs(9));
    }
}
