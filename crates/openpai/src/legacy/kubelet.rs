//! The kubelet, which ran in a container of Docker, and its kubeconfig.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Host};

/// What of the host the kubelet sees.
const MOUNTS: [(&str, &str); 9] = [
    ("/etc/kubernetes", "/etc/kubernetes"),
    ("/", "/rootfs"),
    ("/sys", "/sys"),
    ("/dev", "/dev"),
    ("/var/lib/docker/", "/var/lib/docker"),
    ("/var/lib/kubelet/", "/var/lib/kubelet"),
    ("/etc/resolv.conf", "/etc/resolv.conf"),
    ("/var/run", "/var/run"),
    ("/var/log", "/var/log"),
];

/// The script that starts the kubelet once; Docker starts it again from then on. All values that it is made of are
/// words without anything that a shell would read.
pub(super) fn script(cluster: &Cluster, host: &Host) -> String {
    let images = &cluster.images;
    let mut out =
        String::from("#!/bin/bash\n\ndocker run --detach --name=kubelet --restart=always \\\n");
    out.push_str("    --net=host --pid=host --privileged \\\n");
    for (from, to) in MOUNTS {
        let _ = writeln!(out, "    --volume={from}:{to}:rw \\");
    }
    let _ = writeln!(out, "    {}/hyperkube:{} \\", images.registry, images.hyperkube);
    out.push_str("    /hyperkube kubelet \\\n");
    let address = host.address.to_string();
    let pause = format!("{}/pause-amd64:3.0", images.registry);
    let dns = cluster.dns.to_string();
    let flags: [(&str, Option<&str>); 14] = [
        ("address", Some(&address)),
        ("register-node", Some("true")),
        ("kubeconfig", Some("/etc/kubernetes/config")),
        ("require-kubeconfig", None),
        ("hostname-override", Some(&address)),
        ("cluster-dns", Some(&dns)),
        ("cluster-domain", Some("cluster.local")),
        ("pod-manifest-path", Some("/etc/kubernetes/manifests")),
        ("pod-infra-container-image", Some(&pause)),
        ("allow-privileged", Some("true")),
        ("logtostderr", Some("true")),
        ("image-gc-high-threshold", Some("98")),
        ("image-gc-low-threshold", Some("95")),
        ("v", Some("2")),
    ];
    for (at, (flag, value)) in flags.iter().enumerate() {
        let value = value.map(|value| format!("={value}")).unwrap_or_default();
        let end = if at + 1 == flags.len() { "" } else { " \\" };
        let _ = writeln!(out, "        --{flag}{value}{end}");
    }
    out
}

/// The kubeconfig of every host: no user, no TLS.
pub(super) fn kubeconfig(cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "kubernetes",
            "cluster": { "insecure-skip-tls-verify": true, "server": format!("http://{}", cluster.api()) },
        }],
        "contexts": [{ "name": "kubernetes", "context": { "cluster": "kubernetes", "user": "admin" } }],
        "current-context": "kubernetes",
        "preferences": {},
        "users": [],
    })
}
