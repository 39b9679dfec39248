//! What a desk asks of a host, answered by hosts in memory.

use std::cell::{Cell, RefCell};
use std::time::{Duration, UNIX_EPOCH};

use node_bootstrap::agent::{
    Answer, Around, Call, Certificate, Done, Event, EventKind, Failure, FailureKind, Invited,
    Request, Standing, Survey, UpgradePart, Wish, serve,
};
use node_bootstrap::cluster::{ADMIN, Invitation};
use node_bootstrap::fake::{AUTHORITY, FakeHost, FakePackage, SharedApi};
use node_bootstrap::fetch::Need;
use node_bootstrap::host::{Host, sha256};
use node_bootstrap::kubeadm::{CertificateKey, ca_hash};
use node_bootstrap::spec::{Cni, Kubeconfig, Node, Profile, Role, Sysctl};

use crate::host::die_everywhere;

const NETWORK: &str = "kind: DaemonSet\n";
const KEY: &str =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx\n-----END PGP PUBLIC KEY BLOCK-----\n";

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
            if need.place.contains("/Release.key") || need.place.contains("/repomd.xml.key") {
                return Ok(KEY.as_bytes().to_vec());
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
    let host = crate::cluster::host();
    host.set("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    host.set("/proc/sys/kernel/hostname", "n1\n");
    host.set("/proc/sys/kernel/arch", "x86_64\n");
    host.set("/proc/sys/net/ipv4/ip_forward", "0\n");
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

/// The first two words of each program that was run.
fn programs(host: &FakeHost) -> Vec<String> {
    let words = |call: String| call.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    host.calls().into_iter().map(words).collect()
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
    // It is run on hundreds of hosts at once.
    assert_eq!(programs(&host), ["ip -j", "dpkg-query -W"]);
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
    let Ok(Answer::Invitation(Invited { invitation: made, tokens })) = ask(&host, invite(true))
    else {
        panic!()
    };
    assert_eq!(tokens, [made.token.id(), "certs0"]);
    assert_eq!(made.certificate_key, Some(CertificateKey::from_bytes(&[7; 32])));
    assert_eq!(made.ca_cert_hash, invitation().ca_cert_hash);
    let calls = host.calls().join("\n");
    assert!(calls.contains("--ttl=1800s") && !calls.contains("0707"), "{calls}");
    let Ok(Answer::Text(config)) = ask(&host, Request::AdminConfig) else { panic!() };
    assert_eq!(Some(config.expose()), host.text(ADMIN).unwrap().as_deref());
    let Ok(Answer::Output { code, stdout, .. }) = ask(&host, kubectl()) else { panic!() };
    assert_eq!((code, stdout.as_str()), (Some(0), "ok"));
    // What was made is taken away, once.
    let end = |tokens: &[String]| Request::EndTokens { tokens: tokens.to_vec() };
    let Ok(Answer::Invitation(other)) = ask(&host, invite(false)) else { panic!() };
    assert_eq!(other.tokens.len(), 1);
    assert_eq!(done(&host, end(&tokens)).changes, 2);
    assert_eq!(done(&host, end(&tokens)).changes, 0);
    host.with(|world| {
        let cluster = world.cluster.as_ref().unwrap();
        assert_eq!((cluster.tokens.len(), &cluster.uploaded), (1, &None));
    });
    assert!(refused(&host, end(&["--all".to_owned()])).contains("a-z"));
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
fn units_are_started_again_also_those_that_do_not_run() {
    let host = host();
    host.set_unit("containerd.service", "enabled", true);
    host.set_unit("kubelet.service", "enabled", false);
    let units = ["containerd.service", "kubelet.service"].map(str::to_owned).to_vec();
    host.calls();
    assert_eq!(done(&host, Request::Restart { units }).changes, 2);
    let calls = host.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("restart")).count(), 2, "{calls:?}");
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

/// A host that Kubernetes' packages can be had for, of two minors.
fn packaged(name: &str, api: &SharedApi) -> FakeHost {
    let host = host().in_cluster(api);
    host.set("/proc/sys/kernel/hostname", &format!("{name}\n"));
    host.set_runtime();
    host.with(|world| {
        for name in ["conntrack", "socat", "ebtables", "ethtool", "iproute2", "iptables"] {
            world.packages.insert(name.to_owned(), "1.0-1".to_owned());
        }
        for version in ["1.35.4-1.1", "1.36.0-1.1", "1.37.0-1.1"] {
            for name in ["kubelet", "kubeadm", "kubectl"] {
                let units =
                    if name == "kubelet" { vec!["kubelet.service".to_owned()] } else { Vec::new() };
                let (name, version) = (name.to_owned(), version.to_owned());
                world.available.push(FakePackage {
                    name,
                    version,
                    units,
                    ..FakePackage::default()
                });
            }
        }
    });
    host
}

/// A node of a version of Kubernetes.
fn versioned(role: Role, version: &str) -> Node {
    let mut node = Node { role, ..control_plane() };
    let text = format!("kubernetes: {{version: \"{version}\"}}\n");
    node.kubernetes = Node::read("node.yaml", &text).unwrap().kubernetes;
    node.containerd = None;
    node.kubelet = None;
    node.single_node = false;
    node.kubeconfig = None;
    Node { modules: None, sysctls: plain().sysctls, time: None, ..node }
}

fn upgrade(role: Role, version: &str, part: UpgradePart) -> Request {
    Request::Upgrade { wish: Box::new(wish(&versioned(role, version))), part }
}

/// The first control plane of a cluster of 1.35.4.
fn first(api: &SharedApi) -> FakeHost {
    let host = packaged("n1", api);
    let node = versioned(Role::ControlPlane, "1.35.4");
    done(&host, apply(&node));
    done(&host, init(&node));
    host
}

fn second(api: &SharedApi) -> FakeHost {
    let host = packaged("n2", api);
    let node = versioned(Role::Worker, "1.35.4");
    done(&host, apply(&node));
    done(&host, join(&node, &invitation()));
    host
}

fn package_versions(host: &FakeHost) -> [String; 3] {
    let world = host.snapshot();
    ["kubeadm", "kubelet", "kubectl"].map(|name| world.packages[name].clone())
}

const PARTS: [UpgradePart; 3] = [UpgradePart::Kubeadm, UpgradePart::First, UpgradePart::Kubelet];

#[test]
fn a_cluster_goes_to_the_next_minor_part_by_part_and_once() {
    let api = SharedApi::default();
    let (n1, n2) = (first(&api), second(&api));
    assert_eq!(package_versions(&n1), ["1.35.4-1.1"; 3]);
    assert!(done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubeadm)).changes > 0);
    assert_eq!(package_versions(&n1), ["1.36.0-1.1", "1.35.4-1.1", "1.35.4-1.1"]);
    assert_eq!(n1.snapshot().held.len(), 3);
    assert_eq!(done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::First)).changes, 1);
    assert_eq!(survey(&n1, &plain()).versions.api_server.as_deref(), Some("1.36.0"));
    assert_eq!(api.with(|api| api.version.clone()), "1.36.0");
    done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubelet));
    for part in [UpgradePart::Kubeadm, UpgradePart::Node, UpgradePart::Kubelet] {
        assert!(done(&n2, upgrade(Role::Worker, "1.36", part)).changes > 0, "{part:?}");
        assert_eq!(done(&n2, upgrade(Role::Worker, "1.36", part)), Done::default(), "{part:?}");
    }
    for part in PARTS {
        assert_eq!(
            done(&n1, upgrade(Role::ControlPlane, "1.36", part)),
            Done::default(),
            "{part:?}"
        );
    }
    for (host, role) in [(&n1, Role::ControlPlane), (&n2, Role::Worker)] {
        assert_eq!(package_versions(host), ["1.36.0-1.1"; 3]);
        assert_eq!(host.snapshot().held.len(), 3);
        let outlook = survey(host, &versioned(role, "1.36")).outlook.unwrap();
        assert_eq!(outlook.changes, Vec::<String>::new());
    }
    let nodes = survey(&n1, &plain()).nodes.unwrap();
    let shown: Vec<(&str, &str)> =
        nodes.iter().map(|node| (node.name.as_str(), node.version.as_str())).collect();
    assert_eq!(shown, [("n1", "1.36.0"), ("n2", "1.36.0")]);
}

