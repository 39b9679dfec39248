//! The types of kubeadm's configuration, `kubeadm.k8s.io/v1beta4`, and of the components it configures.
//!
//! The fields are those of the published API. What is `None` or empty is left out, so that kubeadm's own default
//! counts.

use std::collections::BTreeMap;

use diagnostics::yaml::{self, Unwritable};
use serde::Serialize;
use serde_json::Value;

use super::token::{CertificateKey, Token};
use crate::secret::{Secret, exposing};

const KUBEADM: &str = "kubeadm.k8s.io/v1beta4";

/// One document of a file.
#[derive(Debug, Clone, Copy)]
pub enum Document<'a> {
    /// For `kubeadm init`.
    Init(&'a InitConfiguration),
    /// The cluster, for `kubeadm init`.
    Cluster(&'a ClusterConfiguration),
    /// For `kubeadm join`.
    Join(&'a JoinConfiguration),
    /// For `kubeadm reset`.
    Reset(&'a ResetConfiguration),
    /// For `kubeadm upgrade`.
    Upgrade(&'a UpgradeConfiguration),
    /// The kubelets of the cluster.
    Kubelet(&'a KubeletConfiguration),
    /// kube-proxy.
    KubeProxy(&'a KubeProxyConfiguration),
}

/// Writes documents into one file, tokens and keys included: for the file that kubeadm reads (mode 0600).
///
/// # Errors
/// If one of the free settings cannot be written as YAML.
pub fn render(documents: &[Document<'_>]) -> Result<Secret, Unwritable> {
    exposing(|| write(documents)).map(Secret::new)
}

/// The same, with `<secret>` in the place of tokens and keys: for people and reports.
///
/// # Errors
/// If one of the free settings cannot be written as YAML.
pub fn render_redacted(documents: &[Document<'_>]) -> Result<String, Unwritable> {
    write(documents)
}

fn write(documents: &[Document<'_>]) -> Result<String, Unwritable> {
    let parts: Result<Vec<String>, _> = documents.iter().map(Document::write).collect();
    Ok(parts?.join("---\n"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Typed<'a, T> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

impl Document<'_> {
    fn write(&self) -> Result<String, Unwritable> {
        match *self {
            Self::Init(body) => typed(KUBEADM, "InitConfiguration", body),
            Self::Cluster(body) => typed(KUBEADM, "ClusterConfiguration", body),
            Self::Join(body) => typed(KUBEADM, "JoinConfiguration", body),
            Self::Reset(body) => typed(KUBEADM, "ResetConfiguration", body),
            Self::Upgrade(body) => typed(KUBEADM, "UpgradeConfiguration", body),
            Self::Kubelet(body) => {
                typed("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", body)
            }
            Self::KubeProxy(body) => {
                typed("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration", body)
            }
        }
    }
}

fn typed<T: Serialize>(
    api_version: &'static str,
    kind: &'static str,
    body: &T,
) -> Result<String, Unwritable> {
    yaml::write(&Typed { api_version, kind, body })
}

/// Declares a document type: camelCase keys, `None` and empty collections left out.
macro_rules! document {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $(#[serde($($serde:tt)+)])? $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "absent" $(, $($serde)+)?)]
                pub $field: $type,
            )*
        }
    };
}

/// What is left out of a document.
trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

fn absent<T: Absent>(value: &T) -> bool {
    value.is_absent()
}

/// An argument of a program, without its dashes. The same name may stand more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// The name, such as `node-ip`.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A taint of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taint {
    /// The key, such as `node-role.kubernetes.io/control-plane`.
    pub key: String,
    /// The value, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

document! {
    /// How the node joins its own cluster.
    NodeRegistration {
        /// Name of the node; kubeadm takes the host name.
        name: Option<String>,
        /// Socket of the container runtime: `unix:///run/containerd/containerd.sock`.
        cri_socket: Option<String>,
        /// Taints; an empty list leaves a control plane without any, `None` gives it the usual one.
        taints: Option<Vec<Taint>>,
        /// Arguments of the kubelet.
        kubelet_extra_args: Vec<Argument>,
        /// Checks whose errors become warnings, such as `NumCPU`; `all` for every one.
        ignore_preflight_errors: Vec<String>,
        /// `IfNotPresent`, `Always` or `Never`.
        image_pull_policy: Option<String>,
        /// Whether images are pulled one after another.
        image_pull_serial: Option<bool>,
    }
}

document! {
    /// Where the API server of this host listens.
    LocalApiEndpoint {
        /// The address that others reach it at.
        advertise_address: Option<String>,
        /// Its port; 6443 unless said otherwise.
        bind_port: Option<u16>,
    }
}

document! {
    /// How long kubeadm waits, each as a duration such as `4m0s`.
    Timeouts {
        /// For a component of the control plane to become healthy.
        control_plane_component_health_check: Option<String>,
        /// For the kubelet to become healthy.
        kubelet_health_check: Option<String>,
        /// For a call of the API.
        #[serde(rename = "kubernetesAPICall")]
        kubernetes_api_call: Option<String>,
        /// For a call of etcd.
        #[serde(rename = "etcdAPICall")]
        etcd_api_call: Option<String>,
        /// For the kubelet's certificate.
        tls_bootstrap: Option<String>,
        /// For the cluster to be found.
        discovery: Option<String>,
        /// For changed manifests to be seen.
        upgrade_manifests: Option<String>,
    }
}

document! {
    /// Where patches of manifests are.
    Patches {
        /// Their folder.
        directory: Option<String>,
    }
}

/// A token that hosts join with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootstrapToken {
    /// The token.
    pub token: Token,
    /// How long it is valid, such as `24h0m0s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

document! {
    /// The first control plane.
    InitConfiguration {
        /// Tokens to begin with.
        bootstrap_tokens: Vec<BootstrapToken>,
        /// Where the API server listens.
        #[serde(rename = "localAPIEndpoint")]
        local_api_endpoint: Option<LocalApiEndpoint>,
        /// The node.
        node_registration: Option<NodeRegistration>,
        /// The key that encrypts the certificates for other control planes.
        certificate_key: Option<CertificateKey>,
        /// Phases to leave out.
        skip_phases: Vec<String>,
        /// Patches of manifests.
        patches: Option<Patches>,
        /// How long to wait.
        timeouts: Option<Timeouts>,
    }
}

document! {
    /// Networks of the cluster.
    Networking {
        /// Of services; one of each family with a comma between them.
        service_subnet: Option<String>,
        /// Of pods.
        pod_subnet: Option<String>,
        /// Domain of services; `cluster.local` unless said otherwise.
        dns_domain: Option<String>,
    }
}

document! {
    /// One program of the control plane.
    ControlPlaneComponent {
        /// Its arguments.
        extra_args: Vec<Argument>,
        /// More names and addresses in the API server's certificate; only there.
        #[serde(rename = "certSANs")]
        cert_sans: Vec<String>,
    }
}

document! {
    /// An etcd member on each control plane.
    LocalEtcd {
        /// Its folder; `/var/lib/etcd` unless said otherwise.
        data_dir: Option<String>,
        /// Arguments of etcd.
        extra_args: Vec<Argument>,
        /// More names and addresses in its certificate.
        #[serde(rename = "serverCertSANs")]
        server_cert_sans: Vec<String>,
        /// The same for its peers.
        #[serde(rename = "peerCertSANs")]
        peer_cert_sans: Vec<String>,
    }
}

/// An etcd elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalEtcd {
    /// Its members, as URLs.
    pub endpoints: Vec<String>,
    /// File of its CA's certificate.
    pub ca_file: String,
    /// File of the client's certificate.
    pub cert_file: String,
    /// File of the client's key.
    pub key_file: String,
}

/// Which etcd the cluster has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Etcd {
    /// One on each control plane.
    Local(LocalEtcd),
    /// One elsewhere.
    External(ExternalEtcd),
}

/// An add-on that can be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// Whether it is left out.
    pub disabled: bool,
}

document! {
    /// What all control planes share.
    ClusterConfiguration {
        /// Name of the cluster; `kubernetes` unless said otherwise.
        cluster_name: Option<String>,
        /// The version, such as `v1.35.2`.
        kubernetes_version: Option<String>,
        /// `host:port` that leads to every control plane. Without it no second one can ever be added.
        control_plane_endpoint: Option<String>,
        /// Networks.
        networking: Option<Networking>,
        /// The API server.
        api_server: Option<ControlPlaneComponent>,
        /// The controller manager.
        controller_manager: Option<ControlPlaneComponent>,
        /// The scheduler.
        scheduler: Option<ControlPlaneComponent>,
        /// etcd.
        etcd: Option<Etcd>,
        /// `CoreDNS`.
        dns: Option<Switch>,
        /// kube-proxy.
        proxy: Option<Switch>,
        /// Folder of certificates; `/etc/kubernetes/pki` unless said otherwise.
        certificates_dir: Option<String>,
        /// Where images come from; `registry.k8s.io` unless said otherwise.
        image_repository: Option<String>,
        /// Algorithm of new keys: `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, from 1.34 `ECDSA-P384`.
        encryption_algorithm: Option<String>,
        /// How long certificates are valid, such as `8760h0m0s`.
        certificate_validity_period: Option<String>,
        /// The same for the CA.
        ca_certificate_validity_period: Option<String>,
        /// Switches of kubeadm's own features.
        feature_gates: Option<BTreeMap<String, bool>>,
    }
}

/// Finding the cluster by a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenDiscovery {
    /// The token.
    pub token: Token,
    /// `host:port` of a control plane.
    pub api_server_endpoint: String,
    /// Hashes of the keys that the cluster's CA may have, such as [`super::ca_hash::of_pem`] gives. There must be
    /// one: the unsafe way without is not offered.
    pub ca_cert_hashes: Vec<String>,
}

/// Finding the cluster by a kubeconfig file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDiscovery {
    /// The file, or an `https://` address of it.
    pub kube_config_path: String,
}

document! {
    /// How a joining host finds its cluster: exactly one of the first two.
    Discovery {
        /// By a token.
        bootstrap_token: Option<TokenDiscovery>,
        /// By a file.
        file: Option<FileDiscovery>,
        /// The token for the kubelet's certificate, where it is another one or the file has none.
        tls_bootstrap_token: Option<Token>,
    }
}

document! {
    /// What a joining control plane has more than a worker.
    JoinControlPlane {
        /// Where its API server listens.
        #[serde(rename = "localAPIEndpoint")]
        local_api_endpoint: Option<LocalApiEndpoint>,
        /// The key that the certificates in the cluster are encrypted with.
        certificate_key: Option<CertificateKey>,
    }
}

document! {
    /// A host that joins: a worker, or a control plane if `control_plane` is there.
    JoinConfiguration {
        /// How the cluster is found.
        discovery: Option<Discovery>,
        /// The node.
        node_registration: Option<NodeRegistration>,
        /// Only of a control plane.
        control_plane: Option<JoinControlPlane>,
        /// Where the CA's certificate is written.
        ca_cert_path: Option<String>,
        /// Phases to leave out.
        skip_phases: Vec<String>,
        /// Patches of manifests.
        patches: Option<Patches>,
        /// How long to wait.
        timeouts: Option<Timeouts>,
    }
}

document! {
    /// For `kubeadm reset`.
    ResetConfiguration {
        /// Whether nobody is asked.
        force: Option<bool>,
        /// Socket of the container runtime.
        cri_socket: Option<String>,
        /// Folder of certificates.
        certificates_dir: Option<String>,
        /// Whether `/etc/kubernetes/tmp` is emptied.
        cleanup_tmp_dir: Option<bool>,
        /// Checks whose errors become warnings.
        ignore_preflight_errors: Vec<String>,
        /// Phases to leave out.
        skip_phases: Vec<String>,
        /// Flags of umount2(2), such as `MNT_DETACH`.
        unmount_flags: Vec<String>,
        /// How long to wait.
        timeouts: Option<Timeouts>,
    }
}

document! {
    /// For `kubeadm upgrade`.
    UpgradeConfiguration {
        /// For `kubeadm upgrade apply`.
        apply: Option<UpgradeApply>,
        /// For `kubeadm upgrade node`.
        node: Option<UpgradeNode>,
        /// How long to wait.
        timeouts: Option<Timeouts>,
    }
}

document! {
    /// For `kubeadm upgrade apply`.
    UpgradeApply {
        /// The version to go to, such as `v1.36.0`.
        kubernetes_version: Option<String>,
        /// Checks whose errors become warnings.
        ignore_preflight_errors: Vec<String>,
        /// Patches of manifests.
        patches: Option<Patches>,
    }
}

document! {
    /// For `kubeadm upgrade node`.
    UpgradeNode {
        /// Checks whose errors become warnings.
        ignore_preflight_errors: Vec<String>,
        /// Patches of manifests.
        patches: Option<Patches>,
    }
}

/// Who makes cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupDriver {
    /// systemd; must match containerd's `SystemdCgroup`.
    Systemd,
    /// The kubelet itself.
    Cgroupfs,
}

/// How pods use swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemorySwap {
    /// `NoSwap` or `LimitedSwap`.
    pub swap_behavior: String,
}

document! {
    /// The kubelets.
    KubeletConfiguration {
        /// Who makes cgroups.
        cgroup_driver: Option<CgroupDriver>,
        /// The file of name servers for pods. It must not name one on the host itself.
        resolv_conf: Option<String>,
        /// Whether the kubelet refuses to start on a host with swap.
        fail_swap_on: Option<bool>,
        /// How pods use swap.
        memory_swap: Option<MemorySwap>,
        /// Whether the kubelet refuses to start on a host with cgroup v1; true from 1.35 on.
        fail_cgroup_v1: Option<bool>,
        /// Whether the kubelet refuses to start if kernel parameters are not as it needs them.
        protect_kernel_defaults: Option<bool>,
        /// Other settings, as they are.
        #[serde(flatten)]
        extra: Option<BTreeMap<String, Value>>,
    }
}

document! {
    /// kube-proxy.
    KubeProxyConfiguration {
        /// `iptables`, `ipvs` or `nftables`.
        mode: Option<String>,
        /// Network of pods.
        #[serde(rename = "clusterCIDR")]
        cluster_cidr: Option<String>,
        /// Other settings, as they are.
        #[serde(flatten)]
        extra: Option<BTreeMap<String, Value>>,
    }
}
