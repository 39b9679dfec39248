use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const FILE: &str = "node.yaml";

/// The report of a file that is not sound.
fn report(text: &str) -> String {
    Node::read(FILE, text).unwrap_err().render(FILE, text)
}

fn read(text: &str) -> Node {
    Node::read(FILE, text).unwrap_or_else(|problems| panic!("{}", problems.render(FILE, text)))
}

#[test]
fn every_profile_is_sound_by_itself_and_without_warnings() {
    for profile in Profile::ALL {
        let (node, warnings) = Node::read_over(Some(profile), FILE, "").unwrap();
        assert_eq!(node, Node::from_profile(profile).unwrap());
        assert_eq!(warnings, [], "{profile}");
        assert_eq!(node.profile, Some(profile));
        assert_eq!(profile.name().parse(), Ok(profile));
        assert_eq!(read(&format!("profile: {profile}\n")), node);
    }
}

#[test]
fn every_profile_fits_every_role() {
    for profile in Profile::ALL {
        for role in ["control-plane", "worker"] {
            let text = format!("profile: {profile}\nrole: {role}\nsingleNode: false\n");
            let (_, warnings) = Node::read_over(None, FILE, &text).unwrap();
            assert_eq!(warnings, [], "{profile} {role}");
        }
    }
}

#[test]
fn the_hap_profile_has_the_twelve_steps() {
    let node = Node::from_profile(Profile::HapCentos).unwrap();
    assert_eq!((node.selinux, node.swap), (Selinux::Permissive, Swap::Off));
    assert_eq!(node.firewall.unwrap().mode, FirewallMode::Disable);
    assert_eq!(node.kubernetes.unwrap().packages, ["kubelet", "kubeadm", "kubectl"]);
    assert_eq!(node.containerd.unwrap().source, ContainerdSource::Docker);
    assert_eq!(node.sysctls["net.bridge.bridge-nf-call-iptables"], Sysctl::exact("1"));
    let kubeadm = node.kubeadm.unwrap();
    assert_eq!(kubeadm.pod_subnet.unwrap().to_string(), "10.244.0.0/16");
    assert_eq!(kubeadm.ignore_preflight_errors, ["NumCPU"]);
    assert_eq!(node.kubeconfig.unwrap().users, ["root"]);
    assert!(node.single_node && node.role == Role::ControlPlane);
}

#[test]
fn a_file_lies_over_its_profile() {
    let node = read(
        "\
profile: hpcc
role: worker
kubernetes: {version: 1.36.2}
modules: {load: [overlay]}
firewall: {cni: calico}
time: ~
sysctls:
  net.core.rmem_max: 4194304
  fs.inotify.max_user_watches: ~
  vm.swappiness: {exact: 10, optional: true}
",
    );
    let kubernetes = node.kubernetes.unwrap();
    assert_eq!(kubernetes.version.to_string(), "1.36.2");
    assert!(kubernetes.hold, "what the profile has stays");
    assert_eq!(node.modules.unwrap().load, ["overlay"], "a list is replaced");
    let firewall = node.firewall.unwrap();
    assert_eq!((firewall.mode, firewall.cni), (FirewallMode::Manage, CniKind::Calico));
    assert_eq!(node.time, None, "null takes away");
    assert_eq!(node.sysctls["net.core.rmem_max"], Sysctl::exact("4194304"), "one value, not mixed");
    assert_eq!(node.sysctls["net.core.wmem_max"], Sysctl::at_least(1_024_000));
    assert!(!node.sysctls.contains_key("fs.inotify.max_user_watches"));
    assert!(node.sysctls["vm.swappiness"].optional);
}

#[test]
fn an_empty_file_manages_nothing() {
    assert_eq!(read(""), Node::default());
    assert_eq!(read("# nothing\n"), Node::default());
    assert_eq!(read("{}"), Node::default());
}

#[test]
fn words_that_yaml_takes_for_something_else_are_kept() {
    let node = read(
        "\
swap: off
kubernetes: {version: 1.40}
"
        .replace("1.40", "1.34")
        .as_str(),
    );
    assert_eq!(node.swap, Swap::Off);
    let report = report("kubernetes: {version: 1.30}\n");
    assert!(report.contains("Kubernetes 1.30 is not known"), "{report}");
    let node = read("directories: [{path: /srv, mode: 0750}, {path: /srv/a, mode: 755}]\n");
    let modes: Vec<_> =
        node.directories.iter().map(|directory| directory.mode.unwrap().0).collect();
    assert_eq!(modes, [0o750, 0o755]);
}

