//! Laws of placements.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;
use topology::{Address, ClusterName, Machine, Placement, Role, RoleKey};

fn key() -> impl Strategy<Value = RoleKey> {
    let role = (0..Role::ALL.len()).prop_map(|at| Role::ALL[at]);
    (role, proptest::option::of("[a-z][a-z0-9]{0,5}")).prop_map(|(role, cluster)| match cluster {
        Some(name) => RoleKey::of(role, &name.parse::<ClusterName>().unwrap()),
        None => RoleKey::single(role),
    })
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| Address::from(IpAddr::from(octets))),
        any::<u128>().prop_map(|bits| Address::from(IpAddr::from(Ipv6Addr::from_bits(bits)))),
        "[a-z][a-z0-9]{0,8}(\\.[a-z]{1,5}){0,3}".prop_map(|name| name.parse().unwrap()),
    ]
}

fn machine() -> impl Strategy<Value = Machine> {
    (address(), proptest::option::of("[a-z]{1,8}"), proptest::option::of(0..300_u32))
        .prop_map(|(address, name, ordinal)| Machine { address, name, ordinal, host_name: None })
}

/// Random sets of machines for random roles.
fn sets() -> impl Strategy<Value = BTreeMap<RoleKey, BTreeSet<Machine>>> {
    btree_map(key(), btree_set(machine(), 1..40), 0..12)
}

fn pairs(sets: &BTreeMap<RoleKey, BTreeSet<Machine>>) -> Vec<(RoleKey, Machine)> {
    sets.iter().flat_map(|(key, set)| set.iter().map(|m| (key.clone(), m.clone()))).collect()
}

proptest! {
    #[test]
    fn the_machines_of_each_role_are_exactly_those_that_were_given(
        (sets, given) in sets().prop_flat_map(|sets| {
            let given = Just(pairs(&sets)).prop_shuffle();
            (Just(sets), given)
        }),
    ) {
        let placement: Placement = given.into_iter().collect();
        let found: BTreeMap<RoleKey, BTreeSet<Machine>> =
            placement.iter().map(|(key, set)| (key.clone(), set.iter().cloned().collect())).collect();
        prop_assert_eq!(&found, &sets);
        for (key, set) in &sets {
            // In order, and none twice.
            let ordered: Vec<Machine> = set.iter().cloned().collect();
            prop_assert_eq!(placement.machines(key), ordered.as_slice());
            prop_assert_eq!(placement.candidates(key), ordered.as_slice());
        }
    }

    #[test]
    fn a_placement_is_read_as_it_is_written(sets in sets()) {
        let placement: Placement = pairs(&sets).into_iter().collect();
        let text = serde_json::to_string(&placement).unwrap();
        prop_assert_eq!(serde_json::from_str::<Placement>(&text).unwrap(), placement);
    }
}

fn placed(roles: &[(&str, &[&str])]) -> Placement {
    let mut placement = Placement::new();
    for (key, machines) in roles {
        for machine in *machines {
            let (name, address) = machine.split_once('=').unwrap();
            let machine = Machine::new(address.parse().unwrap()).named(name);
            placement.insert(key.parse().unwrap(), machine);
        }
    }
    placement
}

#[test]
fn what_has_no_machine_of_its_own_runs_on_support_and_else_on_nodes() {
    let placement = placed(&[("support", &["s=10.0.0.1"]), ("dali", &["d=10.0.0.2"])]);
    let names = |placement: &Placement, key: &str| -> Vec<String> {
        placement.candidates(&key.parse().unwrap()).iter().map(Machine::label).collect()
    };
    assert_eq!(names(&placement, "dali"), ["d"]);
    assert_eq!(names(&placement, "sasha"), ["s"]);
    assert_eq!(names(&placement, "thor-master/thor1"), ["s"]);
    assert!(names(&placement, "thor-slave/thor1").is_empty());

    let single = placed(&[("node", &["hpcc=10.0.0.1"])]);
    assert_eq!(names(&single, "roxie"), ["hpcc"]);
    assert_eq!(names(&single, "sasha"), ["hpcc"]);
}

#[test]
fn every_problem_of_a_placement_is_named() {
    let placement = placed(&[
        ("dali", &["d1=10.0.0.1", "d2=10.0.0.2"]),
        ("thor-master/thor1", &["m=10.0.0.3"]),
        ("thor-slave/thor1", &["t=10.0.0.3", "u=10.0.0.4"]),
        ("roxie/roxie1", &["u=10.0.0.5"]),
    ]);
    let shown: Vec<String> = placement.validate().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(Placement::new().validate()[0].code, "no-machines");
    assert_eq!(placed(&[("admin", &["a=10.0.0.1"])]).validate()[0].code, "no-machines");
}

#[test]
fn a_machine_may_carry_several_roles() {
    let placement = placed(&[
        ("thor-slave/x", &["a=10.0.0.1", "b=10.0.0.2"]),
        ("roxie/x", &["a=10.0.0.1", "b=10.0.0.2"]),
        ("support", &["c=fd00::1"]),
    ]);
    assert!(placement.validate().is_empty());
    let all: Vec<String> = placement.all_machines().into_iter().map(Machine::label).collect();
    assert_eq!(all, ["a", "b", "c"]);
    assert_eq!(placement.thor_clusters().len(), 1);
}
