//! A place where cases run one after the other: a namespace, a definition, and a proxy of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tests::cluster::{Cluster, Namespace, cluster};
use tests::proxy::Proxy;
use tests::skipped;

use super::program::{Ended, LONG, Running};
use super::set::{Names, SET, list};
use super::state::{Server, State, comparables, difference, path, read};

/// More than any step takes: tests that go through all of them go as far as this.
pub(super) const MOST_CALLS: usize = 72;
/// The same for writes.
pub(super) const MOST_WRITES: usize = 22;

/// What is done with the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first version is applied.
    First,
    /// The second version is applied, with `--prune`.
    Second,
    /// The set is deleted.
    Delete,
}

impl Step {
    pub(super) const ALL: [Self; 3] = [Self::First, Self::Second, Self::Delete];
}

/// A lane. What it made in the cluster goes when it is dropped, without waiting for that.
pub(super) struct Lane {
    cluster: &'static Cluster,
    _namespace: Namespace,
    pub(super) names: Names,
    pub(super) proxy: Proxy,
    pub(super) server: Server,
    folder: TempDir,
    /// What belongs to others, with everything that the server says of it.
    foreign: State,
    /// What undisturbed runs make, after each step.
    expected: [State; 3],
    /// How many calls they take, and how many of these write.
    pub(super) calls: [(usize, usize); 3],
}

impl Lane {
    /// None: there is no cluster, which was said.
    pub(super) fn new(test: &str) -> Option<Self> {
        let cluster = match cluster() {
            Ok(cluster) => cluster,
            Err(reason) => {
                skipped(test, reason);
                return None;
            }
        };
        let namespace = cluster.namespace("faults");
        let names = Names::new(namespace.name());
        let folder = tempfile::tempdir().unwrap();
        let mut lane = Self {
            cluster,
            _namespace: namespace,
            names,
            proxy: Proxy::start(cluster.kubeconfig()),
            server: Server::new(cluster.kubeconfig()),
            folder,
            foreign: State::new(),
            expected: Default::default(),
            calls: Default::default(),
        };
        let sets = [lane.names.first(), lane.names.second()];
        // The definition comes with this, and stays.
        std::fs::write(lane.file("first"), list(&sets[0][..1])).unwrap();
        lane.succeeds(Step::First).unwrap();
        lane.succeeds(Step::Delete).unwrap();
        for (name, set) in ["first", "second"].into_iter().zip(&sets) {
            std::fs::write(lane.file(name), list(set)).unwrap();
        }
        for object in lane.names.foreign() {
            let path = path(&lane.names, object["kind"].as_str().unwrap());
            lane.server.create(&path, "someone-else", &object);
        }
        lane.foreign = lane.settled();
        let found = std::cell::RefCell::new(Vec::new());
        lane.cycle_and_idle(|lane, step| {
            lane.succeeds(step)?;
            let log = lane.proxy.log();
            let state = comparables(&lane.read(), &lane.foreign);
            found.borrow_mut().push((state, (log.calls().len(), log.writes().len())));
            Ok(())
        })
        .unwrap();
        for (at, (state, calls)) in found.into_inner().into_iter().enumerate() {
            assert!(calls.0 < MOST_CALLS && calls.1 < MOST_WRITES, "step {at}: {calls:?}");
            lane.expected[at] = state;
            lane.calls[at] = calls;
        }
        Some(lane)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.json"))
    }

    pub(super) fn read(&self) -> State {
        read(&self.server, &self.names)
    }

    /// What belongs to others, when controllers are done with it.
    fn settled(&self) -> State {
        let began = Instant::now();
        let mut before = State::new();
        loop {
            let mut now = self.read();
            now.remove("CustomResourceDefinition");
            let is_whole = ["ServiceAccount default", "ConfigMap kube-root-ca.crt"]
                .into_iter()
                .all(|name| now.contains_key(name))
                && now["Deployment foreign"]["status"]["observedGeneration"] == 1;
            if is_whole && now == before {
                return now;
            }
            assert!(began.elapsed() < LONG, "{now:#?}");
            before = now;
            std::thread::sleep(Duration::from_millis(400));
        }
    }

