//! A cluster that can be asked: one call at a time, asked again as long as that may help.
//!
//! Every call that this crate makes may be sent twice without harm: server-side applies, patches that test what they
//! replace, deletions of a UID, reads. So an answer that was lost is no reason to stop.

mod calls;
mod kinds;
mod retry;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::Status;
use kube::{Client, Config};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

pub use calls::{Applying, Change as PatchCall, Deleting, Filter, LogStream, LogTailOf, Page};
pub use kinds::{Kind, Kinds};
pub(crate) use retry::Backoff;
pub use retry::Doing;

use retry::Verdict;

/// Why a cluster cannot be reached at all.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is no configuration that can be used.
    #[error("failed to find out how to reach the cluster")]
    Infer(#[source] Box<InferConfigError>),
    /// The kubeconfig cannot be used, or has no such context.
    #[error("failed to use the kubeconfig")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// No client can be made of the configuration.
    #[error("failed to make a client of the configuration")]
    Client(#[source] Box<kube::Error>),
}

/// Why a call has no usable answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// The server says no, and asking again would not help.
    #[error("{}", said(.status))]
    Refused {
        /// What it says, with its causes.
        status: Box<Status>,
    },
    /// Asking again did not help within the time.
    #[error("{what}: gave up after {tries} tries in {seconds} s: {last}")]
    GaveUp {
        /// What was asked.
        what: String,
        /// How often.
        tries: u32,
        /// For how long, in seconds.
        seconds: u64,
        /// What the last try ended with.
        last: String,
    },
    /// The request cannot be made, or the answer is not what the API promises.
    #[error("{what}: {fault}")]
    Broken {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl CallError {
    /// What the server says, if it answered.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused { status } => Some(status),
            Self::GaveUp { .. } | Self::Broken { .. } => None,
        }
    }

    /// Whether the server answered with this HTTP code.
    #[must_use]
    pub fn is_code(&self, code: u16) -> bool {
        self.status().is_some_and(|status| status.code == code)
    }
}

/// The words of a refusal.
fn said(status: &Status) -> String {
    if status.message.is_empty() {
        format!("the server answered {} {}", status.code, status.reason)
    } else {
        status.message.clone()
    }
}

/// What a call brought back.
#[derive(Clone)]
pub struct Answer {
    /// The body.
    pub value: Value,
    /// What the server warned of, such as a deprecated version.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

/// A call that is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrying {
    /// What was asked, such as `apply Deployment web/frontend`.
    pub what: String,
    /// Why it has no answer yet.
    pub why: String,
    /// How often it was sent.
    pub tries: u32,
    /// How long it waits until it is sent again.
    pub wait: Duration,
}

/// How long to wait and how much to ask at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long one try of a call may take.
    pub request: Duration,
    /// How long a call is tried again after its first failure.
    pub retry: Duration,
    /// How many calls may be under way at once.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request: Duration::from_secs(30), retry: Duration::from_mins(1), concurrency: 32 }
    }
}

/// A cluster that can be asked. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
    limits: Limits,
    slots: Arc<Semaphore>,
    on_retry: Arc<dyn Fn(&Retrying) + Send + Sync>,
}

impl Cluster {
    /// Connects as `kubectl` would: by the kubeconfig that is given, else by the one that the environment names, else
    /// by the account of the pod that this runs in. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If there is no configuration, if it has no such context, or if it cannot be used.
    pub async fn connect(
        kubeconfig: Option<&Path>,
        context: Option<&str>,
        limits: Limits,
    ) -> Result<Self, ConnectError> {
        let mut config = if kubeconfig.is_none() && context.is_none() {
            Config::infer().await.map_err(|error| ConnectError::Infer(Box::new(error)))?
        } else {
            let fault = |error| ConnectError::Kubeconfig(Box::new(error));
            let file = match kubeconfig {
                Some(path) => Kubeconfig::read_from(path),
                None => Kubeconfig::read(),
            };
            let chosen = KubeConfigOptions {
                context: context.map(str::to_owned),
                ..KubeConfigOptions::default()
            };
            Config::from_custom_kubeconfig(file.map_err(fault)?, &chosen).await.map_err(fault)?
        };
        // Trying again is done here, where it has a deadline and is told.
        config.default_retry = false;
        let namespace = config.default_namespace.clone();
        let client =
            Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
        Ok(Self::of(client, namespace, limits))
    }

