//! `node-prep` on doubles of the RHEL family: dnf and firewalld are real, `SELinux` is a stub.

use tests::hosts::Hosts;

use super::ready::Ready;

/// A worker with all that is special in this family.
const WORKER: &str = "\
role: worker
selinux: permissive
kubeadm: {podSubnet: 10.244.0.0/16, serviceSubnet: 172.20.0.0/16}
containerd: {source: none}
";

fn becomes_a_node_and_again_what_it_was(kind: &str) {
    let Some(ready) = Ready::boot(kind) else { return };
    let host = &ready.host;
    let own = format!("hosts: [{{address: {}, names: [{}]}}]\n", host.address(), host.name());
    // The distribution has no containerd, and there is none of Docker's at hand but this.
    host.done(&["dnf", "--quiet", "--assumeyes", "install", "containerd.io-1.7.27"]);
    ready.wish("kubeadm", "good", "1.34", &format!("{WORKER}{own}"));
    let before = ready.whole();
    ready.wished("plan").ends(3);
    before.is(&ready.whole());

    ready.apply().ends(0);
    let again = ready.apply().ends(0);
    assert!(again.contains("nothing to do"), "{again}");
    is_a_node(&ready);
    host.reboot();
    is_a_node(&ready);
    // The stub has no /sys/fs/selinux: only a boot reads what stands in the file.
    assert_eq!(host.done(&["getenforce"]).trim(), "Permissive");

    ready.undo().ends(0);
    before.is(&ready.whole());
}

#[track_caller]
fn is_a_node(ready: &Ready) {
    let host = &ready.host;
    let verified = ready.wished("verify").ends(0);
    let warnings: Vec<&str> = verified.lines().filter(|line| line.starts_with("WARN")).collect();
    assert!(warnings.iter().all(|line| line.starts_with("WARN time: ")), "{verified}");
    for unit in ["containerd", "firewalld"] {
        ready.is_enabled_and_active(unit);
    }
    // Nothing starts it here before there is a cluster to join.
    host.done(&["systemctl", "is-enabled", "kubelet"]);
    for name in ["kubelet", "kubeadm", "kubectl"] {
        assert!(host.done(&["rpm", "-q", name]).starts_with(&format!("{name}-1.34.3-")));
    }
    // To be excluded is to be held.
    let upgrade = host.run(&["dnf", "install", "--assumeyes", "kubelet-1.34.2"]);
    assert!(!upgrade.status.success());
    assert!(host.read("/etc/yum.repos.d/kubernetes.repo").contains("exclude="));
    assert!(host.read("/etc/selinux/config").contains("SELINUX=permissive"));
    let ports = host.done(&["firewall-cmd", "--list-ports"]);
    assert!(ports.contains("10250/tcp") && !ports.contains("6443"), "{ports}");
    assert!(host.done(&["firewall-cmd", "--list-services"]).contains("ssh"));
    let containerd = host.read("/etc/containerd/config.toml");
    assert!(
        containerd.contains("SystemdCgroup = true")
            && !containerd.contains("disabled_plugins = [\"cri\"]"),
        "{containerd}"
    );
    assert_eq!(host.read("/proc/sys/net/ipv4/ip_forward").trim(), "1");
}

#[test]
fn a_rocky_9_becomes_a_node_and_after_undo_it_is_what_it_was() {
    becomes_a_node_and_again_what_it_was("rocky-9");
}

#[test]
fn a_rocky_10_becomes_a_node_and_after_undo_it_is_what_it_was() {
    becomes_a_node_and_again_what_it_was("rocky-10");
}

#[test]
fn a_fedora_is_refused_by_name() {
    let Some(host) = Hosts::needed().and_then(|hosts| hosts.boot("fedora-42")) else { return };
    host.copy_in(tests::node_prep(), "/usr/local/bin/node-prep");
    let before = host.tree_snapshot(&["/etc", "/var/lib"], &["/var/lib/systemd"]);
    for command in ["plan", "apply"] {
        let said = super::ready::Said::from(&host.run(&["node-prep", command, "-p", "kubeadm"]));
        assert_eq!(said.code, Some(1), "{}", said.text);
        assert!(said.text.contains("fedora 42 is not supported"), "{}", said.text);
    }
    let after = host.tree_snapshot(&["/etc", "/var/lib"], &["/var/lib/systemd"]);
    assert_eq!(before.differences(&after), Vec::<String>::new());
}
