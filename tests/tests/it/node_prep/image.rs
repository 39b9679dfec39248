//! `--root`: the tree of a whole Debian is prepared offline, and then booted.

use super::ready::{Ready, Said};

const NODE: &str = "\
role: worker
hostname: image
kubeadm: {podSubnet: 10.244.0.0/16, serviceSubnet: 172.20.0.0/16}
";

/// The host's own root, and what is changed in it goes elsewhere.
const LAY: &str = "mkdir -p /run/image/upper /run/image/work /image && \
    mount -t overlay -o lowerdir=/,upperdir=/run/image/upper,workdir=/run/image/work overlay /image";

/// What was changed becomes part of the host. Nothing was removed: there are no devices in its place.
const ADOPT: &str = "umount /image && rmdir /image && test -z \"$(find /run/image/upper -type c)\" && \
    rm -rf /run/image/upper/image /run/image/upper/run && cp -a /run/image/upper/. /";

#[test]
fn an_image_is_prepared_with_its_packages_and_sound_once_it_is_booted() {
    let Some(ready) = Ready::boot("debian-12") else { return };
    let host = &ready.host;
    ready.wish("kubeadm", "good", "1.34", NODE);
    host.done(&["sh", "-c", LAY]);
    let image = |command: &[&str]| {
        let mut all = vec!["--root", "/image"];
        all.extend(command);
        ready.run(&all)
    };
    let before = ready.whole();
    let plan = image(&["plan", "-f", "/root/node.yaml"]).ends(3);
    // The kernel of this machine is not that of the image.
    for later in ["set net.ipv4.ip_forward to 1 now", "start containerd.service"] {
        let line = plan.lines().find(|line| line.contains(later));
        assert!(
            line.is_some_and(|line| line.contains("> at its first start: ")),
            "{later}\n{plan}"
        );
    }
    image(&["apply", "-f", "/root/node.yaml", "--yes"]).ends(0);
    // The host itself is as it was, and nothing was started.
    before.is(&ready.whole());
    let again = image(&["apply", "-f", "/root/node.yaml", "--yes"]).ends(0);
    assert!(again.contains("nothing to do"), "{again}");
    image(&["verify", "-f", "/root/node.yaml"]).ends(0);

    host.done(&["sh", "-c", ADOPT]);
    host.reboot();
    let own = format!("{} image\n", host.address());
    let hosts = host.read("/etc/hosts");
    host.write("/etc/hosts", &(hosts + &own));
    let verified = ready.wished("verify").ends(0);
    assert!(!verified.contains("FAIL"), "{verified}");
    for unit in ["kubelet", "containerd"] {
        ready.is_enabled_and_active(unit);
    }
    assert_eq!(host.read("/proc/sys/net/ipv4/ip_forward").trim(), "1");
    assert_eq!(host.read("/proc/sys/vm/max_map_count").trim(), "262144");
    ready.wished("plan").ends(0);
    // The controllers of control groups are those of the machine.
    let said = ready.run(&[
        "check",
        "host",
        "-f",
        "/root/node.yaml",
        "--ignore-preflight-errors",
        "SystemVerification",
    ]);
    said.ends(0);
}

#[test]
fn a_root_folder_without_systemd_and_network_gets_all_but_packages() {
    let Some(hosts) = tests::hosts::Hosts::needed() else { return };
    let programs = tests::node_prep().parent().unwrap();
    let script = "set -e; mkdir -p /run/image/upper /run/image/work /image; \
        mount -t overlay -o lowerdir=/,upperdir=/run/image/upper,workdir=/run/image/work overlay /image; \
        printf 'version: 1\\nprofile: kubeadm\\nkubernetes: ~\\ncontainerd: ~\\nkubelet: ~\\ntime: ~\\n' >/node.yaml; \
        run='/programs/node-prep --root /image'; \
        $run plan -f /node.yaml && exit 1 || test $? = 3; $run apply -f /node.yaml --yes; $run apply -f /node.yaml --yes | grep 'nothing to do'; \
        test -s /image/etc/sysctl.d/90-node-prep.conf; test ! -e /etc/sysctl.d/90-node-prep.conf; $run undo --yes --forget; \
        test ! -e /image/etc/sysctl.d/90-node-prep.conf; test ! -e /image/var/lib/node-prep; ! find /run/image/upper -type f | grep .";
    let said =
        Said::from(&hosts.chroot("debian-12", &[(programs, "/programs")], &["sh", "-c", script]));
    let text = said.ends(0);
    assert!(text.contains("at its first start"), "{text}");
}
