//! From `node.yaml` to the documents that kubeadm reads.

use std::collections::BTreeMap;

use diagnostics::yaml::Unwritable;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kubeadm::{
    Argument, CertificateKey, CgroupDriver, ClusterConfiguration, ControlPlaneComponent, Discovery,
    Document, Etcd, ExternalEtcd, InitConfiguration, JoinConfiguration, JoinControlPlane,
    KubeProxyConfiguration, KubeletConfiguration, LocalApiEndpoint, LocalEtcd, Networking,
    NodeRegistration, Patches, Timeouts, Token, TokenDiscovery, render, render_redacted,
};
use crate::secret::Secret;
use crate::spec::{self, Kubeadm, Node, Swap};

/// The socket of containerd.
const CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";
/// Where what is true of this host alone is, in kubeadm's form of patches.
pub const PATCHES: &str = "/etc/kubernetes/node-prep/patches";

/// What the documents need beside `node.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Names of kubeadm's checks whose errors become warnings, beside those of `node.yaml`.
    pub ignore_preflight_errors: Vec<String>,
    /// Whether there is a folder of [`PATCHES`].
    pub patches: bool,
}

/// The documents for `kubeadm init`. There is no secret in them.
#[derive(Debug, Clone, PartialEq)]
pub struct InitDocuments {
    /// The first control plane.
    pub init: InitConfiguration,
    /// The cluster.
    pub cluster: ClusterConfiguration,
    /// Its kubelets.
    pub kubelet: KubeletConfiguration,
    /// kube-proxy, where something is said of it.
    pub proxy: Option<KubeProxyConfiguration>,
}

impl InitDocuments {
    fn all(&self) -> Vec<Document<'_>> {
        let mut all = vec![
            Document::Init(&self.init),
            Document::Cluster(&self.cluster),
            Document::Kubelet(&self.kubelet),
        ];
        all.extend(self.proxy.as_ref().map(Document::KubeProxy));
        all
    }

    /// The file for kubeadm.
    ///
    /// # Errors
    /// If it cannot be written as YAML.
    pub fn render(&self) -> Result<Secret, Unwritable> {
        render(&self.all())
    }

    /// The same for people.
    ///
    /// # Errors
    /// If it cannot be written as YAML.
    pub fn shown(&self) -> Result<String, Unwritable> {
        render_redacted(&self.all())
    }
}

/// The documents for `kubeadm init`, for the version that kubeadm shall install, such as `v1.35.4`.
#[must_use]
pub fn init(node: &Node, version: &str, given: &Given) -> InitDocuments {
    let usual = Kubeadm::default();
    let wish = node.kubeadm.as_ref().unwrap_or(&usual);
    let mut registration = registration(node, wish, given);
    // An empty list is not the same as none: kubeadm taints a control plane unless it is told.
    registration.taints = node.single_node.then(Vec::new);
    InitDocuments {
        init: InitConfiguration {
            local_api_endpoint: Some(local_endpoint(wish)),
            node_registration: Some(registration),
            patches: patches(given),
            timeouts: timeouts(wish),
            ..InitConfiguration::default()
        },
        cluster: cluster(wish, version),
        kubelet: kubelet(node),
        proxy: proxy(wish),
    }
}

fn cluster(wish: &Kubeadm, version: &str) -> ClusterConfiguration {
    let text = |value: Option<&dyn std::fmt::Display>| value.map(ToString::to_string);
    ClusterConfiguration {
        cluster_name: wish.cluster_name.clone(),
        kubernetes_version: Some(version.to_owned()),
        control_plane_endpoint: wish.control_plane_endpoint.clone(),
        networking: Some(Networking {
            service_subnet: text(wish.service_subnet.as_ref().map(|subnet| subnet as _)),
            pod_subnet: text(wish.pod_subnet.as_ref().map(|subnet| subnet as _)),
            dns_domain: Some(wish.dns_domain.clone()),
        }),
        api_server: component(&wish.api_server, &wish.cert_sans),
        controller_manager: component(&wish.controller_manager, &[]),
        scheduler: component(&wish.scheduler, &[]),
        etcd: wish.etcd.as_ref().and_then(etcd),
        image_repository: wish.image_repository.clone(),
        encryption_algorithm: wish.encryption_algorithm.map(|it| it.as_str().to_owned()),
        ..ClusterConfiguration::default()
    }
}

