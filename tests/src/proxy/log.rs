//! What was called.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its place in the order in which calls came, from 1.
    pub number: usize,
    /// Its method, such as `PATCH`.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its query as it was sent, without the `?`.
    pub query: String,
    /// What its client calls itself.
    pub user_agent: String,
    /// The size of its body.
    pub body_bytes: usize,
    /// Whether it is a change that is only tried. A DELETE says so in its body if it has one; then its query says nothing.
    pub is_dry_run: bool,
    /// The HTTP code that was sent to the client, if there was an answer.
    pub code: Option<u16>,
    /// The HTTP code that the server answered, if it heard of the call and answered.
    pub server_code: Option<u16>,
    /// Whether it was sent to the server.
    pub is_forwarded: bool,
    /// What went wrong with it.
    pub fault: Option<String>,
    /// When it came.
    pub started: Instant,
    /// When the last byte of its answer was handed over, or it was cut or given up by its client.
    pub ended: Option<Instant>,
}

impl Call {
    pub(super) fn new(method: &str, path: &str, query: &str, body: &[u8]) -> Self {
        let mut call = Self {
            number: 0,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            user_agent: String::new(),
            body_bytes: body.len(),
            is_dry_run: false,
            code: None,
            server_code: None,
            is_forwarded: false,
            fault: None,
            started: Instant::now(),
            ended: None,
        };
        call.is_dry_run = if method == "DELETE" && !body.is_empty() {
            serde_json::from_slice(body).is_ok_and(|body: Value| body["dryRun"].is_array())
        } else {
            call.is_change() && call.parameter("dryRun").is_some()
        };
        call
    }

    /// The value of a parameter of its query. One without `=` has an empty value.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether it asks for a change, even one that is only tried.
    #[must_use]
    pub fn is_change(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }

    /// Whether it changes something: POST, PUT, PATCH or DELETE, and no dry run.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.is_change() && !self.is_dry_run
    }

    /// Whether it is a watch.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.method == "GET"
            && self.parameter("watch").is_some_and(|value| value != "false" && value != "0")
    }

    /// Whether it asks which kinds there are: `/api`, `/apis`, or one version of one group.
    #[must_use]
    pub fn is_discovery(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).collect();
        self.method == "GET"
            && matches!(parts.as_slice(), ["api" | "apis"] | ["api" | "apis", _] | ["apis", _, _])
    }

    /// How long it took, or takes so far.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.ended.unwrap_or_else(Instant::now).saturating_duration_since(self.started)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4} {:<6} {}", self.number, self.method, self.path)?;
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        match (self.code, self.server_code) {
            (Some(code), _) => write!(f, " -> {code}")?,
            (None, Some(code)) => write!(f, " -> nothing; the server said {code}")?,
            (None, None) if self.is_forwarded => write!(f, " -> nothing, forwarded")?,
            (None, None) => write!(f, " -> nothing")?,
        }
        if let Some(fault) = &self.fault {
            write!(f, " [{fault}]")?;
        }
        let is_open = if self.ended.is_none() { ", open" } else { "" };
        write!(f, " ({} ms{is_open})", self.duration().as_millis())
    }
}

/// All calls, in the order in which they came. Printed it is one line for each.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub(super) calls: Vec<Call>,
}

impl Log {
    /// All calls.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The calls for which this holds.
    #[must_use]
    pub fn that(&self, holds: impl Fn(&Call) -> bool) -> Vec<&Call> {
        self.calls.iter().filter(|call| holds(call)).collect()
    }

    /// Those that change something, see [`Call::is_write`].
    #[must_use]
    pub fn writes(&self) -> Vec<&Call> {
        self.that(Call::is_write)
    }

    /// Those that only try a change.
    #[must_use]
    pub fn dry_runs(&self) -> Vec<&Call> {
        self.that(|call| call.is_dry_run)
    }

    /// Those that ask which kinds there are, see [`Call::is_discovery`].
    #[must_use]
    pub fn discovery_calls(&self) -> Vec<&Call> {
        self.that(Call::is_discovery)
    }

    /// All watches.
    #[must_use]
    pub fn watches(&self) -> Vec<&Call> {
        self.that(Call::is_watch)
    }

    /// Watches that have not ended.
    #[must_use]
    pub fn open_watches(&self) -> Vec<&Call> {
        self.that(|call| call.is_watch() && call.ended.is_none())
    }

    /// Those with something wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<&Call> {
        self.that(|call| call.fault.is_some())
    }

    /// How many of the calls for which this holds were under way at once, at most.
    #[must_use]
    pub fn most_at_once(&self, holds: impl Fn(&Call) -> bool) -> usize {
        // An end comes before a start at the same instant.
        let mut changes: Vec<(Instant, i32)> = Vec::new();
        for call in self.that(holds) {
            changes.push((call.started, 1));
            changes.extend(call.ended.map(|ended| (ended, -1)));
        }
        changes.sort_unstable();
        let mut now = 0_i32;
        let most = changes.iter().map(|(_, change)| {
            now += change;
            now
        });
        usize::try_from(most.max().unwrap_or(0)).unwrap_or(0)
    }

    /// How many watches of this path were open at once, at most.
    #[must_use]
    pub fn most_watches_at_once(&self, path: &str) -> usize {
        self.most_at_once(|call| call.is_watch() && call.path == path)
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.calls.iter().try_for_each(|call| writeln!(f, "{call}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_is_told_from_objects() {
        let is = |path| Call::new("GET", path, "", b"").is_discovery();
        assert!(["/api", "/apis", "/api/v1", "/apis/apps/v1", "/apis/apps"].into_iter().all(is));
        assert!(
            !["/api/v1/pods", "/apis/apps/v1/deployments", "/openapi/v3", "/"].into_iter().any(is)
        );
    }

    #[test]
    fn a_deletion_is_tried_when_its_body_or_without_one_its_query_says_so() {
        let is = |query, body: &str| Call::new("DELETE", "/x", query, body.as_bytes()).is_dry_run;
        assert!(is("dryRun=All", "") && is("", "{\"dryRun\":[\"All\"]}"));
        assert!(!is("", "") && !is("dryRun=All", "{}") && !is("", "{}"));
        assert!(Call::new("PATCH", "/x", "dryRun=All", b"{}").is_dry_run);
        assert!(!Call::new("GET", "/x", "dryRun=All", b"").is_dry_run);
    }

    #[test]
    fn calls_that_overlap_are_counted() {
        let start = Instant::now();
        let call = |from: u64, to: Option<u64>| Call {
            started: start + Duration::from_millis(from),
            ended: to.map(|to| start + Duration::from_millis(to)),
            ..Call::new("GET", "/api/v1/pods", "watch=1", b"")
        };
        let log =
            Log { calls: vec![call(0, Some(5)), call(5, Some(9)), call(6, None), call(8, None)] };
        assert_eq!(log.most_watches_at_once("/api/v1/pods"), 3);
        assert_eq!(log.most_watches_at_once("/api/v1/nodes"), 0);
        assert_eq!(log.open_watches().len(), 2);
    }
}