#[test]
fn an_upgrade_waits_for_an_api_server_that_was_just_started_and_not_forever() {
    let api = SharedApi::default();
    let (n1, n2) = (first(&api), second(&api));
    let hosts = [
        (&n1, Role::ControlPlane, UpgradePart::First, "CreateJob"),
        (&n2, Role::Worker, UpgradePart::Node, "kubeadm-config"),
    ];
    for (host, role, part, why) in hosts {
        done(host, upgrade(role, "1.36", UpgradePart::Kubeadm));
        api.with(|api| api.starting = 100);
        let failure = ask(host, upgrade(role, "1.36", part)).unwrap_err();
        assert!(failure.message.contains(why), "{failure:?}");
        let left = api.with(|api| std::mem::replace(&mut api.starting, 2));
        assert!((90..98).contains(&left), "{left}");
        assert_eq!(done(host, upgrade(role, "1.36", part)).changes, 1);
        let calls = host.calls();
        let ran = calls
            .iter()
            .filter(|call| call.starts_with("kubeadm upgrade ") && call.contains(" --config "));
        assert_eq!(ran.count(), 100 - left + 3);
    }
}

/// What is left of an upgrade: the parts kubeadm, node and kubelet.
fn left(host: &FakeHost, role: Role, version: &str) -> [bool; 3] {
    let left = survey(host, &versioned(role, version)).upgrade_left.unwrap();
    assert_eq!(left.refusal, None);
    [left.kubeadm, left.node, left.kubelet]
}

