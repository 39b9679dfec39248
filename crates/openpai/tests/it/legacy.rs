//! What OpenPAI would have put on each host.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diagnostics::yaml;
use insta::assert_snapshot;
use openpai::legacy::{File, Rendered, render};
use openpai::{CLUSTER, KUBERNETES, ROLES};
use serde_json::{Map, Value, json};

use crate::folder::{Folder, collection};

fn rendered(folder: &Folder) -> Rendered {
    let loaded = folder.load();
    render(&loaded.cluster.unwrap_or_else(|| panic!("{:?}", loaded.problems))).unwrap()
}

fn file<'r>(rendered: &'r Rendered, host: &str, path: &str) -> &'r str {
    let host = rendered.hosts.iter().find(|one| one.host == host).unwrap();
    &host.files.iter().find(|file| file.path == path).unwrap().text
}

#[test]
fn a_master_gets_these_files() {
    let rendered = rendered(&Folder::own("sound"));
    let mut out = String::new();
    for file in &rendered.hosts[0].files {
        write!(out, "==> {} <==\n{}", file.path, file.text).unwrap();
    }
    assert_snapshot!(out);
}

#[test]
fn the_proxy_host_and_the_cluster_get_these_files() {
    let rendered = rendered(&Folder::own("sound"));
    let proxy = rendered.hosts.iter().find(|host| host.role == "proxy").unwrap();
    let mut out = String::new();
    for file in
        proxy.files.iter().filter(|file| file.path.contains("haproxy")).chain(&rendered.addons)
    {
        write!(out, "==> {} <==\n{}", file.path, file.text).unwrap();
    }
    assert_snapshot!(out);
}

#[test]
fn op_b6_02_haproxy_is_told_all_masters_and_not_the_manifest_of_its_pod() {
    let rendered = rendered(&Folder::own("sound"));
    let text = file(&rendered, "p1", "/etc/kubernetes/haproxy/haproxy.cfg");
    let proxy = haproxy(text);
    let servers: Vec<&str> = proxy["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["address"].as_str().unwrap())
        .collect();
    assert_eq!(servers, ["10.20.0.11:8080", "10.20.0.12:8080", "10.20.0.13:8080"]);
    assert!(!text.contains("kind: Pod"));
}

#[test]
fn op_b6_04_a_master_more_or_less_shows_in_every_file_that_lists_masters() {
    let before = rendered(&Folder::own("sound"));
    let more = Folder::changed(
        CLUSTER,
        "  - hostname: p1\n",
        "  - {hostname: m4, hostip: 10.20.0.14, machine-type: small, k8s-role: master, etcdid: member4}\n  - hostname: p1\n",
    );
    let after = rendered(&more);
    for (host, path) in [
        ("p1", "/etc/kubernetes/haproxy/haproxy.cfg"),
        ("m1", "/etc/kubernetes/manifests/apiserver.yaml"),
        ("m2", "/etc/kubernetes/manifests/apiserver.yaml"),
        ("m3", "/etc/kubernetes/manifests/apiserver.yaml"),
        ("m1", "/etc/kubernetes/manifests/etcd.yaml"),
        ("m3", "/etc/kubernetes/manifests/etcd.yaml"),
    ] {
        assert!(!file(&before, host, path).contains("10.20.0.14"), "{host} {path}");
        assert!(file(&after, host, path).contains("10.20.0.14"), "{host} {path}");
    }
}

#[test]
fn the_role_definition_says_which_files_a_role_gets() {
    let without = Folder::changed(
        ROLES,
        "  worker:\n    component:\n      - name: kubelet\n",
        "  worker:\n    component:\n",
    );
    let rendered = rendered(&without);
    let worker = rendered.hosts.iter().find(|host| host.host == "w1").unwrap();
    let paths: Vec<&str> = worker.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/etc/kubernetes/config"]);
}

#[test]
fn values_that_a_shell_would_read_are_refused() {
    for (file, from) in
        [(KUBERNETES, "v1.9.4"), (KUBERNETES, "registry.example.org/google_containers")]
    {
        for to in ["v1; reboot", "$(reboot)", "-v", "\"\"", "a b"] {
            assert!(Folder::changed(file, from, to).load().has_errors(), "{to}");
        }
    }
}

/// What matters of a haproxy.cfg.
fn haproxy(text: &str) -> Value {
    let after =
        |line: &str, word: &str| line.trim().strip_prefix(word).map(|rest| rest.trim().to_owned());
    let one = |word: &str| text.lines().find_map(|line| after(line, word)).unwrap();
    let servers: Vec<Value> = text
        .lines()
        .filter_map(|line| after(line, "server "))
        .map(|server| {
            let (name, address) = server.split_once(' ').unwrap();
            json!({ "name": name, "address": address })
        })
        .collect();
    json!({ "mode": one("mode "), "bind": one("bind "), "servers": servers })
}

/// What matters of kubelet.sh.
fn kubelet(text: &str) -> Value {
    let joined = text.replace("\\\n", " ");
    let command = joined.lines().find(|line| line.starts_with("docker run")).unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    let image = words
        .iter()
        .position(|word| !word.starts_with('-') && *word != "docker" && *word != "run")
        .unwrap();
    let has = |option: &str| words[..image].contains(&option);
    assert!(has("--name=kubelet") && has("--net=host") && has("--pid=host"), "{command}");
    assert!(has("--privileged") && has("--restart=always") && has("--detach"), "{command}");
    let mounts: Vec<&str> =
        words.iter().filter_map(|word| word.strip_prefix("--volume=")).collect();
    let flags: Map<String, Value> = words[image + 1..]
        .iter()
        .filter(|word| word.starts_with("--"))
        .map(|word| match word.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), json!(value)),
            None => ((*word).to_owned(), json!(true)),
        })
        .collect();
    json!({
        "runs_as": "docker container named kubelet, host network, host pid, privileged, restart always, detached",
        "host_mounts": mounts,
        "image": words[image],
        "kubelet_flags": flags,
    })
}

fn parsed(file: &File) -> (String, Value) {
    match file.path.as_str() {
        "kubelet.sh" => ("run once: kubelet.sh".to_owned(), kubelet(&file.text)),
        path if path.contains("haproxy.cfg") => (path.to_owned(), haproxy(&file.text)),
        path => (path.to_owned(), yaml::read(path, &file.text).unwrap()),
    }
}

#[test]
fn the_three_solutions_are_rendered_as_openpai_did() {
    let Some(folder) = collection("ha") else { return };
    for solution in ["solution-1-external-lb", "solution-2-proxy-node", "solution-3-single-master"]
    {
        let path = folder.join(solution);
        let text = std::fs::read_to_string(path.join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let rendered = rendered(&Folder::of(&path));
        let hosts: BTreeMap<&str, Value> = rendered
            .hosts
            .iter()
            .map(|host| {
                let files: BTreeMap<String, Value> = host.files.iter().map(parsed).collect();
                (
                    host.host.as_str(),
                    json!({ "role": host.role, "address": host.address, "files": files }),
                )
            })
            .collect();
        assert_eq!(json!(hosts), expected["hosts"], "{solution}");
        let addons: BTreeMap<String, Value> = rendered.addons.iter().map(parsed).collect();
        assert_eq!(json!(addons), expected["created_in_cluster_after_nodes"], "{solution}");
    }
}
