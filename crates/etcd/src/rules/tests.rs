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

proptest! {
    #[test]
    fn two_quorums_always_share_a_member(voters in 1_usize..50) {
        prop_assert!(2 * quorum(voters) > voters);
        prop_assert!(2 * (quorum(voters) - 1) <= voters);
    }
}
