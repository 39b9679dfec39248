//! The member of a host in memory, and death at every change.

use std::time::Duration;

use ::etcd::{FakeCluster, Vote};

use super::*;
use crate::agent::{ClusterState, EtcdHere};
use crate::fake::{Death, FakeHost, World, etcd_of, play_kubelet};
use crate::host::{Entry, Host, Kind, Meta};

const LIMIT: Duration = Duration::from_secs(20);
const MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";
const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/// As kubeadm writes it, with another folder for the data.
fn manifest(name: &str, address: &str, members: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://{address}:2379
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://{address}:2379
    - --cert-file=/etc/kubernetes/pki/etcd/server.crt
    - --data-dir=/var/etcd/data # a disk of its own
    - --initial-advertise-peer-urls=https://{address}:2380
    - --initial-cluster={members}
    - --key-file=/etc/kubernetes/pki/etcd/server.key
    - --listen-client-urls=https://127.0.0.1:2379,https://{address}:2379
    - --name={name}
    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
    image: registry.k8s.io/etcd:3.6.6-0
    name: etcd
    volumeMounts:
    - mountPath: /var/etcd
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
      path: /srv/disk
      type: DirectoryOrCreate
    name: etcd-data
"
    )
}

/// Where that folder is on the host.
const DATA: &str = "/srv/disk/data";
const NAMES: [&str; 3] = ["a", "b", "c"];

fn address(name: &str) -> &'static str {
    match name {
        "a" => "10.10.0.1",
        "b" => "10.10.0.11",
        _ => "10.10.0.111",
    }
}

fn peer(name: &str) -> String {
    format!("https://{}:2380", address(name))
}

fn members() -> Vec<String> {
    NAMES.map(|name| format!("{name}={}", peer(name))).into()
}

fn host(name: &str) -> FakeHost {
    let host = FakeHost::new();
    host.set(MANIFEST, &manifest(name, address(name), &members().join(",")));
    for file in ["ca.crt", "server.crt", "server.key", "healthcheck-client.crt"] {
        host.set(&format!("/etc/kubernetes/pki/etcd/{file}"), file);
    }
    host.set_folder("/srv/disk");
    host.set("/usr/local/bin/etcdutl", "");
    host
}

/// Three hosts with a member each; one write was acknowledged.
fn three() -> (FakeCluster, [FakeHost; 3]) {
    let cluster = FakeCluster::new();
    let hosts = NAMES.map(host);
    for host in &hosts {
        assert_eq!(play_kubelet(host, &cluster), None);
    }
    cluster.write("first").unwrap();
    (cluster, hosts)
}

fn asked(host: &FakeHost, cluster: &FakeCluster, request: &EtcdRequest) -> Result<Answer, Failure> {
    let connect = etcd_of(host, cluster);
    serve_etcd(host, request, &connect, &|| false, &mut |_| {})
}

fn changes(host: &FakeHost, cluster: &FakeCluster, request: &EtcdRequest) -> usize {
    match asked(host, cluster, request) {
        Ok(Answer::Done(done)) => done.changes,
        other => panic!("{other:?}"),
    }
}

fn here(host: &FakeHost, cluster: &FakeCluster) -> EtcdHere {
    etcd_here(host, &etcd_of(host, cluster)).unwrap().unwrap()
}

fn refusal(host: &FakeHost, cluster: &FakeCluster, request: &EtcdRequest) -> String {
    let failure = asked(host, cluster, request).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
    failure.message
}

fn id(cluster: &FakeCluster, of: &str, by: &str) -> String {
    let members = cluster.member(&peer(by)).members().unwrap();
    ::etcd::rules::by_peer_url(&members, &peer(of)).unwrap().id.clone()
}

fn start(state: ClusterState) -> EtcdRequest {
    EtcdRequest::Start { initial_cluster: members(), state, limit: LIMIT }
}

/// The members as they are now.
fn votes(cluster: &FakeCluster) -> Vec<Vote> {
    let known = NAMES.iter().find_map(|name| cluster.member(&peer(name)).members().ok());
    known.unwrap_or_default().iter().map(Vote::from).collect()
}

