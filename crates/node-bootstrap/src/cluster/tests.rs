use std::process::Command;

use super::*;
use crate::kubeadm::{
    CertificateKey, Document, Patches, UpgradeApply, UpgradeConfiguration, UpgradeNode,
    render_redacted,
};
use crate::spec::{Node, Profile};

const VERSION: &str = "v1.35.4";

fn node(profile: Profile, text: &str) -> Node {
    let (node, _) = Node::read_over(Some(profile), "node.yaml", text)
        .unwrap_or_else(|problems| panic!("{}", problems.render("node.yaml", text)));
    node
}

fn invitation(key: Option<CertificateKey>) -> Invitation {
    Invitation {
        endpoint: "10.0.0.1:6443".to_owned(),
        token: "abcdef.0123456789abcdef".parse().unwrap(),
        ca_cert_hash: format!("sha256:{}", "ab".repeat(32)),
        certificate_key: key,
    }
}

fn shown(node: &Node) -> String {
    init(node, VERSION, &Given::default()).shown().unwrap()
}

fn joining(node: &Node, key: Option<CertificateKey>) -> String {
    render_redacted(&[Document::Join(&join(node, &invitation(key), &Given::default()))]).unwrap()
}

/// Everything that `node.yaml` can say of a cluster.
const WHOLE: &str = "version: 1
role: control-plane
kubernetes: {version: 1.35.4}
swap: keep
containerd: {systemdCgroup: false}
kubelet:
  nodeIp: 10.0.0.1
  cgroupDriver: cgroupfs
  failCgroupV1: false
  extraArgs: [{name: v, value: 2}]
kubeadm:
  clusterName: one
  controlPlaneEndpoint: api.example.org:6443
  advertiseAddress: 10.0.0.1
  bindPort: 7443
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.97.0.0/16
  dnsDomain: example.local
  imageRepository: registry.example.org
  certSANs: [api.example.org]
  apiServer: {extraArgs: [{name: profiling, value: 'false'}]}
  etcd: {local: {extraArgs: [{name: quota-backend-bytes, value: '8589934592'}]}}
  encryptionAlgorithm: ECDSA-P256
  ignorePreflightErrors: [NumCPU]
  proxyMode: nftables
  timeouts: {discovery: 3m, upgradeManifests: 4m}
";

