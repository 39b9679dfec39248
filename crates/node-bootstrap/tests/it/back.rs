//! What taking back leaves to others, and how it goes on where something stands in its way.

use node_bootstrap::change::Change;
use node_bootstrap::edit::Edit;
use node_bootstrap::fake::{Death, FakeHost, FakePackage};
use node_bootstrap::journal::Journal;
use node_bootstrap::plan::{Plan, Planned, StepPlan};
use node_bootstrap::undo::{Extent, Options, UndoError};

use crate::host::{carry_out, host, node, plan_for, take_back};

/// A plan of steps with these changes.
fn plan(steps: &[(&str, Vec<Change>)]) -> Plan {
    let step = |(step, changes): &(&str, Vec<Change>)| StepPlan {
        step: (*step).to_owned(),
        changes: changes
            .iter()
            .map(|change| Planned { change: change.clone(), diff: None })
            .collect(),
        ..StepPlan::default()
    };
    Plan { steps: steps.iter().map(step).collect(), ..Plan::default() }
}

fn write(path: &str, content: &str) -> Change {
    let edit = Edit::Content(content.to_owned());
    Change::WriteFile { path: path.to_owned(), edit, mode: None, owner: None }
}

fn refused(host: &FakeHost, options: &Options) -> Vec<String> {
    let standing = host.snapshot();
    let refused = take_back(host, options).unwrap_err();
    assert_eq!(host.snapshot(), standing);
    let UndoError::Changed(foreign) = refused else { return vec![refused.to_string()] };
    foreign.iter().map(ToString::to_string).collect()
}

fn force() -> Options {
    Options { force: true, ..Options::default() }
}

/// Another package that someone installs later.
fn add(host: &FakeHost, name: &str, depends: &[&str]) {
    let depends = depends.iter().map(ToString::to_string).collect();
    host.with(|world| {
        world.available.push(FakePackage {
            name: name.to_owned(),
            version: "1".to_owned(),
            depends,
            ..FakePackage::default()
        });
        world.packages.insert(name.to_owned(), "1".to_owned());
    });
}

#[test]
fn packages_of_others_do_not_go_along() {
    let host = host();
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    add(&host, "nginx", &[]);
    add(&host, "crictl-tools", &["cri-tools"]);
    assert_eq!(
        refused(&host, &Options::default()),
        ["crictl-tools (everything): it came from elsewhere, and needs packages that would go"]
    );
    take_back(&host, &force()).unwrap();
    let left = host.snapshot().packages;
    assert_eq!(left.keys().collect::<Vec<_>>(), ["nginx"]);
}

#[test]
fn packages_of_a_node_stay() {
    let host = host();
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    host.set("/etc/kubernetes/kubelet.conf", "kind: Config\n");
    let named = refused(&host, &Options::default());
    assert_eq!(named.len(), 1);
    assert!(named[0].starts_with("/etc/kubernetes/kubelet.conf (everything): "), "{named:?}");
    take_back(&host, &force()).unwrap();
    assert!(!host.snapshot().packages.contains_key("kubelet"));
}

#[test]
fn a_former_version_that_cannot_be_had_does_not_stand_in_the_way() {
    let host = host();
    host.with(|world| {
        world.packages.insert("kubelet".to_owned(), "1.34.0-1.1".to_owned());
        world.lost.insert("kubelet=1.34.0-1.1".to_owned());
    });
    let mut before = host.snapshot();
    carry_out(&host, &plan_for(&host, &node())).unwrap();
    take_back(&host, &Options::default()).unwrap();
    assert_eq!(Journal::read(&host).unwrap().standing().count(), 0);
    // With what it needs.
    before.packages.insert("kubelet".to_owned(), "1.35.4-1.1".to_owned());
    before.packages.insert("cri-tools".to_owned(), "1.35.0-1.1".to_owned());
    assert_eq!(host.snapshot().packages, before.packages);
    assert_eq!(host.snapshot().files["/etc/motd"], before.files["/etc/motd"]);
}

