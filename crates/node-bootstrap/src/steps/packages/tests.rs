use super::*;
use crate::fake::{FakeHost, FakePackage};
use crate::host::{Entry, Kind, Meta};
use crate::spec::Node;
use crate::steps::testing::{carry_out, debian, lives, package, plan_of, rocky, shown, take_back};

fn node(more: &serde_json::Value) -> Node {
    let mut node = serde_json::json!({
        "kubernetes": {"version": "1.35"},
        "containerd": {},
        "packages": [{"name": {"debian": ["jq", "yq"], "rhel": ["jq"]}, "version": "1.0-1", "hold": true}],
    });
    let more = more.as_object().unwrap().clone();
    node.as_object_mut().unwrap().extend(more);
    serde_json::from_value(node).unwrap()
}

fn with_packages(host: FakeHost) -> FakeHost {
    for name in ["kubelet", "kubeadm", "kubectl"] {
        for version in ["1.34.9-1.1", "1.35.4-1.1", "1.36.1-1.1"] {
            host.with(|world| {
                world.available.push(FakePackage {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    ..FakePackage::default()
                });
            });
        }
    }
    for name in [
        "conntrack",
        "conntrack-tools",
        "socat",
        "ebtables",
        "ethtool",
        "iproute2",
        "iproute",
        "iproute-tc",
        "iptables",
        "iptables-nft",
        "container-selinux",
        "jq",
        "yq",
        "containerd",
        "containerd.io",
    ] {
        package(&host, name, &[]);
    }
    host
}

