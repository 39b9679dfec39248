//! Pods of all generations of manifests get the roles that they are meant for.

use serde_json::Value;

use super::pods::*;
use super::{Scratch, placed, set};

/// Generates from pods on standard output, and answers where everything is.
fn generated(
    pods: &[Value],
    more: &[&str],
) -> std::collections::BTreeMap<String, std::collections::BTreeSet<String>> {
    let scratch = Scratch::new().with("pods.json", list(pods));
    let mut args = vec!["--pods", "pods.json"];
    args.extend(more);
    let ran = scratch.done(&args);
    placed(&ran.environment())
}

#[test]
fn the_manifests_of_2016_get_their_roles() {
    let found = generated(&of_2016(), &[]);
    assert_eq!(found["mythor"], set(&["172.17.0.9", "172.17.0.10"]));
    assert_eq!(found["mythor:master"], set(&["172.17.0.7"]));
    assert_eq!(found["myroxie"], set(&["172.17.0.3", "172.17.0.8"]));
    assert_eq!(found["myesp"], set(&["172.17.0.2"]));
    for single in
        ["mydali", "mysasha", "mydfuserver", "myeclagent", "myeclccserver", "myeclscheduler"]
    {
        assert_eq!(found[single], set(&["172.17.0.7"]), "{single}");
    }
    assert_eq!(found["mydafilesrv"].len(), 6);
}

#[test]
fn the_only_clusters_of_hpcc_yaml_give_the_manifests_of_2016_their_names() {
    let scratch = Scratch::new()
        .with("pods.json", list(&of_2016()))
        .with("hpcc.yaml", "thor: {t: {slaves: 2}}\nroxie: {r: {}}\nesp: {e: {}}\n");
    let ran = scratch.done(&["--pods", "pods.json", "--cluster", "hpcc.yaml"]);
    let found = placed(&ran.environment());
    assert_eq!(found["t"], set(&["172.17.0.9", "172.17.0.10"]));
    assert_eq!(found["r"].len(), 2);
    assert_eq!(found["e"].len(), 1);
}

#[test]
fn the_manifests_of_2019_get_their_roles_and_the_admin_pod_gets_none() {
    let found = generated(&of_2019(), &[]);
    assert_eq!(found["thor1"], set(&["10.2.2.1", "10.2.2.2"]));
    assert_eq!(found["thor1:master"], set(&["10.2.2.100"]));
    assert_eq!(found["roxie1"], set(&["10.2.1.1", "10.2.1.2"]));
    assert_eq!(found["esp1"], set(&["10.2.3.1"]));
    assert_eq!(found["mydali"], set(&["10.2.0.1"]));
    assert!(!found["mydafilesrv"].contains("10.2.9.1"));
}

#[test]
fn pods_with_our_labels_get_the_roles_that_they_say() {
    let found = generated(&of_ours(), &[]);
    assert_eq!(found["fast"], set(&["10.3.2.1", "10.3.2.2"]));
    assert_eq!(found["fast:master"], set(&["10.3.0.1"]));
    assert_eq!(found["queries"], set(&["10.3.1.1"]));
    assert_eq!(found["web"], set(&["10.3.3.1"]));
    assert_eq!(found["mydali"], set(&["10.3.0.2"]));
    assert_eq!(found["mysasha"], set(&["10.3.0.1"]));
}

#[test]
fn slaves_of_a_stateful_set_stand_in_the_order_of_their_numbers() {
    let mut pods = of_ours();
    pods.retain(|pod| pod["metadata"]["labels"]["windlass.dev/hpcc-role"] != "thor-slave");
    pods.extend((0..11).rev().map(|n| stateful("thor-fast", n, &format!("10.3.2.{}", 100 - n))));
    let scratch = Scratch::new().with("pods.json", list(&pods));
    let document = scratch.done(&["--pods", "pods.json"]).environment();
    let environment = envxml::Environment::new(&document);
    let thor = environment.named("ThorCluster", "fast").unwrap();
    let slaves = thor.part(envxml::view::Part::ThorSlave);
    let slaves: Vec<_> = slaves.map(|slave| slave.address.as_deref().unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..11).map(|n| format!("10.3.2.{}", 100 - n)).collect();
    assert_eq!(slaves, expected);
}