#[test]
fn a_profile_says_what_kubeadm_needs_and_no_more() {
    insta::assert_snapshot!(shown(&Node::from_profile(Profile::Kubeadm).unwrap()), @r"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    localAPIEndpoint:
      bindPort: 6443
    nodeRegistration:
      criSocket: unix:///run/containerd/containerd.sock
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    kubernetesVersion: v1.35.4
    networking:
      dnsDomain: cluster.local
    ---
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    cgroupDriver: systemd
    ");
}

#[test]
fn the_guide_of_hap_becomes_a_cluster_of_one_node() {
    insta::assert_snapshot!(shown(&Node::from_profile(Profile::HapCentos).unwrap()), @r"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    localAPIEndpoint:
      bindPort: 6443
    nodeRegistration:
      criSocket: unix:///run/containerd/containerd.sock
      taints: []
      ignorePreflightErrors:
      - NumCPU
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    kubernetesVersion: v1.35.4
    networking:
      podSubnet: 10.244.0.0/16
      dnsDomain: cluster.local
    ---
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    cgroupDriver: systemd
    ");
}

#[test]
fn the_profiles_on_top_of_kubeadm_make_the_same_cluster() {
    let plain = shown(&Node::from_profile(Profile::Kubeadm).unwrap());
    for profile in [Profile::Hpcc, Profile::Hyperflow] {
        assert_eq!(shown(&Node::from_profile(profile).unwrap()), plain, "{profile:?}");
    }
}

#[test]
fn all_that_can_be_said_of_a_cluster_reaches_kubeadm() {
    insta::assert_snapshot!(shown(&node(Profile::Kubeadm, WHOLE)), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    localAPIEndpoint:
      advertiseAddress: "10.0.0.1"
      bindPort: 7443
    nodeRegistration:
      criSocket: unix:///run/containerd/containerd.sock
      kubeletExtraArgs:
      - name: node-ip
        value: "10.0.0.1"
      - name: v
        value: "2"
      ignorePreflightErrors:
      - NumCPU
    timeouts:
      discovery: 3m
      upgradeManifests: 4m
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    clusterName: one
    kubernetesVersion: v1.35.4
    controlPlaneEndpoint: api.example.org:6443
    networking:
      serviceSubnet: 10.97.0.0/16
      podSubnet: 10.244.0.0/16
      dnsDomain: example.local
    apiServer:
      extraArgs:
      - name: profiling
        value: "false"
      certSANs:
      - api.example.org
    etcd:
      local:
        extraArgs:
        - name: quota-backend-bytes
          value: "8589934592"
    imageRepository: registry.example.org
    encryptionAlgorithm: ECDSA-P256
    ---
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    cgroupDriver: cgroupfs
    failSwapOn: false
    failCgroupV1: false
    ---
    apiVersion: kubeproxy.config.k8s.io/v1alpha1
    kind: KubeProxyConfiguration
    mode: nftables
    "#);
}

#[test]
fn a_worker_joins_with_a_token_and_a_hash() {
    insta::assert_snapshot!(joining(&Node::from_profile(Profile::Kubeadm).unwrap(), None), @r"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: JoinConfiguration
    discovery:
      bootstrapToken:
        token: <secret>
        apiServerEndpoint: 10.0.0.1:6443
        caCertHashes:
        - sha256:abababababababababababababababababababababababababababababababab
    nodeRegistration:
      criSocket: unix:///run/containerd/containerd.sock
    ");
    for profile in [Profile::HapCentos, Profile::Hpcc, Profile::Hyperflow] {
        let text = joining(&Node::from_profile(profile).unwrap(), None);
        assert!(text.contains("caCertHashes:\n    - sha256:abab"), "{text}");
        assert!(!text.contains("unsafe") && !text.contains("controlPlane:"), "{text}");
    }
}

#[test]
fn a_control_plane_joins_with_a_key_as_well() {
    let key = CertificateKey::from_bytes(&[7; 32]);
    insta::assert_snapshot!(joining(&node(Profile::Kubeadm, WHOLE), Some(key)), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: JoinConfiguration
    discovery:
      bootstrapToken:
        token: <secret>
        apiServerEndpoint: 10.0.0.1:6443
        caCertHashes:
        - sha256:abababababababababababababababababababababababababababababababab
    nodeRegistration:
      criSocket: unix:///run/containerd/containerd.sock
      kubeletExtraArgs:
      - name: node-ip
        value: "10.0.0.1"
      - name: v
        value: "2"
      ignorePreflightErrors:
      - NumCPU
    controlPlane:
      localAPIEndpoint:
        advertiseAddress: "10.0.0.1"
        bindPort: 7443
      certificateKey: <secret>
    timeouts:
      discovery: 3m
      upgradeManifests: 4m
    "#);
}

#[test]
fn what_is_true_of_one_host_is_no_part_of_the_cluster() {
    let node = node(Profile::Kubeadm, WHOLE);
    let patch = |resolv: Option<&str>, joins| {
        kubelet_patch(&node, resolv.map(str::to_owned), joins).unwrap().unwrap_or_default()
    };
    assert_eq!(patch(None, false), "");
    insta::assert_snapshot!(patch(Some("/run/resolv.conf"), true), @r"
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    cgroupDriver: cgroupfs
    resolvConf: /run/resolv.conf
    failSwapOn: false
    failCgroupV1: false
    ");
    let plain = Node::from_profile(Profile::Kubeadm).unwrap();
    assert_eq!(kubelet_patch(&plain, None, true).unwrap(), None);
}

#[test]
fn checks_are_ignored_by_both_node_yaml_and_the_command_line() {
    let node = Node::from_profile(Profile::HapCentos).unwrap();
    let ignore_preflight_errors = vec!["numcpu".to_owned(), "Mem".to_owned()];
    let given = Given { ignore_preflight_errors, patches: true };
    let documents = init(&node, VERSION, &given);
    let registration = documents.init.node_registration.unwrap();
    assert_eq!(registration.ignore_preflight_errors, ["NumCPU", "Mem"]);
    assert_eq!(documents.init.patches.unwrap().directory.as_deref(), Some(PATCHES));
}

#[test]
fn a_real_kubeadm_takes_the_documents_of_every_profile() {
    let Ok(version) = Command::new("kubeadm").args(["version", "-o", "short"]).output() else {
        println!("skipped: kubeadm is not installed here");
        return;
    };
    let version = String::from_utf8(version.stdout).unwrap().trim().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let file = folder.path().join("kubeadm.yaml");
        std::fs::write(&file, text).unwrap();
        let said = Command::new("kubeadm")
            .args(["config", "validate", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success() && !words.contains("unknown field"), "{words}\n{text}");
    };
    let mut nodes: Vec<Node> =
        [Profile::HapCentos, Profile::Kubeadm, Profile::Hpcc, Profile::Hyperflow]
            .map(|profile| Node::from_profile(profile).unwrap())
            .to_vec();
    nodes.push(node(Profile::Kubeadm, WHOLE));
    for node in &nodes {
        let given = Given { patches: true, ..Given::default() };
        check(init(node, &version, &given).render().unwrap().expose());
        for key in [None, Some(CertificateKey::from_bytes(&[7; 32]))] {
            let configuration = join(node, &invitation(key), &given);
            let text = crate::kubeadm::render(&[Document::Join(&configuration)]).unwrap();
            check(text.expose());
        }
        check(reset_document(true, true).unwrap().expose());
        let wish = node.kubeadm.clone().unwrap_or_default();
        let ignored = &wish.ignore_preflight_errors;
        let patches = || Some(Patches { directory: Some(PATCHES.to_owned()) });
        let upgrade = UpgradeConfiguration {
            apply: Some(UpgradeApply {
                kubernetes_version: Some(version.clone()),
                ignore_preflight_errors: ignored.clone(),
                patches: patches(),
            }),
            node: Some(UpgradeNode {
                ignore_preflight_errors: ignored.clone(),
                patches: patches(),
            }),
            timeouts: documents::timeouts(&wish),
        };
        check(&render_redacted(&[Document::Upgrade(&upgrade)]).unwrap());
    }
}

#[test]
fn secrets_are_no_arguments_of_what_is_typed_elsewhere() {
    let text = invitation(Some(CertificateKey::from_bytes(&[7; 32]))).commands();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (printed, joined) = line.split_once(" | ").unwrap();
        assert!(printed.starts_with("printf ") && printed.contains("0123456789abcdef"));
        assert!(!joined.contains("0123456789abcdef") && !joined.contains("0707"), "{joined}");
    }
    assert!(text.lines().any(|line| line.ends_with("--token-stdin --control-plane")));
}

/// What kubeadm reads of every profile, of all that can be said, and of hosts that join.
fn all_documents() -> Vec<String> {
    let mut documents: Vec<String> =
        Profile::ALL.iter().map(|profile| shown(&Node::from_profile(*profile).unwrap())).collect();
    let whole = Node::read("node.yaml", WHOLE).unwrap();
    documents.push(shown(&whole));
    documents.push(joining(&whole, Some(CertificateKey::from_bytes(&[7; 32]))));
    documents.push(joining(&Node::default(), None));
    documents
}

#[test]
fn op_b6_19_nothing_takes_tls_authentication_or_dns_from_a_cluster() {
    for document in all_documents() {
        for weak in [
            "insecure",
            "anonymous",
            "AlwaysAllow",
            "authorization-mode",
            "unsafeSkipCAVerification",
            "readOnlyPort",
            "client-cert-auth",
            "addon/coredns",
            "skipPhases",
            "http://",
        ] {
            assert!(!document.contains(weak), "{weak} is in\n{document}");
        }
        let joins = document.contains("kind: JoinConfiguration");
        assert_eq!(joins, document.contains("caCertHashes:\n    - sha256:"), "{document}");
        assert!(joins || document.contains("dnsDomain: "), "{document}");
    }
}

#[test]
fn op_b6_20_kubeadm_is_told_nothing_that_was_taken_out_of_kubernetes() {
    const KNOWN: [&str; 3] = [
        "kubeadm.k8s.io/v1beta4",
        "kubelet.config.k8s.io/v1beta1",
        "kubeproxy.config.k8s.io/v1alpha1",
    ];
    for document in all_documents() {
        let versions = document.lines().filter_map(|line| line.strip_prefix("apiVersion: "));
        for version in versions {
            assert!(KNOWN.contains(&version), "{version}");
        }
        for gone in [
            "insecure-port",
            "hyperkube",
            "dockershim",
            "require-kubeconfig",
            "pod-infra-container-image",
            "container-runtime:",
            "10251",
            "10252",
            "node-role.kubernetes.io/master",
        ] {
            assert!(!document.contains(gone), "{gone} is in\n{document}");
        }
    }
}
