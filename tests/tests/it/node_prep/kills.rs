//! `node-prep` is killed at random moments, with all that it started, and the next run finishes.

use std::time::{SystemTime, UNIX_EPOCH};

use super::ready::{Ready, Said};

const NODE: &str = "\
role: control-plane
kubeadm: {podSubnet: 10.244.0.0/16, serviceSubnet: 172.20.0.0/16}
modules: {load: [overlay]}
hosts: [{address: 192.0.2.7, names: [registry.example.org]}]
directories: [{path: /srv/data, mode: \"0750\"}]
";

/// Numbers that nobody foresees; said where a test fails.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self(u64::from(now.subsec_nanos()) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Runs it again and again, each time killed after a while if it has not come to its end, with apt and dpkg or alone; the
/// last time it is left in peace. Answers how often it was killed.
fn killed_and_finished(ready: &Ready, random: &mut Random, command: &str) -> u32 {
    let mut kills = 0;
    for turn in 0..24 {
        let milliseconds = 50 + random.below(700);
        let limit = format!("RuntimeMaxSec={milliseconds}ms");
        let alone =
            if random.below(3) == 0 { "KillMode=process" } else { "KillMode=control-group" };
        let run = format!(
            "systemd-run --quiet --wait --collect --pipe --unit=victim-{turn} -p {limit} -p KillSignal=KILL -p {alone} {command}"
        );
        let said = Said::from(&ready.host.run(&["sh", "-c", &run]));
        if said.code == Some(0) {
            return kills;
        }
        // Nothing but being killed ends it.
        assert!(!said.text.contains("node-prep: "), "after {kills}, seed {}: {said:?}", random.0);
        kills += 1;
    }
    let said = Said::from(&ready.host.run(&["sh", "-c", command]));
    said.ends(0);
    kills
}

#[test]
fn a_run_that_is_killed_at_random_moments_is_finished_and_taken_back() {
    let Some(whole) = Ready::boot("debian-12") else { return };
    let Some(ready) = Ready::boot("debian-12") else { return };
    for one in [&whole, &ready] {
        one.wish("kubeadm", "good", "1.34", NODE);
    }
    whole.apply().ends(0);
    let before = ready.whole();
    let mut random = Random::new();
    let apply = "node-prep apply -f /root/node.yaml --yes";
    let kills = killed_and_finished(&ready, &mut random, apply);
    assert!(kills >= 2, "only {kills}");
    let again = ready.apply().ends(0);
    assert!(again.contains("nothing to do"), "{again}");
    ready.wished("verify").ends(0);
    let differences = whole.tree_without_journal().differences(&ready.tree_without_journal());
    // A host makes these at its first boot.
    let own = ["/etc/hostname:", "/etc/machine-id:", "/etc/ssh/ssh_host_"];
    let differences: Vec<&String> =
        differences.iter().filter(|line| !own.iter().any(|path| line.contains(path))).collect();
    assert!(differences.is_empty(), "{kills} kills: {differences:#?}");

    let kills = killed_and_finished(&ready, &mut random, "node-prep undo --yes");
    assert!(kills >= 1, "only {kills}");
    ready.undo().ends(0);
    before.is(&ready.whole());
}
