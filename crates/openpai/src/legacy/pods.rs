//! The static pods of a master.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Host};

/// A pod in the host's network.
fn pod(name: &str, container: &Value, volumes: Option<Value>) -> Value {
    let mut spec = json!({ "hostNetwork": true, "containers": [container] });
    if let Some(volumes) = volumes {
        spec["volumes"] = volumes;
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name }, "spec": spec })
}

fn in_kube_system(mut pod: Value) -> Value {
    pod["metadata"]["namespace"] = json!("kube-system");
    pod
}

/// The question whether a process is well, asked of the host itself.
fn healthz(port: u16) -> Value {
    json!({
        "httpGet": { "path": "/healthz", "port": port },
        "initialDelaySeconds": 15,
        "timeoutSeconds": 1,
    })
}

pub(super) fn apiserver(cluster: &Cluster, host: &Host) -> Value {
    let images = &cluster.images;
    let container = json!({
        "name": "apiserver-container",
        "image": format!("{}/kube-apiserver:{}", images.registry, images.apiserver),
        "command": [
            "/usr/local/bin/kube-apiserver",
            "--insecure-bind-address", host.address.to_string(),
            "--storage-backend", cluster.storage_backend,
            "--allow-privileged=true",
            "--etcd-servers", cluster.etcd_servers(),
            "--service-cluster-ip-range", cluster.service_network.to_string(),
            "--storage-media-type", "application/json",
            "--anonymous-auth=true",
            "--cors-allowed-origins", ".*",
        ],
    });
    in_kube_system(pod("kube-apiserver", &container, None))
}

pub(super) fn controller_manager(cluster: &Cluster) -> Value {
    let images = &cluster.images;
    let container = json!({
        "name": "kube-controller-manager",
        "image": format!("{}/kube-controller-manager:{}", images.registry, images.controller_manager),
        "command": [
            "/usr/local/bin/kube-controller-manager",
            "--master", cluster.api().to_string(),
            "--service-cluster-ip-range", cluster.service_network.to_string(),
            "--leader-elect=true",
        ],
        "livenessProbe": healthz(10252),
    });
    in_kube_system(pod("kube-controller-manager", &container, None))
}

pub(super) fn scheduler(cluster: &Cluster) -> Value {
    let images = &cluster.images;
    let container = json!({
        "name": "kube-scheduler",
        "image": format!("{}/kube-scheduler:{}", images.registry, images.scheduler),
        "command": [
            "/usr/local/bin/kube-scheduler",
            "--master", cluster.api().to_string(),
            "--leader-elect=true",
        ],
        "livenessProbe": healthz(10251),
    });
    in_kube_system(pod("kube-scheduler", &container, None))
}

pub(super) fn etcd(cluster: &Cluster, host: &Host) -> Value {
    let images = &cluster.images;
    let at = |port| format!("http://{}", SocketAddr::new(host.address, port));
    let container = json!({
        "name": "etcd-container",
        "image": format!("{}/etcd:{}", images.registry, images.etcd),
        "command": [
            "/usr/local/bin/etcd",
            "--name", host.etcd_name.as_deref().unwrap_or(&host.name),
            "--initial-advertise-peer-urls", at(2380),
            "--initial-cluster-state", "new",
            "--listen-peer-urls", "http://0.0.0.0:2380",
            "--advertise-client-urls", at(4001),
            "--listen-client-urls", "http://0.0.0.0:4001",
            "--initial-cluster", cluster.etcd_peers(),
            "--data-dir", "/var/etcd/data",
        ],
        "ports": [
            { "name": "serverport", "containerPort": 2380, "hostPort": 2380 },
            { "name": "clientport", "containerPort": 4001, "hostPort": 4001 },
        ],
        "volumeMounts": [{ "name": "varetcd", "mountPath": "/var/etcd" }],
    });
    let volumes = json!([{ "name": "varetcd", "hostPath": { "path": "/var/etcd/data" } }]);
    pod("etcd-server", &container, Some(volumes))
}