#[test]
fn pods_that_take_no_part_are_named_with_the_reason_and_are_in_no_role() {
    let mut pods = of_2019();
    pods.extend(strangers());
    let scratch = Scratch::new().with("pods.json", list(&pods));

    let refused = scratch.run(&["--pods", "pods.json", "-env", "e.xml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("[mixed-namespaces]"), "{refused:?}");
    assert!(refused.err.contains("with -n"), "{refused:?}");
    assert_eq!(scratch.names(), ["pods.json".to_owned()].into());

    let ran = scratch.done(&["--pods", "pods.json", "-n", "hpcc"]);
    insta::assert_snapshot!(ran.err);
    let found = placed(&ran.environment());
    assert_eq!(found, generated(&of_2019(), &[]));
    assert!(!ran.out.contains("10.9."));
}

#[test]
fn an_incomplete_set_is_refused_unless_it_is_said_to_be_enough() {
    let mut pods = of_2019();
    pods[1] = pending(pods[1].clone());
    pods[3] = without_address(pods[3].clone());
    let scratch = Scratch::new().with("pods.json", list(&pods));
    let refused = scratch.run(&["--pods", "pods.json", "-env", "e.xml"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    insta::assert_snapshot!(refused.err);
    assert_eq!(scratch.names(), ["pods.json".to_owned()].into());

    let found = generated(&pods, &["--allow-partial"]);
    assert_eq!(found["roxie1"], set(&["10.2.1.2"]));
    assert_eq!(found["thor1"], set(&["10.2.2.2"]));
}

#[test]
fn a_terminating_pod_of_a_stateful_set_is_waited_for_unless_fewer_are_wanted() {
    let mut pods = of_2019();
    pods[3] = terminating(pods[3].clone());
    let scratch = Scratch::new()
        .with("pods.json", list(&pods))
        .with("one.yaml", "thor: {thor1: {slaves: 1}}\n")
        .with("three.yaml", "thor: {thor1: {slaves: 3}}\n");
    let refused = scratch.run(&["--pods", "pods.json"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("missing: pod thor-thor1-1"), "{refused:?}");

    let shrunk = scratch.done(&["--pods", "pods.json", "--cluster", "one.yaml"]);
    assert_eq!(placed(&shrunk.environment())["thor1"], set(&["10.2.2.2"]));

    let refused = scratch.run(&["--pods", "pods.json", "--cluster", "three.yaml"]);
    assert!(refused.err.contains("thor-slave/thor1 has 1 of 3 pods"), "{refused:?}");
}

#[test]
fn pods_are_known_by_their_host_names_on_request() {
    let mut pods = of_ours();
    pods.push(stateful("roxie-queries", 0, "10.3.1.9"));
    let found = generated(&pods, &["--host-names", "--cluster-domain", "example.org"]);
    assert_eq!(
        found["queries"],
        set(&["10.3.1.1", "roxie-queries-0.roxie-queries.hpcc.svc.example.org"])
    );
}

#[test]
fn thor_masters_on_one_support_machine_get_ports_of_their_own() {
    let mut pods = of_ours();
    pods.push(ours("g", "thor-slave", "slow", "10.3.2.9"));
    let scratch = Scratch::new().with("pods.json", list(&pods));
    let ran = scratch.done(&["--pods", "pods.json"]);
    let environment = ran.environment();
    assert_eq!(placed(&environment)["slow:master"], set(&["10.3.0.1"]));
    let software = environment.root.child("Software").unwrap();
    let ports: Vec<_> =
        software.children("ThorCluster").map(|thor| thor.get("masterport").unwrap()).collect();
    assert_eq!(ports, ["20000", "21000"]);
}

#[test]
fn pods_of_components_that_are_not_generated_are_named_and_the_rest_goes_on() {
    let mut pods = of_ours();
    pods.push(ours("x", "ldap", "", "10.3.7.1"));
    pods.push(ours("y", "spark", "", "10.3.7.2"));
    pods.push(ours("z", "toposerver", "", "10.3.7.3"));
    let scratch = Scratch::new().with("pods.json", list(&pods));
    let ran = scratch.done(&["--pods", "pods.json"]);
    for (name, component) in
        [("x (ldap)", "ldapServer"), ("y (spark)", "sparkthor"), ("z (toposerver)", "toposerver")]
    {
        let line =
            format!("{name}: no {component} is generated for HPCC 7.2; an edit can add one\n");
        assert!(ran.err.contains(&line), "{ran:?}");
    }
    let found = placed(&ran.environment());
    assert_eq!(found["mydafilesrv"].len(), 9);
    // The newer version has a topology server.
    let newer = scratch.done(&["--pods", "pods.json", "--hpcc-version", "10"]);
    assert_eq!(placed(&newer.environment())["mytoposerver"], set(&["10.3.7.3"]));
}
