//! Laws for all situations.

use std::collections::BTreeSet;

use etcd::rules::quorum;
use node_bootstrap::agent::{EtcdRequest, ManifestPlace};
use proptest::prelude::*;

use super::{Is, leave, mend, restore, situation};
use crate::etcd::{Action, Agreed, Deeds, End, Goal, Next, Situation, Standing, What, next, plan};

fn any_is() -> impl Strategy<Value = Is> {
    use Is::{Dead, Expected, Follows, Gone, Out, Stranger, Unreachable, Well, Wiped};
    prop_oneof![
        6 => Just(Well),
        2 => Just(Dead),
        2 => Just(Wiped),
        1 => Just(Unreachable),
        1 => Just(Gone),
        1 => Just(Out),
        1 => Just(Expected),
        1 => Just(Follows),
        1 => Just(Stranger),
    ]
}

/// Hosts with members, some of which say nothing or a part of what they should, and leftovers.
fn any_situation() -> impl Strategy<Value = Situation> {
    (prop::collection::vec(any_is(), 1..6), 0..6usize, any::<[u8; 6]>()).prop_map(
        |(all, leader, noise)| {
            let mut situation = situation(&all, leader);
            for (host, noise) in situation.hosts.iter_mut().zip(noise) {
                let Ok(here) = &mut host.here else { continue };
                here.has_old_data |= noise & 1 == 1;
                here.has_kept_data = noise & 0b1001 == 0b1001;
                if noise & 0b1110 == 0b1110 {
                    here.manifest = ManifestPlace::Parked;
                    here.view = None;
                }
                if let Some(view) = &mut here.view {
                    view.healthy &= noise & 0b11_0000 != 0b11_0000;
                }
                if noise & 0b1100_0000 == 0b1100_0000 {
                    here.api_server =
                        vec!["https://10.10.0.1:2379".to_owned(), "https://old:2379".to_owned()];
                }
            }
            situation
        },
    )
}

fn any_goal() -> impl Strategy<Value = Goal> {
    prop_oneof![
        prop::collection::btree_set(0..5usize, 1..3)
            .prop_map(|hosts: BTreeSet<usize>| mend(&Vec::from_iter(hosts))),
        (0..5usize).prop_map(|host| leave(host, false)),
        (0..5usize).prop_map(super::clear),
        (prop::collection::btree_set(0..5usize, 1..5), any::<bool>()).prop_map(
            |(hosts, force): (BTreeSet<usize>, bool)| restore(&Vec::from_iter(hosts), force)
        ),
        Just(Goal::Snapshot { path: "/root/etcd.db".to_owned() }),
    ]
}

/// Voting members, and how many of them are healthy after an action, of those that were before.
fn left(before: &Agreed, action: &Action) -> (usize, usize) {
    let own = |(host, id): &&(String, String)| match &action.what {
        What::Ask(EtcdRequest::Remove { id: gone, .. }) => id != gone,
        What::Ask(EtcdRequest::Park) => *host != action.host,
        _ => true,
    };
    let healthy = before.healthy.iter().filter(own).count();
    let voters = before.voters().filter(|member| match &action.what {
        What::Ask(EtcdRequest::Remove { id, .. }) => member.id != *id,
        _ => true,
    });
    match action.what {
        // A learner that has caught up is healthy.
        What::Ask(EtcdRequest::Promote { .. }) => (voters.count() + 1, healthy + 1),
        _ => (voters.count(), healthy),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_plan_ends(situation in any_situation(), goal in any_goal()) {
        let plan = plan(&goal, &situation);
        prop_assert_ne!(plan.end, End::Endless);
    }

    #[test]
    fn no_action_leaves_fewer_healthy_voters_than_a_quorum(
        situation in any_situation(),
        goal in any_goal(),
    ) {
        let Standing::Agreed(_) = situation.standing() else { return Ok(()) };
        if matches!(goal, Goal::Restore { .. }) {
            return Ok(());
        }
        let mut situation = situation;
        let mut deeds = Deeds::default();
        for _ in 0..400 {
            match next(&goal, &situation, &deeds) {
                Next::Together(_) => unreachable!("only a restore does this"),
                Next::Do(action) => {
                    if let Standing::Agreed(agreed) = situation.standing() {
                        let (voters, healthy) = left(&agreed, &action);
                        let touches = match &action.what {
                            What::Ask(EtcdRequest::Remove { id, .. }) => agreed.voters().any(|m| m.id == *id),
                            What::Ask(EtcdRequest::Park) => agreed.healthy.iter().any(|(host, _)| *host == action.host),
                            What::Ask(EtcdRequest::Promote { .. }) => true,
                            _ => false,
                        };
                        prop_assert!(!touches || healthy >= quorum(voters), "{action}: {healthy} of {voters}");
                    }
                    situation = situation.after(&action);
                    deeds.add(action);
                }
                Next::Wait { .. } => situation = situation.after_waiting(),
                Next::Refuse(_) | Next::Done => return Ok(()),
            }
        }
    }

    #[test]
    fn data_are_put_away_only_of_who_is_no_member_or_when_all_are_restored(
        situation in any_situation(),
        goal in any_goal(),
    ) {
        if matches!(goal, Goal::Restore { .. }) {
            return Ok(());
        }
        let mut situation = situation;
        let mut deeds = Deeds::default();
        for _ in 0..400 {
            match next(&goal, &situation, &deeds) {
                Next::Together(_) => unreachable!("only a restore does this"),
                Next::Do(action) => {
                    if matches!(action.what, What::Ask(EtcdRequest::PutDataAway { .. }))
                        && let Standing::Agreed(agreed) = situation.standing()
                    {
                        let host = situation.host(&action.host).unwrap();
                        prop_assert_eq!(agreed.of(host).next(), None);
                    }
                    situation = situation.after(&action);
                    deeds.add(action);
                }
                Next::Wait { .. } => situation = situation.after_waiting(),
                Next::Refuse(_) | Next::Done => return Ok(()),
            }
        }
    }

    #[test]
    fn what_was_reached_needs_nothing_more(situation in any_situation(), goal in any_goal()) {
        if matches!(goal, Goal::Restore { .. } | Goal::Snapshot { .. }) {
            return Ok(());
        }
        let mut situation = situation;
        let shown = plan(&goal, &situation);
        if shown.end != End::Done {
            return Ok(());
        }
        for step in &shown.steps {
            situation = match step {
                crate::etcd::Step::Do(action) => situation.after(action),
                crate::etcd::Step::Wait(_) => situation.after_waiting(),
            };
        }
        prop_assert!(plan(&goal, &situation).is_empty(), "{}", plan(&goal, &situation));
    }

    #[test]
    fn a_run_that_stops_anywhere_is_gone_on_with(
        situation in any_situation(),
        goal in any_goal(),
        at in any::<prop::sample::Index>(),
    ) {
        let whole = plan(&goal, &situation);
        if whole.end != End::Done || whole.steps.is_empty() {
            return Ok(());
        }
        let mut situation = situation;
        for step in &whole.steps[..at.index(whole.steps.len() + 1)] {
            situation = match step {
                crate::etcd::Step::Do(action) => situation.after(action),
                crate::etcd::Step::Wait(_) => situation.after_waiting(),
            };
        }
        let rest = plan(&goal, &situation);
        // Once restored, the cluster can write.
        let restored = matches!(goal, Goal::Restore { .. })
            && matches!(&rest.end, End::Refused(why) if why.contains("nothing has to be restored"));
        prop_assert!(rest.end == End::Done || restored, "{whole}\n{rest}");
    }
}