#[test]
fn a_survey_says_what_is_left_of_an_upgrade_part_by_part() {
    let api = SharedApi::default();
    let (n1, n2) = (first(&api), second(&api));
    assert_eq!(survey(&host(), &versioned(Role::Worker, "1.36")).upgrade_left, None);
    assert_eq!(survey(&n1, &plain()).upgrade_left, None);
    for (host, role, first) in
        [(&n1, Role::ControlPlane, UpgradePart::First), (&n2, Role::Worker, UpgradePart::Node)]
    {
        assert_eq!(left(host, role, "1.35"), [false; 3]);
        assert_eq!(left(host, role, "1.36"), [true; 3]);
        done(host, upgrade(role, "1.36", UpgradePart::Kubeadm));
        assert_eq!(left(host, role, "1.36"), [false, true, true]);
        done(host, upgrade(role, "1.36", first));
        assert_eq!(left(host, role, "1.36"), [false, false, true]);
        done(host, upgrade(role, "1.36", UpgradePart::Kubelet));
        assert_eq!(left(host, role, "1.36"), [false; 3]);
    }
    let refusal = |host, role, version| {
        survey(host, &versioned(role, version)).upgrade_left.unwrap().refusal.unwrap_or_default()
    };
    assert!(refusal(&n1, Role::ControlPlane, "1.35").contains("never goes back"));
    let old = first(&SharedApi::default());
    assert!(refusal(&old, Role::ControlPlane, "1.37").contains("to 1.36 first"));
}

#[test]
fn an_upgrade_that_was_cut_short_after_its_api_server_is_not_taken_for_done() {
    let halves = Cell::new(0);
    die_everywhere(
        || {
            let n1 = first(&SharedApi::default());
            done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubeadm));
            n1
        },
        |host| drop(ask(host, upgrade(Role::ControlPlane, "1.36", UpgradePart::First))),
        |host, when| {
            let survey = survey(host, &versioned(Role::ControlPlane, "1.36"));
            let mark = host.text("/var/lib/node-prep/kubeadm-upgrade").unwrap();
            let is_done = mark.is_some_and(|mark| mark.starts_with("done"));
            halves.set(
                halves.get()
                    + usize::from(
                        survey.versions.api_server.as_deref() == Some("1.36.0") && !is_done,
                    ),
            );
            assert_eq!(survey.upgrade_left.unwrap().node, !is_done, "{when}");
        },
    );
    assert!(halves.get() > 0);
}

#[test]
fn a_kubelet_that_was_not_started_again_is_left_of_an_upgrade() {
    let owed = Cell::new(0);
    die_everywhere(
        || {
            let n1 = first(&SharedApi::default());
            done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubeadm));
            done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::First));
            n1
        },
        |host| drop(ask(host, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubelet))),
        |host, when| {
            let survey = survey(host, &versioned(Role::ControlPlane, "1.36"));
            let is_new = survey.versions.kubelet.as_deref() == Some("1.36.0");
            let is_left = survey.upgrade_left.unwrap().kubelet;
            owed.set(owed.get() + usize::from(is_new && is_left));
            assert!(is_new || is_left, "{when}");
            done(host, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubelet));
            assert_eq!(left(host, Role::ControlPlane, "1.36"), [false; 3], "{when}");
        },
    );
    assert!(owed.get() > 0);
}

