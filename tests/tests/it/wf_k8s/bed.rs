//! A namespace with the level "restricted" of Pod Security, a folder, and the program.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::cluster::{Cluster, Namespace, cluster};
use tests::{images, output_of, skipped, wf_run_on_cluster_in};

use super::LONG;
use super::flow::Flow;

/// Who pods run as.
const USER: u32 = 1000;

/// How a run is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Pool,
    /// One Job for each task. The pods connect, because files go over the connection.
    Job,
    /// One Job for each task, and nothing else: for a claim.
    Alone,
    Clustered,
    /// A pool through a relay.
    Relay,
    /// One Job for each task, beside a relay.
    RelayJob,
}

impl Way {
    fn args(self, reach: &str) -> Vec<String> {
        let (mode, reach) = match self {
            Self::Pool => ("pool", reach),
            Self::Job => ("job", reach),
            Self::Alone => ("job", "none"),
            Self::Clustered => ("clustered:3", reach),
            Self::Relay => ("pool", "relay"),
            Self::RelayJob => ("job", "relay"),
        };
        ["--mode", mode, "--reach", reach].map(str::to_owned).to_vec()
    }
}

pub(super) struct Bed {
    pub(super) cluster: &'static Cluster,
    pub(super) namespace: Namespace,
    folder: TempDir,
    /// The work directory is a claim's.
    has_claim: bool,
    volume: Option<String>,
    /// Where workers connect to: the same for a run that goes on.
    reach: String,
    worker: &'static str,
    pub(super) image: String,
    pub(super) kubeconfig: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// None: a signal ended it, or it took too long.
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
    pub(super) took: Duration,
}

impl Ran {
    /// The summary.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no summary: {self}"))
    }

    /// Expects that all went well.
    pub(super) fn well(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self}");
        self.json()
    }

    /// Why a task failed, with the number of its last attempt.
    pub(super) fn failure(&self, task: &str) -> (u64, String) {
        let summary = self.json();
        let failed = summary["failed"].as_array().unwrap();
        let found = failed
            .iter()
            .find(|failed| failed["task"].as_str().unwrap().split('#').next() == Some(task));
        let Some(found) = found else { panic!("{task} did not fail: {self}") };
        (found["attempt"].as_u64().unwrap(), found["reason"].as_str().unwrap().to_owned())
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} after {:?}\n{}\n{}", self.code, self.took, self.out, self.err)
    }
}

/// A run that has begun. One that is dropped is killed.
pub(super) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    began: Instant,
}

impl Running {
    fn start(mut command: Command, dir: &Path) -> Self {
        let (out, err) = (dir.join(".out"), dir.join(".err"));
        let child = command
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Self { child, out, err, began: Instant::now() }
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(super) fn end(self) -> Ran {
        self.end_within(LONG)
    }

    /// Waits until it ends. One that does not is killed.
    pub(super) fn end_within(mut self, limit: Duration) -> Ran {
        while !self.has_ended() && self.began.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(10));
        }
        let took = self.began.elapsed();
        self.kill_now();
        let code = self.child.wait().unwrap().code();
        let text = |path: &Path| fs::read_to_string(path).unwrap();
        Ran { code, out: text(&self.out), err: text(&self.err), took }
    }

    fn kill_now(&mut self) {
        if !self.has_ended() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }

    /// Ends it by SIGKILL.
    pub(super) fn kill(mut self) {
        self.kill_now();
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_now();
    }
}

impl Bed {
    /// Pods and engine share no files. None: it cannot be had, which was said.
    pub(super) fn new(test: &str) -> Option<Self> {
        Self::with(test, false)
    }

    /// The folder is a claim's.
    pub(super) fn with_claim(test: &str) -> Option<Self> {
        Self::with(test, true)
    }

