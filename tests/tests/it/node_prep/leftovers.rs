//! `node-prep reset`: what a cluster left goes, and what is of others stays.

use super::ready::Ready;

/// What a cluster leaves, and beside each thing one that looks like it and is of somebody else.
const LEAVE: &str = "set -e
kubeadm init
iptables -N KUBE-SERVICES; iptables -A INPUT -j KUBE-SERVICES; iptables -N CNI-ADMIN
iptables -N MINE; iptables -A INPUT -j MINE; iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
ip link add cni0 type bridge; ip link add cni-mine type bridge; ip link add docker0 type bridge
mkdir -p /etc/cni/net.d /var/lib/kubelet/pods/one/volumes/v /srv/mine /root/.kube
echo '{}' >/etc/cni/net.d/10-flannel.conflist
mount -t tmpfs tmpfs /var/lib/kubelet/pods/one/volumes/v
mount -t tmpfs tmpfs /srv/mine
cp /etc/kubernetes/admin.conf /root/.kube/config
";

#[test]
fn a_reset_takes_away_what_is_of_the_cluster_and_nothing_else() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let host = &ready.host;
    ready.wish(
        "kubeadm",
        "good",
        "1.34",
        "role: control-plane\nkubeadm: {serviceSubnet: 172.20.0.0/16}\n",
    );
    ready.apply().ends(0);
    host.done(&["sh", "-c", LEAVE]);

    let reset = |more: &[&str]| {
        let mut all = vec!["reset", "-f", "/root/node.yaml"];
        all.extend(more);
        ready.run(&all)
    };
    let plan = reset(&["--dry-run"]).ends(3);
    for what in ["cni0", "KUBE-SERVICES", "/var/lib/kubelet/pods/one/volumes/v"] {
        assert!(plan.contains(what), "{what}\n{plan}");
    }
    let chains = || host.done(&["sh", "-c", "iptables-save"]);
    assert!(chains().contains("KUBE-SERVICES"));

    let done = reset(&["--yes"]).ends(0);
    assert!(done.contains("the host is clean"), "{done}");
    let (rules, links) = (chains(), host.done(&["ip", "-brief", "link"]));
    assert!(!rules.contains("KUBE-SERVICES"), "{rules}");
    for mine in ["-A INPUT -j MINE", "-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE"] {
        assert!(rules.contains(mine), "{mine}\n{rules}");
    }
    assert!(!links.contains("cni0"), "{links}");
    for mine in ["cni-mine", "docker0", "eth0"] {
        assert!(links.contains(mine), "{mine}\n{links}");
    }
    let mounts = host.read("/proc/mounts");
    assert!(!mounts.contains("/var/lib/kubelet") && mounts.contains(" /srv/mine "), "{mounts}");
    for gone in [
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/pki/ca.crt",
        "/etc/cni/net.d/10-flannel.conflist",
        "/root/.kube/config",
    ] {
        assert_eq!(host.run(&["test", "-e", gone]).status.code(), Some(1), "{gone}");
    }

    let again = reset(&["--dry-run"]).ends(0);
    assert!(again.contains("nothing of a cluster is left here"), "{again}");
    // The host is still prepared, and can become a node again.
    ready.wished("verify").ends(0);
    host.done(&["kubeadm", "init"]);
}
