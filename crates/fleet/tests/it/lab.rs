//! A cluster in memory: a host for each of its inventory, that share an API and members of etcd, and answer through the very program
//! that real hosts run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use etcd::{Api as _, FakeCluster};
use fleet::{Contact, ContactError, News, Watch};
use node_bootstrap::agent::{
    Answer, Around, Call, Etcd, Event, Failure, FailureKind, Request, serve,
};
use node_bootstrap::fake::{Death, FakeHost, FakePackage, SharedApi, World, etcd_of, play_kubelet};
use node_bootstrap::fetch::Need;
use node_bootstrap::host::{Entry, Kind, Meta};
use topology::Inventory;
use topology::inventory::Host;

const KEY: &str =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx\n-----END PGP PUBLIC KEY BLOCK-----\n";
/// What pods talk to each other with.
pub(crate) const NETWORK: &str = "kind: DaemonSet\n";

const NODES: &str = "\
version: 1
name: lab
kubernetes: {version: '1.35', podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
node:
  sysctls: {net.ipv4.ip_forward: 1}
  kubeadm: {ignorePreflightErrors: [all]}
  cni: {file: /srv/desk/network.yaml}
";

/// Three control planes behind a proxy, and two workers. The addresses of control planes begin alike.
pub(crate) fn six() -> Inventory {
    inventory(
        "\
highAvailability: {kind: proxy, endpoint: '10.20.0.30:6443'}
hosts:
- {name: cp1, address: 10.20.0.1, role: control-plane}
- {name: cp2, address: 10.20.0.11, role: control-plane}
- {name: cp3, address: 10.20.0.111, role: control-plane}
- {name: lb, address: 10.20.0.30, role: proxy}
- {name: w1, address: 10.20.0.21, role: worker, labels: {disk: ssd}}
- {name: w2, address: 10.20.0.22, role: worker}
",
    )
}

/// One control plane and one worker.
pub(crate) fn two() -> Inventory {
    inventory(
        "\
hosts:
- {name: cp1, address: 10.20.0.1, role: control-plane}
- {name: w1, address: 10.20.0.21, role: worker}
",
    )
}

fn inventory(hosts: &str) -> Inventory {
    Inventory::read("cluster.yaml", &format!("{NODES}{hosts}")).unwrap().0
}

/// When the desk is killed. Looking changes nothing, so only what changes something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dies {
    Never,
    /// Before a host hears of this call.
    Before(usize),
    /// When the host has done it, and before the desk hears of that.
    After(usize),
}

/// What a host answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Nobody reaches it.
    Away,
    /// The same, and nothing on it runs.
    Burned,
    /// Another one works on it.
    Busy,
    /// Another one works on it, and the desk is asked to stop while it waits.
    Stops,
}

struct Place {
    address: String,
    host: FakeHost,
    mood: Mood,
    surveys: usize,
}

struct Desk {
    dies: Dies,
    calls: usize,
    writes: usize,
    /// What was asked of hosts, and of which.
    asked: Vec<String>,
}

/// A cluster in memory.
pub(crate) struct Lab {
    places: Mutex<BTreeMap<String, Place>>,
    desk: Mutex<Desk>,
    pub(crate) api: SharedApi,
    pub(crate) members: FakeCluster,
    pub(crate) said: Mutex<Vec<String>>,
    stops: AtomicBool,
}

