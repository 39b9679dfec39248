//! Hosts that become nodes of a real cluster.

use std::fs;
use std::path::Path;

use tests::hosts::{Host, Hosts};

/// What a network plugin is to a cluster: a program of its own that makes the network of pods.
pub(crate) const CNI: &str = r#"
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: bridge, namespace: kube-system}
spec:
  selector: {matchLabels: {app: bridge}}
  template:
    metadata: {labels: {app: bridge}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers:
      - name: install
        image: docker.io/local/busybox:1
        imagePullPolicy: Never
        command:
        - sh
        - -c
        - |
          cat >/cni/10-bridge.conflist <<'CONF'
          {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true,
           "hairpinMode": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
          CONF
          trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done
        volumeMounts: [{name: cni, mountPath: /cni}]
      volumes: [{name: cni, hostPath: {path: /etc/cni/net.d, type: DirectoryOrCreate}}]
"#;

/// A host with Debian's packages at hand, and nothing of Kubernetes.
pub(crate) fn bare(hosts: &Hosts, repository: &Path, url: &str, name: &str) -> Option<Host> {
    let host = hosts.boot_with("debian-12", &["--node"])?;
    host.copy_in(&repository.join("base/deb/Release.key"), "/etc/apt/keyrings/base.asc");
    let list = format!("deb [signed-by=/etc/apt/keyrings/base.asc] {url}/base/deb /\n");
    host.write("/etc/apt/sources.list.d/base.list", &list);
    // As an administrator of such hosts has it; node-prep changes two lines of it.
    let containerd = tests::repository().join("tests/hosts/node/containerd.toml");
    let containerd = fs::read_to_string(containerd).unwrap().replace("@SYSTEMD@", "false");
    host.done(&["mkdir", "-p", "/etc/containerd"]);
    host.write("/etc/containerd/config.toml", &containerd);
    host.write("/etc/hosts", &format!("127.0.0.1 localhost\n{} {name}\n", host.address()));
    // Nobody answers there: CoreDNS wants to know somebody to ask.
    host.write("/etc/resolv.conf", "nameserver 10.99.0.1\n");
    Some(host)
}
