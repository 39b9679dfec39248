//! Hosts that become nodes: of a new cluster, of one that is there, cut short and mended.

use std::fmt::Write as _;
use std::time::Duration;

use node_bootstrap::apply::{Applied, ApplyError};
use node_bootstrap::change::kubeadm::{DOCUMENT, UNFINISHED, Verb};
use node_bootstrap::change::{Change, State};
use node_bootstrap::cluster::{
    ADMIN, Init, Invitation, Join, MANIFEST, NotReady, TokenError, after_init, create, delete,
    list, needs, upload_certificates, wait_ready,
};
use node_bootstrap::facts::Facts;
use node_bootstrap::fake::{AUTHORITY, Death, FakeCluster, FakeHost, FakeNode};
use node_bootstrap::fetch::Fetched;
use node_bootstrap::host::{Entry, Host, Kind, Meta, Output, sha256};
use node_bootstrap::journal::Journal;
use node_bootstrap::kubeadm::ca_hash;
use node_bootstrap::plan::{Plan, Step, plan_with};
use node_bootstrap::spec::{Cni, Kubeconfig, Node, Profile, Role};
use node_bootstrap::undo::Options;

use crate::host::{carry_out, die_everywhere, take_back};

const NETWORK: &str = "kind: DaemonSet\n";
const SECRETS: [&str; 4] = ["0123456789abcdef", "c2VjcmV0", "client-key-data: eQ==", "0707070707"];

/// A host that can become a node.
pub(crate) fn host() -> FakeHost {
    let host = FakeHost::new();
    host.set("/proc/sys/kernel/hostname", "N1\n");
    host.set("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1001::/home/ana:/bin/sh\n");
    host.set("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    host.set_folder("/etc/kubernetes/manifests");
    host.set_folder("/etc/kubernetes/pki");
    let meta = Meta { uid: 1000, gid: 1001, ..Meta::root(0o750) };
    host.set_entry("/home/ana", Entry { kind: Kind::Folder, meta });
    host
}

/// A cluster of one node, with everything that belongs to it.
fn node() -> Node {
    let mut node = Node::from_profile(Profile::HapCentos).unwrap();
    node.kubeconfig = Some(Kubeconfig { users: vec!["root".to_owned(), "ana".to_owned()] });
    node.cni = Some(Cni {
        url: Some("https://example.org/network.yaml".to_owned()),
        sha256: Some(sha256(NETWORK.as_bytes())),
        ..Cni::default()
    });
    node
}

fn planned(host: &FakeHost, node: &Node, steps: &[&dyn Step]) -> Plan {
    let facts = Facts::of(host).unwrap();
    let journal = Journal::read(host).unwrap();
    let fetched: Fetched = needs(host, node)
        .unwrap()
        .map(|need| (need.place, NETWORK.as_bytes().to_vec()))
        .into_iter()
        .collect();
    let steps = steps.iter().copied();
    plan_with(host, node, &facts, steps, journal.owed().cloned(), &fetched).unwrap()
}

fn init_plan(host: &FakeHost, node: &Node) -> Plan {
    planned(host, node, &[&Init::default()])
}

fn after_plan(host: &FakeHost, node: &Node) -> Plan {
    planned(host, node, after_init())
}

/// All of `node-prep init`.
fn whole(host: &FakeHost, node: &Node) -> Result<Applied, ApplyError> {
    let first = carry_out(host, &init_plan(host, node))?;
    let second = carry_out(host, &after_plan(host, node))?;
    Ok(Applied { changes: first.changes + second.changes, stopped: false })
}

fn invitation() -> Invitation {
    Invitation {
        endpoint: "10.0.0.1:6443".to_owned(),
        token: "abcdef.0123456789abcdef".parse().unwrap(),
        ca_cert_hash: ca_hash::of_pem(AUTHORITY).unwrap(),
        certificate_key: None,
    }
}

fn join_plan(host: &FakeHost, node: &Node, invitation: &Invitation) -> Plan {
    let join = Join { invitation: invitation.clone(), ignore_preflight_errors: Vec::new() };
    planned(host, node, &[&join])
}

fn shown(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        for change in &step.changes {
            writeln!(out, "{}: {}", step.step, change.change).unwrap();
        }
        for said in step.notes.iter().chain(&step.refusals) {
            writeln!(out, "{}: ({said})", step.step).unwrap();
        }
    }
    out
}

