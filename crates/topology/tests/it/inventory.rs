//! `cluster.yaml`: read, checked, joined.

use std::fmt::Write as _;
use std::time::Instant;

use diagnostics::{Problem, Source, render};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;
use topology::Inventory;
use topology::inventory::{HostRole, Problems};

const SOUND: &str = "\
version: 1
name: lab
kubernetes: {version: 1.40, podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
highAvailability: {kind: proxy, endpoint: \"10.20.0.30\"}
ssh: {user: ops, identityFile: ~/.ssh/lab}
profile: kubeadm
node:
  swap: off
  sysctls: {vm.max_map_count: {atLeast: 300000}}
  firewall: {mode: manage, allow: [1]}
hosts:
- {name: cp1, address: 10.20.0.11, role: control-plane}
- {name: lb, address: 10.20.0.30, role: proxy}
- name: w1
  address: 10.20.0.21
  role: worker
  ssh: {host: bastion.example.org, port: 2222, jump: \"ops@gate:22\"}
  labels: {rack: seven, example.org/disk: ssd}
  profile: hpcc
  node:
    sysctls: {vm.max_map_count: 1}
    firewall: {mode: off}
    time: null
    directories: [{path: /data, mode: 0755}]
";

fn read(text: &str) -> (Inventory, Vec<Problem>) {
    Inventory::read("cluster.yaml", text).unwrap()
}

fn problems(text: &str) -> Vec<Problem> {
    match Inventory::read("cluster.yaml", text) {
        Ok((_, warnings)) => warnings,
        Err(Problems(problems)) => problems,
    }
}

fn codes(text: &str) -> Vec<String> {
    problems(text).iter().map(|one| format!("{} {}", one.severity, one.code)).collect()
}

fn changed(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    SOUND.replacen(from, to, 1)
}

#[test]
fn versions_and_modes_are_kept_as_they_are_written() {
    let (inventory, warnings) = read(SOUND);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(inventory.kubernetes.version.as_deref(), Some("1.40"));
    assert_eq!(
        inventory.hosts[2].node["directories"],
        json!([{ "path": "/data", "mode": "0755" }])
    );
    assert_eq!(inventory.endpoint().unwrap().to_string(), "10.20.0.30:6443");
}

#[test]
fn what_a_host_says_is_laid_over_what_all_say() {
    let (inventory, _) = read(SOUND);
    let worker = &inventory.hosts[2];
    assert_eq!(inventory.profile_of(worker), Some("hpcc"));
    assert_eq!(inventory.profile_of(&inventory.hosts[0]), Some("kubeadm"));
    assert_eq!(
        json!(*inventory.node_of(worker)),
        json!({
            "swap": "off",
            "sysctls": { "vm.max_map_count": 1 },
            "firewall": { "mode": "off", "allow": [1] },
            "time": null,
            "directories": [{ "path": "/data", "mode": "0755" }],
        })
    );
    let ssh = inventory.ssh_of(worker);
    assert_eq!(ssh.host.unwrap().to_string(), "bastion.example.org");
    assert_eq!((ssh.user.as_deref(), ssh.port), (Some("ops"), Some(2222)));
    let ssh = inventory.ssh_of(&inventory.hosts[0]);
    assert_eq!(ssh.host.unwrap().to_string(), "10.20.0.11");
    assert_eq!((ssh.identity_file.as_deref(), ssh.port), (Some("~/.ssh/lab"), None));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let text = "\
version: 2
kubernetes: {podSubnet: 10.20.0.0/16, serviceSubnet: 10.20.1.0/16}
highAvailability: {kind: single, endpoint: \"10.20.0.12:6443\"}
ssh: {user: -oProxyCommand=x, port: 0, host: a}
host: []
hosts:
- {name: CP1, address: 10.20, role: control-plane}
- {name: cp2, address: 10.20.0.12, role: control-plane}
- {name: cp2, address: 10.20.0.12, role: control-plane, ssh: {jump: \"a b\"}}
- {name: lb, address: 10.20.0.30, role: proxy, labels: {a: b}}
- {name: w1, address: 10.20.0.21, role: wroker}
- {name: w2, adress: 10.20.0.22, role: worker, labels: {-a: b}}
";
    assert_snapshot!(render(&problems(text), &[Source { file: "cluster.yaml", text }]));
}

#[test]
fn hosts_together_are_judged_once_each_can_be_read() {
    let text = "\
version: 1
highAvailability: {kind: single, endpoint: \"10.20.0.12:6443\"}
hosts:
- {name: CP1, address: 10.20.0.11, role: control-plane}
- {name: cp2, address: 10.20.0.12, role: control-plane}
- {name: cp2, address: 10.20.0.12, role: control-plane, ssh: {jump: \"a b\"}}
- {name: lb, address: 10.20.0.30, role: proxy, labels: {a: b}}
- {name: w2, address: 10.20.0.22, role: worker, labels: {-a: b}}
";
    assert_snapshot!(render(&problems(text), &[Source { file: "cluster.yaml", text }]));
}

#[test]
fn the_way_to_the_api_has_to_agree_with_the_roles() {
    assert_eq!(codes(&changed("10.20.0.30\"}", "10.20.0.31\"}")), ["error endpoint"]);
    assert_eq!(codes(&changed("kind: proxy", "kind: external")), ["error proxy-unused"]);
    assert_eq!(
        codes(&changed("kind: proxy", "kind: single")),
        ["error endpoint", "error proxy-unused"]
    );
    assert_eq!(codes(&changed("role: proxy", "role: worker")), ["error no-proxy"]);
    assert_eq!(
        codes(&changed("endpoint: \"10.20.0.30\"", "endpoint: api.example.org")),
        Vec::<String>::new()
    );
    assert_eq!(
        codes(&changed("highAvailability: {kind: proxy, endpoint: \"10.20.0.30\"}\n", "")),
        ["error high-availability"]
    );
    let two = changed(
        "- {name: lb",
        "- {name: cp2, address: 10.20.0.12, role: control-plane}\n- {name: lb",
    );
    assert_eq!(codes(&two), ["warning even-control-planes"]);
    let two =
        changed("- {name: lb", "- {name: lb2, address: 10.20.0.31, role: proxy}\n- {name: lb");
    assert_eq!(codes(&two), ["warning two-proxies"]);
    // An address that moves between two proxies is that of neither.
    assert_eq!(codes(&two.replacen("10.20.0.30\"", "10.20.0.99\"", 1)), Vec::<String>::new());
}

#[test]
fn one_control_plane_needs_no_more_words() {
    let (inventory, warnings) =
        read("version: 1\nhosts: [{name: a, address: fd00::1, role: control-plane}]\n");
    assert!(warnings.is_empty());
    assert_eq!(inventory.endpoint().unwrap().to_string(), "[fd00::1]:6443");
    assert_eq!(inventory.with_role(HostRole::Worker).count(), 0);
}

#[test]
fn link_local_services_are_strange() {
    assert_eq!(codes(&changed("10.96.0.0/12", "169.254.0.0/16")), ["warning link-local"]);
}

#[test]
fn five_hundred_hosts_are_read_in_a_moment() {
    let mut text = changed("version: 1", "version: 1\n# Größe");
    for at in 0..500 {
        let (high, low) = (at / 250, at % 250 + 1);
        writeln!(
            text,
            "- {{name: big{at}, address: 10.30.{high}.{low}, role: worker, ssh: {{port: {}}}, node: {{swap: off}}}}",
            22 + at % 3
        )
        .unwrap();
    }
    let start = Instant::now();
    let (inventory, _) = read(&text);
    let merged = inventory.hosts.iter().map(|host| inventory.node_of(host).len()).sum::<usize>();
    assert_eq!((inventory.hosts.len(), merged), (503, 1511));
    let took = start.elapsed().as_secs_f64();
    // Without optimisation and on a busy machine as well.
    assert!(took < 10.0, "{took} s");
}

#[test]
fn a_fault_in_each_of_five_hundred_hosts_is_told() {
    let mut text = SOUND.to_owned();
    for at in 0..500 {
        writeln!(text, "- {{name: big{at}, address: 10.300.0.{at}, role: worker}}").unwrap();
    }
    let start = Instant::now();
    assert_eq!(problems(&text).len(), 500);
    let took = start.elapsed().as_secs_f64();
    assert!(took < 10.0, "{took} s");
}

#[test]
fn what_is_no_cluster_yaml_is_a_fault_and_nothing_worse() {
    for text in [
        "",
        "~",
        "[]",
        "42",
        "version: 1",
        "version: 1\nhosts: 3",
        "hosts: [3, ~, {}]",
        "version: 1\nhosts: []",
        "a: b: c",
    ] {
        let found = problems(text);
        assert!(found.iter().any(Problem::is_error), "{text}");
        assert!(found.iter().all(|one| one.place.is_some()), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        hosts in prop::collection::btree_map("[a-z][a-z0-9]{0,8}", (any::<u32>(), 0..3_u8, any::<Option<u16>>()), 1..8)
    ) {
        let hosts: Vec<_> = hosts
            .iter()
            .map(|(name, (address, role, port))| json!({
                "name": name,
                "address": std::net::Ipv4Addr::from(*address),
                "role": (["control-plane", "worker", "proxy"][usize::from(*role)]),
                "ssh": { "port": port },
            }))
            .collect();
        let text = json!({ "version": 1, "hosts": hosts }).to_string();
        if let Ok((inventory, _)) = Inventory::read("cluster.yaml", &text) {
            let written = diagnostics::yaml::write(&inventory).unwrap();
            prop_assert_eq!(read(&written).0, inventory);
        }
    }
}
