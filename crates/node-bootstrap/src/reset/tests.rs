use super::*;
use crate::fake::FakeHost;

const SAVED: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n\
    -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n-A PREROUTING -j DOCKER\n\
    -A KUBE-SERVICES -j KUBE-MARK-MASQ\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:cali-INPUT - [0:0]\n:CNI-ADMIN - [0:0]\n\
    -A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j cali-INPUT\nCOMMIT\n";
const FOREIGN: &str = "*nat\n:PREROUTING - [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -j DOCKER\nCOMMIT\n\
    *filter\n:INPUT - [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n";
const CONFIG: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: kubernetes\n  cluster: {server: \"https://10.0.0.1:6443\", certificate-authority-data: QQ==}\n\
    contexts:\n- name: admin\n  context: {cluster: kubernetes, user: admin}\ncurrent-context: admin\n\
    users:\n- name: admin\n  user: {token: t}\n";

/// A control plane that was made by kubeadm, with things of others beside all that is its own.
fn control_plane() -> FakeHost {
    let host = FakeHost::new();
    for program in ["ip", "nft", "iptables-save", "ip6tables-save", "crictl", "kubeadm", "kubelet"]
    {
        host.set(&format!("/usr/sbin/{program}"), "");
    }
    for file in
        ["admin.conf", "kubelet.conf", "pki/ca.crt", "pki/etcd/ca.key", "manifests/etcd.yaml"]
    {
        host.set(&format!("/etc/kubernetes/{file}"), CONFIG);
    }
    host.set("/etc/kubernetes/encryption.yaml", "a key\n");
    host.set("/var/lib/kubelet/config.yaml", "cgroupDriver: systemd\n");
    host.set("/var/lib/kubelet/pods/1/volumes/a", "x");
    host.set("/var/lib/etcd/member/wal", "x");
    host.set("/etc/cni/net.d/10-flannel.conflist", "{}");
    host.set("/etc/cni/net.d/87-podman-bridge.conflist", "{}");
    host.set("/var/lib/cni/networks/cbr0/10.244.0.2", "");
    host.set("/var/lib/cni/networks/podman/10.88.0.2", "");
    host.set("/run/flannel/subnet.env", "x");
    host.set("/opt/cni/bin/bridge", "");
    host.set("/var/log/pods/a/0.log", "x");
    host.set("/run/containerd/containerd.sock", "");
    host.set("/root/.kube/config", CONFIG);
    host.set("/run/netns/cni-1234", "");
    host.set("/run/netns/blue", "");
    host.set("/usr/lib/systemd/system/kubelet.service", "[Unit]\n");
    host.set_unit("kubelet.service", "enabled", true);
    host.with(|world| {
        let mounts = ["/var/lib/kubelet/pods/1/volumes/a b", "/var/lib/kubelet/pods/1", "/srv/x"];
        world.mounts = mounts.iter().map(|path| ((*path).to_owned(), "tmpfs".to_owned())).collect();
        let links =
            ["lo", "eth0", "cni0", "tunl0", "docker0", "cali0a1b2c3d4e5", "lxcbr0", "california"];
        world.links = links.iter().map(|name| ((*name).to_owned(), None)).collect();
        world.links.push(("veth11".to_owned(), Some("cni0".to_owned())));
        world.links.push(("veth22".to_owned(), Some("docker0".to_owned())));
        world.rules.insert("iptables-save".to_owned(), SAVED.to_owned());
        world.tables = ["ip nat", "ip kube-proxy", "inet firewalld"].map(str::to_owned).to_vec();
    });
    host.set(
        "/proc/self/mounts",
        "/dev/vda1 / ext4 rw 0 0\ntmpfs /var/lib/kubelet/pods/1 tmpfs rw 0 0\n\
         tmpfs /var/lib/kubelet/pods/1/volumes/a\\040b tmpfs rw 0 0\ntmpfs /srv/x tmpfs rw 0 0\n",
    );
    host.answer(&["crictl"], 0, "aaaa\nbbbb\n");
    host.answer(&["kubeadm"], 0, "");
    host
}

fn reset(host: &FakeHost, options: Options) -> Vec<String> {
    let planned = plan(host, &Node::default(), options).unwrap();
    let mut warnings = Vec::new();
    let mut tell = |event: &Event<'_>| {
        if let Event::Warning(warning) = event {
            warnings.push(warning.clone());
        }
    };
    run(host, &planned, &mut Watch { tell: &mut tell, stop: &|| false }).unwrap();
    warnings
}

