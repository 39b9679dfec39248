use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::exec::{Attempt, Outcome, Pool};
use crate::model::Variables;
use crate::run::{Run, Status};

/// Numbers are squared one by one and summed, then a choice says whether the sum is even.
const TEXT: &str = r#"{"processes": [
    {"name": "sqr", "ins": ["number"], "outs": ["square"]},
    {"name": "sum", "firingLimit": 1, "ins": ["square:3"], "outs": ["total"]},
    {"name": "pick", "type": "choice", "firingLimit": 1, "ins": ["total"], "outs": ["even", "odd"]},
    {"name": "even", "firingLimit": 1, "ins": ["even"], "outs": []},
    {"name": "odd", "firingLimit": 1, "ins": ["odd"], "outs": ["end"]}],
  "signals": [{"name": "number", "data": [{"value": 1}, {"value": 2}, {"value": 4}]},
    {"name": "square"}, {"name": "total"}, {"name": "even"}, {"name": "odd"}, {"name": "end"}],
  "ins": ["number"], "outs": ["end"]}"#;

fn workflow() -> Arc<Workflow> {
    Arc::new(Workflow::parse(TEXT, &Variables::new()).unwrap())
}

fn value(attempt: &Attempt, input: usize, at: usize) -> i64 {
    attempt.inputs()[input].values[at].as_ref().unwrap()["value"].as_i64().unwrap()
}

fn run_task(attempt: &Attempt) -> Outcome {
    let one = |value: i64| vec![Output::values(vec![json!({ "value": value })])];
    let outputs = match attempt.process().name() {
        "sqr" => one(value(attempt, 0, 0).pow(2)),
        "sum" => one((0..3).map(|at| value(attempt, 0, at)).sum()),
        "pick" => {
            let total = value(attempt, 0, 0);
            let branch = |chosen| Output { values: Some(vec![json!({ "value": total })]), chosen };
            vec![branch(total % 2 == 0), branch(total % 2 == 1)]
        }
        _ => return Outcome::done(),
    };
    Outcome::emit(Outputs::Explicit(outputs))
}

/// Resumes and answers which tasks ran, and what `sum` or `pick` saw.
fn resume(history: History) -> (Vec<String>, Status) {
    let ran = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&ran);
    let pool = Pool::new(1, move |attempt| {
        let seen = if attempt.process().name() == "pick" {
            format!(" saw {}", value(attempt, 0, 0))
        } else {
            String::new()
        };
        log.lock().unwrap().push(format!("{}{seen}", attempt.label()));
        run_task(attempt)
    });
    let report = Run::new(workflow()).history(history).execute(Arc::new(pool)).unwrap();
    let ran = ran.lock().unwrap().clone();
    (ran, report.status)
}

const LOG: &[&str] = &[
    r#"{"0":"2026-11-21T05:12:00.000Z","1":["info","/data/sum","{\"--persist\":true}"]}"#,
    r#"{"0":"2026-11-21T05:12:00.010Z","1":["input",7,{"name":"number","data":[{"value":1}],"_id":1,"_ts":4,"sigIdx":1}]}"#,
    r#"{"0":"2026-11-21T05:12:00.010Z","1":["input",7,{"name":"number","data":[{"value":2}],"_id":1,"_ts":4,"sigIdx":2}]}"#,
    r#"{"0":"2026-11-21T05:12:00.010Z","1":["input",7,{"name":"number","data":[{"value":4}],"_id":1,"_ts":4,"sigIdx":3}]}"#,
    r#"{"0":"2026-11-21T05:12:01.000Z","1":["fired",7,1,1,[{"name":"square","_id":2,"source":1,"firingId":1,"data":[{"value":1}]}],[{"name":"number","data":[{"value":1}],"_id":1}]]}"#,
    r#"{"0":"2026-11-21T05:12:02.000Z","1":["fired","7","1",2,[{"name":"square","_id":2,"source":1,"firingId":2,"data":[{"value":4}]}],null]}"#,
    r#"{"0":"2026-11-21T05:12:03.000Z","1":["fired",7,1,3,[{"name":"square","_id":2,"source":1,"firingId":3,"data":[{"value":16}]}],null]}"#,
    r#"{"0":"2026-11-21T05:12:04.000Z","1":["fired",7,2,1,[{"name":"total","_id":3,"source":2,"firingId":1,"data":[{"value":21}]}],null]}"#,
    r#"{"0":"2026-11-21T05:12:05.000Z","1":["fired",7,3,1,[{"name":"even","_id":4,"source":3,"firingId":1},{"name":"odd","condition":"true","_id":5,"source":3,"firingId":1}],null]}"#,
    r#"{"0":"2026-11-21T05:12:06.000Z","1":["fired",7,5,1,[{"name":"end","_id":6,"source":5,"firingId":1}],null]}"#,
];

