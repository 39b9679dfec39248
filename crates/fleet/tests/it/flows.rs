//! Every command, with a desk that is killed at every call.

use std::collections::BTreeMap;

use fleet::plan::Clean;
use topology::Inventory;

use crate::desk::{Command, done, made, of_version, planned, run, without};
use crate::lab::{Dies, Lab, six, two};

pub(crate) type State = BTreeMap<String, String>;

/// What is different, in few lines.
pub(crate) fn difference(one: &State, other: &State) -> String {
    let mut lines = Vec::new();
    for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
        let (a, b) = (one.get(key), other.get(key));
        if a == b {
            continue;
        }
        let of = |text: Option<&String>| -> Vec<String> {
            text.iter().flat_map(|text| text.lines().map(str::to_owned)).collect()
        };
        let (a, b) = (of(a), of(b));
        lines.push(format!("{key}:"));
        lines.extend(a.iter().filter(|line| !b.contains(line)).map(|line| format!("  - {line}")));
        lines.extend(b.iter().filter(|line| !a.contains(line)).map(|line| format!("  + {line}")));
    }
    lines.join("\n")
}

/// Nothing is lost, and nothing is left behind that a command keeps for itself only.
pub(crate) fn assert_sound(lab: &Lab, when: &str) {
    assert_eq!(lab.lost(), Vec::<String>::new(), "{when}");
    lab.api.with(|api| {
        for (name, node) in &api.nodes {
            assert!(!node.cordoned && node.annotations.is_empty(), "{when}: {name}: {node:?}");
        }
    });
}

/// The command as it is, and the same with a desk that is killed at every call, before and after the host has done it: the
/// next run ends in the same state.
fn dies_everywhere(
    prepare: impl Fn() -> Lab,
    inventory: &Inventory,
    command: &Command,
    keeps_data: bool,
) -> State {
    let whole = prepare();
    whole.desk(Dies::Never);
    done(&whole, inventory, command, "whole");
    let (calls, state) = (whole.calls(), whole.state());
    assert!(calls > 0);
    if keeps_data {
        assert_sound(&whole, "whole");
    }
    for at in 0..calls {
        for dies in [Dies::Before(at), Dies::After(at)] {
            let when = format!("{dies:?} {}", whole.asked().get(at).cloned().unwrap_or_default());
            let lab = prepare();
            lab.desk(dies);
            let outcome = run(&lab, inventory, command).unwrap();
            assert!(!outcome.is_whole(), "{when}: {outcome:?}");
            lab.desk(Dies::Never);
            done(&lab, inventory, command, &when);
            let now = lab.state();
            assert!(now == state, "{when}:\n{}", difference(&state, &now));
            if keeps_data {
                assert_sound(&lab, &when);
            }
        }
    }
    state
}

/// The members of etcd, as each of them has them.
fn members(state: &State) -> Vec<&str> {
    let of = state.iter().filter(|(key, _)| key.starts_with("etcd "));
    of.map(|(_, members)| members.as_str()).collect()
}

fn nodes(state: &State) -> Vec<&str> {
    state.keys().filter_map(|key| key.strip_prefix("node ")).collect()
}

const THREE: &str = "true cp1 https://10.20.0.1:2380 false; cp2 https://10.20.0.11:2380 false; cp3 https://10.20.0.111:2380 false";

#[test]
fn bare_hosts_become_a_cluster_and_then_nothing_is_to_be_done_and_each_is_asked_once() {
    for inventory in [six(), two()] {
        let lab = made(&inventory);
        let state = lab.state();
        let expected: Vec<&str> = ["cp1", "cp2", "cp3", "w1", "w2"]
            .into_iter()
            .filter(|name| inventory.hosts.iter().any(|host| host.name == *name))
            .collect();
        assert_eq!(nodes(&state), expected);
        if inventory.hosts.len() > 2 {
            assert_eq!(members(&state), [THREE; 3]);
        }
        lab.desk(Dies::Never);
        let (_, plan) = planned(&lab, &inventory, &Command::Deploy);
        assert_eq!(plan.to_string(), "");
        assert_eq!(lab.asked(), Vec::<String>::new());
        assert_eq!(lab.surveys(), vec![1; inventory.hosts.len()]);
        assert_eq!(lab.state(), state);
    }
}

#[test]
fn a_deploy_goes_on_wherever_the_desk_is_killed() {
    for inventory in [six(), two()] {
        dies_everywhere(|| Lab::bare(&inventory), &inventory, &Command::Deploy, true);
    }
}

#[test]
fn a_host_is_added_wherever_the_desk_is_killed() {
    let inventory = six();
    let whole = made(&inventory).state();
    for name in ["w1", "cp3"] {
        // The others were there before it.
        let prepare = || {
            let lab = Lab::bare(&inventory);
            done(&lab, &without(&inventory, name), &Command::Deploy, "the others");
            lab
        };
        let state = dies_everywhere(prepare, &inventory, &Command::Add(name), true);
        assert!(state == whole, "{name}:\n{}", difference(&whole, &state));
    }
}

#[test]
fn a_host_is_removed_wherever_the_desk_is_killed() {
    let inventory = six();
    for name in ["w1", "cp3", "cp1"] {
        let state = dies_everywhere(|| made(&inventory), &inventory, &Command::Remove(name), true);
        assert_eq!(nodes(&state).len(), 4, "{name}");
        assert!(!nodes(&state).contains(&name));
        let count = if name == "w1" { 3 } else { 2 };
        assert_eq!(members(&state).len(), count, "{name}");
        assert!(members(&state).iter().all(|it| it.split("; ").count() == count), "{state:?}");
    }
    let inventory = two();
    dies_everywhere(|| made(&inventory), &inventory, &Command::Remove("w1"), true);
}

#[test]
fn a_worker_is_repaired_wherever_the_desk_is_killed() {
    let inventory = six();
    let prepare = || {
        let lab = made(&inventory);
        lab.with("w2", |host| {
            host.with(|world| {
                world.files.remove("/etc/sysctl.d/90-node-prep.conf");
            });
        });
        lab
    };
    let state = dies_everywhere(prepare, &inventory, &Command::Repair("w2"), true);
    let whole = made(&inventory).state();
    assert!(state == whole, "{}", difference(&whole, &state));
}

#[test]
fn an_upgrade_goes_on_wherever_the_desk_is_killed() {
    for inventory in [six(), two()] {
        let new = of_version(&inventory, "1.36");
        let state = dies_everywhere(|| made(&inventory), &new, &Command::Upgrade, true);
        assert_eq!(state["version"], "1.36.0");
        let of_nodes = state.iter().filter(|(key, _)| key.starts_with("node "));
        for (name, node) in of_nodes {
            assert!(node.contains("version: \"1.36.0\""), "{name}: {node}");
        }
    }
}

#[test]
fn certificates_are_renewed_wherever_the_desk_is_killed() {
    for inventory in [six(), two()] {
        dies_everywhere(|| made(&inventory), &inventory, &Command::Renew, true);
    }
}

#[test]
fn a_cluster_is_taken_apart_wherever_the_desk_is_killed() {
    for inventory in [six(), two()] {
        for with_data in [false, true] {
            let command = Command::Clean(Clean { with_data, undo: false });
            let state = dies_everywhere(|| made(&inventory), &inventory, &command, false);
            assert_eq!(members(&state), [""; 0]);
            let data = state.values().filter(|host| host.contains("/member/disk")).count();
            let control_planes = if inventory.hosts.len() > 2 { 3 } else { 1 };
            assert_eq!(data, if with_data { 0 } else { control_planes });
        }
    }
}
