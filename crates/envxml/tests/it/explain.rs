//! Where values come from.

use envxml::Document;
use envxml::explain::{Explanation, Origin, Override, Sources, explain};

use crate::data::shared;
use crate::small::{changed, small};

fn sources() -> Sources {
    Sources { file: "environment.xml".to_owned(), overrides: Vec::new() }
}

fn words(found: &[Explanation]) -> String {
    found.iter().map(|one| format!("{one}\n")).collect()
}

#[test]
fn a_thor_is_explained_attribute_by_attribute() {
    let found = explain(&small(), &"Software/ThorCluster".parse().unwrap(), &sources());
    insta::assert_snapshot!(words(&found));
}

#[test]
fn an_override_is_named_with_its_place_and_wins_over_the_file() {
    let document =
        changed(&[("slavesPerNode=\"1\"", "slavesPerNode=\"4\""), ("\"20100\"", "\"20300\"")]);
    let wish = |target: &str, value: &str, line| Override {
        target: target.parse().unwrap(),
        value: value.to_owned(),
        file: "override.envgen2".to_owned(),
        line: Some(line),
    };
    let sources = Sources {
        overrides: vec![
            wish("Software/*[@buildSet='thor']/@slaveport", "20200", 1),
            wish("Software/*[@buildSet='thor']/@slaveport", "20300", 2),
            wish("Software/ThorCluster/@masterport", "1", 3),
        ],
        ..sources()
    };
    let of = |path: &str| words(&explain(&document, &path.parse().unwrap(), &sources));
    insta::assert_snapshot!(of("Software/ThorCluster/@slaveport"), @r#"Software/ThorCluster[@name='thor']/@slaveport = "20300": set in override.envgen2:2 instead of "20100""#);
    // An override that is not in force explains nothing.
    insta::assert_snapshot!(of("Software/ThorCluster/@masterport"), @r#"Software/ThorCluster[@name='thor']/@masterport = "20000": default of HPCC 7.2"#);
    insta::assert_snapshot!(of("Software/ThorCluster/@idleRestartPeriod"), @r#"Software/ThorCluster[@name='thor']/@idleRestartPeriod is not set: default of HPCC 7.2: "480""#);
    assert_eq!(of("Software/ThorCluster/@unheardOf"), "");
}

#[test]
fn every_value_that_envgen_wrote_without_a_wish_is_a_default_or_derived() {
    let test = "every_value_that_envgen_wrote_without_a_wish_is_a_default_or_derived";
    let Some(folder) = shared("envgen", test) else { return };
    let mut unexplained = std::collections::BTreeMap::new();
    let (mut files, mut values) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let command = path.with_extension("cmd");
        if !name.ends_with(".xml") || name.starts_with("sample") || !command.exists() {
            continue;
        }
        let command = std::fs::read_to_string(command).unwrap();
        if [" -override", "-set_xpath", "-set-xpath", " -o "]
            .iter()
            .any(|option| command.contains(option))
        {
            continue;
        }
        let document = Document::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        files += 1;
        for one in explain(&document, &"".parse().unwrap(), &sources()) {
            values += 1;
            if let Origin::Override { instead_of, .. } = one.origin {
                let key = format!("{} {:?} instead of {instead_of:?}", one.path, one.value);
                *unexplained.entry(key).or_insert(0) += 1;
            }
        }
    }
    assert!(files > 10 && values > 10_000, "only {files} files, {values} values");
    assert!(unexplained.is_empty(), "{} of {values}: {unexplained:#?}", unexplained.len());
}
