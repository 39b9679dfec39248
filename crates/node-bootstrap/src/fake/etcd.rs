//! The member of etcd on a host in memory: its kubelet runs it as the manifest says, its data are in a file.

use etcd::{Api, Endpoint, EtcdError, Order};

use super::programs::{failed, said};
use super::{FakeApi, FakeHost, World};
use crate::host::{Entry, Kind, Meta, Output, folder_of};
use crate::static_pod;
use crate::text::manifest::Program;

/// What the member has written, inside of the folder of its data.
const DISK: &str = "member/disk";
const IN_PLACE: &str = "/etc/kubernetes/manifests/etcd.yaml";

fn text(world: &World, path: &str) -> Option<String> {
    match &world.files.get(path)?.kind {
        Kind::File(content) => Some(String::from_utf8_lossy(content).into_owned()),
        _ => None,
    }
}

fn member(world: &World, path: &str) -> Option<(Program, Order)> {
    let program = Program::read(&text(world, path)?, "etcd").ok()?;
    let of = |name: &str| program.argument(name).unwrap_or_default().to_owned();
    let order = Order {
        name: of("name"),
        peer_url: of("initial-advertise-peer-urls"),
        client_url: of("advertise-client-urls"),
        initial_cluster: program.list("initial-cluster"),
        existing: of("initial-cluster-state") == "existing",
        data: None,
    };
    Some((program, order))
}

fn write(world: &mut World, path: &str, content: String) {
    let mut above = folder_of(path).to_owned();
    while !world.files.contains_key(&above) {
        let folder = Entry { kind: Kind::Folder, meta: Meta::root(0o700) };
        world.files.insert(above.clone(), folder);
        above = folder_of(&above).to_owned();
    }
    let kind = Kind::File(content.into_bytes());
    world.files.insert(path.to_owned(), Entry { kind, meta: Meta::root(0o600) });
}

/// Where kubeadm has the data.
const DATA: &str = "/var/lib/etcd";
/// Files that kubeadm makes for a member.
const CERTIFICATES: [&str; 5] =
    ["ca.crt", "server.crt", "server.key", "healthcheck-client.crt", "healthcheck-client.key"];
/// How often a change is tried that members refuse for a while.
const TRIES: usize = 10;

/// Where its manifest is parked.
fn parked() -> String {
    format!("{}/etcd.yaml", static_pod::PARKED)
}

/// The peer URL that the member of a host with this address has.
pub(super) fn peer(address: &str) -> String {
    format!("https://{address}:2380")
}

/// As kubeadm writes it.
fn manifest(name: &str, address: &str, members: &str, state: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata:
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://{address}:2379
    - --cert-file=/etc/kubernetes/pki/etcd/server.crt
    - --data-dir={DATA}
    - --initial-advertise-peer-urls={}
    - --initial-cluster={members}
    - --initial-cluster-state={state}
    - --key-file=/etc/kubernetes/pki/etcd/server.key
    - --listen-client-urls=https://127.0.0.1:2379,https://{address}:2379
    - --name={name}
    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
    image: registry.k8s.io/etcd:3.6.6-0
    name: etcd
    volumeMounts:
    - mountPath: {DATA}
      name: etcd-data
    - mountPath: /etc/kubernetes/pki/etcd
      name: etcd-certs
  hostNetwork: true
  volumes:
  - hostPath:
      path: /etc/kubernetes/pki/etcd
      type: DirectoryOrCreate
    name: etcd-certs
  - hostPath:
      path: {DATA}
      type: DirectoryOrCreate
    name: etcd-data
",
        peer(address)
    )
}

fn patiently<T>(mut call: impl FnMut() -> Result<T, EtcdError>) -> Result<T, String> {
    for _ in 0..TRIES {
        match call() {
            Err(error) if error.may_pass() => {}
            other => return other.map_err(|error| error.to_string()),
        }
    }
    call().map_err(|error| error.to_string())
}

/// Writes the manifest of a member, and starts it. The error is what it says.
fn begin(
    world: &mut World,
    cluster: &etcd::FakeCluster,
    (name, address): (&str, &str),
    members: &[String],
    state: &str,
) -> Result<(), String> {
    for file in CERTIFICATES {
        write(world, &format!("/etc/kubernetes/pki/etcd/{file}"), file.to_owned());
    }
    write(world, IN_PLACE, manifest(name, address, &members.join(","), state));
    let Some((_, mut order)) = member(world, IN_PLACE) else {
        return Err("the manifest cannot be read".to_owned());
    };
    let disk = format!("{DATA}/{DISK}");
    order.data = text(world, &disk);
    let data = cluster.start(&order)?;
    write(world, &disk, data);
    Ok(())
}

/// The first member of a cluster.
pub(super) fn found(
    world: &mut World,
    cluster: &etcd::FakeCluster,
    name: &str,
    address: &str,
) -> Result<(), String> {
    begin(world, cluster, (name, address), &[format!("{name}={}", peer(address))], "new")
}