fn remove(cluster: &FakeCluster, id: &str) -> EtcdRequest {
    EtcdRequest::Remove { id: id.to_owned(), decided_on: votes(cluster) }
}

fn promote(cluster: &FakeCluster, id: &str) -> EtcdRequest {
    EtcdRequest::Promote { id: id.to_owned(), decided_on: votes(cluster), limit: LIMIT }
}

fn add(cluster: &FakeCluster, name: &str) -> EtcdRequest {
    EtcdRequest::AddLearner { peer_url: peer(name), decided_on: votes(cluster), limit: LIMIT }
}

fn snapshot() -> EtcdRequest {
    EtcdRequest::Snapshot { path: "/var/lib/node-prep/snapshots/one.db".to_owned() }
}

fn restore() -> EtcdRequest {
    EtcdRequest::Restore {
        path: "/var/lib/node-prep/snapshots/one.db".to_owned(),
        initial_cluster: members(),
        token: "t1".to_owned(),
    }
}

#[test]
fn what_is_here_is_read_from_the_manifest() {
    let (cluster, [a, ..]) = three();
    a.set(API_SERVER, "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --etcd-servers=https://127.0.0.1:2379\n");
    let here = here(&a, &cluster);
    assert_eq!(here.manifest, ManifestPlace::InPlace);
    assert_eq!((here.name.as_str(), here.peer_url), ("a", peer("a")));
    assert_eq!(here.client_url, "https://10.10.0.1:2379");
    assert_eq!((here.has_data, here.has_old_data), (true, false));
    assert_eq!(here.view.unwrap().members.len(), 3);
    assert_eq!(here.api_server, ["https://127.0.0.1:2379"]);
    let nothing = FakeHost::new();
    assert_eq!(etcd_here(&nothing, &etcd_of(&nothing, &cluster)).unwrap(), None);
}

#[test]
fn a_member_is_asked_at_loopback_with_the_hosts_own_certificates() {
    let host = host("a");
    let seen = std::cell::RefCell::new(None);
    let connect = |endpoint: &Endpoint| {
        *seen.borrow_mut() = Some(endpoint.clone());
        Err(EtcdError::NotFound)
    };
    let here = etcd_here(&host, &connect).unwrap().unwrap();
    assert_eq!((here.view, here.silence.is_some()), (None, true));
    let Endpoint { url, tls } = seen.take().unwrap();
    let tls = tls.unwrap();
    assert_eq!((url.as_str(), tls.authority.as_str()), ("https://127.0.0.1:2379", "ca.crt"));
    // The key of the first pair is missing.
    let (certificate, key) = tls.identity.unwrap();
    assert_eq!((certificate.as_str(), key.expose()), ("server.crt", "server.key"));
}

#[test]
fn a_manifest_that_cannot_be_understood_is_told() {
    let cluster = FakeCluster::new();
    let host = FakeHost::new();
    host.set(MANIFEST, "spec:\n  containers:\n  - command: [etcd, --name=a]\n");
    let here = here(&host, &cluster);
    assert_eq!(here.manifest, ManifestPlace::InPlace);
    insta::assert_snapshot!(here.silence.unwrap(), @"/etc/kubernetes/manifests/etcd.yaml: etcd has no --data-dir; give it one");
    let told = refusal(&FakeHost::new(), &cluster, &EtcdRequest::Park);
    insta::assert_snapshot!(told, @"this host has no member of etcd: there is neither /etc/kubernetes/manifests/etcd.yaml nor /etc/kubernetes/node-prep/parked/etcd.yaml");
}

