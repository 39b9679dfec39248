//! A host in memory, for tests: files, values of the kernel, units, packages, and death at any moment.

mod api;
mod cluster;
mod etcd;
mod network;
mod programs;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub use api::{FakeApi, FakeNode, SharedApi};
pub use cluster::{AUTHORITY, FakeCluster};
pub use etcd::{etcd_of, play_kubelet};

use crate::host::{
    Command, Entry, Host, HostError, Kind, Lock, Meta, Output, folder_of, name_of, stage_of,
};
use crate::static_pod;

/// A unit of a host in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeUnit {
    /// As `systemctl is-enabled` says.
    pub enabled: String,
    /// Whether it runs.
    pub active: bool,
    /// While it is masked: as it was before.
    pub beneath: Option<String>,
}

/// A package that a host in memory can install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakePackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Units that come with it.
    pub units: Vec<String>,
    /// Files that come with it: path and content.
    pub files: Vec<(String, String)>,
    /// Packages that come along.
    pub depends: Vec<String>,
    /// Packages that have to go.
    pub conflicts: Vec<String>,
}

/// What a host in memory is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// What stands at which path. Folders above are there.
    pub files: BTreeMap<String, Entry>,
    /// Units by name.
    pub units: BTreeMap<String, FakeUnit>,
    /// Installed packages with their versions.
    pub packages: BTreeMap<String, String>,
    /// Packages that are held.
    pub held: BTreeSet<String>,
    /// Packages that can be had.
    pub available: Vec<FakePackage>,
    /// `name=version` of packages that cannot be had any more.
    pub lost: BTreeSet<String>,
    /// What is mounted: path, and what with its type.
    pub mounts: BTreeMap<String, String>,
    /// Links, each with the bridge that it is in.
    pub links: Vec<(String, Option<String>)>,
    /// Firewall rules as `iptables-save` prints them, by the name of the saving program.
    pub rules: BTreeMap<String, String>,
    /// Booleans of `SELinux` that are on.
    pub booleans: BTreeSet<String>,
    /// Tables of nftables: `ip kube-proxy`.
    pub tables: Vec<String>,
    /// The cluster that its kubeadm made, or let it into.
    pub cluster: Option<FakeCluster>,
    /// How often the manifest of a static pod was taken away: as often its container is another one.
    pub restarts: BTreeMap<String, u32>,
    /// How often the certificates of the control plane were renewed.
    pub renewed: u32,
    /// Static pods that have read certificates that have ended: they answer nobody until they are started again with others.
    pub stale: BTreeSet<String>,
    /// Addresses of its links.
    pub addresses: Vec<std::net::IpAddr>,
    /// What programs that are not known here answer, by the beginning of their argument vector. The last that fits
    /// counts.
    pub answers: Vec<(Vec<String>, Output)>,
    /// Programs that do not end.
    pub hanging: BTreeSet<String>,
}

/// How much of the fatal change is still made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Nothing.
    Before,
    /// A part: the new file stands beside the old, the line is cut.
    Within,
    /// All of it, and nothing after it.
    After,
}

/// A host in memory.
#[derive(Debug)]
pub struct FakeHost {
    world: RefCell<World>,
    live: bool,
    calls: RefCell<Vec<String>>,
    /// After how many changes it dies, and how.
    fatal: Cell<Option<(usize, Death)>>,
    writes: Cell<usize>,
    dead: Cell<bool>,
    /// Whether another one works on it.
    taken: Cell<bool>,
    /// The API of the cluster that it is a node of, or becomes one of.
    api: SharedApi,
    /// The members of etcd that its kubeadm makes one of.
    etcd: Option<::etcd::FakeCluster>,
}

impl FakeHost {
    /// A Debian host that runs.
    #[must_use]
    pub fn new() -> Self {
        Self::of("debian", "12")
    }

