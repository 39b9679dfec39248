//! Large clusters: work grows with the number of hosts, not with its square.

use std::fmt::Write as _;
use std::time::Instant;

use diagnostics::yaml;
use openpai::{CLUSTER, convert, legacy};
use topology::Inventory;

use crate::folder::Folder;

fn folder(workers: usize) -> Folder {
    let mut folder = Folder::own("sound");
    let text = folder.0.get_mut(CLUSTER).unwrap();
    for at in 0..workers {
        let (high, low) = (at / 250, at % 250 + 1);
        write!(
            text,
            "  - hostname: big{at}\n    hostip: 10.30.{high}.{low}\n    machine-type: gpu\n    k8s-role: worker\n    \
             openi-worker: \"true\"\n    sshport: {}\n",
            22 + at % 3
        )
        .unwrap();
    }
    folder
}

#[test]
fn five_hundred_hosts_are_read_checked_rendered_and_converted_in_a_moment() {
    let folder = folder(500);
    let start = Instant::now();
    let loaded = folder.load();
    assert!(loaded.problems.is_empty());
    let cluster = loaded.cluster.unwrap();
    let rendered = legacy::render(&cluster).unwrap();
    assert_eq!(rendered.hosts.len(), 506);
    let text = yaml::write(&convert(&cluster).inventory).unwrap();
    let (inventory, _) = Inventory::read("cluster.yaml", &text).unwrap();
    assert_eq!(inventory.hosts.len(), 506);
    let took = start.elapsed().as_secs_f64();
    eprintln!("506 hosts: {took:.3} s");
    // Without optimisation and on a busy machine as well; the square of it would take minutes.
    assert!(took < 10.0, "{took} s");
}

#[test]
fn a_fault_in_each_of_five_hundred_hosts_is_told() {
    let mut folder = folder(500);
    let text = folder.0.get_mut(CLUSTER).unwrap();
    *text = text.replace("10.30.", "10.300.");
    let loaded = folder.load();
    assert_eq!(loaded.problems.len(), 500);
}
