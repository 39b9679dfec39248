use std::fmt::Write as _;

use super::*;
use crate::model::Variables;

fn parse(text: &str) -> Workflow {
    Workflow::parse(text, &Variables::new()).unwrap()
}

/// A choice and its join, a control signal, and names that are hard on both languages.
fn hard() -> Workflow {
    parse(
        r#"{"name": "a \"hard\" one", "processes": [
        {"name": "pick", "type": "choice", "firingLimit": 2, "ins": ["in"], "outs": ["l", "r", "m"]},
        {"name": "say \"hi\" & <b>#1;</b>", "ins": ["l", "go"], "outs": ["x"]},
        {"name": "back\\slash\nline `_md_`", "ins": ["r"], "outs": ["y", "go"]},
        {"name": "meet", "type": "join", "activeBranchesCount": 1, "joinCount": 1,
         "ins": ["x", "y", "m"], "outs": ["out"]}],
      "signals": [{"name": "in", "data": [{}]}, {"name": "l"}, {"name": "r"},
        {"name": "m", "control": "merge"}, {"name": "go", "control": "next"},
        {"name": "x | \"quoted\""}, {"name": "y"}, {"name": "out"}],
      "ins": ["in"], "outs": ["out"]}"#
            .replace("\"outs\": [\"x\"]", "\"outs\": [5]")
            .replace("\"ins\": [\"x\", \"y\", \"m\"]", "\"ins\": [5, \"y\", \"m\"]")
            .as_str(),
    )
}

fn fan(width: usize) -> Workflow {
    let mut text = String::from(r#"{"processes": ["#);
    for at in 0..width {
        let _ = write!(
            text,
            r#"{{"name": "work", "firingLimit": 1, "ins": [0], "outs": [{}]}},"#,
            at + 1
        );
    }
    let ins: Vec<String> = (1..=width).map(|at| at.to_string()).collect();
    let _ = write!(
        text,
        r#"{{"name": "sum", "firingLimit": 1, "ins": [{}], "outs": []}}"#,
        ins.join(",")
    );
    text.push_str(r#"], "signals": [{"name": "in", "data": [{}]}"#);
    for at in 1..=width {
        let _ = write!(text, r#", {{"name": "s{at}"}}"#);
    }
    text.push_str(r#"], "ins": [0], "outs": []}"#);
    parse(&text)
}

#[test]
fn names_are_escaped_for_graphviz() {
    insta::assert_snapshot!(dot(&hard(), &DrawOptions::default()));
}

#[test]
fn names_are_escaped_for_mermaid() {
    insta::assert_snapshot!(mermaid(&hard(), &DrawOptions::default()));
}

#[test]
fn a_large_graph_collapses_to_task_types() {
    let large = fan(400);
    insta::assert_snapshot!(dot(&large, &DrawOptions::default()));
    insta::assert_snapshot!(mermaid(&large, &DrawOptions::default()));
    let never = DrawOptions { collapse: Collapse::Never, ..DrawOptions::default() };
    assert_eq!(dot(&large, &never).matches(" -> ").count(), 400);
    assert!(!dot(&large, &never).contains("s17"), "too many edges for labels");
    let always = DrawOptions { collapse: Collapse::Always, ..DrawOptions::default() };
    assert!(mermaid(&fan(2), &always).contains("× 2"));
}

#[test]
fn an_edge_of_many_signals_names_the_first_few() {
    let workflow = parse(
        r#"{"processes": [
        {"name": "a", "firingLimit": 1, "ins": [0], "outs": [1, 2, 3, 4, 5, 6]},
        {"name": "b", "firingLimit": 1, "ins": [1, 2, 3, 4, 5, 6], "outs": []}],
      "signals": [{"name": "in", "data": [{}]}, {"name": "s1"}, {"name": "s2"}, {"name": "s3"},
        {"name": "s4"}, {"name": "s5"}, {"name": "s6"}], "ins": [0], "outs": []}"#,
    );
    assert!(dot(&workflow, &DrawOptions::default()).contains(r#"label="s1, s2, s3, s4, 2 more""#));
}