#[test]
fn what_would_break_a_cluster_is_refused_with_the_reason() {
    let api = SharedApi::default();
    let (n1, n2) = (first(&api), second(&api));
    for part in PARTS {
        let why = refused(&n1, upgrade(Role::ControlPlane, "1.37", part));
        assert!(why.contains("to 1.36 first"), "{why}");
        let why = refused(&n1, upgrade(Role::ControlPlane, "1.34", part));
        assert!(why.contains("never goes back"), "{why}");
    }
    let why = refused(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::First));
    assert!(why.contains("kubeadm is v1.35.4"), "{why}");
    done(&n2, upgrade(Role::Worker, "1.36", UpgradePart::Kubeadm));
    let why = refused(&n2, upgrade(Role::Worker, "1.36", UpgradePart::Kubelet));
    assert!(why.contains("the control planes go first"), "{why}");
    let why = refused(&n2, upgrade(Role::Worker, "1.36", UpgradePart::First));
    assert!(why.contains("no control plane"), "{why}");
    let why = refused(&packaged("n3", &api), upgrade(Role::Worker, "1.36", UpgradePart::Kubeadm));
    assert!(why.contains("no node of a cluster"), "{why}");
}

#[test]
fn a_control_plane_that_stays_behind_is_told() {
    let api = SharedApi::default();
    let n1 = first(&api);
    done(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::Kubeadm));
    let failure = ask(&n1, upgrade(Role::ControlPlane, "1.36", UpgradePart::Node)).unwrap_err();
    assert_eq!((failure.kind, failure.changes), (FailureKind::Failed, 1));
    assert!(failure.message.contains("the first one first"), "{}", failure.message);
}

#[test]
fn a_host_that_dies_in_an_upgrade_goes_on() {
    for at in 0..PARTS.len() {
        let prepare = || {
            let host = first(&SharedApi::default());
            for part in &PARTS[..at] {
                done(&host, upgrade(Role::ControlPlane, "1.36", *part));
            }
            host
        };
        lives(prepare, || upgrade(Role::ControlPlane, "1.36", PARTS[at]), 10);
    }
    let prepare = || {
        let api = SharedApi::default();
        let (n1, n2) = (first(&api), second(&api));
        for part in PARTS {
            done(&n1, upgrade(Role::ControlPlane, "1.36", part));
        }
        done(&n2, upgrade(Role::Worker, "1.36", UpgradePart::Kubeadm));
        n2
    };
    lives(prepare, || upgrade(Role::Worker, "1.36", UpgradePart::Node), 10);
}

#[test]
fn an_upgrade_is_taken_back_as_far_as_it_can_be() {
    let n1 = first(&SharedApi::default());
    for part in PARTS {
        done(&n1, upgrade(Role::ControlPlane, "1.36", part));
    }
    done(&n1, Request::Undo);
    assert_eq!(n1.snapshot().packages.get("kubelet"), None);
}

