//! The row of `k8s-apply`: 500 objects into a real cluster, beside `kubectl apply --server-side`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::Outcome;
use crate::bars::Bar;
use crate::contest::{Contestant, hold};
use crate::settings::Settings;

/// How many objects.
const OBJECTS: u32 = 500;

/// First and unchanged second application of a set, each by both programs. Every first one goes into a new namespace.
pub(super) fn apply(settings: &Settings) -> anyhow::Result<Outcome> {
    let folder = settings.fresh_folder("apply")?;
    let objects = settings.count(OBJECTS);
    let manifests = folder.join("manifests.yaml");
    fs::write(&manifests, set(objects)).context("failed to write the manifests")?;
    let cluster = Cluster { settings, manifests, next: Cell::new(0) };
    // What the second applications find.
    let (by_kubectl, by_us) = (cluster.namespace()?, cluster.namespace()?);
    done(cluster.kubectl(&by_kubectl))?;
    done(cluster.k8s_apply(&by_us))?;
    let contestants = [
        Contestant::new("kubectl, first", objects, || Ok(cluster.kubectl(&cluster.namespace()?))),
        Contestant::new("k8s-apply, first", objects, || {
            Ok(cluster.k8s_apply(&cluster.namespace()?))
        }),
        Contestant::new("kubectl, again", objects, || Ok(cluster.kubectl(&by_kubectl))),
        Contestant::new("k8s-apply, again", objects, || Ok(cluster.k8s_apply(&by_us))),
    ];
    let standings = hold("apply", &contestants, settings);
    cluster.clean_up();
    let standings = standings?;
    let first = standings.speed_ratio("k8s-apply, first", "kubectl, first");
    let again = standings.speed_ratio("k8s-apply, again", "kubectl, again");
    Ok(Outcome {
        title: format!("{objects} objects into a cluster: kubectl apply --server-side and k8s-apply"),
        standings,
        bars: vec![
            Bar::at_least("first application, times as fast", first, 2.0, "x"),
            Bar::at_least("unchanged second one, times as fast", again, 5.0, "x"),
        ],
        notes: vec![
            "a task is an object; the CPU time is the client's, the server's is not in it".to_owned(),
            "k8s-apply tries every object by a dry run before it writes the first; neither waits for readiness".to_owned(),
        ],
    })
}

/// The cluster that both write into.
struct Cluster<'a> {
    settings: &'a Settings,
    manifests: PathBuf,
    next: Cell<u32>,
}

impl Cluster<'_> {
    /// A new namespace.
    fn namespace(&self) -> anyhow::Result<String> {
        self.next.set(self.next.get() + 1);
        let name = format!("bench-{}-{}", std::process::id(), self.next.get());
        let mut command = Command::new(&self.settings.kubectl);
        command.args(["create", "namespace", &name]);
        done(command)?;
        // The service account of a new namespace comes a moment later, made by a controller.
        let mut command = Command::new(&self.settings.kubectl);
        command.args([
            "wait",
            "--for=create",
            "serviceaccount/default",
            "--timeout=30s",
            "-n",
            &name,
        ]);
        done(command)?;
        Ok(name)
    }

    fn kubectl(&self, namespace: &str) -> Command {
        let mut command = Command::new(&self.settings.kubectl);
        command.args(["apply", "--server-side", "-n", namespace, "-f"]).arg(&self.manifests);
        command
    }

    fn k8s_apply(&self, namespace: &str) -> Command {
        let mut command = Command::new(&self.settings.k8s_apply);
        command.args(["apply", "--no-wait", "-n", namespace, "-f"]).arg(&self.manifests);
        command
    }

    /// Has the namespaces deleted; nobody waits for that.
    fn clean_up(&self) {
        for number in 1..=self.next.get() {
            let name = format!("bench-{}-{number}", std::process::id());
            let mut command = Command::new(&self.settings.kubectl);
            command.args(["delete", "namespace", &name, "--wait=false"]);
            // What stays is seen in the cluster.
            let _ = done(command);
        }
    }
}

/// Runs a command that must go well.
fn done(mut command: Command) -> anyhow::Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command.output().with_context(|| format!("failed to start {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{program}: {said}");
    Ok(())
}

/// A set of the kinds that sets have: mostly configuration, some services, a few workloads without replicas.
fn set(objects: u32) -> String {
    let mut text = String::new();
    for number in 0..objects {
        let labels =
            format!("{{app.kubernetes.io/name: app{number}, app.kubernetes.io/part-of: bench}}");
        let head = |api: &str, kind: &str| {
            format!(
                "---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: app{number}, labels: {labels}}}\n"
            )
        };
        let object = match number % 10 {
            0..=4 => {
                let data = "data:\n  mode: fast\n  settings.conf: |\n    level = 3\n    threads = 4\n    path = /var/lib/app\n";
                head("v1", "ConfigMap") + data
            }
            5 => head("v1", "Secret") + "stringData: {token: not-a-real-one}\n",
            6 => head("v1", "ServiceAccount"),
            7 => {
                let spec = format!(
                    "spec:\n  clusterIP: None\n  selector: {{app: app{number}}}\n  ports: [{{name: http, port: 80, targetPort: 8080}}]\n"
                );
                head("v1", "Service") + &spec
            }
            8 => {
                let rules =
                    "rules:\n- {apiGroups: [\"\"], resources: [configmaps], verbs: [get, list]}\n";
                head("rbac.authorization.k8s.io/v1", "Role") + rules
            }
            _ => head("apps/v1", "Deployment") + &deployment(number),
        };
        let _ = write!(text, "{object}");
    }
    text
}

fn deployment(number: u32) -> String {
    format!(
        "spec:\n  replicas: 0\n  selector: {{matchLabels: {{app: app{number}}}}}\n  template:\n    metadata: {{labels: {{app: app{number}}}}}\n    spec:\n      containers:\n      - name: app\n        image: docker.io/local/busybox:1\n        command: [sleep, \"3600\"]\n        ports: [{{name: http, containerPort: 8080, protocol: TCP}}]\n        env: [{{name: MODE, value: fast}}]\n        resources: {{requests: {{memory: 16Mi}}}}\n"
    )
}
