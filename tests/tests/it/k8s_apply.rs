//! `k8s-apply`, as its users run it, on a real cluster: every test in a namespace of its own, through a proxy that
//! keeps account of all calls.

mod care;
mod conflicts;
mod delete;
mod diff;
mod immutable;
mod input;
mod kubectl;
mod order;
mod prune;
mod rights;
mod set;
mod wait;
mod why;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::cluster::{Cluster, Namespace, cluster};
use tests::proxy::{Log, Proxy};
use tests::{k8s_apply_in, skipped};

/// Longer than anything takes that comes to an end.
const LONG: Duration = Duration::from_mins(1);

/// How a run ended, what it said, and what it asked the server.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
    log: Log,
}

impl Ran {
    /// The standard output as JSON.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// Whether this is somewhere in what it said.
    fn says(&self, text: &str) -> bool {
        self.out.contains(text) || self.err.contains(text)
    }

    /// The paths of what it wrote, in that order.
    fn written(&self) -> Vec<&str> {
        self.log.writes().iter().map(|call| call.path.as_str()).collect()
    }
}

/// A namespace of the cluster, a folder for files, and a proxy between the program and the cluster.
struct Bed {
    cluster: &'static Cluster,
    namespace: Namespace,
    folder: tempfile::TempDir,
    proxy: Proxy,
}

impl Bed {
    /// None: there is no cluster, which was said.
    fn new() -> Option<Self> {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("k8s_apply");
        let found = cluster().and_then(|cluster| cluster.busybox().map(|_| cluster));
        let cluster = match found {
            Ok(cluster) => cluster,
            Err(reason) => {
                skipped(test, reason);
                return None;
            }
        };
        let namespace = cluster.namespace("apply");
        let proxy = Proxy::start(cluster.kubeconfig());
        Some(Self { cluster, namespace, folder: tempfile::tempdir().unwrap(), proxy })
    }

    /// The namespace's name.
    fn name(&self) -> &str {
        self.namespace.name()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes manifests into a file. `NS` becomes the namespace's name.
    fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("NS", self.name())).unwrap();
    }

    /// The program with these arguments, for this namespace.
    fn command(&self, args: &[&str]) -> Command {
        let kubeconfig = self.proxy.kubeconfig();
        let first = ["--namespace", self.name(), "--kubeconfig", kubeconfig.to_str().unwrap()];
        k8s_apply_in(self.path(), &[&first, args].concat())
    }

    /// Runs the program.
    fn run(&self, args: &[&str]) -> Ran {
        self.fed(args, "")
    }

    /// Runs it with this on its standard input.
    fn fed(&self, args: &[&str], input: &str) -> Ran {
        self.proxy.reset();
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.replace("NS", self.name()).as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        Ran { code: output.status.code(), out, err, log: self.proxy.log() }
    }

    /// Runs it and expects this exit code.
    fn ends(&self, code: i32, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    /// Runs it and expects it to be done.
    fn done(&self, args: &[&str]) -> Ran {
        self.ends(0, args)
    }

    /// Runs it and expects that it cannot use what it is given, and writes nothing.
    fn refused(&self, args: &[&str]) -> Ran {
        let ran = self.ends(2, args);
        assert!(ran.log.writes().is_empty(), "{}", ran.log);
        ran
    }

    /// Something outside of the namespace, such as `crd/NAME`, that is to vanish with the test.
    fn vanishes(&self, what: &str) -> Vanishing {
        Vanishing { cluster: self.cluster, what: what.to_owned() }
    }

    /// What the cluster has in this namespace, as JSON; null if it is not there.
    fn get(&self, what: &str) -> Value {
        let text = self
            .namespace
            .done(&["get", what, "--ignore-not-found", "-o", "json", "--show-managed-fields"], "");
        if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    fn exists(&self, what: &str) -> bool {
        !self.get(what).is_null()
    }

    fn version(&self, what: &str) -> String {
        self.get(what)["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
    }

    /// Runs kubectl in this namespace. `NS` in its input becomes the namespace's name.
    fn kubectl(&self, args: &[&str], input: &str) -> String {
        self.namespace.done(args, &input.replace("NS", self.name()))
    }

    /// Waits until something is so.
    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < LONG, "it does not come to that: {what}");
            std::thread::yield_now();
        }
    }

    /// A text without what differs from run to run.
    fn plain(&self, text: &str) -> String {
        text.replace(self.name(), "NS").replace(&*self.path().to_string_lossy(), "FOLDER")
    }
}

/// Something outside of namespaces that is deleted when this is dropped.
struct Vanishing {
    cluster: &'static Cluster,
    what: String,
}

impl Drop for Vanishing {
    fn drop(&mut self) {
        // If it fails there is nobody to tell: the test has said what it had to say.
        let _ =
            self.cluster.kubectl(&["delete", &self.what, "--ignore-not-found", "--wait=false"], "");
    }
}

/// A ConfigMap with one value.
fn config_map(name: &str, value: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value}}}\n"
    )
}

/// A Deployment whose pods run this in a shell.
fn deployment(name: &str, shell: &str) -> String {
    let value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(shell)},
        },
    });
    format!("---\n{value}\n")
}

/// The definition of a kind whose resources have a size, and whatever these members say. Its group is that of a namespace.
fn definition(group: &str, members: &str) -> String {
    format!(
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{group}}}\n\
         spec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing}}\n  \
         versions:\n  - name: v1\n    served: true\n    storage: true\n    \
         schema: {{openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, properties: \
         {{size: {{type: integer}}{members}}}}}}}}}}}\n"
    )
}

/// A resource of that kind.
fn thing(group: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

/// What a pod is that runs this in a shell.
fn pod_spec(shell: &str) -> Value {
    json!({
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "c", "image": "docker.io/local/busybox:1", "imagePullPolicy": "Never",
            "command": ["sh", "-c", shell],
        }],
    })
}
