//! Hosts that a desk makes a cluster of: real kubeadm, kubelet, containerd and etcd, through ssh.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::hosts::{Host, Hosts, Login, Minors};
use tests::{k8s_cluster, node_prep};

use crate::real_nodes::{CNI, bare};

/// The role of a host with haproxy.
const PROXY: &str = "proxy";
/// Longer than any command of a desk takes here.
const LONG: Duration = Duration::from_mins(8);

/// Hosts for a cluster, and what describes it.
pub(super) struct Lab {
    pub(super) all: &'static Hosts,
    pub(super) folder: TempDir,
    login: Login,
    url: String,
    hosts: Vec<(String, &'static str, Host)>,
}

impl Lab {
    /// Boots bare hosts with these names and roles. None where there is nothing to make a cluster from, which was said.
    pub(super) fn boot(wanted: &[(&str, &'static str)]) -> Option<Self> {
        Self::boot_with(Minors::Current, wanted)
    }

    /// The same, with packages of these minors at hand.
    pub(super) fn boot_with(minors: Minors, wanted: &[(&str, &'static str)]) -> Option<Self> {
        let all = Hosts::needed()?;
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        let url = all.kubernetes(minors, &repository)?;
        let mut hosts = Vec::new();
        for (name, role) in wanted {
            hosts.push(((*name).to_owned(), *role, bare(all, &repository, &url, name)?));
        }
        fs::write(folder.path().join("cni.yaml"), CNI).unwrap();
        let booted: Vec<&Host> = hosts.iter().map(|(_, _, host)| host).collect();
        let login = all.login(&folder.path().join("login"), &booted);
        Some(Self { all, folder, login, url, hosts })
    }

    pub(super) fn host(&self, name: &str) -> &Host {
        &self.hosts.iter().find(|(host, ..)| host == name).unwrap().2
    }

    /// `k8s-cluster` at the desk, not started yet.
    pub(super) fn command(&self, cluster: &Path, arguments: &[&str]) -> Command {
        let limit = LONG.as_secs().to_string();
        let program = [OsStr::new("timeout"), OsStr::new(&limit), k8s_cluster().as_os_str()];
        let mut command = self.all.desk(&program);
        command.args(arguments).arg("-f").arg(cluster).arg("--ssh-config").arg(self.login.config());
        command
            .arg("--node-prep")
            .arg(node_prep())
            .arg("--logs")
            .arg(self.folder.path().join("logs"));
        command
    }

    /// Runs `k8s-cluster` at the desk, to its end: its exit code and all that it said.
    #[expect(clippy::print_stdout, reason = "who looks on sees how long each takes")]
    pub(super) fn run(&self, cluster: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let begun = Instant::now();
        let output = self.command(cluster, arguments).output().unwrap();
        let (code, took) = (output.status.code(), begun.elapsed());
        println!("{arguments:?}: {code:?} after {took:?}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (code, text(&output.stdout) + &text(&output.stderr))
    }

    /// The same, which has to succeed: all that it said.
    pub(super) fn ok(&self, cluster: &Path, arguments: &[&str]) -> String {
        let (code, said) = self.run(cluster, arguments);
        assert_eq!(code, Some(0), "{arguments:?}\n{said}");
        said
    }

    /// Fetches what [`Lab::kubectl`] needs: the cluster's own program, and access.
    pub(super) fn take_kubectl(&self, cluster: &Path) {
        let folder = self.folder.path();
        let kubeconfig = folder.join("kubeconfig");
        self.ok(cluster, &["kubeconfig", "--to", kubeconfig.to_str().unwrap()]);
        self.ok(cluster, &["install-kubectl", "--to", folder.to_str().unwrap()]);
    }

    /// What kubectl says at the desk, which has to succeed.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> String {
        let folder = self.folder.path();
        let mut command = self.all.desk(&[folder.join("kubectl").as_os_str()]);
        command.arg("--kubeconfig").arg(folder.join("kubeconfig")).args(arguments);
        said_of(&mut command)
    }

    /// A cluster.yaml with these hosts.
    pub(super) fn describe(&self, names: &[&str]) -> PathBuf {
        self.describe_at(names, "1.35")
    }

    /// The same, at this version of Kubernetes.
    pub(super) fn describe_at(&self, names: &[&str], version: &str) -> PathBuf {
        let hosts: Vec<Value> = self
            .hosts
            .iter()
            .filter(|(name, ..)| names.contains(&name.as_str()))
            .map(|(name, role, host)| {
                let mut described = json!({"name": name, "address": host.address(), "role": role});
                if *role != PROXY {
                    described["labels"] = json!({"of": "the-lab"});
                }
                described
            })
            .collect();
        // What is below `kubelet` and `kubeadm` is for hosts that share a machine and its disk.
        let mut cluster = json!({
            "version": 1,
            "name": "lab",
            "kubernetes": {"version": version, "podSubnet": "10.244.0.0/16"},
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
            "hosts": hosts.clone(),
        });
        if let Some(proxy) = hosts.iter().find(|host| host["role"] == PROXY) {
            let endpoint = format!("{}:6443", proxy["address"].as_str().unwrap());
            cluster["highAvailability"] = json!({"kind": "proxy", "endpoint": endpoint});
        }
        let path = self.folder.path().join("cluster.yaml");
        fs::write(&path, cluster.to_string()).unwrap();
        path
    }
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
