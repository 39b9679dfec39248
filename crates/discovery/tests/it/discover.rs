//! Which pods are part of a cluster, and in what role.

use std::collections::{BTreeMap, BTreeSet};

use discovery::{Options, discover, read_pods};
use insta::assert_snapshot;
use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::pods::*;

#[test]
fn the_manifests_of_2016() {
    let found = find(&of_2016(), &Options::default());
    assert_snapshot!(shown(&found));
    assert!(found.accept(false).is_ok());
}

#[test]
fn the_replication_controllers_of_2019() {
    let found = find(&of_2019_controllers(), &Options::default());
    assert_snapshot!(shown(&found));
    assert!(found.accept(false).is_ok());
}

#[test]
fn the_stateful_sets_of_2019() {
    let found = find(&of_2019_sets(), &Options::default());
    assert_snapshot!(shown(&found));
    assert!(found.accept(false).is_ok());
}

#[test]
fn the_deployments_of_2019_beside_other_software() {
    let found = find(&of_2019_deployments(), &Options::default());
    assert_snapshot!(shown(&found));
    assert!(found.accept(false).is_ok());
}

#[test]
fn our_labels_come_before_names() {
    let found = find(&labelled(), &Options::default());
    assert_snapshot!(shown(&found));
    assert!(found.accept(false).is_ok());
}

#[test]
fn a_single_pod_carries_everything() {
    let found = find(&[pod("hpcc").label("app", "hpcc").ip("172.17.0.2")], &Options::default());
    assert_eq!(addresses(&found, "node"), ["172.17.0.2"]);
    assert!(found.accept(false).is_ok());
}

#[test]
fn a_set_without_machines_is_refused_even_if_it_may_be_partial() {
    for pods in
        [vec![], vec![pod("dali").pending()], vec![pod("web").image("nginx").ip("10.0.0.1")]]
    {
        let found = find(&pods, &Options::default());
        assert!(found.accept(true).is_err());
        assert!(found.problems.iter().any(|problem| problem.code == "no-machines"));
    }
}

/// The pods of 2016, and pods in every state that keeps them out.
fn with_others() -> Vec<Value> {
    let thor = |end: &str| replicated("thor-controller", end).label("app", "thor");
    let mut pods = of_2016();
    pods.extend([
        thor("pend1").pending(),
        thor("wait1").not_ready().ip("172.17.0.20"),
        thor("gone1").terminating().ip("172.17.0.21"),
        thor("none1"),
        thor("null1").set("/status", "podIP", json!(null)),
        thor("done1").set("/status", "phase", json!("Failed")).ip("172.17.0.22"),
        thor("lost1").set("/status", "phase", json!("Unknown")).ip("172.17.0.23"),
        thor("bare1").set("", "status", json!({})),
    ]);
    pods
}

#[test]
fn pods_that_cannot_be_used_are_left_out_with_their_reason() {
    let found = find(&with_others(), &Options::default());
    assert_snapshot!(shown(&found));
    assert!(found.accept(true).is_ok());
    assert_snapshot!(found.accept(false).unwrap_err().to_string());
    // The set is that of the ready pods.
    assert_eq!(found.placement, find(&of_2016(), &Options::default()).placement);
}

#[test]
fn several_namespaces_are_refused_unless_one_is_chosen() {
    let mut pods = of_2016();
    pods.push(replicated("thor-controller", "other").namespace("prod").ip("172.18.0.1"));
    pods.push(pod("coredns-1").namespace("kube-system").image("coredns:1.11").ip("172.18.0.2"));
    let found = find(&pods, &Options::default());
    assert!(found.placement.is_empty());
    assert_snapshot!(found.accept(true).unwrap_err().to_string());

    let found = find(&pods, &Options { namespace: Some("hpcc"), ..Options::default() });
    assert!(found.accept(false).is_ok());
    assert_eq!(found.left_out.len(), 2);
    assert_eq!(found.placement, find(&of_2016(), &Options::default()).placement);

    let found = find(&pods, &Options { namespace: Some("hpc"), ..Options::default() });
    assert_snapshot!(found.accept(true).unwrap_err().to_string());
}

#[test]
fn what_is_odd_about_labels_versions_and_addresses_is_reported() {
    let mut pods = of_2019_controllers();
    pods.extend([
        deployed("thor-thor1", "z").label("cluster", "thor2").ip("10.1.2.3"),
        deployed("roxie-roxie1", "z").label("windlass.dev/hpcc-role", "dali").ip("10.1.2.4"),
        pod("x").label("windlass.dev/hpcc-role", "thor-worker").ip("10.1.2.5"),
        pod("y")
            .label("windlass.dev/hpcc-role", "esp")
            .label("windlass.dev/hpcc-cluster", "-")
            .ip("10.1.2.6"),
        pod("esp-esp1-new").image("hpccsystems/platform-core:10.4.2").ip("10.1.3.1"),
    ]);
    let found = find(&pods, &Options::default());
    let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    assert_snapshot!(problems.join("\n"));
}

