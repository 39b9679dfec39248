//! What is shown before it is done.

use insta::assert_snapshot;

use super::Is::{Dead, Expected, Follows, Gone, Out, Unreachable, Well, Wiped};
use super::{Is, address, clear, leave, mend, restore, situation};
use crate::etcd::{End, Goal, Plan, plan};

fn shown(goal: &Goal, all: &[Is]) -> String {
    plan(goal, &situation(all, 0)).to_string()
}

fn refused(goal: &Goal, all: &[Is]) -> String {
    let Plan { steps, end, .. } = plan(goal, &situation(all, 0));
    assert_eq!(steps, []);
    let End::Refused(why) = end else { panic!("{end:?}") };
    why
}

#[test]
fn op_b6_05_a_member_is_known_by_its_whole_address() {
    // The host that is gone has the address with which all others begin.
    assert_snapshot!(shown(&leave(0, false), &[Gone, Well, Well, Well]), @"
    m1: make a snapshot of etcd: /var/backups/etcd.db
    m1: take member 100 out, m0 (https://10.10.0.1:2380)
    ");
}

#[test]
fn a_wiped_member_is_taken_out_and_in_again() {
    assert_snapshot!(shown(&mend(&[2]), &[Well, Well, Wiped]), @"
    m0: make a snapshot of etcd: /var/backups/etcd.db
    m2: stop the member: park its manifest
    m0: take member 102 out, m2 (https://10.10.0.12:2380)
    m0: take https://10.10.0.12:2380 in as a learner
    m2: start the member with m0=https://10.10.0.1:2380,m1=https://10.10.0.11:2380,m2=https://10.10.0.12:2380
    m0: let m2 vote, once it has caught up
    ");
}

#[test]
fn op_b6_07_data_are_put_away_when_the_member_is_out_and_not_before() {
    assert_snapshot!(shown(&mend(&[1]), &[Well, Dead, Well]), @"
    m0: make a snapshot of etcd: /var/backups/etcd.db
    m1: stop the member: park its manifest
    m0: take member 101 out, m1 (https://10.10.0.11:2380)
    m1: put the data away
    m0: take https://10.10.0.11:2380 in as a learner
    m1: start the member with m0=https://10.10.0.1:2380,m1=https://10.10.0.11:2380,m2=https://10.10.0.12:2380
    m0: let m1 vote, once it has caught up
    m1: delete the data that were put away
    ");
}

#[test]
fn what_a_run_that_was_killed_left_is_gone_on_with() {
    assert_snapshot!(shown(&mend(&[1]), &[Well, Out, Well]), @"
    m1: put the data away
    m0: take https://10.10.0.11:2380 in as a learner
    m1: start the member with m0=https://10.10.0.1:2380,m1=https://10.10.0.11:2380,m2=https://10.10.0.12:2380
    m0: let m1 vote, once it has caught up
    m1: delete the data that were put away
    ");
    assert_snapshot!(shown(&mend(&[1]), &[Well, Expected, Well]), @"
    m1: start the member with m0=https://10.10.0.1:2380,m1=https://10.10.0.11:2380,m2=https://10.10.0.12:2380
    m0: let m1 vote, once it has caught up
    m1: delete the data that were put away
    ");
    assert_snapshot!(shown(&mend(&[1]), &[Well, Follows, Well]), @"
    m0: let m1 vote, once it has caught up
    m1: delete the data that were put away
    ");
}

#[test]
fn of_what_is_healthy_nothing_is_touched() {
    assert_snapshot!(shown(&mend(&[1]), &[Well, Well, Well]), @"nothing to do");
}

#[test]
fn what_a_restore_put_away_stays_when_members_are_mended() {
    let mut before = situation(&[Well, Well, Well], 0);
    for host in &mut before.hosts {
        host.here.as_mut().unwrap().has_kept_data = true;
    }
    assert_snapshot!(plan(&mend(&[0, 1, 2]), &before), @"nothing to do");
}

#[test]
fn several_are_mended_together_the_dead_ones_out_first() {
    assert_snapshot!(shown(&mend(&[1, 2]), &[Well, Dead, Wiped, Well, Well]), @"
    m0: make a snapshot of etcd: /var/backups/etcd.db
    m1: stop the member: park its manifest
    m0: take member 101 out, m1 (https://10.10.0.11:2380)
    m2: stop the member: park its manifest
    m0: take member 102 out, m2 (https://10.10.0.12:2380)
    m1: put the data away
    m0: take https://10.10.0.11:2380 in as a learner
    m1: start the member with m0=https://10.10.0.1:2380,m1=https://10.10.0.11:2380,m3=https://10.10.0.13:2380,m4=https://10.10.0.14:2380
    m0: let m1 vote, once it has caught up
    m0: take https://10.10.0.12:2380 in as a learner
    m2: start the member with m0=https://10.10.0.1:2380,m1=https://10.10.0.11:2380,m2=https://10.10.0.12:2380,m3=https://10.10.0.13:2380,m4=https://10.10.0.14:2380
    m0: let m2 vote, once it has caught up
    m1: delete the data that were put away
    ");
    assert_snapshot!(refused(&mend(&[1]), &[Well, Dead, Wiped, Well, Well]), @"etcd takes in no member while another one that votes is not healthy. Mend all together, or remove first: m2 (https://10.10.0.12:2380)");
}

#[test]
fn without_a_quorum_it_is_said_who_is_missing_and_what_to_do() {
    assert_snapshot!(refused(&mend(&[1]), &[Well, Dead, Unreachable, Gone, Gone]), @"1 of 5 voting members of etcd answer, and 3 have to: m0 answers, and is not healthy (no leader), m1 does not answer (connection refused), m2 cannot be asked (no route to host), m3 cannot be asked (no route to host), m4 cannot be asked (no route to host). Without them nothing can be changed: get them to run again, or give up what was written after a snapshot with `k8s-cluster etcd restore --from SNAPSHOT --without m2 --without m3 --without m4`, where those are gone for good");
    assert_snapshot!(refused(&mend(&[1]), &[Well, Dead, Wiped]), @"1 of 3 voting members of etcd answer, and 2 have to: m0 answers, and is not healthy (no leader), m1 does not answer (connection refused), m2 does not answer (connection refused). Without them nothing can be changed: get them to run again, or give up what was written after a snapshot with `k8s-cluster etcd restore --from SNAPSHOT`");
    assert_snapshot!(refused(&mend(&[0]), &[Dead]), @"no member of etcd answers: m0 does not answer (connection refused). Without them nothing can be changed: get them to run again, or give up what was written after a snapshot with `k8s-cluster etcd restore --from SNAPSHOT`");
    assert_snapshot!(refused(&leave(1, true), &[Well, Dead, Wiped]), @"1 of 3 voting members of etcd answer, and 2 have to: m0 answers, and is not healthy (no leader), m1 does not answer (connection refused), m2 does not answer (connection refused). Without them nothing can be changed: get them to run again, or give up what was written after a snapshot with `k8s-cluster etcd restore --from SNAPSHOT`");
}

#[test]
fn who_cannot_be_mended_is_said() {
    assert_snapshot!(refused(&mend(&[1]), &[Well, Gone, Well]), @"m1 cannot be asked: no route to host. One that does not come back is to be removed: `k8s-cluster remove m1 --gone`");
    assert_snapshot!(refused(&mend(&[7]), &[Well, Well, Well]), @"m7 is no control plane of this cluster");
}

#[test]
fn a_leader_hands_over_before_it_goes() {
    assert_snapshot!(shown(&leave(0, false), &[Well, Well, Well]), @"
    m1: make a snapshot of etcd: /var/backups/etcd.db
    m0: have m1 lead
    m1: take member 100 out, m0 (https://10.10.0.1:2380)
    ");
    assert_snapshot!(shown(&leave(1, false), &[Well, Well]), @"
    m0: make a snapshot of etcd: /var/backups/etcd.db
    m0: take member 101 out, m1 (https://10.10.0.11:2380)
    ");
}

#[test]
fn a_leader_that_its_own_host_cannot_ask_goes_as_it_is() {
    let mut before = situation(&[Well, Well, Well], 0);
    before.hosts[0].here.as_mut().unwrap().view = None;
    assert_snapshot!(plan(&leave(0, false), &before), @"
    m1: make a snapshot of etcd: /var/backups/etcd.db
    m1: take member 100 out, m0 (https://10.10.0.1:2380)
    ");
}

#[test]
fn the_last_member_stays_and_so_does_one_that_the_others_need() {
    assert_snapshot!(refused(&leave(0, true), &[Well]), @"m0 (https://10.10.0.1:2380) is the last voting member of etcd");
    assert_snapshot!(refused(&leave(0, false), &[Well, Dead, Well]), @"without m0 (https://10.10.0.1:2380) etcd needs 2 healthy voting members and has 1: mend or remove first m1 (https://10.10.0.11:2380)");
    assert_snapshot!(shown(&leave(0, true), &[Well, Dead, Well]), @"
      m2: make a snapshot of etcd: /var/backups/etcd.db
      m0: have m2 lead
      m2: take member 100 out, m0 (https://10.10.0.1:2380)
    refused: 1 of 2 voting members of etcd answer, and 2 have to: m0 does not answer (it was taken out of the cluster), m1 does not answer (connection refused), m2 answers, and is not healthy. Without them nothing can be changed: get them to run again, or give up what was written after a snapshot with `k8s-cluster etcd restore --from SNAPSHOT`
    ");
}

#[test]
fn who_is_out_already_has_left() {
    assert_snapshot!(shown(&leave(1, false), &[Well, Out, Well]), @"nothing to do");
}

#[test]
fn op_b6_04_api_servers_get_the_members_one_by_one() {
    let mut before = situation(&[Well, Well, Dead], 0);
    for host in &mut before.hosts {
        let here = host.here.as_mut().unwrap();
        here.api_server =
            (0..3).map(|number| format!("https://{}:2379", address(number))).collect();
    }
    assert_snapshot!(plan(&leave(2, false), &before), @"
    m0: make a snapshot of etcd: /var/backups/etcd.db
    m0: take member 102 out, m2 (https://10.10.0.12:2380)
    m0: give the API server these members: https://10.10.0.11:2379, https://10.10.0.1:2379
    m1: give the API server these members: https://10.10.0.11:2379, https://10.10.0.1:2379
    ");
}

#[test]
fn before_a_host_is_added_what_a_killed_join_left_goes() {
    let clear = clear(1);
    assert_snapshot!(shown(&clear, &[Well, Expected, Well]), @"  m0: take member 101 out, https://10.10.0.11:2380, that never started");
    assert_snapshot!(shown(&clear, &[Well, Out, Well]), @"nothing to do");
    assert_snapshot!(refused(&clear, &[Well, Well, Well]), @"m1 (https://10.10.0.11:2380) is a healthy member of etcd already: nothing is to be added");
    assert_snapshot!(refused(&clear, &[Well, Out, Well, Dead]), @"etcd takes in no member while one that votes is not healthy. Mend or remove first: m3 (https://10.10.0.13:2380)");
    assert_snapshot!(refused(&clear, &[Well, Out, Well, Follows]), @"etcd takes in one learner at a time, and there is one: mend or remove first m3 (https://10.10.0.13:2380)");
}

#[test]
fn all_are_started_again_from_a_snapshot() {
    assert_snapshot!(shown(&restore(&[0, 1, 2], false), &[Well, Dead, Wiped]), @"
      m0: take the snapshot: /var/backups/etcd.db
      m1: take the snapshot: /var/backups/etcd.db
      m2: take the snapshot: /var/backups/etcd.db
      m0: say whether it can restore the snapshot
      m1: say whether it can restore the snapshot
      m2: say whether it can restore the snapshot
      m1: stop the member: park its manifest
      m2: stop the member: park its manifest
      m0: stop the member: park its manifest
      m0: put the data away, to be kept
      m0: make data of the snapshot
      m1: put the data away, to be kept
      m1: make data of the snapshot
      m2: make data of the snapshot
      m0: start the member with the restored data
      m1: start the member with the restored data
      m2: start the member with the restored data
    note: lost is what was written after revision 960, that of the snapshot: 40 revisions, as the highest known is 1000
    note: the data that the members have now are put away, and stay on the hosts until somebody deletes them
    ");
}

#[test]
fn a_restore_without_one_that_is_gone_says_what_to_do_with_it() {
    assert_snapshot!(shown(&restore(&[0], false), &[Well, Gone, Wiped]), @"
      m0: take the snapshot: /var/backups/etcd.db
      m0: say whether it can restore the snapshot
      m2: stop the member: park its manifest
      m0: stop the member: park its manifest
      m0: put the data away, to be kept
      m0: make data of the snapshot
      m0: start the member with the restored data
    note: lost is what was written after revision 960, that of the snapshot: 40 revisions, as the highest known is 1000
    note: the data that the members have now are put away, and stay on the hosts until somebody deletes them
    note: m1 cannot be asked (no route to host): if it comes back its member is of the old cluster; mend it then
    note: m2 will have no member: mend it afterwards
    ");
}

#[test]
fn what_is_gone_for_good_is_left_out_of_a_restore_and_the_risk_is_told() {
    let all = [Well, Gone, Gone, Gone, Gone];
    let hint = refused(&restore(&[0, 1, 2, 3, 4], false), &all);
    assert_snapshot!(hint, @"m1 cannot be asked: no route to host. If it is gone for good, leave it out: `k8s-cluster etcd restore --from SNAPSHOT --without m1 --without m2 --without m3 --without m4`");
    let mut goal = restore(&[0], false);
    if let Goal::Restore { without, .. } = &mut goal {
        *without = ["m1", "m2"].map(str::to_owned).to_vec();
    }
    // The inventory has three hosts; what the member knows of the others is told.
    let mut before = situation(&all, 0);
    before.hosts.truncate(3);
    assert_snapshot!(plan(&goal, &before), @"
      m0: take the snapshot: /var/backups/etcd.db
      m0: say whether it can restore the snapshot
      m0: stop the member: park its manifest
      m0: put the data away, to be kept
      m0: make data of the snapshot
      m0: start the member with the restored data
    note: lost is what was written after revision 960, that of the snapshot: 40 revisions, as the highest known is 1000
    note: the data that the members have now are put away, and stay on the hosts until somebody deletes them
    note: m1 is left out (no route to host). If it only seems gone, as beyond a network that is cut, its member may go on there as another cluster, with those that it reaches: be sure that it is switched off
    note: m2 is left out (no route to host). If it only seems gone, as beyond a network that is cut, its member may go on there as another cluster, with those that it reaches: be sure that it is switched off
    note: m3 (https://10.10.0.13:2380) is a member to those that are asked, and of no host of the inventory: if it still runs it may go on as another cluster; be sure that it is switched off
    note: m4 (https://10.10.0.14:2380) is a member to those that are asked, and of no host of the inventory: if it still runs it may go on as another cluster; be sure that it is switched off
    note: afterwards `k8s-cluster remove m1 m2 --gone` takes away what the cluster still knows of them. With their old members they must never come back: install them anew, or have `node-prep reset --with-data` clean them, then `k8s-cluster add m1 m2`
    ");
}

#[test]
fn who_answers_is_not_left_out_unless_nothing_is_there() {
    let mut goal = restore(&[0, 2], true);
    if let Goal::Restore { without, .. } = &mut goal {
        *without = vec!["m1".to_owned()];
    }
    assert_snapshot!(refused(&goal, &[Well, Dead, Wiped]), @"m1 answers, and has a member of etcd: it is not gone, and is restored with the others. Leave `--without m1` away");
    for is in [Well, Out] {
        let why = refused(&goal, &[Well, is, Wiped]);
        assert!(why.starts_with("m1 answers, and has a member of etcd"), "{why}");
    }
    let mut before = situation(&[Well, Gone, Wiped], 0);
    before.hosts[1].unreachable = false;
    assert_eq!(
        plan(&goal, &before).refusal(),
        Some(
            "m1 is not gone: something answers at its address (no route to host). Mend that, or switch it off"
        )
    );
    // A new machine has its address: nothing is there yet.
    before.hosts[1].here = Ok(node_bootstrap::agent::EtcdHere::default());
    let shown = plan(&goal, &before);
    assert_eq!(shown.end, End::Done);
    assert!(shown.notes.contains(&"m1 is left out: it has no member".to_owned()), "{shown}");
    // Named among those that shall have one it is told how to go on.
    let why = plan(&restore(&[0, 1, 2], false), &before).refusal().unwrap().to_owned();
    assert_snapshot!(why, @"m1 has no manifest of etcd, so it can have no member. If it is gone for good, leave it out: `k8s-cluster etcd restore --from SNAPSHOT --without m1`");
}

#[test]
fn hosts_whose_members_still_vote_are_not_left_out_whatever_is_forced() {
    let mut goal = restore(&[0], true);
    if let Goal::Restore { without, .. } = &mut goal {
        *without = ["m1", "m2"].map(str::to_owned).to_vec();
    }
    // Nobody reaches them from here, and the one that answers has a quorum with them.
    assert_snapshot!(refused(&goal, &[Well, Unreachable, Unreachable]), @"1 of 3 voting members of etcd answer, and have a quorum all the same: others run where nobody reaches them from here. They are not gone, and would go on as another cluster: switch their hosts off first");
    assert_eq!(plan(&goal, &situation(&[Well, Gone, Gone], 0)).end, End::Done);
}

#[test]
fn a_cluster_that_can_write_is_not_restored_unless_forced() {
    assert_snapshot!(refused(&restore(&[0, 1, 2], false), &[Well, Dead, Well]), @"2 of 3 voting members of etcd are healthy, and can write: mend the others instead: m1. --force gives up what was written after the snapshot");
    let forced = plan(&restore(&[0, 1, 2], true), &situation(&[Well, Dead, Well], 0));
    assert_eq!(forced.end, End::Done);
    assert_eq!(forced.steps.len(), 18);
}

#[test]
fn a_snapshot_is_of_one_that_is_healthy_or_of_whom_there_is() {
    let goal = Goal::Snapshot { path: "/root/etcd.db".to_owned() };
    assert_snapshot!(shown(&goal, &[Dead, Well, Well]), @"  m1: make a snapshot of etcd: /root/etcd.db");
    assert_snapshot!(shown(&goal, &[Dead, Well, Dead]), @"
      m1: make a snapshot of etcd: /root/etcd.db
    note: the members do not agree: the snapshot is of the one that knows most, and others may know more
    ");
    assert_snapshot!(refused(&goal, &[Dead, Gone, Wiped]), @"no member of etcd answers: m0 does not answer (connection refused), m1 cannot be asked (no route to host), m2 does not answer (connection refused)");
}

#[test]
fn an_alarm_is_told_with_what_mends_it() {
    let alarmed = |kinds: &[(&str, &str)]| {
        let mut situation = situation(&[Well, Well, Wiped], 0);
        for host in &mut situation.hosts {
            let Some(view) = &mut host.here.as_mut().unwrap().view else { continue };
            view.healthy = false;
            view.complaints.clear();
            view.alarms = kinds
                .iter()
                .map(|(kind, member)| etcd::Alarm {
                    kind: (*kind).to_owned(),
                    member: (*member).to_owned(),
                })
                .collect();
        }
        situation
    };
    let full = alarmed(&[("NOSPACE", "100"), ("NOSPACE", "101")]);
    assert_snapshot!(full.alarm().unwrap(), @r#"
    etcd has an alarm, and none of its members is healthy until it is disarmed: NOSPACE of m0 (https://10.10.0.1:2380), NOSPACE of m1 (https://10.10.0.11:2380). On one control plane, as root:
      e() { crictl exec "$(crictl ps -q --name '^etcd$')" etcdctl --command-timeout=10m --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key "$@"; }
      e compact --physical 1000
      e defrag --cluster
      e alarm disarm
    Where the data need more room all the same (`e endpoint status --cluster -w table`), give etcd a larger --quota-backend-bytes before the last one, in /etc/kubernetes/manifests/etcd.yaml of one control plane after another.
    "#);
    let corrupt = alarmed(&[("CORRUPT", "101"), ("CORRUPT", "0")]).alarm().unwrap();
    let plain: Vec<&str> = corrupt.lines().filter(|line| !line.contains("crictl")).collect();
    assert_snapshot!(plain.join("\n"), @"
    etcd has an alarm, and none of its members is healthy until it is disarmed: CORRUPT of m1 (https://10.10.0.11:2380), CORRUPT of member 0. On one control plane, as root:
      e alarm disarm
    The data of HOST are not those of the others: then take it out and in again, `k8s-cluster remove HOST`, `k8s-cluster add HOST`.
    The data of m1 are not those of the others: then take it out and in again, `k8s-cluster remove m1`, `k8s-cluster add m1`.
    ");
    let why = full.alarm();
    for goal in [mend(&[2]), leave(1, true), clear(7)] {
        assert_eq!(plan(&goal, &full).refusal(), why.as_deref());
    }
    let refused = plan(&restore(&[0, 1, 2], false), &full);
    assert!(
        refused.refusal().unwrap().contains("Nothing has to be restored for that"),
        "{refused}"
    );
    assert_eq!(plan(&restore(&[0, 1, 2], true), &full).end, End::Done);
    let snapshot = Goal::Snapshot { path: "/root/etcd.db".to_owned() };
    assert_snapshot!(plan(&snapshot, &full), @"  m1: make a snapshot of etcd: /root/etcd.db");
}

#[test]
fn one_that_answers_and_is_not_healthy_for_a_moment_is_waited_for() {
    let mut before = situation(&[Well, Wiped, Well], 0);
    let here = before.hosts[2].here.as_mut().unwrap();
    here.view.as_mut().unwrap().healthy = false;
    for goal in [mend(&[1]), leave(0, false), clear(7)] {
        let shown = plan(&goal, &before).to_string();
        let first = shown.lines().next().unwrap();
        assert_eq!(first.trim(), "wait for m2 (https://10.10.0.12:2380) to be healthy");
    }
}
