use proptest::prelude::*;

use super::*;
use crate::view::View;

fn member(number: u8, learner: bool) -> Member {
    Member {
        id: format!("{number:x}"),
        name: format!("m{number}"),
        peer_urls: vec![format!("https://10.10.0.{number}:2380")],
        client_urls: Vec::new(),
        learner,
    }
}

fn members(count: u8) -> Vec<Member> {
    (1..=count).map(|number| member(number, false)).collect()
}

fn healthy(numbers: &[u8]) -> BTreeSet<String> {
    numbers.iter().map(|number| format!("{number:x}")).collect()
}

fn refused(count: u8, well: &[u8], id: &str, loss: Loss) -> String {
    may_lose(&members(count), &healthy(well), id, loss).unwrap_err().to_string()
}

#[test]
fn op_b6_05_a_member_is_found_by_its_whole_address() {
    let all = [member(11, false), member(1, false)];
    assert_eq!(by_peer_url(&all, "https://10.10.0.1:2380").unwrap().name, "m1");
    assert_eq!(by_peer_url(&all, "https://10.10.0.11:2380").unwrap().name, "m11");
    assert_eq!(by_peer_url(&all, "10.10.0.1"), None);
    assert_eq!(by_id(&all, "1").unwrap().name, "m1");
    assert_eq!(by_id(&all, "0b").unwrap().name, "m11");
    assert_eq!(by_id(&all, "m1"), None);
}

#[test]
fn a_refusal_says_why_with_names() {
    insta::assert_snapshot!(
        [
            refused(3, &[1, 2], "1", Loss::Remove),
            refused(3, &[1], "2", Loss::Remove),
            refused(3, &[1, 2], "2", Loss::Park),
            refused(2, &[1, 2], "2", Loss::Park),
            refused(1, &[1], "1", Loss::Remove),
            refused(1, &[1], "1", Loss::Park),
            refused(3, &[1, 2, 3], "9", Loss::Remove),
        ]
        .join("\n"),
        @"
        without m1 1 of 2 members with a vote would be healthy (m2), and 2 are needed: first mend m3
        1 of 3 members with a vote are healthy (m1), and 2 are needed to change anything: mend m2, m3, or restore a snapshot
        without m2 1 of 3 members with a vote would be healthy (m1), and 2 are needed: first mend m3
        without m2 1 of 2 members with a vote would be healthy (m1), and 2 are needed: first add a member
        m1 is the last member with a vote: without it all data are lost
        without m1 0 of 1 members with a vote would be healthy (none), and 1 are needed: first add a member
        the cluster has no member 9: its members are m1, m2, m3
        "
    );
}

#[test]
fn dead_members_and_learners_may_go() {
    assert_eq!(may_lose(&members(3), &healthy(&[1, 2]), "3", Loss::Remove), Ok(()));
    assert_eq!(may_lose(&members(3), &healthy(&[1, 2, 3]), "3", Loss::Park), Ok(()));
    // A dead one of a dead cluster may be parked: it does not get worse.
    assert_eq!(may_lose(&members(3), &healthy(&[1]), "3", Loss::Park), Ok(()));
    let mut with_learner = members(1);
    with_learner.push(member(2, true));
    assert_eq!(may_lose(&with_learner, &healthy(&[1]), "2", Loss::Remove), Ok(()));
}

#[test]
fn numbers_that_are_not_good_are_told() {
    let told = (0..=9).map(|voters| format!("{voters}: {}", advice(voters).unwrap_or_default()));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    0: no member has a vote: nothing can be written
    1: there is one member with a vote: if it is lost, its data are
    2: of 2 members with a vote none may be lost, which is less safe than 1: make it 3
    3: 
    4: 4 members with a vote stand the loss of 1, as 3 do: an odd number is better
    5: 
    6: 6 members with a vote stand the loss of 2, as 5 do: an odd number is better
    7: 
    8: 8 members with a vote stand the loss of 3, as 7 do: an odd number is better
    9: 9 members with a vote make every write slow: more than 7 are not advised
    ");
}

fn view(number: u8, leader: u8, of: &[Member]) -> View {
    View {
        cluster: "c1".to_owned(),
        member: format!("{number:x}"),
        leader: Some(format!("{leader:x}")),
        healthy: true,
        revision: 10,
        members: of.to_vec(),
        ..View::default()
    }
}

fn on(host: &str, view: View) -> (String, View) {
    (host.to_owned(), view)
}

#[test]
fn a_list_that_is_old_is_not_believed() {
    let old = View { healthy: false, revision: 4, ..view(3, 3, &members(3)) };
    let now = members(2);
    let seen = picture(&[on("c", old), on("a", view(1, 2, &now)), on("b", view(2, 2, &now))]);
    assert_eq!((seen.members, seen.leader.as_deref()), (now, Some("2")));
    assert!(seen.has_quorum);
    insta::assert_snapshot!(seen.problems.join("\n"), @"
    c knows other members (m1, m2, m3) than b (m1, m2)
    c runs a member that is in the cluster no more
    ");
}

#[test]
fn two_clusters_are_told_and_the_one_that_can_write_counts() {
    let mut other = view(9, 9, &members(1));
    other.cluster = "c2".to_owned();
    other.healthy = false;
    let seen = picture(&[on("c", other), on("a", view(1, 1, &members(3)))]);
    assert_eq!(seen.cluster, "c1");
    assert!(!seen.has_quorum);
    insta::assert_snapshot!(seen.problems.join("\n"), @"there are several clusters: c1 on a, c2 on c; members of another one have to be wiped and taken in anew");
}

#[test]
fn nobody_answers_and_nothing_is_known() {
    assert_eq!(picture(&[]), Picture::default());
    // A learner knows of nobody.
    let learner = View { learner: true, ..view(4, 1, &[]) };
    let seen = picture(&[on("d", learner)]);
    assert_eq!((seen.members.len(), seen.has_quorum), (0, false));
}

proptest! {
    #[test]
    fn two_quorums_always_share_a_member(voters in 1_usize..50) {
        prop_assert!(2 * quorum(voters) > voters);
        prop_assert!(2 * (quorum(voters) - 1) <= voters);
        prop_assert_eq!(quorum(voters) + spare(voters), voters);
    }

    #[test]
    fn who_may_go_leaves_a_quorum(count in 1_u8..8, well in prop::collection::btree_set(1_u8..8, 0..8), target in 1_u8..8, park: bool) {
        let numbers: Vec<u8> = well.iter().copied().filter(|number| *number <= count).collect();
        let loss = if park { Loss::Park } else { Loss::Remove };
        let answer = may_lose(&members(count), &healthy(&numbers), &format!("{target:x}"), loss);
        if target > count {
            prop_assert!(matches!(answer, Err(Refusal::NoSuchMember(..))));
            return Ok(());
        }
        let voters = usize::from(count);
        let left = numbers.iter().filter(|number| **number != target).count();
        match (answer, loss) {
            (Ok(()), Loss::Remove) => {
                prop_assert!(numbers.len() >= quorum(voters));
                prop_assert!(voters > 1 && left >= quorum(voters - 1));
            }
            (Ok(()), Loss::Park) => {
                prop_assert!(left >= quorum(voters) || !numbers.contains(&target));
            }
            // What is refused was not safe.
            (Err(_), Loss::Remove) => {
                prop_assert!(voters == 1 || numbers.len() < quorum(voters) || left < quorum(voters - 1));
            }
            (Err(_), Loss::Park) => prop_assert!(voters == 1 || left < quorum(voters)),
        }
    }
}
