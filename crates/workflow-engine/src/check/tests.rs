use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn problems(text: &str) -> Vec<Problem> {
    let variables = Variables::new();
    match Workflow::parse(text, &variables) {
        Ok(workflow) => {
            let dir = tempfile::tempdir().unwrap();
            let surroundings =
                Surroundings { work_dir: Some(dir.path()), search_path: Some("/nowhere") };
            workflow.warnings(&surroundings)
        }
        Err(invalid) => invalid.problems,
    }
}

/// Every problem with the piece of text that it points at.
fn shown(cases: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let scratch = std::env::temp_dir();
    for (title, text) in cases {
        let _ = writeln!(out, "# {title}");
        for problem in problems(text) {
            let at = problem.position.unwrap();
            assert!(at.offset + at.length <= text.len(), "{title}: {problem}");
            let piece: String = text[at.offset..at.offset + at.length].chars().take(40).collect();
            // The folder of this test has another name each time.
            let mut line = problem.to_string();
            if let Some(at) = line.find(scratch.to_str().unwrap()) {
                let end = line.rfind('/').unwrap();
                line.replace_range(at..end, "DIR");
            }
            let _ = writeln!(out, "[{}] {line}\n    at {piece:?}", problem.code);
        }
        out.push('\n');
    }
    out
}

const P: &str = r#"{"name": "p", "ins": ["x"], "outs": [], "firingLimit": 1}"#;
const X: &str = r#"{"name": "x", "data": [1]}"#;

fn with(processes: &str, signals: &str, ins: &str) -> String {
    format!(
        "{{\"processes\": [\n{processes}],\n\"signals\": [\n{signals}],\n\"ins\": [{ins}], \"outs\": []}}"
    )
}

