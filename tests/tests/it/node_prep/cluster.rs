//! Bare hosts become a real cluster: real kubeadm, kubelet and containerd, from packages to nodes that are Ready.

use std::path::Path;
use std::time::Duration;

use tests::hosts::{Host, Hosts, Minors};
use tests::node_prep;

use crate::real_nodes::{CNI, bare};

/// How long kubeadm and what comes up after it may take.
const LONG: Duration = Duration::from_mins(4);
const NODE: &str = "/root/node.yaml";

/// What the host shall be. The settings below `configuration` are for a host that shares a machine and its disk.
fn wish(url: &str, name: &str) -> String {
    format!(
        "version: 1\nprofile: kubeadm\nhostname: {name}\n\
         role: {}\nsingleNode: {}\n\
         kubernetes: {{version: \"1.35\", repository: {{baseUrl: \"{url}/core:/stable:\"}}}}\n\
         firewall: {{mode: ignore}}\n\
         kubelet:\n  failCgroupV1: false\n  failSwapOn: false\n  configuration:\n    oomScoreAdj: 0\n\
         \x20   evictionHard: {{memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}}\n\
         \x20   imageGCHighThresholdPercent: 100\n\
         kubeadm:\n  podSubnet: 10.244.0.0/16\n  ignorePreflightErrors: [SystemVerification]\n\
         \x20 proxyConfiguration: {{conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}}}\n\
         kubeconfig: {{users: [root]}}\ncni: {{file: /root/cni.yaml}}\n",
        if name == "control" { "control-plane" } else { "worker" },
        name == "control",
    )
}

/// A bare host with `node-prep` and what it is to be told.
fn ready(hosts: &Hosts, repository: &Path, url: &str, name: &str) -> Option<Host> {
    let host = bare(hosts, repository, url, name)?;
    host.write(NODE, &wish(url, name));
    host.write("/root/cni.yaml", CNI);
    host.copy_in(node_prep(), "/usr/local/bin/node-prep");
    Some(host)
}

/// Runs `node-prep` to its end: its exit code and all that it said.
fn run(host: &Host, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let command: Vec<&str> = ["node-prep"].iter().chain(arguments).copied().collect();
    let output = host.run_with(&command, input, LONG);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn kubectl(host: &Host, arguments: &[&str]) -> String {
    let command: Vec<&str> = ["kubectl", "--kubeconfig", "/root/.kube/config"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    host.done(&command)
}

#[test]
fn bare_hosts_become_a_cluster_although_init_is_killed_and_are_clean_again_after_a_reset() {
    let Some(hosts) = Hosts::needed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    let Some(url) = hosts.kubernetes(Minors::Current, &repository) else { return };
    let Some(control) = ready(hosts, &repository, &url, "control") else { return };
    let Some(work) = ready(hosts, &repository, &url, "work") else { return };
    for host in [&control, &work] {
        let (code, said) = run(host, &["apply", "-f", NODE, "--yes"], "");
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = run(host, &["verify", "-f", NODE], "");
        assert_eq!(code, Some(0), "{said}");
        host.take_images();
    }
    let (code, said) = run(&control, &["check", "init", "-f", NODE], "");
    assert_eq!(code, Some(0), "{said}");

    // Killed while kubeadm works, and once more; the third goes through.
    for (at, moment) in [1, 4].into_iter().enumerate() {
        let unit = format!("init-{at}");
        let mut first =
            control.command(&unit, &["node-prep", "init", "-f", NODE, "--yes"]).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(moment));
        control.done(&["systemctl", "kill", "--signal=KILL", &unit]);
        first.wait().unwrap();
    }
    let init = ["init", "-f", NODE, "--yes"];
    let (code, said) = run(&control, &init, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(kubectl(&control, &["get", "nodes"]).contains("control   Ready"));
    let (code, said) = run(&control, &init, "");
    assert_eq!((code, said.contains("nothing to do")), (Some(0), true), "{said}");

    // The token goes by standard input, and stands nowhere.
    let (code, invitation) = run(&control, &["token", "create", "-o", "json"], "");
    assert_eq!(code, Some(0), "{invitation}");
    let invitation: serde_json::Value = serde_json::from_str(&invitation).unwrap();
    let part = |name: &str| invitation[name].as_str().unwrap();
    let join = [
        "join",
        "-f",
        NODE,
        "--yes",
        "--endpoint",
        part("endpoint"),
        "--ca-cert-hash",
        part("caCertHash"),
        "--token-stdin",
    ];
    let (code, said) = run(&work, &join, part("token"));
    assert_eq!(code, Some(0), "{said}");
    let nodes = kubectl(&control, &["get", "nodes"]);
    assert!(nodes.contains("work") && !nodes.contains("NotReady"), "{nodes}");
    let secret = part("token").split_once('.').unwrap().1;
    // Not as an argument: systemd keeps those of what it runs.
    let search = ["grep", "-rlF", "-f", "-", "/var/lib/node-prep", "/etc", "/var/log", "/run"];
    let found = work.run_with(&search, &format!("{secret}\n"), LONG);
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    let (code, said) = run(&work, &join, part("token"));
    assert_eq!((code, said.contains("nothing to do")), (Some(0), true), "{said}");

    // A pod runs, also on the control plane: there is no taint.
    kubectl(
        &control,
        &[
            "run",
            "probe",
            "--image=docker.io/local/busybox:1",
            "--image-pull-policy=Never",
            "--restart=Never",
            "--overrides={\"spec\":{\"nodeName\":\"control\"}}",
            "--command",
            "--",
            "true",
        ],
    );
    kubectl(
        &control,
        &["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/probe", "--timeout=60s"],
    );

    for host in [&work, &control] {
        let (code, said) = run(host, &["reset", "-f", NODE, "--with-data", "--yes"], "");
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = run(host, &["reset", "-f", NODE, "--with-data", "--dry-run"], "");
        assert_eq!(code, Some(0), "{said}");
    }
    let (code, said) = run(&control, &init, "");
    assert_eq!(code, Some(0), "a clean host can begin anew: {said}");
}
