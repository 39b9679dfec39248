//! Lists of nodes in both forms.

use diagnostics::{Source, render};
use insta::assert_snapshot;
use openpai::{NodeList, SourceFile};

const MAPPING: &str = "\
machinelist:
  w6:
    hostname: w6
    nodename: 10.20.0.26
    hostip: 10.20.0.26
    sshport: 22
    username: admin
    password: s3cret
    machine-type: small
    k8s-role: worker
    openi-worker: 'true'
";

const LIST: &str = "\
machine-list:
  - hostname: w6
    hostip: 10.20.0.26
    sshport: 22
    username: admin
    password: s3cret
    machine-type: small
    k8s-role: worker
    openi-worker: true
";

#[test]
fn both_forms_mean_the_same_nodes() {
    let read = |text| {
        let (list, problems) = NodeList::read(SourceFile { path: "nodes.yaml", text });
        assert!(problems.is_empty(), "{problems:?}");
        list.unwrap().hosts
    };
    assert_eq!(read(MAPPING), read(LIST));
    assert_eq!(read(LIST)[0].labels["node-exporter"], "true");
}

#[test]
fn everything_that_is_wrong_with_a_list_is_told_at_once() {
    let text = "\
machinelist:
  w6: {hostname: w6, nodename: 10.20.0.27, hostip: 10.20.0.26, username: admin, machine-type: small, k8s-role: worker}
  w7: {hostname: w8, hostip: 10.20.0.26, machine-type: small, k8s-role: worker}
  m4: {hostname: m4, nodename: 10.20.0.14, hostip: 10.20.0.14, username: -oProxy, machine-type: small, k8s-role: master}
";
    let (list, problems) = NodeList::read(SourceFile { path: "nodes.yaml", text });
    assert!(list.unwrap().hosts.is_empty());
    assert_snapshot!(render(&problems, &[Source { file: "nodes.yaml", text }]));
}

#[test]
fn an_empty_list_is_a_fault() {
    for text in ["", "machinelist: {}\n", "machine-list: []\n"] {
        let (_, problems) = NodeList::read(SourceFile { path: "nodes.yaml", text });
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    }
}
