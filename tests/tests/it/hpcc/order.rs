//! The order in which pods are listed makes no difference to the file. In-process: a thousand programs would take
//! minutes.

use std::collections::BTreeSet;

use discovery::{Options, discover, read_pods};
use envxml::catalogue::Catalogue;
use envxml::lint::{LintOptions, Severity, lint};
use envxml::view::Part;
use envxml::{Document, Environment, place};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use topology::{Address, ClusterSpec, Pod};

use super::pods::*;

fn read(pods: &[Value]) -> Vec<Pod> {
    read_pods(&list(pods), "cluster.local").unwrap()
}

/// The file that comes of pods.
fn bytes(pods: &[Pod]) -> String {
    let found = discover(pods, &Options { namespace: Some("hpcc"), ..Options::default() });
    found.accept(false).unwrap();
    let catalogue = Catalogue::newest();
    let placed = place::from_roles(&found.placement, &ClusterSpec::default(), catalogue).unwrap();
    placed.blueprint.document(catalogue, "host").to_envgen_text()
}

#[test]
fn shuffled_pods_give_the_same_bytes_a_thousand_times() {
    let mut pods = of_2019();
    pods.extend(of_ours().into_iter().skip(1));
    pods.extend(strangers());
    pods.extend((0..11).map(|n| stateful("thor-big", n, &format!("fd00::{:x}", 0x40 - n))));
    let pods = read(&pods);
    let expected = bytes(&pods);
    let mut runner = TestRunner::new(Config { cases: 1000, ..Config::default() });
    runner
        .run(&Just(pods).prop_shuffle(), |shuffled| {
            prop_assert!(bytes(&shuffled) == expected);
            Ok(())
        })
        .unwrap();
}

/// The address of a slave: the higher its number, the lower the address.
fn slave(number: usize) -> String {
    format!("fd00:10:1::{:x}", 0xffff - 257 * number)
}

#[test]
fn a_cluster_of_250_nodes_with_5_support_nodes_and_ipv6_has_everything_once() {
    let mut pods: Vec<Value> = (0..250).map(|n| stateful("thor-thor1", n, &slave(n))).collect();
    let support: Vec<String> = (1..=5).map(|n| format!("fd00:10:2::{n}")).collect();
    pods.extend(support.iter().enumerate().map(|(n, ip)| stateful("support", n, ip)));
    pods.reverse();
    let document = Document::parse(&bytes(&read(&pods))).unwrap();
    let environment = Environment::new(&document);

    assert_eq!(environment.computers.len(), 255);
    let names: BTreeSet<_> = environment.computers.iter().map(|one| &one.name).collect();
    assert_eq!(names.len(), 255);
    let thor = environment.named("ThorCluster", "thor1").unwrap();
    let slaves: Vec<_> =
        thor.part(Part::ThorSlave).map(|one| one.address.clone().unwrap()).collect();
    let expected: Vec<String> =
        (0..250).map(|n| slave(n).parse::<Address>().unwrap().to_string()).collect();
    assert_eq!(slaves, expected);

    // The single-instance components are spread over all support machines, and over nothing else.
    let everywhere = ["DafilesrvProcess", "FTSlaveProcess"];
    let single = environment.components.iter().filter(|one| !everywhere.contains(&one.process));
    let hosts: BTreeSet<String> = single
        .flat_map(|component| &component.instances)
        .filter(|one| one.part != Part::ThorSlave)
        .map(|one| one.address.clone().unwrap().into_owned())
        .collect();
    assert_eq!(hosts, support.into_iter().collect());

    let findings = lint(&document, &LintOptions::default());
    let errors: Vec<_> = findings.iter().filter(|one| one.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