    /// A host of a distribution, by its `ID` and `VERSION_ID`, that runs.
    #[must_use]
    pub fn of(id: &str, version: &str) -> Self {
        let host = Self::bare(true);
        host.set("/etc/os-release", &format!("ID={id}\nVERSION_ID=\"{version}\"\n"));
        for folder in [
            "/etc",
            "/etc/sysctl.d",
            "/etc/modules-load.d",
            "/var/lib",
            "/run",
            "/proc/sys",
            "/root",
        ] {
            host.set_folder(folder);
        }
        host.set("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
        host.set("/proc/self/mounts", "/dev/vda1 / ext4 rw 0 0\n");
        host.set("/proc/sys/kernel/hostname", "localhost\n");
        host
    }

    /// An empty one.
    #[must_use]
    pub fn bare(live: bool) -> Self {
        let host = Self {
            world: RefCell::default(),
            live,
            calls: RefCell::default(),
            fatal: Cell::new(None),
            writes: Cell::new(0),
            dead: Cell::new(false),
            taken: Cell::new(false),
            api: SharedApi::default(),
            etcd: None,
        };
        host.set_folder("/");
        host
    }

    /// The same host, with an API that others share: joining adds a node there, as does a new cluster.
    #[must_use]
    pub fn in_cluster(mut self, api: &SharedApi) -> Self {
        self.api = api.clone();
        self
    }

    /// The same host, whose kubeadm makes a member of etcd where it makes a control plane. [`play_kubelet`] and
    /// [`etcd_of`] have it run.
    #[must_use]
    pub fn with_etcd(mut self, members: &::etcd::FakeCluster) -> Self {
        self.etcd = Some(members.clone());
        self
    }

    /// The API of its cluster.
    #[must_use]
    pub fn api(&self) -> &SharedApi {
        &self.api
    }

    /// It has crictl and a runtime that runs.
    pub fn set_runtime(&self) {
        self.set("/usr/bin/crictl", "a program");
        self.set("/run/containerd/containerd.sock", "");
    }

    /// The certificates of its control plane have ended.
    pub fn end_certificates(&self) {
        for path in cluster::CERTIFICATES {
            self.set(path, cluster::ENDED);
        }
        let names = static_pod::COMPONENTS.iter().map(ToString::to_string);
        self.world.borrow_mut().stale.extend(names);
    }

    /// The same files as a tree that does not run.
    #[must_use]
    pub fn as_tree(&self) -> Self {
        let tree = Self::bare(false);
        *tree.world.borrow_mut() = self.world.borrow().clone();
        tree
    }

    /// A file with mode 0644, with the folders above it.
    pub fn set(&self, path: &str, content: &str) {
        self.set_entry(path, Entry { kind: Kind::File(content.into()), meta: Meta::root(0o644) });
    }

    /// A folder, with those above it.
    pub fn set_folder(&self, path: &str) {
        self.set_entry(path, Entry { kind: Kind::Folder, meta: Meta::root(0o755) });
    }

    /// A symbolic link.
    pub fn set_link(&self, path: &str, target: &str) {
        let kind = Kind::Link(target.to_owned());
        self.set_entry(path, Entry { kind, meta: Meta::root(0o777) });
    }

    /// Anything, with the folders above it.
    pub fn set_entry(&self, path: &str, entry: Entry) {
        let mut world = self.world.borrow_mut();
        let mut above = folder_of(path).to_owned();
        while above != "/" {
            let folder = Entry { kind: Kind::Folder, meta: Meta::root(0o755) };
            world.files.entry(above.clone()).or_insert(folder);
            above = folder_of(&above).to_owned();
        }
        world.files.insert(path.to_owned(), entry);
    }

    /// A unit.
    pub fn set_unit(&self, name: &str, enabled: &str, active: bool) {
        let unit = FakeUnit { enabled: enabled.to_owned(), active, beneath: None };
        self.world.borrow_mut().units.insert(name.to_owned(), unit);
    }

    /// What a program answers whose argument vector begins so.
    pub fn answer(&self, argv: &[&str], code: i32, stdout: &str) {
        let argv = argv.iter().map(ToString::to_string).collect();
        let output = Output { code: Some(code), stdout: stdout.to_owned(), stderr: String::new() };
        self.world.borrow_mut().answers.push((argv, output));
    }

    /// Changes anything.
    pub fn with(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.borrow_mut());
    }

    /// All of it, but for the journal and for how often what was restarted: to compare before and after.
    #[must_use]
    pub fn snapshot(&self) -> World {
        let mut world = self.world.borrow().clone();
        world.files.retain(|path, _| !path.starts_with(crate::journal::FOLDER));
        // Which container it is tells nothing of the host.
        world.restarts.clear();
        world
    }

    /// Programs that were run so far, and forgets them.
    pub fn calls(&self) -> Vec<String> {
        self.calls.take()
    }