#[test]
fn the_plan_names_all_that_goes_and_what_stays() {
    let plan = plan(&control_plane(), &Node::default(), Options::default()).unwrap();
    insta::assert_snapshot!(plan, @"
    - remove /root/.kube/config (it knows only this cluster)
    - run kubeadm reset, but for etcd's member and data
    - stop the kubelet
    - end and remove 2 pods
    - unmount /var/lib/kubelet/pods/1/volumes/a b
    - unmount /var/lib/kubelet/pods/1
    - remove /etc/kubernetes/admin.conf (manifests, keys and kubeconfig files of the node)
    - remove /etc/kubernetes/kubelet.conf (manifests, keys and kubeconfig files of the node)
    - remove /etc/kubernetes/manifests (manifests, keys and kubeconfig files of the node)
    - remove /etc/kubernetes/pki (manifests, keys and kubeconfig files of the node)
    - remove /var/lib/kubelet (state of the kubelet)
    - remove /var/lib/cni/networks/cbr0 (addresses given to pods)
    - remove /etc/cni/net.d/10-flannel.conflist (configuration of the network plugin)
    - remove /run/flannel (subnet of flannel)
    - remove /var/log/pods (logs of pods)
    - delete network namespace cni-1234
    - delete link veth11
    - delete link cni0
    - delete link cali0a1b2c3d4e5
    - delete chains of iptables: nat KUBE-SERVICES, nat KUBE-MARK-MASQ, filter cali-INPUT, filter CNI-ADMIN
    - delete tables of nftables: ip kube-proxy
    = /etc/kubernetes/encryption.yaml stays: it is not kubeadm's
    = /var/lib/etcd stays: it holds the data of a cluster; `--with-data` takes it away
    = /var/lib/cni/networks/podman stays: it is of another program
    = /etc/cni/net.d/87-podman-bridge.conflist stays: it is of another program
    = /opt/cni/bin stays: packages and other programs have plugins there; they do nothing by themselves
    = tunl0 stays: the kernel makes it with its module, and it does nothing without addresses
    ! this member of etcd stays in the list of the others: if the cluster lives on, take it out there by `etcdctl member remove`
    ");
}

#[test]
fn planning_changes_nothing() {
    let host = control_plane();
    let before = host.snapshot();
    plan(&host, &Node::default(), Options { with_data: true }).unwrap();
    assert_eq!(host.snapshot(), before);
    assert_eq!(host.writes(), 0);
}

#[test]
fn only_what_is_of_kubernetes_goes_and_a_second_reset_plans_nothing() {
    let host = control_plane();
    assert_eq!(reset(&host, Options::default()), [""; 0]);
    host.answer(&["crictl"], 0, "");
    let again = plan(&host, &Node::default(), Options::default()).unwrap();
    assert_eq!(again.actions, []);
    let world = host.snapshot();
    let links: Vec<&str> = world.links.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(links, ["lo", "eth0", "tunl0", "docker0", "lxcbr0", "california", "veth22"]);
    assert_eq!(world.rules["iptables-save"], FOREIGN);
    assert_eq!(world.tables, ["ip nat", "inet firewalld"]);
    assert!(!world.units["kubelet.service"].active);
    assert_eq!(world.mounts.keys().collect::<Vec<_>>(), ["/srv/x"]);
    let left = |start: &str| -> Vec<&str> {
        world.files.keys().map(String::as_str).filter(|path| path.starts_with(start)).collect()
    };
    assert_eq!(left("/etc/kubernetes/"), ["/etc/kubernetes/encryption.yaml"]);
    assert_eq!(left("/etc/cni/net.d/"), ["/etc/cni/net.d/87-podman-bridge.conflist"]);
    assert_eq!(left("/run/netns/"), ["/run/netns/blue"]);
    assert_eq!(left("/var/lib/kubelet"), [""; 0]);
    assert_eq!(left("/root/.kube/config"), [""; 0]);
    for kept in [
        "/var/lib/cni/networks/podman/10.88.0.2",
        "/var/lib/etcd/member/wal",
        "/opt/cni/bin/bridge",
    ] {
        assert!(world.files.contains_key(kept), "{kept}");
    }
}

#[test]
fn the_data_of_etcd_goes_only_when_that_is_said() {
    let host = control_plane();
    reset(&host, Options { with_data: true });
    assert!(host.calls().iter().any(|call| call == "kubeadm reset --force"));
    assert!(!host.snapshot().files.contains_key("/var/lib/etcd"));
    let host = control_plane();
    reset(&host, Options::default());
    let kept = "kubeadm reset --force --skip-phases=remove-etcd-member";
    assert!(host.calls().iter().any(|call| call == kept));
}

#[test]
fn what_was_parked_goes_and_data_that_were_put_away_go_when_that_is_said() {
    let prepare = || {
        let host = control_plane();
        host.set("/etc/kubernetes/node-prep/parked/kube-apiserver.yaml", "kind: Pod\n");
        host.set("/var/lib/etcd.gone-1700000000/member/wal", "x");
        host.set("/var/lib/etcd.gone-mine/a", "x");
        host.set("/var/lib/etcd.kept-1700000001/member/wal", "x");
        host.set("/var/lib/node-prep/etcd/one.db", "x");
        host
    };
    let data = [
        "/var/lib/etcd",
        "/var/lib/etcd.gone-1700000000",
        "/var/lib/etcd.kept-1700000001",
        "/var/lib/node-prep/etcd",
    ];
    let host = prepare();
    assert_eq!(data_of_etcd(&host).unwrap(), data);
    let planned = plan(&host, &Node::default(), Options::default()).unwrap();
    for path in data {
        assert!(planned.stays.iter().any(|stay| stay.what == path), "{path}: {planned}");
    }
    reset(&host, Options::default());
    assert_eq!(host.entry("/etc/kubernetes/node-prep").unwrap(), None);
    assert_eq!(data_of_etcd(&host).unwrap(), data);
    reset(&host, Options { with_data: true });
    assert_eq!(data_of_etcd(&host).unwrap(), [""; 0]);
    assert!(host.entry("/var/lib/etcd.gone-mine/a").unwrap().is_some());
    // What else is beside the parked ones stays.
    let host = prepare();
    host.set("/etc/kubernetes/node-prep/patches/a.yaml", "x");
    reset(&host, Options::default());
    assert_eq!(host.list("/etc/kubernetes/node-prep").unwrap(), ["patches"]);
    host.answer(&["crictl"], 0, "");
    assert!(plan(&host, &Node::default(), Options::default()).unwrap().is_empty());
}

#[test]
fn a_host_is_clean_after_a_reset_and_data_that_was_kept_is_told() {
    let bad = |host: &FakeHost, options: Options| -> Vec<String> {
        let facts = Facts::of(host).unwrap();
        let all = verify(host, &facts, &Node::default(), options).unwrap().into_iter();
        all.filter(|finding| !matches!(finding.verdict, Verdict::Pass | Verdict::Skip))
            .map(|finding| format!("{} {}", finding.verdict, finding.name))
            .collect()
    };
    let host = control_plane();
    let before = bad(&host, Options::default());
    for name in [
        "FAIL Reset",
        "FAIL FileAvailable--etc-kubernetes-manifests-etcd.yaml",
        "FAIL FileAvailable--etc-kubernetes-kubelet.conf",
        "FAIL FileAvailable--etc-kubernetes-pki-ca.crt",
        "WARN DirAvailable--var-lib-etcd",
    ] {
        assert!(before.iter().any(|line| line == name), "{name}: {before:?}");
    }
    reset(&host, Options::default());
    host.answer(&["crictl"], 0, "");
    assert_eq!(bad(&host, Options::default()), ["WARN DirAvailable--var-lib-etcd"]);
    let all = Options { with_data: true };
    assert_eq!(bad(&host, all), ["FAIL Reset", "FAIL DirAvailable--var-lib-etcd"]);
    reset(&host, all);
    assert_eq!(bad(&host, all), [""; 0]);
}

#[test]
fn what_kubeadm_does_not_manage_is_done_without_it() {
    let host = control_plane();
    host.answer(&["kubeadm"], 1, "");
    let warnings = reset(&host, Options::default());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("kubeadm reset"), "{warnings:?}");
    assert!(!host.snapshot().files.contains_key("/var/lib/kubelet"));
}