fn component(wish: &spec::Component, cert_sans: &[String]) -> Option<ControlPlaneComponent> {
    let component = ControlPlaneComponent {
        extra_args: arguments(&wish.extra_args),
        cert_sans: cert_sans.to_vec(),
    };
    (component != ControlPlaneComponent::default()).then_some(component)
}

fn etcd(wish: &spec::Etcd) -> Option<Etcd> {
    match (&wish.external, &wish.local) {
        (Some(external), _) => Some(Etcd::External(ExternalEtcd {
            endpoints: external.endpoints.clone(),
            ca_file: external.ca_file.clone(),
            cert_file: external.cert_file.clone(),
            key_file: external.key_file.clone(),
        })),
        (None, Some(local)) => Some(Etcd::Local(LocalEtcd {
            extra_args: arguments(&local.extra_args),
            ..LocalEtcd::default()
        })),
        (None, None) => None,
    }
}

fn proxy(wish: &Kubeadm) -> Option<KubeProxyConfiguration> {
    let wished = KubeProxyConfiguration {
        mode: wish.proxy_mode.map(|mode| mode.as_str().to_owned()),
        extra: extra(&wish.proxy_configuration),
        ..KubeProxyConfiguration::default()
    };
    (wished != KubeProxyConfiguration::default()).then_some(wished)
}

fn extra(fields: &BTreeMap<String, Value>) -> Option<BTreeMap<String, Value>> {
    (!fields.is_empty()).then(|| fields.clone())
}

/// What is true of all kubelets of the cluster. Theirs alone are the patches: see [`kubelet_patch`].
fn kubelet(node: &Node) -> KubeletConfiguration {
    let wish = node.kubelet.as_ref();
    // Pods use none of it: a kubelet that is told that they may does not start with control groups of version 1.
    let keep = node.swap == Swap::Keep;
    KubeletConfiguration {
        cgroup_driver: Some(cgroup_driver(node)),
        fail_swap_on: wish.and_then(|wish| wish.fail_swap_on).or(keep.then_some(false)),
        fail_cgroup_v1: wish.and_then(|wish| wish.fail_cgroup_v1),
        extra: wish.and_then(|wish| extra(&wish.configuration)),
        ..KubeletConfiguration::default()
    }
}

/// containerd before 2.0 cannot tell the kubelet its own.
fn cgroup_driver(node: &Node) -> CgroupDriver {
    let is_systemd = match (&node.kubelet, &node.containerd) {
        (Some(kubelet), _) => kubelet.cgroup_driver == spec::CgroupDriver::Systemd,
        (None, Some(containerd)) => containerd.systemd_cgroup,
        (None, None) => true,
    };
    if is_systemd { CgroupDriver::Systemd } else { CgroupDriver::Cgroupfs }
}

/// What is true of the kubelet of this host, whatever the cluster's configuration says. When it joins, kubeadm takes the
/// cluster's, and this is laid over it. `None` where there is nothing to say.
///
/// # Errors
/// If it cannot be written as YAML.
pub fn kubelet_patch(
    node: &Node,
    resolv_conf: Option<String>,
    joins: bool,
) -> Result<Option<String>, Unwritable> {
    let cluster_wide = kubelet(node);
    let patch = KubeletConfiguration {
        resolv_conf,
        // kubeadm's own is systemd.
        cgroup_driver: cluster_wide
            .cgroup_driver
            .filter(|driver| joins && *driver == CgroupDriver::Cgroupfs),
        fail_swap_on: cluster_wide.fail_swap_on.filter(|_| joins),
        fail_cgroup_v1: cluster_wide.fail_cgroup_v1.filter(|_| joins),
        extra: cluster_wide.extra.filter(|_| joins),
        ..KubeletConfiguration::default()
    };
    if patch == KubeletConfiguration::default() {
        return Ok(None);
    }
    render_redacted(&[Document::Kubelet(&patch)]).map(Some)
}

