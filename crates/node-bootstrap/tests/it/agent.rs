//! What a desk asks of a host, answered by hosts in memory.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use node_bootstrap::agent::{
    Answer, Around, Call, Done, Event, EventKind, Failure, FailureKind, Request, Standing, Survey,
    Wish, serve,
};
use node_bootstrap::cluster::{ADMIN, Invitation};
use node_bootstrap::fake::{AUTHORITY, FakeHost};
use node_bootstrap::fetch::Need;
use node_bootstrap::host::{Entry, Host, Kind, Meta, sha256};
use node_bootstrap::kubeadm::{CertificateKey, ca_hash};
use node_bootstrap::spec::{Cni, Kubeconfig, Node, Profile, Role, Sysctl};

use crate::host::die_everywhere;

const NETWORK: &str = "kind: DaemonSet\n";

/// Has a host do something; answers what it told as well.
fn ask_telling(
    host: &FakeHost,
    request: Request,
    stop: bool,
) -> (Result<Answer, Failure>, Vec<Event>) {
    let call = Call { by: "ana@desk".to_owned(), request };
    let around = Around {
        fetch: &|need: &Need| {
            if need.place == "https://example.org/network.yaml" {
                return Ok(NETWORK.as_bytes().to_vec());
            }
            Err("there is no network".to_owned())
        },
        random: &|| Ok([7; 32]),
        now: &|| UNIX_EPOCH + Duration::from_hours(490_896),
        version: "0",
        stop: &|| stop,
        etcd: None,
    };
    let told = RefCell::new(Vec::new());
    let answer = serve(host, &call, &around, &mut |event| told.borrow_mut().push(event.clone()));
    (answer, told.into_inner())
}

fn ask(host: &FakeHost, request: Request) -> Result<Answer, Failure> {
    ask_telling(host, request, false).0
}

fn done(host: &FakeHost, request: Request) -> Done {
    let answer = ask(host, request).unwrap();
    if let Answer::Done(done) = answer { Some(done) } else { None }.unwrap()
}

fn refused(host: &FakeHost, request: Request) -> String {
    let failure = ask(host, request).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused, "{failure:?}");
    failure.message
}

fn survey(host: &FakeHost, node: &Node) -> Survey {
    let wish = Some(Box::new(wish(node)));
    let answer = ask(host, Request::Survey { wish, nodes: true, findings: false }).unwrap();
    if let Answer::Survey(survey) = answer { Some(*survey) } else { None }.unwrap()
}

fn wish(node: &Node) -> Wish {
    Wish { node: node.clone(), ..Wish::default() }
}

fn apply(node: &Node) -> Request {
    Request::Apply { wish: Box::new(wish(node)) }
}

fn init(node: &Node) -> Request {
    Request::Init { wish: Box::new(wish(node)), wait: Duration::from_mins(5) }
}

fn join(node: &Node, invitation: &Invitation) -> Request {
    let invitation = invitation.clone();
    Request::Join { wish: Box::new(wish(node)), invitation, wait: Duration::ZERO }
}

