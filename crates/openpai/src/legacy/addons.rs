//! What is created in the cluster: kube-proxy and the dashboard.

use serde_json::{Value, json};

use crate::cluster::Cluster;

/// Name and content of each file, in the order of creation.
pub(super) fn all(cluster: &Cluster) -> [(&'static str, Value); 3] {
    [
        ("kube-proxy.yaml", kube_proxy(cluster)),
        ("dashboard-service.yaml", dashboard_service()),
        ("dashboard-deployment.yaml", dashboard(cluster)),
    ]
}

fn kube_proxy(cluster: &Cluster) -> Value {
    let images = &cluster.images;
    json!({
        "apiVersion": "extensions/v1beta1",
        "kind": "DaemonSet",
        "metadata": {
            "name": "kube-proxy",
            "namespace": "kube-system",
            "labels": { "k8s-app": "kube-proxy" },
        },
        "spec": { "template": {
            "metadata": { "labels": { "name": "kube-proxy-container" } },
            "spec": {
                "hostNetwork": true,
                "nodeSelector": { "beta.kubernetes.io/os": "linux" },
                "containers": [{
                    "name": "kube-proxy-container",
                    "image": format!("{}/hyperkube:{}", images.registry, images.hyperkube),
                    "command": [
                        "/hyperkube", "proxy",
                        "--master", cluster.api().to_string(),
                        "--cluster-cidr", cluster.service_network.to_string(),
                    ],
                    "securityContext": { "privileged": true },
                    "volumeMounts": [{ "name": "etc-kubernetes", "mountPath": "/etc/kubernetes" }],
                }],
                "volumes": [{ "name": "etc-kubernetes", "hostPath": { "path": "/etc/kubernetes" } }],
            },
        } },
    })
}

fn dashboard_labels() -> Value {
    json!({
        "k8s-app": "kubernetes-dashboard",
        "kubernetes.io/cluster-service": "true",
        "addonmanager.kubernetes.io/mode": "Reconcile",
    })
}

fn dashboard_service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes-dashboard",
            "namespace": "kube-system",
            "labels": dashboard_labels(),
        },
        "spec": {
            "selector": { "k8s-app": "kubernetes-dashboard" },
            "ports": [{ "port": 80, "targetPort": 9090 }],
        },
    })
}

fn dashboard(cluster: &Cluster) -> Value {
    let images = &cluster.images;
    let node = cluster.hosts.get(cluster.dashboard_host).map(|host| host.address.to_string());
    json!({
        "apiVersion": "extensions/v1beta1",
        "kind": "Deployment",
        "metadata": {
            "name": "kubernetes-dashboard",
            "namespace": "kube-system",
            "labels": dashboard_labels(),
        },
        "spec": {
            "selector": { "matchLabels": { "k8s-app": "kubernetes-dashboard" } },
            "template": {
                "metadata": {
                    "labels": { "k8s-app": "kubernetes-dashboard" },
                    "annotations": { "scheduler.alpha.kubernetes.io/critical-pod": "" },
                },
                "spec": {
                    "hostNetwork": true,
                    "nodeSelector": { "kubernetes.io/hostname": node },
                    "containers": [{
                        "name": "kubernetes-dashboard",
                        "image": format!("{}/kubernetes-dashboard-amd64:{}", images.registry, images.dashboard),
                        "args": [format!("--apiserver-host=http://{}", cluster.api())],
                        "resources": {
                            "limits": { "cpu": "100m", "memory": "300Mi" },
                            "requests": { "cpu": "100m", "memory": "100Mi" },
                        },
                        "ports": [{ "containerPort": 9090 }],
                        "livenessProbe": {
                            "httpGet": { "path": "/", "port": 9090 },
                            "initialDelaySeconds": 30,
                            "timeoutSeconds": 30,
                        },
                    }],
                    "tolerations": [{ "key": "CriticalAddonsOnly", "operator": "Exists" }],
                },
            },
        },
    })
}
