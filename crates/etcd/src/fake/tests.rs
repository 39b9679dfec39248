//! The rows of the table of how real members behave.

use super::*;
use crate::api::Api;

fn url(name: &str) -> String {
    format!("https://{name}:2380")
}

fn all(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}={}", url(name))).collect()
}

fn order(name: &str, names: &[&str], existing: bool, data: Option<&String>) -> Order {
    Order {
        name: name.to_owned(),
        peer_url: url(name),
        client_url: format!("https://{name}:2379"),
        initial_cluster: all(names),
        existing,
        data: data.cloned(),
    }
}

const ABC: [&str; 3] = ["a", "b", "c"];

/// Three members, and what is on their disks; one write was acknowledged.
fn three() -> (FakeCluster, BTreeMap<&'static str, String>) {
    let cluster = FakeCluster::new();
    let disks = ABC.map(|name| (name, cluster.start(&order(name, &ABC, false, None)).unwrap()));
    cluster.write("first").unwrap();
    (cluster, disks.into())
}

fn id(cluster: &FakeCluster, of: &str, by: &str) -> String {
    let members = cluster.member(&url(by)).members().unwrap();
    members.into_iter().find(|it| it.peer_urls == [url(of)]).unwrap().id
}

/// Tries until it is no longer refused for a while.
fn patiently<T>(mut call: impl FnMut() -> Result<T, EtcdError>) -> Result<T, EtcdError> {
    for _ in 0..10 {
        match call() {
            Err(error) if error.may_pass() => {}
            other => return other,
        }
    }
    call()
}

#[test]
fn a_wiped_member_cannot_simply_start_again() {
    let (cluster, _) = three();
    cluster.kill(&url("c"));
    let new = cluster.start(&order("c", &ABC, false, None)).unwrap_err();
    assert!(new.contains("has already been bootstrapped"), "{new}");
    let existing = cluster.start(&order("c", &ABC, true, None)).unwrap_err();
    assert!(existing.contains("is out of range [lastIndex(0)]"), "{existing}");
    let nameless = cluster.start(&order("c", &["a", "b"], true, None)).unwrap_err();
    assert!(nameless.contains("couldn't find local name"), "{nameless}");
}

#[test]
fn out_in_started_caught_up_and_promoted_is_the_way_back() {
    let (cluster, disks) = three();
    let a = cluster.member(&url("a"));
    cluster.kill(&url("c"));
    // Dead members go out before new ones come in.
    let refused = a.member_add_learner(&url("d")).unwrap_err();
    assert!(matches!(refused, EtcdError::Unhealthy(_)), "{refused}");
    a.member_remove(&id(&cluster, "c", "a")).unwrap();
    let old = cluster.start(&order("c", &ABC, true, disks.get("c"))).unwrap_err();
    assert!(old.contains("permanently removed"), "{old}");
    let learner = patiently(|| a.member_add_learner(&url("c"))).unwrap();
    assert!(matches!(a.member_add_learner(&url("d")), Err(EtcdError::TooManyLearners)));
    assert!(matches!(a.member_promote(&learner), Err(EtcdError::NotInSync)));
    cluster.start(&order("c", &ABC, true, None)).unwrap();
    assert!(cluster.member(&url("c")).view().unwrap().learner);
    assert!(cluster.member(&url("c")).members().is_err());
    patiently(|| a.member_promote(&learner)).unwrap();
    let refused = a.member_add_learner(&url("d")).unwrap_err();
    assert!(matches!(refused, EtcdError::Unhealthy(_)), "{refused}");
    patiently(|| a.member_add_learner(&url("d"))).unwrap();
    assert_eq!(cluster.lost(), Vec::<String>::new());
    assert_eq!(cluster.member(&url("c")).view().unwrap().revision, 2);
}

#[test]
fn without_a_quorum_members_tell_and_change_nothing() {
    let (cluster, _) = three();
    cluster.kill(&url("b"));
    cluster.write("second").unwrap();
    cluster.kill(&url("c"));
    assert!(cluster.write("third").is_err());
    let a = cluster.member(&url("a"));
    let view = a.view().unwrap();
    assert_eq!((view.healthy, view.leader.clone(), view.members.len()), (false, None, 3));
    let refused = a.member_remove(&view.members[2].id).unwrap_err();
    assert!(matches!(refused, EtcdError::NoQuorum(_)), "{refused}");
    let refused = cluster.member(&url("b")).view().unwrap_err();
    assert!(matches!(refused, EtcdError::Unreachable { .. }), "{refused}");
}

#[test]
fn a_removed_leader_ends_and_another_one_leads() {
    let (cluster, _) = three();
    let leader = cluster.member(&url("a")).view().unwrap().leader.unwrap();
    let members = cluster.member(&url("a")).members().unwrap();
    let (own, other): (Vec<_>, Vec<_>) = members.into_iter().partition(|it| it.id == leader);
    let at = own[0].peer_urls[0].clone();
    let (this, next) = (cluster.member(&at), &other[0]);
    cluster.member(&next.peer_urls[0]).move_leader(&other[1].id).unwrap_err();
    this.move_leader(&next.id).unwrap();
    assert_eq!(this.view().unwrap().leader.as_ref(), Some(&next.id));
    cluster.member(&next.peer_urls[0]).member_remove(&leader).unwrap();
    assert!(!cluster.runs(&at));
    cluster.write("more").unwrap();
}

#[test]
fn a_member_that_was_away_learns_what_was_written() {
    let (cluster, disks) = three();
    cluster.kill(&url("c"));
    cluster.write("second").unwrap();
    cluster.start(&order("c", &ABC, false, disks.get("c"))).unwrap();
    for name in ["a", "b"] {
        cluster.kill(&url(name));
    }
    assert_eq!(cluster.lost(), Vec::<String>::new());
    // One that has nothing has lost all.
    cluster.kill(&url("c"));
    assert_eq!(cluster.lost().len(), 2);
}

#[test]
fn a_snapshot_makes_a_new_cluster_with_the_old_writes() {
    let (cluster, _) = three();
    let mut snapshot = Vec::new();
    let written = cluster.member(&url("b")).snapshot(&mut snapshot).unwrap();
    assert_eq!(written.bytes, snapshot.len() as u64);
    let before = cluster.member(&url("b")).view().unwrap().cluster;
    for name in ABC {
        cluster.kill(&url(name));
    }
    for name in ABC {
        let data = FakeCluster::restored(&snapshot, name, &all(&ABC), "t1").unwrap();
        cluster.start(&order(name, &ABC, false, Some(&data))).unwrap();
    }
    assert_ne!(cluster.member(&url("b")).view().unwrap().cluster, before);
    assert_eq!(cluster.lost(), Vec::<String>::new());
    cluster.write("second").unwrap();
    assert!(FakeCluster::restored(b"no snapshot", "a", &all(&ABC), "t").is_err());
}
