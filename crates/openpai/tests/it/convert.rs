//! From OpenPAI's files to cluster.yaml.

use diagnostics::yaml;
use insta::assert_snapshot;
use openpai::convert;
use topology::Inventory;

use crate::folder::Folder;

#[test]
fn a_set_becomes_a_cluster_yaml_that_is_sound_and_what_is_lost_is_said() {
    let converted = convert(&Folder::own("sound").load().cluster.unwrap());
    let text = yaml::write(&converted.inventory).unwrap();
    let (again, warnings) = Inventory::read("cluster.yaml", &text).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(again, converted.inventory);
    assert!(!text.contains("s3cret"));
    assert_snapshot!(format!("{text}\n---\n{}", converted.notes.join("\n")));
}

#[test]
fn every_set_that_is_accepted_can_be_converted() {
    for case in [
        "even-masters",
        "two-proxies",
        "single-master-lb-mismatch",
        "unquoted-true",
        "capacity-over-100",
    ] {
        let cluster = Folder::over_sound(&format!("negative/{case}")).load().cluster.unwrap();
        let text = yaml::write(&convert(&cluster).inventory).unwrap();
        assert!(Inventory::read("cluster.yaml", &text).is_ok(), "{case}");
    }
}
