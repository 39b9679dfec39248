//! What can go wrong with a call.

use std::time::Duration;

use serde_json::json;

/// Something that goes wrong with a call.
///
/// It happens in place of the call, which the server then never sees; with [`Self::after_forwarding`] the server has
/// done what was asked.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(super) what: What,
    pub(super) is_after: bool,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// This answer, and not the server's.
    Answer { code: u16, retry_after: Option<u64>, content_type: &'static str, body: Vec<u8> },
    /// The connection ends without an answer.
    Cut,
    /// The connection ends within the body of the server's answer.
    CutBody { bytes: usize },
    /// Nothing for this long, or for ever.
    Stall(Option<Duration>),
    /// Nothing for ever, and for no call that comes later either.
    Stop,
    /// So many events of a watch, and then this.
    Watch { events: usize, then: Then },
}

/// What comes after some events of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Gone,
    Silence,
    Cut,
}

impl Fault {
    fn of(what: What) -> Self {
        Self { what, is_after: false }
    }

    fn status(code: u16, retry_after: Option<u64>, status: &serde_json::Value) -> Self {
        Self::of(What::Answer {
            code,
            retry_after,
            content_type: "application/json",
            body: status.to_string().into_bytes(),
        })
    }

    /// A `Status` with this HTTP code and message, and the reason that belongs to the code.
    #[must_use]
    pub fn error(code: u16, message: &str) -> Self {
        Self::status(code, None, &status(code, message, &json!({})))
    }

    /// Something that is no `Status`, as load balancers answer.
    #[must_use]
    pub fn plain(code: u16, text: &str) -> Self {
        let body = text.as_bytes().to_vec();
        Self::of(What::Answer { code, retry_after: None, content_type: "text/plain", body })
    }

    /// 429, with the header `Retry-After`.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        let details = json!({"retryAfterSeconds": retry_after_seconds});
        let said = status(429, "too many requests, please try again later", &details);
        Self::status(429, Some(retry_after_seconds), &said)
    }

    /// 500, since an admission webhook cannot be reached.
    #[must_use]
    pub fn webhook_failed(webhook: &str) -> Self {
        let message = format!(
            "Internal error occurred: failed calling webhook \"{webhook}\": failed to call webhook: \
             Post \"https://hook.example.svc:443/?timeout=10s\": dial tcp: connect: connection refused"
        );
        let causes = json!({"causes": [{"message": message.trim_start_matches("Internal error occurred: ")}]});
        Self::status(500, None, &status(500, &message, &causes))
    }

    /// 409, since somebody else used up some of this quota at the same time.
    #[must_use]
    pub fn quota_conflict(quota: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on resourcequotas \"{quota}\": the object has been modified; \
             please apply your changes to the latest version and try again"
        );
        let details = json!({"name": quota, "kind": "resourcequotas"});
        Self::status(409, None, &status(409, &message, &details))
    }

    /// 410: what a list or watch is to go on from is too old.
    #[must_use]
    pub fn gone() -> Self {
        Self::error(410, GONE)
    }

    /// The connection ends before the server hears of the call.
    #[must_use]
    pub fn cut() -> Self {
        Self::of(What::Cut)
    }

    /// The server does what was asked, and then the connection ends.
    #[must_use]
    pub fn lost_answer() -> Self {
        Self::cut().after_forwarding()
    }

    /// The answer comes, and its body ends after so many bytes.
    #[must_use]
    pub fn cut_body(bytes: usize) -> Self {
        Self::of(What::CutBody { bytes })
    }

    /// The call hangs for ever, others go on.
    #[must_use]
    pub fn stall() -> Self {
        Self::of(What::Stall(None))
    }

    /// The call hangs for a while, and then goes on as if nothing was wrong.
    #[must_use]
    pub fn delay(how_long: Duration) -> Self {
        Self::of(What::Stall(Some(how_long)))
    }

    /// The call hangs for ever, and so does every call that comes later, and the server sees none of these. See
    /// [`super::Proxy::wait_until_stopped`].
    #[must_use]
    pub fn stop() -> Self {
        Self::of(What::Stop)
    }

    /// After so many events the watch has an `ERROR` event with 410, and ends. Bookmarks are events as well.
    #[must_use]
    pub fn watch_gone(after_events: usize) -> Self {
        Self::of(What::Watch { events: after_events, then: Then::Gone })
    }

    /// After so many events nothing comes any more, and the watch stays open.
    #[must_use]
    pub fn watch_silent(after_events: usize) -> Self {
        Self::of(What::Watch { events: after_events, then: Then::Silence })
    }

    /// After so many events the connection ends.
    #[must_use]
    pub fn watch_cut(after_events: usize) -> Self {
        Self::of(What::Watch { events: after_events, then: Then::Cut })
    }

    /// The same, after the server has done what was asked. It changes nothing for faults of bodies and of watches,
    /// which always are the server's.
    #[must_use]
    pub fn after_forwarding(mut self) -> Self {
        self.is_after = true;
        self
    }

    /// Whether it is about watches alone.
    pub(super) fn is_of_watches(&self) -> bool {
        matches!(self.what, What::Watch { .. })
    }

    /// The name for the log.
    pub(super) fn name(&self) -> String {
        let after = if self.is_after { " after forwarding" } else { "" };
        match &self.what {
            What::Answer { code, .. } => format!("{code}{after}"),
            What::Cut if self.is_after => "lost answer".to_owned(),
            What::Cut => "cut".to_owned(),
            What::CutBody { bytes } => format!("body cut after {bytes} bytes"),
            What::Stall(None) => format!("stall{after}"),
            What::Stall(Some(time)) => format!("delay of {} ms{after}", time.as_millis()),
            What::Stop => format!("stop{after}"),
            What::Watch { events, then } => {
                let then = match then {
                    Then::Gone => "gone",
                    Then::Silence => "silent",
                    Then::Cut => "cut",
                };
                format!("watch {then} after {events} events")
            }
        }
    }
}

const GONE: &str = "too old resource version: 1 (2)";

/// The event that ends a watch which is too old.
pub(super) fn gone_event() -> Vec<u8> {
    let event = json!({"type": "ERROR", "object": status(410, GONE, &json!({}))});
    format!("{event}\n").into_bytes()
}

/// A `Status` as the API server writes it.
pub(super) fn status(code: u16, message: &str, details: &serde_json::Value) -> serde_json::Value {
    let reason = match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    })
}
