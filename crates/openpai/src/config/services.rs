//! `services-configuration.yaml`: what OpenPAI's services are told. Of it, only what concerns the cluster is kept; it
//! holds many secrets.

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem};

use crate::fields::{Fields, Written, shown};

/// A share of the cluster's queue.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualCluster {
    /// Its name.
    pub name: Written<String>,
    /// Its share in per cent.
    pub capacity: Option<Written<f64>>,
}

/// What stands in `services-configuration.yaml`, as far as it concerns the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicesConfiguration {
    /// The name of the cluster.
    pub cluster_id: Option<Written<String>>,
    /// Where services keep their data on the hosts.
    pub data_path: Option<Written<String>>,
    /// Shares of the cluster's queue.
    pub virtual_clusters: Vec<VirtualCluster>,
}

/// The parts with their keys, of OpenPAI 0.5 to 0.8 and of OpenI.
const PARTS: [(&str, &[&str]); 9] = [
    ("frameworklauncher", &["frameworklauncher-port"]),
    (
        "restserver",
        &[
            "server-port",
            "jwt-secret",
            "default-openi-admin-username",
            "default-openi-admin-password",
            "default-pai-admin-username",
            "default-pai-admin-password",
            "openi_db_host",
            "openi_db_port",
            "openi_db_user",
            "openi_db_pwd",
            "openi_db_database",
            "templates_store_path",
            "nat-path",
            "lowdb-path",
            "etcd-uris",
            "github-owner",
            "github-repository",
            "github-path",
            "volumeMounts",
            "volumes",
        ],
    ),
    ("webportal", &["server-port"]),
    ("grafana", &["grafana-port"]),
    (
        "prometheus",
        &[
            "prometheus-port",
            "node-exporter-port",
            "scrape_interval",
            "yarn_exporter_port",
            "alerting",
        ],
    ),
    ("pylon", &["port"]),
    ("model-exchange", &["port", "volumeMounts", "volumes"]),
    ("model-hub", &["server_port", "mysql", "file_storage_path", "volumeMounts", "volumes"]),
    ("drivers", &["set-nvidia-runtime", "version"]),
];

impl ServicesConfiguration {
    pub(crate) fn read(tree: &Tree, faults: &mut Vec<Problem>) -> Self {
        let mut top = Fields::of(tree, &DataPath::root(), faults);
        let cluster = top.fields("cluster", faults);
        let hadoop = top.fields("hadoop", faults);
        let (cluster_id, data_path) =
            cluster.map(|part| cluster_part(part, faults)).unwrap_or_default();
        let virtual_clusters = hadoop.map(|part| hadoop_part(part, faults)).unwrap_or_default();
        for (part, keys) in PARTS {
            let Some(mut fields) = top.fields(part, faults) else { continue };
            for key in keys {
                if key.ends_with("port") {
                    if let Some(port) = fields.text(key, faults) {
                        let _ = crate::fields::port_of(&port, faults);
                    }
                } else {
                    let _ = fields.tree(key);
                }
            }
            fields.end(faults);
        }
        top.end(faults);
        Self { cluster_id, data_path, virtual_clusters }
    }
}

type Texts = (Option<Written<String>>, Option<Written<String>>);

fn cluster_part(mut fields: Fields<'_>, faults: &mut Vec<Problem>) -> Texts {
    let found = (fields.text("clusterid", faults), fields.text("data-path", faults));
    for key in ["nvidia-drivers-version", "docker-verison", "docker-version"] {
        let _ = fields.text(key, faults);
    }
    if let Some(mut registry) = fields.fields("docker-registry-info", faults) {
        for key in [
            "docker-namespace",
            "docker-registry-domain",
            "docker-username",
            "docker-tag",
            "secret-name",
        ] {
            let _ = registry.text(key, faults);
        }
        let _ = registry.secret("docker-password", faults);
        registry.end(faults);
    }
    fields.end(faults);
    found
}

fn hadoop_part(mut fields: Fields<'_>, faults: &mut Vec<Problem>) -> Vec<VirtualCluster> {
    for key in ["custom-hadoop-binary-path", "hadoop-version"] {
        let _ = fields.text(key, faults);
    }
    for key in ["volumeMounts", "volumes"] {
        let _ = fields.list(key, faults);
    }
    let mut found = Vec::new();
    if let Some(clusters) = fields.fields("virtualClusters", faults) {
        for (name, tree) in clusters.entries() {
            let Some(mut fields) = Fields::maybe(tree, &name.path, faults) else { continue };
            let _ = fields.text("description", faults);
            let capacity = fields
                .needed_text("capacity", "give a share in per cent", faults)
                .and_then(|text| share(text, faults));
            fields.end(faults);
            found.push(VirtualCluster { name, capacity });
        }
    }
    fields.end(faults);
    found
}

fn share(text: Written<String>, faults: &mut Vec<Problem>) -> Option<Written<f64>> {
    match text.value.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => {
            Some(Written { value, path: text.path, place: text.place })
        }
        _ => {
            let message = format!("`{}` is no share", shown(&text.value));
            faults.push(text.error("number", message, "give a number from 0 to 100"));
            None
        }
    }
}