#[test]
fn one_that_fails_does_not_keep_the_others() {
    let host = control_plane();
    host.answer(&["ip", "link", "delete"], 2, "");
    let planned = plan(&host, &Node::default(), Options::default()).unwrap();
    let done = run(&host, &planned, &mut Watch { tell: &mut |_| {}, stop: &|| false });
    let Err(ResetError::Left { failed, .. }) = done else { panic!("{done:?}") };
    assert_eq!(failed.len(), 3, "{failed:?}");
    assert_eq!(host.snapshot().rules["iptables-save"], FOREIGN);
}

#[test]
fn a_kubeconfig_of_other_clusters_loses_only_this_one() {
    let host = control_plane();
    let other = CONFIG.replace("10.0.0.1", "10.9.9.9");
    host.set("/root/.kube/config", &other);
    let planned = plan(&host, &Node::default(), Options::default()).unwrap();
    assert!(planned.stays.iter().any(|stay| stay.what == "/root/.kube/config"));
    let both = CONFIG
        .replace("contexts:", "- name: b\n  cluster: {server: \"https://b\"}\ncontexts:\n- name: b\n  context: {cluster: b, user: b}");
    host.set(
        "/root/.kube/config",
        &both.replace("users:", "users:\n- name: b\n  user: {token: keep}"),
    );
    reset(&host, Options::default());
    let left = host.text("/root/.kube/config").unwrap().unwrap();
    assert!(left.contains("https://b") && left.contains("keep"), "{left}");
    assert!(!left.contains("10.0.0.1"), "{left}");
}