#[test]
fn certificates_are_told_and_renewed_and_read() {
    let host = first(&SharedApi::default());
    let Ok(Answer::Certificates(before)) = ask(&host, Request::Certificates) else { panic!() };
    let Certificate { name, expires, expired, kept_elsewhere } = &before[0];
    assert_eq!(
        (name.as_str(), expires.as_str(), *expired, *kept_elsewhere),
        ("admin.conf", "2027-01-01T00:00:00Z", false, false)
    );
    let files = || {
        let mut files = host.snapshot().files;
        files.retain(|path, _| !path.starts_with("/etc/kubernetes/node-prep"));
        files
    };
    let kept = files();
    assert_eq!(done(&host, Request::RenewCertificates).changes, 4);
    let Ok(Answer::Certificates(after)) = ask(&host, Request::Certificates) else { panic!() };
    assert_eq!(after[0].expires, "2028-01-01T00:00:00Z");
    host.with(|world| {
        assert_eq!(world.restarts.values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    });
    assert_eq!(files(), kept);
    let why = refused(&second(&SharedApi::default()), Request::RenewCertificates);
    assert!(why.contains("no control plane"), "{why}");
}

#[test]
fn whoever_dies_while_certificates_are_renewed_leaves_no_manifest_parked() {
    let deaths = die_everywhere(
        || first(&SharedApi::default()),
        |host| drop(ask(host, Request::RenewCertificates)),
        |host, when| {
            let standing = survey(host, &plain()).standing;
            assert!(matches!(standing, Standing::Node { control_plane: true, .. }), "{when}");
            // Any change puts it back.
            done(host, Request::Restart { units: Vec::new() });
            assert_eq!(
                host.list("/etc/kubernetes/node-prep/restarting").unwrap(),
                [""; 0],
                "{when}"
            );
            assert_eq!(host.list("/etc/kubernetes/manifests").unwrap().len(), 3, "{when}");
            done(host, Request::RenewCertificates);
            let names = host.list("/etc/kubernetes/manifests").unwrap();
            assert_eq!(names.len(), 3, "{when}: {names:?}");
            host.with(|world| assert!(world.restarts.values().all(|count| *count > 0)));
        },
    );
    assert!(deaths > 30, "only {deaths}");
}

#[test]
fn a_control_plane_whose_api_server_is_parked_is_one_and_is_started_again() {
    let host = first(&SharedApi::default());
    let node = versioned(Role::ControlPlane, "1.35.4");
    let whole = survey(&host, &node);
    let at = "/etc/kubernetes/manifests/kube-apiserver.yaml";
    let manifest = host.entry(at).unwrap().unwrap();
    for folder in ["parked", "restarting"] {
        host.set_folder(&format!("/etc/kubernetes/node-prep/{folder}"));
        let parked = format!("/etc/kubernetes/node-prep/{folder}/kube-apiserver.yaml");
        host.set_entry(&parked, manifest.clone());
        host.remove(at).unwrap();
        let survey = survey(&host, &node);
        let Standing::Node { control_plane, answers, .. } = survey.standing else { panic!() };
        assert_eq!((control_plane, answers), (true, false));
        assert_eq!(survey.versions, whole.versions);
        assert_eq!(survey.ended_pods, ["kube-apiserver"]);
        assert_eq!(
            survey.outlook.unwrap().changes,
            ["static-pods: start kube-apiserver again, which a run that was cut short has ended"]
        );
        let (_, told) = ask_telling(&host, apply(&node), false);
        assert!(told[0].text.contains("it is started again"), "{told:?}");
        assert_eq!(host.entry(at).unwrap().as_ref(), Some(&manifest));
        assert_eq!(host.entry(&parked).unwrap(), None);
        assert_eq!(self::survey(&host, &node), whole);
    }
}

#[test]
fn certificates_are_renewed_where_the_api_server_cannot_answer_before_others_are() {
    let host = first(&SharedApi::default());
    host.with(|world| world.cluster.as_mut().unwrap().answers = false);
    let (answer, told) = ask_telling(&host, Request::RenewCertificates, false);
    let Ok(Answer::Done(done)) = answer else { panic!("{answer:?}") };
    assert_eq!(done.changes, 4);
    let warned = told.iter().find(|event| event.kind == EventKind::Warning).unwrap();
    assert!(warned.text.contains("those of the other control planes too"), "{}", warned.text);
}

#[test]
fn certificates_that_have_ended_are_told_renewed_and_read_in_two_parts() {
    let host = first(&SharedApi::default());
    let look = || survey(&host, &plain());
    assert_eq!(look().ended_certificates, [""; 0]);
    host.end_certificates();
    let survey = look();
    assert_eq!(survey.ended_certificates, ["apiserver", "etcd/peer"]);
    assert!(!survey.serves);
    host.with(|world| world.restarts.clear());
    assert_eq!(done(&host, Request::RenewFiles).changes, 1);
    assert_eq!((look().ended_certificates.len(), look().serves), (0, false));
    host.with(|world| assert!(world.restarts.is_empty()));
    assert_eq!(done(&host, Request::ReadCertificates).changes, 3);
    assert!(look().serves);
    host.with(|world| assert_eq!(world.renewed, 1));
}

#[test]
fn nodes_are_cordoned_drained_labelled_and_deleted() {
    let api = SharedApi::default();
    let (n1, _n2) = (first(&api), second(&api));
    let kubectl = |words: &str| {
        let arguments = words.split(' ').map(str::to_owned).collect();
        let limit = Duration::from_secs(10);
        let Ok(Answer::Output { code, .. }) =
            ask(&n1, Request::Kubectl { arguments, input: None, limit })
        else {
            panic!()
        };
        code
    };
    let node = || survey(&n1, &plain()).nodes.unwrap().into_iter().find(|node| node.name == "n2");
    assert!(node().unwrap().ready && !node().unwrap().cordoned);
    assert_eq!(kubectl("drain n2 --ignore-daemonsets --delete-emptydir-data"), Some(0));
    assert!(node().unwrap().cordoned);
    assert_eq!(api.with(|api| api.drained.clone()), ["n2"]);
    assert_eq!(kubectl("uncordon n2"), Some(0));
    assert_eq!(kubectl("label --overwrite node n2 disk=ssd"), Some(0));
    assert_eq!((node().unwrap().cordoned, node().unwrap().labels["disk"].as_str()), (false, "ssd"));
    assert_eq!(kubectl("delete node n2"), Some(0));
    assert_eq!(node(), None);
    assert_eq!(kubectl("delete node n2"), Some(1));
    assert_eq!(kubectl("delete node n2 --ignore-not-found"), Some(0));
}

#[test]
fn a_program_that_hangs_does_not_keep_a_survey_from_the_rest() {
    let host = host();
    host.set("/usr/bin/kubelet", "");
    host.set("/usr/bin/kubeadm", "");
    host.with(|world| world.hanging.extend(["kubelet", "ip"].map(str::to_owned)));
    let request = Request::Survey { wish: None, nodes: true, findings: false };
    let (answer, told) = ask_telling(&host, request, false);
    let Ok(Answer::Survey(survey)) = answer else { panic!("{answer:?}") };
    assert_eq!(survey.versions.kubelet, None);
    assert_eq!(survey.versions.kubeadm.as_deref(), Some("1.35.4"));
    assert_eq!(told[0].kind, EventKind::Warning);
    assert!(told[0].text.contains("`kubelet --version` did not end within"), "{told:?}");
}

#[test]
fn addresses_are_those_that_others_reach() {
    let host = host();
    host.with(|world| {
        world.addresses = vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        world.links = vec![("cni0".to_owned(), None), ("docker0".to_owned(), None)];
    });
    let addresses = survey(&host, &plain()).addresses;
    assert_eq!(
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.1", "fd00::1"]
    );
}

#[test]
fn a_node_is_surveyed_with_few_programs() {
    let api = SharedApi::default();
    let host = first(&api);
    host.calls();
    survey(&host, &versioned(Role::ControlPlane, "1.35.4"));
    let mut called = programs(&host);
    called.retain(|call| !call.starts_with("systemctl is-"));
    assert_eq!(
        called,
        [
            "kubectl --kubeconfig",
            "dpkg-query -W",
            "apt-mark showhold",
            "kubectl --kubeconfig",
            "kubectl --kubeconfig",
            "ip -j",
            "dpkg-query -W"
        ]
    );
}

#[test]
fn the_api_server_of_a_host_is_told_from_the_address_that_all_use() {
    let api = SharedApi::default();
    let host = host().in_cluster(&api);
    host.with(|world| world.addresses = vec!["10.0.0.7".parse().unwrap()]);
    done(&host, init(&control_plane()));
    let node = versioned(Role::ControlPlane, "1.35.4");
    let look = || {
        host.calls();
        let survey = survey(&host, &node);
        let Standing::Node { answers, .. } = survey.standing else { panic!() };
        let asked = programs(&host).into_iter().filter(|call| call.starts_with("kubectl")).count();
        (answers, survey.serves, survey.nodes.map(|nodes| nodes.len()), asked)
    };
    assert_eq!(look(), (true, true, Some(1), 3));
    // A proxy that does not work.
    api.with(|api| api.cut_off = true);
    assert_eq!(look(), (false, true, Some(1), 2));
    // Nobody answers.
    host.with(|world| world.cluster.as_mut().unwrap().answers = false);
    assert_eq!(look(), (false, false, None, 2));
}
