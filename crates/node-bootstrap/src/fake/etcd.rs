//! The member of etcd on a host in memory: its kubelet runs it as the manifest says, its data are in a file.

use etcd::{Api, Endpoint, EtcdError, Order};

use super::programs::{failed, said};
use super::{FakeHost, World};
use crate::host::{Entry, Kind, Meta, Output, folder_of};
use crate::text::manifest::Program;

/// What the member has written, inside of the folder of its data.
const DISK: &str = "member/disk";
const IN_PLACE: &str = "/etc/kubernetes/manifests/etcd.yaml";
const PARKED: &str = "/etc/kubernetes/node-prep/parked/etcd.yaml";

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

/// Does what the kubelet does of its own: the member whose manifest is in place runs, and no other. Answers what a member said
/// that ended again at once.
pub fn play_kubelet(host: &FakeHost, cluster: &etcd::FakeCluster) -> Option<String> {
    let world = &mut *host.world.borrow_mut();
    let Some((program, mut order)) = member(world, IN_PLACE) else {
        if let Some((_, order)) = member(world, PARKED) {
            cluster.kill(&order.peer_url);
        }
        return None;
    };
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
        let here = member(&world, IN_PLACE).or_else(|| member(&world, PARKED));
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
    matches!(argv, ["etcdutl" | "etcdctl", "version"] | ["ctr", "-n", "k8s.io", "images", "ls", ..])
}
