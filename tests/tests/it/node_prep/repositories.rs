//! Repositories that cannot be trusted, and an upgrade from one to the next.

use super::ready::Ready;

/// Packages of a minor and nothing else.
const ONLY: &str = "containerd: ~\nfirewall: ~\nmodules: ~\nsysctls: ~\n";

#[test]
fn apt_takes_nothing_from_a_repository_that_is_not_in_order() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let before = ready.whole();
    for (set, reason) in [
        ("unsigned", "is not signed"),
        ("wrong-key", "NO_PUBKEY"),
        ("expired", "EXPKEYSIG"),
        ("wrong-minor", "1.34"),
    ] {
        fails(&ready, set, reason);
        before.is(&ready.whole());
    }
}

#[test]
fn dnf_takes_nothing_from_a_repository_that_is_not_in_order() {
    let Some(ready) = Ready::boot("rocky-9") else { return };
    let before = ready.whole();
    for (set, reason) in
        [("unsigned", "GPG"), ("wrong-key", "GPG"), ("expired", "GPG"), ("wrong-minor", "1.34")]
    {
        fails(&ready, set, reason);
        before.is(&ready.whole());
    }
}

/// It fails, says why, has installed nothing, and can be taken back.
fn fails(ready: &Ready, set: &str, reason: &str) {
    ready.wish("kubeadm", set, "1.34", ONLY);
    let said = ready.apply();
    assert!(matches!(said.code, Some(1 | 4)), "{set}: {:?} {}", said.code, said.text);
    assert!(said.text.contains(reason), "{set}: {}", said.text);
    for name in ["kubelet", "kubeadm", "kubectl"] {
        let query = format!("dpkg-query -W {name} || rpm -q {name}");
        assert!(!ready.host.run(&["sh", "-c", &query]).status.success(), "{set}: {name}");
    }
    // The file of the repository and its key are there whole, or not at all.
    let half = "find /etc/apt /etc/yum.repos.d /etc/pki/rpm-gpg \\( -name '.*' -o -name '*.tmp*' \\) -type f ! -name .placeholder";
    let half = ready.host.run(&["sh", "-c", half]);
    assert_eq!(String::from_utf8_lossy(&half.stdout), "", "{set}");
    ready.undo().ends(0);
}

#[test]
fn a_repository_that_cannot_be_reached_and_a_key_with_another_sum_change_nothing() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let before = ready.whole();
    ready.wish("kubeadm", "no-such-set", "1.34", ONLY);
    let said = ready.apply();
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains("no-such-set/core:/stable:/v1.34/deb/Release.key"), "{}", said.text);
    before.is(&ready.whole());

    let unreachable = "version: 1\nkubernetes: {version: \"1.34\", repository: {baseUrl: \"http://10.99.0.1:9/x\"}}\n";
    ready.host.write("/root/node.yaml", unreachable);
    let said = ready.apply();
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains("http://10.99.0.1:9/x/v1.34/deb/Release.key"), "{}", said.text);

    let base = ready.repositories.base("good");
    let sum = "0".repeat(64);
    let other = format!(
        "version: 1\nkubernetes: {{version: \"1.34\", repository: {{baseUrl: \"{base}/core:/stable:\", keySha256: \"{sum}\"}}}}\n"
    );
    ready.host.write("/root/node.yaml", &other);
    for said in [ready.wished("plan"), ready.apply()] {
        assert_eq!(said.code, Some(1), "{}", said.text);
        assert!(said.text.contains("its SHA-256 is") && said.text.contains(&sum), "{}", said.text);
    }
    before.is(&ready.whole());
}

#[test]
fn an_upgrade_to_the_next_minor_changes_the_address_and_the_packages() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let host = &ready.host;
    // What many a host still has from before 2024.
    let stale = "/etc/apt/sources.list.d/kubernetes-old.list";
    host.write(stale, "deb https://apt.kubernetes.io/ kubernetes-xenial main\n");
    ready.wish("kubeadm", "good", "1.34", ONLY);
    let before = ready.whole();
    ready.apply().ends(0);
    let switched_off = host.read(stale);
    assert!(switched_off.lines().all(|line| line.starts_with('#')), "{switched_off}");
    assert_eq!(version(&ready), "1.34.3-1.1");

    ready.wish("kubeadm", "good", "1.35", ONLY);
    let plan = ready.wished("plan").ends(3);
    let url = |minor| ready.repositories.kubernetes("good", minor, "deb");
    for line in [format!("-URIs: {}", url("1.34")), format!("+URIs: {}", url("1.35"))] {
        assert!(plan.contains(&line), "{line}\n{plan}");
    }
    ready.apply().ends(0);
    assert_eq!(version(&ready), "1.35.1-1.1");
    assert_eq!(host.done(&["apt-mark", "showhold"]), "kubeadm\nkubectl\nkubelet\n");
    ready.wished("plan").ends(0);

    // The last run alone, then the first. The older packages come from the repository as it was.
    ready.run(&["undo", "--since", "2", "--yes"]).ends(0);
    assert_eq!(version(&ready), "1.34.3-1.1");
    ready.undo().ends(0);
    ready.wish("kubeadm", "good", "1.34", ONLY);
    before.is(&ready.whole());
    assert!(host.read(stale).starts_with("deb https://apt.kubernetes.io/"));
}

fn version(ready: &Ready) -> String {
    ready.host.done(&["dpkg-query", "-W", "-f=${Version}", "kubelet"])
}
