//! The sets and samples of OpenPAI and OpenI themselves, where a machine has them.

use std::collections::BTreeSet;

use diagnostics::yaml::Tree;
use openpai::{CLUSTER, Document, KUBERNETES, NodeList, SourceFile, recognise};

use crate::folder::{Folder, collection};

#[test]
fn the_sets_of_2018_load_and_only_lack_what_is_to_be_filled_in() {
    for set in ["upstream/openi-2018-12", "upstream/pai-0.5.0-2018-05"] {
        let Some(path) = collection(set) else { return };
        let folder = Folder::of(&path);
        let loaded = folder.load();
        let machines = loaded.set.cluster.as_ref().unwrap().machines.len();
        assert_eq!(machines, 6, "{set}");
        assert!(
            loaded.set.kubernetes.is_some()
                && loaded.set.roles.is_some()
                && loaded.set.services.is_some()
        );
        let errors: BTreeSet<&str> =
            loaded.problems.iter().filter(|one| one.is_error()).map(|one| &*one.code).collect();
        assert_eq!(errors, BTreeSet::from(["placeholder"]), "{set}: {}", folder.report());
    }
}

#[test]
fn the_sets_of_2018_are_sound_once_they_are_filled_in() {
    for set in ["upstream/openi-2018-12", "upstream/pai-0.5.0-2018-05"] {
        let Some(path) = collection(set) else { return };
        let mut folder = Folder::of(&path);
        let cluster = folder.0.get_mut(CLUSTER).unwrap();
        *cluster = cluster
            .replace("sshport: port", "sshport: 22")
            .replace("hostname (echo `hostname`)", "hostname");
        for number in 1..=6 {
            *cluster = cluster
                .replacen("hostname: hostname\n", &format!("hostname: host{number}\n"), 1)
                .replacen("hostip: IP\n", &format!("hostip: 10.1.0.{number}\n"), 1);
        }
        let kubernetes = folder.0.get_mut(KUBERNETES).unwrap();
        *kubernetes =
            kubernetes.replace("-ip: IP", "-ip: 10.1.0.100").replace("dns: IP", "dns: 10.1.0.2");
        let loaded = folder.load();
        assert!(loaded.cluster.is_some(), "{set}: {}", folder.report());
        let codes: Vec<&str> = loaded.problems.iter().map(|one| &*one.code).collect();
        let known: &[&str] = if set.contains("pai-0.5") { &["old-key"] } else { &[] };
        assert_eq!(codes, known, "{set}");
    }
}

#[test]
fn files_of_other_generations_are_recognised() {
    for (file, wanted) in [
        ("pai-0.8.0-2018-10/quick-start-example.yaml", Document::QuickStart),
        ("pai-1.8.0-2021-07/layout.yaml", Document::Layout),
        ("pai-first-2017-11/kubernetes-cluster-config-example.yaml", Document::Kubernetes2017),
        ("pai-first-2017-11/service-clusterconfig-example.yaml", Document::Services2017),
        ("openi-2018-12/service.yaml", Document::ServiceGraph),
        ("openi-2018-12/node-list-example.yaml", Document::NodeList),
        ("openi-2018-12/cluster-configuration.yaml", Document::Cluster),
        ("openi-2018-12/kubernetes-configuration.yaml", Document::Kubernetes),
        ("openi-2018-12/k8s-role-definition.yaml", Document::Roles),
        ("openi-2018-12/services-configuration.yaml", Document::Services),
    ] {
        let Some(folder) = collection("upstream") else { return };
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(recognise(&Tree::parse(file, &text).unwrap()), Some(wanted), "{file}");
    }
}

#[test]
fn lists_of_nodes_load() {
    let Some(folder) = collection("node-lists") else { return };
    let lists = Folder::of(&folder);
    assert!(!lists.0.is_empty());
    for (path, text) in &lists.0 {
        let (list, problems) = NodeList::read(SourceFile { path, text });
        assert!(problems.is_empty(), "{path}: {problems:?}");
        assert_eq!(list.unwrap().hosts.len(), 1, "{path}");
    }
}
