//! What each profile does to a bare host of each distribution, as a person reads it; and that the second run does nothing.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use node_bootstrap::data::distribution::{Distribution, Family};
use node_bootstrap::facts::Facts;
use node_bootstrap::fake::FakeHost;
use node_bootstrap::fetch::Fetched;
use node_bootstrap::plan::{Plan, plan_with};
use node_bootstrap::spec::{Node, Profile, Role};
use node_bootstrap::steps;

/// Any key will do: nobody verifies a signature with it.
const KEY: &str =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBA==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";

/// A fresh machine of a distribution.
fn bare(distribution: &Distribution) -> FakeHost {
    let host = FakeHost::of(&distribution.id, &distribution.version);
    host.set("/proc/meminfo", "MemTotal: 4096000 kB\nMemAvailable: 3072000 kB\n");
    host.set("/proc/filesystems", "nodev\tproc\n\text4\n");
    host.set("/proc/sys/kernel/osrelease", "6.1.0-test\n");
    host.set("/sys/devices/system/cpu/online", "0-3\n");
    host.set("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
    host.set_folder("/run/systemd/system");
    for (key, value) in [
        ("net/ipv4/ip_forward", "0"),
        ("net/core/rmem_max", "212992"),
        ("net/core/wmem_max", "212992"),
        ("fs/inotify/max_user_instances", "128"),
        ("fs/inotify/max_user_watches", "65536"),
        ("vm/max_map_count", "65530"),
    ] {
        host.set(&format!("/proc/sys/{key}"), &format!("{value}\n"));
    }
    host.set("/etc/hostname", "localhost\n");
    host.set("/etc/hosts", "127.0.0.1 localhost\n");
    host.set("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    host.set("/etc/group", "root:x:0:\n");
    host.set("/etc/resolv.conf", "nameserver 192.0.2.1\n");
    host.answer(&["modinfo"], 0, "/lib/modules/6.1.0-test/some.ko\n");
    if distribution.family == Family::Rhel {
        host.set_folder("/etc/sysconfig");
        host.set("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
        host.set("/sys/fs/selinux/enforce", "1\n");
    }
    host
}

fn plan(host: &FakeHost, node: &Node) -> Plan {
    let facts = Facts::of(host).unwrap();
    let fetched: Fetched = steps::needs(host, node, &facts)
        .unwrap()
        .into_iter()
        .map(|need| (need.place, KEY.as_bytes().to_vec()))
        .collect();
    plan_with(host, node, &facts, steps::all().iter().copied(), [], &fetched).unwrap()
}

fn node(profile: Profile) -> Node {
    let mut node = Node::from_profile(profile).unwrap();
    node.role = Role::ControlPlane;
    node
}

/// Without the lines that differ: they have tests of their own.
fn shown(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        writeln!(out, "{}", step.step).unwrap();
        for planned in &step.changes {
            writeln!(out, "  {}", planned.change).unwrap();
        }
        for note in &step.notes {
            writeln!(out, "  note: {note}").unwrap();
        }
        for refusal in &step.refusals {
            writeln!(out, "  refused: {refusal}").unwrap();
        }
    }
    out
}

#[test]
fn every_profile_has_its_plan_for_every_distribution() {
    for profile in Profile::ALL {
        let node = node(profile);
        for distribution in Distribution::all() {
            let plan = plan(&bare(distribution), &node);
            let name = format!("{profile}-{}-{}", distribution.id, distribution.version);
            insta::assert_snapshot!(name, shown(&plan));
        }
    }
}

#[test]
fn all_plans_together_take_no_time_to_speak_of() {
    // The bar of 50 ms is measured with a release build (benches); this is only to see a mistake of magnitude.
    let begin = Instant::now();
    for profile in Profile::ALL {
        let node = node(profile);
        for distribution in Distribution::all() {
            plan(&bare(distribution), &node);
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