    /// How many changes were made so far: files, values, programs that change something.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.writes.get()
    }

    /// It dies at the change with this number, from now on, from 0.
    pub fn kill_at(&self, change: usize, death: Death) {
        self.writes.set(0);
        self.fatal.set(Some((change, death)));
    }

    /// Whether it has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// It lives again, with what it was left with. Answers whether it had died.
    pub fn revive(&self) -> bool {
        self.fatal.set(None);
        self.dead.replace(false)
    }

    /// Another one works on it, from now on or no more.
    pub fn set_taken(&self, taken: bool) {
        self.taken.set(taken);
    }

    fn alive(&self, path: &str) -> Result<(), HostError> {
        if self.dead.get() { Err(killed(path)) } else { Ok(()) }
    }

    /// Before a change: whether it is made at all, and whether only a part of it.
    fn mortal(&self, path: &str) -> Result<Option<Death>, HostError> {
        self.alive(path)?;
        let now = self.writes.get();
        self.writes.set(now + 1);
        match self.fatal.get() {
            Some((at, death)) if at == now => {
                self.dead.set(true);
                if death == Death::Before { Err(killed(path)) } else { Ok(Some(death)) }
            }
            _ => Ok(None),
        }
    }

    /// Where a path leads, links in it followed.
    fn real(&self, path: &str) -> String {
        let world = self.world.borrow();
        let mut rest: Vec<String> =
            path.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let mut real = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "." => continue,
                ".." => {
                    real.truncate(real.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{real}/{part}");
            match world.files.get(&next).map(|entry| &entry.kind) {
                Some(Kind::Link(target)) if links < 40 => {
                    links += 1;
                    if target.starts_with('/') {
                        real.clear();
                    }
                    rest.extend(
                        target.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned),
                    );
                }
                _ => real = next,
            }
        }
        if real.is_empty() { "/".to_owned() } else { real }
    }

    /// Folders are followed, the last part is not.
    fn place(&self, path: &str) -> String {
        if path == "/" {
            return path.to_owned();
        }
        let folder = self.real(folder_of(path));
        format!("{}/{}", folder.trim_end_matches('/'), name_of(path))
    }
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

fn killed(path: &str) -> HostError {
    HostError::Write { path: path.to_owned(), source: io::Error::other("killed") }
}

fn refused(path: &str, kind: io::ErrorKind) -> HostError {
    HostError::Write { path: path.to_owned(), source: io::Error::from(kind) }
}

#[derive(Debug)]
struct NoLock;

impl Lock for NoLock {}

