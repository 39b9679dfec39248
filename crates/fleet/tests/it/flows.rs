//! Every command, with a desk that is killed at every call.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::Contact as _;
use fleet::plan::Clean;
use node_bootstrap::agent::Request;
use node_bootstrap::fake::{Death, FakeHost};
use node_bootstrap::host::Host as _;
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
            // All is done then; what is left ends by itself.
            let is_end = when.ends_with(": end-tokens");
            assert_eq!(outcome.is_whole(), is_end, "{when}: {outcome:?}");
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
fn op_b6_09_bare_hosts_become_a_cluster_and_the_next_deploy_only_asks_each_once() {
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
fn op_b6_03_a_host_is_removed_wherever_the_desk_is_killed() {
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
        lab.api.with(|api| api.nodes.get_mut("w2").unwrap().broken = true);
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
fn certificates_that_have_ended_are_renewed_on_all_before_anything_is_started_again() {
    for (inventory, names) in [(six(), &["cp1", "cp2", "cp3"][..]), (two(), &["cp1"])] {
        let prepare = || {
            let lab = made(&inventory);
            for name in names {
                lab.with(name, FakeHost::end_certificates);
            }
            lab
        };
        let lab = prepare();
        assert_eq!(members(&lab.state()), [""; 0]);
        let why = run(&lab, &inventory, &Command::Deploy).unwrap_err();
        assert!(why[0].contains("`k8s-cluster certs renew`"), "{why:?}");
        lab.desk(Dies::Never);
        done(&lab, &inventory, &Command::Renew, "");
        let mut parts = lab.asked();
        for call in &mut parts {
            *call = call.split(": ").last().unwrap().to_owned();
        }
        parts.dedup();
        assert_eq!(parts, ["renew-files", "read-certificates"]);
        dies_everywhere(prepare, &inventory, &Command::Renew, true);
    }
    // One that has ended alone is renewed as always, and waited for.
    let inventory = six();
    let lab = made(&inventory);
    lab.with("cp2", FakeHost::end_certificates);
    let (_, plan) = planned(&lab, &inventory, &Command::Renew);
    insta::assert_snapshot!(plan.to_string(), @r"
    control planes (one by one)
      cp1: renew the certificates, and have the control plane read them
      cp2: renew the certificates, and have the control plane read them
      cp3: renew the certificates, and have the control plane read them
    until the API servers answer
      cp2: wait until its own API server answers
    ");
    done(&lab, &inventory, &Command::Renew, "");
    assert_eq!(planned(&lab, &inventory, &Command::Deploy).1.to_string(), "");
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

/// The servers that haproxy leads to.
fn servers(lab: &Lab) -> Vec<String> {
    lab.with("lb", |host| {
        let text = host.text("/etc/haproxy/haproxy.cfg").unwrap().unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| line.starts_with("server "));
        lines.map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
    })
}

#[test]
fn op_b6_04_proxies_learn_of_a_new_control_plane_and_forget_one_that_goes() {
    let inventory = six();
    let lab = Lab::bare(&inventory);
    done(&lab, &without(&inventory, "cp3"), &Command::Deploy, "the others");
    let two = ["server cp1 10.20.0.1:6443", "server cp2 10.20.0.11:6443"];
    assert_eq!(servers(&lab), two);
    done(&lab, &inventory, &Command::Add("cp3"), "");
    assert_eq!(servers(&lab), [two[0], two[1], "server cp3 10.20.0.111:6443"]);
    assert_eq!(members(&lab.state()), [THREE; 3]);
    done(&lab, &inventory, &Command::Remove("cp3"), "");
    assert_eq!(servers(&lab), two);
    assert_eq!(members(&lab.state()).len(), 2);
}

#[test]
fn op_b6_05_of_two_similar_addresses_the_right_member_leaves() {
    let inventory = six();
    for (name, stay) in [("cp1", ["cp2", "cp3"]), ("cp2", ["cp1", "cp3"])] {
        let lab = made(&inventory);
        done(&lab, &inventory, &Command::Remove(name), "");
        for members in members(&lab.state()) {
            let names: Vec<&str> = members
                .trim_start_matches("true ")
                .split("; ")
                .filter_map(|member| member.split(' ').next())
                .collect();
            assert_eq!(names, stay, "{name}");
        }
    }
}

#[test]
fn op_b6_08_a_control_plane_is_not_repaired_and_nothing_of_it_is_touched() {
    let inventory = six();
    let lab = made(&inventory);
    let state = lab.state();
    lab.desk(Dies::Never);
    let why = run(&lab, &inventory, &Command::Repair("cp2")).unwrap_err();
    assert!(why[0].contains("cp2 is a control plane: nothing was touched"), "{why:?}");
    assert_eq!(lab.asked(), Vec::<String>::new());
    assert!(lab.state() == state, "{}", difference(&state, &lab.state()));
}

#[test]
fn op_b6_11_kubectl_is_that_of_a_control_plane_and_as_new_as_its_api_server() {
    let inventory = six();
    let lab = made(&inventory);
    lab.desk(Dies::Never);
    let new = of_version(&inventory, "1.36");
    done(&lab, &new, &Command::Upgrade, "");
    let asked = lab.asked();
    let calls: Vec<_> = asked.iter().filter(|call| call.contains(": kubectl ")).collect();
    assert!(calls.len() > 20, "{calls:?}");
    assert!(calls.iter().all(|call| call.starts_with("cp")), "{calls:?}");
    for name in ["cp1", "cp2", "cp3"] {
        let version = lab.with(name, |host| host.snapshot().packages["kubectl"].clone());
        assert_eq!(version, "1.36.0-1.1");
    }
}

/// How many tokens and certificates let hosts in.
fn doors(lab: &Lab) -> usize {
    lab.with("cp1", |host| {
        let cluster = host.snapshot().cluster.unwrap();
        cluster.tokens.len() + usize::from(cluster.uploaded.is_some())
    })
}

#[test]
fn what_let_hosts_in_lets_nobody_in_after_a_run() {
    let inventory = six();
    for fails in [false, true] {
        let lab = Lab::bare(&inventory);
        lab.desk(Dies::Never);
        if fails {
            lab.kill_host_at("w1", 0, Death::Before);
        }
        let outcome = run(&lab, &inventory, &Command::Deploy).unwrap();
        assert_eq!(outcome.is_whole(), !fails, "{outcome:?}");
        assert_eq!(lab.asked().last().unwrap(), "cp1: end-tokens");
        assert_eq!(doors(&lab), 0);
        if !fails {
            // Nobody joins, and nobody is invited.
            done(&lab, &inventory, &Command::Renew, "");
            assert!(!lab.asked().last().unwrap().contains("tokens"));
        }
    }
    // What somebody else made stays. What cannot be taken away is told.
    let lab = Lab::bare(&inventory);
    done(&lab, &without(&inventory, "w1"), &Command::Deploy, "the others");
    let request = Request::Invite { control_planes: true, lifetime: Duration::from_hours(24) };
    lab.call("cp1", &request, Duration::ZERO, &mut |_| {}).unwrap();
    lab.desk(Dies::Never);
    done(&lab, &inventory, &Command::Add("w1"), "");
    assert_eq!(doors(&lab), 2);
    let last = lab.asked().len() - 1;
    let lab = Lab::bare(&inventory);
    done(&lab, &without(&inventory, "w1"), &Command::Deploy, "the others");
    lab.desk(Dies::Before(last));
    let outcome = run(&lab, &inventory, &Command::Add("w1")).unwrap();
    assert!(outcome.is_whole(), "{outcome:?}");
    assert_eq!(doors(&lab), 1);
    let said = lab.said.lock().unwrap().last().unwrap().clone();
    assert!(said.contains("could not be taken away, and end by themselves within 2 h"), "{said}");
}
