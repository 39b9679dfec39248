//! `kubernetes-configuration.yaml`: versions and addresses.

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem};

use crate::fields::{Fields, Written};

/// What stands in `kubernetes-configuration.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesConfiguration {
    /// A name server of the hosts. OpenPAI deploys none.
    pub cluster_dns: Option<Written<String>>,
    /// The address of the API.
    pub load_balance_ip: Option<Written<String>>,
    /// The network of services.
    pub service_range: Option<Written<String>>,
    /// `etcd3` or `etcd2`.
    pub storage_backend: Option<Written<String>>,
    /// Where images come from.
    pub docker_registry: Option<Written<String>>,
    /// The version of hyperkube, which holds kubelet and kube-proxy.
    pub hyperkube: Option<Written<String>>,
    /// The version of etcd.
    pub etcd: Option<Written<String>>,
    /// The version of the API server.
    pub apiserver: Option<Written<String>>,
    /// The version of the scheduler.
    pub scheduler: Option<Written<String>>,
    /// The version of the controller manager.
    pub controller_manager: Option<Written<String>>,
    /// The version of the dashboard.
    pub dashboard: Option<Written<String>>,
    /// Where etcd keeps its data (since 0.8).
    pub etcd_data_path: Option<Written<String>>,
}

impl KubernetesConfiguration {
    pub(crate) fn read(tree: &Tree, faults: &mut Vec<Problem>) -> Self {
        let mut top = Fields::of(tree, &DataPath::root(), faults);
        let part =
            top.needed("kubernetes", "all keys of this file stand below `kubernetes:`", faults);
        let path = DataPath::from(["kubernetes"]);
        let mut silent = Vec::new();
        let (tree, faults_of_part) = match part {
            Some((tree, _)) => (tree, &mut *faults),
            // That the whole is missing says it all.
            None => (tree, &mut silent),
        };
        let mut fields = Fields::of(tree, &path, faults_of_part);
        let mut text = |key, help| fields.needed_text(key, help, faults_of_part);
        let version = "give the tag of the image";
        let configuration = Self {
            cluster_dns: text("cluster-dns", "give a name server of /etc/resolv.conf"),
            load_balance_ip: text(
                "load-balance-ip",
                "give the address of the balancer, of the proxy host, or of the only master",
            ),
            service_range: text(
                "service-cluster-ip-range",
                "give a network that is used by nothing else",
            ),
            storage_backend: text("storage-backend", "give etcd3"),
            docker_registry: text("docker-registry", "give where the images come from"),
            hyperkube: text("hyperkube-version", version),
            etcd: text("etcd-version", version),
            apiserver: text("apiserver-version", version),
            scheduler: text("kube-scheduler-version", version),
            controller_manager: text("kube-controller-manager-version", version),
            dashboard: text("dashboard-version", version),
            etcd_data_path: fields.text("etcd-data-path", faults_of_part),
        };
        if part.is_some() {
            fields.end(faults);
        }
        top.end(faults);
        configuration
    }
}
