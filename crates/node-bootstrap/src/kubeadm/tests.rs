use std::collections::BTreeMap;
use std::process::Command;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn token() -> Token {
    "abcdef.0123456789abcdef".parse().unwrap()
}

fn argument(name: &str, value: &str) -> Argument {
    Argument { name: name.to_owned(), value: value.to_owned() }
}

fn node() -> NodeRegistration {
    NodeRegistration {
        name: Some("n1".to_owned()),
        cri_socket: Some("unix:///run/containerd/containerd.sock".to_owned()),
        taints: Some(Vec::new()),
        kubelet_extra_args: vec![argument("node-ip", "10.0.0.1"), argument("v", "2")],
        ignore_preflight_errors: vec!["NumCPU".to_owned()],
        ..NodeRegistration::default()
    }
}

#[test]
fn the_documents_of_init_have_all_that_is_set_and_nothing_else() {
    let init = InitConfiguration {
        bootstrap_tokens: vec![BootstrapToken {
            token: token(),
            ttl: Some("24h0m0s".to_owned()),
            description: None,
        }],
        local_api_endpoint: Some(LocalApiEndpoint {
            advertise_address: Some("10.0.0.1".to_owned()),
            bind_port: Some(6443),
        }),
        node_registration: Some(node()),
        certificate_key: Some(CertificateKey::from_bytes(&[1; 32])),
        timeouts: Some(Timeouts { etcd_api_call: Some("2m0s".to_owned()), ..Timeouts::default() }),
        ..InitConfiguration::default()
    };
    let cluster = ClusterConfiguration {
        kubernetes_version: Some("v1.35.2".to_owned()),
        control_plane_endpoint: Some("api.example:6443".to_owned()),
        networking: Some(Networking {
            service_subnet: Some("10.96.0.0/12".to_owned()),
            pod_subnet: Some("10.244.0.0/16,fd00::/56".to_owned()),
            dns_domain: Some("cluster.local".to_owned()),
        }),
        api_server: Some(ControlPlaneComponent {
            extra_args: vec![argument("profiling", "false")],
            cert_sans: vec!["api.example".to_owned(), "10.0.0.9".to_owned()],
        }),
        etcd: Some(Etcd::Local(LocalEtcd {
            extra_args: vec![argument("quota-backend-bytes", "8589934592")],
            ..LocalEtcd::default()
        })),
        proxy: Some(Switch { disabled: true }),
        encryption_algorithm: Some("ECDSA-P256".to_owned()),
        ..ClusterConfiguration::default()
    };
    let kubelet = KubeletConfiguration {
        cgroup_driver: Some(CgroupDriver::Systemd),
        resolv_conf: Some("/run/systemd/resolve/resolv.conf".to_owned()),
        fail_swap_on: Some(false),
        memory_swap: Some(MemorySwap { swap_behavior: "LimitedSwap".to_owned() }),
        fail_cgroup_v1: Some(false),
        extra: Some(BTreeMap::from([
            ("maxPods".to_owned(), json!(250)),
            ("odd".to_owned(), json!({"mode": "0644"})),
        ])),
        ..KubeletConfiguration::default()
    };
    let proxy = KubeProxyConfiguration {
        mode: Some("nftables".to_owned()),
        ..KubeProxyConfiguration::default()
    };
    let documents = [
        Document::Init(&init),
        Document::Cluster(&cluster),
        Document::Kubelet(&kubelet),
        Document::KubeProxy(&proxy),
    ];
    insta::assert_snapshot!(render(&documents).unwrap().expose(), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: InitConfiguration
    bootstrapTokens:
    - token: abcdef.0123456789abcdef
      ttl: 24h0m0s
    localAPIEndpoint:
      advertiseAddress: "10.0.0.1"
      bindPort: 6443
    nodeRegistration:
      name: n1
      criSocket: unix:///run/containerd/containerd.sock
      taints: []
      kubeletExtraArgs:
      - name: node-ip
        value: "10.0.0.1"
      - name: v
        value: "2"
      ignorePreflightErrors:
      - NumCPU
    certificateKey: "0101010101010101010101010101010101010101010101010101010101010101"
    timeouts:
      etcdAPICall: 2m0s
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    kubernetesVersion: v1.35.2
    controlPlaneEndpoint: api.example:6443
    networking:
      serviceSubnet: 10.96.0.0/12
      podSubnet: 10.244.0.0/16,fd00::/56
      dnsDomain: cluster.local
    apiServer:
      extraArgs:
      - name: profiling
        value: "false"
      certSANs:
      - api.example
      - "10.0.0.9"
    etcd:
      local:
        extraArgs:
        - name: quota-backend-bytes
          value: "8589934592"
    proxy:
      disabled: true
    encryptionAlgorithm: ECDSA-P256
    ---
    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    cgroupDriver: systemd
    resolvConf: /run/systemd/resolve/resolv.conf
    failSwapOn: false
    memorySwap:
      swapBehavior: LimitedSwap
    failCgroupV1: false
    maxPods: 250
    odd:
      mode: "0644"
    ---
    apiVersion: kubeproxy.config.k8s.io/v1alpha1
    kind: KubeProxyConfiguration
    mode: nftables
    "#);
    let shown = render_redacted(&documents).unwrap();
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("0101"), "{shown}");
}