impl Host for FakeHost {
    fn is_live(&self) -> bool {
        self.live
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, HostError> {
        self.alive(path)?;
        Ok(self.world.borrow().files.get(&self.place(path)).cloned())
    }

    fn resolve(&self, path: &str) -> Result<String, HostError> {
        self.alive(path)?;
        let real = self.real(path);
        let is_there = self.world.borrow().files.contains_key(&real);
        Ok(if is_there { real } else { path.to_owned() })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.alive(path)?;
        Ok(match self.world.borrow().files.get(&self.real(path)).map(|entry| &entry.kind) {
            Some(Kind::File(content)) => Some(content.clone()),
            _ => None,
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, HostError> {
        self.alive(folder)?;
        let folder = self.real(folder);
        let world = self.world.borrow();
        let within = world.files.keys().filter(|path| *path != "/" && folder_of(path) == folder);
        Ok(within.map(|path| name_of(path).to_owned()).collect())
    }

    fn put(&self, path: &str, entry: &Entry) -> Result<(), HostError> {
        let death = self.mortal(path)?;
        let place = self.place(path);
        let mut world = self.world.borrow_mut();
        let above = world.files.get(folder_of(&place)).map(|entry| &entry.kind);
        if above != Some(&Kind::Folder) && place != "/" {
            return Err(refused(path, io::ErrorKind::NotFound));
        }
        let standing = world.files.get(&place).map(|entry| &entry.kind);
        if let (Some(Kind::Folder), Kind::File(_) | Kind::Link(_)) = (standing, &entry.kind) {
            return Err(refused(path, io::ErrorKind::IsADirectory));
        }
        if death == Some(Death::Within) {
            if let Kind::File(content) = &entry.kind {
                let half = Kind::File(content[..content.len() / 2].to_vec());
                world.files.insert(stage_of(&place), Entry { kind: half, meta: Meta::root(0o600) });
            }
            return Err(killed(path));
        }
        world.files.insert(place, entry.clone());
        drop(world);
        if death.is_some() { Err(killed(path)) } else { Ok(()) }
    }

    fn remove(&self, path: &str) -> Result<(), HostError> {
        let place = self.place(path);
        if !self.world.borrow().files.contains_key(&place) {
            return self.alive(path);
        }
        if !self.list(path)?.is_empty()
            && self.entry(path)?.is_some_and(|entry| entry.kind == Kind::Folder)
        {
            return Err(refused(path, io::ErrorKind::DirectoryNotEmpty));
        }
        let death = self.mortal(path)?;
        let mut world = self.world.borrow_mut();
        world.files.remove(&place);
        if let Some(pod) = place.strip_prefix("/etc/kubernetes/manifests/") {
            let pod = pod.trim_end_matches(".yaml").to_owned();
            if !cluster::has_ended(&world) {
                world.stale.remove(&pod);
            }
            *world.restarts.entry(pod).or_default() += 1;
        }
        drop(world);
        if death.is_some() { Err(killed(path)) } else { Ok(()) }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), HostError> {
        let (old, new) = (self.place(from), self.place(to));
        let above = self.entry(folder_of(&new))?.map(|entry| entry.kind);
        if self.entry(&old)?.is_none() || above != Some(Kind::Folder) {
            return Err(refused(to, io::ErrorKind::NotFound));
        }
        if !self.list(&new)?.is_empty() {
            return Err(refused(to, io::ErrorKind::DirectoryNotEmpty));
        }
        let death = self.mortal(to)?;
        if death != Some(Death::Within) {
            let files = &mut self.world.borrow_mut().files;
            let below = format!("{old}/");
            let is_moved = |path: &&String| **path == old || path.starts_with(&below);
            let moved: Vec<String> = files.keys().filter(is_moved).cloned().collect();
            for path in moved {
                if let Some(entry) = files.remove(&path) {
                    files.insert(format!("{new}{}", &path[old.len()..]), entry);
                }
            }
        }
        if death.is_some() { Err(killed(to)) } else { Ok(()) }
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), HostError> {
        let death = self.mortal(path)?;
        let place = self.place(path);
        let mut world = self.world.borrow_mut();
        if !world.files.contains_key(folder_of(&place)) {
            return Err(refused(path, io::ErrorKind::NotFound));
        }
        let new = Entry { kind: Kind::File(Vec::new()), meta: Meta::root(0o600) };
        let entry = world.files.entry(place).or_insert(new);
        if let Kind::File(content) = &mut entry.kind {
            let written =
                if death == Some(Death::Within) { &bytes[..bytes.len() / 2] } else { bytes };
            content.extend_from_slice(written);
        }
        drop(world);
        if death.is_some() { Err(killed(path)) } else { Ok(()) }
    }

    fn set_value(&self, path: &str, value: &str) -> Result<(), HostError> {
        let death = self.mortal(path)?;
        let mut world = self.world.borrow_mut();
        let Some(entry) = world.files.get_mut(path) else {
            return Err(refused(path, io::ErrorKind::NotFound));
        };
        if entry.meta.mode & 0o200 == 0 {
            return Err(refused(path, io::ErrorKind::PermissionDenied));
        }
        entry.kind = Kind::File(format!("{value}\n").into_bytes());
        drop(world);
        if death.is_some() { Err(killed(path)) } else { Ok(()) }
    }

    fn set_hostname(&self, name: &str) -> Result<(), HostError> {
        self.set_value("/proc/sys/kernel/hostname", name)
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let shown = command.to_string();
        self.alive(&shown)?;
        self.calls.borrow_mut().push(shown.clone());
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let only_looks = [programs::only_looks, cluster::only_looks, etcd::only_looks]
            .iter()
            .any(|only_looks| only_looks(&argv));
        if self.world.borrow().hanging.contains(argv[0]) {
            return Err(HostError::Deadline { command: shown, deadline: command.deadline });
        }
        let death = if only_looks { None } else { self.mortal(&shown)? };
        let answer = {
            let world = self.world.borrow();
            let fits = |known: &&(Vec<String>, Output)| {
                known.0.len() <= argv.len() && known.0.iter().zip(&argv).all(|(a, b)| a == b)
            };
            world.answers.iter().rev().find(fits).map(|(_, output)| output.clone())
        };
        let output = answer.or_else(|| {
            let mut world = self.world.borrow_mut();
            let stdin = command.stdin.as_deref().unwrap_or_default();
            let half = death == Some(Death::Within);
            network::run(&mut world, &argv, &String::from_utf8_lossy(stdin))
                .or_else(|| {
                    let members = self.etcd.as_ref();
                    self.api.with(|api| cluster::run(&mut world, api, members, half, &argv))
                })
                .or_else(|| etcd::run(&mut world, half, &argv))
                .or_else(|| programs::run(&mut world, self.live, &argv))
        });
        let is_kubelet = argv.last().is_some_and(|unit| unit.starts_with("kubelet"));
        if argv.starts_with(&["systemctl", "restart"]) && is_kubelet {
            let world = self.world.borrow();
            self.api.with(|api| cluster::posts(&world, api));
        }
        if death.is_some() {
            return Err(killed(&shown));
        }
        output.ok_or_else(|| HostError::Run {
            command: shown,
            source: io::Error::from(io::ErrorKind::NotFound),
        })
    }

    fn lock(&self) -> Result<Box<dyn Lock>, HostError> {
        self.alive("lock")?;
        if self.taken.get() {
            return Err(HostError::Locked { lock: "/run/node-prep.lock".to_owned() });
        }
        Ok(Box::new(NoLock))
    }
}
