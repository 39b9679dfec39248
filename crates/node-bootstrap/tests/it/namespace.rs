//! A reset in a network namespace of its own, with the real programs: only what is Kubernetes' own vanishes.

use std::process::Command as Program;

use node_bootstrap::fake::FakeHost;
use node_bootstrap::host::{Command, Entry, Host, HostError, Lock, Output};
use node_bootstrap::local::LocalHost;
use node_bootstrap::reset::{Options, Watch, plan, run};
use node_bootstrap::spec::Node;

/// Its files are in memory; its programs are this machine's, in a network namespace that goes with it.
#[derive(Debug)]
struct Namespace {
    files: FakeHost,
    machine: LocalHost,
    name: String,
}

impl Namespace {
    /// `None` where no namespace can be made here.
    fn new(name: &str) -> Option<Self> {
        let name = format!("windlass-{name}-{}", std::process::id());
        let made = Program::new("ip").args(["netns", "add", &name]).output();
        if !made.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let machine = LocalHost::machine().unwrap();
        Some(Self { files: FakeHost::new(), machine, name })
    }

    /// Whether it worked.
    fn run(&self, argv: &[&str]) -> bool {
        Host::run(self, &Command::new(argv.iter().copied())).is_ok_and(|output| output.is_ok())
    }

    fn said(&self, argv: &[&str]) -> String {
        self.check(&Command::new(argv.iter().copied())).unwrap()
    }

    fn links(&self) -> Vec<String> {
        let text = self.said(&["ip", "-o", "link"]);
        let name = |line: &str| line.split([':', '@']).nth(1).unwrap().trim().to_owned();
        text.lines().map(name).collect()
    }

