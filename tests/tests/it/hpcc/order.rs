//! The order in which pods are listed makes no difference to the file. In-process: a thousand programs would take
//! minutes.

use discovery::{Options, discover, read_pods};
use envxml::catalogue::Catalogue;
use envxml::place;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use topology::ClusterSpec;

use super::pods::*;

/// The file that comes of pods.
fn bytes(pods: &[Value]) -> String {
    let pods = read_pods(&list(pods), "cluster.local").unwrap();
    let spec = ClusterSpec::default();
    let found = discover(&pods, &Options { namespace: Some("hpcc"), ..Options::default() });
    found.accept(false).unwrap();
    let catalogue = Catalogue::newest();
    let placed = place::from_roles(&found.placement, &spec, catalogue).unwrap();
    placed.blueprint.document(catalogue, "host").to_envgen_text()
}

#[test]
fn shuffled_pods_give_the_same_bytes_a_thousand_times() {
    let mut pods = of_2019();
    pods.extend(of_ours().into_iter().skip(1));
    pods.extend(strangers());
    pods.extend((0..11).map(|n| stateful("thor-big", n, &format!("fd00::{:x}", 0x40 - n))));
    let expected = bytes(&pods);
    let mut runner = TestRunner::new(Config { cases: 1000, ..Config::default() });
    runner
        .run(&Just(pods).prop_shuffle(), |shuffled| {
            prop_assert!(bytes(&shuffled) == expected);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_cluster_of_250_nodes_with_5_support_nodes_and_ipv6_has_everything_once() {
    let mut pods: Vec<Value> = (0..250)
        .map(|n| {
            stateful("thor-thor1", n, &format!("fd00:10:1::{:x}", 0x1_0000 - 257 * n % 0xffff))
        })
        .collect();
    pods.extend((0..5).map(|n| stateful("support", n, &format!("fd00:10:2::{n}"))));
    pods.reverse();
    let text = bytes(&pods);
    let document = envxml::Document::parse(&text).unwrap();
    let environment = envxml::Environment::new(&document);
    assert_eq!(environment.computers.len(), 255);
    let names: std::collections::BTreeSet<_> =
        environment.computers.iter().map(|one| &one.name).collect();
    assert_eq!(names.len(), 255);
    let thor = environment.named("ThorCluster", "thor1").unwrap();
    let slaves: Vec<_> =
        thor.part(envxml::view::Part::ThorSlave).map(|one| one.address.clone().unwrap()).collect();
    let by_number: Vec<_> =
        (0..250).map(|n| format!("fd00:10:1::{:x}", 0x1_0000 - 257 * n % 0xffff)).collect();
    let canonical: Vec<String> =
        by_number.iter().map(|one| one.parse::<topology::Address>().unwrap().to_string()).collect();
    assert_eq!(slaves, canonical);
    // The single-instance components are spread over the support machines, and over nothing else.
    let mut hosts = std::collections::BTreeSet::new();
    for tag in [
        "DaliServerProcess",
        "SashaServerProcess",
        "DfuServerProcess",
        "EclAgentProcess",
        "EspProcess",
    ] {
        for component in environment.of_process(tag) {
            hosts.extend(
                component.instances.iter().map(|one| one.address.clone().unwrap().to_string()),
            );
        }
    }
    assert_eq!(
        hosts,
        (0..5)
            .map(|n| format!("fd00:10:2::{}", if n == 0 { String::new() } else { n.to_string() }))
            .collect()
    );
    let findings = envxml::lint::lint(&document, &envxml::lint::LintOptions::default());
    let errors: Vec<_> =
        findings.iter().filter(|one| one.severity == envxml::lint::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