    /// A cluster behind a client that was made elsewhere.
    #[must_use]
    pub fn of(client: Client, namespace: impl Into<String>, limits: Limits) -> Self {
        let slots = Arc::new(Semaphore::new(limits.concurrency.max(1)));
        Self { client, namespace: namespace.into(), limits, slots, on_retry: Arc::new(|_| {}) }
    }

    /// Has every call that is sent again told to a closure.
    #[must_use]
    pub fn telling(mut self, on_retry: impl Fn(&Retrying) + Send + Sync + 'static) -> Self {
        self.on_retry = Arc::new(on_retry);
        self
    }

    /// The namespace that the configuration names, else `default`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// How long to wait and how much to ask at once.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The client, for what this type does not do.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request until it has an answer that will stay the same, or the time is up.
    ///
    /// # Errors
    /// If the server refuses it for good, if it has no answer in time, or if the answer is no JSON.
    pub async fn call(
        &self,
        doing: &Doing,
        request: &Request<Vec<u8>>,
    ) -> Result<Answer, CallError> {
        let mut backoff = Backoff::new();
        let mut first_failure: Option<Instant> = None;
        let mut tries = 0;
        loop {
            tries += 1;
            let verdict = match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => retry::verdict(doing, failure),
            };
            let (why, asked_to_wait) = match verdict {
                Verdict::Refused(status) => return Err(CallError::Refused { status }),
                Verdict::Broken(fault) => {
                    return Err(CallError::Broken { what: doing.what.clone(), fault });
                }
                Verdict::Again { why, wait } => (why, wait),
            };
            let began = *first_failure.get_or_insert_with(Instant::now);
            let wait = backoff.next(asked_to_wait);
            if began.elapsed() + wait > self.limits.retry {
                return Err(CallError::GaveUp {
                    what: doing.what.clone(),
                    tries,
                    seconds: began.elapsed().as_secs(),
                    last: why,
                });
            }
            (self.on_retry)(&Retrying { what: doing.what.clone(), why, wait, tries });
            sleep(wait).await;
        }
    }

    /// One try.
    async fn once(&self, request: &Request<Vec<u8>>) -> Result<Answer, retry::Failure> {
        let _slot = self.slots.acquire().await;
        let (parts, body) = request.clone().into_parts();
        let request = Request::from_parts(parts, Body::from(body));
        let exchange = async {
            let response = self.client.send(request).await.map_err(retry::Failure::of)?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| retry::Failure::Lost {
                why: format!("the answer broke off: {}", chain(&error)),
            })?;
            Ok((parts, body.to_bytes()))
        };
        let (parts, body) =
            timeout(self.limits.request, exchange).await.map_err(|_| retry::Failure::Lost {
                why: format!("no answer within {} s", self.limits.request.as_secs_f64()),
            })??;
        if !parts.status.is_success() {
            return Err(retry::Failure::answered(parts.status.as_u16(), &parts.headers, &body));
        }
        let value = serde_json::from_slice(&body)
            .map_err(|error| retry::Failure::NoJson { fault: error.to_string() })?;
        let warnings = parts
            .headers
            .get_all(header::WARNING)
            .iter()
            .filter_map(|one| warning(one.to_str().ok()?));
        Ok(Answer { value, warnings: warnings.collect() })
    }
}

/// The text of a `Warning` header (`299 - "text"`, RFC 7234 5.5).
fn warning(header: &str) -> Option<String> {
    let text = header.split_once('"')?.1.rsplit_once('"')?.0;
    Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_warning_header_is_unquoted() {
        let text = warning(r#"299 - "unknown field \"spec.foo\"""#);
        assert_eq!(text.as_deref(), Some(r#"unknown field "spec.foo""#));
        assert_eq!(warning("299 -"), None);
    }
}
