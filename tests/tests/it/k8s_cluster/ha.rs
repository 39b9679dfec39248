//! Several control planes behind a proxy: real haproxy, kubeadm and etcd, on hosts of their own.

use std::thread;
use std::time::{Duration, Instant};

use super::lab::Lab;

const CONTROL_PLANES: [&str; 3] = ["cp1", "cp2", "cp3"];
const ALL: [&str; 4] = ["cp1", "cp2", "cp3", "lb"];

#[test]
fn control_planes_behind_a_proxy_come_and_go_and_are_mended_and_restored() {
    let role = |name| (name, if name == "lb" { "proxy" } else { "control-plane" });
    let Some(lab) = Lab::boot(&ALL.map(role)) else { return };
    let folder = lab.folder.path();
    let cluster = lab.describe(&ALL);
    let run = |arguments: &[&str]| lab.run(&cluster, arguments);
    let ok = |arguments: &[&str]| lab.ok(&cluster, arguments);
    let until = |what: &str, arguments: &[&str], is_so: &dyn Fn(Option<i32>, &str) -> bool| {
        let begun = Instant::now();
        loop {
            let (code, said) = run(arguments);
            if is_so(code, &said) {
                break said;
            }
            assert!(begun.elapsed() < Duration::from_mins(3), "waited too long: {what}\n{said}");
        }
    };
    let well = |code: Option<i32>, _: &str| code == Some(0);

    // One after the other, through the proxy.
    ok(&["deploy", "--prepare-only", "--yes"]);
    thread::scope(|scope| {
        for name in CONTROL_PLANES {
            scope.spawn(|| lab.host(name).take_images());
        }
    });
    let said = ok(&["deploy", "--yes"]);
    assert!(said.contains("cp3            done: join"), "{said}");
    let said = ok(&["deploy", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
    let said = until("three control planes are Ready", &["status"], &well);
    assert_eq!(said.matches("of 3 ").count(), 3, "{said}");
    lab.take_kubectl(&cluster);
    let kubectl = |arguments: &[&str]| lab.kubectl(arguments);
    let server = kubectl(&["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"]);
    assert_eq!(server, format!("https://{}:6443", lab.host("lb").address()));

    // The proxy falls silent: it is told from the API servers, and mended.
    lab.host("lb").done(&["systemctl", "stop", "haproxy"]);
    let (code, said) = run(&["status"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("does not: look at haproxy on lb"), "{said}");
    ok(&["deploy", "--yes"]);
    until("the proxy leads to the API servers", &["status"], &well);

    // A member loses its data.
    let script = "pkill -KILL -x etcd; rm -rf /var/lib/etcd/member";
    lab.host("cp2").done(&["sh", "-c", script]);
    until("the member is missed", &["etcd", "status"], &|code, _| code == Some(3));
    let said = ok(&["etcdfix", "cp2", "--yes"]);
    assert!(said.contains("cp2            done: start the member"), "{said}");
    ok(&["etcd", "status"]);
    until("the API server answers again", &["status"], &well);

    // Whoever leads leaves, and the proxy leads elsewhere; then it comes back.
    let said = ok(&["etcd", "status"]);
    let leader = said.lines().find(|line| line.contains(" leads, ")).unwrap();
    let leader = CONTROL_PLANES.into_iter().find(|name| leader.starts_with(name)).unwrap();
    let said = ok(&["remove", leader, "--yes"]);
    assert!(said.contains(" lead ..."), "{said}");
    let servers = lab.host("lb").read("/etc/haproxy/haproxy.cfg");
    assert!(!servers.contains(&format!("server {leader} ")), "{servers}");
    let nodes = kubectl(&["get", "nodes", "-o", "name"]);
    assert!(!nodes.contains(leader) && nodes.lines().count() == 2, "{nodes}");
    ok(&["add", leader, "--yes"]);
    let said = until("it is a control plane again", &["status"], &well);
    assert_eq!(said.matches("of 3 ").count(), 3, "{said}");

    // Back to a snapshot: what was written after it is gone, and the cluster works.
    let snapshot = folder.join("snapshot.db");
    ok(&["etcd", "snapshot", "--to", snapshot.to_str().unwrap()]);
    kubectl(&["create", "configmap", "too-late", "--from-literal=written=after"]);
    let restore = ["etcd", "restore", "--from", snapshot.to_str().unwrap(), "--yes"];
    let (code, said) = run(&restore);
    assert!(code == Some(1) && said.contains("nothing has to be restored"), "{said}");
    ok(&[&restore[..], &["--force"]].concat());
    until("the API servers answer again", &["status"], &well);
    let left = kubectl(&["get", "configmaps", "-o", "name"]);
    assert!(!left.contains("too-late"), "{left}");
    kubectl(&["create", "configmap", "in-time", "--from-literal=written=anew"]);

    ok(&["clean", "--with-data", "--yes"]);
    let said = ok(&["clean", "--with-data", "--yes"]);
    assert!(said.contains("nothing to do"), "{said}");
}
