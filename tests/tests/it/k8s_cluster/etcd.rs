//! Work on real members of etcd, on hosts of their own, while somebody writes: what was acknowledged is never lost.

mod members;
mod orders;
mod writer;

use std::time::Duration;

use fleet::etcd::{Goal, OrderError, plan};

use members::{Members, leave, mend};
use writer::Writer;

/// One test at a time: each has members that want a processor.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn members_are_mended_removed_and_added_and_no_acknowledged_write_is_lost() {
    let _alone = alone();
    Members::with(5, |members| {
        members.found(3);
        let writer = Writer::start(members);
        let all = members.names(3);

        // Of what is healthy nothing is touched.
        let done = members.run(&mend(&[&all[0]])).unwrap();
        assert_eq!(done.actions, []);

        // Wiped.
        members.wipe(&all[1]);
        members.run(&mend(&[&all[1]])).unwrap();
        members.are_healthy(&all);
        writer.goes_on();

        // The leader, killed, and its data gone.
        let leader = members.leader();
        members.wipe(&leader);
        members.run(&mend(&[&leader])).unwrap();
        members.are_healthy(&all);
        writer.goes_on();

        // Its process ends whenever it is started: its files are broken.
        members.break_data(&all[2]);
        members.run(&mend(&[&all[2]])).unwrap();
        members.are_healthy(&all);
        writer.goes_on();

        // Two are added to three, then the leader leaves, and one that nobody can ask.
        members.add(3);
        members.add(4);
        let five = members.names(5);
        members.are_healthy(&five);
        let leader = members.leader();
        members.run(&leave(&leader)).unwrap();
        members.end(&leader);
        let four: Vec<String> = five.iter().filter(|name| **name != leader).cloned().collect();
        members.are_healthy(&four);
        writer.goes_on();
        let gone = four[0].clone();
        members.hold(&gone);
        members.cannot_be_asked(&gone);
        members.run(&leave(&gone)).unwrap();
        members.are_healthy(&four[1..]);
        writer.goes_on();

        members.end(&gone);
        writer.ends();
    });
}

#[test]
fn two_of_five_are_mended_together() {
    let _alone = alone();
    Members::with(5, |members| {
        members.found(5);
        let writer = Writer::start(members);
        let all = members.names(5);
        members.wipe(&all[0]);
        members.wipe(&all[3]);
        let refused = members.run(&mend(&[&all[0]])).unwrap_err();
        assert!(
            matches!(&refused, OrderError::Refused(why) if why.contains("Mend all together")),
            "{refused}"
        );
        members.run(&mend(&[&all[0], &all[3]])).unwrap();
        members.are_healthy(&all);
        writer.ends();
    });
}

#[test]
fn a_lost_quorum_is_explained_and_a_snapshot_restores_what_it_has() {
    let _alone = alone();
    Members::with(3, |members| {
        members.found(3);
        let mut writer = Writer::start(members);
        let all = members.names(3);
        writer.goes_on();
        writer.given_up(|| {
            let goal = Goal::Snapshot { path: "/root/snapshot.db".to_owned() };
            let (host, snapshot) = members.run(&goal).unwrap().snapshot.unwrap();
            let content = members.fetched(&host, &snapshot.path);
            assert_eq!(content.len() as u64, snapshot.bytes);
            members.wipe(&all[0]);
            members.wipe(&all[1]);
            let refused = members.run(&mend(&[&all[0]])).unwrap_err().to_string();
            assert!(
                refused.contains("1 of 3 voting members of etcd answer, and 2 have to"),
                "{refused}"
            );
            assert!(refused.contains("k8s-cluster etcd restore"), "{refused}");
            let restore = |token: &str| Goal::Restore {
                hosts: all.clone(),
                path: "/root/taken.db".to_owned(),
                without: Vec::new(),
                token: token.to_owned(),
                revision: Some(snapshot.revision),
                force: false,
            };
            let shown = plan(&restore("t1"), &members.survey()).to_string();
            assert!(shown.contains("note: lost is what was written after revision"), "{shown}");
            // The desk is killed in the midst of it.
            members.take(content.clone());
            members.desk_dies_after(7);
            members.run(&restore("t1")).unwrap_err();
            members.desk_lives();
            members.run(&restore("t2")).unwrap();
        });
        members.are_healthy(&all);
        let refused = members.run(&Goal::Restore {
            hosts: all.clone(),
            path: "/root/taken.db".to_owned(),
            without: Vec::new(),
            token: "t3".to_owned(),
            revision: None,
            force: false,
        });
        assert!(matches!(refused, Err(OrderError::Refused(_))), "{refused:?}");
        writer.goes_on();
        writer.ends();
    });
}

#[test]
fn a_mend_is_gone_on_with_wherever_the_desk_was_killed() {
    let _alone = alone();
    Members::with(3, |members| {
        members.found(3);
        let writer = Writer::start(members);
        let all = members.names(3);
        // After each third call, or after each where all orders are asked for.
        let step = if std::env::var_os("WINDLASS_ETCD_ORDERS").is_some() { 1 } else { 3 };
        let mut calls = 1;
        loop {
            let broken = &all[calls % 3];
            members.wipe(broken);
            members.desk_dies_after(calls);
            let first = members.run(&mend(&[broken]));
            members.desk_lives();
            if let Ok(report) = first {
                let done = report.actions.len();
                assert!(done >= 6, "{:#?}", report.actions);
                break;
            }
            members.run(&mend(&[broken])).unwrap();
            members.are_healthy(&all);
            assert!(!members.has_old_data(broken), "after {calls} calls");
            calls += step;
        }
        writer.ends();
    });
}

/// How many random orders there are: three, or as many as `WINDLASS_ETCD_ORDERS` says; its first seed stands in `WINDLASS_ETCD_SEED`.
#[test]
fn in_random_orders_of_faults_no_acknowledged_write_is_lost() {
    let _alone = alone();
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap())
    };
    let (first, count) = (number("WINDLASS_ETCD_SEED", 1), number("WINDLASS_ETCD_ORDERS", 3));
    Members::with(3, |members| {
        members.found(3);
        let writer = Writer::start(members);
        let begun = std::time::Instant::now();
        let mut tally = orders::Tally::default();
        for seed in first..first + count {
            orders::order(members, &writer, seed, &mut tally);
        }
        let took = begun.elapsed();
        let written = writer.ends();
        eprintln!(
            "{count} orders from seed {first}: {tally:?}, {written} acknowledged writes, {} s",
            took.as_secs()
        );
        assert!(took > Duration::ZERO && written > 0);
    });
}
