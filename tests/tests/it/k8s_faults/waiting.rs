//! Watches that break: what becomes ready meanwhile is noticed all the same, soon, and with one watch for each kind.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::cluster::{Namespace, cluster};
use tests::proxy::{Fault, Log, Proxy, Rule};
use tests::skipped;

use super::in_places;
use super::program::{LONG, Running};
use super::state::Server;

/// What happens to lists and watches, and how soon it is to be over.
type Case = (&'static str, fn(&Proxy), u64);

const CASES: [Case; 14] = [
    ("nothing", |_| {}, 3),
    ("a watch that is gone at once", |proxy| watch(proxy, Fault::watch_gone(0), 1), 4),
    ("watches that are gone three times", |proxy| watch(proxy, Fault::watch_gone(0), 3), 6),
    ("410 instead of a watch", |proxy| watch(proxy, Fault::gone(), 2), 5),
    ("429 instead of a watch", |proxy| watch(proxy, Fault::too_many_requests(2), 1), 6),
    ("500 instead of a watch", |proxy| watch(proxy, Fault::webhook_failed("hook"), 3), 6),
    ("503 of something else", |proxy| watch(proxy, Fault::plain(503, "no backend"), 2), 5),
    ("a watch that is cut at once", |proxy| watch(proxy, Fault::watch_cut(0), 4), 6),
    ("a watch that is cut in an event", |proxy| watch(proxy, Fault::cut_body(100), 1), 4),
    ("watches that are refused a connection", |proxy| watch(proxy, Fault::cut(), 3), 6),
    ("a watch without an answer", |proxy| watch(proxy, Fault::stall(), 1), 6),
    ("a list without an answer", |proxy| list(proxy, Fault::stall(), 1), 6),
    ("lists that fail", |proxy| list(proxy, Fault::plain(502, "bad gateway"), 3), 6),
    ("a watch that falls silent", |proxy| watch(proxy, Fault::watch_silent(0), 1), 40),
];

fn watch(proxy: &Proxy, fault: Fault, times: usize) {
    proxy.fault(Rule::new(fault).watches().path("/services").times(times));
}

fn list(proxy: &Proxy, fault: Fault, times: usize) {
    proxy.fault(
        Rule::new(fault).method("GET").path("/services").with_query("fieldSelector").times(times),
    );
}

/// A namespace with a service that has no address until the test gives it one.
pub(super) struct Place {
    namespace: Namespace,
    pub(super) proxy: Proxy,
    server: Server,
    folder: tempfile::TempDir,
}

impl Place {
    pub(super) fn new(test: &str) -> Option<Self> {
        let cluster = match cluster() {
            Ok(cluster) => cluster,
            Err(reason) => {
                skipped(test, reason);
                return None;
            }
        };
        Some(Self {
            namespace: cluster.namespace("faults-wait"),
            proxy: Proxy::start(cluster.kubeconfig()),
            server: Server::new(cluster.kubeconfig()),
            folder: tempfile::tempdir().unwrap(),
        })
    }

    /// A name that no object has yet.
    pub(super) fn name() -> String {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        format!("late-{}", MADE.fetch_add(1, Ordering::Relaxed))
    }

    /// Applies such a service.
    pub(super) fn start(&self, name: &str, more: &[&str]) -> Running {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
        });
        let file = self.folder.path().join(format!("{name}.json"));
        std::fs::write(&file, service.to_string()).unwrap();
        let file = file.to_string_lossy();
        let arguments = ["--namespace", self.namespace.name(), "apply", "--file", &file];
        let folder = self.folder.path();
        Running::start(folder, &self.proxy.kubeconfig(), &[&arguments[..], more].concat())
    }

    /// Applies what comes from its standard input, where nothing comes.
    pub(super) fn piped(&self) -> Running {
        let arguments = ["--namespace", self.namespace.name(), "apply", "--file", "-"];
        let (folder, kubeconfig) = (self.folder.path(), self.proxy.kubeconfig());
        Running::start_with(folder, &kubeconfig, &arguments, Stdio::piped())
    }

    /// Gives it an address.
    pub(super) fn address(&self, name: &str) {
        let path = format!("/api/v1/namespaces/{}/services/{name}/status", self.namespace.name());
        let address = r#"{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}"#;
        self.server.merge(&path, address);
    }

    /// Waits until the log is so.
    pub(super) fn until(&self, is_so: impl Fn(&Log) -> bool) {
        assert!(self.proxy.wait_until(LONG, is_so), "{}", self.proxy.log());
    }
}

#[test]
fn what_becomes_ready_is_noticed_however_its_watch_breaks() {
    let test = "k8s-apply and watches that break";
    in_places(
        test,
        3,
        CASES.len(),
        || Place::new(test),
        |place, number| {
            // The longest one first.
            let (words, disturb, seconds) = CASES[CASES.len() - number];
            place.proxy.reset();
            disturb(&place.proxy);
            let name = Place::name();
            let running = place.start(&name, &["--request-timeout", "1s", "--timeout", "60s"]);
            place.until(|log| {
                let mut calls = log.calls().iter().rev();
                calls.any(|call| call.parameter("fieldSelector").is_some())
            });
            // Whatever goes wrong has begun, and what is waited for happens in the midst of it.
            std::thread::sleep(Duration::from_millis(300));
            place.address(&name);
            let began = Instant::now();
            let ended = running.end(LONG);
            let log = place.proxy.log();
            let told = |what: &str| Err(format!("{words}: {what}\n{}\n{log}", ended.said));
            if ended.code != Some(0) {
                return told("it failed");
            }
            if began.elapsed() > Duration::from_secs(seconds) {
                return told("it took too long");
            }
            let path = format!("/api/v1/namespaces/{}/services", place.namespace.name());
            if log.most_watches_at_once(&path) > 1
                || log.watches().iter().any(|one| one.path != path)
            {
                return told("there are several watches");
            }
            Ok(())
        },
    );
}

#[test]
fn a_list_whose_pages_are_too_old_is_read_anew() {
    let test = "k8s-apply and pages that are too old";
    let Some(place) = Place::new(test) else { return };
    let path = format!("/api/v1/namespaces/{}/configmaps", place.namespace.name());
    let object =
        |name: String| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    // A page has 500. So many of a kind are listed, and they are on the second page.
    for number in 0..510 {
        place.server.create(&path, "someone-else", &object(format!("foreign-{number}")));
    }
    let ours: Vec<Value> = (0..6).map(|number| object(format!("ours-{number}"))).collect();
    let file = place.folder.path().join("ours.json");
    std::fs::write(&file, super::set::list(&ours)).unwrap();
    let run = || {
        let file = file.to_string_lossy();
        let arguments = ["--namespace", place.namespace.name(), "apply", "--file", &file];
        Running::start(place.folder.path(), &place.proxy.kubeconfig(), &arguments).end(LONG)
    };
    let first = run();
    assert_eq!(first.code, Some(0), "{first:?}");
    place.proxy.reset();
    place.proxy.fault(Rule::new(Fault::gone()).with_query("continue").times(2));
    let again = run();
    let log = place.proxy.log();
    assert_eq!(again.code, Some(0), "{again:?}\n{log}");
    assert_eq!((log.faults().len(), log.writes().len()), (2, 0), "{log}");
    // Where it stays like that it is said.
    place.proxy.reset();
    place.proxy.fault(Rule::new(Fault::gone()).with_query("continue"));
    let never = run();
    assert_eq!(never.code, Some(1), "{never:?}\n{}", place.proxy.log());
}