fn host(at: usize, of: &Host, api: &SharedApi, members: &FakeCluster) -> FakeHost {
    let host = FakeHost::new().in_cluster(api).with_etcd(members);
    host.set("/etc/machine-id", &format!("{at:032x}\n"));
    host.set("/etc/hostname", "localhost\n");
    host.set("/proc/sys/kernel/arch", "x86_64\n");
    host.set("/proc/sys/net/ipv4/ip_forward", "0\n");
    host.set("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    host.set("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    host.set_folder("/etc/kubernetes/manifests");
    host.set_folder("/etc/kubernetes/pki");
    host.set_folder("/usr/bin");
    host.set_unit("containerd.service", "enabled", true);
    host.set_runtime();
    host.with(|world| {
        world.addresses = vec![of.address];
        for name in ["conntrack", "socat", "ebtables", "ethtool", "iproute2", "iptables"] {
            world.packages.insert(name.to_owned(), "1.0-1".to_owned());
        }
        for version in ["1.35.4-1.1", "1.36.0-1.1"] {
            world.available.extend(["kubelet", "kubeadm", "kubectl"].map(|name| FakePackage {
                name: name.to_owned(),
                version: version.to_owned(),
                units:
                    (name == "kubelet").then(|| "kubelet.service".to_owned()).into_iter().collect(),
                files: vec![(format!("/usr/bin/{name}"), "a program".to_owned())],
                ..FakePackage::default()
            }));
        }
        world.available.push(FakePackage {
            name: "haproxy".to_owned(),
            version: "2.6.12-1".to_owned(),
            units: vec!["haproxy.service".to_owned()],
            files: vec![("/etc/haproxy/haproxy.cfg".to_owned(), "global\n".to_owned())],
            ..FakePackage::default()
        });
    });
    host
}

fn gone() -> ContactError {
    ContactError::Broken("the desk is gone".to_owned())
}

impl Lab {
    /// Bare hosts.
    pub(crate) fn bare(inventory: &Inventory) -> Self {
        let (api, members) = (SharedApi::default(), FakeCluster::new());
        let places = inventory.hosts.iter().enumerate().map(|(at, of)| {
            let host = host(at, of, &api, &members);
            let place =
                Place { address: of.address.to_string(), host, mood: Mood::Well, surveys: 0 };
            (of.name.clone(), place)
        });
        let desk = Desk { dies: Dies::Never, calls: 0, writes: 0, asked: Vec::new() };
        Self {
            places: Mutex::new(places.collect()),
            desk: Mutex::new(desk),
            api,
            members,
            said: Mutex::default(),
            stops: AtomicBool::new(false),
        }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Place>> {
        self.places.lock().unwrap()
    }

    /// From now on the desk is killed then.
    pub(crate) fn desk(&self, dies: Dies) {
        let mut desk = self.desk.lock().unwrap();
        desk.dies = dies;
        desk.calls = 0;
        desk.asked.clear();
        self.places().values_mut().for_each(|place| place.surveys = 0);
    }

    /// How many calls there were that may change something.
    pub(crate) fn calls(&self) -> usize {
        self.desk.lock().unwrap().calls
    }

    /// What was asked, but for surveys.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.desk.lock().unwrap().asked.clone()
    }

    /// How often each host was asked what it is.
    pub(crate) fn surveys(&self) -> Vec<usize> {
        self.places().values().map(|place| place.surveys).collect()
    }

    pub(crate) fn mood(&self, host: &str, mood: Mood) {
        let mut places = self.places();
        places.get_mut(host).unwrap().mood = mood;
        self.kubelets(&places);
    }

    /// A new machine has the name and the address of an old one.
    pub(crate) fn replace(&self, inventory: &Inventory, name: &str) {
        let at = inventory.hosts.iter().position(|host| host.name == name).unwrap();
        let host = host(100 + at, &inventory.hosts[at], &self.api, &self.members);
        let place = &mut *self.places();
        let place = place.get_mut(name).unwrap();
        (place.host, place.mood) = (host, Mood::Well);
    }

    /// Looks at a host, or changes it.
    pub(crate) fn with<R>(&self, host: &str, change: impl FnOnce(&FakeHost) -> R) -> R {
        change(&self.places()[host].host)
    }

    /// A host dies at its change with this number. It lives again when it is asked the next time.
    pub(crate) fn kill_host_at(&self, host: &str, change: usize, death: Death) {
        self.with(host, |host| host.kill_at(change, death));
    }

    /// Writes that were acknowledged, and that nobody has.
    pub(crate) fn lost(&self) -> Vec<String> {
        self.members.lost()
    }

    /// The address that all use leads to API servers while haproxy runs.
    fn lead(&self, places: &BTreeMap<String, Place>) {
        let Some(lb) = places.get("lb") else { return };
        let mut leads = false;
        lb.host.with(|world| {
            leads = world.units.get("haproxy.service").is_some_and(|unit| unit.active);
        });
        self.api.with(|api| api.cut_off = !leads);
    }

    /// The kubelets have done what they do of their own.
    fn kubelets(&self, places: &BTreeMap<String, Place>) {
        for place in places.values() {
            let mut runs = false;
            place.host.with(|world| {
                runs = world.files.contains_key("/etc/kubernetes/manifests/etcd.yaml");
            });
            if runs && place.mood != Mood::Burned {
                play_kubelet(&place.host, &self.members);
            } else {
                self.members.kill(&format!("https://{}:2380", place.address));
            }
        }
    }

    /// A client of the cluster writes. Without a quorum it is not acknowledged.
    fn write(&self, desk: &mut Desk) {
        desk.writes += 1;
        let _ = self.members.write(&format!("write {}", desk.writes));
    }

    /// All that is there of the cluster, for a comparison: of each host its files, packages, units; nodes; members of etcd.
    pub(crate) fn state(&self) -> BTreeMap<String, String> {
        let places = self.places();
        self.kubelets(&places);
        let mut state = BTreeMap::new();
        for (name, place) in &*places {
            state.insert(format!("host {name}"), shown(place.host.snapshot()));
            let url = format!("https://{}:2380", place.address);
            if let Ok(view) = self.members.member(&url).view() {
                let mut members: Vec<String> = view
                    .members
                    .iter()
                    .map(|it| format!("{} {} {}", it.name, it.peer_urls.join(","), it.learner))
                    .collect();
                members.sort();
                let text = format!("{} {}", view.healthy, members.join("; "));
                state.insert(format!("etcd {name}"), text);
            }
        }
        let (nodes, version) = self.api.with(|api| (api.nodes.clone(), api.version.clone()));
        state.insert("version".to_owned(), version);
        for (name, node) in nodes {
            state.insert(format!("node {name}"), format!("{node:?}"));
        }
        state
    }

    fn serve(
        &self,
        place: &Place,
        request: &Request,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, Failure> {
        let connect = etcd_of(&place.host, &self.members);
        let around = Around {
            fetch: &|need: &Need| {
                let is_key = need.place.contains("/Release.key");
                if is_key { Ok(KEY.into()) } else { Err("there is no network".to_owned()) }
            },
            random: &|| Ok([7; 32]),
            now: &SystemTime::now,
            version: "0",
            stop: &|| false,
            etcd: Some(&Etcd { connect: &connect }),
        };
        let call = Call { by: "ana@desk".to_owned(), request: request.clone() };
        serve(&place.host, &call, &around, tell)
    }
}

/// What counts of a host.
fn shown(world: World) -> String {
    let mut text = String::new();
    let has_data = world.files.keys().any(|path| path.starts_with("/var/lib/etcd/"));
    for (path, entry) in &world.files {
        // kubeadm may leave it empty, which does not matter to anyone.
        if path == "/var/lib/etcd" && !has_data {
            continue;
        }
        let content = match &entry.kind {
            // Which of the data of the fake cluster it is tells nothing.
            _ if path.ends_with("/member/disk") => "data".to_owned(),
            Kind::File(content) => String::from_utf8_lossy(content).into_owned(),
            other => format!("{other:?}"),
        };
        writeln!(text, "{path} {:?}: {content}", entry.meta).unwrap();
    }
    let of_cluster = world.cluster.map(|cluster| (cluster.answers, cluster.has, cluster.applied));
    writeln!(
        text,
        "{:#?}\n{:#?}\n{:?}\n{of_cluster:?}\n{}",
        world.units,
        world.packages,
        world.held,
        world.renewed > 0
    )
    .unwrap();
    text
}

impl Contact for Lab {
    fn call(
        &self,
        name: &str,
        request: &Request,
        _: Duration,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, ContactError> {
        let mut places = self.places();
        let mut desk = self.desk.lock().unwrap();
        self.write(&mut desk);
        let looks = matches!(request, Request::Survey { .. });
        let number = desk.calls;
        let (before, after) = match desk.dies {
            Dies::Never => (true, true),
            Dies::Before(at) if looks => (number <= at, number <= at),
            Dies::After(at) if looks => (number <= at, number <= at),
            Dies::Before(at) => (number < at, number < at),
            Dies::After(at) => (number <= at, number < at),
        };
        if !looks {
            desk.calls += 1;
            desk.asked.push(format!("{name}: {}", named(request)));
        }
        drop(desk);
        if !before {
            return Err(gone());
        }
        let place = places.get_mut(name).unwrap();
        if looks {
            place.surveys += 1;
        }
        match place.mood {
            Mood::Away | Mood::Burned => {
                return Err(ContactError::Unreachable("no route to host".to_owned()));
            }
            Mood::Stops if !looks => {
                self.stops.store(true, Ordering::Relaxed);
                let message = "stopped before it was begun".to_owned();
                return Err(Failure { kind: FailureKind::Stopped, message, changes: 0 }.into());
            }
            mood => place.host.set_taken(mood == Mood::Busy),
        }
        self.lead(&places);
        let place = &places[name];
        let answer = self.serve(place, request, tell);
        // A host that died is started again.
        let died = place.host.is_dead() && place.host.revive();
        self.kubelets(&places);
        if died {
            return Err(ContactError::Broken("the host is gone".to_owned()));
        }
        if after { Ok(answer?) } else { Err(gone()) }
    }

    fn fetch(&self, _: &str, path: &str, _: &mut dyn Write) -> Result<u64, ContactError> {
        let (kind, changes) = (FailureKind::Failed, 0);
        Err(Failure { kind, message: format!("{path} was not to be fetched"), changes }.into())
    }

    fn put(&self, host: &str, path: &str, content: &[u8]) -> Result<(), ContactError> {
        let kind = Kind::File(content.to_vec());
        self.with(host, |host| host.set_entry(path, Entry { kind, meta: Meta::root(0o600) }));
        Ok(())
    }
}

/// What is asked, in few words.
fn named(request: &Request) -> String {
    if let Request::Kubectl { arguments, .. } = request {
        let plain = arguments.iter().filter(|word| !word.starts_with('-'));
        return format!("kubectl {}", plain.cloned().collect::<Vec<_>>().join(" "));
    }
    let value = serde_json::to_value(request).unwrap_or_default();
    let words = ["do", "part", "etcd"].iter().filter_map(|key| value.get(key)?.as_str());
    words.collect::<Vec<_>>().join(" ")
}

impl Watch for Lab {
    fn hear(&self, news: &News<'_>) {
        let line = match news {
            News::Begun { .. } => return,
            // What hosts in memory lack is told at every turn.
            News::Event { event, .. } if event.step == "check" => return,
            News::Event { host, event } => format!("  {host}: {}: {}", event.step, event.text),
            News::Done { host, what } => format!("{host}: {what}"),
            News::Failed { host, what, why } => format!("{host}: failed to {what}: {why}"),
            News::Phase(text) | News::Note(text) => (*text).to_owned(),
        };
        self.said.lock().unwrap().push(line);
    }

    fn stopped(&self) -> bool {
        self.stops.load(Ordering::Relaxed)
    }
}
