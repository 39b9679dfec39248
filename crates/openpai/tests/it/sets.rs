//! Sets of four files: everything at once, strictly.

use insta::assert_snapshot;
use openpai::{CLUSTER, HighAvailability, KUBERNETES, ROLES, SERVICES};

use proptest::prelude::*;

use crate::folder::Folder;

#[test]
fn a_sound_set_is_a_cluster_with_hosts_in_the_order_of_the_file() {
    let loaded = Folder::own("sound").load();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let cluster = loaded.cluster.unwrap();
    let names: Vec<&str> = cluster.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["m1", "m2", "m3", "p1", "w1", "w2"]);
    assert_eq!(cluster.high_availability, HighAvailability::Proxy);
    assert_eq!(cluster.hosts[5].access.port, 2222);
    assert_eq!(cluster.hosts[4].access.port, 22);
    assert_eq!(
        cluster.etcd_servers(),
        "http://10.20.0.11:4001,http://10.20.0.12:4001,http://10.20.0.13:4001"
    );
    assert_eq!(
        cluster.etcd_peers(),
        "member1=http://10.20.0.11:2380,member2=http://10.20.0.12:2380,member3=http://10.20.0.13:2380"
    );
    assert_eq!(cluster.hosts[0].labels["yarnrole"], "master");
    assert_eq!(cluster.hosts[4].labels["hdfsrole"], "worker");
    assert_eq!(cluster.sku(&cluster.hosts[4]).unwrap().gpu, Some((Some("k80".into()), Some(4))));
}

#[test]
fn everything_that_is_wrong_in_all_files_is_told_at_once() {
    let folder = Folder::own("sound")
        .with(CLUSTER, "hostip: 10.20.0.12", "hostip: 10.20.0.999")
        .with(CLUSTER, "k8s-role: proxy", "k8s-roles: proxy")
        .with(CLUSTER, "hostname: w2", "hostname: W1")
        .with(CLUSTER, "sshport: 2222", "sshport: [2222]")
        .with(CLUSTER, "dashboard: \"true\"", "dashboard: \"True\"")
        .with(CLUSTER, "node-exporter", "node-exportr")
        .with(KUBERNETES, "cluster-dns: 10.20.0.2", "cluster-dns: 1")
        .with(KUBERNETES, "  storage-backend: etcd3\n", "")
        .with(KUBERNETES, "10.250.0.0/16", "10.250/16")
        .with(ROLES, "src: config", "src: kubeconfig.yaml")
        .with(ROLES, "dst: src/haproxy", "dst: ../haproxy")
        .with(SERVICES, "capacity: 30", "capacity: lots")
        .with(SERVICES, "pylon", "pylons");
    assert_snapshot!(folder.report());
}

#[test]
fn op_b6_12_passwords_are_in_no_problem_no_line_and_no_debug_text() {
    let folder = Folder::own("sound")
        .with(CLUSTER, "password: s3cret-w2", "passwort: s3cret-w2")
        .with(CLUSTER, "  password: s3cret-default\n", "  password:\n    - s3cret-default\n")
        .with(SERVICES, "docker-password", "docker-pasword")
        .with(SERVICES, "jwt-secret: s3cret-jwt", "jwt-secrets: s3cret-jwt");
    let loaded = folder.load();
    assert_eq!(loaded.problems.len(), 4, "{:?}", loaded.problems);
    let shown = folder.report();
    for text in [shown, format!("{loaded:?}"), format!("{:?}", Folder::own("sound").load())] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let sound = Folder::own("sound").load().cluster.unwrap();
    assert_eq!(sound.hosts[5].access.password.as_ref().unwrap().expose(), "s3cret-w2");
}