#[test]
fn debian_gets_the_newest_patch_of_the_minor_and_holds_it() {
    let prepare = || with_packages(debian());
    insta::assert_snapshot!(lives(prepare, &node(&serde_json::json!({})), &Packages), @r"
    install conntrack, socat, ebtables, ethtool, iproute2, iptables, containerd, jq 1.0-1, yq 1.0-1
    install kubelet 1.35.*, kubeadm 1.35.*, kubectl 1.35.*
    hold jq, yq, kubelet, kubeadm, kubectl
    ");
}

#[test]
fn rocky_gets_them_despite_the_exclude_of_their_repository() {
    let prepare = || with_packages(rocky());
    let node =
        node(&serde_json::json!({"kubernetes": {"version": "1.35.4"}, "selinux": "enforcing"}));
    insta::assert_snapshot!(lives(prepare, &node, &Packages), @r"
    install conntrack-tools, socat, iptables-nft, ethtool, iproute, iproute-tc, container-selinux, containerd.io, jq 1.0-1
    install kubelet 1.35.4-*, kubeadm 1.35.4-*, kubectl 1.35.4-*
    note: dnf holds packages by `exclude` in the file of their repository: add it there for jq
    ");
    let host = prepare();
    crate::steps::testing::carry_out(&host, &plan_of(&host, &node, &Packages));
    let calls = host.calls();
    let install = calls.iter().find(|call| call.contains("kubelet")).unwrap();
    assert!(install.contains("--disableexcludes=kubernetes"), "{install}");
}

#[test]
fn a_node_of_a_cluster_goes_one_minor_at_a_time() {
    let said = |from: &str, to: &str| {
        let host = with_packages(debian());
        host.set("/etc/kubernetes/kubelet.conf", "");
        host.with(|world| drop(world.packages.insert("kubelet".to_owned(), from.to_owned())));
        let node = node(&serde_json::json!({"kubernetes": {"version": to}}));
        shown(&plan_of(&host, &node, &Packages))
    };
    assert!(
        said("1.34.9-1.1", "1.35")
            .contains("note: this host is a node of a cluster, and its kubelet goes")
    );
    assert!(said("1.34.9-1.1", "1.36").contains("Say `kubernetes: {version: \"1.35\"}` first"));
    assert!(said("1.36.1-1.1", "1.35").contains("refused: this host is a node of a cluster"));
    assert!(!said("1.35.1-1.1", "1.35").contains("cluster"));
}

#[test]
fn containerd_of_another_packer_is_not_thrown_out() {
    let host = with_packages(debian());
    host.with(|world| {
        drop(world.packages.insert("containerd.io".to_owned(), "2.1.4-1".to_owned()));
    });
    let plan = shown(&plan_of(&host, &node(&serde_json::json!({})), &Packages));
    assert!(plan.contains("Say `containerd: {source: docker}` to keep Docker's"), "{plan}");
}

#[test]
fn the_version_of_containerd_is_a_pattern_of_its_packaging() {
    let wanted = |host: FakeHost, source: &str, version: &str| {
        let containerd = serde_json::json!({"source": source, "version": version});
        let node = node(&serde_json::json!({"containerd": containerd}));
        let plan = shown(&plan_of(&host, &node, &Packages));
        plan.split(", ").find(|part| part.starts_with("containerd")).unwrap().to_owned()
    };
    assert_eq!(wanted(debian(), "distribution", "1.6.20"), "containerd 1.6.20*");
    assert_eq!(wanted(debian(), "docker", "2.1.4"), "containerd.io 2.1.4-*");
    assert_eq!(wanted(rocky(), "distribution", "2.1"), "containerd.io 2.1.*");
}

#[test]
fn modules_that_images_lack_come_for_the_kernel_that_runs_or_with_the_next() {
    let node: Node =
        serde_json::from_value(serde_json::json!({"modules": {"load": ["br_netfilter"]}})).unwrap();
    let host = |answer: &str| {
        let host = FakeHost::of("rocky", "10.0");
        host.set("/proc/sys/kernel/osrelease", "6.12.0-55.el10.x86_64\n");
        host.answer(&["modinfo"], 1, "");
        host.answer(&["dnf", "--quiet", "repoquery"], 0, answer);
        host
    };
    let plan = |host: &FakeHost| {
        let facts = crate::facts::Facts::of(host).unwrap();
        let steps: [&dyn Step; 2] = [&Packages, &super::modules::Modules];
        shown(&crate::plan::plan(host, &node, &facts, steps, []).unwrap())
    };
    let same = host("kernel-modules-extra-0:6.12.0-55.el10.x86_64\n");
    insta::assert_snapshot!(plan(&same), @r"
    install kernel-modules-extra 6.12.0-55.el10
    write /etc/modules-load.d/node-prep.conf (mode 0644)
      +# Written by node-prep; it is replaced as a whole.
      +br_netfilter
    load module br_netfilter now
    ");
    insta::assert_snapshot!(plan(&host("")), @r"
    install kernel-modules-extra
    write /etc/modules-load.d/node-prep.conf (mode 0644)
      +# Written by node-prep; it is replaced as a whole.
      +br_netfilter
    reboot: br_netfilter of kernel-modules-extra is only to be had for a newer kernel than 6.12.0-55.el10, which has to run first
    ");
}

#[test]
fn a_folder_that_dpkg_takes_away_with_a_package_comes_back() {
    let prepare = || {
        let host = with_packages(debian());
        host.with(|world| {
            world.packages.insert("base-files".to_owned(), "12.4".to_owned());
            let folder = Entry { kind: Kind::Folder, meta: Meta::root(0o755) };
            world.files.insert("/opt".to_owned(), folder);
            for package in world.available.iter_mut().filter(|it| it.name == "kubelet") {
                package.files.push(("/opt/bridge".to_owned(), String::new()));
            }
        });
        host
    };
    let only = serde_json::json!({"containerd": null, "packages": []});
    lives(prepare, &node(&only), &Packages);
}

#[test]
fn what_is_held_is_held_after_an_upgrade_and_after_the_way_back() {
    let host = with_packages(debian());
    let only = |minor: &str| {
        node(&serde_json::json!({
            "kubernetes": {"version": minor}, "containerd": null, "packages": [],
        }))
    };
    let held = |host: &FakeHost| {
        let mut held = Vec::new();
        host.with(|world| held.extend(world.held.iter().cloned()));
        held
    };
    carry_out(&host, &plan_of(&host, &only("1.34"), &Packages));
    let before = held(&host);
    assert_eq!(before, ["kubeadm", "kubectl", "kubelet"]);
    carry_out(&host, &plan_of(&host, &only("1.35"), &Packages));
    assert_eq!(held(&host), before);
    assert!(plan_of(&host, &only("1.35"), &Packages).is_empty());
    take_back(&host);
    assert!(held(&host).is_empty());
}