#[test]
fn a_host_that_was_never_a_node_has_nothing_to_be_reset() {
    let host = FakeHost::new();
    let planned = plan(&host, &Node::default(), Options { with_data: true }).unwrap();
    assert!(planned.is_empty(), "{planned}");
}

#[test]
fn of_a_tree_only_files_go() {
    let tree = control_plane().as_tree();
    let planned = plan(&tree, &Node::default(), Options::default()).unwrap();
    let only_files =
        |action: &Action| matches!(action, Action::Remove { .. } | Action::ForgetCluster { .. });
    assert!(!planned.is_empty() && planned.actions.iter().all(only_files), "{planned}");
    assert!(tree.calls().is_empty());
}

/// Where a pod's volume is a folder of the host, of the same file system.
const VOLUME: &str = "/var/lib/kubelet/pods/2/volumes/data";

fn mount(host: &FakeHost, path: &str) {
    host.with(|world| drop(world.mounts.insert(path.to_owned(), "/dev/vda1 ext4".to_owned())));
    let mounts = host.text("/proc/self/mounts").unwrap().unwrap();
    host.set("/proc/self/mounts", &format!("{mounts}/dev/vda1 {path} ext4 rw 0 0\n"));
}

#[test]
fn what_is_mounted_after_the_plan_was_made_is_unmounted_before_its_folder_goes() {
    let host = control_plane();
    let planned = plan(&host, &Node::default(), Options::default()).unwrap();
    mount(&host, VOLUME);
    host.calls();
    run(&host, &planned, &mut Watch { tell: &mut |_| {}, stop: &|| false }).unwrap();
    let calls = host.calls();
    let at = |wanted: &str| calls.iter().position(|call| call == wanted);
    let removed = at("rm -rf --one-file-system -- /var/lib/kubelet").unwrap();
    assert!(at(&format!("umount -- {VOLUME}")).is_some_and(|at| at < removed), "{calls:?}");
}

