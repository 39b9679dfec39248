//! The live API, played by a service of ours.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use discovery::live::{self, Client, LiveError, Progress, Wait, WaitError};
use discovery::{Options, discover};
use http::{Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use topology::ClusterSpec;

use crate::pods::*;

/// Answers that the API gives, one after the other; the last one again and again. Requests are kept.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        script
    }

    fn client(&self) -> Client {
        let script = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let line = format!("{} {}", request.method(), request.uri());
            script.requests.lock().unwrap().push(line);
            let mut answers = script.answers.lock().unwrap();
            let (code, body) =
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
                    .unwrap();
            let answer = Response::builder()
                .status(StatusCode::from_u16(code).unwrap())
                .header("content-type", "application/json")
                .body(Body::from(body.to_string().into_bytes()))
                .unwrap();
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        Client::new(service, "default")
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn page(pods: &[Value], next: Option<&str>) -> (u16, Value) {
    let metadata = json!({"resourceVersion": "1", "continue": next});
    (200, json!({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": pods}))
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "message": format!("it is {reason}"), "reason": reason, "code": code});
    (code, status)
}

/// Runs a test on a runtime of its own. Without tokio's own test attribute, so that tests and programs build tokio alike.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test);
}

fn wait(milliseconds: u64) -> Wait<'static> {
    Wait {
        namespace: "hpcc",
        cluster_domain: "cluster.local",
        options: Options::default(),
        interval: Duration::from_millis(10),
        timeout: Duration::from_millis(milliseconds),
    }
}

#[test]
fn all_pages_of_one_namespace_are_listed() {
    run(async {
        let pods = of_2019_sets();
        let script = Script::new([page(&pods[..5], Some("more")), page(&pods[5..], None)]);
        let found = live::list_pods(&script.client(), "hpcc", "cluster.local").await.unwrap();
        assert_eq!(
            discover(&found, &Options::default()).placement,
            find(&pods, &Options::default()).placement
        );
        let requests = script.requests();
        assert_eq!(requests.len(), 2);
        assert!(
            requests.iter().all(|r| r.starts_with("GET /api/v1/namespaces/hpcc/pods?")),
            "{requests:?}"
        );
        assert!(requests[1].contains("continue=more"));
    });
}

#[test]
fn a_list_that_grew_too_old_is_read_as_a_whole() {
    run(async {
        let pods = of_2016();
        let script = Script::new([
            page(&pods[..2], Some("old")),
            failure(410, "Expired"),
            page(&pods, None),
        ]);
        let found = live::list_pods(&script.client(), "hpcc", "cluster.local").await.unwrap();
        assert_eq!(found.len(), pods.len());
        assert!(!script.requests()[2].contains("limit"));
    });
}

#[test]
fn a_refusal_says_what_may_not_be_done() {
    run(async {
        let script = Script::new([failure(403, "Forbidden")]);
        let error = live::list_pods(&script.client(), "hpcc", "cluster.local").await.unwrap_err();
        assert!(matches!(error, LiveError::Forbidden { .. }));
        assert_eq!(error.to_string(), "this account may not list the pods of namespace hpcc");
        // Waiting would not help.
        let waited = live::wait_until_complete(&script.client(), &wait(60_000), |_| ()).await;
        assert!(matches!(waited, Err(WaitError::Live(LiveError::Forbidden { .. }))));
    });
}

#[test]
fn waiting_ends_when_the_last_pod_is_ready() {
    run(async {
        let mut pods = of_2019_sets();
        let last = pods.len() - 1;
        let ready = std::mem::replace(&mut pods[last], stateful("roxie-roxie1", 2).pending());
        let pending = page(&pods, None);
        pods[last] = ready;
        let script = Script::new([
            pending.clone(),
            failure(503, "ServiceUnavailable"),
            pending,
            page(&pods, None),
        ]);
        let mut heard = Vec::new();
        let found = live::wait_until_complete(&script.client(), &wait(60_000), |progress| {
            heard.push(match progress {
                Progress::Incomplete(found) => found.missing[0].to_string(),
                Progress::Retrying(error) => error.to_string(),
            });
        })
        .await
        .unwrap();
        assert!(found.accept(false).is_ok());
        assert_eq!(
            heard,
            [
                "pod roxie-roxie1-2 (roxie/roxie1) does not run yet",
                "failed to list the pods of namespace hpcc",
                "pod roxie-roxie1-2 (roxie/roxie1) does not run yet"
            ]
        );
    });
}

#[test]
fn waiting_gives_up_and_says_what_was_missing() {
    run(async {
        let script = Script::new([page(&of_2019_sets(), None)]);
        let spec: ClusterSpec =
            serde_json::from_str(r#"{"thor": {"thor1": {"slaves": 20}}}"#).unwrap();
        let mut wait = wait(100);
        wait.options.spec = Some(&spec);
        let mut heard = 0;
        let waited = live::wait_until_complete(&script.client(), &wait, |_| heard += 1).await;
        let Err(WaitError::Timeout { last: Some(last), source: None, .. }) = waited else {
            panic!("{waited:?}")
        };
        assert_eq!(last.missing[0].to_string(), "thor-slave/thor1 has 12 of 20 pods");
        assert!((2..=10).contains(&heard), "{heard}");
    });
}

#[test]
fn an_api_that_never_answers_does_not_hold_the_waiting_up() {
    run(async {
        let service = tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let client = Client::new(service, "default");
        let waited = live::wait_until_complete(&client, &wait(50), |_| ()).await;
        assert!(matches!(waited, Err(WaitError::Timeout { last: None, source: None, .. })));
    });
}

#[test]
fn a_kubeconfig_is_read_and_its_context_chosen() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": true}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [
                {"name": "one", "context": {"cluster": "c", "user": "u"}},
                {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "prod"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        let namespace =
            async |context| live::connect(Some(&path), context).await.map(|c| c.namespace);
        assert_eq!(namespace(None).await.unwrap(), "default");
        assert_eq!(namespace(Some("two")).await.unwrap(), "prod");
        // Nobody listens on port 1. That may change, so waiting would go on.
        let connection = live::connect(Some(&path), None).await.unwrap();
        let error = live::list_pods(&connection.client, "hpcc", "cluster.local").await.unwrap_err();
        assert!(error.is_temporary(), "{error:?}");
        let error = namespace(Some("three")).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to use the kubeconfig");
        let error =
            live::connect(Some(&folder.path().join("absent")), None).await.map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "failed to use the kubeconfig");
    });
}
