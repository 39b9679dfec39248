//! Hosts that die, that nobody reaches, and that others work on.

use node_bootstrap::fake::Death;
use topology::Inventory;

use crate::desk::{Command, done, made, of_version, planned, run, without};
use crate::flows::{assert_sound, difference};
use crate::lab::{Dies, Lab, Mood, six, two};

const DEATHS: [Death; 3] = [Death::Before, Death::Within, Death::After];

/// A host dies at each of these of its changes; the next run ends in the same state as one in which none dies. Answers how often
/// it died.
fn host_dies(
    prepare: impl Fn() -> Lab,
    inventory: &Inventory,
    command: &Command,
    host: &str,
    moments: impl Iterator<Item = (usize, Death)>,
) -> usize {
    let whole = prepare();
    done(&whole, inventory, command, "whole");
    let state = whole.state();
    let mut deaths = 0;
    for (at, death) in moments {
        let when = format!("{host} dies {death:?} its change {at}");
        let lab = prepare();
        lab.kill_host_at(host, at, death);
        let outcome = run(&lab, inventory, command).unwrap();
        if outcome.is_whole() {
            continue;
        }
        deaths += 1;
        // It may have been asked for another one.
        assert!(outcome.failures.iter().any(|it| it.why == "the host is gone"), "{outcome:?}");
        done(&lab, inventory, command, &when);
        let now = lab.state();
        assert!(now == state, "{when}:\n{}", difference(&state, &now));
        assert_sound(&lab, &when);
    }
    deaths
}

/// Some changes of many.
fn some(step: usize) -> impl Iterator<Item = (usize, Death)> {
    (0..80).step_by(step).zip(DEATHS.into_iter().cycle())
}

#[test]
fn a_host_that_dies_while_a_cluster_is_made_goes_on() {
    let inventory = six();
    for host in ["cp1", "cp3", "w1", "lb"] {
        let deaths =
            host_dies(|| Lab::bare(&inventory), &inventory, &Command::Deploy, host, some(4));
        assert!(deaths > 2, "{host}: only {deaths}");
    }
}

#[test]
fn a_control_plane_that_dies_while_it_joins_goes_on_however_far_its_member_of_etcd_came() {
    let inventory = six();
    for cut_late in [false, true] {
        let prepare = || {
            let lab = Lab::bare(&inventory);
            done(&lab, &without(&inventory, "cp3"), &Command::Deploy, "the others");
            lab.api.with(|api| api.cut_late = cut_late);
            lab
        };
        let within = (0..60).map(|at| (at, Death::Within));
        let deaths = host_dies(prepare, &inventory, &Command::Add("cp3"), "cp3", within);
        assert!(deaths > 10, "only {deaths}");
    }
}

#[test]
fn a_host_that_dies_in_an_upgrade_or_as_it_leaves_goes_on() {
    let inventory = six();
    let new = of_version(&inventory, "1.36");
    for host in ["cp1", "cp2", "w1"] {
        let within = (0..60).map(|at| (at, Death::Within));
        let deaths = host_dies(|| made(&inventory), &new, &Command::Upgrade, host, within);
        assert!(deaths > 15, "{host}: only {deaths}");
    }
    for host in ["cp3", "w2"] {
        let command = Command::Remove(host);
        let moments = (0..20).zip(DEATHS.into_iter().cycle());
        let deaths = host_dies(|| made(&inventory), &inventory, &command, host, moments);
        assert!(deaths > 1, "{host}: only {deaths}");
    }
}

#[test]
fn a_worker_that_nobody_reaches_is_told_and_does_not_stop_the_others() {
    let inventory = six();
    let whole = made(&inventory).state();
    let lab = Lab::bare(&inventory);
    lab.mood("w1", Mood::Away);
    let (_, plan) = planned(&lab, &inventory, &Command::Deploy);
    assert!(plan.to_string().contains("left out: w1: no route to host"), "{plan}");
    done(&lab, &inventory, &Command::Deploy, "without w1");
    let now = lab.state();
    for name in ["node cp1", "node cp2", "node cp3", "node w2", "etcd cp3", "host lb"] {
        assert_eq!(now.get(name), whole.get(name), "{name}");
    }
    assert_eq!(now.get("node w1"), None);
    lab.mood("w1", Mood::Well);
    done(&lab, &inventory, &Command::Deploy, "with w1");
    assert!(lab.state() == whole, "{}", difference(&whole, &lab.state()));
}

