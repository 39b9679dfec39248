//! What is done, on members in memory.

use super::world::{Dies, World};
use crate::etcd::{Action, Goal, OrderError, Standing, Step, plan};

fn mend(hosts: &[&str]) -> Goal {
    let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
    Goal::Mend { hosts, snapshot: "/before".to_owned() }
}

fn leave(host: &str) -> Goal {
    Goal::Leave { host: host.to_owned(), force: false, snapshot: "/before".to_owned() }
}

fn clear(host: &str) -> Goal {
    let address = format!("10.10.0.{}", host.trim_start_matches('m'));
    Goal::Clear { host: host.to_owned(), address }
}

fn restore(token: &str) -> Goal {
    Goal::Restore {
        hosts: ["m1", "m11", "m12"].map(str::to_owned).to_vec(),
        path: "/snapshot-taken".to_owned(),
        without: Vec::new(),
        token: token.to_owned(),
        revision: None,
        force: false,
    }
}

/// Does it, and the same again with a desk that dies at every call, before and after the host has done it: the next run ends in the same state.
fn dies_everywhere(world: impl Fn() -> World, goal: impl Fn(&World) -> Goal) -> Vec<String> {
    let mut whole = world();
    whole.desk(Dies::Never);
    let wanted = goal(&whole);
    let shown: Vec<Action> = plan(&wanted, &whole.survey())
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Do(action) => Some(action),
            Step::Wait(_) => None,
        })
        .collect();
    let report = whole.run(&wanted).unwrap();
    let texts = |actions: &[Action]| actions.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&shown), texts(&report.actions), "what is shown is what is done");
    assert_eq!(whole.lost(), Vec::<String>::new());
    let state = whole.state();
    let calls = whole.has_calls();
    assert!(calls >= report.actions.len() && calls > 0);
    for at in 0..calls {
        for dies in [Dies::Before(at), Dies::After(at)] {
            let mut world = world();
            world.desk(dies);
            let wanted = goal(&world);
            world.run(&wanted).unwrap_err();
            world.desk(Dies::Never);
            match world.run(&wanted) {
                Ok(_) => {}
                // The run had come to its end.
                Err(OrderError::Refused(why))
                    if why.contains("nothing has to be restored")
                        || why.contains("take the others out") => {}
                Err(error) => panic!("{dies:?}: {error:?}\n{:#?}", world.said),
            }
            assert_eq!(world.lost(), Vec::<String>::new(), "{dies:?}");
            let now = world.state();
            assert!(
                same(&now, &state, matches!(wanted, Goal::Restore { .. })),
                "{dies:?}: {now:#?}\n{:#?}",
                world.said
            );
        }
    }
    state
}

/// The same; after a restore that was begun twice more data were put away.
fn same(one: &[String], other: &[String], restored: bool) -> bool {
    let plain = |state: &[String]| {
        let lines = state.iter().map(|line| line.replace("kept data true", "kept data false"));
        lines.collect::<Vec<_>>()
    };
    one == other || restored && plain(one) == plain(other)
}

fn broken(count: usize, breaks: impl Fn(&World)) -> World {
    let world = World::of(count);
    breaks(&world);
    world
}