fn host() -> FakeHost {
    let host = FakeHost::new();
    host.set("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    host.set("/proc/sys/kernel/hostname", "n1\n");
    host.set("/proc/sys/kernel/arch", "x86_64\n");
    host.set("/proc/sys/net/ipv4/ip_forward", "0\n");
    host.set("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1001::/home/ana:/bin/sh\n");
    host.set("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    host.set_folder("/etc/kubernetes/manifests");
    host.set_folder("/etc/kubernetes/pki");
    let meta = Meta { uid: 1000, gid: 1001, ..Meta::root(0o750) };
    host.set_entry("/home/ana", Entry { kind: Kind::Folder, meta });
    host
}

/// What a host shall be before it becomes a node.
fn plain() -> Node {
    let mut node = Node::default();
    node.sysctls.insert("net.ipv4.ip_forward".to_owned(), Sysctl::exact("1"));
    node
}

/// A control plane. What hosts in memory lack is not asked for.
fn control_plane() -> Node {
    let mut node = Node::from_profile(Profile::HapCentos).unwrap();
    let kubeadm = node.kubeadm.as_mut().unwrap();
    kubeadm.ignore_preflight_errors = vec!["all".to_owned()];
    kubeadm.control_plane_endpoint = Some("10.0.0.1:6443".to_owned());
    node.kubeconfig = Some(Kubeconfig { users: vec!["root".to_owned(), "ana".to_owned()] });
    node.cni = Some(Cni {
        url: Some("https://example.org/network.yaml".to_owned()),
        sha256: Some(sha256(NETWORK.as_bytes())),
        ..Cni::default()
    });
    node
}

fn worker() -> Node {
    let mut node = Node { role: Role::Worker, ..Node::default() };
    node.kubeadm.get_or_insert_default().ignore_preflight_errors = vec!["all".to_owned()];
    node
}

fn invitation() -> Invitation {
    Invitation {
        endpoint: "10.0.0.1:6443".to_owned(),
        token: "abcdef.0123456789abcdef".parse().unwrap(),
        ca_cert_hash: ca_hash::of_pem(AUTHORITY).unwrap(),
        certificate_key: None,
    }
}

#[test]
fn a_survey_tells_all_of_a_host_and_changes_nothing() {
    let host = host();
    let before = (host.snapshot(), host.writes());
    let survey = survey(&host, &plain());
    assert_eq!((host.snapshot(), host.writes()), before);
    assert_eq!(survey.hostname, "n1");
    assert_eq!(survey.machine_id, "0123456789abcdef0123456789abcdef");
    assert_eq!(survey.architecture, "x86_64");
    assert_eq!(survey.clock_ms, 1_767_225_600_000);
    assert_eq!(survey.standing, Standing::Nothing);
    insta::assert_snapshot!(survey.outlook.unwrap().changes.join("\n"), @r"
    sysctls: write /etc/sysctl.d/90-node-prep.conf (mode 0644)
    sysctls: set net.ipv4.ip_forward to 1 now
    ");
}

#[test]
fn a_wish_is_fulfilled_once() {
    let host = host();
    assert!(done(&host, apply(&plain())).changes > 0);
    let (snapshot, writes) = (host.snapshot(), host.writes());
    assert_eq!(done(&host, apply(&plain())), Done::default());
    assert_eq!((host.snapshot(), host.writes()), (snapshot, writes));
    assert_eq!(survey(&host, &plain()).outlook.unwrap().changes, Vec::<String>::new());
    done(&host, Request::Undo);
    assert_eq!(host.snapshot(), self::host().snapshot());
}

#[test]
fn who_asks_and_what_for_is_in_the_journal() {
    let host = host();
    done(&host, apply(&plain()));
    let journal = node_bootstrap::journal::Journal::read(&host).unwrap();
    let by = &journal.runs()[0].by;
    assert_eq!((by.user.as_str(), by.at.as_str()), ("ana@desk", "2026-01-01T00:00:00Z"));
}

#[test]
fn a_desk_that_is_gone_stops_the_work_before_the_next_change() {
    let host = host();
    let before = host.snapshot();
    let (answer, _) = ask_telling(&host, apply(&plain()), true);
    let failure = answer.unwrap_err();
    assert_eq!((failure.kind, failure.changes), (FailureKind::Stopped, 0));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_host_becomes_a_control_plane_once() {
    let host = host();
    let node = control_plane();
    let (answer, told) = ask_telling(&host, init(&node), false);
    let Ok(Answer::Done(first)) = answer else { panic!("{answer:?}") };
    assert!(first.changes > 4, "{first:?}");
    let last = told.last().unwrap();
    assert_eq!((last.kind, last.text.as_str()), (EventKind::Done, "the node n1 is Ready"));
    assert!(!format!("{told:?}").contains("c2VjcmV0"));
    let (snapshot, writes) = (host.snapshot(), host.writes());
    assert_eq!(done(&host, init(&node)), Done::default());
    assert_eq!((host.snapshot(), host.writes()), (snapshot, writes));
    let survey = survey(&host, &plain());
    let expected = Standing::Node {
        server: "https://10.0.0.1:6443".to_owned(),
        authority: ca_hash::of_pem(AUTHORITY).unwrap(),
        control_plane: true,
        answers: true,
    };
    assert_eq!(survey.standing, expected);
}

#[test]
fn what_stands_in_the_way_of_kubeadm_is_refused_whole() {
    let host = host();
    let mut node = control_plane();
    node.kubeadm.as_mut().unwrap().ignore_preflight_errors.clear();
    let before = host.snapshot();
    let why = refused(&host, init(&node));
    assert!(why.lines().filter(|line| line.starts_with("FAIL ")).count() > 1, "{why}");
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_host_joins_once_and_not_two_clusters() {
    let host = host();
    assert_eq!(done(&host, join(&worker(), &invitation())).changes, 1);
    assert_eq!(done(&host, join(&worker(), &invitation())), Done::default());
    let other = Invitation { ca_cert_hash: format!("sha256:{}", "ab".repeat(32)), ..invitation() };
    let why = refused(&host, join(&worker(), &other));
    assert!(why.contains("a node of another cluster"), "{why}");
}

#[test]
fn a_control_plane_invites_and_gives_its_kubeconfig_and_runs_kubectl() {
    let host = host();
    let invite =
        |control_planes| Request::Invite { control_planes, lifetime: Duration::from_mins(30) };
    let kubectl = || Request::Kubectl {
        arguments: ["get", "--raw", "/readyz"].map(str::to_owned).to_vec(),
        input: None,
        limit: Duration::from_secs(10),
    };
    for request in [invite(false), invite(true), Request::AdminConfig, kubectl()] {
        let why = refused(&host, request);
        assert!(why.contains(ADMIN), "{why}");
    }
    done(&host, init(&control_plane()));
    host.calls();
    let Ok(Answer::Invitation(made)) = ask(&host, invite(true)) else { panic!() };
    assert_eq!(made.certificate_key, Some(CertificateKey::from_bytes(&[7; 32])));
    assert_eq!(made.ca_cert_hash, invitation().ca_cert_hash);
    let calls = host.calls().join("\n");
    assert!(calls.contains("--ttl=1800s") && !calls.contains("0707"), "{calls}");
    let Ok(Answer::Text(config)) = ask(&host, Request::AdminConfig) else { panic!() };
    assert_eq!(Some(config.expose()), host.text(ADMIN).unwrap().as_deref());
    let Ok(Answer::Output { code, stdout, .. }) = ask(&host, kubectl()) else { panic!() };
    assert_eq!((code, stdout.as_str()), (Some(0), "ok"));
}

#[test]
fn a_file_at_the_desk_is_as_good_as_one_that_is_fetched() {
    let host = host();
    let mut node = control_plane();
    node.cni = Some(Cni { file: Some("/home/desk/network.yaml".to_owned()), ..Cni::default() });
    let mut wish = wish(&node);
    wish.files.insert("/home/desk/network.yaml".to_owned(), NETWORK.to_owned());
    let request = || Request::Init { wish: Box::new(wish.clone()), wait: Duration::from_mins(1) };
    done(&host, request());
    assert_eq!(host.text(node_bootstrap::cluster::MANIFEST).unwrap().as_deref(), Some(NETWORK));
    assert_eq!(done(&host, request()), Done::default());
}

#[test]
fn a_reset_leaves_nothing_of_a_cluster_and_is_done_once() {
    let host = host();
    done(&host, join(&worker(), &invitation()));
    let reset = || Request::Reset { wish: Box::new(wish(&worker())), with_data: true };
    assert!(done(&host, reset()).changes > 0);
    assert_eq!(survey(&host, &plain()).standing, Standing::Nothing);
    assert_eq!(done(&host, reset()), Done::default());
}

#[test]
fn only_units_that_run_are_started_again() {
    let host = host();
    host.set_unit("containerd.service", "enabled", true);
    host.set_unit("kubelet.service", "enabled", false);
    let units =
        ["containerd.service", "kubelet.service", "none.service"].map(str::to_owned).to_vec();
    host.calls();
    assert_eq!(done(&host, Request::Restart { units }).changes, 1);
    let calls = host.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("try-restart")).count(), 1, "{calls:?}");
}

/// Whatever kills a request, the next one ends where one that was not killed ends.
fn lives(prepare: impl Fn() -> FakeHost, request: impl Fn() -> Request, least: usize) {
    let whole = prepare();
    done(&whole, request());
    let whole = whole.snapshot();
    let deaths = die_everywhere(
        prepare,
        |host| drop(ask(host, request())),
        |host, when| {
            done(host, request());
            assert_eq!(host.snapshot(), whole, "{when}");
            assert_eq!(done(host, request()), Done::default(), "{when}");
        },
    );
    assert!(deaths > least, "only {deaths}");
}

#[test]
fn a_host_that_dies_while_a_wish_is_fulfilled_goes_on() {
    lives(host, || apply(&plain()), 10);
}

#[test]
fn a_host_that_dies_while_it_becomes_a_control_plane_goes_on() {
    lives(host, || init(&control_plane()), 50);
}

#[test]
fn a_host_that_dies_while_it_joins_goes_on() {
    lives(host, || join(&worker(), &invitation()), 10);
}