#[test]
fn op_b6_14_what_inet_aton_takes_for_an_address_is_none() {
    for text in [
        "10.10",
        "1",
        "10.10.1",
        "0x0a.0.0.1",
        "010.1.1.1",
        "10.20.0.21 ",
        "10.20.0.21/24",
        "localhost",
    ] {
        let folder = Folder::changed(CLUSTER, "10.20.0.21", &format!("\"{text}\""));
        let codes: Vec<_> = folder.load().problems.iter().map(|one| one.code.to_string()).collect();
        assert!(codes == ["bad-ip"] || codes == ["short-ip"], "{text}: {codes:?}");
    }
}

#[test]
fn op_b6_15_true_with_and_without_quotes_is_the_same_and_anything_else_is_an_error() {
    let quoted = Folder::own("sound").load().cluster.unwrap();
    let plain = Folder::over_sound("negative/unquoted-true").load().cluster.unwrap();
    assert_eq!(quoted.hosts, plain.hosts);
    assert_eq!(quoted.dashboard_host, plain.dashboard_host);
    for text in ["yes", "\"True\"", "1"] {
        let loaded =
            Folder::changed(CLUSTER, "openi-master: \"true\"", &format!("openi-master: {text}"))
                .load();
        assert!(loaded.problems.iter().any(|one| one.code == "boolean"), "{text}");
    }
}

#[test]
fn op_b6_15_of_two_dashboards_the_first_counts_and_that_is_said() {
    let loaded =
        Folder::changed(CLUSTER, "etcdid: member3", "etcdid: member3\n    dashboard: true").load();
    let codes: Vec<_> = loaded.problems.iter().map(|one| &*one.code).collect();
    assert_eq!(codes, ["two-dashboards"]);
    assert_eq!(loaded.cluster.unwrap().dashboard_host, 0);
    // A host that says no has no dashboard, though OpenPAI would put it there.
    let loaded =
        Folder::changed(CLUSTER, "etcdid: member3", "etcdid: member3\n    dashboard: false").load();
    assert!(loaded.problems.is_empty());
}

#[test]
fn tabs_are_told_all_with_their_lines() {
    let folder = Folder::own("sound").with(SERVICES, "  clusterid", "\tclusterid").with(
        SERVICES,
        "    docker-tag",
        "\tdocker-tag",
    );
    let loaded = folder.load();
    let lines: Vec<_> = loaded
        .problems
        .iter()
        .map(|one| {
            (&*one.code, one.place.as_ref().unwrap().line, one.place.as_ref().unwrap().column)
        })
        .collect();
    assert_eq!(lines, [("tab", 2, 1), ("tab", 9, 1)]);
}

#[test]
fn labels_of_somebodys_own_are_kept_with_a_warning_and_misspelled_ones_are_errors() {
    let loaded =
        Folder::changed(CLUSTER, "hostname: w2", "rack-seven: \"true\"\n    hostname: w2").load();
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(&*loaded.problems[0].code, "unknown-label");
    assert_eq!(loaded.cluster.unwrap().hosts[5].labels["rack-seven"], "true");
    let loaded = Folder::changed(CLUSTER, "openi-worker", "openi-wroker").load();
    assert_eq!(&*loaded.problems[0].code, "unknown-key");
    assert_eq!(loaded.problems[0].help.as_deref(), Some("did you mean `openi-worker`?"));
}

#[test]
fn the_three_solutions_are_told_apart_by_roles_and_address() {
    let without_proxy = |folder: Folder| {
        folder.with(CLUSTER, "  - hostname: p1\n    hostip: 10.20.0.30\n    machine-type: small\n    k8s-role: proxy\n", "")
    };
    let external = without_proxy(Folder::changed(
        KUBERNETES,
        "load-balance-ip: 10.20.0.30",
        "load-balance-ip: 10.20.0.40",
    ));
    let loaded = external.load();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    assert_eq!(loaded.cluster.unwrap().high_availability, HighAvailability::ExternalBalancer);

    let to = |address: &str| external.clone().with(KUBERNETES, "10.20.0.40", address).load();
    let codes = |loaded: &openpai::Loaded| -> Vec<String> {
        loaded.problems.iter().map(|one| format!("{} {}", one.severity, one.code)).collect()
    };
    assert_eq!(codes(&to("10.20.0.12")), ["warning lb-is-master"]);
    assert_eq!(codes(&to("10.20.0.22")), ["error lb-is-worker"]);

    let mut single = Folder::over_sound("negative/single-master-lb-mismatch");
    single = single.with(KUBERNETES, "10.20.0.99", "10.20.0.11");
    let loaded = single.load();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    assert_eq!(loaded.cluster.unwrap().high_availability, HighAvailability::SingleMaster);
}

