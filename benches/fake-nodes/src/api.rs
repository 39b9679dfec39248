//! Calls of the API: many at once, each repeated while that can help.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use http::{Method, Request};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How many calls are under way at once. Each has a connection.
const AT_ONCE: usize = 48;
/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a call is tried. Waits double from 50 ms on.
const TRIES: u32 = 8;

/// The API server.
pub(crate) struct Api {
    client: Client,
    turns: Semaphore,
    /// Calls that were answered.
    pub(crate) calls: AtomicU64,
    /// Calls that were tried again.
    pub(crate) repeated: AtomicU64,
}

/// What a call came to.
pub(crate) enum Answer {
    /// It was done. The body is of no interest.
    Done,
    /// The object is not there, or is another.
    Gone,
}

impl Api {
    /// The server of a kubeconfig.
    pub(crate) async fn connect(kubeconfig: &Path) -> anyhow::Result<Self> {
        let failed = || format!("failed to read kubeconfig {}", kubeconfig.display());
        let file = Kubeconfig::read_from(kubeconfig).with_context(failed)?;
        let options = KubeConfigOptions::default();
        let config =
            kube::Config::from_custom_kubeconfig(file, &options).await.with_context(failed)?;
        let client = Client::try_from(config).with_context(failed)?;
        let turns = Semaphore::new(AT_ONCE);
        Ok(Self { client, turns, calls: AtomicU64::new(0), repeated: AtomicU64::new(0) })
    }

    /// The client itself, for watches.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Reads an object, or a list.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> kube::Result<T> {
        let _turn = self.turns.acquire().await;
        let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
        self.client.request(request).await
    }

    /// Changes parts of an object (merge patch).
    pub(crate) async fn patch(&self, path: &str, change: &Value) -> anyhow::Result<Answer> {
        self.call(&Method::PATCH, path, change).await
    }

    /// Makes an object. That it is there already is no error.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> anyhow::Result<Answer> {
        self.call(&Method::POST, path, object).await
    }

    /// Takes a pod away at once, if it is still this one.
    pub(crate) async fn delete_now(&self, path: &str, uid: Option<&str>) -> anyhow::Result<Answer> {
        let mut options = serde_json::json!({"gracePeriodSeconds": 0});
        if let Some(uid) = uid {
            options["preconditions"] = serde_json::json!({"uid": uid});
        }
        self.call(&Method::DELETE, path, &options).await
    }

    async fn call(&self, method: &Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let body = serde_json::to_vec(body)?;
        let kind = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let mut pause = Duration::from_millis(50);
        for tried in 1.. {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(http::header::CONTENT_TYPE, kind)
                // The object itself is of no use here.
                .header(
                    http::header::ACCEPT,
                    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
                )
                .body(body.clone())?;
            let turn = self.turns.acquire().await;
            let answer = timeout(LIMIT, self.client.request_text(request)).await;
            drop(turn);
            let error = match answer {
                Ok(Ok(_)) => {
                    self.calls.fetch_add(1, Ordering::Relaxed);
                    return Ok(Answer::Done);
                }
                Ok(Err(kube::Error::Api(status))) => match status.code {
                    409 if method == Method::POST => return Ok(Answer::Done),
                    // 422: another object of this name, by the uid in the patch.
                    404 | 422 => return Ok(Answer::Gone),
                    409 if method == Method::DELETE => return Ok(Answer::Gone),
                    409 | 429 | 500.. => anyhow::anyhow!("{} ({})", status.message, status.code),
                    code => anyhow::bail!("{method} {path}: {} ({code})", status.message),
                },
                Ok(Err(error)) => error.into(),
                Err(late) => late.into(),
            };
            if tried == TRIES {
                return Err(error.context(format!("{method} {path}, tried {TRIES} times")));
            }
            self.repeated.fetch_add(1, Ordering::Relaxed);
            sleep(pause).await;
            pause *= 2;
        }
        Ok(Answer::Gone)
    }
}