fn text(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn problems(text: &str) -> Vec<String> {
    match read(text.as_bytes(), &workflow(), TornEnd::Refuse) {
        Err(LogError::Invalid { problems }) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_cut_after_any_line_resumes_with_the_rest() {
    let all = ["sqr#1.1", "sqr#1.2", "sqr#1.3", "sum#2", "pick#3 saw 21", "odd#5"];
    for lines in 1..=LOG.len() {
        let text = text(&LOG[..lines]);
        let imported = read(text.as_bytes(), &workflow(), TornEnd::Refuse).unwrap();
        let done = lines.saturating_sub(4);
        assert_eq!(imported.history.records.len(), done);
        assert_eq!(imported.work_dir.as_deref(), Some("/data/sum"));
        let (ran, status) = resume(imported.history);
        assert_eq!(ran, all[done..], "after {lines} lines");
        // `sqr` has no limit and `even` was not chosen.
        assert_eq!(status, Status::Idle);
    }
}

#[test]
fn a_torn_last_line_is_named_or_left_out() {
    let whole = text(LOG);
    let torn = &whole[..whole.len() - 20];
    assert_eq!(
        problems(torn),
        ["line 10: the last line is cut off: HyperFlow was ended while it wrote it"]
    );
    let imported = read(torn.as_bytes(), &workflow(), TornEnd::Drop).unwrap();
    assert!(imported.torn);
    assert_eq!(resume(imported.history).0, ["odd#5"]);
    // Without the line end alone it is whole.
    let imported = read(whole.trim_end().as_bytes(), &workflow(), TornEnd::Refuse).unwrap();
    assert!(!imported.torn && imported.history.records.len() == 6);
}

#[test]
fn a_forced_firing_runs_again_with_all_after_it() {
    let forced = LOG[7].replace("null]}", r#"null],"2":{"flags":["forceRecompute"]}}"#);
    let mut lines = LOG.to_vec();
    lines[7] = &forced;
    let imported = read(text(&lines).as_bytes(), &workflow(), TornEnd::Refuse).unwrap();
    assert_eq!(imported.recomputed, 3);
    assert_eq!(resume(imported.history).0, ["sum#2", "pick#3 saw 21", "odd#5"]);
}

#[test]
fn nothing_emitted_stays_nothing() {
    let null = r#"{"0":"","1":["fired",7,1,1,null,null]}"#;
    let imported =
        read(text(&[LOG[0], LOG[1], null]).as_bytes(), &workflow(), TornEnd::Refuse).unwrap();
    assert_eq!(imported.history.records[0].outputs.as_deref(), Some("null"));
    assert_eq!(resume(imported.history).0, ["sqr#1.2", "sqr#1.3"]);
}

#[test]
fn all_problems_of_a_log_are_reported_with_their_lines() {
    let lines = [
        LOG[0],
        "{broken",
        "[1]",
        r#"{"0":"","1":["sent",7]}"#,
        LOG[1],
        r#"{"0":"","1":["input",7,{"name":"numbers","_id":1}]}"#,
        r#"{"0":"","1":["input",7,{"name":"number","_id":99}]}"#,
        r#"{"0":"","1":["fired",8,1,1,null,null]}"#,
        r#"{"0":"","1":["fired",7,44,1,null,null]}"#,
        r#"{"0":"","1":["fired",7,0,1,null,null]}"#,
        r#"{"0":"","1":["fired",7,2,1,[{"name":"square","_id":2}],null]}"#,
        r#"{"0":"","1":["fired",7,1,2,[{"name":"square","_id":2}],null]}"#,
        r#"{"0":"","1":["fired",7,1]}"#,
    ];
    insta::assert_snapshot!(problems(&text(&lines)).join("\n"));
}

#[test]
fn a_firing_that_the_workflow_would_not_make_is_refused() {
    let found = problems(&text(&[LOG[0], LOG[4], LOG[7], LOG[9]]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("line 3: sum#2 fired, but"), "{found:?}");
    assert!(found[1].starts_with("line 4: odd#5 fired, but"), "{found:?}");
}