#[test]
fn op_b6_07_a_wiped_member_is_mended_wherever_the_desk_dies() {
    let state = dies_everywhere(|| broken(3, |world| world.wipe("m1")), |_| mend(&["m1"]));
    insta::assert_snapshot!(state.join("\n"), @"
    m1: InPlace, data true, old data false, kept data false, healthy and learner Some((true, false)), API server https://10.10.0.1:2379,https://10.10.0.11:2379,https://10.10.0.12:2379
    m11: InPlace, data true, old data false, kept data false, healthy and learner Some((true, false)), API server https://10.10.0.1:2379,https://10.10.0.11:2379,https://10.10.0.12:2379
    m12: InPlace, data true, old data false, kept data false, healthy and learner Some((true, false)), API server https://10.10.0.1:2379,https://10.10.0.11:2379,https://10.10.0.12:2379
    ");
}

#[test]
fn a_dead_leader_is_mended_wherever_the_desk_dies() {
    let state = dies_everywhere(
        || broken(3, |world| world.sicken(&world.leader())),
        |world| {
            let hosts = world.hosts();
            let sick = hosts.iter().find(|(_, disk)| disk.sick).unwrap().0.clone();
            mend(&[&sick])
        },
    );
    assert_eq!(state.len(), 3);
}

#[test]
fn two_of_five_are_mended_together_wherever_the_desk_dies() {
    let both = |world: &World| {
        world.wipe("m11");
        world.sicken("m13");
    };
    dies_everywhere(|| broken(5, both), |_| mend(&["m11", "m13"]));
}

#[test]
fn a_member_leaves_wherever_the_desk_dies() {
    dies_everywhere(|| World::of(3), |world| leave(&world.leader()));
    dies_everywhere(|| World::of(2), |_| leave("m1"));
    dies_everywhere(|| World::of(4), |_| leave("m1"));
}

#[test]
fn two_desks_that_each_take_a_member_out_never_take_the_quorum_away() {
    let prepare = || {
        let mut world = World::of(4);
        // Etcd itself does not look.
        world.cluster.without_strict_check();
        world.sicken("m13");
        world.desk(Dies::Never);
        world
    };
    let whole = prepare();
    whole.run(&leave("m1")).unwrap();
    let mut results = Vec::new();
    for call in 0..whole.has_calls() {
        let world = prepare();
        world.meanwhile(call, |world| drop(world.run(&leave("m11"))));
        let result = world.run(&leave("m1"));
        world.cluster.write("after both").unwrap();
        let Standing::Agreed(agreed) = world.survey().standing() else { panic!("{call}") };
        assert_eq!((agreed.members.len(), agreed.healthy.len()), (3, 2), "{call}");
        assert_eq!(world.lost(), Vec::<String>::new());
        results.push(match result {
            Ok(_) => "done".to_owned(),
            Err(OrderError::Action { source, .. }) => source.to_string(),
            Err(error) => error.to_string(),
        });
    }
    results.dedup();
    insta::assert_snapshot!(results.join("\n"), @"
    without m1 (https://10.10.0.1:2380) etcd needs 2 healthy voting members and has 1: mend or remove first m13 (https://10.10.0.13:2380)
    the members have changed since: run it again
    done
    ");
}

#[test]
fn one_that_nobody_reaches_leaves() {
    let away = |world: &World| {
        world.hosts().get_mut("m1").unwrap().away = true;
    };
    dies_everywhere(|| broken(3, away), |_| leave("m1"));
}

#[test]
fn a_lost_cluster_is_restored_wherever_the_desk_dies() {
    let lost = || {
        let mut world = World::of(3);
        let report = world.run(&Goal::Snapshot { path: "/snapshot".to_owned() }).unwrap();
        let (_, snapshot) = report.snapshot.unwrap();
        assert_eq!(snapshot.path, "/snapshot");
        // Every write so far has a revision, and the first one is 2.
        let from = usize::try_from(snapshot.revision).unwrap() - 1;
        world.wipe("m11");
        world.wipe("m12");
        world.given_up = from..world.writes();
        assert!(matches!(world.run(&mend(&["m11"])), Err(OrderError::Refused(_))));
        world
    };
    let number = std::cell::Cell::new(0);
    let goal = |_: &World| {
        number.set(number.get() + 1);
        restore(&format!("t{}", number.get()))
    };
    dies_everywhere(lost, goal);
}

#[test]
fn a_cluster_is_restored_without_hosts_that_burned_wherever_the_desk_dies() {
    let burned = || {
        let mut world = World::of(3);
        let report = world.run(&Goal::Snapshot { path: "/snapshot".to_owned() }).unwrap();
        let from = usize::try_from(report.snapshot.unwrap().1.revision).unwrap() - 1;
        // The snapshot is at the desk.
        let file = world.hosts().values().find_map(|disk| disk.files.get("/snapshot").cloned());
        for name in ["m11", "m12"] {
            world.wipe(name);
            world.hosts().get_mut(name).unwrap().away = true;
            world.hosts().get_mut(name).unwrap().sick = true;
        }
        world.hosts().get_mut("m1").unwrap().files.insert("/snapshot".to_owned(), file.unwrap());
        world.given_up = from..world.writes();
        let refusal = world.run(&mend(&["m1"])).unwrap_err().to_string();
        assert!(
            refusal.contains("etcd restore --from SNAPSHOT --without m11 --without m12`"),
            "{refusal}"
        );
        world
    };
    let number = std::cell::Cell::new(0);
    let goal = |_: &World| {
        number.set(number.get() + 1);
        let mut goal = restore(&format!("t{}", number.get()));
        if let Goal::Restore { hosts, without, .. } = &mut goal {
            *without = hosts.split_off(1);
        }
        goal
    };
    dies_everywhere(burned, goal);
}

#[test]
fn what_stands_in_the_way_of_a_new_member_is_cleared() {
    let left = || {
        let world = World::of(3);
        let learner = "https://10.10.0.13:2380";
        let leader = world.leader();
        let url = format!("https://10.10.0.{}:2380", leader.trim_start_matches('m'));
        etcd::Api::member_add_learner(&world.cluster.member(&url), learner).unwrap();
        world
    };
    dies_everywhere(left, |_| clear("m13"));
}

#[test]
fn an_alarm_is_told_at_once_and_nothing_is_done_or_waited_for() {
    let mut world = World::of(3);
    world.desk(Dies::Never);
    world.cluster.alarm("NOSPACE", "https://10.10.0.11:2380");
    for goal in [mend(&["m1"]), leave("m1"), clear("m13"), restore("t")] {
        let error = world.run(&goal).unwrap_err();
        assert!(
            matches!(&error, OrderError::Refused(why) if why.contains("NOSPACE of m11 (https://10.10.0.11:2380)")),
            "{error}"
        );
    }
    assert_eq!(world.has_calls(), 0);
    assert_eq!(*world.said.lock().unwrap(), Vec::<String>::new());
    // It can be looked at, and a snapshot be had.
    world.run(&Goal::Snapshot { path: "/snapshot".to_owned() }).unwrap();
    // One that comes in the midst of it is not waited for either.
    world.cluster.disarm();
    world.wipe("m1");
    world.meanwhile(2, |world| world.cluster.alarm("CORRUPT", "https://10.10.0.11:2380"));
    let error = world.run(&mend(&["m1"])).unwrap_err();
    assert!(
        matches!(&error, OrderError::Refused(why) if why.contains("`k8s-cluster remove m11`")),
        "{error}"
    );
    assert!(!world.said.lock().unwrap().iter().any(|line| line.starts_with("waiting")));
    world.cluster.disarm();
    world.run(&mend(&["m1"])).unwrap();
    assert_eq!(world.lost(), Vec::<String>::new());
}

#[test]
fn a_host_that_refuses_is_not_asked_again_and_one_that_fails_is() {
    let world = World::of(3);
    world.wipe("m1");
    // There is nothing to take: every try fails.
    let mut goal = restore("t");
    if let Goal::Restore { force, .. } = &mut goal {
        *force = true;
    }
    let error = world.run(&goal).unwrap_err();
    assert!(matches!(error, OrderError::NoSnapshot(host) if host == "m1"));
    assert_eq!(world.lost(), Vec::<String>::new());
}

#[test]
fn a_cluster_is_not_ended_for_a_snapshot_that_cannot_be_restored() {
    let mut goal = restore("t");
    if let Goal::Restore { force, .. } = &mut goal {
        *force = true;
    }
    let mut world = World::of(3);
    world.run(&Goal::Snapshot { path: "/snapshot".to_owned() }).unwrap();
    let before = world.state();
    world.hosts().get_mut("m12").unwrap().has_no_tool = true;
    let error = world.run(&goal).unwrap_err();
    assert!(matches!(&error, OrderError::Action { action, .. } if action.host == "m12"), "{error}");
    assert_eq!(world.state(), before);
    // What is no snapshot is not even given to a host.
    for disk in world.hosts().values_mut() {
        disk.files.values_mut().for_each(|content| content.truncate(100));
    }
    world.desk(Dies::Never);
    assert!(matches!(world.run(&goal), Err(OrderError::Refused(_))));
    assert_eq!(world.has_calls(), 0);
}
