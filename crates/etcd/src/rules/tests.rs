use proptest::prelude::*;

use super::*;

fn member(number: u8, learner: bool) -> Member {
    Member {
        id: format!("{number:x}"),
        name: format!("m{number}"),
        peer_urls: vec![format!("https://10.10.0.{number}:2380")],
        client_urls: Vec::new(),
        learner,
    }
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
fn op_b6_05_a_host_is_known_by_its_whole_address() {
    for (url, address, same) in [
        ("https://10.10.0.1:2380", "10.10.0.1", true),
        ("https://10.10.0.11:2380", "10.10.0.1", false),
        ("https://10.10.0.1:2380", "10.10.0.11", false),
        ("https://110.10.0.1:2380", "10.10.0.1", false),
        ("http://10.10.0.1", "10.10.0.1", true),
        ("https://[fd00::1]:2380", "fd00:0::1", true),
        ("https://[fd00::1]:2380", "fd00::11", false),
        ("https://A.example:2380/", "a.example", true),
        ("https://a.example.org:2380", "a.example", false),
        ("10.10.0.1:2380", "10.10.0.1", false),
        ("https://10.10.0.1:port", "10.10.0.1", false),
    ] {
        assert_eq!(same_address(url, address), same, "{url} {address}");
    }
    assert!(same_url("https://[fd00::1]:2380/", "http://[fd00:0::1]:2380"));
    assert!(!same_url("https://10.10.0.1:2380", "https://10.10.0.1:2379"));
}

#[test]
fn other_members_or_other_votes_are_a_change() {
    let all = [member(1, false), member(11, true)];
    let vote = |id: &str, voting| Vote { id: id.to_owned(), voting };
    assert!(unchanged(&all, &[vote("0b", false), vote("1", true)]));
    for other in [
        vec![],
        vec![vote("1", true)],
        vec![vote("1", true), vote("b", true)],
        vec![vote("1", true), vote("c", false)],
        vec![vote("1", true), vote("b", false), vote("c", false)],
    ] {
        assert!(!unchanged(&all, &other), "{other:?}");
    }
}

proptest! {
    #[test]
    fn two_quorums_always_share_a_member(voters in 1_usize..50) {
        prop_assert!(2 * quorum(voters) > voters);
        prop_assert!(2 * (quorum(voters) - 1) <= voters);
    }
}
