use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde::Deserialize;

use super::*;
use crate::render::{Source, render};

const TEXT: &str = "\
thor:
  thor1: {slaves: 3, attributes: {umask: 022}}
overrides:
  - {buildSet: roxie,
     value: true}
  - buildSet: thor
    value: 1.50
";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    #[serde(rename = "buildSet")]
    build_set: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    thor: BTreeMap<String, Thor>,
    overrides: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thor {
    slaves: u32,
    attributes: BTreeMap<String, String>,
}

#[test]
fn text_keeps_what_is_written() {
    let file: File = read("hpcc.yaml", TEXT).unwrap();
    assert_eq!(file.thor["thor1"].slaves, 3);
    assert_eq!(file.thor["thor1"].attributes["umask"], "022");
    assert_eq!(file.overrides[0].build_set, "roxie");
    assert_eq!(file.overrides[0].value, "true");
    assert_eq!(file.overrides[1].value, "1.50");
}

#[test]
fn json_is_read_as_well() {
    let items: Vec<Item> =
        read("a.json", "[{\"buildSet\": \"x\", \"value\": \"y\\u0041\"}]").unwrap();
    assert_eq!((items[0].build_set.as_str(), items[0].value.as_str()), ("x", "yA"));
}

#[test]
fn every_path_has_its_place() {
    let places = Places::of("f", TEXT).unwrap();
    let find = |path: DataPath| places.find(&path).to_string();
    assert_eq!(find(DataPath::root()), "f:1:1");
    assert_eq!(find(["thor", "thor1", "slaves"].into()), "f:2:11");
    assert_eq!(find(DataPath::root().join("overrides").join(0)), "f:4:5");
    assert_eq!(find(DataPath::root().join("overrides").join(0).join("value")), "f:5:6");
    assert_eq!(find(DataPath::root().join("overrides").join(1)), "f:6:5");
    // What is not there is looked for as far as there is something.
    assert_eq!(find(["thor", "thor1", "master"].into()), "f:2:3");
    assert_eq!(find(["roxie"].into()), "f:1:1");
}

#[test]
fn an_empty_text_has_places_too() {
    let places = Places::of("f", "").unwrap();
    assert_eq!(places.find(&["thor"].into()).file, "f");
}

#[test]
fn faults_of_the_text_are_shown_with_their_line() {
    let mut shown = String::new();
    for text in [
        "thor: {}\noverides: []\n",
        "thor:\n  thor1: {slaves: many, attributes: {}}\noverrides: []\n",
        "thor: {}\nthor: {}\noverrides: []\n",
        "thor: {}\noverrides: [\n",
        "thor: {}\n",
        "thor: \"\u{1b}[31m\n",
    ] {
        let fault = read::<File>("hpcc.yaml", text).unwrap_err();
        shown += &render(&[*fault.problem], &[Source { file: "hpcc.yaml", text }]);
        shown += "---\n";
    }
    assert_snapshot!(shown);
}

#[test]
fn problems_of_the_data_get_their_lines() {
    let long = format!("{TEXT}{}: \t{{x: 1}}\n", "k".repeat(100));
    let path = DataPath::from(["k".repeat(100).as_str(), "x"]);
    let mut problems = vec![
        Problem::error("count", "slaves is too many")
            .at(["thor", "thor1", "slaves"].into())
            .help("give 2"),
        Problem::warning("far", "far to the right").at(path),
    ];
    Places::of("hpcc.yaml", &long).unwrap().settle(&mut problems);
    assert_snapshot!(render(&problems, &[Source { file: "hpcc.yaml", text: &long }]));
}