#[test]
fn addresses_of_ipv6_are_addresses() {
    let mut folder = Folder::own("sound");
    for file in [CLUSTER, KUBERNETES] {
        let text = folder.0.get_mut(file).unwrap();
        *text = text.replace("10.20.0.", "fd00:20::").replace("10.250.0.0/16", "fd00:250::/112");
    }
    let loaded = folder.load();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let cluster = loaded.cluster.unwrap();
    assert!(cluster.etcd_servers().starts_with("http://[fd00:20::11]:4001,"));
    // The same address in another form is the same address.
    let loaded = folder.with(CLUSTER, "fd00:20::22", "FD00:20:0::21").load();
    assert_eq!(&*loaded.problems[0].code, "duplicate-hostip");
}

#[test]
fn other_generations_are_named_with_what_to_do() {
    let shown: Vec<String> = ["quick-start", "layout", "first"]
        .iter()
        .map(|name| Folder::own(&format!("generations/{name}")).report())
        .collect();
    assert_snapshot!(shown.join("\n"));
}

#[test]
fn files_that_are_missing_or_swapped_are_told() {
    let mut folder = Folder::own("sound");
    let kubernetes = folder.0.remove(KUBERNETES).unwrap();
    folder.0.remove(SERVICES);
    folder.0.insert(ROLES.to_owned(), kubernetes);
    assert_snapshot!(folder.report());
    assert_snapshot!(Folder::default().report());
}

#[test]
fn empty_and_strange_files_are_faults_and_nothing_worse() {
    for text in [
        "",
        "~",
        "[]",
        "42",
        "machine-list: 3\n",
        "- a\n",
        "a: b: c\n",
        "machine-list: [3, {}, ~]\n",
    ] {
        for file in [CLUSTER, KUBERNETES, ROLES, SERVICES] {
            let mut folder = Folder::own("sound");
            folder.0.insert(file.to_owned(), text.to_owned());
            let loaded = folder.load();
            assert_eq!(loaded.cluster.is_none(), loaded.has_errors(), "{file}: {text}");
            assert!(loaded.has_errors() || file == SERVICES, "{file}: {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever becomes of a line, reading ends, and there is a cluster exactly when nothing is wrong.
    #[test]
    fn a_line_that_is_spoilt_is_told_or_harmless(
        file in 0..4_usize,
        line in any::<prop::sample::Index>(),
        to in prop_oneof![
            Just(String::new()), Just("\t".to_owned()), Just("  - ~".to_owned()), Just("    hostip: [".to_owned()),
            Just("? {}".to_owned()), Just("    k8s-role: {a: b}".to_owned()), "[ -~]{0,30}",
        ],
    ) {
        let mut folder = Folder::own("sound");
        let text = folder.0.get_mut([CLUSTER, KUBERNETES, ROLES, SERVICES][file]).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let at = line.index(lines.len());
        let spoilt: Vec<&str> =
            lines.iter().enumerate().map(|(index, line)| if index == at { to.as_str() } else { line }).collect();
        *text = spoilt.join("\n");
        let loaded = folder.load();
        prop_assert_eq!(loaded.cluster.is_none(), loaded.has_errors());
        let shown = folder.report();
        prop_assert!(!shown.contains("s3cret") || to.contains("s3cret"), "{}", shown);
    }
}
