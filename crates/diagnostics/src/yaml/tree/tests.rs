use std::collections::BTreeMap;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::render::{Source, render};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Door {
    name: String,
    width: u16,
    #[serde(default)]
    colour: Colour,
    #[serde(default)]
    hinges: Vec<u8>,
    #[serde(default)]
    locked: Option<bool>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Colour {
    #[default]
    Red,
    Green,
}

fn tree(text: &str) -> Tree {
    Tree::parse("doors.yaml", text).unwrap()
}

#[test]
fn all_faults_are_found_at_once_each_at_its_place() {
    let text = "\
front:
  nam: a
  width: 70000
  colour: gren
back: {name: 1.50, width: 80, hinges: [1, x, 3, 999], locked: ~}
side: [1]
roof: {width: wide, locked: perhaps}
";
    let reading = tree(text).read::<BTreeMap<String, Door>>();
    assert_snapshot!(render(&reading.problems, &[Source { file: "doors.yaml", text }]), @r"
    doors.yaml:1:1: error: front: `name` is missing [missing]
     1 | front:
       | ^
    doors.yaml:2:3: error: front.nam: `nam` is not known here [unknown-key]
     2 |   nam: a
       |   ^
       help: did you mean `name`?
    doors.yaml:3:10: error: front.width: a whole number from 0 to 65535 is expected, not 70000 [value]
     3 |   width: 70000
       |          ^
    doors.yaml:4:11: error: front.colour: `gren` is not known here [unknown-value]
     4 |   colour: gren
       |           ^
       help: did you mean `green`?
    doors.yaml:5:43: error: back.hinges[1]: a whole number from 0 to 255 is expected, not `x` [value]
     5 | back: {name: 1.50, width: 80, hinges: [1, x, 3, 999], locked: ~}
       |                                           ^
    doors.yaml:5:49: error: back.hinges[3]: a whole number from 0 to 255 is expected, not 999 [value]
     5 | back: {name: 1.50, width: 80, hinges: [1, x, 3, 999], locked: ~}
       |                                                 ^
    doors.yaml:6:7: error: side: a mapping is expected, not a list [value]
     6 | side: [1]
       |       ^
    doors.yaml:7:1: error: roof: `name` is missing [missing]
     7 | roof: {width: wide, locked: perhaps}
       | ^
    doors.yaml:7:15: error: roof.width: a whole number from 0 to 65535 is expected, not `wide` [value]
     7 | roof: {width: wide, locked: perhaps}
       |               ^
    doors.yaml:7:29: error: roof.locked: true or false is expected, not `perhaps` [value]
     7 | roof: {width: wide, locked: perhaps}
       |                             ^
    10 errors, 0 warnings
    ");
    let doors = reading.value.unwrap();
    assert_eq!(doors.keys().collect::<Vec<_>>(), ["back"]);
    assert_eq!((doors["back"].name.as_str(), doors["back"].width), ("1.50", 80));
    assert_eq!(doors["back"].hinges, [1, 3]);
    assert_eq!(doors["back"].colour, Colour::Red);
    assert_eq!(doors["back"].locked, None);
}

#[test]
fn text_keeps_what_is_written() {
    let text = "a: 1.30\nb: 022\nc: true\nd: 'x y'\né: 0x1F\nf: [1.10, {g: 1.20}]\nh: off\ni: 2.00 # two\n";
    let tree = tree(text);
    for (path, expected) in [
        (DataPath::from(["a"]), "1.30"),
        (DataPath::from(["b"]), "022"),
        (DataPath::from(["c"]), "true"),
        (DataPath::from(["d"]), "x y"),
        (DataPath::from(["é"]), "0x1F"),
        (DataPath::from(["f"]).join(0), "1.10"),
        (DataPath::from(["f"]).join(1).join("g"), "1.20"),
        (DataPath::from(["h"]), "off"),
        (DataPath::from(["i"]), "2.00"),
    ] {
        assert_eq!(tree.text(&path), Some(expected), "{path}");
    }
}

#[test]
fn an_alias_has_the_text_of_its_anchor() {
    let tree = tree("a: &v 1.30\nb: *v\n");
    assert_eq!(tree.text(&DataPath::from(["b"])), Some("1.30"));
    assert_eq!(tree.find(&DataPath::from(["b"])).line, 2);
}

#[test]
fn a_file_is_laid_over_another_and_places_stay() {
    let under = Tree::parse("under", "a: {x: 1, y: 2}\nb: [1, 2]\nc: 3\nw: {x: 1}\n").unwrap();
    let over = Tree::parse("over", "a: {y: 5, z: ~}\nb: [9]\nc: ~\nw: {y: 2}\n").unwrap();
    let merged = over.laid_over(under, &|path| *path == DataPath::from(["w"]));
    let value = merged.read::<serde_json::Value>().value.unwrap();
    assert_eq!(value, serde_json::json!({"a": {"x": 1, "y": 5}, "b": [9], "w": {"y": 2}}));
    assert_eq!(merged.find(&DataPath::from(["a", "x"])).to_string(), "under:1:5");
    assert_eq!(merged.find(&DataPath::from(["a", "y"])).to_string(), "over:1:5");
}

#[test]
fn an_empty_document_changes_nothing() {
    let under = tree("a: 1\n");
    assert_eq!(tree("# nothing\n").laid_over(under.clone(), &|_| false), under);
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a-z ]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in value()) {
        let read = tree(&value.to_string()).read::<serde_json::Value>();
        prop_assert_eq!(read.value, Some(value));
        prop_assert!(read.problems.is_empty());
    }

    #[test]
    fn laying_over_twice_is_laying_over_once(over in value(), under in value()) {
        let parse = |value: &serde_json::Value| tree(&value.to_string());
        let once = parse(&over).laid_over(parse(&under).without_nulls(), &|_| false);
        let twice = parse(&over).laid_over(once.clone(), &|_| false);
        let read = |tree: &Tree| tree.read::<serde_json::Value>().value;
        prop_assert_eq!(read(&once), read(&twice));
    }
}