/// What a host needs to join a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// `host:port` of a control plane, or of what leads to all of them.
    pub endpoint: String,
    /// A token that is valid.
    pub token: Token,
    /// The hash of the key of the cluster's authority, as [`crate::kubeadm::ca_hash::of_pem`] gives it.
    pub ca_cert_hash: String,
    /// The key of the certificates that were uploaded, for another control plane.
    pub certificate_key: Option<CertificateKey>,
}

impl Invitation {
    /// What is typed on other hosts to have them join, a line each; it is a secret. `printf` is a part of the shell: no other
    /// process sees its arguments.
    #[must_use]
    pub fn commands(&self) -> String {
        let Self { endpoint, ca_cert_hash, .. } = self;
        let token = self.token.expose();
        let token = token.expose();
        let join = format!(
            "node-prep join --yes --endpoint {endpoint} --ca-cert-hash {ca_cert_hash} --token-stdin"
        );
        let mut lines = vec!["# a worker:".to_owned(), format!("printf '%s\\n' {token} | {join}")];
        if let Some(key) = &self.certificate_key {
            let key = key.expose();
            lines.push("# another control plane, within two hours, one after another:".to_owned());
            lines.push(format!("printf '%s\\n' {token} {key} | {join} --control-plane"));
        }
        lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
    }
}

/// The document for `kubeadm join`: of a control plane where the invitation has a certificate key.
#[must_use]
pub fn join(node: &Node, invitation: &Invitation, given: &Given) -> JoinConfiguration {
    let usual = Kubeadm::default();
    let wish = node.kubeadm.as_ref().unwrap_or(&usual);
    JoinConfiguration {
        discovery: Some(Discovery {
            bootstrap_token: Some(TokenDiscovery {
                token: invitation.token.clone(),
                api_server_endpoint: invitation.endpoint.clone(),
                ca_cert_hashes: vec![invitation.ca_cert_hash.clone()],
            }),
            ..Discovery::default()
        }),
        node_registration: Some(registration(node, wish, given)),
        control_plane: invitation.certificate_key.as_ref().map(|key| JoinControlPlane {
            local_api_endpoint: Some(local_endpoint(wish)),
            certificate_key: Some(key.clone()),
        }),
        patches: patches(given),
        timeouts: timeouts(wish),
        ..JoinConfiguration::default()
    }
}

fn registration(node: &Node, wish: &Kubeadm, given: &Given) -> NodeRegistration {
    let mut ignored: Vec<String> = Vec::new();
    for name in wish.ignore_preflight_errors.iter().chain(&given.ignore_preflight_errors) {
        if !ignored.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            ignored.push(name.clone());
        }
    }
    let mut kubelet_arguments = Vec::new();
    if let Some(kubelet) = &node.kubelet {
        kubelet_arguments.extend(
            kubelet
                .node_ip
                .map(|address| Argument { name: "node-ip".to_owned(), value: address.to_string() }),
        );
        kubelet_arguments.extend(arguments(&kubelet.extra_args));
    }
    NodeRegistration {
        cri_socket: Some(CRI_SOCKET.to_owned()),
        kubelet_extra_args: kubelet_arguments,
        ignore_preflight_errors: ignored,
        ..NodeRegistration::default()
    }
}

fn local_endpoint(wish: &Kubeadm) -> LocalApiEndpoint {
    LocalApiEndpoint {
        advertise_address: wish.advertise_address.map(|address| address.to_string()),
        bind_port: Some(wish.bind_port),
    }
}

fn patches(given: &Given) -> Option<Patches> {
    given.patches.then(|| Patches { directory: Some(PATCHES.to_owned()) })
}

pub(super) fn timeouts(wish: &Kubeadm) -> Option<Timeouts> {
    let spec::Timeouts {
        control_plane_component_health_check,
        kubelet_health_check,
        kubernetes_api_call,
        etcd_api_call,
        tls_bootstrap,
        discovery,
        upgrade_manifests,
    } = wish.timeouts.clone();
    let timeouts = Timeouts {
        control_plane_component_health_check,
        kubelet_health_check,
        kubernetes_api_call,
        etcd_api_call,
        tls_bootstrap,
        discovery,
        upgrade_manifests,
    };
    (timeouts != Timeouts::default()).then_some(timeouts)
}

fn arguments(all: &[spec::Argument]) -> Vec<Argument> {
    all.iter().map(|one| Argument { name: one.name.clone(), value: one.value.clone() }).collect()
}