fn refusal(plan: &Plan) -> String {
    assert!(plan.is_empty(), "{plan:?}");
    plan.refusals().map(|refusal| refusal.why.to_owned()).collect()
}

fn text(host: &FakeHost, path: &str) -> String {
    host.text(path).unwrap().unwrap_or_else(|| format!("there is no {path}"))
}

fn cluster(host: &FakeHost) -> FakeCluster {
    host.snapshot().cluster.unwrap()
}

/// No secret is where a person, a report or another process sees it.
fn keeps_its_secrets(host: &FakeHost, plans: &[&Plan], calls: &[String]) {
    let mut seen = calls.join("\n");
    for plan in plans {
        seen += &serde_json::to_string(plan).unwrap();
        write!(seen, "{plan:?}").unwrap();
    }
    host.with(|world| {
        for (path, entry) in &world.files {
            if path.starts_with("/var/lib/node-prep/")
                && !path.contains("/backup/")
                && let Kind::File(content) = &entry.kind
            {
                seen += &String::from_utf8_lossy(content);
            }
        }
    });
    for secret in SECRETS {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    assert!(!host.snapshot().files.contains_key(DOCUMENT));
}

#[test]
fn a_cluster_is_made_shown_first_and_once() {
    let host = host();
    let first = init_plan(&host, &node());
    insta::assert_snapshot!(shown(&first), @r"init: run kubeadm init --config /run/node-prep-kubeadm.yaml --skip-token-print --skip-certificate-key-print");
    let diff = first.steps[0].changes[0].diff.clone().unwrap();
    assert!(diff.contains("kubernetesVersion: v1.35.4"), "{diff}");
    host.calls();
    carry_out(&host, &first).unwrap();
    assert_eq!(
        host.calls(),
        [
            "kubeadm init --config /run/node-prep-kubeadm.yaml --skip-token-print --skip-certificate-key-print"
        ]
    );
    // What was shown is what kubeadm has read.
    assert_eq!(cluster(&host).document, diff);
    let second = after_plan(&host, &node());
    insta::assert_snapshot!(shown(&second), @r"
    kubeconfig: make folder /root/.kube (mode 0700)
    kubeconfig: write /root/.kube/config (mode 0600)
    kubeconfig: make folder /home/ana/.kube (mode 0700)
    kubeconfig: write /home/ana/.kube/config (mode 0600)
    single-node: run kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=10s label node n1 node.kubernetes.io/exclude-from-external-load-balancers-
    network: make folder /etc/kubernetes/node-prep (mode 0755)
    network: write /etc/kubernetes/node-prep/network.yaml (mode 0600)
    network: run kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=60s apply --server-side -f /etc/kubernetes/node-prep/network.yaml
    ");
    carry_out(&host, &second).unwrap();
    keeps_its_secrets(&host, &[&first, &second], &host.calls());
    let made = cluster(&host);
    assert_eq!(made.has.iter().copied().collect::<Vec<_>>(), ["kube-proxy"]);
    assert_eq!(made.applied[MANIFEST], NETWORK.as_bytes());
    let (world, writes) = (host.snapshot(), host.writes());
    assert_eq!(whole(&host, &node()).unwrap().changes, 0);
    assert_eq!((host.snapshot(), host.writes()), (world, writes));
}

#[test]
fn users_get_the_administrators_entry_and_keep_their_own() {
    let host = host();
    let theirs = "apiVersion: v1\nkind: Config\ncurrent-context: other\nclusters:\n- name: other\n  cluster: {server: https://other:6443, certificate-authority-data: eA==}\n- name: kubernetes\n  cluster: {server: https://10.0.0.1:6443, certificate-authority-data: eQ==}\ncontexts:\n- name: other\n  context: {cluster: other, user: other}\nusers:\n- name: other\n  user: {token: t}\n";
    let meta = Meta { uid: 1000, gid: 1001, ..Meta::root(0o644) };
    let kind = Kind::File(theirs.as_bytes().to_vec());
    host.set_entry("/home/ana/.kube/config", Entry { kind, meta });
    whole(&host, &node()).unwrap();
    let mine = text(&host, "/home/ana/.kube/config");
    assert!(mine.contains("https://other:6443") && mine.contains("current-context: other"));
    assert!(mine.contains("kubernetes-admin") && !mine.contains("super-admin"));
    // The cluster that was at this address before is no more.
    assert!(!mine.contains("eQ==") && !mine.contains("kubernetes-2"), "{mine}");
    let world = host.snapshot();
    let of = |path: &str| {
        let meta = &world.files[path].meta;
        (meta.mode, meta.uid, meta.gid)
    };
    assert_eq!(of("/home/ana/.kube/config"), (0o600, 1000, 1001));
    assert_eq!(of("/root/.kube/config"), (0o600, 0, 0));
    assert_eq!(of("/root/.kube"), (0o700, 0, 0));
    take_back(&host, &Options::default()).unwrap();
    assert_eq!(text(&host, "/home/ana/.kube/config"), theirs);
    assert!(!host.snapshot().files.contains_key("/root/.kube"));
}

#[test]
fn whatever_kills_init_the_next_run_finishes_it() {
    let finished = host();
    whole(&finished, &node()).unwrap();
    let finished = finished.snapshot();
    let deaths = die_everywhere(
        host,
        |host| drop(whole(host, &node())),
        |host, when| {
            let plans = [init_plan(host, &node())];
            whole(host, &node()).unwrap_or_else(|error| panic!("{when}: {error:?}"));
            assert_eq!(host.snapshot(), finished, "{when}");
            assert_eq!(whole(host, &node()).unwrap().changes, 0, "{when}");
            keeps_its_secrets(host, &[&plans[0]], &host.calls());
            take_back(host, &Options::default()).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(host.snapshot(), crate::cluster::host().snapshot(), "{when}");
        },
    );
    assert!(deaths > 40, "only {deaths}");
}

#[test]
fn a_killed_init_can_be_taken_back_at_once() {
    die_everywhere(
        host,
        |host| drop(whole(host, &node())),
        |host, when| {
            take_back(host, &Options::default()).unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(host.snapshot(), crate::cluster::host().snapshot(), "{when}");
        },
    );
}

#[test]
fn whatever_kills_the_way_back_init_begins_anew_or_is_there() {
    for death in [Death::Before, Death::Within, Death::After] {
        for at in 0.. {
            let host = host();
            whole(&host, &node()).unwrap();
            let finished = host.snapshot();
            host.kill_at(at, death);
            drop(take_back(&host, &Options::default()));
            if !host.revive() {
                break;
            }
            whole(&host, &node()).unwrap_or_else(|error| panic!("{death:?} {at}: {error:?}"));
            assert_eq!(host.snapshot(), finished, "{death:?} {at}");
        }
    }
}

#[test]
fn whatever_kills_a_join_the_next_run_finishes_it() {
    let key = Some("07".repeat(32).parse().unwrap());
    for (invitation, role) in [
        (invitation(), Role::Worker),
        (Invitation { certificate_key: key, ..invitation() }, Role::ControlPlane),
    ] {
        let node = Node { role, single_node: false, ..node() };
        let work = |host: &FakeHost| carry_out(host, &join_plan(host, &node, &invitation));
        let finished = host();
        work(&finished).unwrap();
        let document = cluster(&finished).document;
        assert!(document.contains("token: abcdef.0123456789abcdef"), "{document}");
        assert_eq!(document.contains("0707070707"), role == Role::ControlPlane);
        let finished = finished.snapshot();
        let deaths = die_everywhere(
            host,
            |host| drop(work(host)),
            |host, when| {
                let plan = join_plan(host, &node, &invitation);
                work(host).unwrap_or_else(|error| panic!("{when}: {error:?}"));
                assert_eq!(host.snapshot(), finished, "{when}");
                assert!(join_plan(host, &node, &invitation).is_empty(), "{when}");
                keeps_its_secrets(host, &[&plan], &host.calls());
                take_back(host, &Options::default()).unwrap();
                assert_eq!(host.snapshot(), crate::cluster::host().snapshot(), "{when}");
            },
        );
        assert!(deaths > 20, "only {deaths}");
    }
}

#[test]
fn a_kubeadm_that_refuses_leaves_nothing_to_take_away() {
    let host = host();
    host.with(|world| {
        let failed = node_bootstrap::host::Output {
            code: Some(1),
            stderr: "[ERROR CRI]: the runtime is not running\n".to_owned(),
            ..Default::default()
        };
        world.answers.push((vec!["kubeadm".to_owned(), "init".to_owned()], failed));
    });
    let error = whole(&host, &node()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("[ERROR CRI]: the runtime is not running"), "{source}");
    host.with(|world| world.answers.clear());
    // Nothing of it is left, and nothing has to be taken away.
    assert_eq!(shown(&init_plan(&host, &node())), shown(&init_plan(&self::host(), &node())));
    whole(&host, &node()).unwrap();
    assert!(cluster(&host).answers);
}

#[test]
fn what_a_killed_kubeadm_left_is_said_and_taken_away() {
    let host = host();
    let mut at = 0;
    while !host.snapshot().files.contains_key(ADMIN) {
        host.with(|world| world.clone_from(&self::host().snapshot()));
        host.kill_at(at, Death::Within);
        drop(whole(&host, &node()));
        host.revive();
        at += 1;
    }
    insta::assert_snapshot!(shown(&init_plan(&host, &node())), @r"
    init: run kubeadm reset --config /run/node-prep-kubeadm.yaml
    init: run kubeadm init --config /run/node-prep-kubeadm.yaml --skip-token-print --skip-certificate-key-print
    init: (`kubeadm init` was begun here and did not end; what it left is taken away, and it begins anew)
    ");
}

#[test]
fn an_own_authority_survives_what_is_taken_away() {
    let host = host();
    host.set("/etc/kubernetes/pki/ca.crt", AUTHORITY);
    let before = host.snapshot();
    let first = init_plan(&host, &node());
    assert!(shown(&first).contains("the authority that is in /etc/kubernetes/pki"), "{first:?}");
    // It dies in the middle of kubeadm.
    let mut at = 0;
    while !host.snapshot().files.contains_key(ADMIN) {
        host.with(|world| world.clone_from(&before));
        host.kill_at(at, Death::Within);
        drop(whole(&host, &node()));
        host.revive();
        at += 1;
    }
    let again = init_plan(&host, &node());
    let Some((_, Change::Kubeadm { verb: Verb::Reset, document })) = again.changes().next() else {
        panic!("{again:?}");
    };
    assert!(!document.expose().contains("/etc/kubernetes/pki"), "{}", document.expose());
    whole(&host, &node()).unwrap();
    take_back(&host, &Options::default()).unwrap();
    assert_eq!(text(&host, "/etc/kubernetes/pki/ca.crt"), AUTHORITY);
}

#[test]
fn what_may_be_in_use_is_never_taken_away() {
    let made = || {
        let host = host();
        whole(&host, &node()).unwrap();
        host
    };
    // One that this program left finished, and that is ill now.
    let host = made();
    host.with(|world| world.cluster.as_mut().unwrap().answers = false);
    insta::assert_snapshot!(refusal(&init_plan(&host, &node())), @r"there is a control plane here that this program has not made or that was in use, and its API server does not answer; look at `journalctl -u kubelet` and `crictl ps -a`, and have `node-prep reset` take it away if it is not needed");
    // The same, with the mark of a run that was cut short as it ended.
    host.set(UNFINISHED, "init\n");
    insta::assert_snapshot!(refusal(&init_plan(&host, &node())), @r"`kubeadm init` came near its end here, and the API server does not answer; look at `journalctl -u kubelet` and `crictl ps -a`, and have `node-prep reset` take it away if it is not needed");
    // It answers again: only the mark goes.
    host.with(|world| world.cluster.as_mut().unwrap().answers = true);
    assert_eq!(
        shown(&init_plan(&host, &node())),
        "init: remove /var/lib/node-prep/kubeadm-unfinished\n"
    );
    // It did not end, but others have joined.
    host.with(|world| {
        world.cluster.as_mut().unwrap().has.remove("kube-proxy");
    });
    host.api().with(|api| api.nodes.insert("n2".to_owned(), FakeNode::default()));
    insta::assert_snapshot!(refusal(&init_plan(&host, &node())), @r"`kubeadm init` did not end here, and yet other hosts have joined; look at it with kubectl, and have `node-prep reset` take it away if it is not needed");
    // Whether they have is not told; where its own administrator has no rights yet, they cannot have.
    let asked_for_nodes = |stderr: &str| {
        let argv = [
            "kubectl",
            "--kubeconfig",
            ADMIN,
            "--request-timeout=10s",
            "get",
            "nodes",
            "-o",
            "name",
        ];
        let said = Output { code: Some(1), stdout: String::new(), stderr: stderr.to_owned() };
        host.with(|world| world.answers = vec![(argv.map(str::to_owned).to_vec(), said)]);
    };
    asked_for_nodes("Unable to connect to the server: net/http: TLS handshake timeout\n");
    insta::assert_snapshot!(refusal(&init_plan(&host, &node())), @r"`kubeadm init` did not end here, and the API server does not tell its nodes; look at it with kubectl, and have `node-prep reset` take it away if it is not needed");
    asked_for_nodes(
        "Error from server (Forbidden): nodes is forbidden: User \"kubernetes-admin\" cannot list resource \"nodes\"\n",
    );
    let why = refusal(&init_plan(&host, &node()));
    assert!(why.contains("the API server does not tell its nodes"), "{why}");
    let done = host.text("/etc/kubernetes/kubelet.conf").unwrap().unwrap();
    // Its kubelet is not at its last certificate yet.
    let early = done.replace("client-certificate:", "client-certificate-data:");
    host.set("/etc/kubernetes/kubelet.conf", &early);
    assert!(shown(&init_plan(&host, &node())).contains("kubeadm reset"));
    host.set("/etc/kubernetes/kubelet.conf", &done);
    host.with(|world| world.answers.clear());
    // Nobody has.
    host.api().with(|api| api.nodes.remove("n2"));
    assert!(shown(&init_plan(&host, &node())).contains("kubeadm reset"));
    // kubeadm itself goes on.
    host.set("/proc/4711/comm", "kubeadm\n");
    insta::assert_snapshot!(refusal(&init_plan(&host, &node())), @r"kubeadm still runs (process 4711); wait for its end");
}

#[test]
fn a_control_plane_that_joined_is_not_taken_for_a_half_where_nobody_answers() {
    let host = host();
    let certificate_key = Some("07".repeat(32).parse().unwrap());
    let invitation = Invitation { certificate_key, ..invitation() };
    carry_out(&host, &join_plan(&host, &node(), &invitation)).unwrap();
    host.set(UNFINISHED, "join\n");
    host.with(|world| world.cluster.as_mut().unwrap().answers = false);
    insta::assert_snapshot!(refusal(&join_plan(&host, &node(), &invitation)), @r"`kubeadm join` came near its end here, and the API of its cluster does not answer, so nobody can say whether it is a control plane now; mend that first. To give it up, have `k8s-cluster remove` take its member out of etcd before it is cleaned");
    host.with(|world| world.cluster.as_mut().unwrap().answers = true);
    let argv = ["kubectl", "--kubeconfig", ADMIN, "--request-timeout=10s", "get", "nodes"];
    host.answer(&argv, 1, "");
    let why = refusal(&join_plan(&host, &node(), &invitation));
    assert!(why.contains("does not tell its nodes, so nobody can say"), "{why}");
}

#[test]
fn what_cannot_be_done_is_refused_with_the_way_out() {
    let mut said = Vec::new();
    let tree = host().as_tree();
    said.push(refusal(&init_plan(&tree, &node())));
    said.push(refusal(&init_plan(&host(), &Node { role: Role::Worker, ..node() })));
    let odd = host();
    odd.set(ADMIN, "kind: Config\n");
    said.push(refusal(&init_plan(&odd, &node())));
    let worker = Node { role: Role::Worker, ..node() };
    let joined = host();
    carry_out(&joined, &join_plan(&joined, &worker, &invitation())).unwrap();
    said.push(refusal(&init_plan(&joined, &node())));
    let other = Invitation { ca_cert_hash: format!("sha256:{}", "00".repeat(32)), ..invitation() };
    said.push(refusal(&join_plan(&joined, &worker, &other)));
    let key = Some("07".repeat(32).parse().unwrap());
    let controls = Invitation { certificate_key: key, ..invitation() };
    said.push(refusal(&join_plan(&joined, &Node::default(), &controls)));
    said.push(refusal(&join_plan(&host(), &worker, &controls)));
    said.push(refusal(&join_plan(&host(), &node(), &invitation())));
    let newer = host();
    newer.answer(&["kubeadm", "version"], 0, "v1.36.0\n");
    said.push(refusal(&init_plan(&newer, &node())));
    let missing = host();
    missing.answer(&["kubeadm", "version"], 127, "");
    said.push(refusal(&init_plan(&missing, &node())));
    let looping = host();
    looping.set("/etc/resolv.conf", "nameserver 127.0.0.1\n");
    said.push(init_plan(&looping, &node()).refusals().map(|it| it.why.to_owned()).collect());
    insta::assert_snapshot!(said.join("\n"), @r"
    a cluster is made on a host that runs, not in a tree of files: leave out --root
    node.yaml has `role: worker`; a cluster begins with a control plane
    there are files of a cluster in /etc/kubernetes, and this host is not its node; move admin.conf and kubelet.conf away
    this host is a worker of the cluster at https://10.0.0.1:6443; have `node-prep reset` take it out first
    this host is a node of another cluster, at https://10.0.0.1:6443; have `node-prep reset` take it out first
    this host is a worker of this cluster already; to make it something else, have `node-prep reset` take it out first
    node.yaml has `role: worker`; leave out --control-plane
    node.yaml has `role: control-plane`, which joins with --control-plane and a certificate key
    kubeadm is v1.36.0, and node.yaml wants Kubernetes 1.35; `node-prep apply` installs the kubeadm of it
    kubeadm is not installed; `node-prep apply` installs it
    /etc/resolv.conf names 127.0.0.1, the host itself: the cluster's DNS would ask itself. Give a file with other name servers as `kubelet.resolvConf`
    ");
}

#[test]
fn name_servers_on_the_host_are_not_given_to_pods() {
    let host = host();
    host.set("/etc/resolv.conf", "nameserver 127.0.0.53\n");
    host.set("/run/systemd/resolve/resolv.conf", "nameserver 10.0.0.2\n");
    let plan = init_plan(&host, &node());
    insta::assert_snapshot!(shown(&plan), @r"
    init: make folder /etc/kubernetes/node-prep (mode 0755)
    init: make folder /etc/kubernetes/node-prep/patches (mode 0755)
    init: write /etc/kubernetes/node-prep/patches/kubeletconfiguration+merge.yaml (mode 0644)
    init: run kubeadm init --config /run/node-prep-kubeadm.yaml --skip-token-print --skip-certificate-key-print
    ");
    carry_out(&host, &plan).unwrap();
    let patch = text(&host, "/etc/kubernetes/node-prep/patches/kubeletconfiguration+merge.yaml");
    assert!(patch.contains("resolvConf: /run/systemd/resolve/resolv.conf"), "{patch}");
    assert!(cluster(&host).document.contains("directory: /etc/kubernetes/node-prep/patches"));
    take_back(&host, &Options::default()).unwrap();
    assert!(!host.snapshot().files.contains_key("/etc/kubernetes/node-prep"));
}

#[test]
fn a_network_plugin_with_another_checksum_is_not_applied() {
    let host = host();
    carry_out(&host, &init_plan(&host, &node())).unwrap();
    let mut node = Node { kubeconfig: None, single_node: false, ..node() };
    node.cni.as_mut().unwrap().sha256 = Some("00".repeat(32));
    assert!(
        refusal(&after_plan(&host, &node))
            .contains("cni: https://example.org/network.yaml has the SHA-256")
    );
    // A file without a checksum is taken as it is, and one that changes is applied again.
    host.set("/opt/network.yaml", NETWORK);
    node.cni = Some(Cni { file: Some("/opt/network.yaml".to_owned()), ..Cni::default() });
    carry_out(&host, &after_plan(&host, &node)).unwrap();
    assert!(after_plan(&host, &node).is_empty());
    host.set("/opt/network.yaml", "kind: Other\n");
    insta::assert_snapshot!(shown(&after_plan(&host, &node)), @r"network: run kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=60s apply --server-side -f /opt/network.yaml");
}

#[test]
fn a_node_that_does_not_become_ready_says_why() {
    let host = host();
    carry_out(&host, &init_plan(&host, &node())).unwrap();
    let wait = || wait_ready(&host, ADMIN, "n1", Duration::from_mins(5), &|| false);
    let Err(error @ NotReady::Deadline { .. }) = wait() else { panic!("there is no network") };
    assert_eq!(
        error.to_string(),
        "the node n1 is not Ready after 300 s: cni plugin not initialized"
    );
    carry_out(&host, &after_plan(&host, &node())).unwrap();
    assert!(wait().unwrap());
    assert!(!wait_ready(&host, ADMIN, "n1", Duration::from_mins(5), &|| true).unwrap());
}

#[test]
fn a_cluster_invites_with_a_token_that_nobody_else_sees() {
    let host = host();
    assert!(matches!(create(&host, ADMIN, None, None), Err(TokenError::NoCluster { .. })));
    let mut node = node();
    node.kubeadm.as_mut().unwrap().control_plane_endpoint = Some("10.0.0.1:6443".to_owned());
    whole(&host, &node).unwrap();
    host.calls();
    let made = create(&host, ADMIN, Some("2h"), Some("for n2")).unwrap();
    let key = "07".repeat(32).parse().unwrap();
    upload_certificates(&host, ADMIN, &key).unwrap();
    let calls = host.calls();
    insta::assert_snapshot!(calls.join("\n"), @r"
    kubeadm token create --kubeconfig /etc/kubernetes/admin.conf --ttl=2h '--description=for n2'
    kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=10s -n kube-system get configmap kubeadm-config '-o=jsonpath={.data.ClusterConfiguration}'
    kubeadm init phase upload-certs --kubeconfig /etc/kubernetes/admin.conf --upload-certs --skip-certificate-key-print --config /run/node-prep-kubeadm.yaml
    ");
    keeps_its_secrets(&host, &[], &calls);
    assert_eq!(made.token.expose().expose(), "abcde0.0123456789abcdef");
    let expected = Invitation { token: made.token.clone(), ..invitation() };
    assert_eq!(made, expected);
    assert!(!format!("{made:?}").contains("0123456789abcdef"));
    let uploaded = cluster(&host).uploaded.unwrap();
    assert!(uploaded.contains(&"07".repeat(32)) && uploaded.contains("kind: ClusterConfiguration"));
    let listed = list(&host, ADMIN).unwrap();
    assert_eq!(listed.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["abcde0"]);
    assert!(!format!("{listed:?}").contains("0123456789abcdef"));
    delete(&host, ADMIN, "abcde0").unwrap();
    assert!(list(&host, ADMIN).unwrap().is_empty());
}

#[test]
fn a_cluster_without_a_shared_address_gets_no_second_control_plane() {
    let host = host();
    whole(&host, &node()).unwrap();
    let key = "07".repeat(32).parse().unwrap();
    let refused = upload_certificates(&host, ADMIN, &key);
    assert!(matches!(refused, Err(TokenError::NoSharedEndpoint)), "{refused:?}");
    assert!(cluster(&host).uploaded.is_none());
}

#[test]
fn the_journal_knows_what_was_there_of_a_node() {
    let host = host();
    carry_out(&host, &init_plan(&host, &node())).unwrap();
    let journal = Journal::read(&host).unwrap();
    let made: Vec<_> = journal.standing().collect();
    assert_eq!(made[0].before, State::Value(None));
    let after = "admin.conf kubelet.conf manifests/kube-apiserver.yaml pki/ca.crt pki/ca.key";
    assert_eq!(made[0].after, Some(State::Value(Some(after.to_owned()))));
}

#[test]
fn a_link_in_a_users_home_is_not_followed() {
    let host = host();
    let node = Node {
        single_node: false,
        cni: None,
        kubeconfig: Some(Kubeconfig { users: vec!["ana".to_owned()] }),
        ..node()
    };
    carry_out(&host, &init_plan(&host, &node)).unwrap();
    for (link, target) in [
        ("/home/ana/.kube", "/etc/kubernetes"),
        ("/home/ana/.kube/config", "/etc/kubernetes/super-admin.conf"),
    ] {
        host.with(|world| drop(world.files.remove("/home/ana/.kube")));
        host.set_link(link, target);
        let refused = refusal(&after_plan(&host, &node));
        assert!(
            refused.contains(&format!("{link} is a symbolic link of the user ana")),
            "{refused}"
        );
    }
    host.with(|world| world.files.retain(|path, _| !path.starts_with("/home")));
    assert!(refusal(&after_plan(&host, &node)).contains("has no home at /home/ana"));
}

#[test]
fn what_a_killed_init_left_goes_without_data_that_was_there_before_it() {
    for own in [true, false] {
        let prepared = || {
            let host = host();
            if own {
                host.set("/var/lib/etcd/member/wal", "all of it");
            }
            host
        };
        let host = prepared();
        let mut at = 0;
        // Killed while kubeadm is at work.
        while !host.snapshot().files.contains_key(ADMIN) {
            host.with(|world| world.clone_from(&prepared().snapshot()));
            host.kill_at(at, Death::Within);
            drop(carry_out(&host, &init_plan(&host, &node())));
            host.revive();
            at += 1;
        }
        host.set("/var/lib/etcd/member/snap", "of the killed one");
        carry_out(&host, &init_plan(&host, &node())).unwrap();
        assert_eq!(host.snapshot().files.contains_key("/var/lib/etcd/member/wal"), own);
        assert_eq!(host.snapshot().files.contains_key("/var/lib/etcd/member/snap"), own);
    }
}

#[test]
fn the_data_of_etcd_stay_unless_they_are_meant() {
    for with_data in [false, true] {
        let host = host();
        whole(&host, &node()).unwrap();
        host.set("/var/lib/etcd/member/wal", "data\n");
        take_back(&host, &Options { with_data, ..Options::default() }).unwrap();
        let is_there = host.snapshot().files.contains_key("/var/lib/etcd/member/wal");
        assert_eq!(is_there, !with_data);
        assert!(!host.snapshot().files.contains_key("/etc/kubernetes/kubelet.conf"));
    }
}

#[test]
fn a_host_that_asks_the_cluster_for_names_gives_the_kubelet_others() {
    let host = host();
    host.set("/etc/resolv.conf", "nameserver 127.0.0.1\n");
    let node = Node {
        cluster_dns: Some(node_bootstrap::spec::ClusterDns::default()),
        single_node: false,
        cni: None,
        kubeconfig: None,
        ..node()
    };
    let plan = init_plan(&host, &node);
    assert!(plan.refusals().next().is_none(), "{plan:?}");
    let patch = plan
        .steps
        .iter()
        .flat_map(|step| &step.changes)
        .find_map(|planned| planned.diff.as_deref().filter(|diff| diff.contains("resolvConf")));
    assert!(patch.is_some_and(|diff| diff.contains("/etc/kubernetes/node-prep/resolv.conf")));
    // Without that wish there is no other file.
    let plan = init_plan(&host, &Node { cluster_dns: None, ..node });
    let refused: Vec<&str> = plan.refusals().map(|refusal| refusal.why).collect();
    assert!(refused.iter().any(|why| why.contains("kubelet.resolvConf")), "{refused:?}");
}
