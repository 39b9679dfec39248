//! `node-prep check` on hosts with something wrong with them.

use tests::hosts::Hosts;

use super::ready::{Ready, Said};

/// The verdict and the name of each finding.
fn verdict<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find(|line| line.split([' ', ':']).nth(1) == Some(name));
    assert!(line.is_some(), "{name} is not in it: {text}");
    line.unwrap_or_default()
}

#[test]
fn what_is_wrong_with_a_host_is_told_by_the_names_of_kubeadm() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let host = &ready.host;
    ready.wish(
        "kubeadm",
        "good",
        "1.34",
        "role: control-plane\nkubeadm: {serviceSubnet: 172.20.0.0/16}\n",
    );
    let sound = ready.wished("check").ends(3);
    for name in ["Port-6443", "Hostname", "SwapPersistent", "SysctlShadowed", "StaleK8sRepo"] {
        let said = verdict(&sound, name);
        assert!(said.starts_with("PASS") || name == "Hostname", "{said}");
    }

    let listen = "systemd-run --quiet --unit=taken perl -MIO::Socket::INET -e 'my $s=IO::Socket::INET->new(Listen=>5,LocalPort=>6443) or die; sleep' && until ss -Hltn sport = :6443 | grep -q .; do :; done";
    host.done(&["sh", "-c", listen]);
    host.done(&["sh", "-c", "echo '/swapfile none swap sw 0 0' >>/etc/fstab"]);
    // No program gives a host such a name, and the kernel takes any.
    let name = "%n = (x86_64 => 170, aarch64 => 161); $m = `uname -m`; chomp $m; $n = q(node_with_underscores); syscall($n{$m}, $n, length $n) == 0 or die $!";
    host.done(&["perl", "-e", name]);
    host.write("/etc/sysctl.d/99-other.conf", "net.ipv4.ip_forward = 0\n");
    host.write(
        "/etc/apt/sources.list.d/old.list",
        "deb https://apt.kubernetes.io/ kubernetes-xenial main\n",
    );
    let faulty = ready.wished("check").ends(3);
    for (name, what) in [
        ("Port-6443", "6443"),
        ("SwapPersistent", "/etc/fstab"),
        ("Hostname", "node_with_underscores"),
        ("SysctlShadowed", "/etc/sysctl.d/99-other.conf"),
        ("StaleK8sRepo", "/etc/apt/sources.list.d/old.list"),
    ] {
        let said = verdict(&faulty, name);
        assert!(!said.starts_with("PASS") && said.contains(what), "{said}");
    }
    for name in ["Port-6443", "Hostname", "FileContent--proc-sys-net-ipv4-ip_forward"] {
        assert!(verdict(&faulty, name).starts_with("FAIL"), "{faulty}");
    }
    let json = ready.run(&["--output", "json", "check", "-f", "/root/node.yaml"]);
    assert_eq!(json.code, Some(3));
    assert!(json.text.contains("\"Port-6443\""), "{}", json.text);
    // What is ignored is told, and is no failure.
    let ignored =
        ready.run(&["check", "-f", "/root/node.yaml", "--ignore-preflight-errors", "all"]);
    let ignored = ignored.ends(0);
    assert!(verdict(&ignored, "Port-6443").starts_with("WARN"), "{ignored}");
    assert_eq!(ready.run(&["check", "-p", "no-such-profile"]).code, Some(2));
}

#[test]
fn the_version_of_control_groups_is_told() {
    let Some(hosts) = Hosts::needed() else { return };
    for (version, minor, expected) in
        [("v1", "1.34", "WARN"), ("v1", "1.35", "FAIL"), ("v2", "1.35", "PASS")]
    {
        // Machines with version 2 cannot have hosts with version 1, which was said.
        let Some(host) = hosts.boot_with("debian-12", &["--cgroups", version]) else { continue };
        host.copy_in(tests::node_prep(), "/usr/local/bin/node-prep");
        host.write(
            "/root/node.yaml",
            &format!("version: 1\nkubernetes: {{version: \"{minor}\"}}\n"),
        );
        let said = Said::from(&host.run(&["node-prep", "check", "-f", "/root/node.yaml"]));
        let text = said.ends(3);
        let told = verdict(&text, "CgroupVersion");
        assert!(told.starts_with(expected), "{version} {minor}: {told}");
    }
}
