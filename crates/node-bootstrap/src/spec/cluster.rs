//! The part of `node.yaml` that kubeadm is told.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::software::Argument;
use super::value::Subnets;

/// What kubeadm is told. Names are those of its own configuration, version v1beta4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Kubeadm {
    /// The name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Where all control planes are reached together, a name or address, with a port or without. A cluster
    /// that was made without it never gets a second control plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_endpoint: Option<String>,
    /// The address of this control plane; without it, that of the default route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "super::value::address::maybe")]
    pub advertise_address: Option<IpAddr>,
    /// The port of the API server.
    #[schemars(range(min = 1))]
    pub bind_port: u16,
    /// The addresses of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_subnet: Option<Subnets>,
    /// The addresses of services; without it, kubeadm's 10.96.0.0/12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_subnet: Option<Subnets>,
    /// The domain of the cluster.
    pub dns_domain: String,
    /// Where the images of the control plane come from; without it, registry.k8s.io.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_repository: Option<String>,
    /// More names and addresses in the certificate of the API server.
    #[serde(rename = "certSANs", skip_serializing_if = "Vec::is_empty")]
    pub cert_sans: Vec<String>,
    /// The API server.
    #[serde(skip_serializing_if = "Component::is_default")]
    pub api_server: Component,
    /// The controller manager.
    #[serde(skip_serializing_if = "Component::is_default")]
    pub controller_manager: Component,
    /// The scheduler.
    #[serde(skip_serializing_if = "Component::is_default")]
    pub scheduler: Component,
    /// etcd: on the control planes, or elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd: Option<Etcd>,
    /// How keys are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_algorithm: Option<EncryptionAlgorithm>,
    /// Names of kubeadm's checks whose errors become warnings: `NumCPU`, or `all`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_preflight_errors: Vec<String>,
    /// How kube-proxy sends packets on; without it, as its version does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_mode: Option<ProxyMode>,
    /// Other fields of `KubeProxyConfiguration`, as they are written there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_configuration: BTreeMap<String, Value>,
    /// How long kubeadm waits.
    #[serde(skip_serializing_if = "Timeouts::is_default")]
    pub timeouts: Timeouts,
}

impl Default for Kubeadm {
    fn default() -> Self {
        Self {
            cluster_name: None,
            control_plane_endpoint: None,
            advertise_address: None,
            bind_port: 6443,
            pod_subnet: None,
            service_subnet: None,
            dns_domain: "cluster.local".to_owned(),
            image_repository: None,
            cert_sans: Vec::new(),
            api_server: Component::default(),
            controller_manager: Component::default(),
            scheduler: Component::default(),
            etcd: None,
            encryption_algorithm: None,
            ignore_preflight_errors: Vec::new(),
            proxy_mode: None,
            proxy_configuration: BTreeMap::new(),
            timeouts: Timeouts::default(),
        }
    }
}

/// A component of the control plane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Component {
    /// More arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_args: Vec<Argument>,
}

impl Component {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where etcd is: one of both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Etcd {
    /// On the control planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<Component>,
    /// Elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalEtcd>,
}

/// An etcd that is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalEtcd {
    /// The URLs of its members.
    #[schemars(length(min = 1))]
    pub endpoints: Vec<String>,
    /// The file with the certificate that signed its certificates.
    pub ca_file: String,
    /// The file with the certificate of the API server as its client.
    pub cert_file: String,
    /// The file with the key of this certificate.
    pub key_file: String,
}

/// How keys are made. ECDSA-P384 needs Kubernetes 1.34.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "each is the algorithm of the same name")]
pub enum EncryptionAlgorithm {
    #[serde(rename = "RSA-2048")]
    Rsa2048,
    #[serde(rename = "RSA-3072")]
    Rsa3072,
    #[serde(rename = "RSA-4096")]
    Rsa4096,
    #[serde(rename = "ECDSA-P256")]
    EcdsaP256,
    #[serde(rename = "ECDSA-P384")]
    EcdsaP384,
}

impl EncryptionAlgorithm {
    /// The name as kubeadm writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::EcdsaP256 => "ECDSA-P256",
            Self::EcdsaP384 => "ECDSA-P384",
        }
    }
}

/// How kube-proxy sends packets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the mode of the same name")]
pub enum ProxyMode {
    Iptables,
    Ipvs,
    Nftables,
}

impl ProxyMode {
    /// The name as kube-proxy writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Ipvs => "ipvs",
            Self::Nftables => "nftables",
        }
    }
}

/// How long kubeadm waits: durations such as 4m or 1m30s.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a component of the control plane to be healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_component_health_check: Option<String>,
    /// For the kubelet to be healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet_health_check: Option<String>,
    /// For a call of the API.
    #[serde(rename = "kubernetesAPICall", skip_serializing_if = "Option::is_none")]
    pub kubernetes_api_call: Option<String>,
    /// For a call of etcd.
    #[serde(rename = "etcdAPICall", skip_serializing_if = "Option::is_none")]
    pub etcd_api_call: Option<String>,
    /// For the kubelet's certificate, when it joins.
    #[serde(rename = "tlsBootstrap", skip_serializing_if = "Option::is_none")]
    pub tls_bootstrap: Option<String>,
    /// For the cluster to be found, when it joins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<String>,
    /// For changed manifests to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_manifests: Option<String>,
}

impl Timeouts {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// All of them, with their keys in kubeadm's configuration.
    #[must_use]
    pub fn entries(&self) -> [(&'static str, Option<&str>); 7] {
        [
            (
                "controlPlaneComponentHealthCheck",
                self.control_plane_component_health_check.as_deref(),
            ),
            ("kubeletHealthCheck", self.kubelet_health_check.as_deref()),
            ("kubernetesAPICall", self.kubernetes_api_call.as_deref()),
            ("etcdAPICall", self.etcd_api_call.as_deref()),
            ("tlsBootstrap", self.tls_bootstrap.as_deref()),
            ("discovery", self.discovery.as_deref()),
            ("upgradeManifests", self.upgrade_manifests.as_deref()),
        ]
    }
}
