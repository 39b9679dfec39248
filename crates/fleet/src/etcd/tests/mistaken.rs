//! Names and addresses that lead to the wrong member.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::Is::{Gone, Unreachable, Well};
use super::{address, leave, mend, restore, situation};
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
