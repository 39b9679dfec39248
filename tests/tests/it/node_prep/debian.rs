//! `node-prep` on hosts of Debian: from a bare host to a node, through a boot, and back.

use tests::hosts::Host;

use super::ready::Ready;

/// A firewall of the administrator that lets nothing in but ssh. It takes away only its own table, unlike Debian's example.
const RULES: &str = "\
#!/usr/sbin/nft -f
table inet host
delete table inet host
table inet host {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif lo accept
		tcp dport 22 accept
	}
}
";

const CONTROL_PLANE: &str = "\
role: control-plane
kubeadm: {podSubnet: 10.244.0.0/16, serviceSubnet: 172.20.0.0/16}
";

/// A Debian whose firewall is closed.
fn closed() -> Option<Ready> {
    let ready = Ready::boot("debian-12")?;
    ready.host.write("/etc/nftables.conf", RULES);
    ready.host.done(&["systemctl", "enable", "--now", "nftables"]);
    Some(ready)
}

/// Whether another host is let in at a port, where this one listens: what is kept out is not answered at all.
fn lets_in(host: &Host, from: &Host, port: u16) -> bool {
    let unit = format!("listens-{port}");
    let listen = format!(
        "systemd-run --quiet --unit={unit} --collect perl -MIO::Socket::INET -e 'my $s=IO::Socket::INET->new(Listen=>5,LocalPort=>{port},ReuseAddr=>1) or die; while(my $c=$s->accept){{print $c \"here\\n\"; close $c}}'; until ss -Hltn sport = :{port} | grep -q .; do :; done"
    );
    if port != 22 {
        host.done(&["sh", "-c", &listen]);
    }
    let ask = format!("exec 3<>/dev/tcp/{}/{port} && head -n 1 <&3", host.address());
    let said = from.run(&["timeout", "1", "bash", "-c", &ask]);
    if port != 22 {
        host.done(&["systemctl", "stop", &unit]);
    }
    said.status.success() && !said.stdout.is_empty()
}

/// The journal, and the time of the last change of each file that `node-prep` has to do with.
fn marks(ready: &Ready) -> String {
    ready.host.done(&[
        "sh",
        "-c",
        "sha256sum /var/lib/node-prep/journal.ndjson; find /etc /var/lib/node-prep /usr/local -printf '%p %T@ %C@ %i\\n' | sort",
    ])
}

#[test]
fn a_bare_debian_becomes_a_node_and_after_undo_it_is_what_it_was() {
    let Some(ready) = closed() else { return };
    let Some(other) = Ready::boot("debian-12") else { return };
    let host = &ready.host;
    let own = format!("hosts: [{{address: {}, names: [{}]}}]", host.address(), host.name());
    ready.wish("kubeadm", "good", "1.34", &format!("{CONTROL_PLANE}{own}\n"));
    let before = ready.whole();
    assert!(lets_in(host, &other.host, 22));
    assert!(!lets_in(host, &other.host, 6443));

    let plan = ready.wished("plan").ends(3);
    before.is(&ready.whole());
    for wish in
        ["install kubelet 1.34.*, kubeadm 1.34.*, kubectl 1.34.*", "+net.ipv4.ip_forward = 1"]
    {
        assert!(plan.contains(wish), "{wish}: {plan}");
    }
    ready.wished("verify").ends(3);
    before.is(&ready.whole());

    let applied = ready.apply().ends(0);
    assert!(applied.contains("changes made"), "{applied}");
    let marks_after = marks(&ready);
    let again = ready.apply().ends(0);
    assert!(again.contains("nothing to do"), "{again}");
    assert_eq!(marks(&ready), marks_after);
    ready.wished("plan").ends(0);
    is_a_node(&ready, &other);

    host.reboot();
    is_a_node(&ready, &other);

    let undone = ready.undo().ends(0);
    assert!(undone.contains("taken back"), "{undone}");
    before.is(&ready.whole());
    assert!(!lets_in(host, &other.host, 6443));
    host.reboot();
    before.is(&ready.whole());
    assert!(!host.done(&["nft", "list", "ruleset"]).contains("node-prep"));
}

