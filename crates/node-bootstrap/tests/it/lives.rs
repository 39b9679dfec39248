//! Applying, applying again, dying in between, and taking back.

use node_bootstrap::change::Change;
use node_bootstrap::journal::Journal;
use node_bootstrap::undo::{Extent, Options, UndoError};

use crate::host::{carry_out, die_everywhere, host, node, plan_for, take_back};

#[test]
fn a_second_run_changes_nothing() {
    let host = host();
    let plan = plan_for(&host, &node());
    assert!(plan.refusals().next().is_none(), "{plan:?}");
    let applied = carry_out(&host, &plan).unwrap();
    assert_eq!(applied.changes, plan.changes().count());
    let again = plan_for(&host, &node());
    assert!(again.is_empty(), "{again:?}");
    let (snapshot, writes) = (host.snapshot(), host.writes());
    carry_out(&host, &again).unwrap();
    assert_eq!((host.snapshot(), host.writes()), (snapshot, writes));
}

#[test]
fn the_journal_has_the_changes_of_the_plan() {
    let host = host();
    let plan = plan_for(&host, &node());
    carry_out(&host, &plan).unwrap();
    let journal = Journal::read(&host).unwrap();
    let made: Vec<(String, Change)> =
        journal.standing().map(|made| (made.step.clone(), made.change.clone())).collect();
    let planned: Vec<(String, Change)> =
        plan.changes().map(|(step, change)| (step.to_owned(), change.clone())).collect();
    assert_eq!(made, planned);
    assert_eq!(journal.runs().len(), 1);
    assert_eq!(journal.runs()[0].ok, Some(true));
}

#[test]
fn what_was_done_is_taken_back_to_the_last_attribute() {
    let host = host();
    let before = host.snapshot();
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    assert_ne!(host.snapshot(), before);
    take_back(&host, &Options::default()).unwrap();
    assert_eq!(host.snapshot(), before);
    assert_eq!(Journal::read(&host).unwrap().standing().count(), 0);
    // And forth again.
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    assert!(plan_for(&host, &node()).is_empty());
}

#[test]
fn whatever_kills_a_run_the_next_one_ends_in_the_same_state() {
    let whole = host();
    carry_out(&whole, &plan_for(&whole, &node())).unwrap();
    let (original, whole) = (host().snapshot(), whole.snapshot());
    let deaths = die_everywhere(
        host,
        |host| drop(carry_out(host, &plan_for(host, &node()))),
        |host, when| {
            carry_out(host, &plan_for(host, &node())).unwrap();
            assert_eq!(host.snapshot(), whole, "{when}");
            assert!(plan_for(host, &node()).is_empty(), "{when}");
            take_back(host, &Options::default()).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(host.snapshot(), original, "{when}");
        },
    );
    assert!(deaths > 100, "only {deaths}");
}

#[test]
fn a_killed_run_can_be_taken_back_at_once() {
    let original = host().snapshot();
    die_everywhere(
        host,
        |host| drop(carry_out(host, &plan_for(host, &node()))),
        |host, when| {
            take_back(host, &Options::default()).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(host.snapshot(), original, "{when}");
        },
    );
}

#[test]
fn whatever_kills_the_way_back_the_next_one_ends_it() {
    let original = host().snapshot();
    let prepare = || {
        let host = host();
        carry_out(&host, &plan_for(&host, &node())).unwrap();
        host
    };
    let deaths = die_everywhere(
        prepare,
        |host| drop(take_back(host, &Options::default())),
        |host, when| {
            take_back(host, &Options::default()).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(host.snapshot(), original, "{when}");
        },
    );
    assert!(deaths > 50, "only {deaths}");
}

#[test]
fn what_a_killed_run_owes_its_readers_is_planned_by_the_next() {
    let host = host();
    let plan = plan_for(&host, &node());
    // All but the last change, which has the kubelet read its file again.
    let count = plan.changes().count();
    assert!(matches!(plan.changes().last(), Some((_, Change::Poke(_)))));
    let stopped = std::cell::Cell::new(0);
    let stop = || {
        stopped.set(stopped.get() + 1);
        stopped.get() == count
    };
    let mut watch = node_bootstrap::apply::Watch { tell: &mut |_| {}, stop: &stop };
    let applied =
        node_bootstrap::apply::apply(&host, &plan, crate::host::by(), &mut watch).unwrap();
    assert!(applied.stopped);
    let next = plan_for(&host, &node());
    let changes: Vec<String> =
        next.changes().map(|(step, change)| format!("{step}: {change}")).collect();
    assert_eq!(changes, ["interrupted: restart kubelet.service"]);
    carry_out(&host, &next).unwrap();
    assert!(plan_for(&host, &node()).is_empty());
}

#[test]
fn what_someone_else_has_changed_since_is_not_taken_back_unless_forced() {
    let host = host();
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    host.set("/etc/motd", "changed by hand\n");
    host.set_unit("noise.service", "disabled", true);
    let standing = host.snapshot();
    let Err(UndoError::Changed(foreign)) = take_back(&host, &Options::default()) else {
        panic!("it has to be refused");
    };
    let named: Vec<String> = foreign.iter().map(ToString::to_string).collect();
    assert_eq!(
        named,
        [
            "/etc/motd (everything): its content has changed",
            "noise.service (everything): it was left masked and is disabled",
        ]
    );
    assert_eq!(host.snapshot(), standing);
    take_back(&host, &Options { force: true, ..Options::default() }).unwrap();
    assert_eq!(host.snapshot(), crate::host::host().snapshot());
}

#[test]
fn one_step_can_be_taken_back_alone() {
    let host = host();
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    let extent = Extent::Step("sysctls".to_owned());
    let undone = take_back(&host, &Options { extent, ..Options::default() }).unwrap();
    // Two values and the file that sets them at boot.
    assert_eq!(undone.changes, 3);
    let next = plan_for(&host, &node());
    assert!(next.changes().all(|(step, _)| step == "sysctls"));
}

#[test]
fn a_tree_gets_the_files_and_a_list_of_what_its_first_boot_brings() {
    let tree = host().as_tree();
    let plan = plan_for(&tree, &node());
    assert!(plan.changes().all(|(_, change)| !change.is_live()), "{plan:?}");
    let later: Vec<String> =
        plan.steps.iter().flat_map(|step| &step.at_first_boot).map(ToString::to_string).collect();
    insta::assert_snapshot!(later.join("\n"), @r"
    load module overlay now
    set net.core.rmem_max to 1638400 now
    set net.ipv4.ip_forward to 1 now
    start kubelet.service
    stop swapping to /swapfile
    name the host n1 now
    mount nas:/share at /srv/share (nfs4)
    restart kubelet.service
    ");
    carry_out(&tree, &plan).unwrap();
    assert!(plan_for(&tree, &node()).is_empty());
    take_back(&tree, &Options::default()).unwrap();
    assert_eq!(tree.snapshot(), host().snapshot());
}
