//! The proxy before the API servers.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::cluster::{API_PORT, Cluster};

pub(super) fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "haproxy" },
        "spec": {
            "hostNetwork": true,
            "containers": [{
                "name": "haproxy-container",
                "image": "haproxy:1.7",
                "volumeMounts": [{ "name": "haproxy-config", "mountPath": "/usr/local/etc/haproxy" }],
            }],
            "volumes": [{ "name": "haproxy-config", "hostPath": { "path": "/etc/kubernetes/haproxy" } }],
        },
    })
}

/// One server for each master, without health checks, and watches are cut after 100 s of silence: as OpenPAI had it.
pub(super) fn configuration(cluster: &Cluster) -> String {
    let mut out = String::from(
        "defaults\n    mode http\n    timeout connect 10s\n    timeout client 100s\n    timeout server 100s\n\n",
    );
    let _ =
        writeln!(out, "frontend apiserver\n    bind *:{API_PORT}\n    default_backend masters\n");
    let _ = writeln!(out, "backend masters");
    for host in cluster.masters() {
        let _ = writeln!(
            out,
            "    server {}_{API_PORT} {}",
            host.name,
            SocketAddr::new(host.address, API_PORT)
        );
    }
    out
}
