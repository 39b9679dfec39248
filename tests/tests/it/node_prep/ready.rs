//! Hosts with `node-prep` on them and packages within reach, as an administrator would have them before its first run.

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use tests::hosts::{Host, Hosts, Repositories, Tree};

/// What `node-prep` may change. The rest of `/var` is logs and caches.
const WHERE: [&str; 6] = ["/etc", "/usr", "/opt", "/srv", "/root", "/var/lib"];

/// What may differ after all was taken back, and why that is no fault.
const WITHOUT: [&str; 9] = [
    // The databases of package managers: they count, and know what can be had from where.
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/lib/dnf",
    "/var/lib/rpm",
    "/usr/lib/sysimage/rpm",
    // What programs wrote while they ran: timers, seeds, and which units Debian's scripts have enabled once.
    "/var/lib/systemd",
    "/var/lib/chrony",
    // What the tests wish.
    "/root/node.yaml",
    // The data of containerd, which its package leaves behind by intention.
    "/var/lib/containerd",
];

/// A host that `node-prep` is run on.
pub(super) struct Ready {
    pub(super) host: Host,
    pub(super) repositories: &'static Repositories,
}

/// All of a host that has to come back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    tree: Tree,
    packages: String,
    held: String,
    /// Units with whether they come at boot, and which of them run.
    units: BTreeMap<String, String>,
    /// Values of the kernel that profiles set.
    values: BTreeMap<&'static str, String>,
    rules: String,
}

/// How a run of `node-prep` ended, and all that it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) text: String,
}

impl From<&Output> for Said {
    fn from(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), text: text(&output.stdout) + &text(&output.stderr) }
    }
}

impl Said {
    /// Expects it to end so, and answers what it said.
    #[track_caller]
    pub(super) fn ends(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self.text
    }
}

impl Ready {
    /// Boots one. None: this machine cannot, which was said.
    pub(super) fn boot(kind: &str) -> Option<Self> {
        let hosts = Hosts::needed()?;
        let host = hosts.boot(kind)?;
        let ready = Self { host, repositories: hosts.repositories() };
        ready.host.copy_in(tests::node_prep(), "/usr/local/bin/node-prep");
        if ready.is_debian() {
            ready
                .host
                .copy_in(&ready.repositories.key("good", "1.34"), "/etc/apt/keyrings/base.asc");
            let url = ready.repositories.distribution("deb");
            let line = format!("deb [signed-by=/etc/apt/keyrings/base.asc] {url} ./\n");
            ready.host.write("/etc/apt/sources.list.d/base.list", &line);
        } else {
            let url = ready.repositories.distribution("rpm");
            let text = format!(
                "[base]\nname=Base\nbaseurl={url}\nenabled=1\ngpgcheck=1\ngpgkey={url}repodata/repomd.xml.key\n"
            );
            ready.host.write("/etc/yum.repos.d/base.repo", &text);
        }
        // Debian's scripts take such away when a package goes: a folder without links means nothing.
        ready.host.done(&["find", "/etc/systemd/system", "-type", "d", "-empty", "-delete"]);
        // Nobody answers there; a host without a name server is told of by `verify`.
        ready.host.write("/etc/resolv.conf", "nameserver 10.99.0.1\n");
        Some(ready)
    }

    fn is_debian(&self) -> bool {
        self.host.run(&["test", "-e", "/usr/bin/dnf"]).status.code() == Some(1)
    }

    /// Writes `/root/node.yaml`: a profile with Kubernetes from a set of the repositories, and more.
    pub(super) fn wish(&self, profile: &str, set: &str, minor: &str, more: &str) {
        let base = self.repositories.base(set);
        let text = format!(
            "version: 1\nprofile: {profile}\nkubernetes:\n  version: \"{minor}\"\n  repository: {{baseUrl: \"{base}/core:/stable:\"}}\n{more}"
        );
        self.host.write("/root/node.yaml", &text);
    }

