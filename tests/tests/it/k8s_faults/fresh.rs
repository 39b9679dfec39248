//! A set that brings its namespace and its definition along, on a cluster that has neither: it too is made whole by the next
//! run, wherever the first one was cut, and by the same run where one call fails.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::cluster::cluster;
use tests::proxy::{Fault, Proxy, Rule};
use tests::skipped;

use super::every_call::fail;
use super::in_places;
use super::kills::kill;
use super::program::{Ended, LONG, Running};
use super::set::{Names, list};
use super::state::{Server, State, comparables, difference, read};

/// More calls than such a run makes.
const CALLS: usize = 54;

/// Where such sets are made, one after the other.
struct Place {
    proxy: Proxy,
    server: Server,
    folder: tempfile::TempDir,
    /// What an undisturbed run makes.
    expected: RefCell<State>,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        let cluster = match cluster() {
            Ok(cluster) => cluster,
            Err(reason) => {
                skipped(test, reason);
                return None;
            }
        };
        let place = Self {
            proxy: Proxy::start(cluster.kubeconfig()),
            server: Server::new(cluster.kubeconfig()),
            folder: tempfile::tempdir().unwrap(),
            expected: RefCell::default(),
        };
        let has_run = |proxy: &Proxy, start: &dyn Fn(&[&str]) -> Running| {
            let ended = start(&[]).end(LONG);
            let log = proxy.log();
            assert!(ended.code == Some(0) && log.calls().len() < CALLS, "{}\n{log}", ended.said);
            Ok(())
        };
        place.case(has_run).unwrap();
        Some(place)
    }

    /// Makes a new set, as `disturb` does it, and looks at it.
    fn case(
        &self,
        disturb: impl Fn(&Proxy, &dyn Fn(&[&str]) -> Running) -> Result<(), String>,
    ) -> Result<(), String> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let fresh = Fresh { place: self, names: names(number) };
        let file = self.folder.path().join("set.json");
        std::fs::write(&file, list(&set(&fresh.names))).unwrap();
        let start = |more: &[&str]| {
            let file = file.to_string_lossy();
            let arguments = ["apply", "--namespace", &fresh.names.namespace, "--file", &file];
            let set = ["--set", "configmap/home", "--retry-for", "20s", "--timeout", "60s"];
            let arguments = [&arguments[..], &set, more].concat();
            Running::start(self.folder.path(), &self.proxy.kubeconfig(), &arguments)
        };
        self.proxy.reset();
        disturb(&self.proxy, &start)?;
        let first = self.proxy.log();
        self.proxy.reset();
        let said = |what: &str, Ended { code, said, took }: Ended| {
            let log = self.proxy.log();
            format!("{what}: {code:?} after {took:?}:\n{said}\n{log}\nbefore:\n{first}")
        };
        let ended = start(&[]).end(LONG);
        if ended.code != Some(0) {
            return Err(said("the next run failed", ended));
        }
        let state = fresh.state();
        if self.expected.borrow().is_empty() {
            *self.expected.borrow_mut() = state;
        } else if let Some(text) = difference(&self.expected.borrow(), &state) {
            return Err(said(&text, ended));
        }
        self.proxy.reset();
        let ended = start(&[]).end(LONG);
        if ended.code != Some(0) || !self.proxy.log().writes().is_empty() {
            return Err(said("a further run is not idle", ended));
        }
        Ok(())
    }
}

/// A set with a namespace of its own. Both go when this is dropped, without waiting for that.
struct Fresh<'a> {
    place: &'a Place,
    names: Names,
}

impl Fresh<'_> {
    fn namespace(&self) -> String {
        format!("/api/v1/namespaces/{}", self.names.namespace)
    }

    /// Everything of the set, with the same names whatever the namespace is called.
    fn state(&self) -> State {
        let mut state = read(&self.place.server, &self.names);
        state.remove("ServiceAccount default");
        state.remove("ConfigMap kube-root-ca.crt");
        state.insert("Namespace".into(), self.place.server.get(&self.namespace()).unwrap());
        let id = state["ConfigMap home"]["metadata"]["labels"]["applyset.kubernetes.io/id"].clone();
        let id = id.as_str().unwrap().to_owned();
        let mut state = comparables(&state, &State::new());
        for object in state.values_mut() {
            let text = object.to_string().replace(&self.names.namespace, "NAMESPACE");
            *object = serde_json::from_str(&text.replace(&id, "ID")).unwrap();
            for revision in
                object["binaryData"]["history.json.gz"].as_array_mut().into_iter().flatten()
            {
                for entry in revision["objects"].as_array_mut().into_iter().flatten() {
                    entry["digest"] = json!("of a manifest with the name of the namespace");
                }
            }
        }
        state
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        self.place.server.delete(&format!("{definitions}/{}", self.names.definition()));
        self.place.server.delete(&self.namespace());
    }
}

fn names(number: usize) -> Names {
    Names::new(&format!("faults-fresh-{}-{number}", std::process::id()))
}

fn set(names: &Names) -> Vec<Value> {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names.namespace},
    });
    let deployment = names.deployment("web", "1", 0);
    let widget = names.widget("one", 1);
    vec![namespace, names.widgets(false), names.config_map("settings", "1"), deployment, widget]
}

#[test]
fn a_set_with_its_own_namespace_and_kinds_survives_one_failed_call_whichever_it_is() {
    let test = "k8s-apply with a new namespace, and one failed call";
    let new = || Place::new(test);
    in_places(test, 4, CALLS, new, |place, number| {
        place.case(|proxy, start| {
            fail(proxy, number, number, 7);
            let ended = start(&["--request-timeout", "1s"]).end(LONG);
            match ended.code {
                Some(0) => Ok(()),
                code => Err(format!("{code:?}: {}\n{}", ended.said, proxy.log())),
            }
        })
    });
}

#[test]
fn a_set_with_its_own_namespace_and_kinds_is_finished_after_a_kill_at_any_call() {
    let test = "k8s-apply with a new namespace, killed at each call";
    let new = || Place::new(test);
    in_places(test, 4, 2 * CALLS, new, |place, number| {
        let stop = Fault::stop();
        let stop = if number % 2 == 0 { stop.after_forwarding() } else { stop };
        let stop = Rule::new(stop).nth(number.div_ceil(2));
        place.case(|proxy, start| kill(proxy, stop.clone(), || start(&[])).map(drop))
    });
}