/// What is promised of a control plane.
#[track_caller]
fn is_a_node(ready: &Ready, other: &Ready) {
    let host = &ready.host;
    let verified = ready.wished("verify").ends(0);
    let warnings: Vec<&str> = verified.lines().filter(|line| line.starts_with("WARN")).collect();
    // There are no time servers.
    assert!(matches!(warnings[..], [line] if line.starts_with("WARN time: ")), "{verified}");
    for unit in ["kubelet", "containerd", "nftables"] {
        ready.is_enabled_and_active(unit);
    }
    let versions =
        host.done(&["dpkg-query", "-W", "-f=${Version} ", "kubelet", "kubeadm", "kubectl"]);
    assert_eq!(versions, "1.34.3-1.1 1.34.3-1.1 1.34.3-1.1 ");
    assert_eq!(host.done(&["apt-mark", "showhold"]), "kubeadm\nkubectl\nkubelet\n");
    for (key, value) in [
        ("net/ipv4/ip_forward", "1"),
        ("fs/inotify/max_user_instances", "8192"),
        ("vm/max_map_count", "262144"),
    ] {
        assert_eq!(host.read(&format!("/proc/sys/{key}")).trim(), value, "{key}");
    }
    let containerd = host.read("/etc/containerd/config.toml");
    assert!(containerd.contains("SystemdCgroup = true"), "{containerd}");
    let own = host.done(&["getent", "ahostsv4", host.name()]);
    assert!(own.starts_with(host.address()), "{own}");
    for (port, open) in [(22, true), (6443, true), (10250, true), (2379, false), (10257, false)] {
        assert_eq!(lets_in(host, &other.host, port), open, "{port}");
    }
}

#[test]
fn the_profile_of_hyperflow_serves_nfs_and_asks_the_cluster_for_its_names() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let host = &ready.host;
    let more = format!(
        "role: worker
kubeadm: {{serviceSubnet: 172.20.0.0/16}}
clusterDns: {{server: 172.20.0.10}}
directories: [{{path: /srv/data, mode: \"0755\"}}]
nfs: {{server: {{exports: [{{path: /srv/data, clients: [{{to: 10.99.0.0/24, options: [rw]}}]}}]}}}}
hosts: [{{address: {}, names: [{}]}}]
",
        host.address(),
        host.name()
    );
    ready.wish("hyperflow", "good", "1.34", &more);
    let before = ready.whole();
    ready.apply().ends(0);
    ready.wished("verify").ends(0);
    let again = ready.apply().ends(0);
    assert!(again.contains("nothing to do"), "{again}");
    let exports = host.read("/etc/exports.d/node-prep.exports");
    assert!(exports.contains("/srv/data 10.99.0.0/24(rw)"), "{exports}");
    assert!(host.read("/etc/resolv.conf").contains("nameserver 127.0.0.1"));
    // Pods get the host's own name servers: CoreDNS would ask itself.
    assert!(!host.read("/etc/kubernetes/node-prep/resolv.conf").contains("127.0.0.1"));
    assert!(host.read("/etc/default/kubelet").contains("/etc/kubernetes/node-prep/resolv.conf"));
    ready.undo().ends(0);
    before.is(&ready.whole());
}

#[test]
fn the_profile_of_hpcc_says_which_buffers_cannot_be_had() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let before = ready.whole();
    // The floor of the profile may be that of the machine already; one above what it has cannot.
    let there = |key: &str| {
        ready.host.read(&format!("/proc/sys/net/core/{key}")).trim().parse::<u64>().unwrap()
    };
    let (receive, send) =
        (there("rmem_max").max(1_638_400) + 1, there("wmem_max").max(1_024_000) + 1);
    let more = |optional: bool| {
        format!(
            "containerd: ~\nfirewall: ~\nsysctls:\n  net.core.rmem_max: {{atLeast: {receive}, optional: {optional}}}\n  net.core.wmem_max: {{atLeast: {send}, optional: {optional}}}\n"
        )
    };
    ready.wish("hpcc", "good", "1.34", &more(false));
    for said in [ready.wished("plan"), ready.apply()] {
        let text = said.ends(1);
        for key in ["net.core.rmem_max", "net.core.wmem_max"] {
            let reason = format!("{key} cannot be set in this network namespace");
            assert!(text.contains(&reason), "{reason}\n{text}");
        }
    }
    before.is(&ready.whole());
    // A host where they may be missing, and one where nobody asks for them.
    let without =
        "containerd: ~\nfirewall: ~\nsysctls: {net.core.rmem_max: ~, net.core.wmem_max: ~}\n";
    for more in [more(true).as_str(), without] {
        ready.wish("hpcc", "good", "1.34", more);
        ready.apply().ends(0);
        ready.undo().ends(0);
        before.is(&ready.whole());
    }
}