#[test]
fn keys_and_words_that_are_not_known_are_told_with_what_was_meant() {
    assert_snapshot!(report("\
profile: kubeadn
rôle: worker
swap: of
firewal: {mode: manage}
containerd: {source: dokcer, sandboximage: x}
time: {daemon: ntpd}
kubernetes: {hold: false}
"), @r"
    node.yaml:1:10: error: profile: `kubeadn` is not known here [unknown-value]
     1 | profile: kubeadn
       |          ^
       help: did you mean `kubeadm`?
    node.yaml:2:1: error: rôle: `rôle` is not known here [unknown-key]
     2 | rôle: worker
       | ^
       help: did you mean `role`?
    node.yaml:3:7: error: swap: `of` is not known here [unknown-value]
     3 | swap: of
       |       ^
       help: did you mean `off`?
    node.yaml:4:1: error: firewal: `firewal` is not known here [unknown-key]
     4 | firewal: {mode: manage}
       | ^
       help: did you mean `firewall`?
    node.yaml:5:22: error: containerd.source: `dokcer` is not known here [unknown-value]
     5 | containerd: {source: dokcer, sandboximage: x}
       |                      ^
       help: did you mean `docker`?
    node.yaml:5:30: error: containerd.sandboximage: `sandboximage` is not known here [unknown-key]
     5 | containerd: {source: dokcer, sandboximage: x}
       |                              ^
       help: did you mean `sandboxImage`?
    node.yaml:6:16: error: time.daemon: `ntpd` is not known here [unknown-value]
     6 | time: {daemon: ntpd}
       |                ^
       help: known are any, chrony, timesyncd, ignore
    7 errors, 0 warnings
    ");
}

#[test]
fn values_that_do_not_fit_are_told_each_at_its_place() {
    assert_snapshot!(report("\
version: 2
kubernetes:
  packages: kubelet
hosts:
  - {address: 10.0.0.300, names: [a]}
  - {names: [b]}
sysctls:
  net.core.rmem_max: {atLeast: many}
  net.core.wmem_max: {exact: 1, atLeast: 2}
  vm.overcommit_memory: {optional: true}
  net.ipv4.tcp_rmem: [1, 2]
kubeadm:
  podSubnet: 10.244.0.0/33
  bindPort: 70000
  serviceSubnet: 10.96.0.0/12,10.97.0.0/16
firewall:
  extraPorts: [{port: 0}, {port: 90-80}, {port: 443, protocol: sctp}]
directories: [{path: /srv, mode: 0999}]
singleNode: perhaps
"), @r#"
    node.yaml:1:1: error: version: version 2 of this format is not known [format-version]
     1 | version: 2
       | ^
       help: this program knows version 1
    node.yaml:2:1: error: kubernetes: `version` is missing [missing]
     2 | kubernetes:
       | ^
    node.yaml:3:13: error: kubernetes.packages: a list is expected, not `kubelet` [value]
     3 |   packages: kubelet
       |             ^
    node.yaml:5:15: error: hosts[0].address: `10.0.0.300` is no IP address [value]
     5 |   - {address: 10.0.0.300, names: [a]}
       |               ^
       help: give one such as 10.0.0.5
    node.yaml:6:5: error: hosts[1]: `address` is missing [missing]
     6 |   - {names: [b]}
       |     ^
    node.yaml:8:32: error: sysctls["net.core.rmem_max"].atLeast: a whole number from 0 to 18446744073709551615 is expected, not `many` [value]
     8 |   net.core.rmem_max: {atLeast: many}
       |                                ^
    node.yaml:9:22: error: sysctls["net.core.wmem_max"]: exact and atLeast exclude each other [value]
     9 |   net.core.wmem_max: {exact: 1, atLeast: 2}
       |                      ^
       help: leave one of them
    node.yaml:10:25: error: sysctls["vm.overcommit_memory"]: a value is missing [value]
     10 |   vm.overcommit_memory: {optional: true}
        |                         ^
       help: give exact or atLeast
    node.yaml:11:22: error: sysctls["net.ipv4.tcp_rmem"]: a value, or a mapping with exact or atLeast is expected, not a list [value]
     11 |   net.ipv4.tcp_rmem: [1, 2]
        |                      ^
    node.yaml:13:14: error: kubeadm.podSubnet: `10.244.0.0/33` is no network [value]
     13 |   podSubnet: 10.244.0.0/33
        |              ^
       help: give one such as 10.244.0.0/16
    node.yaml:14:13: error: kubeadm.bindPort: a whole number from 0 to 65535 is expected, not 70000 [value]
     14 |   bindPort: 70000
        |             ^
    node.yaml:15:18: error: kubeadm.serviceSubnet: `10.96.0.0/12,10.97.0.0/16` is no network, nor two of different IP versions [value]
     15 |   serviceSubnet: 10.96.0.0/12,10.97.0.0/16
        |                  ^
       help: give one such as 10.244.0.0/16 or 10.244.0.0/16,fd00:10::/56
    node.yaml:17:23: error: firewall.extraPorts[0].port: `0` is no port from 1 to 65535 and no range of ports [value]
     17 |   extraPorts: [{port: 0}, {port: 90-80}, {port: 443, protocol: sctp}]
        |                       ^
       help: give one such as 443 or 30000-32767
    node.yaml:17:34: error: firewall.extraPorts[1].port: `90-80` is no port from 1 to 65535 and no range of ports [value]
     17 |   extraPorts: [{port: 0}, {port: 90-80}, {port: 443, protocol: sctp}]
        |                                  ^
       help: give one such as 443 or 30000-32767
    node.yaml:17:64: error: firewall.extraPorts[2].protocol: `sctp` is not known here [unknown-value]
     17 | ...xtraPorts: [{port: 0}, {port: 90-80}, {port: 443, protocol: sctp}]
        |                                                                ^
       help: did you mean `tcp`?
    node.yaml:18:34: error: directories[0].mode: `0999` is no mode of a file [value]
     18 | directories: [{path: /srv, mode: 0999}]
        |                                  ^
       help: give one such as 0755
    node.yaml:19:13: error: singleNode: true or false is expected, not `perhaps` [value]
     19 | singleNode: perhaps
        |             ^
    17 errors, 0 warnings
    "#);
}

#[test]
fn rules_of_the_host_are_told() {
    assert_snapshot!(report("\
hostname: Node_1
hosts:
  - {address: 10.0.0.5, names: [a, a]}
  - {address: 10.0.0.5, names: [b]}
  - {address: 10.0.0.6, names: [a]}
  - {address: 0.0.0.0, names: []}
modules: {load: [br_netfilter, br-netfilter, ../x]}
sysctls:
  net: 1
  net.ipv4.conf.*.rp_filter: 1
  net.ipv4.ip_forward: ''
  net/core/rmem_max: 1
  net.core.rmem_max: 2
firewall:
  mode: manage
  controlPlanes: [10.0.0.1, 10.0.0.1]
  extraPorts:
    - {port: 1-1024, from: [10.0.0.1/8]}
    - {port: 80}
    - {port: 80}
packages: [{name: vim=9}, {name: {}}, {name: {rhel: [-y]}, version: '1 2'}]
nfs:
  server:
    exports:
      - {path: srv/data, clients: []}
      - {path: /srv/../etc, clients: [{to: 'a b', options: ['rw,sync']}]}
clusterDns: {server: 127.0.0.1, domain: Cluster.local, ndots: 20, timeoutSeconds: 0}
directories: [{path: /a, owner: 'x:y'}, {path: /a}]
mounts:
  - {what: /dev/sdb, where: /data, type: ext4, options: ['rw,noatime']}
  - {what: /dev/sdc, where: /data, type: ext4}
  - {what: /dev/sdd, where: /, type: swap}
"), @r#"
    node.yaml:1:1: error: hostname: `Node_1` is no name of a host (RFC 1123) [name]
     1 | hostname: Node_1
       | ^
       help: use lower case letters, digits and -, a letter or digit at both ends of each part, at most 63 characters between dots
    node.yaml:3:36: error: hosts[0].names[1]: a stands twice [duplicate-name]
     3 |   - {address: 10.0.0.5, names: [a, a]}
       |                                    ^
       help: leave one of them
    node.yaml:4:6: error: hosts[1].address: 10.0.0.5 is the address of hosts[0] already [duplicate-address]
     4 |   - {address: 10.0.0.5, names: [b]}
       |      ^
       help: give all of its names in one entry
    node.yaml:5:33: error: hosts[2].names[0]: a has the address 10.0.0.5 already [duplicate-name]
     5 |   - {address: 10.0.0.6, names: [a]}
       |                                 ^
       help: only the first would be found; leave one of them
    node.yaml:6:6: error: hosts[3].address: 0.0.0.0 is the address of no host [address]
     6 |   - {address: 0.0.0.0, names: []}
       |      ^
       help: give the host's own address
    node.yaml:6:24: error: hosts[3].names: an address without a name [empty]
     6 |   - {address: 0.0.0.0, names: []}
       |                        ^
       help: give its names
    node.yaml:7:32: error: modules.load[1]: br-netfilter stands twice [duplicate]
     7 | modules: {load: [br_netfilter, br-netfilter, ../x]}
       |                                ^
       help: leave one of them
    node.yaml:7:46: error: modules.load[2]: `../x` is no name of a kernel module [module]
     7 | modules: {load: [br_netfilter, br-netfilter, ../x]}
       |                                              ^
       help: use letters, digits, _ and -, as in br_netfilter
    node.yaml:9:3: error: sysctls.net: `net` is no key of a sysctl [sysctl-key]
     9 |   net: 1
       |   ^
       help: write it as sysctl(8) does: net.ipv4.ip_forward; patterns are not taken
    node.yaml:10:3: error: sysctls["net.ipv4.conf.*.rp_filter"]: `net.ipv4.conf.*.rp_filter` is no key of a sysctl [sysctl-key]
     10 |   net.ipv4.conf.*.rp_filter: 1
        |   ^
       help: write it as sysctl(8) does: net.ipv4.ip_forward; patterns are not taken
    node.yaml:11:3: error: sysctls["net.ipv4.ip_forward"]: the value is empty or has several lines [sysctl-value]
     11 |   net.ipv4.ip_forward: ''
        |   ^
       help: give one line
    node.yaml:12:3: error: sysctls.net/core/rmem_max: net/core/rmem_max and net.core.rmem_max are the same [duplicate]
     12 |   net/core/rmem_max: 1
        |   ^
       help: leave one of them
    node.yaml:16:29: error: firewall.controlPlanes[1]: 10.0.0.1 stands twice [duplicate]
     16 |   controlPlanes: [10.0.0.1, 10.0.0.1]
        |                             ^
       help: leave one of them
    node.yaml:18:7: error: firewall.extraPorts[0]: this would let only some reach ssh [ssh]
     18 |     - {port: 1-1024, from: [10.0.0.1/8]}
        |       ^
       help: ssh stays open to all; take its port out of the range
    node.yaml:18:29: error: firewall.extraPorts[0].from[0]: 10.0.0.1/8 has bits beyond its prefix [network]
     18 |     - {port: 1-1024, from: [10.0.0.1/8]}
        |                             ^
       help: write 10.0.0.0/8
    node.yaml:20:8: error: firewall.extraPorts[2].port: 80 stands twice [duplicate]
     20 |     - {port: 80}
        |        ^
       help: give everybody who reaches it in one entry
    node.yaml:21:13: error: packages[0].name: `vim=9` is no name of a package [package]
     21 | packages: [{name: vim=9}, {name: {}}, {name: {rhel: [-y]}, version: '1 2'}]
        |             ^
       help: use letters, digits, and . + - _ after them; a version has its own key
    node.yaml:21:28: error: packages[1].name: no name is given [empty]
     21 | packages: [{name: vim=9}, {name: {}}, {name: {rhel: [-y]}, version: '1 2'}]
        |                            ^
       help: give debian or rhel
    node.yaml:21:54: error: packages[2].name.rhel[0]: `-y` is no name of a package [package]
     21 | packages: [{name: vim=9}, {name: {}}, {name: {rhel: [-y]}, version: '1 2'}]
        |                                                      ^
       help: use letters, digits, and . + - _ after them; a version has its own key
    node.yaml:21:60: error: packages[2].version: `1 2` is no version of a package [version]
     21 | packages: [{name: vim=9}, {name: {}}, {name: {rhel: [-y]}, version: '1 2'}]
        |                                                            ^
       help: give one word without quotes, spaces and #
    node.yaml:25:10: error: nfs.server.exports[0].path: `srv/data` is no plain absolute path [path]
     25 |       - {path: srv/data, clients: []}
        |          ^
       help: begin with /, and leave out . and .. and double slashes
    node.yaml:25:26: error: nfs.server.exports[0].clients: nobody may mount it [empty]
     25 |       - {path: srv/data, clients: []}
        |                          ^
       help: say who, such as 10.0.0.0/8
    node.yaml:26:10: error: nfs.server.exports[1].path: `/srv/../etc` is no plain absolute path [path]
     26 |       - {path: /srv/../etc, clients: [{to: 'a b', options: ['rw,sync']}]}
        |          ^
       help: begin with /, and leave out . and .. and double slashes
    node.yaml:26:40: error: nfs.server.exports[1].clients[0].to: `a b` is no client [client]
     26 |       - {path: /srv/../etc, clients: [{to: 'a b', options: ['rw,sync']}]}
        |                                        ^
       help: give a host, a network, a pattern, or *
    node.yaml:26:61: error: nfs.server.exports[1].clients[0].options[0]: `rw,sync` is no option of an export [option]
     26 |       - {path: /srv/../etc, clients: [{to: 'a b', options: ['rw,sync']}]}
        |                                                             ^
       help: give one option an item
    node.yaml:27:14: error: clusterDns.server: 127.0.0.1 is not the address of the cluster's DNS service [loop]
     27 | clusterDns: {server: 127.0.0.1, domain: Cluster.local, ndots: 20, timeoutSeconds: 0}
        |              ^
       help: give the address of the service kube-dns
    node.yaml:27:33: error: clusterDns.domain: `Cluster.local` is no name of a host (RFC 1123) [name]
     27 | clusterDns: {server: 127.0.0.1, domain: Cluster.local, ndots: 20, timeoutSeconds: 0}
        |                                 ^
       help: use lower case letters, digits and -, a letter or digit at both ends of each part, at most 63 characters between dots
    node.yaml:27:56: error: clusterDns.ndots: ndots is 15 at most [ndots]
     27 | clusterDns: {server: 127.0.0.1, domain: Cluster.local, ndots: 20, timeoutSeconds: 0}
        |                                                        ^
       help: give a smaller number
    node.yaml:27:67: error: clusterDns.timeoutSeconds: a timeout is 1 to 30 seconds [timeout]
     27 | ...rDns: {server: 127.0.0.1, domain: Cluster.local, ndots: 20, timeoutSeconds: 0}
        |                                                                ^
       help: give such a number
    node.yaml:28:26: error: directories[0].owner: `x:y` is no name of a user or group [user]
     28 | directories: [{path: /a, owner: 'x:y'}, {path: /a}]
        |                          ^
       help: give a name or number of this host
    node.yaml:28:42: error: directories[1].path: /a stands twice [duplicate]
     28 | directories: [{path: /a, owner: 'x:y'}, {path: /a}]
        |                                          ^
       help: leave one of them
    node.yaml:30:58: error: mounts[0].options[0]: several options in one [option]
     30 |   - {what: /dev/sdb, where: /data, type: ext4, options: ['rw,noatime']}
        |                                                          ^
       help: give one option an item
    node.yaml:31:22: error: mounts[1].where: /data is the place of two mounts [duplicate]
     31 |   - {what: /dev/sdc, where: /data, type: ext4}
        |                      ^
       help: leave one of them
    node.yaml:32:5: error: mounts[2]: swap is not mounted by this file [mount]
     32 |   - {what: /dev/sdd, where: /, type: swap}
        |     ^
       help: leave it out
    34 errors, 0 warnings
    "#);
}

#[test]
fn packages_that_apt_would_remove_and_secrets_of_mounts_are_refused() {
    assert_snapshot!(report("\
packages: [{name: nginx-}, {name: g++}]
mounts:
  - {what: //nas/a, where: /a, type: cifs, options: [password=x, credentials=/root/nas]}
"), @"
    node.yaml:1:13: error: packages[0].name: `nginx-` is no name of a package [package]
     1 | packages: [{name: nginx-}, {name: g++}]
       |             ^
       help: use letters, digits, and . + - _ after them; a version has its own key
    node.yaml:3:54: error: mounts[0].options[0]: everybody on the host would read this password, in /etc/fstab and elsewhere [secret]
     3 |   - {what: //nas/a, where: /a, type: cifs, options: [password=x, credentials=/root/nas]}
       |                                                      ^
       help: put it into a file that only root reads: credentials=FILE, or secretfile=FILE
    2 errors, 0 warnings
    ");
}

#[test]
fn rules_of_the_cluster_are_told() {
    assert_snapshot!(report("\
role: control-plane
kubernetes:
  version: 1.29
  repository: {baseUrl: mirror, keyUrl: http://mirror/key, keyFile: key.asc, keySha256: abc}
hosts: [{address: 10.96.1.1, names: [a]}]
swap: keep
firewall: {mode: manage, controlPlanes: [10.0.0.1, 10.0.0.2], sshPort: 6443}
containerd: {systemdCgroup: false, registryConfigPath: etc, source: none, version: '2.1'}
kubelet: {failSwapOn: true, nodeIp: 127.0.0.1, resolvConf: resolv.conf, extraArgs: [{name: --v, value: 2}]}
kubeadm:
  controlPlaneEndpoint: 'cluster:0'
  advertiseAddress: 10.244.1.1
  podSubnet: 10.244.0.1/8
  dnsDomain: cluster_local
  certSANs: [ok.example.org, '*.example.org', 10.0.0.1, not ok]
  etcd: {}
  encryptionAlgorithm: ECDSA-P384
  ignorePreflightErrors: [NumCPUs, numcpu, Port-1234]
  timeouts: {discovery: 5 minutes, tlsBootstrap: 1m30s}
cni: {file: cni.yaml, url: ftp://x}
"), @r"
    node.yaml:3:3: error: kubernetes.version: Kubernetes 1.29 is not known [kubernetes-version]
     3 |   version: 1.29
       |   ^
       help: known are 1.33, 1.34, 1.35, 1.36, 1.37
    node.yaml:4:16: error: kubernetes.repository.baseUrl: `mirror` is no URL [url]
     4 |   repository: {baseUrl: mirror, keyUrl: http://mirror/key, keyFile: key.asc, keySha256: abc}
       |                ^
       help: give one that begins with https:// or http://
    node.yaml:4:60: error: kubernetes.repository.keyFile: `key.asc` is no plain absolute path [path]
     4 |   repository: {baseUrl: mirror, keyUrl: http://mirror/key, keyFile: key.asc, keySha256: abc}
       |                                                            ^
       help: begin with /, and leave out . and .. and double slashes
    node.yaml:4:60: error: kubernetes.repository.keyFile: keyUrl and keyFile exclude each other [repository-key]
     4 |   repository: {baseUrl: mirror, keyUrl: http://mirror/key, keyFile: key.asc, keySha256: abc}
       |                                                            ^
       help: leave one of them
    node.yaml:4:78: error: kubernetes.repository.keySha256: `abc` is no SHA-256 [sha256]
     4 | ...seUrl: mirror, keyUrl: http://mirror/key, keyFile: key.asc, keySha256: abc}
       |                                                                ^
       help: give 64 hexadecimal digits, as sha256sum prints them
    node.yaml:5:9: error: hosts[0]: 10.96.1.1 is among the addresses of pods, 10.244.0.1/8 [overlap]
     5 | hosts: [{address: 10.96.1.1, names: [a]}]
       |         ^
       help: give another address, or kubeadm.podSubnet another network
    node.yaml:5:9: error: hosts[0]: 10.96.1.1 is among the addresses of services, 10.96.0.0/12 [overlap]
     5 | hosts: [{address: 10.96.1.1, names: [a]}]
       |         ^
       help: give another address, or kubeadm.serviceSubnet another network
    node.yaml:8:14: error: containerd.systemdCgroup: containerd and the kubelet would make control groups in two ways [cgroup-driver]
     8 | containerd: {systemdCgroup: false, registryConfigPath: etc, source: none, version: '2.1'}
       |              ^
       help: give systemdCgroup: true with cgroupDriver: systemd
    node.yaml:8:36: error: containerd.registryConfigPath: `etc` is no plain absolute path [path]
     8 | containerd: {systemdCgroup: false, registryConfigPath: etc, source: none, version: '2.1'}
       |                                    ^
       help: begin with /, and leave out . and .. and double slashes
    node.yaml:8:75: error: containerd.version: nothing is installed with source: none [unused]
     8 | ...ystemdCgroup: false, registryConfigPath: etc, source: none, version: '2.1'}
       |                                                                ^
       help: leave out the version
    node.yaml:9:11: error: kubelet.failSwapOn: swap is kept, and the kubelet refuses to run with it [swap]
     9 | kubelet: {failSwapOn: true, nodeIp: 127.0.0.1, resolvConf: resolv.conf, extraArgs: [{name: --v, value: 2}]}
       |           ^
       help: leave out failSwapOn, or give swap: off
    node.yaml:9:29: error: kubelet.nodeIp: 127.0.0.1 is no address that other hosts reach [address]
     9 | kubelet: {failSwapOn: true, nodeIp: 127.0.0.1, resolvConf: resolv.conf, extraArgs: [{name: --v, value: 2}]}
       |                             ^
       help: give an address of a link of this host
    node.yaml:9:48: error: kubelet.resolvConf: `resolv.conf` is no plain absolute path [path]
     9 | kubelet: {failSwapOn: true, nodeIp: 127.0.0.1, resolvConf: resolv.conf, extraArgs: [{name: --v, value: 2}]}
       |                                                ^
       help: begin with /, and leave out . and .. and double slashes
    node.yaml:9:86: error: kubelet.extraArgs[0].name: `--v` is no name of an argument [argument]
     9 | ...e, nodeIp: 127.0.0.1, resolvConf: resolv.conf, extraArgs: [{name: --v, value: 2}]}
       |                                                                ^
       help: leave out the dashes before it, and give its value apart
    node.yaml:10:1: error: kubeadm.bindPort: 6443 is the port of ssh [port]
     10 | kubeadm:
        | ^
       help: give the API server another port
    node.yaml:11:3: error: kubeadm.controlPlaneEndpoint: `cluster:0` is no host with or without a port [endpoint]
     11 |   controlPlaneEndpoint: 'cluster:0'
        |   ^
       help: give one such as cluster.example.org:6443
    node.yaml:12:3: error: kubeadm.advertiseAddress: 10.244.1.1 is among the addresses of pods, 10.244.0.1/8 [overlap]
     12 |   advertiseAddress: 10.244.1.1
        |   ^
       help: give another address, or kubeadm.podSubnet another network
    node.yaml:13:3: error: kubeadm.podSubnet: 10.244.0.1/8 has bits beyond its prefix [network]
     13 |   podSubnet: 10.244.0.1/8
        |   ^
       help: write 10.0.0.0/8
    node.yaml:13:3: error: kubeadm.podSubnet: the addresses of pods, 10.244.0.1/8, and of services, 10.96.0.0/12, overlap [overlap]
     13 |   podSubnet: 10.244.0.1/8
        |   ^
       help: give one of them another network
    node.yaml:14:3: error: kubeadm.dnsDomain: `cluster_local` is no name of a host (RFC 1123) [name]
     14 |   dnsDomain: cluster_local
        |   ^
       help: use lower case letters, digits and -, a letter or digit at both ends of each part, at most 63 characters between dots
    node.yaml:15:57: error: kubeadm.certSANs[3]: `not ok` is neither a name nor an address [name]
     15 |   certSANs: [ok.example.org, '*.example.org', 10.0.0.1, not ok]
        |                                                         ^
       help: give one as a certificate has it
    node.yaml:16:3: error: kubeadm.etcd: etcd is either local or external [etcd]
     16 |   etcd: {}
        |   ^
       help: give one of both
    node.yaml:17:3: error: kubeadm.encryptionAlgorithm: ECDSA-P384 needs Kubernetes 1.34, not 1.29 [encryption-algorithm]
     17 |   encryptionAlgorithm: ECDSA-P384
        |   ^
       help: give ECDSA-P256
    node.yaml:18:27: error: kubeadm.ignorePreflightErrors[0]: kubeadm has no check `NumCPUs` [preflight]
     18 |   ignorePreflightErrors: [NumCPUs, numcpu, Port-1234]
        |                           ^
       help: did you mean `NumCPU`?
    node.yaml:19:14: error: kubeadm.timeouts.discovery: `5 minutes` is no duration [duration]
     19 |   timeouts: {discovery: 5 minutes, tlsBootstrap: 1m30s}
        |              ^
       help: give one such as 4m or 1m30s
    node.yaml:20:1: error: cni: a manifest is either a file or a URL [cni]
     20 | cni: {file: cni.yaml, url: ftp://x}
        | ^
       help: give one of both
    26 errors, 0 warnings
    ");
}

#[test]
fn what_is_fetched_needs_a_checksum_and_several_control_planes_an_endpoint() {
    assert_snapshot!(report("\
profile: kubeadm
role: worker
singleNode: true
kubernetes: {version: '1.36'}
containerd: {version: 1.7.24}
cni: {url: https://example.org/cni.yaml}
hostname: a
hosts:
  - {address: 127.0.1.1, names: [a.example.org, a]}
  - {address: 10.0.0.5, names: [a]}
"), @r"
    node.yaml:3:1: error: singleNode: only a control plane can be a cluster by itself [single-node]
     3 | singleNode: true
       | ^
       help: give role: control-plane, or singleNode: false
    node.yaml:5:14: error: containerd.version: Kubernetes 1.36 needs containerd 2.0 [containerd-version]
     5 | containerd: {version: 1.7.24}
       |              ^
       help: give a later version
    node.yaml:6:7: error: cni.url: what is fetched needs a SHA-256 to compare with [sha256]
     6 | cni: {url: https://example.org/cni.yaml}
       |       ^
       help: give sha256, as sha256sum prints it
    node.yaml:9:5: error: hosts[0]: a is both 127.0.1.1 and an address that others reach [loopback-name]
     9 |   - {address: 127.0.1.1, names: [a.example.org, a]}
       |     ^
       help: leave out the entry of 127.0.1.1
    node.yaml:10:33: error: hosts[1].names[0]: a has the address 127.0.1.1 already [duplicate-name]
     10 |   - {address: 10.0.0.5, names: [a]}
        |                                 ^
       help: only the first would be found; leave one of them
    5 errors, 0 warnings
    ");
    let text = "profile: kubeadm\nrole: control-plane\nkubeadm: {}\nfirewall: {controlPlanes: [10.0.0.1, 10.0.0.2]}\n";
    assert_snapshot!(report(text), @r"
    node.yaml:3:1: error: kubeadm: 2 control planes need one endpoint together [control-plane-endpoint]
     3 | kubeadm: {}
       | ^
       help: give controlPlaneEndpoint: it cannot be given later
    1 error, 0 warnings
    ");
    read(&text.replace("kubeadm: {}", "kubeadm: {controlPlaneEndpoint: '[fd00::1]:6443'}"));
}

#[test]
fn a_fault_of_both_files_together_is_shown_where_it_was_made() {
    let text = "profile: hyperflow\nkubeadm:\n  serviceSubnet: 10.32.0.0/16\n";
    assert_snapshot!(report(text), @r"
    profile hyperflow:15:3: error: clusterDns.server: 10.96.0.10 is not among the addresses of services, 10.32.0.0/16 [dns-server]
     15 |   server: 10.96.0.10
        |   ^
       help: give the tenth address of serviceSubnet
    1 error, 0 warnings
    ");
}

#[test]
fn a_text_that_is_no_yaml_has_one_problem() {
    assert_snapshot!(report("role: worker\n  swap: off\n"), @r"
    node.yaml:2:7: error: mapping values are not allowed in this context [yaml]
     2 |   swap: off
       |       ^
    1 error, 0 warnings
    ");
    assert_snapshot!(report("role: worker\nrole: none\n"), @r"
    node.yaml:2:1: error: the key `role` stands twice [yaml]
     2 | role: none
       | ^
       help: leave one of them
    1 error, 0 warnings
    ");
    assert_snapshot!(report("- role\n"), @r"
    node.yaml:1:1: error: a mapping is expected, not a list [value]
     1 | - role
       | ^
    1 error, 0 warnings
    ");
}

#[test]
fn warnings_do_not_stop() {
    let (_, warnings) = Node::read_over(
        None,
        FILE,
        "role: worker\nfirewall: {mode: disable, extraPorts: [{port: 80}]}\n",
    )
    .unwrap();
    let codes: Vec<_> = warnings.iter().map(|warning| warning.code.as_ref()).collect();
    assert_eq!(codes, ["kubernetes", "unused"]);
}

#[test]
fn a_floor_rises_and_never_sinks() {
    let mut node = Node::default();
    node.raise("net.core.rmem_max", 10);
    node.raise("net.core.rmem_max", 5);
    assert_eq!(node.sysctls["net.core.rmem_max"], Sysctl::at_least(10));
    node.raise("net.core.rmem_max", 20);
    assert_eq!(node.sysctls["net.core.rmem_max"], Sysctl::at_least(20));
    node.sysctls.insert("net.core.wmem_max".to_owned(), Sysctl::exact("7"));
    node.raise("net.core.wmem_max", 5);
    assert_eq!(node.sysctls["net.core.wmem_max"], Sysctl::exact("7"), "enough already");
    node.raise("net.core.wmem_max", 8);
    assert_eq!(node.sysctls["net.core.wmem_max"], Sysctl::at_least(8));
}

#[test]
fn the_schema_that_is_checked_in_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/node.schema.json");
    let made = serde_json::to_string_pretty(&node_schema()).unwrap() + "\n";
    if std::env::var_os("WINDLASS_UPDATE_SCHEMA").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "the types have changed: run `WINDLASS_UPDATE_SCHEMA=1 cargo test -p node-bootstrap`, and read the difference"
    );
}

#[test]
fn every_key_is_in_the_reference() {
    let schema = serde_json::to_value(node_schema()).unwrap();
    let reference = include_str!("../../../../docs/node-yaml.md");
    let definitions = schema["$defs"].as_object().unwrap().values();
    for object in definitions.chain([&schema]) {
        for key in object["properties"].as_object().into_iter().flat_map(|keys| keys.keys()) {
            assert!(reference.contains(key.as_str()), "docs/node-yaml.md does not name `{key}`");
        }
    }
}

#[test]
fn networks_are_compared_by_their_bits() {
    let cidr = |text: &str| text.parse::<Cidr>().unwrap();
    assert!(cidr("10.0.0.0/8").overlaps(&cidr("10.244.0.0/16")));
    assert!(cidr("0.0.0.0/0").overlaps(&cidr("10.244.0.0/16")));
    assert!(!cidr("10.96.0.0/12").overlaps(&cidr("10.112.0.0/12")));
    assert!(!cidr("::/0").overlaps(&cidr("10.0.0.0/8")));
    assert!(cidr("fd00::/8").contains("fdff::1".parse().unwrap()));
    assert_eq!(cidr("10.1.2.3/8").network(), cidr("10.0.0.0/8"));
    for bad in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+8", "::/129", "x/8", "10.0.0.0/", ""] {
        assert!(bad.parse::<Cidr>().is_err(), "{bad}");
    }
}

fn sysctl() -> impl Strategy<Value = Sysctl> {
    let wish = prop_oneof![
        "[0-9a-z]([0-9a-z ]{0,6}[0-9a-z])?".prop_map(SysctlWish::Exact),
        any::<u32>().prop_map(|least| SysctlWish::AtLeast(least.into())),
    ];
    (wish, any::<bool>()).prop_map(|(wish, optional)| Sysctl { wish, optional })
}

prop_compose! {
    /// Sound nodes of many shapes.
    fn node()(
        role in prop_oneof![Just(Role::None), Just(Role::Worker), Just(Role::ControlPlane)],
        hostname in prop::option::of("[a-z]([a-z0-9-]{0,8}[a-z0-9])?"),
        minor in 33u32..=37,
        patch in prop::option::of(0u32..20),
        repository in prop::option::of(Just(Repository { base_url: Some("https://mirror/k8s".into()), ..Repository::default() })),
        modules in prop::option::of(prop::collection::btree_set("[a-z]{2,6}", 0..4)),
        sysctls in prop::collection::btree_map("(net|vm)\\.[a-z]{1,8}", sysctl(), 0..5),
        ports in prop::collection::btree_set(1024u16..30000, 0..4),
        hosts in prop::collection::btree_map(1u8..250, "[a-z]{3,9}", 0..4),
        mode in prop::option::of(0u32..=0o7777),
        swap in prop_oneof![Just(Swap::Off), Just(Swap::Keep), Just(Swap::Ignore)],
        parts in any::<[bool; 6]>(),
    ) -> Node {
        let mut names = std::collections::BTreeSet::new();
        Node {
            role,
            hostname,
            kubernetes: Some(Kubernetes {
                version: KubernetesVersion { minor: Minor::new(minor), patch },
                repository,
                packages: vec!["kubelet".into()],
                hold: parts[0],
            }),
            modules: modules.map(|load| Modules { load: load.into_iter().collect() }),
            sysctls,
            firewall: parts[1].then(|| Firewall {
                extra_ports: ports
                    .iter()
                    .map(|port| ExtraPort { port: PortRange::one(*port), protocol: Protocol::Tcp, from: vec![] })
                    .collect(),
                ..Firewall::default()
            }),
            hosts: hosts
                .into_iter()
                .filter(|(_, name)| names.insert(name.clone()))
                .map(|(last, name)| HostEntry { address: [192, 168, 1, last].into(), names: vec![name] })
                .collect(),
            directories: vec![Directory { path: "/srv".into(), mode: mode.map(FileMode), owner: None, group: None }],
            swap,
            containerd: parts[2].then(Containerd::default),
            kubelet: parts[3].then(Kubelet::default),
            kubeadm: parts[4].then(Kubeadm::default),
            cluster_dns: parts[5].then(ClusterDns::default),
            ..Node::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(node in node()) {
        let text = serde_json::to_string_pretty(&node).unwrap();
        let read = Node::read(FILE, &text).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(read, node);
    }

    #[test]
    fn a_node_over_a_profile_is_the_same_over_it_again(node in node(), at in 0usize..4) {
        let profile = Profile::ALL[at];
        let over = |node: &Node| {
            let text = serde_json::to_string(node).unwrap();
            Node::read_over(Some(profile), FILE, &text).map(|(node, _)| node)
        };
        // Role and single node may not fit each other; then there is nothing to compare.
        if let Ok(once) = over(&node) {
            prop_assert_eq!(over(&once).map_err(|problems| TestCaseError::fail(problems.to_string()))?, once);
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "[a-z:{}\\[\\], \n~0-9.-]{0,120}") {
        let _ = Node::read(FILE, &text);
    }

    #[test]
    fn networks_that_contain_an_address_of_each_other_overlap(
        a in any::<u32>(), b in any::<u32>(), p in 0u8..=32, q in 0u8..=32,
    ) {
        let one = Cidr { address: std::net::Ipv4Addr::from(a).into(), prefix: p };
        let other = Cidr { address: std::net::Ipv4Addr::from(b).into(), prefix: q };
        let expected = one.contains(other.network().address) || other.contains(one.network().address);
        prop_assert_eq!(one.overlaps(&other), expected);
        prop_assert_eq!(one.to_string().parse::<Cidr>(), Ok(one));
    }
}

#[test]
fn what_haproxy_cannot_do_is_told() {
    assert_snapshot!(report(
        "\
role: control-plane
haproxy:
  bind: 6443
  servers:
    - {name: a b, address: 'https://a'}
    - {name: b, address: 10.0.0.2}
    - {name: b, address: 10.0.0.2, port: 6443}
  checks: {fall: 0}
"), @r"
    node.yaml:1:1: warning: role: a node without the part kubernetes: its packages are not managed [kubernetes]
     1 | role: control-plane
       | ^
       help: give kubernetes: {version: ...}, or a profile
    node.yaml:3:3: error: haproxy.bind: port 6443 is that of something else on this host: API server [bind]
     3 |   bind: 6443
       |   ^
       help: give haproxy a port of its own, such as 8443, or a host of its own
    node.yaml:5:8: error: haproxy.servers[0].name: `a b` is no name that haproxy takes [name]
     5 |     - {name: a b, address: 'https://a'}
       |        ^
       help: use letters, digits, -, _ and .
    node.yaml:5:19: error: haproxy.servers[0].address: `https://a` is neither an address nor a name [address]
     5 |     - {name: a b, address: 'https://a'}
       |                   ^
       help: give one such as 10.0.0.1 or a.example.org; the port has a field of its own
    node.yaml:7:8: error: haproxy.servers[2].name: b stands twice [duplicate-name]
     7 |     - {name: b, address: 10.0.0.2, port: 6443}
       |        ^
       help: give each server a name of its own
    node.yaml:7:17: error: haproxy.servers[2].address: 10.0.0.2 port 6443 stands twice [duplicate-address]
     7 |     - {name: b, address: 10.0.0.2, port: 6443}
       |                 ^
       help: leave one of them
    node.yaml:8:12: error: haproxy.checks.fall: 0 is not from 1 to 20 [range]
     8 |   checks: {fall: 0}
       |            ^
       help: leave it out for what is usual
    6 errors, 1 warning
    ");
    let text = "haproxy: {bind: 10250, servers: []}\n";
    assert!(report(text).contains("there is nothing that it leads to"));
    let node = read("haproxy: {servers: [{name: a, address: 10.0.0.1}]}\n");
    assert_eq!(node.haproxy.unwrap().servers[0].port, 6443);
    // A control plane whose API server has another port may be its own proxy.
    read(
        "role: control-plane\nkubeadm: {bindPort: 7443}\nhaproxy: {servers: [{name: a, address: 10.0.0.1, port: 7443}]}\n",
    );
}