#[test]
fn errors_have_a_place_and_say_how_to_mend_them() {
    let deep = "[".repeat(200);
    let process = |attributes: &str| with(&format!(r#"{{"name": "p", {attributes}}}"#), X, "");
    let cases = [
        ("broken JSON", "{\"processes\": [\n  {\"name\": \"a\",}\n]}".to_owned()),
        ("cut off", "{\"processes\": [{\"name\": \"ü".to_owned()),
        ("empty", String::new()),
        ("not an object", "[1, 2]".to_owned()),
        ("nesting", format!("{{\"processes\": [], \"extra\": {deep}")),
        ("a byte-order mark", format!("\u{feff}{}", with(P, X, ""))),
        ("neither format", "{\"name\": \"nothing\"}".to_owned()),
        ("both lists", r#"{"processes": [], "tasks": [], "signals": []}"#.to_owned()),
        ("wrong types", with(
            r#"{"name": "p", "ins": "x", "outs": [true, -1], "firingLimit": -1, "parlevel": "many", "ordering": "perhaps", "config": [1]},
{"name": ["q"], "ins": [], "config": {"executor": {"executable": 5, "cpu": "lots", "memRequest": "5 apples", "timeout": "soon", "args": "it's", "env": {"A=B": 1}}}},
17"#,
            r#"{"name": "x", "data": "abc", "control": 3, "file": "yes"}"#, "")),
        ("unknown signal", process(r#""ins": ["xx"], "outs": ["quite different"]"#)),
        ("ambiguous signal", with(P, &format!("{X}, {X}"), "")),
        ("index out of range", process(r#""ins": [0, 1], "outs": [99999999999]"#)),
        ("counts", process(r#""ins": ["x:0", "x:x", "x:y"]"#)),
        ("unknown type", process(r#""type": "dataflaw", "ins": ["x"]"#)),
        ("unknown control", with(P, r#"{"name": "x", "data": [1], "control": "nxt"}"#, "")),
        ("no producer", with(P, r#"{"name": "x"}"#, "")),
        ("never fires", with(
            r#"{"name": "a", "ins": ["x"], "outs": ["y"]}, {"name": "b", "ins": ["y"], "outs": ["x"]}"#,
            r#"{"name": "x"}, {"name": "y"}"#, "")),
        ("workflow ins and outs", r#"{"processes": [], "signals": [], "ins": ["a"], "outs": [3]}"#.to_owned()),
        ("a faulty WfFormat instance", r#"{"workflow": {"specification": {"tasks": [{"name": "t", "id": "t", "inputFiles": ["f"]}], "files": []}}}"#.to_owned()),
    ];
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(title, text)| (*title, text.as_str())).collect();
    insta::assert_snapshot!(shown(&cases));
}

#[test]
fn warnings_have_a_place_and_say_how_to_mend_them() {
    let executor = r#"{"name": "p", "function": "command", "ins": ["x"], "outs": [], "firingLimit": 1,
 "config": {"executor": {"executable": "no-such-program", "args": ["{{level}}"]}}}"#;
    let cases = [
        ("missing program, unset variable", with(executor, X, "")),
        (
            "missing function",
            with(
                r#"{"name": "p", "function": "mine", "ins": ["x"]}, {"name": "p", "function": "mine", "ins": ["x"]}"#,
                X,
                "",
            ),
        ),
        (
            "missing input file",
            with(
                P,
                r#"{"name": "in.fits", "data": [{}], "file": true}, {"name": "x", "data": [{}], "file": true}"#,
                "",
            ),
        ),
        ("signal from outside", with(P, r#"{"name": "x"}"#, "\"x\"")),
        (
            "endless cycle",
            with(
                r#"{"name": "a", "ins": ["x"], "outs": ["y"]}, {"name": "b", "ins": ["y"], "outs": ["x"]}"#,
                r#"{"name": "x", "data": [1]}, {"name": "y"}"#,
                "",
            ),
        ),
        (
            "remote sinks",
            with(P, r#"{"name": "x", "data": [1], "remoteSinks": [{"uri": "http://x"}]}"#, ""),
        ),
        ("nothing", with(P, X, "")),
        (
            "a cycle with a limit",
            with(
                r#"{"name": "a", "ins": ["x"], "outs": ["y"], "firingLimit": 2}, {"name": "b", "ins": ["y"], "outs": ["x"]}"#,
                r#"{"name": "x", "data": [1]}, {"name": "y"}"#,
                "",
            ),
        ),
    ];
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(title, text)| (*title, text.as_str())).collect();
    insta::assert_snapshot!(shown(&cases));
}

#[test]
fn several_errors_of_one_file_come_together_in_the_order_of_the_text() {
    let text = with(
        r#"{"name": "a", "type": "wrong", "ins": ["x", "nope"], "outs": []},
{"name": "b", "ins": [7], "outs": "y", "firingLimit": []}"#,
        r#"{"name": "x", "data": 5}"#,
        "",
    );
    let found = problems(&text);
    let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
    let expected = [
        "unknown-process-type",
        "unknown-signal",
        "index-out-of-range",
        "wrong-type",
        "wrong-type",
        "wrong-type",
    ];
    assert_eq!(codes, expected, "{}", Invalid { problems: found });
}

#[test]
fn files_with_a_byte_order_mark_load_and_other_encodings_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.json");
    std::fs::write(&path, format!("\u{feff}{}", with(P, X, ""))).unwrap();
    assert!(Workflow::parse(&crate::read_file(&path).unwrap(), &Variables::new()).is_ok());
    std::fs::write(&path, b"{\"name\":\n \"caf\xe9\"}").unwrap();
    match crate::read_file(&path) {
        Err(crate::LoadError::Encoding { problem, .. }) => {
            let at = problem.problems[0].position.unwrap();
            assert_eq!((at.line, at.column, at.offset), (2, 6, 14));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_chain_behind_a_circle_is_judged_in_little_time() {
    let count = 20_000;
    let mut processes = vec![r#"{"name": "a", "ins": ["c", "s0"], "outs": ["c"]}"#.to_owned()];
    let mut signals =
        vec![r#"{"name": "c"}"#.to_owned(), r#"{"name": "s0", "data": [1]}"#.to_owned()];
    processes.push(r#"{"name": "b", "ins": ["c"], "outs": ["t0"]}"#.to_owned());
    for at in 0..count {
        signals.push(format!(r#"{{"name": "t{at}"}}"#));
        processes.push(format!(r#"{{"name": "t", "ins": ["t{at}"], "outs": ["t{}"]}}"#, at + 1));
    }
    signals.push(format!(r#"{{"name": "t{count}"}}"#));
    let begun = std::time::Instant::now();
    let found = problems(&with(&processes.join(","), &signals.join(","), ""));
    assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["never-fires"]);
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

const VALID: &str = r#"{"name": "wörk", "processes": [
  {"name": "a", "type": "choice", "function": "{{f}}", "ins": ["x:2", 1], "outs": ["y:n", "m"], "firingLimit": "2"},
  {"name": "b", "type": "join", "ins": ["y:n", "m"], "outs": ["x"], "sticky": ["y"], "parlevel": 0, "ordering": false,
   "config": {"executor": {"executable": "e", "args": ["-l", 5], "env": {"A": "b"}, "cpuRequest": "500m"}}}],
 "signals": [{"name": "x", "data": [1, {"a": ["\u00e9\n"]}]}, {"name": "z", "data": [{}]}, {"name": "y"},
   {"name": "n", "control": "count"}, {"name": "m", "control": "merge"}],
 "ins": ["x", "z"], "outs": [2]}"#;

#[derive(Debug, Clone)]
enum Edit {
    Delete(usize, usize),
    Insert(usize, String),
    Replace(usize, char),
}

fn edit() -> impl Strategy<Value = Edit> {
    let token = prop_oneof![
        Just("\"".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("null".to_owned()),
        Just("-1".to_owned()),
        Just("1e999".to_owned()),
        Just("\\u".to_owned()),
        Just("\\ud800".to_owned()),
        Just("é".to_owned()),
        Just("{{".to_owned()),
        Just("\"data\":".to_owned()),
        Just("\0".to_owned()),
        Just("true".to_owned()),
        Just("\"ins\": 5,".to_owned()),
    ];
    let at = 0..VALID.len();
    prop_oneof![
        (at.clone(), 1_usize..30).prop_map(|(at, length)| Edit::Delete(at, length)),
        (at.clone(), token).prop_map(|(at, token)| Edit::Insert(at, token)),
        (at, any::<char>()).prop_map(|(at, with)| Edit::Replace(at, with)),
    ]
}

fn edited(edits: &[Edit]) -> String {
    let mut text: Vec<char> = VALID.chars().collect();
    for edit in edits {
        let clamp = |at: usize| at.min(text.len());
        match edit {
            Edit::Delete(at, length) => drop(text.drain(clamp(*at)..clamp(at + length))),
            Edit::Insert(at, token) => {
                let at = clamp(*at);
                text.splice(at..at, token.chars());
            }
            Edit::Replace(at, with) => {
                if let Some(old) = text.get_mut(*at) {
                    *old = *with;
                }
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn the_text_that_is_mutated_is_valid() {
    Workflow::parse(VALID, &Variables::new()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_problem_of_a_mutated_text_lies_in_it(edits in proptest::collection::vec(edit(), 1..4)) {
        let text = edited(&edits);
        for problem in problems(&text) {
            let at = problem.position;
            prop_assert!(at.is_some(), "{problem:?}");
            let at = at.unwrap();
            prop_assert!(text.get(at.offset..at.offset + at.length).is_some(), "{problem:?}");
            let before = &text[..at.offset];
            prop_assert_eq!(at.line, before.matches('\n').count() + 1);
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            prop_assert_eq!(at.column, column);
            prop_assert!(!problem.message.is_empty());
        }
    }
}