#[test]
fn a_worker_that_fails_is_told_and_the_others_go_on() {
    for (at, mood) in [(Some(0), Mood::Well), (None, Mood::Busy)] {
        let inventory = six();
        let lab = Lab::bare(&inventory);
        if let Some(at) = at {
            lab.kill_host_at("w1", at, Death::Before);
        }
        lab.mood("w1", mood);
        let outcome = run(&lab, &inventory, &Command::Deploy).unwrap();
        assert_eq!(outcome.failures.len(), 1, "{outcome:?}");
        assert_eq!(outcome.failures[0].host, "w1");
        // It neither joins nor is it labelled.
        assert_eq!(outcome.left, 2, "{outcome:?}");
        let state = lab.state();
        let nodes: Vec<_> = state.keys().filter(|key| key.starts_with("node ")).collect();
        assert_eq!(nodes, ["node cp1", "node cp2", "node cp3", "node w2"]);
        lab.mood("w1", Mood::Well);
        done(&lab, &inventory, &Command::Deploy, "again");
        let whole = made(&inventory).state();
        assert!(lab.state() == whole, "{}", difference(&whole, &lab.state()));
    }
}

#[test]
fn op_b6_01_a_control_plane_that_fails_stops_what_follows() {
    let inventory = six();
    let prepared = || {
        let lab = Lab::bare(&inventory);
        lab.desk(Dies::Never);
        lab
    };
    // When the second one fails, the third one and the workers are not begun.
    let lab = prepared();
    let whole = {
        let lab = prepared();
        done(&lab, &inventory, &Command::Deploy, "whole");
        lab.asked()
    };
    let join = whole.iter().position(|call| call == "cp2: join").unwrap();
    assert!(whole[join..].contains(&"w1: join".to_owned()), "{whole:?}");
    let mut at = 0;
    loop {
        let lab = prepared();
        lab.kill_host_at("cp2", at, Death::Before);
        let outcome = run(&lab, &inventory, &Command::Deploy).unwrap();
        if outcome.is_whole() {
            break;
        }
        at += 1;
        assert_eq!(outcome.failures[0].host, "cp2", "{outcome:?}");
        let mut asked = lab.asked();
        asked.retain(|call| !call.ends_with(": end-tokens"));
        assert_eq!(asked[..], whole[..asked.len()], "change {at}");
        if asked.contains(&"cp2: join".to_owned()) {
            assert_eq!(asked.last().unwrap(), "cp2: join");
        }
    }
    assert!(at > 10, "only {at}");
    // Nobody reaches it: then nothing is begun at all.
    lab.mood("cp2", Mood::Away);
    let refusals = run(&lab, &inventory, &Command::Deploy).unwrap_err();
    assert_eq!(refusals, ["cp2: no route to host"]);
    assert_eq!(lab.asked(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_does_not_run_is_started_before_anything_else_is_done() {
    let inventory = six();
    let whole = made(&inventory).state();
    let stopped = |lab: &Lab| {
        lab.with("lb", |host| {
            host.with(|world| world.units.get_mut("haproxy.service").unwrap().active = false);
        });
    };
    let lab = made(&inventory);
    stopped(&lab);
    for command in [Command::Add("w1"), Command::Remove("w1"), Command::Upgrade] {
        let why = run(&lab, &inventory, &command).unwrap_err();
        assert!(why[0].contains("look at haproxy on lb"), "{why:?}");
    }
    for command in [Command::Deploy, Command::Repair("lb")] {
        stopped(&lab);
        done(&lab, &inventory, &command, "");
        assert!(lab.state() == whole, "{}", difference(&whole, &lab.state()));
    }
    // It goes on with what else there is to do.
    let lab = Lab::bare(&inventory);
    done(&lab, &without(&inventory, "w1"), &Command::Deploy, "the others");
    stopped(&lab);
    done(&lab, &inventory, &Command::Deploy, "with w1");
    assert!(lab.state() == whole, "{}", difference(&whole, &lab.state()));
}

#[test]
fn what_was_only_waited_for_when_it_was_to_stop_has_not_failed() {
    let inventory = two();
    let lab = Lab::bare(&inventory);
    lab.mood("w1", Mood::Stops);
    let outcome = run(&lab, &inventory, &Command::Deploy).unwrap();
    assert!(outcome.stopped && outcome.failures.is_empty(), "{outcome:?}");
    assert_eq!(lab.asked().last().unwrap(), "w1: apply");
}