    /// Without comments, which hold the time.
    fn rules(&self, save: &str) -> String {
        let text = self.said(&[save]);
        text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A test that failed has said so already.
        let _ = Program::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

impl Host for Namespace {
    fn is_live(&self) -> bool {
        true
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, HostError> {
        self.files.entry(path)
    }

    fn resolve(&self, path: &str) -> Result<String, HostError> {
        self.files.resolve(path)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.files.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, HostError> {
        self.files.list(folder)
    }

    fn put(&self, path: &str, entry: &Entry) -> Result<(), HostError> {
        self.files.put(path, entry)
    }

    fn remove(&self, path: &str) -> Result<(), HostError> {
        self.files.remove(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), HostError> {
        self.files.rename(from, to)
    }

    fn tidy(&self, path: &str) -> Result<(), HostError> {
        self.files.tidy(path)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), HostError> {
        self.files.append(path, bytes)
    }

    fn set_value(&self, path: &str, value: &str) -> Result<(), HostError> {
        self.files.set_value(path, value)
    }

    fn set_hostname(&self, name: &str) -> Result<(), HostError> {
        unreachable!("nothing here names a host {name}")
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let inside = ["ip", "netns", "exec", &self.name].map(str::to_owned);
        let argv = inside.into_iter().chain(command.argv.iter().cloned()).collect();
        self.machine.run(&Command { argv, ..command.clone() })
    }

    fn lock(&self) -> Result<Box<dyn Lock>, HostError> {
        self.files.lock()
    }
}

fn skipped(why: &str) {
    use std::io::Write as _;
    // Past the capture of the test's output: a skip is to be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

#[test]
fn only_rules_and_links_of_kubernetes_vanish() {
    let Some(host) = Namespace::new("reset") else {
        return skipped("a real reset needs root and `ip netns`");
    };
    let has = |program: &str| {
        let there = std::path::Path::new("/usr/sbin").join(program).exists();
        if there {
            host.files.set(&format!("/usr/sbin/{program}"), "");
        } else {
            skipped(&format!("a real reset without {program}, which is not on this machine"));
        }
        there
    };
    assert!(has("ip"));
    for argv in [
        "ip link add cali0a1b2c3d4e5 type veth peer name veth7",
        "ip link add lxc12ab34cd56ef type veth peer name eth7",
        "ip link add foreign0 type bridge",
        "ip link add lxcbr0 type bridge",
        "ip link add cni0 type bridge",
        "ip link add veth1 type veth peer name veth2",
        "ip link set veth1 master cni0",
        "ip link add veth3 type veth peer name veth4",
        "ip link set veth3 master foreign0",
    ] {
        if !host.run(&argv.split(' ').collect::<Vec<_>>()) {
            return skipped(&format!("a real reset: this kernel refuses `{argv}`"));
        }
    }
    let mut kept = Vec::new();
    for iptables in ["iptables", "ip6tables"] {
        let save = format!("{iptables}-save");
        let foreign = [
            "-P FORWARD DROP",
            "-N DOCKER-USER",
            "-A INPUT -p tcp --dport 22 -j ACCEPT",
            "-A FORWARD -j DOCKER-USER",
        ];
        let ours = [
            "-N KUBE-SERVICES",
            "-N KUBE-MARK",
            "-N cali-INPUT",
            "-A KUBE-SERVICES -j KUBE-MARK",
            "-I INPUT -p tcp --dport 80 -j KUBE-SERVICES",
            "-A FORWARD -g cali-INPUT",
            "-A DOCKER-USER -j KUBE-SERVICES",
        ];
        let add = |rule: &str| {
            let argv: Vec<&str> = std::iter::once(iptables).chain(rule.split(' ')).collect();
            host.run(&argv)
        };
        if !has(&save) || !foreign.iter().all(|rule| add(rule)) {
            skipped(&format!("a real reset with {iptables}, which does not work here"));
            continue;
        }
        let before = host.rules(&save);
        assert!(ours.iter().all(|rule| add(rule)), "{}", host.rules(&save));
        kept.push((save, before));
    }
    let mut tables = String::new();
    if has("nft") && host.run(&["nft", "add", "table", "inet", "mine"]) {
        tables = host.said(&["nft", "list", "tables"]);
        assert!(host.run(&["nft", "add", "table", "ip", "kube-proxy"]));
        assert!(host.run(&["nft", "add", "table", "ip6", "kube-proxy"]));
        assert!(host.run(&["nft", "add", "table", "inet", "kube-proxy"]));
        tables.push_str("table inet kube-proxy\n");
    }

    let planned = plan(&host, &Node::default(), Options::default()).unwrap();
    run(&host, &planned, &mut Watch { tell: &mut |_| {}, stop: &|| false }).unwrap();

    let mut links = host.links();
    links.sort();
    let mut expected = vec!["foreign0", "lo", "lxcbr0", "veth3", "veth4"];
    // Kernels with these built in have them in every namespace.
    expected.extend([
        "tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0",
    ]);
    links.retain(|link| !expected[5..].contains(&link.as_str()));
    assert_eq!(links, expected[..5]);
    for (save, before) in kept {
        assert_eq!(host.rules(&save), before, "{save}");
    }
    if !tables.is_empty() {
        assert_eq!(host.said(&["nft", "list", "tables"]), tables);
    }
    let again = plan(&host, &Node::default(), Options::default()).unwrap();
    assert_eq!(again.actions, [], "{again}");
}

#[test]
fn this_machine_can_be_checked() {
    use node_bootstrap::check::{Ignore, Purpose, check};
    use node_bootstrap::facts::Facts;

    let host = LocalHost::machine().unwrap();
    let facts = Facts::of(&host).unwrap();
    for purpose in [Purpose::Init, Purpose::Join { control_plane: false }, Purpose::Host] {
        let found = check(&host, &facts, &Node::default(), purpose, &Ignore::default());
        let mut names: Vec<&str> = found.iter().map(|finding| finding.name.as_str()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "each name once");
        let broken = |message: &str| message.starts_with("failed to ");
        assert!(!found.iter().any(|finding| broken(&finding.message)), "{found:?}");
    }
}