#[test]
fn machines_are_known_by_host_names_on_request() {
    let options = Options { host_names: true, ..Options::default() };
    let found = find(&of_2019_sets(), &options);
    assert_eq!(
        addresses(&found, "thor-slave/thor1")[10],
        "thor-thor1-10.svc-thor-thor1.hpcc.svc.cluster.local"
    );
    // The single pod has none.
    assert_eq!(addresses(&found, "dali"), ["10.2.0.1"]);
    let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    assert_snapshot!(problems.join("\n"));
    assert!(found.accept(false).is_ok());

    let pods = read_pods(&list(&of_2019_sets()), "example.org").unwrap();
    let found = discover(&pods, &options);
    assert_eq!(addresses(&found, "support"), ["support-0.svc-support.hpcc.svc.example.org"]);
}

#[test]
fn a_pod_on_the_network_of_its_host_has_the_hosts_address() {
    let on_host = pod("esp-esp1").set("/spec", "hostNetwork", json!(true));
    let found = find(&[on_host], &Options::default());
    assert_eq!(addresses(&found, "esp/esp1"), ["192.168.7.1"]);
}

#[test]
fn a_label_of_the_whole_release_makes_no_node_of_its_pods() {
    let pods: Vec<Value> = of_2019_sets().into_iter().map(|pod| pod.label("app", "hpcc")).collect();
    let found = find(&pods, &Options::default());
    assert_eq!(found.placement, find(&of_2019_sets(), &Options::default()).placement);
    assert!(found.accept(false).is_ok());
}

proptest! {
    #[test]
    fn the_instances_of_each_role_are_exactly_its_pods(
        sizes in btree_map("(thor|thormaster|roxie|esp)-[a-z]{1,3}|support|dali|sasha|eclcc-x", 1..9_usize, 0..9),
        kind in 0..3,
    ) {
        let mut pods = Vec::new();
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (at, (name, size)) in sizes.iter().enumerate() {
            for nth in 0..*size {
                let ip = format!("10.{at}.0.{nth}");
                let pod = match kind {
                    0 => stateful(name, nth),
                    1 => deployed(name, &format!("x{nth}z")),
                    _ => replicated(name, &format!("x{nth}z")),
                };
                pods.push(pod.ip(&ip));
                expected.entry(role_of(name)).or_default().insert(ip);
            }
        }
        let found = find(&pods, &Options::default());
        let placed: BTreeMap<String, BTreeSet<String>> = found
            .placement
            .iter()
            .map(|(key, machines)| {
                (key.to_string(), machines.iter().map(|m| m.address.to_string()).collect())
            })
            .collect();
        prop_assert_eq!(placed, expected);
    }
}

/// The role of a set by its name.
fn role_of(name: &str) -> String {
    let (kind, cluster) = name.split_once('-').unwrap_or((name, ""));
    let role = match kind {
        "thor" => "thor-slave",
        "thormaster" => "thor-master",
        "eclcc" => "eclccserver",
        kind => kind,
    };
    if cluster.is_empty() { role.to_owned() } else { format!("{role}/{cluster}") }
}

#[test]
fn the_order_of_the_pods_does_not_matter() {
    let mut all = of_2019_sets();
    all.extend(of_2019_deployments());
    all.extend(with_others());
    all.extend(labelled());
    all.push(pod("thor-thor1-x").namespace("other").ip("10.9.9.9"));
    let options = Options { namespace: Some("hpcc"), ..Options::default() };
    let bytes = |pods: &[Value]| serde_json::to_string(&find(pods, &options)).unwrap();
    let expected = bytes(&all);
    let mut runner = TestRunner::new(Config { cases: 1000, ..Config::default() });
    runner
        .run(&Just(all).prop_shuffle(), |shuffled| {
            prop_assert_eq!(bytes(&shuffled), expected.clone());
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_cluster_of_250_nodes_with_5_support_nodes_and_ipv6() {
    let mut pods = Vec::new();
    for at in 0..250 {
        pods.push(stateful("thor-thor1", at).ip(&format!("fd00:10:244::{:x}", 0x1000 - at)));
    }
    for at in 0..5 {
        pods.push(stateful("support", at).ip(&format!("fd00:10:245::{at}")));
    }
    pods.reverse();
    let found = find(&pods, &Options::default());
    assert!(found.accept(false).is_ok(), "{}", shown(&found));
    assert_eq!(found.placement.support().len(), 5);
    let slaves = found.placement.machines(&"thor-slave/thor1".parse().unwrap());
    let ordinals: Vec<u32> = slaves.iter().filter_map(|machine| machine.ordinal).collect();
    assert_eq!(ordinals, (0..250).collect::<Vec<u32>>());
}