/// Another member: a learner first. `half` of it: it is taken in, and never started.
pub(super) fn join(
    world: &mut World,
    cluster: &etcd::FakeCluster,
    api: &FakeApi,
    (name, address): (&str, &str),
    half: bool,
) -> Result<(), String> {
    let mut urls = api.nodes.values().filter_map(|node| node.peer_url.as_deref());
    let one = urls.find(|url| cluster.runs(url)).ok_or("no member of etcd answers")?;
    let one = cluster.member(one);
    let id = patiently(|| one.member_add_learner(&peer(address)))?;
    if half {
        return Ok(());
    }
    let known = patiently(|| one.members())?;
    let members: Vec<String> = known
        .iter()
        .flat_map(|it| {
            let called = if it.id == id { name } else { &it.name };
            it.peer_urls.iter().map(move |url| format!("{called}={url}"))
        })
        .collect();
    begin(world, cluster, (name, address), &members, "existing")?;
    patiently(|| one.member_promote(&id))
}

/// Takes the member of this host out, if it is not the last one. It does not matter whether it works.
pub(super) fn leave(world: &World, cluster: &etcd::FakeCluster) {
    let Some((_, order)) = member(world, IN_PLACE) else { return };
    let own = cluster.member(&order.peer_url);
    let Ok(members) = own.members() else { return };
    if members.len() > 1
        && let Some(member) = members.iter().find(|it| it.peer_urls.contains(&order.peer_url))
    {
        drop(patiently(|| own.member_remove(&member.id)));
    }
}

/// Whether an API server of this host has a member to ask that can write.
pub(super) fn serves(world: &World, cluster: &etcd::FakeCluster) -> bool {
    member(world, IN_PLACE).is_some_and(|(_, order)| {
        cluster.member(&order.peer_url).view().is_ok_and(|view| view.healthy)
    })
}

/// Does what the kubelet does of its own: the member whose manifest is in place runs, and no other. Answers what a member said
/// that ended again at once.
pub fn play_kubelet(host: &FakeHost, cluster: &etcd::FakeCluster) -> Option<String> {
    let world = &mut *host.world.borrow_mut();
    let Some((program, mut order)) = member(world, IN_PLACE) else {
        if let Some((_, order)) = member(world, &parked()) {
            cluster.kill(&order.peer_url);
        }
        return None;
    };
    if world.stale.contains("etcd") {
        // No other member lets it in, nor is let in by it.
        cluster.kill(&order.peer_url);
        return None;
    }
    if cluster.runs(&order.peer_url) {
        return None;
    }
    let disk = format!("{}/{DISK}", program.on_host(program.argument("data-dir")?));
    order.data = text(world, &disk);
    match cluster.start(&order) {
        Ok(data) => {
            write(world, &disk, data);
            None
        }
        Err(said) => Some(said),
    }
}

/// What asks the member of a host in memory. Whenever it is made, the kubelet has done its work.
pub fn etcd_of<'a>(
    host: &'a FakeHost,
    cluster: &'a etcd::FakeCluster,
) -> impl Fn(&Endpoint) -> Result<Box<dyn Api>, EtcdError> + 'a {
    move |_| {
        play_kubelet(host, cluster);
        let world = host.world.borrow();
        let here = member(&world, IN_PLACE).or_else(|| member(&world, &parked()));
        let url = here.map(|(_, order)| order.peer_url).unwrap_or_default();
        Ok(Box::new(cluster.member(&url)))
    }
}

/// What `etcdutl` does, or a half of it, where it is installed; `None` for other programs.
pub(super) fn run(world: &mut World, half: bool, argv: &[&str]) -> Option<Output> {
    if argv.first() != Some(&"etcdutl") || !world.files.contains_key("/usr/local/bin/etcdutl") {
        return None;
    }
    let after = |key: &str| {
        let at = argv.iter().position(|word| *word == key)?;
        argv.get(at + 1).copied()
    };
    Some(match argv {
        [_, "version"] => said(0, "etcdutl version: 3.6.6\nAPI version: 3.6\n"),
        [_, "snapshot", "status", path, ..] => match world.files.get(*path).map(|it| &it.kind) {
            Some(Kind::File(content)) if etcd::check_snapshot(content).is_ok() => said(0, "{}"),
            _ => failed("invalid database"),
        },
        [_, "snapshot", "restore", path, ..] => {
            let Some(Kind::File(snapshot)) = world.files.get(*path).map(|entry| &entry.kind) else {
                return Some(failed(format!("open {path}: no such file or directory")));
            };
            let list = after("--initial-cluster").unwrap_or_default();
            let members: Vec<String> = list.split(',').map(str::to_owned).collect();
            let name = after("--name").unwrap_or_default();
            let token = after("--initial-cluster-token").unwrap_or_default();
            let folder = after("--data-dir").unwrap_or_default();
            if world.files.keys().any(|path| path.starts_with(&format!("{folder}/"))) {
                return Some(failed(format!("data-dir {folder:?} not empty")));
            }
            match etcd::FakeCluster::restored(snapshot, name, &members, token) {
                Ok(data) => {
                    let data = if half { data[..data.len() / 2].to_owned() } else { data };
                    write(world, &format!("{folder}/{DISK}"), data);
                    said(0, "")
                }
                Err(why) => failed(why),
            }
        }
        _ => failed("unknown command"),
    })
}

/// Whether a program changes nothing.
pub(super) fn only_looks(argv: &[&str]) -> bool {
    matches!(
        argv,
        ["etcdutl" | "etcdctl", "version"]
            | ["etcdutl", "snapshot", "status", ..]
            | ["ctr", "-n", "k8s.io", "images", "ls", ..]
    )
}
