//! A live cluster, played on loopback: `GET /api/v1/namespaces/NS/pods` and nothing else.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::hpcc_envgen_in;

use super::pods::{list, of_ours, pending};
use super::{Ran, Scratch, ended};

/// Answers that are given one after the other; the last one again and again.
struct Api {
    url: String,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn start(answers: impl IntoIterator<Item = (u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            requests: Arc::default(),
        };
        let (answers, requests) = (Arc::clone(&api.answers), Arc::clone(&api.requests));
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, requests) = (Arc::clone(&answers), Arc::clone(&requests));
                std::thread::spawn(move || serve(&stream, &answers, &requests));
            }
        });
        api
    }

    /// A kubeconfig that leads here.
    fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "hpcc"}}],
        })
        .to_string()
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Answers the requests of one connection.
fn serve(
    stream: &TcpStream,
    answers: &Mutex<VecDeque<(u16, String)>>,
    requests: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        // What is asked for has no body: the headers end it.
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        requests.lock().unwrap().push(request);
        let mut waiting = answers.lock().unwrap();
        let answer = if waiting.len() > 1 { waiting.pop_front() } else { waiting.front().cloned() };
        drop(waiting);
        let (code, body) = answer.unwrap();
        let written = write!(
            &mut &*stream,
            "HTTP/1.1 {code} Whatever\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if written.is_err() {
            return;
        }
    }
}

fn pods(pods: &[Value]) -> (u16, String) {
    let mut value: Value = serde_json::from_str(&list(pods)).unwrap();
    value["kind"] = json!("PodList");
    (200, value.to_string())
}

fn failure(code: u16, reason: &str) -> (u16, String) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "message": format!("it is {reason}"), "reason": reason, "code": code});
    (code, status.to_string())
}

/// Generates from the cluster that the API plays.
fn generate(api: &Api, more: &[&str]) -> (Scratch, Ran) {
    let scratch = Scratch::new().with("kubeconfig", api.kubeconfig());
    let args = [&["--from-cluster", "--kubeconfig", "kubeconfig", "-env", "e.xml"], more].concat();
    let ran = scratch.run(&args);
    (scratch, ran)
}

#[test]
fn the_pods_of_one_namespace_are_asked_for_and_nothing_else() {
    let api = Api::start([pods(&of_ours())]);
    let (scratch, ran) = generate(&api, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let requests = api.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with("GET /api/v1/namespaces/hpcc/pods?"), "{requests:?}");

    let from_file = Scratch::new().with("pods.json", list(&of_ours()));
    from_file.done(&["--pods", "pods.json", "-env", "e.xml"]);
    assert_eq!(scratch.text("e.xml"), from_file.text("e.xml"));

    // Another namespace than that of the context.
    let (_, ran) = generate(&api, &["-n", "prod"]);
    assert!(api.requests()[1].starts_with("GET /api/v1/namespaces/prod/pods?"), "{ran:?}");
}

#[test]
fn the_kubeconfig_of_the_surroundings_is_used() {
    let api = Api::start([pods(&of_ours())]);
    let scratch = Scratch::new().with("kubeconfig", api.kubeconfig());
    let mut command = hpcc_envgen_in(scratch.path(), &["--from-cluster", "-env", "e.xml"]);
    let ran = ended(command.env("KUBECONFIG", scratch.path().join("kubeconfig")));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(scratch.names().contains("e.xml"));
}

#[test]
fn waiting_ends_when_the_last_pod_is_ready() {
    let mut early = of_ours();
    early[2] = pending(early[2].clone());
    let api = Api::start([pods(&early), failure(503, "ServiceUnavailable"), pods(&of_ours())]);
    let (scratch, ran) = generate(&api, &["--wait", "--timeout", "60"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("waiting: pod c (thor-slave/fast) does not run yet"), "{ran:?}");
    assert_eq!(api.requests().len(), 3);
    let document = envxml::Document::parse(&scratch.text("e.xml")).unwrap();
    assert_eq!(super::placed(&document)["fast"].len(), 2);
}

#[test]
fn waiting_gives_up_in_time_and_says_what_was_missing() {
    let mut early = of_ours();
    early[2] = pending(early[2].clone());
    let api = Api::start([pods(&early)]);
    let begin = Instant::now();
    let (scratch, ran) = generate(&api, &["--wait", "--timeout", "3"]);
    assert!(begin.elapsed() < Duration::from_mins(1));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("pod c (thor-slave/fast) does not run yet"), "{ran:?}");
    assert!(ran.err.contains("not complete after 3 s"), "{ran:?}");
    assert!(!scratch.names().contains("e.xml"));
}

#[test]
fn without_waiting_an_incomplete_set_is_refused() {
    let mut early = of_ours();
    early[2] = pending(early[2].clone());
    let api = Api::start([pods(&early)]);
    let (scratch, ran) = generate(&api, &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("missing: pod c") && ran.err.contains("--wait"), "{ran:?}");
    assert!(!scratch.names().contains("e.xml"));
}

#[test]
fn an_account_that_may_not_list_pods_is_told_what_it_lacks() {
    let api = Api::start([failure(403, "Forbidden")]);
    for more in [&[][..], &["--wait"][..]] {
        let (scratch, ran) = generate(&api, more);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.err.contains("this account may not list the pods of namespace hpcc"),
            "{ran:?}"
        );
        assert!(ran.err.contains("--print-rbac"), "{ran:?}");
        assert!(!scratch.names().contains("e.xml"));
    }
}

#[test]
fn a_cluster_that_cannot_be_found_or_reached_is_a_failure() {
    let scratch = Scratch::new();
    let ran = scratch.run(&["--from-cluster", "-env", "e.xml"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("failed to find out how to reach the cluster"), "{ran:?}");

    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone =
        Api { url: format!("http://{port}"), answers: Arc::default(), requests: Arc::default() };
    let (_, ran) = generate(&gone, &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("failed to list the pods of namespace hpcc"), "{ran:?}");
}

#[test]
fn the_rights_that_are_printed_are_those_that_are_used() {
    let ran = Scratch::new().done(&["--print-rbac", "-n", "hpcc"]);
    assert!(ran.out.contains("kind: Role\n") && !ran.out.contains("ClusterRole"), "{ran:?}");
    assert!(ran.out.contains("resources: [pods]\n    verbs: [list]\n"), "{ran:?}");
    assert_eq!(ran.out.matches("verbs:").count(), 1);
    assert_eq!(ran.out.matches("namespace: hpcc").count(), 4);
    let bad = Scratch::new().run(&["--print-rbac", "-n", "Not A Name"]);
    assert_eq!((bad.code, bad.out.as_str()), (Some(2), ""), "{bad:?}");
}