    /// Makes what a step finds: an object that `kubectl apply` had made, and a value of somebody else.
    fn prepare(&self, step: Step) {
        let path = path(&self.names, "ConfigMap");
        let name = match step {
            Step::First => "legacy",
            Step::Second => {
                let settings = format!("{path}/settings?fieldManager=meddler");
                self.server
                    .merge(&settings, r#"{"data": {"same": "not any more", "more": "yes"}}"#);
                "other-legacy"
            }
            Step::Delete => return,
        };
        self.server.create(&path, "kubectl-client-side-apply", &self.names.legacy(name));
    }

    /// All steps, each done by `run`. What it leaves is looked at.
    ///
    /// # Errors
    /// What is not as it should be.
    pub(super) fn cycle(
        &self,
        run: impl Fn(&Self, Step) -> Result<(), String>,
    ) -> Result<(), String> {
        for step in Step::ALL {
            self.prepare(step);
            self.proxy.reset();
            let done = run(self, step).and_then(|()| self.check(step));
            done.map_err(|fault| format!("{step:?}: {fault}"))?;
        }
        Ok(())
    }

    /// The same, and a further run of each step has to find nothing to do.
    ///
    /// # Errors
    /// What is not as it should be.
    pub(super) fn cycle_and_idle(
        &self,
        run: impl Fn(&Self, Step) -> Result<(), String>,
    ) -> Result<(), String> {
        self.cycle(|lane, step| {
            run(lane, step)?;
            if step == Step::Delete { Ok(()) } else { lane.is_idle(step) }
        })
    }

    fn is_idle(&self, step: Step) -> Result<(), String> {
        self.proxy.reset();
        self.succeeds(step)?;
        let log = self.proxy.log();
        if log.writes().is_empty() {
            return Ok(());
        }
        Err(format!("a further run writes:\n{log}"))
    }

    /// Starts a step.
    pub(super) fn start(&self, step: Step, more: &[&str]) -> Running {
        let file = self.file(if step == Step::First { "first" } else { "second" });
        let file = file.to_string_lossy();
        let mut arguments = vec!["--namespace", &self.names.namespace];
        match step {
            Step::First => arguments.extend(["apply", "--file", &file]),
            Step::Second => {
                arguments.extend(["apply", "--prune", "--file", &file]);
                arguments.extend(["--force-conflicts-from", "meddler"]);
                arguments.extend(["--recreate", "ConfigMap/frozen"]);
            }
            Step::Delete => arguments.extend(["delete", "--yes"]),
        }
        arguments.extend(["--set", SET]);
        arguments.extend(more);
        for (name, value) in [("--retry-for", "20s"), ("--timeout", "60s")] {
            if !more.contains(&name) {
                arguments.extend([name, value]);
            }
        }
        Running::start(self.folder.path(), &self.proxy.kubeconfig(), &arguments)
    }

    /// Does a step, to its end.
    pub(super) fn run(&self, step: Step, more: &[&str]) -> Ended {
        self.start(step, more).end(LONG)
    }

    /// A step that must go well.
    pub(super) fn succeeds(&self, step: Step) -> Result<(), String> {
        self.well(&self.run(step, &[]))
    }

    /// Whether a run went well.
    pub(super) fn well(&self, ended: &Ended) -> Result<(), String> {
        if ended.code == Some(0) {
            return Ok(());
        }
        let Ended { code, said, took } = ended;
        Err(format!("ended with {code:?} after {took:?}:\n{said}\n{}", self.proxy.log()))
    }

    /// Whether all is as it should be after a step.
    pub(super) fn check(&self, step: Step) -> Result<(), String> {
        let state = self.read();
        for (name, object) in &self.foreign {
            if state.get(name) != Some(object) {
                return Err(format!(
                    "{name} of somebody else: was\n{object:#}\nis\n{:#}\n{}",
                    state.get(name).unwrap_or(&Value::Null),
                    self.proxy.log()
                ));
            }
        }
        let expected = &self.expected[step as usize];
        if !expected.is_empty()
            && let Some(text) = difference(expected, &comparables(&state, &self.foreign))
        {
            return Err(format!("{text}\n{}", self.proxy.log()));
        }
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // If it fails there is nobody to tell.
        let definition = self.names.definition();
        let _ = self.cluster.kubectl(&["delete", "crd", &definition, "--wait=false"], "");
    }
}