#[test]
fn a_folder_in_which_something_stays_mounted_is_not_removed() {
    for within in [VOLUME, "/var/log/pods/archive"] {
        let host = control_plane();
        mount(&host, within);
        host.answer(&["umount"], 32, "");
        let planned = plan(&host, &Node::default(), Options::default()).unwrap();
        let done = run(&host, &planned, &mut Watch { tell: &mut |_| {}, stop: &|| false });
        let Err(ResetError::Left { failed, .. }) = done else { panic!("{done:?}") };
        assert!(failed.iter().any(|why| why.contains(within)), "{failed:?}");
        let folder = &within[..within.match_indices('/').nth(3).unwrap().0];
        assert!(host.snapshot().files.contains_key(folder), "{folder}");
        assert!(!host.calls().iter().any(|call| call.ends_with(&format!(" {folder}"))));
    }
}

#[test]
fn a_folder_that_is_a_link_stays_and_what_is_in_it_and_mounted_there_goes() {
    let host = FakeHost::new();
    host.set("/data/kubelet/config.yaml", "x");
    host.set("/data/kubelet/pods/1", "x");
    host.set("/data/etcd/member/wal", "x");
    host.set_link("/var/lib/kubelet", "/data/kubelet");
    host.set_link("/var/lib/etcd", "/data/etcd");
    mount(&host, "/data/kubelet/pods/2/volumes/data");
    mount(&host, "/data/other");
    let planned = plan(&host, &Node::default(), Options { with_data: true }).unwrap();
    let lines: Vec<String> = planned.actions.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "unmount /data/kubelet/pods/2/volumes/data",
            "remove /var/lib/kubelet/config.yaml (state of the kubelet)",
            "remove /var/lib/kubelet/pods (state of the kubelet)",
            "remove /var/lib/etcd/member (data of etcd)",
        ]
    );
    run(&host, &planned, &mut Watch { tell: &mut |_| {}, stop: &|| false }).unwrap();
    let world = host.snapshot();
    assert_eq!(world.mounts.keys().collect::<Vec<_>>(), ["/data/other"]);
    assert!(!world.files.keys().any(|path| path.starts_with("/data/kubelet/")));
    assert!(!world.files.contains_key("/data/etcd/member"));
    assert!(world.files.contains_key("/data/kubelet") && world.files.contains_key("/var/lib/etcd"));
}

#[test]
fn a_link_in_a_users_home_is_not_followed() {
    for (link, target) in
        [("/home/ana/.kube/config", "/root/.kube/config"), ("/home/ana/.kube", "/root/.kube")]
    {
        let host = control_plane();
        host.set("/etc/passwd", "ana:x:1000:1001::/home/ana:/bin/sh\n");
        host.set_link(link, target);
        let node: Node =
            serde_json::from_value(serde_json::json!({"kubeconfig": {"users": ["ana"]}})).unwrap();
        let planned = plan(&host, &node, Options::default()).unwrap();
        assert!(planned.stays.iter().any(|stay| stay.what == link), "{planned}");
        let forgotten = |action: &&Action| matches!(action, Action::ForgetCluster { .. });
        assert_eq!(planned.actions.iter().filter(forgotten).count(), 1, "{planned}");
    }
}
