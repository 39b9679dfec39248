//! What tests of steps share: hosts of both families, and what must hold of every step.

use std::fmt::Write as _;

use crate::apply::{Watch, apply};
use crate::facts::Facts;
use crate::fake::{Death, FakeHost, FakePackage};
use crate::journal::By;
use crate::plan::{Plan, Planning, Step, plan};
use crate::spec::Node;
use crate::undo::{Options, undo};

/// A Debian 12 that runs.
pub(crate) fn debian() -> FakeHost {
    let host = FakeHost::new();
    host.set("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    host.set("/proc/meminfo", "MemTotal: 2048000 kB\nMemAvailable: 1024000 kB\n");
    host.set("/etc/hostname", "localhost\n");
    host.set("/etc/hosts", "127.0.0.1 localhost\n");
    host.set(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1001::/home/ann:/bin/sh\n",
    );
    host.set("/etc/group", "root:x:0:\nusers:x:100:ann\nann:x:1001:\n");
    host
}

/// A Rocky Linux 9 that runs.
pub(crate) fn rocky() -> FakeHost {
    let host = debian();
    host.set(
        "/etc/os-release",
        "ID=\"rocky\"\nVERSION_ID=\"9.4\"\nID_LIKE=\"rhel centos fedora\"\n",
    );
    host.set_folder("/etc/sysconfig");
    host
}

/// A package that can be had, with its units.
pub(crate) fn package(host: &FakeHost, name: &str, units: &[&str]) {
    host.with(|world| {
        world.available.push(FakePackage {
            name: name.to_owned(),
            version: "1.0-1".to_owned(),
            units: units.iter().map(ToString::to_string).collect(),
            ..FakePackage::default()
        });
    });
}

fn by() -> By {
    By { user: "tester".to_owned(), at: "2026-01-01T00:00:00Z".to_owned(), version: "0".to_owned() }
}

/// What a step has to do.
pub(crate) fn plan_of(host: &FakeHost, node: &Node, step: &dyn Step) -> Plan {
    let facts = Facts::of(host).unwrap();
    plan(host, node, &facts, [step], []).unwrap()
}

/// What a step finds although there is nothing to do.
pub(crate) fn findings(host: &FakeHost, node: &Node, step: &dyn Step) -> Vec<String> {
    let facts = Facts::of(host).unwrap();
    let told = Planning::new(host, node, &facts).verify(step).unwrap();
    told.refusals.into_iter().chain(told.notes).collect()
}

/// Carries a plan out.
pub(crate) fn carry_out(host: &FakeHost, plan: &Plan) {
    apply(host, plan, by(), &mut Watch { tell: &mut |_| {}, stop: &|| false }).unwrap();
}

/// Takes everything back.
pub(crate) fn take_back(host: &FakeHost) {
    undo(host, &Options::default(), by(), &mut Watch { tell: &mut |_| {}, stop: &|| false })
        .unwrap();
}

/// A plan as a person reads it.
pub(crate) fn shown(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        for planned in &step.changes {
            writeln!(out, "{}", planned.change).unwrap();
            let diff = planned.diff.as_deref().unwrap_or_default();
            for line in diff.lines().skip(2).filter(|line| line.starts_with(['+', '-'])) {
                writeln!(out, "  {line}").unwrap();
            }
        }
        for (what, lines) in [("note", &step.notes), ("refused", &step.refusals)] {
            for line in lines {
                writeln!(out, "{what}: {line}").unwrap();
            }
        }
        for change in &step.at_first_boot {
            writeln!(out, "at first boot: {change}").unwrap();
        }
    }
    for why in &plan.reboot {
        writeln!(out, "reboot: {why}").unwrap();
    }
    out
}

/// What must hold of every step on every host: a second run has nothing to do, undo gives back the same host, and so it
/// is of a tree, and of a run that is killed anywhere. Gives the plan as a person reads it.
pub(crate) fn lives(prepare: impl Fn() -> FakeHost, node: &Node, step: &dyn Step) -> String {
    let plan = lives_once(&prepare(), node, step);
    let tree = prepare().as_tree();
    // Nothing runs in a tree.
    tree.with(|world| world.units.values_mut().for_each(|unit| unit.active = false));
    lives_once(&tree, node, step);
    survives(prepare, node, step);
    shown(&plan)
}

/// A run that is killed at any of its changes is ended by the next, which then has nothing left, and both are taken back
/// together.
fn survives(prepare: impl Fn() -> FakeHost, node: &Node, step: &dyn Step) {
    let original = prepare().snapshot();
    let whole = prepare();
    carry_out(&whole, &plan_of(&whole, node, step));
    for death in [Death::Before, Death::Within, Death::After] {
        for at in 0.. {
            let host = prepare();
            let plan = plan_of(&host, node, step);
            host.kill_at(at, death);
            let mut watch = Watch { tell: &mut |_| {}, stop: &|| false };
            drop(apply(&host, &plan, by(), &mut watch));
            if !host.revive() {
                break;
            }
            let when = format!("death {death:?} at change {at}");
            carry_out(&host, &plan_of(&host, node, step));
            assert!(plan_of(&host, node, step).is_empty(), "{when}");
            assert_eq!(host.snapshot(), whole.snapshot(), "{when}");
            take_back(&host);
            assert_eq!(host.snapshot(), original, "{when}");
        }
    }
}

fn lives_once(host: &FakeHost, node: &Node, step: &dyn Step) -> Plan {
    let before = host.snapshot();
    let plan = plan_of(host, node, step);
    assert!(plan.refusals().next().is_none(), "{}", shown(&plan));
    assert_eq!(host.writes(), 0, "planning changes nothing");
    carry_out(host, &plan);
    let again = plan_of(host, node, step);
    assert!(again.is_empty() && again.refusals().next().is_none(), "once more:\n{}", shown(&again));
    take_back(host);
    assert_eq!(host.snapshot(), before);
    plan
}