#[test]
fn a_worker_and_a_control_plane_join_with_a_checked_authority() {
    let discovery = Discovery {
        bootstrap_token: Some(TokenDiscovery {
            token: token(),
            api_server_endpoint: "api.example:6443".to_owned(),
            ca_cert_hashes: vec![format!("sha256:{}", "ab".repeat(32))],
        }),
        ..Discovery::default()
    };
    let worker = JoinConfiguration {
        discovery: Some(discovery.clone()),
        node_registration: Some(NodeRegistration { taints: None, ..node() }),
        ..JoinConfiguration::default()
    };
    insta::assert_snapshot!(render(&[Document::Join(&worker)]).unwrap().expose(), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: JoinConfiguration
    discovery:
      bootstrapToken:
        token: abcdef.0123456789abcdef
        apiServerEndpoint: api.example:6443
        caCertHashes:
        - sha256:abababababababababababababababababababababababababababababababab
    nodeRegistration:
      name: n1
      criSocket: unix:///run/containerd/containerd.sock
      kubeletExtraArgs:
      - name: node-ip
        value: "10.0.0.1"
      - name: v
        value: "2"
      ignorePreflightErrors:
      - NumCPU
    "#);
    let control_plane = JoinConfiguration {
        discovery: Some(Discovery {
            bootstrap_token: None,
            file: Some(FileDiscovery { kube_config_path: "/root/discovery.conf".to_owned() }),
            tls_bootstrap_token: Some(token()),
        }),
        control_plane: Some(JoinControlPlane {
            local_api_endpoint: Some(LocalApiEndpoint {
                advertise_address: Some("10.0.0.2".to_owned()),
                bind_port: None,
            }),
            certificate_key: Some(CertificateKey::from_bytes(&[2; 32])),
        }),
        ..JoinConfiguration::default()
    };
    insta::assert_snapshot!(render_redacted(&[Document::Join(&control_plane)]).unwrap(), @r#"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: JoinConfiguration
    discovery:
      file:
        kubeConfigPath: /root/discovery.conf
      tlsBootstrapToken: <secret>
    controlPlane:
      localAPIEndpoint:
        advertiseAddress: "10.0.0.2"
      certificateKey: <secret>
    "#);
}

#[test]
fn reset_and_an_external_etcd_are_written_too() {
    let reset = ResetConfiguration {
        force: Some(true),
        ignore_preflight_errors: vec!["all".to_owned()],
        unmount_flags: vec!["MNT_DETACH".to_owned()],
        ..ResetConfiguration::default()
    };
    let cluster = ClusterConfiguration {
        etcd: Some(Etcd::External(ExternalEtcd {
            endpoints: vec!["https://10.0.0.5:2379".to_owned()],
            ca_file: "/etc/etcd/ca.crt".to_owned(),
            cert_file: "/etc/etcd/client.crt".to_owned(),
            key_file: "/etc/etcd/client.key".to_owned(),
        })),
        ..ClusterConfiguration::default()
    };
    insta::assert_snapshot!(render(&[Document::Reset(&reset), Document::Cluster(&cluster)]).unwrap().expose(), @"
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ResetConfiguration
    force: true
    ignorePreflightErrors:
    - all
    unmountFlags:
    - MNT_DETACH
    ---
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: ClusterConfiguration
    etcd:
      external:
        endpoints:
        - https://10.0.0.5:2379
        caFile: /etc/etcd/ca.crt
        certFile: /etc/etcd/client.crt
        keyFile: /etc/etcd/client.key
    ");
}

#[test]
fn a_real_kubeadm_takes_every_document() {
    let Ok(version) = Command::new("kubeadm").args(["version", "-o", "short"]).output() else {
        println!("skipped: kubeadm is not installed here");
        return;
    };
    let version = String::from_utf8(version.stdout).unwrap().trim().to_owned();
    let every = argument("v", "2");
    let timeouts = || {
        let wait = || Some("3m0s".to_owned());
        Some(Timeouts {
            control_plane_component_health_check: wait(),
            kubelet_health_check: wait(),
            kubernetes_api_call: wait(),
            etcd_api_call: wait(),
            tls_bootstrap: wait(),
            discovery: wait(),
            upgrade_manifests: wait(),
        })
    };
    let endpoint = || {
        Some(LocalApiEndpoint {
            advertise_address: Some("10.0.0.1".to_owned()),
            bind_port: Some(6443),
        })
    };
    let patches = || Some(Patches { directory: Some("/etc/patches".to_owned()) });
    let registration = || {
        Some(NodeRegistration {
            taints: Some(vec![Taint {
                key: "a".to_owned(),
                value: Some("b".to_owned()),
                effect: "NoSchedule".to_owned(),
            }]),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            image_pull_serial: Some(false),
            ..node()
        })
    };
    let key = || Some(CertificateKey::from_bytes(&[3; 32]));
    let init = InitConfiguration {
        bootstrap_tokens: vec![BootstrapToken {
            token: token(),
            ttl: Some("24h0m0s".to_owned()),
            description: Some("x".to_owned()),
        }],
        local_api_endpoint: endpoint(),
        node_registration: registration(),
        certificate_key: key(),
        skip_phases: vec!["addon/kube-proxy".to_owned()],
        patches: patches(),
        timeouts: timeouts(),
    };
    let component =
        || Some(ControlPlaneComponent { extra_args: vec![every.clone()], cert_sans: Vec::new() });
    let cluster = ClusterConfiguration {
        cluster_name: Some("one".to_owned()),
        kubernetes_version: Some(version.clone()),
        control_plane_endpoint: Some("api.example:6443".to_owned()),
        networking: Some(Networking {
            service_subnet: Some("10.96.0.0/12".to_owned()),
            pod_subnet: Some("10.244.0.0/16".to_owned()),
            dns_domain: Some("cluster.local".to_owned()),
        }),
        api_server: Some(ControlPlaneComponent {
            extra_args: vec![every.clone()],
            cert_sans: vec!["a.example".to_owned()],
        }),
        controller_manager: component(),
        scheduler: component(),
        etcd: Some(Etcd::Local(LocalEtcd {
            data_dir: Some("/var/lib/etcd".to_owned()),
            extra_args: vec![every.clone()],
            server_cert_sans: vec!["a.example".to_owned()],
            peer_cert_sans: vec!["a.example".to_owned()],
        })),
        dns: Some(Switch::default()),
        proxy: Some(Switch { disabled: true }),
        certificates_dir: Some("/etc/kubernetes/pki".to_owned()),
        image_repository: Some("registry.example".to_owned()),
        encryption_algorithm: Some("ECDSA-P256".to_owned()),
        certificate_validity_period: Some("8760h0m0s".to_owned()),
        ca_certificate_validity_period: Some("87600h0m0s".to_owned()),
        feature_gates: None,
    };
    let kubelet = KubeletConfiguration {
        cgroup_driver: Some(CgroupDriver::Systemd),
        resolv_conf: Some("/etc/resolv.conf".to_owned()),
        fail_swap_on: Some(false),
        memory_swap: Some(MemorySwap { swap_behavior: "LimitedSwap".to_owned() }),
        fail_cgroup_v1: Some(false),
        protect_kernel_defaults: Some(true),
        extra: Some(BTreeMap::from([("maxPods".to_owned(), json!(250))])),
    };
    let proxy = KubeProxyConfiguration {
        mode: Some("nftables".to_owned()),
        cluster_cidr: Some("10.244.0.0/16".to_owned()),
        extra: None,
    };
    let external = ClusterConfiguration {
        kubernetes_version: Some(version),
        etcd: Some(Etcd::External(ExternalEtcd {
            endpoints: vec!["https://10.0.0.5:2379".to_owned()],
            ca_file: "/etc/etcd/ca.crt".to_owned(),
            cert_file: "/etc/etcd/client.crt".to_owned(),
            key_file: "/etc/etcd/client.key".to_owned(),
        })),
        ..ClusterConfiguration::default()
    };
    let join = JoinConfiguration {
        discovery: Some(Discovery {
            bootstrap_token: Some(TokenDiscovery {
                token: token(),
                api_server_endpoint: "api.example:6443".to_owned(),
                ca_cert_hashes: vec![format!("sha256:{}", "ab".repeat(32))],
            }),
            file: None,
            tls_bootstrap_token: Some(token()),
        }),
        node_registration: registration(),
        control_plane: Some(JoinControlPlane {
            local_api_endpoint: endpoint(),
            certificate_key: key(),
        }),
        ca_cert_path: Some("/etc/kubernetes/pki/ca.crt".to_owned()),
        skip_phases: vec!["preflight".to_owned()],
        patches: patches(),
        timeouts: timeouts(),
    };
    let reset = ResetConfiguration {
        force: Some(true),
        cri_socket: Some("unix:///run/containerd/containerd.sock".to_owned()),
        certificates_dir: Some("/etc/kubernetes/pki".to_owned()),
        cleanup_tmp_dir: Some(true),
        ignore_preflight_errors: vec!["all".to_owned()],
        skip_phases: vec!["cleanup-node".to_owned()],
        unmount_flags: vec!["MNT_DETACH".to_owned()],
        timeouts: timeouts(),
    };
    let folder = tempfile::tempdir().unwrap();
    let whole = [
        Document::Init(&init),
        Document::Cluster(&cluster),
        Document::Kubelet(&kubelet),
        Document::KubeProxy(&proxy),
    ];
    for documents in [
        &whole[..],
        &[Document::Cluster(&external)],
        &[Document::Join(&join)],
        &[Document::Reset(&reset)],
    ] {
        let text = render(documents).unwrap();
        let file = folder.path().join("kubeadm.yaml");
        std::fs::write(&file, text.expose()).unwrap();
        let said = Command::new("kubeadm")
            .args(["config", "validate", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        // A field that is not known is only a warning to kubeadm.
        assert!(
            said.status.success() && !words.contains("unknown field"),
            "{words}\n{}",
            text.expose()
        );
    }
}

#[test]
fn texts_that_yaml_would_misread_are_quoted() {
    for odd in [
        "on",
        "off",
        "yes",
        "n",
        "0644",
        "0o17",
        "1.10",
        "1e3",
        "null",
        "~",
        "",
        "12:30",
        "2026-01-01",
        "- a",
        "a: b",
        "#x",
        "0x1f",
        " x",
        "x\ny",
    ] {
        let text = diagnostics::yaml::write(&json!({ "value": odd })).unwrap();
        let read: Value = diagnostics::yaml::read("x", &text).unwrap();
        assert_eq!(read["value"], json!(odd), "{text}");
    }
    insta::assert_snapshot!(diagnostics::yaml::write(&json!(["on", "0644", "1.10", "v1.35.2", "10.0.0.1", "1.35"])).unwrap(), @r#"
    - "on"
    - "0644"
    - "1.10"
    - v1.35.2
    - "10.0.0.1"
    - "1.35"
    "#);
}

proptest! {
    #[test]
    fn every_argument_is_read_back_as_it_was(name in "[a-z-]{1,8}", value in "[ -~\n]{0,40}") {
        let init = InitConfiguration {
            node_registration: Some(NodeRegistration {
                kubelet_extra_args: vec![argument(&name, &value)],
                ..NodeRegistration::default()
            }),
            ..InitConfiguration::default()
        };
        let text = render(&[Document::Init(&init)]).unwrap();
        let read: Value = diagnostics::yaml::read("x", text.expose()).unwrap();
        let there = &read["nodeRegistration"]["kubeletExtraArgs"][0];
        prop_assert_eq!(there, &json!({ "name": name, "value": value }));
    }
}
