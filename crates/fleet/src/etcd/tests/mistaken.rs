//! Names and addresses that lead to the wrong member.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::Is::{Gone, Unreachable, Well};
use super::{address, clear, leave, mend, restore, situation};
use crate::etcd::{End, Goal, Plan, Situation, Standing, plan};

fn refused(goal: &Goal, situation: &Situation) -> String {
    let Plan { steps, end, .. } = plan(goal, situation);
    assert_eq!(steps, []);
    let End::Refused(why) = end else { panic!("{end:?}") };
    why
}

/// `m2` is dead, and its name leads to `m1`.
fn doubled() -> Situation {
    let mut situation = situation(&[Well, Well, Gone], 0);
    situation.hosts[2].here = situation.hosts[1].here.clone();
    situation
}

#[test]
fn a_machine_with_two_names_has_one_vote_and_nothing_is_done_to_it() {
    let situation = doubled();
    let Standing::Agreed(agreed) = situation.standing() else { panic!() };
    assert_eq!(agreed.healthy.len(), 2);
    let goals = [leave(0, false), leave(2, true), mend(&[1]), restore(&[0, 1], true)];
    let whys: BTreeSet<String> = goals.iter().map(|goal| refused(goal, &situation)).collect();
    assert_snapshot!(Vec::from_iter(whys).join("\n"), @"m1 and m2 lead to the same member of etcd (https://10.10.0.11:2380): one of their addresses in the inventory is wrong");
}

#[test]
fn a_machine_at_another_address_than_the_inventory_has_is_not_touched() {
    let mut before = situation(&[Well, Well, Well], 0);
    before.hosts[2].address = "10.10.0.99".to_owned();
    assert_snapshot!(refused(&leave(2, false), &before), @"m2 has the address 10.10.0.99 in the inventory, and the member of etcd there is m2 at https://10.10.0.12:2380: it may be another machine. Correct the address, or where the host is reached");
}

#[test]
fn the_address_of_a_dead_host_that_another_one_has_now_is_told() {
    let mut before = situation(&[Well, Well, Gone, Unreachable], 0);
    before.hosts[2].address = address(3);
    assert_snapshot!(refused(&leave(2, false), &before), @"m3 (https://10.10.0.13:2380) may be the member of m2, or of m3: correct their addresses in the inventory");
}

/// `m2` is gone, and its member is at another address than the inventory has, with this name.
fn elsewhere(name: &str) -> Situation {
    let mut situation = situation(&[Well, Well, Gone], 0);
    for host in &mut situation.hosts {
        let Ok(here) = &mut host.here else { continue };
        for member in &mut here.view.as_mut().unwrap().members {
            if member.id == "102" {
                member.peer_urls = vec!["https://10.20.0.2:2380".to_owned()];
                member.name = name.to_owned();
            }
        }
    }
    situation
}

#[test]
fn the_member_of_a_host_that_is_gone_is_found_by_its_name() {
    assert_snapshot!(plan(&leave(2, false), &elsewhere("m2")), @"
    m0: make a snapshot of etcd: /var/backups/etcd.db
    m0: take member 102 out, m2 (https://10.20.0.2:2380)
    ");
}

#[test]
fn while_there_are_members_of_no_host_none_has_left() {
    assert_snapshot!(refused(&leave(2, false), &elsewhere("other")), @"no member of etcd has the name or the address of m2, and these are of no host of the inventory: other (https://10.20.0.2:2380), number 102. Add their hosts to it, or take them out with `etcdctl member remove NUMBER`");
    // Etcd would take nobody in while it is not healthy, which is told first.
    assert_snapshot!(refused(&clear(2), &elsewhere("other")), @"etcd takes in no member while one that votes is not healthy. Mend or remove first: other (https://10.20.0.2:2380)");
}
