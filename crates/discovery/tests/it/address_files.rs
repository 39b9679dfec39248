//! Address files of older scripts.

use std::fmt::Write as _;

use discovery::{AddressFiles, read_address_files, read_address_folder};
use insta::assert_snapshot;

fn shown(found: &AddressFiles) -> String {
    let mut out = String::new();
    for (key, machines) in found.placement.iter() {
        let list: Vec<String> = machines.iter().map(|m| m.address.to_string()).collect();
        let _ = writeln!(out, "{key}: {}", list.join(" "));
    }
    for problem in &found.problems {
        let _ = writeln!(out, "{problem}");
    }
    out
}

#[test]
fn files_of_2019_are_named_after_pods() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("support", "10.1.0.1;\n10.1.0.2;\n"),
        ("dali", "10.1.0.3;\n"),
        ("esp-esp1", "10.1.3.2;\n10.1.3.1;\n"),
        ("roxie-roxie1", "10.1.1.10;\n10.1.1.9;\n"),
        ("thor-thor1", "10.1.2.1-3;\n"),
        ("thormaster-thor1", "10.1.2.100;\n"),
        ("thor_roxie-both", "fd00::2;\nfd00::1;\n"),
        ("admin", "10.9.9.9;\n"),
        ("node", "hpcc-0.svc-hpcc.default.svc.cluster.local;\n"),
        (".hidden", "x"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::fs::create_dir(folder.path().join("old")).unwrap();
    assert_snapshot!(shown(&read_address_folder(folder.path()).unwrap()));
    let absent = read_address_folder(&folder.path().join("absent")).unwrap_err();
    assert!(absent.to_string().ends_with("absent"));
}

#[test]
fn the_master_of_2016_is_what_no_other_file_has() {
    let files = [
        ("roxie_ips.txt", "10.0.1.2;\n10.0.1.1;\n"),
        ("thor_ips.txt", "10.0.2.1;\n10.0.2.2;\n"),
        ("esp_ips.txt", "10.0.3.1;\n"),
        ("ips.txt", "10.0.0.1;\n10.0.1.2;\n10.0.1.1;\n10.0.2.1;\n10.0.2.2;\n"),
    ];
    assert_snapshot!(shown(&read_address_files(files)), @r"
    support: 10.0.0.1
    esp: 10.0.3.1
    roxie: 10.0.1.1 10.0.1.2
    thor-slave: 10.0.2.1 10.0.2.2
    ");
}

#[test]
fn faults_are_shown_with_their_lines() {
    let files = [
        ("support", "10.1.0.1;\n 10.1.0.999;\n\n10.1.0.2; None_x ;10.1.0.1\n"),
        ("thor-thor1", "10.1.2.250-256;\n10.1.2.1-x\n10.1.2.3-1;"),
        ("roxie-roxie1", "\n"),
        ("pods_ip.lst", "support-0 10.1.0.1\n"),
        ("README", ""),
    ];
    assert_snapshot!(shown(&read_address_files(files)));
}

#[test]
fn the_order_of_files_and_lines_does_not_matter() {
    let one = read_address_files([("support", "10.0.0.1;\n10.0.0.2;"), ("dali", "10.0.0.9")]);
    let other = read_address_files([("dali", "10.0.0.9;"), ("support", "10.0.0.2;\n10.0.0.1;\n")]);
    assert_eq!(one.placement, other.placement);
}