#[test]
fn undo_can_go_on_past_what_cannot_be_taken_back() {
    let host = FakeHost::new();
    host.answer(&["maker"], 0, "");
    let run = Change::Run { argv: vec!["maker".to_owned()], creates: None, undo: None };
    let changes = vec![write("/etc/a", "ours\n"), run, write("/etc/b", "ours\n")];
    carry_out(&host, &plan(&[("one", changes)])).unwrap();
    let error = take_back(&host, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("--keep-going"), "{error}");
    assert!(host.snapshot().files.contains_key("/etc/a"));
    let on = Options { keep_going: true, ..Options::default() };
    let undone = take_back(&host, &on).unwrap();
    assert_eq!((undone.changes, undone.failed), (1, 1));
    assert!(!host.snapshot().files.contains_key("/etc/a"));
    let journal = Journal::read(&host).unwrap();
    let left: Vec<String> = journal.standing().map(|made| made.change.to_string()).collect();
    assert_eq!(left, ["run maker"]);
    assert_eq!(journal.runs().last().unwrap().ok, Some(false));
}

#[test]
fn below_a_change_that_stands_older_ones_of_the_same_file_stand() {
    let host = FakeHost::new();
    for content in ["one\n", "two\n"] {
        carry_out(&host, &plan(&[("one", vec![write("/etc/a", content)])])).unwrap();
    }
    host.with(|world| {
        world.files.retain(|path, _| !path.starts_with("/var/lib/node-prep/backup/"));
    });
    let on = Options { keep_going: true, ..Options::default() };
    let undone = take_back(&host, &on).unwrap();
    assert_eq!((undone.changes, undone.failed), (0, 2));
    assert!(host.snapshot().files.contains_key("/etc/a"));
}

#[test]
fn what_others_install_after_a_killed_run_is_theirs() {
    for death in [Death::Before, Death::Within, Death::After] {
        for at in 0.. {
            let host = host();
            host.kill_at(at, death);
            drop(carry_out(&host, &plan_for(&host, &node())));
            if !host.revive() {
                break;
            }
            add(&host, "nginx", &[]);
            carry_out(&host, &plan_for(&host, &node())).unwrap();
            take_back(&host, &Options::default()).unwrap();
            let left = host.snapshot().packages;
            assert_eq!(left.keys().collect::<Vec<_>>(), ["nginx"], "death {death:?} at {at}");
        }
    }
}

#[test]
fn a_program_that_may_have_run_is_taken_back() {
    let argv = |name: &str| vec![name.to_owned()];
    let run = Change::Run { argv: argv("maker"), creates: None, undo: Some(argv("unmaker")) };
    for at in 0.. {
        let host = FakeHost::new();
        host.answer(&["maker"], 0, "");
        host.answer(&["unmaker"], 0, "");
        host.kill_at(at, Death::After);
        drop(carry_out(&host, &plan(&[("one", vec![run.clone()])])));
        if !host.revive() {
            break;
        }
        let has_run = host.calls().contains(&"maker".to_owned());
        take_back(&host, &Options::default()).unwrap();
        if has_run {
            assert!(host.calls().contains(&"unmaker".to_owned()), "death at {at}");
        }
    }
}

#[test]
fn one_step_does_not_lose_what_another_changed_later() {
    let host = FakeHost::new();
    host.set("/etc/fstab", "theirs\n");
    let steps = [
        ("swap", vec![write("/etc/fstab", "one\n"), write("/etc/other", "one\n")]),
        ("mounts", vec![write("/etc/fstab", "two\n")]),
    ];
    carry_out(&host, &plan(&steps)).unwrap();
    let of = |step: &str| Options { extent: Extent::Step(step.to_owned()), ..Options::default() };
    assert_eq!(
        refused(&host, &of("swap")),
        ["/etc/fstab (swap): step mounts has changed it later: take that back first"]
    );
    take_back(&host, &of("mounts")).unwrap();
    assert_eq!(take_back(&host, &of("swap")).unwrap().changes, 2);
}
