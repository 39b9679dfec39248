//! What is missing before a set is complete.

use std::collections::BTreeMap;

use discovery::{Options, missing, read_address_files};
use insta::assert_snapshot;
use serde_json::Value;
use topology::ClusterSpec;

use crate::pods::*;

fn spec(text: &str) -> ClusterSpec {
    serde_json::from_str(text).unwrap()
}

fn lacks(pods: &[Value], spec: Option<&ClusterSpec>) -> String {
    let found = find(pods, &Options { spec, ..Options::default() });
    found.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_list_lacks_everything() {
    assert_snapshot!(lacks(&[], None), @"there is no machine for dali, sasha, dfuserver, eclagent, eclccserver, eclscheduler: a support pod is needed");
}

#[test]
fn a_master_needs_slaves_and_slaves_need_a_master() {
    let pods = [
        pod("thormaster-thor1").ip("10.0.0.1"),
        pod("thor-thor2").ip("10.0.0.2"),
        pod("dali").ip("10.0.0.3"),
    ];
    assert_snapshot!(lacks(&pods, None), @r"
    there is no machine for sasha, dfuserver, eclagent, eclccserver, eclscheduler: a support pod is needed
    thor-slave/thor1 has no pods, but a master
    thor-master/thor2 has no pod, and there is no support pod to take it
    ");
}

#[test]
fn numbers_of_a_stateful_set_have_no_holes() {
    let support = stateful("support", 0).ip("10.0.0.1");
    let thor = |at: usize| stateful("thor-thor1", at).ip(&format!("10.0.1.{at}"));
    let pods = [support, thor(2), thor(5), thor(3).pending(), thor(4).terminating()];
    assert_snapshot!(lacks(&pods, None), @r"
    pod thor-thor1-3 (thor-slave/thor1) does not run yet
    pod thor-thor1-4 (thor-slave/thor1) is being deleted
    set thor-thor1 lacks pods 0, 1
    ");
    // A set may begin at another number, if that is what is wanted.
    assert_eq!(
        lacks(&[pods[0].clone(), thor(2)], Some(&spec(r#"{"thor": {"thor1": {"slaves": 1}}}"#))),
        ""
    );
    // A single pod of that name has no set.
    assert_eq!(lacks(&[pods[0].clone(), pod("thor-thor1-3").ip("10.0.1.3")], None), "");
}

#[test]
fn a_pod_of_a_stateful_set_that_is_being_deleted_comes_back_unless_it_is_not_wanted() {
    let thor = |at: usize| stateful("thor-thor1", at).ip(&format!("10.0.1.{at}"));
    let pods = [stateful("support", 0).ip("10.0.0.1"), thor(0), thor(1), thor(2).terminating()];
    assert_eq!(lacks(&pods, None), "pod thor-thor1-2 (thor-slave/thor1) is being deleted");
    let wanted = |slaves: u32| spec(&format!(r#"{{"thor": {{"thor1": {{"slaves": {slaves}}}}}}}"#));
    assert_eq!(lacks(&pods, Some(&wanted(2))), "");
    assert!(!lacks(&pods, Some(&wanted(3))).is_empty());
    // A deployment has made another pod already.
    let pods = [
        pods[0].clone(),
        deployed("roxie-r", "a").terminating(),
        deployed("roxie-r", "b").ip("10.0.0.2"),
    ];
    assert_eq!(lacks(&pods, None), "");
}

#[test]
fn clusters_without_a_name_get_the_one_that_the_user_wants() {
    let wanted = spec(r#"{"thor": {"fast": {"slaves": 2}}, "roxie": {"a": {}, "b": {}}}"#);
    let found = find(&of_2016(), &Options { spec: Some(&wanted), ..Options::default() });
    assert_eq!(addresses(&found, "thor-slave/fast").len(), 2);
    assert!(addresses(&found, "thor-slave").is_empty());
    let slaves = found.pods.iter().filter(|pod| pod.name.starts_with("thor"));
    assert!(slaves.flat_map(|pod| &pod.roles).all(|key| key.to_string() == "thor-slave/fast"));
    // Two are wanted: nobody knows which one it is.
    assert_eq!(addresses(&found, "roxie").len(), 2);
    assert_eq!(found.missing.len(), 2);
    // One that is there already is not mixed with one that has no name.
    let mut pods = of_2016();
    pods.push(pod("thormaster-fast").ip("10.0.0.1"));
    let found = find(&pods, &Options { spec: Some(&wanted), ..Options::default() });
    assert_eq!(addresses(&found, "thor-slave").len(), 2);
}

#[test]
fn what_the_user_wants_has_to_be_there() {
    let wanted = spec(
        r#"{"support": {"machines": 2},
            "thor": {"thor1": {"slaves": 3, "master": "own"}, "thor2": {}},
            "roxie": {"roxie1": {"servers": 1}},
            "components": {"dali": {"machines": 1}}}"#,
    );
    assert_snapshot!(lacks(&of_2019_controllers(), Some(&wanted)), @r"
    support has 1 of 2 pods
    dali has 0 of 1 pod
    thor-slave/thor1 has 2 of 3 pods
    thor-slave/thor2 has 0 of 1 pod
    ");
    let single = [pod("hpcc").ip("10.0.0.1")];
    assert_eq!(lacks(&single, Some(&spec(r#"{"thor": {"t": {}}, "roxie": {"r": {}}}"#))), "");
}

#[test]
fn addresses_of_files_can_be_incomplete_too() {
    let files = [("thor-thor1", "10.0.0.1;\n"), ("dali", "10.0.0.2;\n")];
    let found = read_address_files(files);
    let missing = missing(&found.placement, &BTreeMap::new(), &[], &[]);
    assert_eq!(missing.len(), 2);
}