    /// Runs `node-prep`.
    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        let mut command = vec!["node-prep"];
        command.extend(arguments);
        Said::from(&self.host.run_with(&command, "", Duration::from_mins(3)))
    }

    /// Runs a command of `node-prep` that wants to know what the host shall be.
    pub(super) fn wished(&self, command: &str) -> Said {
        self.run(&[command, "-f", "/root/node.yaml"])
    }

    /// Makes the host what is wished, without asking.
    pub(super) fn apply(&self) -> Said {
        self.run(&["apply", "-f", "/root/node.yaml", "--yes"])
    }

    /// Takes everything back, and the journal with it.
    pub(super) fn undo(&self) -> Said {
        self.run(&["undo", "--yes", "--forget"])
    }

    /// The files of the host.
    pub(super) fn tree(&self) -> Tree {
        self.host.tree_snapshot(&WHERE, &WITHOUT)
    }

    /// The files of the host without the journal, where two hosts are compared: it has times.
    pub(super) fn tree_without_journal(&self) -> Tree {
        let without: Vec<&str> = WITHOUT.into_iter().chain(["/var/lib/node-prep"]).collect();
        self.host.tree_snapshot(&WHERE, &without)
    }

    /// The host as it is.
    pub(super) fn whole(&self) -> Whole {
        let (packages, held) = if self.is_debian() {
            (
                self.host.done(&[
                    "dpkg-query",
                    "-W",
                    "-f=${db:Status-Abbrev} ${Package} ${Version}\n",
                ]),
                self.host.done(&["apt-mark", "showhold"]),
            )
        } else {
            (self.host.done(&["sh", "-c", "rpm -qa | grep -v ^gpg-pubkey | sort"]), String::new())
        };
        Whole {
            tree: self.tree(),
            packages,
            held,
            units: self.units(),
            values: self.values(),
            // Counters count.
            rules: self.rules(),
        }
    }

    /// The rules of the firewall. A chain that was emptied lets nothing in, and is gone with the next start of nftables.
    fn rules(&self) -> String {
        let rules = self.host.done(&["nft", "--stateless", "list", "ruleset"]);
        let emptied = "\n\tchain node-prep-input {\n\t}\n";
        if !rules.contains(emptied) {
            return rules;
        }
        rules.replace(emptied, "").replace("\t\tjump node-prep-input\n", "")
    }

    fn units(&self) -> BTreeMap<String, String> {
        let list = |what: &str, more: &str| {
            let command =
                format!("systemctl {what} --type=service --no-legend --plain --no-pager {more}");
            self.host.done(&["sh", "-c", &command])
        };
        let mut units = BTreeMap::new();
        for line in list("list-unit-files", "").lines() {
            if let [unit, state, ..] = line.split_whitespace().collect::<Vec<_>>()[..]
                // Those are commands of the tests.
                && state != "transient"
            {
                units.insert(unit.to_owned(), state.to_owned());
            }
        }
        // Others come and go by timers, sockets and buses.
        for line in list("list-units", "--state=running").lines() {
            let state = line.split(' ').next().and_then(|unit| units.get_mut(unit));
            if let Some(state) = state.filter(|state| *state == "enabled") {
                state.push_str(" running");
            }
        }
        units
    }

    fn values(&self) -> BTreeMap<&'static str, String> {
        [
            "net/ipv4/ip_forward",
            "fs/inotify/max_user_instances",
            "vm/max_map_count",
            "kernel/hostname",
        ]
        .into_iter()
        .map(|key| (key, self.host.read(&format!("/proc/sys/{key}")).trim().to_owned()))
        .collect()
    }

    /// Whether the unit comes at boot and runs.
    #[track_caller]
    pub(super) fn is_enabled_and_active(&self, unit: &str) {
        for question in ["is-enabled", "is-active"] {
            let said = Said::from(&self.host.run(&["systemctl", question, unit]));
            assert_eq!(said.code, Some(0), "{unit}: {}", said.text);
        }
    }
}

impl Whole {
    /// Expects another to be the same.
    #[track_caller]
    pub(super) fn is(&self, other: &Self) {
        let differences = self.tree.differences(&other.tree);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert_eq!(self.packages, other.packages);
        assert_eq!(self.held, other.held);
        let differ: Vec<_> = self
            .units
            .iter()
            .filter(|(unit, state)| other.units.get(*unit) != Some(*state))
            .collect();
        assert!(differ.is_empty() && self.units.len() == other.units.len(), "{differ:?}");
        assert_eq!(self.values, other.values);
        assert_eq!(self.rules, other.rules);
    }
}
