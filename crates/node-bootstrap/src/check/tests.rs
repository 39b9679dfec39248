use std::io::Write as _;

use super::*;
use crate::fake::FakeHost;
use crate::host::{Entry, Kind, Meta};
use crate::spec::{Containerd, Kubeadm, Kubelet, Kubernetes, Modules, Swap, Sysctl};

const HEAD: &str = "  sl  local_address rem_address   st\n";
const KERNEL: &str = "6.1.0-18-amd64";

fn config() -> String {
    let table = crate::data::preflight::get();
    table.config.iter().flat_map(|option| ["CONFIG_", &option.name, "=y\n"]).collect()
}

/// A Debian host that lacks nothing.
fn sound() -> FakeHost {
    let host = FakeHost::new();
    host.set("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    host.set("/proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\n");
    host.set("/proc/sys/kernel/osrelease", &format!("{KERNEL}\n"));
    host.set("/proc/sys/kernel/hostname", "n1\n");
    host.set("/etc/hosts", "127.0.0.1 localhost\n10.0.0.1 n1\n");
    host.set("/sys/devices/system/cpu/online", "0-3\n");
    host.set("/proc/meminfo", "MemTotal: 8000000 kB\n");
    host.set("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
    host.set_folder("/run/systemd/system");
    host.set(&format!("/boot/config-{KERNEL}"), &config());
    host.set(&format!("/boot/vmlinuz-{KERNEL}"), "");
    host.set(&format!("/lib/modules/{KERNEL}/modules.builtin"), "kernel/fs/overlayfs/overlay.ko\n");
    host.set("/etc/modules-load.d/k8s.conf", "br_netfilter\n");
    for path in ["ipv4/ip_forward", "bridge/bridge-nf-call-iptables"] {
        host.set(&format!("/proc/sys/net/{path}"), "1\n");
    }
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        host.set(path, HEAD);
    }
    host.set("/proc/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n0: 00000002 00000000 00010000 0001 01 5 /run/containerd/containerd.sock\n");
    host.set("/proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100000A\t3\t0\t0\t0\t00000000\n");
    host.set("/sys/class/net/eth0/mtu", "1500\n");
    host.set("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    let programs =
        crate::data::preflight::get().programs.iter().map(|program| program.name.as_str());
    for program in programs.chain(["kubeadm", "kubelet", "containerd", "df", "getent"]) {
        host.set(&format!("/usr/bin/{program}"), "");
    }
    host.answer(&["kubeadm", "version"], 0, "v1.35.4\n");
    host.answer(&["kubelet", "--version"], 0, "Kubernetes v1.35.4\n");
    host.answer(
        &["containerd", "--version"],
        0,
        "containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7\n",
    );
    host.answer(&["df"], 0, "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 90000000 1 50000000 1% /\n");
    host.answer(&["getent"], 2, "");
    host.set(
        "/etc/containerd/config.toml",
        "version = 3\n[plugins.\"io.containerd.cri.v1.images\".pinned_images]\nsandbox = \"registry.k8s.io/pause:3.10.1\"\n\
         [plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n",
    );
    host.set("/usr/lib/systemd/system/kubelet.service", "[Unit]\n");
    host.set_link(
        "/etc/systemd/system/multi-user.target.wants/kubelet.service",
        "/usr/lib/systemd/system/kubelet.service",
    );
    host.set("/proc/stat", "cpu 1\nbtime 1000000000\n");
    host.set("/proc/uptime", "50.5 1.0\n");
    host
}

fn node() -> Node {
    let kubernetes: Kubernetes =
        serde_json::from_value(serde_json::json!({"version": "1.35"})).unwrap();
    Node { kubernetes: Some(kubernetes), ..Node::default() }
}

fn found(host: &FakeHost, node: &Node, purpose: Purpose) -> Vec<Finding> {
    check(host, &Facts::of(host).unwrap(), node, purpose, &Ignore::default())
}

/// All but what is sound, a line each.
fn told(host: &FakeHost, node: &Node, purpose: Purpose) -> String {
    let bad = |finding: &Finding| !matches!(finding.verdict, Verdict::Pass | Verdict::Skip);
    let lines = found(host, node, purpose).into_iter().filter(bad);
    lines.map(|finding| format!("{finding}\n")).collect::<Vec<_>>().concat()
}

#[test]
fn a_sound_host_passes_for_init() {
    let all = found(&sound(), &node(), Purpose::Init);
    let lines = all.iter().map(|finding| format!("{finding}\n")).collect::<Vec<_>>().concat();
    insta::assert_snapshot!(lines, @"
    PASS IsPrivilegedUser: this is root
    PASS NumCPU: processors online: 4; a control plane needs 2
    PASS Mem: 7812 MiB of memory; a control plane needs 1700
    PASS SystemVerification: the kernel 6.1.0-18-amd64 has what containers need
    PASS CgroupVersion: control groups are of version 2
    PASS Swap: no swap is in use
    PASS FileContent--proc-sys-net-ipv4-ip_forward: net.ipv4.ip_forward is 1
    PASS KubernetesVersion: kubeadm is 1.35.4, wished is 1.35
    PASS KubeletVersion: the kubelet is 1.35.4, the control plane 1.35
    PASS Service-Kubelet: kubelet.service is started at every boot
    PASS Port-6443: nobody listens on port 6443
    PASS Port-10259: nobody listens on port 10259
    PASS Port-10257: nobody listens on port 10257
    PASS Port-10250: nobody listens on port 10250
    PASS Port-2379: nobody listens on port 2379
    PASS Port-2380: nobody listens on port 2380
    PASS FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml: /etc/kubernetes/manifests/kube-apiserver.yaml is not there
    PASS FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml: /etc/kubernetes/manifests/kube-controller-manager.yaml is not there
    PASS FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml: /etc/kubernetes/manifests/kube-scheduler.yaml is not there
    PASS FileAvailable--etc-kubernetes-manifests-etcd.yaml: /etc/kubernetes/manifests/etcd.yaml is not there
    PASS DirAvailable--var-lib-etcd: /var/lib/etcd is empty or not there
    PASS FileExisting-mount: mount is there
    PASS FileExisting-losetup: losetup is there
    PASS FileExisting-cp: cp is there
    PASS FileExisting-ip: ip is there
    PASS FileExisting-iptables: iptables is there
    PASS FileExisting-nsenter: nsenter is there
    PASS FileExisting-ebtables: ebtables is there
    PASS FileExisting-ethtool: ethtool is there
    PASS FileExisting-socat: socat is there
    PASS FileExisting-tc: tc is there
    PASS FileExisting-touch: touch is there
    PASS DiskSpace: 47 GiB are free at /var/lib
    PASS CRI: a container runtime listens at /run/containerd/containerd.sock
    PASS ContainerdVersion: containerd is 2.1.4
    PASS CgroupDriverMatch: control groups are made by systemd for containerd, by systemd for the kubelet
    PASS SandboxImage: the pause image is registry.k8s.io/pause:3.10.1
    PASS Hostname: n1 is 10.0.0.1 in /etc/hosts
    PASS Firewalld: firewalld does not run
    PASS HTTPProxy: no proxy is set
    PASS HTTPProxyCIDR: no proxy is set
    PASS DnsLoop: /etc/resolv.conf names servers elsewhere
    PASS MTU: packets on eth0 have at most 1500 bytes
    PASS NestedFirewall: no firewall is started at boot
    PASS SwapPersistent: no file turns swap on at boot
    PASS SysctlShadowed: no file of sysctl.d stands against what is wished
    PASS BridgeNfCall: bridges show their packets to the firewall
    PASS ModulePersistent: the modules are loaded at every boot
    PASS RebootRequired: nothing waits for a new start
    PASS StaleK8sRepo: no list names a repository of Kubernetes that is gone
    SKIP RepoKeyExpiry: no list of Kubernetes' packages names a key on this host
    ");
}

#[test]
fn each_purpose_has_its_checks() {
    let names = |purpose| -> Vec<String> {
        found(&sound(), &node(), purpose).into_iter().map(|finding| finding.name).collect()
    };
    let (init, host) = (names(Purpose::Init), names(Purpose::Host));
    let worker = names(Purpose::Join { control_plane: false });
    let second = names(Purpose::Join { control_plane: true });
    let has = |names: &[String], name: &str| names.iter().any(|known| known == name);
    for (name, expected) in [
        ("NumCPU", [true, false, true, false]),
        ("KubernetesVersion", [true, false, false, false]),
        ("Port-6443", [true, false, true, false]),
        ("Port-10250", [true, true, true, false]),
        ("Port-2379", [true, false, true, false]),
        ("FileAvailable--etc-kubernetes-manifests-etcd.yaml", [true, false, true, false]),
        ("FileAvailable--etc-kubernetes-kubelet.conf", [false, true, true, false]),
        ("FileAvailable--etc-kubernetes-pki-ca.crt", [false, true, false, false]),
        ("DirAvailable--var-lib-etcd", [true, false, true, false]),
        ("Firewalld", [true, false, false, false]),
        ("CRI", [true, true, true, false]),
        ("Swap", [true, true, true, true]),
    ] {
        let found = [&init, &worker, &second, &host].map(|names| has(names, name));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn kubeadms_names_are_kubeadms() {
    let own = [
        "CgroupVersion",
        "ContainerdVersion",
        "CgroupDriverMatch",
        "SandboxImage",
        "SwapPersistent",
        "SysctlShadowed",
        "BridgeNfCall",
        "ModulePersistent",
        "StaleK8sRepo",
        "RepoKeyExpiry",
        "RebootRequired",
        "DiskSpace",
        "DnsLoop",
        "MTU",
        "NestedFirewall",
    ];
    for purpose in [Purpose::Init, Purpose::Join { control_plane: true }] {
        for finding in found(&sound(), &node(), purpose) {
            let known = crate::data::preflight::is_known(&finding.name);
            assert!(known != own.contains(&finding.name.as_str()), "{}", finding.name);
        }
    }
}

type Fault = fn(&FakeHost, &mut Node);

/// What is done to a sound host, and the only finding that it brings for init.
const FAULTS: &[(&str, Fault)] = &[
    ("FAIL IsPrivilegedUser", |host, _| host.set("/proc/self/status", "Uid:\t0\t1000\t0\t0\n")),
    ("FAIL NumCPU", |host, _| host.set("/sys/devices/system/cpu/online", "0\n")),
    ("FAIL Mem", |host, _| host.set("/proc/meminfo", "MemTotal: 1740799 kB\n")),
    ("FAIL SystemVerification", |host, _| host.set("/proc/sys/kernel/osrelease", "4.4.0\n")),
    ("FAIL SystemVerification", |host, _| {
        host.set(
            &format!("/boot/config-{KERNEL}"),
            &config().replace("CONFIG_MEMCG=y", "# CONFIG_MEMCG is not set"),
        );
    }),
    ("WARN SystemVerification", |host, _| {
        host.with(|world| {
            world.files.remove(&format!("/boot/config-{KERNEL}"));
        });
    }),
    ("FAIL SystemVerification", |host, _| {
        host.set("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io hugetlb pids\n");
    }),
    ("WARN Swap", |host, _| {
        host.set(
            "/proc/swaps",
            "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1 0 -2\n",
        );
    }),
    ("FAIL FileContent--proc-sys-net-ipv4-ip_forward", |host, _| {
        host.set("/proc/sys/net/ipv4/ip_forward", "0\n");
    }),
    ("FAIL KubernetesVersion", |host, _| {
        host.with(|world| {
            world.files.remove("/usr/bin/kubeadm");
        });
    }),
    ("FAIL KubernetesVersion", |host, _| host.answer(&["kubeadm", "version"], 0, "v1.37.0\n")),
    ("WARN KubernetesVersion", |host, _| host.answer(&["kubeadm", "version"], 0, "v1.34.9\n")),
    ("FAIL KubeletVersion", |host, _| {
        host.answer(&["kubelet", "--version"], 0, "Kubernetes v1.36.0\n");
    }),
    ("FAIL KubeletVersion", |host, _| {
        host.answer(&["kubelet", "--version"], 0, "Kubernetes v1.31.0\n");
    }),
    ("FAIL KubeletVersion", |host, _| host.answer(&["kubelet", "--version"], 139, "")),
    ("WARN Service-Kubelet", |host, _| {
        host.with(|world| {
            world.files.remove("/etc/systemd/system/multi-user.target.wants/kubelet.service");
        });
    }),
    ("WARN Service-Kubelet", |host, _| {
        host.set_link("/etc/systemd/system/kubelet.service", "/dev/null");
    }),
    ("FAIL Port-6443", |host, _| {
        host.set("/proc/net/tcp", &format!("{HEAD} 0: 00000000:192B 00000000:0000 0A\n"));
    }),
    ("FAIL Port-8443", |host, node| {
        host.set(
            "/proc/net/tcp6",
            &format!("{HEAD} 0: 00000000000000000000000000000000:20FB 0:0 0A\n"),
        );
        node.kubeadm = Some(Kubeadm { bind_port: 8443, ..Kubeadm::default() });
    }),
    ("FAIL FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml", |host, _| {
        host.set("/etc/kubernetes/manifests/kube-scheduler.yaml", "");
    }),
    ("FAIL DirAvailable--var-lib-etcd", |host, _| host.set("/var/lib/etcd/member", "")),
    ("FAIL FileExisting-mount", |host, _| {
        host.with(|world| {
            world.files.remove("/usr/bin/mount");
        });
    }),
    ("WARN FileExisting-socat", |host, _| {
        host.with(|world| {
            world.files.remove("/usr/bin/socat");
        });
    }),
    ("FAIL DiskSpace", |host, _| {
        host.answer(&["df"], 0, "F B U A C M\n/dev/vda1 9 1 1048576 1% /\n");
    }),
    ("WARN DiskSpace", |host, _| {
        host.answer(&["df"], 0, "F B U A C M\n/dev/vda1 9 1 5242880 1% /\n");
    }),
    ("FAIL CRI", |host, _| {
        host.set(
            "/proc/net/unix",
            "Num\n0: 2 0 00000000 0001 01 5 /run/containerd/containerd.sock\n",
        );
    }),
    ("WARN CRI", |host, _| {
        let both = "Num\n0: 2 0 00010000 1 1 5 /run/containerd/containerd.sock\n0: 2 0 00010000 1 1 6 /var/run/crio/crio.sock\n";
        host.set("/proc/net/unix", both);
    }),
    ("FAIL CRI", |host, _| {
        let text = host.text("/etc/containerd/config.toml").unwrap().unwrap();
        host.set("/etc/containerd/config.toml", &format!("disabled_plugins = [\"cri\"]\n{text}"));
    }),
    ("WARN ContainerdVersion", |host, _| {
        host.answer(
            &["containerd", "--version"],
            0,
            "containerd github.com/containerd/containerd v1.7.27 0\n",
        );
    }),
    ("WARN CgroupDriverMatch", |_, node| {
        node.kubelet = Some(Kubelet {
            cgroup_driver: crate::spec::CgroupDriver::Cgroupfs,
            ..Kubelet::default()
        });
    }),
    ("WARN CgroupDriverMatch", |host, _| {
        host.set("/var/lib/kubelet/config.yaml", "cgroupDriver: cgroupfs\n");
    }),
    ("WARN SandboxImage", |_, node| {
        let sandbox_image = Some("registry.example/pause:3".to_owned());
        node.containerd = Some(Containerd { sandbox_image, ..Containerd::default() });
    }),
    ("WARN SandboxImage", |host, _| {
        host.set("/etc/containerd/config.toml", "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n");
    }),
    ("FAIL Hostname", |host, _| host.set("/proc/sys/kernel/hostname", "my_host\n")),
    ("WARN Hostname", |host, _| host.set("/proc/sys/kernel/hostname", "N1\n")),
    ("WARN Hostname", |host, _| host.set("/etc/hosts", "127.0.0.1 localhost\n")),
    ("WARN Firewalld", |host, _| {
        host.set("/usr/lib/systemd/system/firewalld.service", "");
        host.set_unit("firewalld.service", "enabled", true);
    }),
    ("WARN HTTPProxyCIDR", |host, _| {
        host.set(
            "/proc/self/environ",
            "A=b\0https_proxy=http://me:secret@proxy:3128\0NO_PROXY=10.96.0.0/13\0",
        );
    }),
    ("WARN HTTPProxy", |host, node| {
        host.set("/etc/environment", "HTTPS_PROXY=\"http://proxy:3128\"\nNO_PROXY=10.96.0.0/12\n");
        node.kubeadm =
            Some(Kubeadm { advertise_address: Some([10, 0, 0, 1].into()), ..Kubeadm::default() });
    }),
    ("FAIL DnsLoop", |host, _| host.set("/etc/resolv.conf", "nameserver 127.0.0.53\n")),
    ("FAIL DnsLoop", |_, node| {
        node.kubelet =
            Some(Kubelet { resolv_conf: Some("/etc/missing".to_owned()), ..Kubelet::default() });
    }),
    ("WARN DnsLoop", |host, _| host.set("/etc/resolv.conf", "search x\n")),
    ("WARN MTU", |host, _| host.set("/sys/class/net/eth0/mtu", "1300\n")),
    ("WARN MTU", |host, _| host.set("/sys/class/net/flannel.1/mtu", "1500\n")),
    ("WARN NestedFirewall", |host, _| {
        host.set("/usr/lib/systemd/system/nftables.service", "");
        host.set_link("/etc/systemd/system/sysinit.target.wants/nftables.service", "x");
        host.set("/etc/nftables.conf", "#!/usr/sbin/nft -f\nflush ruleset\n");
    }),
    ("WARN NestedFirewall", |host, _| {
        host.set("/usr/lib/systemd/system/netfilter-persistent.service", "");
        host.set_link("/etc/systemd/system/a.wants/netfilter-persistent.service", "x");
        host.set("/etc/ufw/ufw.conf", "ENABLED=yes\n");
    }),
    ("WARN SwapPersistent", |host, _| {
        host.set("/etc/fstab", "/dev/sda1 / ext4 defaults 0 1\n/swap.img none swap sw 0 0\n");
    }),
    ("WARN SwapPersistent", |host, _| host.set("/etc/systemd/zram-generator.conf", "[zram0]\n")),
    ("WARN SwapPersistent", |host, _| host.set("/etc/systemd/system/dev-sda2.swap", "[Swap]\n")),
    ("FAIL SysctlShadowed", |host, _| {
        host.set("/etc/sysctl.d/99-site.conf", "net.ipv4.ip_forward=0\n");
    }),
    ("FAIL SysctlShadowed", |host, node| {
        host.set("/etc/sysctl.d/99-site.conf", "vm.max_map_count = 65530\n");
        node.sysctls.insert("vm.max_map_count".to_owned(), Sysctl::at_least(262_144));
    }),
    ("WARN BridgeNfCall", |host, _| {
        host.set("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
    }),
    ("WARN ModulePersistent", |host, _| {
        host.set("/etc/modules-load.d/k8s.conf", "# br_netfilter\n");
    }),
    ("WARN ModulePersistent", |_, node| {
        node.modules = Some(Modules { load: vec!["ip-vs".to_owned()] });
    }),
    ("WARN RebootRequired", |host, _| host.set("/run/reboot-required", "")),
    ("WARN RebootRequired", |host, _| host.set("/boot/vmlinuz-6.1.0-20-amd64", "")),
    ("FAIL StaleK8sRepo", |host, _| {
        host.set(
            "/etc/apt/sources.list.d/kubernetes.list",
            "deb https://apt.kubernetes.io/ kubernetes-xenial main\n",
        );
    }),
    ("FAIL RepoKeyExpiry", |host, _| key(host, 20)),
    ("WARN RepoKeyExpiry", |host, _| key(host, 86_400)),
];

/// The key of a repository that expires so many seconds after 1 000 000 000; it is 1 000 000 050.
fn key(host: &FakeHost, after: u32) {
    let list = "Types: deb\nURIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/\nSuites: /\nSigned-By: /etc/apt/keyrings/kubernetes.asc\n";
    host.set("/etc/apt/sources.list.d/kubernetes.sources", list);
    let kind = Kind::File(crate::text::openpgp::tests::key(&[(1, Some(after))]));
    host.set_entry("/etc/apt/keyrings/kubernetes.asc", Entry { kind, meta: Meta::root(0o644) });
}

#[test]
fn each_fault_is_one_finding_under_its_name() {
    for (number, (expected, fault)) in FAULTS.iter().enumerate() {
        let (host, mut node) = (sound(), node());
        fault(&host, &mut node);
        let told = told(&host, &node, Purpose::Init);
        assert!(told.starts_with(&format!("{expected}: ")), "{number} {expected}: {told}");
        let findings = told.lines().filter(|line| !line.starts_with(' ')).count();
        assert_eq!(findings, 1, "{number} {expected}: {told}");
        assert_eq!(told.lines().count(), 2, "it says how it is mended: {told}");
    }
}

#[test]
fn what_is_told_of_faults_reads_well() {
    let mut lines = String::new();
    for (_, fault) in FAULTS {
        let (host, mut node) = (sound(), node());
        fault(&host, &mut node);
        lines.push_str(&told(&host, &node, Purpose::Init));
    }
    assert!(!lines.contains("secret"));
    insta::assert_snapshot!(lines, @r#"
    FAIL IsPrivilegedUser: this is user 1000
         run it as root, such as by sudo
    FAIL NumCPU: processors online: 1; a control plane needs 2
         give the machine more, or ignore NumCPU if it is only for trying
    FAIL Mem: 1699 MiB of memory; a control plane needs 1700
         give the machine more, or ignore Mem if it is only for trying
    FAIL SystemVerification: the kernel 4.4.0 is not supported; the kernel's configuration is nowhere to be found
         take a kernel with these features; the distribution's own has them
    FAIL SystemVerification: the kernel has no CONFIG_MEMCG
         take a kernel with these features; the distribution's own has them
    WARN SystemVerification: the kernel's configuration is nowhere to be found
         take a kernel with these features; the distribution's own has them
    FAIL SystemVerification: the controller memory of control groups is missing
         take a kernel with these features; the distribution's own has them
    WARN Swap: swap is in use: /dev/sda2
         turn it off (`swap: off`), or have the kubelet accept it (`swap: keep`)
    FAIL FileContent--proc-sys-net-ipv4-ip_forward: net.ipv4.ip_forward is 0
         set net.ipv4.ip_forward to 1, now and at every boot (`sysctls`)
    FAIL KubernetesVersion: kubeadm is not installed
         `node-prep apply` with `kubernetes` in node.yaml installs it
    FAIL KubernetesVersion: kubeadm is 1.37.0, wished is 1.35: kubeadm makes only its own minor and the one before it
         install kubeadm 1.35
    WARN KubernetesVersion: kubeadm is 1.34.9, wished is 1.35: kubeadm is older
         install kubeadm 1.35
    FAIL KubeletVersion: the kubelet is 1.36.0, the control plane 1.35
         install a kubelet from 1.32 to 1.35
    FAIL KubeletVersion: the kubelet is 1.31.0, the control plane 1.35
         install a kubelet from 1.32 to 1.35
    FAIL KubeletVersion: kubelet does not tell its version: ""
         install kubelet anew
    WARN Service-Kubelet: kubelet.service is not started at boot
         `systemctl enable kubelet.service`; `node-prep apply` with `kubelet` in node.yaml does it
    WARN Service-Kubelet: kubelet.service is masked
         `systemctl unmask kubelet.service`, then enable it
    FAIL Port-6443: somebody listens on port 6443 of 0.0.0.0
         `ss -ltnp sport = :6443` tells who; after a former cluster `node-prep reset` ends it
    FAIL Port-8443: somebody listens on port 8443 of ::
         `ss -ltnp sport = :8443` tells who; after a former cluster `node-prep reset` ends it
    FAIL FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml: /etc/kubernetes/manifests/kube-scheduler.yaml is there
         if it is of a former cluster, `node-prep reset` takes it away
    FAIL DirAvailable--var-lib-etcd: /var/lib/etcd holds member
         these may be the data of a cluster: save them; `node-prep reset --with-data` takes them away
    FAIL FileExisting-mount: mount is in no folder of programs
         install the package with mount
    WARN FileExisting-socat: socat is in no folder of programs
         install the package with socat
    FAIL DiskSpace: 1 GiB are free at /var/lib
         images and logs need room: give /var more, or a disk of its own
    WARN DiskSpace: 5 GiB are free at /var/lib
         images and logs need room: give /var more, or a disk of its own
    FAIL CRI: no container runtime listens
         `systemctl status containerd` tells why; `node-prep apply` with `containerd` in node.yaml installs it
    WARN CRI: more than one container runtime listens: /run/containerd/containerd.sock, /run/crio/crio.sock
         say which one to kubeadm (`criSocket`), or stop the others
    FAIL CRI: /etc/containerd/config.toml switches the CRI plugin off (`disabled_plugins`)
         take it out of the list and restart containerd; `node-prep apply` does both
    WARN ContainerdVersion: containerd is 1.7.27; Kubernetes 1.35 is the last that takes 1.x
         take a newer one: `containerd: {source: docker}` in node.yaml
    WARN CgroupDriverMatch: control groups are made by systemd for containerd, by cgroupfs for the kubelet; the kubelet will follow containerd
         set SystemdCgroup of runc to false in /etc/containerd/config.toml, and restart containerd
    WARN CgroupDriverMatch: control groups are made by systemd for containerd, by cgroupfs for the kubelet; the kubelet will follow containerd
         set SystemdCgroup of runc to false in /etc/containerd/config.toml, and restart containerd
    WARN SandboxImage: the pause image is registry.k8s.io/pause:3.10.1, that of kubeadm registry.example/pause:3
         set it to registry.example/pause:3 in /etc/containerd/config.toml, and restart containerd
    WARN SandboxImage: /etc/containerd/config.toml names no pause image; that of kubeadm is registry.k8s.io/pause:3.10.1
         set it to registry.k8s.io/pause:3.10.1 in /etc/containerd/config.toml, and restart containerd
    FAIL Hostname: "my_host" is no name for a node
         give it one of lower-case letters, digits, dashes and dots (`hostname`)
    WARN Hostname: N1 has upper-case letters
         give it a lower-case name (`hostname`): the node is named so in any case
    WARN Hostname: n1 leads to no address
         put it into /etc/hosts with the address of this host (`hosts`), or into your DNS
    WARN Firewalld: firewalld runs; ports that have to be open are 6443/tcp, 2379-2380/tcp, 10250/tcp, 10257/tcp, 10259/tcp
         have `firewall: {mode: manage}` in node.yaml open them, or open them yourself
    WARN HTTPProxyCIDR: what is for 10.96.0.0/12 goes through the proxy proxy:3128
         add 10.96.0.0/12 to NO_PROXY, also in the drop-ins of containerd and the kubelet
    WARN HTTPProxy: what is for 10.0.0.1 goes through the proxy http://proxy:3128
         add 10.0.0.1 to NO_PROXY, also in the drop-ins of containerd and the kubelet
    FAIL DnsLoop: /etc/resolv.conf names 127.0.0.53: CoreDNS would ask itself, and stop
         name a file with the real name servers in `kubelet.resolvConf`; `clusterDns` in node.yaml writes one
    FAIL DnsLoop: there is no /etc/missing, which pods get their name servers from
         write one, or name another in `kubelet.resolvConf`
    WARN DnsLoop: /etc/resolv.conf names no server: pods find no name outside of the cluster
         add a line `nameserver ADDRESS`
    WARN MTU: packets on eth0 have at most 1300 bytes, too few for an overlay
         give links and the network plugin sizes that fit: larger packets vanish without a word
    WARN MTU: flannel.1 takes 1500 bytes, but eth0 below it 1500
         give links and the network plugin sizes that fit: larger packets vanish without a word
    WARN NestedFirewall: /etc/nftables.conf flushes all rules, those of kube-proxy and pods too, when nftables.service is restarted
         flush only your own tables in it (`flush table inet filter`)
    WARN NestedFirewall: more than one firewall is started at boot: netfilter-persistent, ufw
         disable all but one: each of them takes the rules for its own
    WARN SwapPersistent: swap is turned on at the next boot by /etc/fstab:2 (/swap.img)
         take it away; `node-prep apply` with `swap: off` does it, and can take it back
    WARN SwapPersistent: swap is turned on at the next boot by /etc/systemd/zram-generator.conf
         take it away; `node-prep apply` with `swap: off` does it, and can take it back
    WARN SwapPersistent: swap is turned on at the next boot by /etc/systemd/system/dev-sda2.swap
         take it away; `node-prep apply` with `swap: off` does it, and can take it back
    FAIL SysctlShadowed: at the next boot /etc/sysctl.d/99-site.conf:1 sets net.ipv4.ip_forward to 0
         take these lines out: what is set now lasts only until then
    FAIL SysctlShadowed: at the next boot /etc/sysctl.d/99-site.conf:1 sets vm.max_map_count to 65530
         take these lines out: what is set now lasts only until then
    WARN BridgeNfCall: net.bridge.bridge-nf-call-iptables is 0
         load br_netfilter, then set net.bridge.bridge-nf-call-iptables to 1 (`modules`, `sysctls`)
    WARN ModulePersistent: not loaded at boot: br_netfilter
         name them in a file of /etc/modules-load.d (`modules` in node.yaml)
    WARN ModulePersistent: not loaded at boot: ip_vs
         name them in a file of /etc/modules-load.d (`modules` in node.yaml)
    WARN RebootRequired: packages wait for a new start
         start the machine again before it becomes a node
    WARN RebootRequired: the kernel 6.1.0-20-amd64 is installed, but 6.1.0-18-amd64 runs
         start the machine again before it becomes a node
    FAIL StaleK8sRepo: /etc/apt/sources.list.d/kubernetes.list:1 names a repository of Kubernetes that is gone since March 2024
         switch it off; `node-prep apply` with `kubernetes` in node.yaml does it, and takes pkgs.k8s.io
    FAIL RepoKeyExpiry: the key /etc/apt/keyrings/kubernetes.asc is expired since 2001-09-09
         packages cannot be had once it is expired; `node-prep apply` fetches the key again
    WARN RepoKeyExpiry: the key /etc/apt/keyrings/kubernetes.asc expires on 2001-09-10
         packages cannot be had once it is expired; `node-prep apply` fetches the key again
    "#);
}

#[test]
fn control_groups_of_version_1_end_with_1_35() {
    let host = sound();
    host.with(|world| {
        world.files.remove("/sys/fs/cgroup/cgroup.controllers");
    });
    host.set_folder("/sys/fs/cgroup/memory");
    host.set("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t1\t1\t1\ncpu\t1\t1\t1\ncpuacct\t1\t1\t1\nblkio\t1\t1\t1\nmemory\t1\t1\t1\ndevices\t1\t1\t1\nfreezer\t1\t1\t1\nhugetlb\t1\t1\t1\npids\t1\t1\t1\n");
    let verdicts = |node: &Node| -> Vec<(String, Verdict)> {
        let all = found(&host, node, Purpose::Init).into_iter();
        all.filter(|finding| {
            ["SystemVerification", "CgroupVersion"].contains(&finding.name.as_str())
        })
        .map(|finding| (finding.name, finding.verdict))
        .collect()
    };
    let both = |verdict| {
        vec![("SystemVerification".to_owned(), verdict), ("CgroupVersion".to_owned(), verdict)]
    };
    assert_eq!(verdicts(&node()), both(Verdict::Fail));
    let mut older = node();
    older.kubernetes.as_mut().unwrap().version = "1.34".parse().unwrap();
    assert_eq!(verdicts(&older), both(Verdict::Warn));
    let accepted = Kubelet { fail_cgroup_v1: Some(false), ..Kubelet::default() };
    assert_eq!(verdicts(&Node { kubelet: Some(accepted), ..node() }), both(Verdict::Warn));
}

#[test]
fn containerd_1_is_refused_from_1_36() {
    let host = sound();
    host.answer(&["containerd", "--version"], 0, "containerd containerd.io 1.7.27 05044ec\n");
    let mut node = node();
    node.kubernetes.as_mut().unwrap().version = "1.36".parse().unwrap();
    let told = told(&host, &node, Purpose::Init);
    assert!(
        told.contains("FAIL ContainerdVersion: containerd is 1.7.27; Kubernetes 1.36 needs 2.0"),
        "{told}"
    );
}

#[test]
fn with_containerd_1_drivers_that_differ_are_an_error() {
    let host = sound();
    host.answer(&["containerd", "--version"], 0, "containerd containerd.io 1.7.27 05044ec\n");
    host.set("/etc/containerd/config.toml", "version = 2\n");
    assert!(told(&host, &node(), Purpose::Init).contains("FAIL CgroupDriverMatch"));
    host.set(
        "/etc/containerd/config.toml",
        "version = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n",
    );
    let drop_in = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n";
    host.set("/etc/containerd/conf.d/50-node-prep.toml", drop_in);
    assert!(!told(&host, &node(), Purpose::Init).contains("CgroupDriverMatch"));
}

#[test]
fn the_configuration_of_the_kernel_may_be_packed() {
    let host = sound();
    host.with(|world| {
        world.files.remove(&format!("/boot/config-{KERNEL}"));
    });
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(config().as_bytes()).unwrap();
    let kind = Kind::File(packer.finish().unwrap());
    host.set_entry("/proc/config.gz", Entry { kind, meta: Meta::root(0o444) });
    assert_eq!(told(&host, &node(), Purpose::Init), "");
}

#[test]
fn swap_that_is_wished_is_no_finding() {
    let host = sound();
    host.set("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1 0 -2\n");
    host.set("/etc/fstab", "/dev/sda2 none swap sw 0 0\n");
    assert_eq!(told(&host, &Node { swap: Swap::Keep, ..node() }, Purpose::Init), "");
}

#[test]
fn with_etcd_elsewhere_its_certificates_have_to_be_there_and_its_ports_need_not_be_free() {
    let host = sound();
    host.set("/etc/etcd/ca.crt", "");
    host.set("/etc/etcd/client.crt", "");
    host.set("/proc/net/tcp", &format!("{HEAD} 0: 00000000:094B 00000000:0000 0A\n"));
    let external = serde_json::json!({"endpoints": ["https://10.0.0.9:2379"], "caFile": "/etc/etcd/ca.crt",
        "certFile": "/etc/etcd/client.crt", "keyFile": "/etc/etcd/client.key"});
    let etcd = serde_json::from_value(serde_json::json!({ "external": external })).unwrap();
    let node = Node { kubeadm: Some(Kubeadm { etcd: Some(etcd), ..Kubeadm::default() }), ..node() };
    let told = told(&host, &node, Purpose::Init);
    assert!(
        told.starts_with(
            "FAIL ExternalEtcdClientCertificates: /etc/etcd/client.key is not there\n"
        ),
        "{told}"
    );
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn features_that_no_kernel_has_all_of_are_only_mentioned() {
    let host = sound();
    let without = config().replace("CONFIG_AUFS_FS=y\n", "");
    host.set(&format!("/boot/config-{KERNEL}"), &without);
    let all = found(&host, &node(), Purpose::Init);
    let one = all.iter().find(|finding| finding.name == "SystemVerification").unwrap();
    assert_eq!(one.verdict, Verdict::Pass);
    assert!(one.message.ends_with("; the kernel has no CONFIG_AUFS_FS"), "{one}");
}

#[test]
fn values_that_come_before_ours_do_not_stand_against_it() {
    let host = sound();
    host.set("/usr/lib/sysctl.d/50-default.conf", "net.ipv4.ip_forward=0\n");
    assert_eq!(told(&host, &node(), Purpose::Init), "");
}

#[test]
fn ignored_failures_are_warnings_whatever_the_case() {
    let host = sound();
    host.set("/sys/devices/system/cpu/online", "0\n");
    host.set("/proc/meminfo", "MemTotal: 1 kB\n");
    let facts = Facts::of(&host).unwrap();
    let verdicts = |lists: &[&str]| -> Vec<Verdict> {
        let ignore = Ignore::parse(lists).unwrap();
        let all = check(&host, &facts, &node(), Purpose::Init, &ignore);
        let of = |name: &str| all.iter().find(|finding| finding.name == name).unwrap().verdict;
        vec![of("NumCPU"), of("Mem")]
    };
    assert_eq!(verdicts(&[]), [Verdict::Fail, Verdict::Fail]);
    assert_eq!(verdicts(&["numcpu, Swap"]), [Verdict::Warn, Verdict::Fail]);
    assert_eq!(verdicts(&["NUMCPU", "mem"]), [Verdict::Warn, Verdict::Warn]);
    assert_eq!(verdicts(&["ALL"]), [Verdict::Warn, Verdict::Warn]);
    assert_eq!(Ignore::parse(["all,Mem"]), Err(AllAndMore));
}

#[test]
fn checking_changes_nothing_and_asks_no_program_where_a_file_tells() {
    let host = sound();
    let before = host.snapshot();
    found(&host, &node(), Purpose::Init);
    assert_eq!(host.snapshot(), before);
    let calls = host.calls();
    assert_eq!(
        calls,
        [
            "kubeadm version -o short",
            "kubelet --version",
            "df -Pk -- /var/lib",
            "containerd --version"
        ]
    );
}

#[test]
fn of_a_tree_only_files_are_asked() {
    let tree = sound().as_tree();
    let all = found(&tree, &node(), Purpose::Init);
    assert!(tree.calls().is_empty());
    let verdict = |name: &str| all.iter().find(|finding| finding.name == name).unwrap().verdict;
    for name in ["Swap", "Port-6443", "NumCPU", "KubeletVersion", "CRI", "MTU"] {
        assert_eq!(verdict(name), Verdict::Skip, "{name}");
    }
    for name in ["Service-Kubelet", "FileExisting-mount", "StaleK8sRepo", "SwapPersistent"] {
        assert_eq!(verdict(name), Verdict::Pass, "{name}");
    }
}

#[test]
fn what_cannot_be_looked_at_is_a_finding() {
    let host = sound();
    let broken = Entry { kind: Kind::File(vec![0xff, 0xfe]), meta: Meta::root(0o644) };
    host.set_entry("/etc/fstab", broken);
    let told = told(&host, &node(), Purpose::Init);
    assert!(told.starts_with("FAIL SwapPersistent: /etc/fstab is not UTF-8 text\n"), "{told}");
}

#[test]
fn findings_have_stable_keys() {
    let host = sound();
    host.set("/sys/devices/system/cpu/online", "0\n");
    let facts = Facts::of(&host).unwrap();
    let ignore = Ignore::parse(["NumCPU"]).unwrap();
    let all = check(&host, &facts, &node(), Purpose::Init, &ignore);
    let found = all.iter().find(|finding| finding.name == "NumCPU");
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
    {
      "name": "NumCPU",
      "verdict": "warn",
      "ignored": true,
      "message": "processors online: 1; a control plane needs 2",
      "help": "give the machine more, or ignore NumCPU if it is only for trying"
    }
    "#);
}

#[test]
fn verifying_names_what_is_left_to_do_by_its_step() {
    let host = sound();
    let node = Node {
        modules: Some(Modules { load: vec!["overlay".to_owned()] }),
        sysctls: [("net.ipv4.ip_forward".to_owned(), Sysctl::exact("1"))].into(),
        ..Node::default()
    };
    host.set("/proc/filesystems", "nodev\toverlay\n");
    host.set("/etc/sysctl.d/99-site.conf", "net.ipv4.ip_forward=0\n");
    let facts = Facts::of(&host).unwrap();
    let of = |step: &str| -> Vec<String> {
        let all = verify(&host, &facts, &node).into_iter();
        all.filter(|finding| finding.name == step).map(|finding| finding.to_string()).collect()
    };
    assert_eq!(
        of("modules"),
        [
            "FAIL modules: left to do: write /etc/modules-load.d/node-prep.conf (mode 0644)\n     `node-prep apply` does it"
        ]
    );
    let sysctls = of("sysctls");
    assert!(
        sysctls
            .iter()
            .any(|line| line.contains("left to do: write /etc/sysctl.d/90-node-prep.conf"))
    );
    assert!(
        sysctls
            .iter()
            .any(|line| line.starts_with("FAIL sysctls: /etc/sysctl.d/99-site.conf:1: sets"))
    );
    host.set("/etc/modules-load.d/node-prep.conf", &crate::text::modules::render(["overlay"]));
    let all = verify(&host, &facts, &node);
    assert!(all.iter().any(|finding| finding.to_string() == "PASS modules: as wished"), "{all:?}");
}