    fn with(test: &str, has_claim: bool) -> Option<Self> {
        let had = || -> Result<_, &'static str> {
            let cluster = cluster()?;
            Ok((cluster, cluster.host()?, cluster.busybox()?, images::worker(cluster)?))
        };
        let (cluster, host, busybox, worker) = match had() {
            Ok(had) => had,
            Err(reason) => {
                skipped(test, reason);
                return None;
            }
        };
        // The node's /tmp is its own, and the rest of the file system is the machine's.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        chown(folder.path(), Some(USER), Some(USER)).unwrap();
        let namespace = cluster.namespace("wf");
        let port = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port();
        let mut bed = Self {
            cluster,
            namespace,
            folder,
            has_claim,
            volume: None,
            reach: format!("{host}:{port}"),
            worker,
            image: busybox.to_owned(),
            kubeconfig: cluster.kubeconfig().to_owned(),
        };
        let name = bed.namespace.name().to_owned();
        let level = "pod-security.kubernetes.io/enforce=restricted";
        cluster.done(&["label", "namespace", &name, level], "");
        if has_claim {
            bed.make_claim(&name);
        }
        // Without it the first pods are refused, and made again much later.
        bed.until("the account of pods", || {
            !bed.kubectl(&["get", "serviceaccount", "--output=name"]).is_empty()
        });
        Some(bed)
    }

    fn make_claim(&mut self, name: &str) {
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": name, "name": "data"},
                "hostPath": {"path": self.dir(), "type": "Directory"},
            },
        });
        self.cluster.done(&["create", "-f", "-"], &volume.to_string());
        self.volume = Some(name.to_owned());
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "",
                "volumeName": name,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        });
        self.namespace.done(&["create", "-f", "-"], &claim.to_string());
        self.until("the volume of the claim", || {
            self.kubectl(&[
                "get",
                "persistentvolumeclaim",
                "data",
                "--output=jsonpath={.status.phase}",
            ]) == "Bound"
        });
    }

    pub(super) fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn kubectl(&self, args: &[&str]) -> String {
        self.namespace.done(args, "")
    }

    /// Waits until it is so.
    pub(super) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{what} did not come:\n{}\n{}\n{}",
                self.read(".err"),
                self.kubectl(&["get", "jobs,pods", "--output=wide"]),
                self.kubectl(&[
                    "get",
                    "events",
                    "--output=custom-columns=O:.involvedObject.name,M:.message"
                ])
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.dir().join(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap_or_default()
    }

    /// What is given last counts.
    fn arguments(&self, way: Way, more: &[&str]) -> Vec<String> {
        let usual = [
            ("--executor", "k8s"),
            ("--kubeconfig", self.kubeconfig.to_str().unwrap()),
            ("--namespace", self.namespace.name()),
            ("--worker-image", self.worker),
            ("--image", &self.image),
            ("--image-pull-policy", "Never"),
            ("--run-as", "1000:1000"),
            ("--progress", "none"),
            ("--output", "json"),
            ("--retry-delay", "0.1"),
            ("--grace", "2"),
            ("--max-pods", "6"),
            ("--claim", "data"),
        ];
        let mut args = Vec::new();
        for (option, value) in usual {
            if !more.contains(&option) && (option != "--claim" || self.has_claim) {
                args.extend([option.to_owned(), value.to_owned()]);
            }
        }
        args.extend(way.args(&self.reach));
        args.extend(more.iter().map(|&arg| arg.to_owned()));
        args
    }

    /// Starts the program on the workflow, which is `w.json`.
    pub(super) fn start(&self, way: Way, more: &[&str]) -> Running {
        self.begin(&["run", "w.json"], way, more)
    }

    /// Goes on with the newest run.
    pub(super) fn start_again(&self, way: Way, more: &[&str]) -> Running {
        self.begin(&["resume"], way, more)
    }

    fn begin(&self, what: &[&str], way: Way, more: &[&str]) -> Running {
        let args = self.arguments(way, more);
        let args: Vec<&str> = what.iter().copied().chain(args.iter().map(String::as_str)).collect();
        Running::start(wf_run_on_cluster_in(self.dir(), &args), self.dir())
    }

    /// Runs a workflow to its end.
    pub(super) fn run(&self, flow: &Flow, way: Way, more: &[&str]) -> Ran {
        self.write("w.json", &flow.text());
        self.start(way, more).end()
    }

    pub(super) fn resume(&self, way: Way, more: &[&str]) -> Ran {
        self.start_again(way, more).end()
    }

    /// What a run left in the namespace.
    pub(super) fn left(&self) -> Vec<String> {
        let kinds = "jobs,pods,secrets,services,configmaps";
        let said = self.kubectl(&["get", kinds, "--selector=windlass.dev/run", "--output=name"]);
        said.lines().map(str::to_owned).collect()
    }

    /// Expects that a run left nothing. Pods that have ended may take a moment to go.
    pub(super) fn nothing_is_left(&self) {
        self.nothing_is_left_but(&[]);
    }

    pub(super) fn nothing_is_left_but(&self, others: &[String]) {
        let began = Instant::now();
        loop {
            let left: Vec<String> =
                self.left().into_iter().filter(|name| !others.contains(name)).collect();
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "left over: {left:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Names of the pods that run tasks and have not ended.
    pub(super) fn pods(&self) -> Vec<String> {
        let said = self.kubectl(&[
            "get",
            "pods",
            "--selector=windlass.dev/role in (task, group, pool)",
            "--field-selector=status.phase=Running",
            "--output=name",
        ]);
        said.lines().map(str::to_owned).collect()
    }

    /// What a task wrote, as the program tells it.
    pub(super) fn logs(&self, task: &str) -> String {
        let output = output_of(self.dir(), &["logs", task]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The files that a run made, without what it keeps for itself.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.dir())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(volume) = &self.volume {
            // If it fails there is nobody to tell.
            let _ =
                self.cluster.kubectl(&["delete", "persistentvolume", volume, "--wait=false"], "");
        }
    }
}

/// All files below a folder but those whose names begin with a dot, and the workflow.
pub(super) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn look(root: &Path, dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if name.starts_with('.') || name == "w.json" {
                continue;
            }
            if path.is_dir() {
                look(root, &path, found);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    look(dir, dir, &mut found);
    found
}
