//! A whole cluster from a desk, through ssh: real kubeadm, kubelet, containerd and etcd on hosts of their own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::hosts::{Host, Hosts, Login};
use tests::{k8s_cluster, node_prep};

use crate::real_nodes::{CNI, bare};

/// Hosts for a cluster, and what describes it.
struct Lab {
    all: &'static Hosts,
    folder: TempDir,
    login: Login,
    url: String,
    hosts: Vec<(String, &'static str, Host)>,
}

impl Lab {
    /// Boots bare hosts with these names and roles. None where there is nothing to make a cluster from, which was said.
    fn boot(wanted: &[(&str, &'static str)]) -> Option<Self> {
        let all = Hosts::needed()?;
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        let url = all.kubernetes(&repository)?;
        let mut hosts = Vec::new();
        for (name, role) in wanted {
            hosts.push(((*name).to_owned(), *role, bare(all, &repository, &url, name)?));
        }
        fs::write(folder.path().join("cni.yaml"), CNI).unwrap();
        let booted: Vec<&Host> = hosts.iter().map(|(_, _, host)| host).collect();
        let login = all.login(&folder.path().join("login"), &booted);
        Some(Self { all, folder, login, url, hosts })
    }

    fn host(&self, name: &str) -> &Host {
        &self.hosts.iter().find(|(host, ..)| host == name).unwrap().2
    }

    /// Runs `k8s-cluster` at the desk, to its end: its exit code and all that it said.
    fn run(&self, cluster: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let limit = LONG.as_secs().to_string();
        let program = [OsStr::new("timeout"), OsStr::new(&limit), k8s_cluster().as_os_str()];
        let mut command = self.all.desk(&program);
        command.args(arguments).arg("-f").arg(cluster).arg("--ssh-config").arg(self.login.config());
        command
            .arg("--node-prep")
            .arg(node_prep())
            .arg("--logs")
            .arg(self.folder.path().join("logs"));
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    /// A cluster.yaml with these hosts.
    fn describe(&self, names: &[&str]) -> PathBuf {
        let hosts: Vec<Value> = self
            .hosts
            .iter()
            .filter(|(name, ..)| names.contains(&name.as_str()))
            .map(|(name, role, host)| {
                json!({"name": name, "address": host.address(), "role": role, "labels": {"of": "the-lab"}})
            })
            .collect();
        // What is below `kubelet` and `kubeadm` is for hosts that share a machine and its disk.
        let cluster = json!({
            "version": 1,
            "name": "lab",
            "kubernetes": {"version": "1.35", "podSubnet": "10.244.0.0/16"},
            "ssh": {"user": "ops"},
            "profile": "kubeadm",
            "node": {
                "kubernetes": {"repository": {"baseUrl": format!("{}/core:/stable:", self.url)}},
                "firewall": {"mode": "ignore"},
                "kubelet": {
                    "failCgroupV1": false,
                    "failSwapOn": false,
                    "configuration": {
                        "oomScoreAdj": 0,
                        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
                        "imageGCHighThresholdPercent": 100,
                    },
                },
                "kubeadm": {
                    "ignorePreflightErrors": ["SystemVerification"],
                    // A kubelet that is stopped is noticed sooner.
                    "controllerManager": {"extraArgs": [{"name": "node-monitor-grace-period", "value": "16s"}]},
                    "proxyConfiguration": {"conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}},
                },
                "cni": {"file": self.folder.path().join("cni.yaml")},
            },
            "hosts": hosts,
        });
        let path = self.folder.path().join("cluster.yaml");
        fs::write(&path, cluster.to_string()).unwrap();
        path
    }
}

/// Longer than any command of a desk takes here.
const LONG: Duration = Duration::from_mins(8);

#[test]
fn a_desk_makes_a_cluster_and_it_grows_shrinks_and_goes() {
    let wanted = [("control", "control-plane"), ("work", "worker"), ("late", "worker")];
    let Some(lab) = Lab::boot(&wanted) else { return };
    let folder = lab.folder.path();
    let cluster = lab.describe(&["control", "work"]);
    let run = |arguments: &[&str]| lab.run(&cluster, arguments);
    let ok = |arguments: &[&str]| {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}\n{said}");
        said
    };

    // Nothing is there yet, and looking changes nothing.
    let (code, said) = run(&["plan"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("control: become the first control plane"), "{said}");
    ok(&["deploy", "--prepare-only", "--yes"]);
    for name in ["control", "work"] {
        lab.host(name).take_images();
    }
    let said = ok(&["deploy", "--yes"]);
    assert!(said.contains("work           done: join"), "{said}");
    let said = ok(&["deploy", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
    let said = ok(&["status"]);
    assert_eq!(said.matches("Ready").count(), 2, "{said}");
    let said = ok(&["etcd", "status"]);
    assert!(said.contains("leads, healthy"), "{said}");

    // Access from the desk, with the cluster's own kubectl.
    ok(&["kubeconfig", "--to", folder.join("kubeconfig").to_str().unwrap()]);
    ok(&["install-kubectl", "--to", folder.to_str().unwrap()]);
    let kubectl = |arguments: &[&str]| {
        let program = folder.join("kubectl");
        let mut command = lab.all.desk(&[program.as_os_str()]);
        command.arg("--kubeconfig").arg(folder.join("kubeconfig")).args(arguments);
        said_of(&mut command)
    };
    let labels = kubectl(&["get", "nodes", "-l", "of=the-lab", "-o", "name"]);
    assert_eq!(labels, "node/control\nnode/work\n");
    let (code, said) = run(&["certs", "check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("apiserver"), "{said}");
    ok(&["etcd", "snapshot", "--to", folder.join("snapshot.db").to_str().unwrap()]);
    assert!(fs::metadata(folder.join("snapshot.db")).unwrap().len() > 10_000);

    // A worker more, and a pod that has to move when it goes.
    lab.describe(&["control", "work", "late"]);
    ok(&["deploy", "--prepare-only", "--yes"]);
    lab.host("late").take_images();
    let said = ok(&["add", "late", "--yes"]);
    assert!(said.contains("late           done: join"), "{said}");
    kubectl(&[
        "create",
        "deployment",
        "app",
        "--image=docker.io/local/busybox:1",
        "--",
        "sleep",
        "3600",
    ]);
    let patch = r#"{"spec":{"template":{"spec":{"nodeSelector":{"of":"the-lab"},"terminationGracePeriodSeconds":1,"containers":[{"name":"busybox","imagePullPolicy":"Never"}]}}}}"#;
    kubectl(&["patch", "deployment", "app", "-p", patch]);
    kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    let on = kubectl(&["get", "pods", "-l", "app=app", "-o", "jsonpath={.items[0].spec.nodeName}"]);
    ok(&["remove", &on, "--yes"]);
    kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    let left = kubectl(&["get", "nodes", "-o", "name"]);
    assert!(!left.contains(&on) && left.lines().count() == 2, "{left}");

    // The kubelet of a worker is stopped: told, and mended. A control plane is refused before it is touched.
    let other = if on == "work" { "late" } else { "work" };
    let (code, said) = run(&["repair", "control", "--yes"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("control is a control plane: nothing was touched"), "{said}");
    lab.host(other).done(&["systemctl", "stop", "kubelet"]);
    kubectl(&["wait", "--for=condition=Ready=Unknown", &format!("node/{other}"), "--timeout=120s"]);
    let (code, said) = run(&["status"]);
    assert_eq!(code, Some(3), "{said}");
    ok(&["repair", other, "--yes"]);
    kubectl(&["wait", "--for=condition=Ready", &format!("node/{other}"), "--timeout=60s"]);

    // Taken apart; then there is nothing to take apart, and all can begin anew.
    lab.describe(&["control", "work", "late"]);
    ok(&["clean", "--with-data", "--yes"]);
    let said = ok(&["clean", "--with-data", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
}

/// What a program says that has to succeed.
fn said_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