/// What puts a wiped member back, all but the steps on its own host.
fn out_and_in(cluster: &FakeCluster, a: &FakeHost) -> String {
    let id = id(cluster, "c", "a");
    asked(a, cluster, &remove(cluster, &id)).unwrap();
    match asked(a, cluster, &add(cluster, "c")) {
        Ok(Answer::Member(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_member_goes_out_its_data_are_put_away_and_it_comes_back() {
    let (cluster, [a, _, c]) = three();
    assert_eq!(changes(&c, &cluster, &EtcdRequest::Park), 1);
    assert_eq!(changes(&c, &cluster, &EtcdRequest::Park), 0);
    let id = out_and_in(&cluster, &a);
    // Twice is as good as once.
    assert!(
        matches!(asked(&a, &cluster, &add(&cluster, "c")), Ok(Answer::Member(again)) if again == id)
    );
    assert_eq!(changes(&c, &cluster, &EtcdRequest::PutDataAway { keep: false }), 1);
    assert_eq!(changes(&c, &cluster, &EtcdRequest::PutDataAway { keep: false }), 0);
    let parked = here(&c, &cluster);
    assert_eq!(
        (parked.manifest, parked.has_data, parked.has_old_data, parked.view),
        (ManifestPlace::Parked, false, true, None)
    );
    changes(&c, &cluster, &start(ClusterState::Existing));
    assert_eq!(changes(&c, &cluster, &start(ClusterState::Existing)), 0);
    let text = c.text(MANIFEST).unwrap().unwrap();
    assert_eq!(
        text,
        manifest("c", address("c"), &members().join(","))
            .replace("    image:", "    - --initial-cluster-state=existing\n    image:")
    );
    assert!(here(&c, &cluster).view.unwrap().learner);
    let promote = promote(&cluster, &id);
    assert_eq!(changes(&a, &cluster, &promote), 1);
    assert_eq!(changes(&a, &cluster, &promote), 0);
    assert_eq!(changes(&c, &cluster, &EtcdRequest::DropOldData), 1);
    assert_eq!(changes(&c, &cluster, &EtcdRequest::DropOldData), 0);
    assert!(here(&c, &cluster).has_data);
    assert_eq!(cluster.lost(), Vec::<String>::new());
}

#[test]
fn op_b6_07_data_stay_until_the_member_is_parked_and_has_ended() {
    let (cluster, [a, ..]) = three();
    let before = a.snapshot();
    let in_place = refusal(&a, &cluster, &EtcdRequest::PutDataAway { keep: false });
    assert!(in_place.contains("park it first"), "{in_place}");
    let message = refusal(&a, &cluster, &restore());
    assert!(message.contains("put them away first"), "{message}");
    assert_eq!(a.snapshot(), before);
    // Parked, and still running: nobody plays its kubelet.
    crate::static_pod::park(&a, POD, crate::static_pod::PARKED).unwrap();
    let connect = |_: &Endpoint| -> Result<Box<dyn Api>, EtcdError> {
        Ok(Box::new(cluster.member(&peer("a"))))
    };
    let failure =
        serve_etcd(&a, &EtcdRequest::PutDataAway { keep: false }, &connect, &|| false, &mut |_| {})
            .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("has not ended"), "{failure}");
    let mut told = Vec::new();
    let failure = serve_etcd(&a, &EtcdRequest::Park, &connect, &|| false, &mut |event| {
        told.push(event.text.clone());
    })
    .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(failure.message.starts_with("waited 120 s until member a"), "{failure}");
    assert!(told.len() > 3, "{told:?}");
}

#[test]
fn an_api_server_without_another_member_is_down_with_its_own() {
    const PARKED: &str = "/etc/kubernetes/node-prep/parked/kube-apiserver.yaml";
    let api_server = |servers: &str| {
        format!(
            "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --etcd-servers={servers}\n"
        )
    };
    let (cluster, [_, _, c]) = three();
    let text = api_server("https://127.0.0.1:2379");
    c.set(API_SERVER, &text);
    changes(&c, &cluster, &EtcdRequest::Park);
    assert_eq!(
        (c.text(API_SERVER).unwrap(), c.text(PARKED).unwrap().as_ref()),
        (None, Some(&text))
    );
    // It is no accident: nobody but who starts the member starts it.
    assert_eq!(crate::static_pod::ended(&c).unwrap(), [""; 0]);
    assert_eq!(crate::static_pod::mend(&c).unwrap(), [""; 0]);
    changes(&c, &cluster, &start(ClusterState::Existing));
    assert_eq!(
        (c.text(API_SERVER).unwrap().as_ref(), c.text(PARKED).unwrap()),
        (Some(&text), None)
    );
    // One that knows others goes on with them.
    let text = api_server("https://10.10.0.1:2379,https://10.10.0.2:2379,https://10.10.0.3:2379");
    c.set(API_SERVER, &text);
    changes(&c, &cluster, &EtcdRequest::Park);
    assert_eq!(c.text(API_SERVER).unwrap(), Some(text));
}

#[test]
fn a_disk_of_its_own_stays_where_it_is_mounted() {
    let (cluster, [_, _, c]) = three();
    c.set("/proc/self/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /srv/disk/data ext4 rw 0 0\n");
    changes(&c, &cluster, &EtcdRequest::Park);
    changes(&c, &cluster, &EtcdRequest::PutDataAway { keep: false });
    let names = c.list(DATA).unwrap();
    assert!(names.len() == 1 && names[0].starts_with("member.gone-"), "{names:?}");
    assert!(here(&c, &cluster).has_old_data);
    assert_eq!(changes(&c, &cluster, &EtcdRequest::DropOldData), 1);
    assert_eq!(c.list(DATA).unwrap(), Vec::<String>::new());
}

#[test]
fn what_a_restore_put_away_is_never_deleted() {
    let (cluster, [_, _, c]) = three();
    changes(&c, &cluster, &EtcdRequest::Park);
    assert_eq!(changes(&c, &cluster, &EtcdRequest::PutDataAway { keep: true }), 1);
    let seen = here(&c, &cluster);
    assert_eq!((seen.has_data, seen.has_old_data, seen.has_kept_data), (false, false, true));
    let before = c.snapshot();
    assert_eq!(changes(&c, &cluster, &EtcdRequest::DropOldData), 0);
    assert_eq!(c.snapshot(), before);
}

#[test]
fn only_what_was_put_away_is_deleted() {
    let (cluster, [_, _, c]) = three();
    for other in
        ["data.gone-", "data.gone-1x", "data.kept-1", "data2.gone-1", "data.old", "data.restoring"]
    {
        c.set(&format!("/srv/disk/{other}/f"), "theirs");
    }
    let before = c.snapshot();
    assert_eq!(changes(&c, &cluster, &EtcdRequest::DropOldData), 0);
    c.set("/srv/disk/data.gone-17/f", "old");
    assert_eq!(changes(&c, &cluster, &EtcdRequest::DropOldData), 1);
    assert_eq!(c.snapshot(), before);
}

#[test]
fn op_b6_05_a_member_with_a_similar_address_is_another_one() {
    let (cluster, [a, _, c]) = three();
    changes(&c, &cluster, &EtcdRequest::Park);
    let url = peer("c").replace("111", "1111");
    let decided_on = votes(&cluster);
    let request = EtcdRequest::AddLearner { peer_url: url, decided_on, limit: LIMIT };
    let refused = asked(&a, &cluster, &request);
    // Dead members go out first; etcd itself refuses until then.
    let failure = refused.unwrap_err();
    assert!(failure.message.contains("unhealthy cluster"), "{failure}");
    let message = refusal(&a, &cluster, &add(&cluster, "c"));
    assert!(message.contains("is member c"), "{message}");
    asked(&a, &cluster, &remove(&cluster, "abc")).unwrap();
    assert_eq!(cluster.member(&peer("a")).members().unwrap().len(), 3);
}

#[test]
fn the_last_member_stays_and_a_list_without_the_member_is_refused() {
    let cluster = FakeCluster::new();
    let a = host("a");
    a.set(MANIFEST, &manifest("a", address("a"), &format!("a={}", peer("a"))));
    play_kubelet(&a, &cluster);
    let id = id(&cluster, "a", "a");
    let message = refusal(&a, &cluster, &remove(&cluster, &id));
    assert!(message.contains("last member with a vote"), "{message}");
    changes(&a, &cluster, &EtcdRequest::Park);
    let initial_cluster = vec![format!("a={}", peer("c"))];
    let state = ClusterState::Existing;
    let start = EtcdRequest::Start { initial_cluster, state, limit: LIMIT };
    let message = refusal(&a, &cluster, &start);
    assert!(message.contains("has not this one: a=https://10.10.0.1:2380"), "{message}");
}

#[test]
fn without_a_quorum_nothing_is_changed_and_it_is_told() {
    let (cluster, [a, b, c]) = three();
    let gone = id(&cluster, "c", "a");
    changes(&c, &cluster, &EtcdRequest::Park);
    changes(&b, &cluster, &EtcdRequest::Park);
    let failure = asked(&a, &cluster, &remove(&cluster, &gone)).unwrap_err();
    assert_eq!((failure.kind, failure.changes), (FailureKind::Failed, 0));
    assert!(failure.message.contains("too few of them run"), "{failure}");
    let view = here(&a, &cluster).view.unwrap();
    assert_eq!((view.healthy, view.members.len()), (false, 3));
    // A snapshot can be had all the same.
    assert!(matches!(asked(&a, &cluster, &snapshot()), Ok(Answer::Snapshot(_))));
}

#[test]
fn a_leader_hands_over_once() {
    let (cluster, hosts) = three();
    let leader = cluster.member(&peer("a")).view().unwrap().leader.unwrap();
    let members = cluster.member(&peer("a")).members().unwrap();
    let at = members.iter().position(|it| it.id == leader).unwrap();
    let to = members.iter().find(|it| it.id != leader).unwrap().id.clone();
    let request = EtcdRequest::HandOver { to: to.clone() };
    assert_eq!(changes(&hosts[at], &cluster, &request), 1);
    assert_eq!(changes(&hosts[at], &cluster, &request), 0);
    assert_eq!(cluster.member(&peer("a")).view().unwrap().leader, Some(to));
}

#[test]
fn a_snapshot_is_roots_alone_and_makes_a_new_cluster() {
    let (cluster, hosts) = three();
    let Ok(Answer::Snapshot(told)) = asked(&hosts[0], &cluster, &snapshot()) else { panic!() };
    let Some(Entry { kind: Kind::File(content), meta }) = hosts[0].entry(&told.path).unwrap()
    else {
        panic!()
    };
    assert_eq!((meta.mode, told.bytes), (0o600, content.len() as u64));
    assert_eq!(told.sha256, crate::host::sha256(&content));
    for host in &hosts {
        host.set_entry(
            &told.path,
            Entry { kind: Kind::File(content.clone()), meta: Meta::root(0o600) },
        );
        changes(host, &cluster, &EtcdRequest::Park);
        changes(host, &cluster, &EtcdRequest::PutDataAway { keep: true });
    }
    for host in &hosts {
        assert_eq!(changes(host, &cluster, &restore()), 1);
        assert_eq!(changes(host, &cluster, &restore()), 0);
    }
    // Alone it cannot be healthy; it goes on when the others are there.
    let alone = asked(&hosts[0], &cluster, &start(ClusterState::New)).unwrap_err();
    assert!(alone.message.contains("not healthy"), "{alone}");
    changes(&hosts[1], &cluster, &start(ClusterState::New));
    changes(&hosts[2], &cluster, &start(ClusterState::New));
    assert_eq!(changes(&hosts[0], &cluster, &start(ClusterState::New)), 0);
    assert_eq!(cluster.lost(), Vec::<String>::new());
    cluster.write("second").unwrap();
}

#[test]
fn of_snapshots_before_changes_the_newest_five_stay() {
    const FOLDER: &str = "/var/lib/node-prep/etcd";
    let theirs = [
        "before-20260101.db",
        "before-leave-20250101-000000.old",
        "mine-20250101-000000.db",
        "restore-20250101-000000.db",
        "snapshot-20250101-000000.db",
    ];
    let prepare = || {
        let (cluster, [a, ..]) = three();
        let old = (1..=6).map(|day| {
            let what = ["mend", "leave", "upgrade"][day % 3];
            format!("before-{what}-2026010{day}-120000.db")
        });
        let more = ["restore-20260103-120001.db.before-mending".to_owned()];
        for name in old.chain(more).chain(theirs.map(str::to_owned)) {
            a.set(&format!("{FOLDER}/{name}"), "x");
        }
        (cluster, a)
    };
    let taken =
        |stamp: &str| EtcdRequest::Snapshot { path: format!("{FOLDER}/before-leave-{stamp}.db") };
    let left = |host: &FakeHost| {
        let mut names = host.list(FOLDER).unwrap();
        names.retain(|name| !theirs.contains(&name.as_str()));
        names.join(" ")
    };
    let (cluster, a) = prepare();
    asked(&a, &cluster, &taken("20260201-120000")).unwrap();
    insta::assert_snapshot!(left(&a), @"before-leave-20260104-120000.db before-leave-20260201-120000.db before-mend-20260106-120000.db before-upgrade-20260105-120000.db restore-20260103-120001.db.before-mending");
    assert!(theirs.iter().all(|name| a.entry(&format!("{FOLDER}/{name}")).unwrap().is_some()));
    // The clock of a desk may be wrong: what has just been made stays.
    asked(&a, &cluster, &taken("20200101-120000")).unwrap();
    insta::assert_snapshot!(left(&a), @"before-leave-20200101-120000.db before-leave-20260104-120000.db before-leave-20260201-120000.db before-mend-20260106-120000.db before-upgrade-20260105-120000.db");
    // One that a person asked for is none of them, and does not make them fewer.
    let (cluster, a) = prepare();
    let before = a.list(FOLDER).unwrap().len();
    let path = format!("{FOLDER}/snapshot-20260201-120000.db");
    asked(&a, &cluster, &EtcdRequest::Snapshot { path }).unwrap();
    assert_eq!(a.list(FOLDER).unwrap().len(), before + 1);
    die_everywhere(9, prepare, &taken("20260201-120000"));
}

#[test]
fn what_can_restore_is_looked_for_and_told() {
    let (cluster, [_, _, c]) = three();
    asked(&c, &cluster, &snapshot()).unwrap();
    changes(&c, &cluster, &EtcdRequest::Park);
    changes(&c, &cluster, &EtcdRequest::PutDataAway { keep: false });
    c.remove("/usr/local/bin/etcdutl").unwrap();
    c.answer(&["etcdctl", "version"], 0, "etcdctl version: 3.4.23\nAPI version: 3.4\n");
    insta::assert_snapshot!(refusal(&c, &cluster, &restore()), @"nothing on this host can restore a snapshot: etcdutl is not there, etcdctl is 3.4.23, and the member runs registry.k8s.io/etcd:3.6.6-0, ctr is not there; install etcdutl of the version that the member runs");
    c.answer(&["ctr", "-n", "k8s.io", "images"], 0, "registry.k8s.io/etcd:3.6.6-0\n");
    for verb in ["containers", "run"] {
        c.answer(&["ctr", "-n", "k8s.io", verb], 1, "");
    }
    c.calls();
    asked(&c, &cluster, &restore()).unwrap_err();
    insta::assert_snapshot!(c.calls().last().unwrap(), @"ctr -n k8s.io run --rm --mount type=bind,src=/srv/disk,dst=/srv/disk,options=rbind:rw --mount type=bind,src=/var/lib/node-prep/snapshots,dst=/var/lib/node-prep/snapshots,options=rbind:ro registry.k8s.io/etcd:3.6.6-0 node-prep-restore etcdutl snapshot restore /var/lib/node-prep/snapshots/one.db --name c --initial-cluster a=https://10.10.0.1:2380,b=https://10.10.0.11:2380,c=https://10.10.0.111:2380 --initial-cluster-token t1 --initial-advertise-peer-urls https://10.10.0.111:2380 --data-dir /srv/disk/data.restoring --bump-revision 1000000000 --mark-compacted");
}

#[test]
fn whether_a_host_can_restore_is_known_while_its_member_runs() {
    let (cluster, [a, ..]) = three();
    let path = "/var/lib/node-prep/snapshots/one.db";
    let can = EtcdRequest::CanRestore { path: path.to_owned() };
    let message = refusal(&a, &cluster, &can);
    assert!(message.contains("there is no snapshot"), "{message}");
    asked(&a, &cluster, &snapshot()).unwrap();
    let before = a.snapshot();
    assert_eq!(changes(&a, &cluster, &can), 0);
    assert_eq!(a.snapshot(), before);
    let kind = Kind::File(b"apiVersion: v1".to_vec());
    a.set_entry(path, Entry { kind, meta: Meta::root(0o600) });
    let message = refusal(&a, &cluster, &can);
    assert!(message.contains("is no snapshot that can be restored here"), "{message}");
    let bare = host("a");
    bare.with(|world| drop(world.files.remove("/usr/local/bin/etcdutl")));
    bare.set(path, "");
    let message = refusal(&bare, &cluster, &can);
    assert!(message.contains("nothing on this host can restore a snapshot"), "{message}");
}

#[test]
fn another_one_that_works_here_is_told() {
    let (cluster, [a, ..]) = three();
    a.set_taken(true);
    let failure = asked(&a, &cluster, &EtcdRequest::Park).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Busy);
}

#[test]
fn who_asks_to_stop_is_heard_while_it_is_waited() {
    let (cluster, [a, ..]) = three();
    let connect = |_: &Endpoint| -> Result<Box<dyn Api>, EtcdError> {
        Ok(Box::new(cluster.member(&peer("a"))))
    };
    let failure = serve_etcd(&a, &EtcdRequest::Park, &connect, &|| true, &mut |_| {}).unwrap_err();
    assert_eq!((failure.kind, failure.changes), (FailureKind::Stopped, 1));
}

#[test]
fn members_that_are_others_than_those_that_were_decided_on_are_not_changed() {
    let (cluster, [a, _, c]) = three();
    let (b_id, c_id) = (id(&cluster, "b", "a"), id(&cluster, "c", "a"));
    let old = votes(&cluster);
    changes(&c, &cluster, &EtcdRequest::Park);
    // Two desks have looked, and one of them was quicker.
    assert_eq!(changes(&a, &cluster, &remove(&cluster, &c_id)), 1);
    let stale = EtcdRequest::Remove { id: b_id, decided_on: old.clone() };
    insta::assert_snapshot!(refusal(&a, &cluster, &stale), @"the members of etcd have changed since this was decided; now they are a (https://10.10.0.1:2380); b (https://10.10.0.11:2380): run it again");
    let stale =
        EtcdRequest::AddLearner { peer_url: peer("c"), decided_on: old.clone(), limit: LIMIT };
    assert!(refusal(&a, &cluster, &stale).contains("run it again"));
    assert_eq!(cluster.member(&peer("a")).members().unwrap().len(), 2);
    // What is done already needs nothing.
    let again = EtcdRequest::Remove { id: c_id, decided_on: old };
    assert_eq!(changes(&a, &cluster, &again), 0);
    // A learner that has got a vote since is another thing, too.
    let before = votes(&cluster);
    let Ok(Answer::Member(id)) = asked(&a, &cluster, &add(&cluster, "c")) else { panic!() };
    let stale = EtcdRequest::Promote { id, decided_on: before, limit: LIMIT };
    insta::assert_snapshot!(refusal(&a, &cluster, &stale), @"the members of etcd have changed since this was decided; now they are a (https://10.10.0.1:2380); b (https://10.10.0.11:2380); https://10.10.0.111:2380, that never started, a learner: run it again");
}

/// Dies at every change of a request, in every way; then the same request again leads to where it leads without a death.
fn die_everywhere(
    least: usize,
    prepare: impl Fn() -> (FakeCluster, FakeHost),
    request: &EtcdRequest,
) {
    let seen = |cluster: &FakeCluster, host: &FakeHost| {
        let World { files, .. } = host.snapshot();
        let names = files.into_iter().map(|(path, mut entry)| {
            let (path, is_gone) = match path.split_once(".gone-") {
                Some((path, rest)) => {
                    let below = rest.split_once('/').map_or("", |(_, below)| below);
                    (format!("{path}.gone/{below}"), true)
                }
                None => (path, false),
            };
            if let (Kind::File(content), true) =
                (&mut entry.kind, is_gone || path.ends_with("/disk"))
            {
                content.clear();
            }
            (path, entry)
        });
        (names.collect::<Vec<_>>(), here(host, cluster), cluster.lost())
    };
    let (cluster, host) = prepare();
    asked(&host, &cluster, request).unwrap();
    let (files, mut whole, _) = seen(&cluster, &host);
    let mut deaths = 0;
    for death in [Death::Before, Death::Within, Death::After] {
        for at in 0.. {
            let (cluster, host) = prepare();
            host.kill_at(at, death);
            let first = asked(&host, &cluster, request);
            if !host.revive() {
                break;
            }
            deaths += 1;
            assert!(first.is_err());
            asked(&host, &cluster, request).unwrap();
            let (now, mut here, lost) = seen(&cluster, &host);
            let others = |of: &[(String, Entry)], than: &[(String, Entry)]| -> Vec<_> {
                of.iter().filter(|it| !than.contains(it)).cloned().collect()
            };
            let differ = [others(&now, &files), others(&files, &now)];
            assert!(now == files, "{death:?} at change {at}: {differ:?}");
            for here in [&mut whole, &mut here] {
                here.silence = None;
            }
            assert_eq!(here, whole, "{death:?} at change {at}");
            assert_eq!(lost, Vec::<String>::new());
        }
    }
    assert!(deaths >= least, "only {deaths} deaths of {request:?}");
}

/// The third of three hosts, prepared by these requests.
fn third(before: &[EtcdRequest]) -> (FakeCluster, FakeHost) {
    let (cluster, [a, _, c]) = three();
    let old = id(&cluster, "c", "a");
    for request in before {
        match request {
            EtcdRequest::Remove { .. } => {
                asked(&a, &cluster, &remove(&cluster, &old)).unwrap();
            }
            EtcdRequest::AddLearner { .. } => {
                asked(&a, &cluster, &add(&cluster, "c")).unwrap();
            }
            request => {
                asked(&c, &cluster, request).unwrap();
            }
        }
    }
    (cluster, c)
}

#[test]
fn whenever_it_dies_the_next_call_ends_in_the_same_state() {
    let park = EtcdRequest::Park;
    let away = EtcdRequest::PutDataAway { keep: false };
    // Whom, and of which cluster, is filled in.
    let nobody = FakeCluster::new();
    let (remove, add) = (remove(&nobody, ""), add(&nobody, "c"));
    die_everywhere(6, || third(&[]), &park);
    die_everywhere(3, || third(std::slice::from_ref(&park)), &away);
    die_everywhere(3, || third(&[park.clone(), away.clone()]), &EtcdRequest::DropOldData);
    let before = [park.clone(), remove, add, away.clone()];
    die_everywhere(6, || third(&before), &start(ClusterState::Existing));
    die_everywhere(6, || third(&[]), &snapshot());
    die_everywhere(6, || third(&[snapshot(), park.clone(), away.clone()]), &restore());
    let on_disk = || {
        let (cluster, c) = third(&[]);
        c.set("/proc/self/mounts", "/dev/vdb /srv/disk/data ext4 rw 0 0\n");
        for request in [&snapshot(), &park, &away] {
            asked(&c, &cluster, request).unwrap();
        }
        (cluster, c)
    };
    die_everywhere(6, on_disk, &restore());
}

fn api_server_of(servers: &str) -> String {
    format!(
        "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --advertise-address=10.10.0.1\n    - --etcd-servers={servers}\n    - --secure-port=6443\n"
    )
}

#[test]
fn op_b6_04_an_api_server_with_a_list_gets_the_members_there_are() {
    let prepare = |servers: &str| {
        let (cluster, [a, ..]) = three();
        a.set(API_SERVER, &api_server_of(servers));
        a.set("/etc/kubernetes/admin.conf", "");
        a.with(|world| {
            let cluster = crate::fake::FakeCluster { answers: true, ..Default::default() };
            world.cluster = Some(cluster);
        });
        (cluster, a)
    };
    let (one, two) = ("https://10.10.0.1:2379", "https://10.10.0.11:2379");
    let servers = vec![one.to_owned(), two.to_owned()];
    let request = EtcdRequest::ApiServer { servers };
    let (cluster, a) = prepare("https://127.0.0.1:2379");
    assert_eq!(changes(&a, &cluster, &request), 0);
    let old = format!("{one},https://10.10.0.111:2379");
    let (cluster, a) = prepare(&old);
    a.calls();
    assert!(changes(&a, &cluster, &request) > 0);
    assert!(a.calls().iter().any(|call| call.contains("--server=https://10.10.0.1:6443")));
    let after = a.text(API_SERVER).unwrap().unwrap();
    assert_eq!(after, api_server_of(&format!("{one},{two}")));
    assert_eq!(changes(&a, &cluster, &request), 0);
    die_everywhere(9, || prepare(&old), &request);
}
